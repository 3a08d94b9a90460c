/* SPDX-License-Identifier: Apache-2.0
 *
 * Between state.c (the folder) and state_doc.c (the document in it).
 */
#ifndef ONGGI_RUNTIME_STATE_INT_H
#define ONGGI_RUNTIME_STATE_INT_H

#include "runtime/state.h"

/** state_decode - fill the decoded members of @s from s->doc. E_CORRUPT when it is no record. */
int state_decode(struct state *s, struct err *e);

#endif
