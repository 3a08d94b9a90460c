/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's file system as a descriptor, without a mount in anybody's namespace.
 *
 *   running: the root of its init process (/proc/PID/root), mounts of the container included
 *   stopped: the mount plan carried out detached (it lives as long as the descriptor), or in a
 *            child's own mount namespace, volumes included
 *
 * Everything below is opened with path_open_in() only: no link leads out.
 */
#ifndef ONGGI_ENGINE_ROOTFS_H
#define ONGGI_ENGINE_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"
#include "engine/engine.h"
#include "store/container.h"

/** rootfs_mount - carry @plan out as a detached mount. */
int rootfs_mount(const struct mount_plan *plan, int *ret_fd, struct err *e);
/** rootfs_run - call @fn with the root of the container: here when it runs, else in a child with
 * a mount namespace of its own, where the file system and its volumes are mounted. What @fn puts
 * into @result (fixed size, may be NULL) comes back either way. */
struct rootfs_job {
	int (*fn)(int root, void *data, struct err *e);
	void *data;
	void *result;       /* part of data that @fn fills; no pointers in it */
	size_t result_n;
	bool write;
};
int rootfs_run(struct engine *eng, const struct container *c, const struct container_state *st,
	       const struct rootfs_job *job, struct err *e);
/** rootfs_open_init - root of the living process @id. */
int rootfs_open_init(const struct proc_id *id, int *ret_fd, struct err *e);
/** rootfs_read - a file (at most @max bytes) of the plan's layers without mounting, by overlay's
 * rules; mounts when links are in the way. NULL in @ret when there is no such file. */
int rootfs_read(const struct mount_plan *plan, const char *path, size_t max, char **ret,
		struct err *e);
/** rootfs_lower_stat - lstat of @path in the layers of the image. 1: there, 0: not. */
int rootfs_lower_stat(const struct storage_lowers *lowers, const char *path, struct stat *ret);

#endif
