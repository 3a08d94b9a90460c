/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "devicemapper": a thin volume with an ext4 per image, made when its first container is; a container
 * is a snapshot of it. A volume has a device only while somebody uses it: we make it, mount it detached, and
 * tell the kernel to remove it after its last user; so nothing has to be unmounted, nothing is left after a kill -9.
 * Files, claims and locks: dm_int.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "driver/storage/dm_int.h"
#include "driver/storage/flat_int.h"
#include "store/snapshot.h"
#include "sys/mountfd.h"
#include "sys/tool.h"

static int probe(const struct store *s, struct err *e)
{
	char path[TOOL_PATH_MAX];
	OWN_FD ctl = -1;

	(void)s;
	if (dm_open(&ctl, e) < 0 || dm_target_check(ctl, "thin-pool", e) < 0)
		return err_ctx(e, "devicemapper");
	if (tool_find("mke2fs", path, e) < 0) {
		err_hint(e, "install the package e2fsprogs");
		return err_ctx(e, "devicemapper");
	}
	return 0;
}

static int format(const char *node, struct err *e)
{
	/* what was never written reads as zeros in a new volume, so inode tables and journal need not be written */
	const char *const argv[] = { "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-J",
				     "size=8", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", node, NULL };
	return tool_run(argv, e);
}

/* noinit_itable: they stay as they are. discard: what a container deletes is free for others. */
static int mount_node(const char *node, bool read_only, int *ret_fd, struct err *e)
{
	static const char *const data[] = { "noinit_itable", "discard" };
	/* the same superblock for all who mount it: read-only are mounts, not the file system */
	const struct mountfd_fs fs = { .type = "ext4", .source = node, .data = data, .n_data = ARRAY_LEN(data),
				       .attr = read_only ? MOUNT_ATTR_RDONLY : 0 };
	return mountfd_fs(&fs, ret_fd, e);
}

/* the root of mount @mnt, whose own descriptor is of a path only */
static int root_open(int mnt, int *ret_fd, struct err *e)
{
	*ret_fd = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, errno, "open volume") : 0;
}

/* the file system of a new volume, empty, mounted */
static int volume_format(const struct dm_pool *p, const char *note, uint32_t id, int *ret_fd, struct err *e)
{
	char node[DM_PATH_MAX];
	OWN_FD dev = -1, mnt = -1;

	if (dm_volume_start(p, note, id, node, &dev, e) < 0 || format(node, e) < 0 ||
	    mount_node(node, false, &mnt, e) < 0)
		return -e->eno;
	if (unlinkat(mnt, "lost+found", AT_REMOVEDIR) < 0) /* no image has it */
		return err_sys(e, errno, "rmdir lost+found");
	*ret_fd = fd_take(&mnt);
	return 0;
}

static int base_fill(const struct dm_pool *p, const char *note, uint32_t id, const struct storage_lowers *lowers,
		     struct err *e)
{
	OWN_FD mnt = -1, root = -1;

	if (volume_format(p, note, id, &mnt, e) < 0 || root_open(mnt, &root, e) < 0 || flat_copy(lowers, root, e) < 0)
		return -e->eno;
	/* once per image: after a power cut it is whole or not there */
	return syncfs(root) < 0 ? err_sys(e, errno, "sync volume") : 0;
}

/* the volume of the image whose topmost layer is @chain_id, made when it is missing */
static int base_get(const struct dm_pool *p, const char *chain_id, const struct storage_lowers *lowers, uint32_t *ret_id,
		    struct err *e)
{
	char dir[SNAPSHOT_PATH_MAX], note[STORAGE_PATH_MAX], made[STORAGE_PATH_MAX], lock_name[STORAGE_PATH_MAX];
	struct err none = { 0 };
	OWN_FD lock = -1;

	if (snapshot_path(chain_id, dir, e) < 0 || (p->s->n_others && io_mkdir_p(p->s->root_fd, dir, 0700, e) < 0))
		return -e->eno;
	(void)snprintf(note, sizeof note, "%s/thin", dir);
	(void)snprintf(made, sizeof made, "%s/thin-made", dir);
	(void)snprintf(lock_name, sizeof lock_name, "%s/thin-lock", dir);
	for (int locked = 0;; locked++) {
		if (!faccessat(p->s->root_fd, made, F_OK, AT_SYMLINK_NOFOLLOW) &&
		    dm_volume_find(p, note, ret_id, &none) >= 0)
			return 0;
		if (locked)
			break;
		/* of two at once the second waits for the first and looks again */
		if (lock_take(p->s->root_fd, lock_name, LOCK_EXCLUSIVE, &lock, e) < 0)
			return -e->eno;
	}
	/* of one that was killed */
	if (unlinkat(p->s->root_fd, made, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", made);
	if (dm_volume_drop(p, note, e) < 0 || dm_volume_make(p, note, DM_NO_ORIGIN, ret_id, e) < 0)
		return -e->eno;
	if (base_fill(p, note, *ret_id, lowers, e) < 0 ||
	    io_replace_file(p->s->root_fd, made, "", 0, 0600, IO_DURABLE, e) < 0) {
		(void)dm_volume_drop(p, note, &none); /* the first error counts */
		return -e->eno;
	}
	return 0;
}

struct make {
	const struct dm_pool *p;
	const char *chain_id; /* NULL: an image without layers */
	const char *note;
	struct storage_lowers lowers;
};

static int make(void *data, int rw_fd, struct err *e)
{
	const struct make *m = data;
	OWN_FD mnt = -1;
	uint32_t base, id;

	(void)rw_fd;
	if (!m->chain_id)
		return dm_volume_make(m->p, m->note, DM_NO_ORIGIN, &id, e) < 0 ||
		       volume_format(m->p, m->note, id, &mnt, e) < 0 ? -e->eno : 0;
	if (base_get(m->p, m->chain_id, &m->lowers, &base, e) < 0)
		return err_ctx(e, "volume of the image");
	return dm_volume_make(m->p, m->note, base, &id, e);
}

static int prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	char note[STORAGE_PATH_MAX];
	OWN_POOL p = DM_POOL_NULL;
	struct make m = { .p = &p, .chain_id = n_chain ? chain[n_chain - 1] : NULL, .note = note };
	ARENA a = { 0 };

	if (storage_rw_path(id, "/thin", note, e) < 0 ||
	    storage_lowers(s, id, chain, n_chain, &a, &m.lowers, e) < 0 || dm_pool_open(s, true, &p, e) < 0)
		return -e->eno;
	dm_volume_sweep(&p, true);
	if (dm_pool_room(&p, e) < 0)
		return -e->eno;
	if (flat_prepare(s, id, make, &m, e) < 0) {
		(void)dm_volume_drop(&p, note, &(struct err){ 0 }); /* else a sweep finds it */
		return -e->eno;
	}
	return 0;
}

static int container_mount(const struct store *s, const char *id, bool read_only, int *ret_fd, struct err *e)
{
	char note[STORAGE_PATH_MAX], node[DM_PATH_MAX];
	OWN_POOL p = DM_POOL_NULL;
	OWN_FD dev = -1;
	uint32_t volume;

	if (flat_made(s, id, e) < 0 || storage_rw_path(id, "/thin", note, e) < 0 || dm_pool_open(s, false, &p, e) < 0)
		return -e->eno;
	if (dm_volume_find(&p, note, &volume, e) < 0 || dm_volume_start(&p, note, volume, node, &dev, e) < 0 ||
	    mount_node(node, read_only, ret_fd, e) < 0)
		return err_ctx(e, "volume of container %.12s", id);
	return 0;
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
		struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct mount_step *step = arena_get(a, sizeof *step);

	(void)chain;
	(void)n_chain;
	if (!step)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = MOUNT_STEP_FD;
	step->fd = -1;
	step->read_only = flags & STORAGE_PLAN_READ_ONLY;
	if (!(flags & STORAGE_PLAN_LOOK) && container_mount(s, id, step->read_only, &step->fd, e) < 0)
		return -e->eno;
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}

static int volume_remove(const struct store *s, const char *note, struct err *e)
{
	OWN_POOL p = DM_POOL_NULL;

	if (faccessat(s->root_fd, note, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || !dm_pool_exists(s))
		return 0;
	if (dm_pool_open(s, false, &p, e) < 0 || dm_volume_drop(&p, note, e) < 0)
		return -e->eno;
	dm_volume_sweep(&p, false);
	return 0;
}

static int remove_rw(const struct store *s, const char *id, struct err *e)
{
	char path[STORAGE_PATH_MAX], note[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "", path, e) < 0 || storage_rw_path(id, "/thin", note, e) < 0 ||
	    volume_remove(s, note, e) < 0)
		return -e->eno;
	dm_pool_retire(s);
	return io_remove_tree(s->root_fd, path, e);
}

static void images_gone(const struct store *s)
{
	struct err ignored = { 0 }; /* the next one tries again */

	if (!dm_pool_exists(s))
		return;
	OWN_POOL p = DM_POOL_NULL;
	if (dm_pool_open(s, false, &p, &ignored) >= 0)
		dm_volume_sweep(&p, true);
	dm_pool_close(&p);
	dm_pool_retire(s);
}

static int changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		   struct storage_changes *ret, struct err *e)
{
	OWN_FD mnt = -1, root = -1;

	if (container_mount(s, id, false, &mnt, e) < 0 || root_open(mnt, &root, e) < 0)
		return -e->eno;
	return flat_changes_of(s, id, root, lowers, ret, e);
}

static void status(const struct store *s, unsigned flags, storage_say_fn say, void *data)
{
	OWN_POOL p = DM_POOL_NULL;
	struct err ignored = { 0 };

	(void)flags;
	if (dm_pool_exists(s) && dm_pool_open(s, false, &p, &ignored) == 0)
		say(data, "Pool Name", p.name);
}

const struct storage_ops storage_devicemapper = {
	.name = "devicemapper",
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
