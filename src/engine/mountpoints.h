/* SPDX-License-Identifier: Apache-2.0
 *
 * Places in a writable layer that a start makes as mount points: not the container's doing, so
 * neither diff nor commit knows them.
 */
#ifndef ONGGI_ENGINE_MOUNTPOINTS_H
#define ONGGI_ENGINE_MOUNTPOINTS_H

#include <stdbool.h>

/** mountpoint_is_ours - @path without a slash at its start: "etc/hosts". */
bool mountpoint_is_ours(const char *path);

#endif
