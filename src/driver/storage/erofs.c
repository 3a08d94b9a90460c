/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "erofs": layers stay the archives that they came as, an EROFS image of their names
 * (store/snapshot_index.h) makes a file system of them, and a container is an overlay over that one
 * directory. See docs/adr/0015.
 *
 *   snapshots/HEX/tar                layer;  snapshots/HEX/erofs  index of an image
 *   containers/ID/rw/{diff,work}     writable layer, as with overlay
 *   containers/ID/image              link whose text is the HEX of the topmost layer
 *   RUN/erofs/.able                  this kernel was seen to mount such an image
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/overlay_int.h"
#include "format/erofs.h"
#include "store/image_share.h"
#include "sys/mountfd.h"

#define ABLE "erofs/.able"

enum { SOURCE_BUF = 4096 };

static int unsupported(struct err *e, int eno, const char *what, const char *hint)
{
	err_new(e, E_UNSUPPORTED, eno, "erofs: %s", what);
	err_hint(e, "%s", hint);
	return -e->eno;
}

/* an EROFS image without a file, mounted from a plain file */
static int try_mount(const struct store *s, struct err *e)
{
	OWN_FD fs = -1, mnt = -1;
	struct fstree tree = { 0 };
	char path[64];

	OWN_FD fd = openat(s->root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return unsupported(e, errno, "the store's file system has no files without a name (O_TMPFILE)",
				   "put the store on ext4, xfs, btrfs or tmpfs with ONGGI_ROOT");
	int r = fstree_init(&tree, e);
	const struct erofs_req q = { .tree = &tree, .fd = fd };
	if (r == 0)
		r = erofs_write(&q, e);
	fstree_done(&tree);
	if (r < 0 || mountfd_fs_open("erofs", &fs, e) < 0)
		return -e->eno;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (mountfd_fs_string(fs, "source", path, e) < 0 || mountfd_fs_flags(fs, MS_RDONLY, e) < 0)
		return -e->eno;
	return mountfd_fs_mount(fs, "erofs", MOUNT_ATTR_RDONLY, &mnt, e);
}

static int probe(const struct store *s, struct err *e)
{
	struct err why = { 0 };

	/* it has worked since RUN was made, so at this boot */
	if (!faccessat(s->run_fd, ABLE, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (storage_in_userns())
		return unsupported(e, EPERM, "the kernel lets only root of the host mount EROFS",
				   "take the driver overlay or fuse-overlayfs");
	if (storage_overlay.probe(s, e) < 0)
		return err_ctx(e, "erofs");
	if (try_mount(s, &why) == 0) {
		/* without the note it is tried again */
		if (io_mkdir_p(s->run_fd, "erofs", 0700, &why) == 0)
			(void)io_replace_file(s->run_fd, ABLE, "", 0, 0600, 0, &why);
		return 0;
	}
	if (why.eno == ENODEV)
		return unsupported(e, ENODEV, "this kernel has no EROFS (CONFIG_EROFS_FS)",
				   "load it with: modprobe erofs; or take the driver overlay");
	if (why.eno == ENOTBLK)
		return unsupported(e, ENOTBLK,
				   "this kernel mounts EROFS from block devices only: Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE is needed",
				   "take the driver overlay");
	*e = why;
	return err_ctx(e, "erofs");
}

static const char *hex_of(const char *chain_id)
{
	const char *colon = strchr(chain_id, ':');

	return colon ? colon + 1 : chain_id;
}

struct chain {
	const struct store *s;
	const char *const *ids; /* lowest first */
	size_t n;
};

static int mount_index(void *data, int *ret_fd, struct err *e)
{
	const struct chain *c = data;
	char path[SOURCE_BUF];
	OWN_FD fs = -1;

	(void)snprintf(path, sizeof path, "%s/snapshots/%.64s/erofs", c->s->root, hex_of(c->ids[c->n - 1]));
	if (mountfd_fs_open("erofs", &fs, e) < 0 || mountfd_fs_string(fs, "source", path, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < c->n; i++) {
		(void)snprintf(path, sizeof path, "%s/snapshots/%.64s/tar", c->s->root, hex_of(c->ids[i]));
		if (mountfd_fs_string(fs, "device", path, e) < 0)
			return err_ctx(e, "layer %s", c->ids[i]);
	}
	if (mountfd_fs_flags(fs, MS_RDONLY, e) < 0)
		return -e->eno;
	/* host users cannot get at it: RUN/erofs is 0700. All the same it needs no devices and no set-user-ID */
	return mountfd_fs_mount(fs, "erofs", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME,
				ret_fd, e);
}

static const char *mount_point(const struct store *s, const char *const *chain, size_t n, struct arena *a)
{
	return arena_printf(a, "%s/erofs/%.64s/root", s->run, hex_of(chain[n - 1]));
}

static int prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	if (overlay_prepare(s, id, chain, n_chain, e) < 0)
		return -e->eno;
	if (!n_chain)
		return 0;
	const char *hex = hex_of(chain[n_chain - 1]);
	if (!text_is_hex(hex, 64))
		return err_new(e, E_CORRUPT, EINVAL, "container %.12s: bad chain of layers", id);
	return image_share_note(s, id, hex, e) < 0 ? err_ctx(e, "writable layer") : 0;
}

static int lowers(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct arena *a,
		  struct storage_lowers *ret, struct err *e)
{
	const char **dirs = arena_get(a, 2 * sizeof *dirs);

	if (!dirs)
		return err_new(e, E_NOMEM, ENOMEM, "layers of container %.12s", id);
	struct chain c = { s, chain, n_chain };
	if (n_chain && !(dirs[0] = mount_point(s, chain, n_chain, a)))
		return err_new(e, E_NOMEM, ENOMEM, "layers of container %.12s", id);
	if (n_chain && image_share_use(s, id, hex_of(chain[n_chain - 1]), mount_index, &c, e) < 0)
		return -e->eno;
	*ret = (struct storage_lowers){ .dirs = dirs, .n = n_chain > 0 };
	return 0;
}

/* what would be mounted, without a mount */
static int plan_names(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct arena *a,
		      struct mount_plan *ret, struct err *e)
{
	const char *dirs[1] = { n_chain ? mount_point(s, chain, n_chain, a) : NULL };
	const struct storage_lowers over = { .dirs = dirs, .n = n_chain > 0 };
	struct mount_step *step = arena_get(a, sizeof *step);

	if (!step || (n_chain && !dirs[0]))
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = "overlay";
	*ret = (struct mount_plan){ .steps = step, .n_steps = 1 };
	return overlay_dirs(s, id, &over, false, a, step, e);
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
		struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct storage_lowers l;

	if (flags & STORAGE_PLAN_LOOK)
		return plan_names(s, id, chain, n_chain, a, ret, e);
	if (lowers(s, id, chain, n_chain, a, &l, e) < 0)
		return -e->eno;
	return overlay_plan_over(s, id, &l, flags, a, ret, e);
}

static int remove_rw(const struct store *s, const char *id, struct err *e)
{
	return image_share_leave(s, id, e) < 0 || overlay_remove(s, id, e) < 0 ? -e->eno : 0;
}

const struct storage_ops storage_erofs = {
	.name = "erofs",
	.form = STORE_TAR,
	.probe = probe,
	.prepare = prepare,
	.plan = plan,
	.remove = remove_rw,
	.lowers = lowers,
	.changes = overlay_changes,
	.bytes = overlay_bytes,
};
