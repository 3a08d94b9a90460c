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
#include "format/js.h"
#include "store/container.h"

/** rootfs_mount - carry @plan out as a detached mount. */
int rootfs_mount(const struct mount_plan *plan, int *ret_fd, struct err *e);
struct handle;
/* The files of a container as it sees them. */
struct rootfs {
	struct engine *eng;
	const struct container *c;
	const struct container_state *st;
	json_t *mounts; /* of one that does not run: its volumes and binds, with their sources as they are now */
	bool attached;
};
#define OWN_ROOTFS CLEANUP(rootfs_end) struct rootfs
/** rootfs_begin - of the container @h, which has to outlive it. Where it does not run, its lock is held until
 * rootfs_end(), which comes whatever this returns: volumes with a file system of their own and those of plugins are
 * mounted for so long, in its name. */
int rootfs_begin(struct engine *eng, const struct handle *h, struct rootfs *ret, struct err *e);
void rootfs_end(struct rootfs *r);

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
int rootfs_run(const struct rootfs *r, const struct rootfs_job *job, struct err *e);
/** rootfs_open_init - root of the living process @id. */
int rootfs_open_init(const struct proc_id *id, int *ret_fd, struct err *e);
/** rootfs_read - a file (at most @max bytes) of the plan's layers without mounting, by overlay's
 * rules; mounts when links are in the way. NULL in @ret when there is no such file. */
int rootfs_read(const struct mount_plan *plan, const char *path, size_t max, char **ret,
		struct err *e);
/** rootfs_lower_stat - lstat of @path in the layers of the image. 1: there, 0: not. */
int rootfs_lower_stat(const struct storage_lowers *lowers, const char *path, struct stat *ret);

#endif
