/* SPDX-License-Identifier: Apache-2.0
 *
 * Deleting a container whose lock is held already: what ends a checkpoint, too.
 */
#ifndef ONGGI_RUNTIME_DELETE_H
#define ONGGI_RUNTIME_DELETE_H

#include "runtime/state.h"

/** delete_locked - runtime_delete for an open and locked state. @flags of enum runtime_delete_flags. */
int delete_locked(const struct runtime_env *env, struct state *s, unsigned flags, struct err *e);

#endif
