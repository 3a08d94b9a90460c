/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a plugin listens, see plugin.h.
 */
#ifndef ONGGI_DRIVER_VOLUME_PLUGIN_FIND_H
#define ONGGI_DRIVER_VOLUME_PLUGIN_FIND_H

#include <stddef.h>

#include "base/err.h"

/** plugin_find - path of the socket of plugin @name into @out. E_NOT_FOUND `plugin "X" not found` | E_UNSUPPORTED an
 * address that is no Unix socket | E_INVALID a specification that is none. */
int plugin_find(const char *name, char *out, size_t n, struct err *e);

#endif
