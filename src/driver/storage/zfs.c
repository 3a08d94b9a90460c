/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "zfs": a dataset per image, made when its first container is; a container is a clone of its snapshot.
 * The program zfs makes and destroys them; how they are mounted: zfs_mount.c. Names, locks: zfs_int.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"
#include "driver/storage/quota_int.h"
#include "driver/storage/zfs_int.h"
#include "store/snapshot.h"
#include "sys/mountfd.h"

static int probe(const struct store *s, struct err *e)
{
	return zfs_check(s, e) < 0 ? err_ctx(e, "zfs") : 0;
}

static int part_of_container(const char *id, char out[ZFS_PART_MAX], struct err *e)
{
	int n = snprintf(out, ZFS_PART_MAX, "c-%s", id);

	return n < 0 || n >= ZFS_PART_MAX ? err_new(e, E_INVALID, EINVAL, "bad container ID") : 0;
}

static int fill(const struct zfs *z, const char *part, const struct storage_lowers *lowers, struct err *e)
{
	OWN_FD mnt = -1;

	if (zfs_mount(z, part, &mnt, e) < 0)
		return -e->eno;
	OWN_FD root = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "open dataset");
	if (flat_copy(lowers, root, e) < 0)
		return -e->eno;
	if (syncfs(root) < 0)
		return err_sys(e, errno, "sync dataset");
	return zfs_snapshot(z, part, e);
}

/* the dataset of the image whose topmost layer is @chain_id, when it is missing or was never completed */
static int base_make(const struct zfs *z, const char *chain_id, const char *part, const struct storage_lowers *lowers,
		     struct err *e)
{
	char dir[SNAPSHOT_PATH_MAX], lock_name[STORAGE_PATH_MAX], whole[ZFS_PART_MAX + sizeof "@" ZFS_WHOLE];
	struct err ignored = { 0 }; /* the first error counts; what is half made is found by its name */
	OWN_FD lock = -1, sweep = -1;

	if (snapshot_path(chain_id, dir, e) < 0 || (z->s->n_others && io_mkdir_p(z->s->root_fd, dir, 0700, e) < 0))
		return -e->eno;
	(void)snprintf(lock_name, sizeof lock_name, "%s/zfs-lock", dir);
	(void)snprintf(whole, sizeof whole, "%s@" ZFS_WHOLE, part);
	/* of two at once the second waits for the first, and finds it made */
	if (lock_take(z->s->root_fd, lock_name, LOCK_EXCLUSIVE, &lock, e) < 0 ||
	    lock_take(z->s->root_fd, "zfs/sweep", LOCK_SHARED, &sweep, e) < 0 || zfs_own_make(z, e) < 0)
		return -e->eno;
	int has = zfs_has(z, whole, e);
	if (has)
		return has < 0 ? has : 0;
	/* of one that was killed */
	if (zfs_destroy(z, part, e) < 0 || zfs_create(z, part, e) < 0)
		return -e->eno;
	if (fill(z, part, lowers, e) < 0) {
		(void)zfs_destroy(z, part, &ignored);
		return -e->eno;
	}
	(void)zfs_unmount(z, part, &ignored);
	return 0;
}

struct make {
	const struct zfs *z;
	const char *part;
	const char *chain_id; /* NULL: an image without layers */
	struct storage_lowers lowers;
};

static int make(void *data, int rw_fd, struct err *e)
{
	const struct make *m = data;
	char base[ZFS_PART_MAX], dir[SNAPSHOT_PATH_MAX];
	struct err why = { 0 };

	(void)rw_fd;
	if (!m->chain_id)
		return zfs_own_make(m->z, e) < 0 ? -e->eno : zfs_create(m->z, m->part, e);
	if (snapshot_path(m->chain_id, dir, e) < 0)
		return -e->eno;
	(void)snprintf(base, sizeof base, "i-%s", dir + strlen("snapshots/"));
	/* as a rule it is there: one program is run for a container */
	if (zfs_clone(m->z, base, m->part, &why) >= 0)
		return 0;
	if (base_make(m->z, m->chain_id, base, &m->lowers, e) < 0)
		return err_ctx(e, "dataset of the image");
	return zfs_clone(m->z, base, m->part, e);
}

static int prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	char part[ZFS_PART_MAX];
	struct zfs z;
	struct make m = { .z = &z, .part = part, .chain_id = n_chain ? chain[n_chain - 1] : NULL };
	ARENA a = { 0 };
	OWN_FD use = -1;

	if (part_of_container(id, part, e) < 0 || storage_lowers(s, id, chain, n_chain, &a, &m.lowers, e) < 0 ||
	    io_mkdir_p(s->root_fd, "zfs", 0700, e) < 0 ||
	    lock_take(s->root_fd, "zfs/use", LOCK_SHARED, &use, e) < 0 || zfs_open(s, true, &z, e) < 0)
		return -e->eno;
	if (zfs_left(s))
		zfs_sweep(&z);
	return flat_prepare(s, id, make, &m, e);
}

int dataset_limit(const struct store *s, const char *id, uint64_t bytes, struct err *e)
{
	char part[ZFS_PART_MAX];
	struct zfs z;

	return part_of_container(id, part, e) < 0 || zfs_open(s, false, &z, e) < 0 ? -e->eno :
										     zfs_quota(&z, part, bytes, e);
}

static int container_mount(const struct store *s, const char *id, int *ret_fd, struct err *e)
{
	char part[ZFS_PART_MAX], mark[STORAGE_PATH_MAX];
	struct zfs z;
	OWN_FD lock = -1;

	if (part_of_container(id, part, e) < 0 || flat_made(s, id, e) < 0 || storage_rw_path(id, "/made", mark, e) < 0 ||
	    lock_take(s->root_fd, mark, LOCK_EXCLUSIVE, &lock, e) < 0 || zfs_open(s, false, &z, e) < 0)
		return -e->eno;
	return zfs_mount(&z, part, ret_fd, e);
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
		struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct mount_step *step = arena_get(a, sizeof *step);
	OWN_FD mnt = -1;

	(void)chain;
	(void)n_chain;
	if (!step)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = MOUNT_STEP_FD;
	step->read_only = flags & STORAGE_PLAN_READ_ONLY;
	if (!(flags & STORAGE_PLAN_LOOK) &&
	    (container_mount(s, id, &mnt, e) < 0 ||
	     (step->read_only && mountfd_attr(mnt, MOUNT_ATTR_RDONLY, 0, 0, e) < 0)))
		return -e->eno;
	step->fd = fd_take(&mnt);
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}

/* the container's, and with it what waited for its end: the dataset of an image that is gone */
static int dataset_remove(const struct store *s, const char *id, struct err *e)
{
	char part[ZFS_PART_MAX];
	struct zfs z;

	if (part_of_container(id, part, e) < 0)
		return -e->eno;
	if (zfs_open(s, false, &z, e) < 0) /* given up meanwhile, since it was empty */
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	int r = zfs_destroy(&z, part, e);
	if (zfs_left(s))
		zfs_sweep(&z);
	/* in use: destroyed by a later command, which finds its folder gone */
	return r == -EBUSY ? zfs_left_note(s, e) : r;
}

static int remove_rw(const struct store *s, const char *id, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "", path, e) < 0)
		return -e->eno;
	if (!faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) && zfs_is_noted(s) && dataset_remove(s, id, e) < 0)
		return -e->eno;
	return io_remove_tree(s->root_fd, path, e);
}

static void images_gone(const struct store *s)
{
	struct err ignored = { 0 }; /* the next one tries again */
	struct zfs z;

	if (zfs_is_noted(s) && zfs_open(s, false, &z, &ignored) >= 0)
		zfs_sweep(&z);
}

static int changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		   struct storage_changes *ret, struct err *e)
{
	OWN_FD mnt = -1;

	if (container_mount(s, id, &mnt, e) < 0)
		return -e->eno;
	OWN_FD root = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? err_sys(e, errno, "open dataset") : flat_changes_of(s, id, root, lowers, ret, e);
}

static void status(const struct store *s, unsigned flags, storage_say_fn say, void *data)
{
	struct err ignored = { 0 };
	struct zfs z;

	(void)flags;
	if (zfs_is_noted(s) && zfs_open(s, false, &z, &ignored) == 0)
		say(data, "Parent Dataset", z.name);
}

const struct storage_ops storage_zfs = {
	.name = "zfs",
	.form = STORE_DIFF,
	.copies = true,
	.probe = probe,
	.prepare = prepare,
	.plan = plan,
	.remove = remove_rw,
	.lowers = storage_lowers,
	.changes = changes,
	.bytes = flat_bytes,
	.images_gone = images_gone,
	.status = status,
};
