/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's file system as a descriptor, without a mount in anybody's namespace.
 *
 *   running: the root of its init process (/proc/PID/root), mounts of the container included
 *   stopped: the mount plan carried out detached; it lives as long as the descriptor
 *
 * Everything below is opened with path_open_in() only: no link leads out.
 */
#ifndef ONGGI_ENGINE_ROOTFS_H
#define ONGGI_ENGINE_ROOTFS_H

#include <stdbool.h>

#include "base/err.h"
#include "engine/engine.h"
#include "store/container.h"

/** rootfs_mount - carry @plan out as a detached mount. */
int rootfs_mount(const struct mount_plan *plan, int *ret_fd, struct err *e);
/** rootfs_open - root of @c. @st: its state; @write: a read-only mount will not do. */
int rootfs_open(struct engine *eng, const struct container *c, const struct container_state *st,
		bool write, int *ret_fd, struct err *e);
/** rootfs_open_init - root of the living process @id. */
int rootfs_open_init(const struct proc_id *id, int *ret_fd, struct err *e);
/** rootfs_read - a file (at most @max bytes) of the plan's layers without mounting, by overlay's
 * rules; mounts when links are in the way. NULL in @ret when there is no such file. */
int rootfs_read(const struct mount_plan *plan, const char *path, size_t max, char **ret,
		struct err *e);

#endif
