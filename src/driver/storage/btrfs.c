/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "btrfs": one subvolume per image, made when its first container is; a container is a
 * writable snapshot of it, which takes the same time whatever the image's size.
 *
 *   snapshots/HEX/flat       subvolume, of the topmost layer's chain ID: goes with the layer
 *   containers/ID/rw/fs      subvolume
 */
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"
#include "store/snapshot.h"

enum { BTRFS_MAGIC = 0x9123683e };

static int probe(const struct store *s, struct err *e)
{
	struct statfs fs;

	if (fstatfs(s->root_fd, &fs) < 0)
		return err_sys(e, errno, "btrfs: statfs %s", s->root);
	if (fs.f_type != BTRFS_MAGIC) {
		err_new(e, E_UNSUPPORTED, EINVAL, "btrfs: %s is on another file system", s->root);
		err_hint(e, "put the store on btrfs with ONGGI_ROOT, or take the driver overlay or vfs");
		return -e->eno;
	}
	return 0;
}

static int subvolume_create(int dir, const char *name, struct err *e)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	(void)snprintf(args.name, sizeof args.name, "%s", name);
	return ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &args) < 0 ? err_sys(e, errno, "make subvolume %s", name) : 0;
}

static int subvolume_snapshot(int from, int dir, const char *name, struct err *e)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = from };

	(void)snprintf(args.name, sizeof args.name, "%s", name);
	return ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? err_sys(e, errno, "snapshot %s", name) : 0;
}

/* the subvolume of an image in the locked temporary folder @tmp, then at its place */
static int base_fill(const struct store *s, int tmp, const char *key, const struct storage_lowers *lowers,
		     const char *path, struct err *e)
{
	char from[STORAGE_PATH_MAX];

	if (subvolume_create(tmp, "flat", e) < 0)
		return -e->eno;
	OWN_FD fs = openat(tmp, "flat", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fs < 0)
		return err_sys(e, errno, "open subvolume");
	if (flat_copy(lowers, fs, e) < 0)
		return -e->eno;
	/* once per image: after a power cut it is whole or not there */
	if (syncfs(fs) < 0)
		return err_sys(e, errno, "sync subvolume");
	(void)snprintf(from, sizeof from, "tmp/layer-%.32s/diff/flat", key);
	if (renameat(s->root_fd, from, s->root_fd, path) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return err_sys(e, errno, "rename subvolume");
	return 0;
}

/* open the subvolume of the image whose topmost layer is @chain_id, made when it is missing */
static int base_open(const struct store *s, const char *chain_id, const struct storage_lowers *lowers, int *ret_fd,
		     struct err *e)
{
	char snapshot[SNAPSHOT_PATH_MAX], path[STORAGE_PATH_MAX], key[64];
	OWN_FD tmp = -1;

	if (snapshot_path(chain_id, snapshot, e) < 0 || (s->n_others && io_mkdir_p(s->root_fd, snapshot, 0700, e) < 0))
		return -e->eno;
	(void)snprintf(path, sizeof path, "%s/flat", snapshot);
	for (int tries = 0; tries < 2; tries++) {
		*ret_fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (*ret_fd >= 0)
			return 0;
		if (errno != ENOENT || tries)
			return err_sys(e, errno, "open %s", path);
		if (storage_temp_begin(s, key, &tmp, e) < 0)
			return -e->eno;
		int r = base_fill(s, tmp, key, lowers, path, e);
		storage_layer_abort(s, key); /* of two at once the second drops its own */
		if (r < 0)
			return r;
	}
	return err_new(e, E_INTERNAL, EAGAIN, "unreachable");
}

struct make {
	const struct store *s;
	const char *chain_id; /* NULL: an image without layers */
	struct storage_lowers lowers;
};

static int make(void *data, int rw_fd, struct err *e)
{
	const struct make *m = data;
	OWN_FD base = -1;

	if (!m->chain_id)
		return subvolume_create(rw_fd, "fs", e);
	if (base_open(m->s, m->chain_id, &m->lowers, &base, e) < 0)
		return err_ctx(e, "subvolume of the image");
	return subvolume_snapshot(base, rw_fd, "fs", e);
}

static int prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	struct make m = { .s = s, .chain_id = n_chain ? chain[n_chain - 1] : NULL };
	ARENA a = { 0 };

	if (storage_lowers(s, id, chain, n_chain, &a, &m.lowers, e) < 0)
		return -e->eno;
	return flat_prepare(s, id, make, &m, e);
}

static int remove_rw(const struct store *s, const char *id, struct err *e)
{
	struct btrfs_ioctl_vol_args args = { .name = "fs" };
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "", path, e) < 0)
		return -e->eno;
	/* at once, whatever is in it; one with subvolumes that the container made is emptied file by file */
	OWN_FD rw = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rw >= 0)
		(void)ioctl(rw, BTRFS_IOC_SNAP_DESTROY, &args);
	return io_remove_tree(s->root_fd, path, e);
}

const struct storage_ops storage_btrfs = {
	.name = "btrfs",
	.form = STORE_DIFF,
	.copies = true,
	.probe = probe,
	.prepare = prepare,
	.plan = flat_plan,
	.remove = remove_rw,
	.lowers = storage_lowers,
	.changes = flat_changes,
	.bytes = flat_bytes,
};
