/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "erofs": layers stay the archives that they came as, an EROFS image of their names
 * (store/snapshot_index.h) makes a file system of them, and a container is an overlay over that one
 * directory. See docs/adr/0015.
 *
 *   snapshots/HEX/tar                layer;  snapshots/HEX/erofs  index of an image
 *   containers/ID/rw/{diff,work}     writable layer, as with overlay
 *   containers/ID/image              link whose text is the HEX of the topmost layer
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/overlay_int.h"
#include "format/erofs.h"
#include "store/image_share.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"
#include "store/snapshot_seal.h"
#include "sys/mountfd.h"

enum { SOURCE_BUF = 4096 };
#define ELSEWHERE "put the store on ext4, xfs or btrfs with ONGGI_ROOT"

static int unsupported(struct err *e, int eno, const char *what, const char *hint)
{
	err_new(e, E_UNSUPPORTED, eno, "erofs: %s", what);
	err_hint(e, "%s", hint);
	return -e->eno;
}

static int mount_nothing(const struct store *s, int *ret_fd, struct err *e)
{
	OWN_FD fs = -1;
	struct fstree tree = { 0 };
	char path[64];

	OWN_FD fd = openat(s->root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return unsupported(e, errno, "the store's file system has no files without a name (O_TMPFILE)",
				   ELSEWHERE);
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
	return mountfd_fs_mount(fs, "erofs", MOUNT_ATTR_RDONLY, ret_fd, e);
}

int erofs_mount_nothing(const struct store *s, int *ret_fd, struct err *e)
{
	struct statfs fs;

	if (mount_nothing(s, ret_fd, e) == 0)
		return 0;
	if (e->eno == ENODEV)
		return unsupported(e, ENODEV, "this kernel has no EROFS (CONFIG_EROFS_FS)",
				   "load it with: modprobe erofs; or take the driver overlay");
	/* both have no pages of their own to read from */
	if (e->eno == ENOTBLK && !fstatfs(s->root_fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC))
		return unsupported(e, ENOTBLK, "no kernel mounts EROFS from files of tmpfs or overlay", ELSEWHERE);
	if (e->eno == ENOTBLK)
		return unsupported(e, ENOTBLK,
				   "this kernel mounts EROFS from block devices only: Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE is needed",
				   "take the driver overlay");
	return err_ctx(e, "erofs");
}

static int probe(const struct store *s, struct err *e)
{
	OWN_FD mnt = -1;

	if (seal_probe(s, e) < 0)
		return err_ctx(e, "erofs");
	if (storage_able(s, "erofs"))
		return 0;
	if (storage_in_userns())
		return unsupported(e, EPERM, "the kernel lets only root of the host mount EROFS",
				   "take the driver overlay or fuse-overlayfs");
	if (storage_overlay.probe(s, e) < 0)
		return err_ctx(e, "erofs");
	if (erofs_mount_nothing(s, &mnt, e) < 0)
		return -e->eno;
	storage_able_note(s, "erofs");
	return 0;
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

/* Name @what of layer @chain_id as a source: of a sealed file the descriptor that was looked at, which @keep holds */
static int add_source(const struct chain *c, int xfs, const char *chain_id, const struct store *home, const char *what,
		      int *keep, struct err *e)
{
	const struct store *at = home ? home : c->s;
	const bool is_index = !strcmp(what, "erofs");
	char path[SOURCE_BUF];

	if (seal_open(c->s, at, chain_id, what, keep, e) < 0)
		return err_ctx(e, "layer %s", chain_id);
	if (*keep >= 0)
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", *keep);
	else
		(void)snprintf(path, sizeof path, "%s/snapshots/%.64s/%s", at->root, hex_of(chain_id), what);
	return mountfd_fs_string(xfs, is_index ? "source" : "device", path, e) < 0 ? err_ctx(e, "layer %s", chain_id) : 0;
}

static int mount_sources(const struct chain *c, int *files, int *ret_fd, struct err *e)
{
	const char *top = c->ids[c->n - 1];
	OWN_FD fs = -1;

	if (mountfd_fs_open("erofs", &fs, e) < 0 ||
	    add_source(c, fs, top, snapshot_index_home(c->s, top), "erofs", &files[c->n], e) < 0)
		return -e->eno;
	for (size_t i = 0; i < c->n; i++) {
		const struct store *home = c->s->n_others ? snapshot_home(c->s, c->ids[i], STORE_TAR) : NULL;
		if (add_source(c, fs, c->ids[i], home, "tar", &files[i], e) < 0)
			return -e->eno;
	}
	if (mountfd_fs_flags(fs, MS_RDONLY, e) < 0)
		return -e->eno;
	/* host users cannot get at it: RUN/erofs is 0700. All the same it needs no devices and no set-user-ID */
	return mountfd_fs_mount(fs, "erofs", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME,
				ret_fd, e);
}

static int mount_index(void *data, int *ret_fd, struct err *e)
{
	const struct chain *c = data;
	OWN_PTR int *files = calloc(c->n + 1, sizeof *files);

	if (!files)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i <= c->n; i++)
		files[i] = -1;
	int r = mount_sources(c, files, ret_fd, e);
	for (size_t i = 0; i <= c->n; i++)
		own_fd_done(&files[i]);
	return r;
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

static void status(const struct store *s, unsigned flags, storage_say_fn say, void *data)
{
	struct err ignored = { 0 };
	enum seal_wish wish;

	(void)s;
	(void)flags;
	/* a bad one is refused by the probe */
	if (seal_wish(&wish, &ignored) == 0)
		say(data, "fs-verity", seal_words[wish]);
}

const struct storage_ops storage_erofs = {
	.name = "erofs",
	.form = STORE_TAR,
	.chosen = STORAGE_PLAN_VOLATILE | STORAGE_PLAN_REDIRECT | STORAGE_PLAN_METACOPY,
	.probe = probe,
	.prepare = prepare,
	.plan = plan,
	.remove = remove_rw,
	.lowers = lowers,
	.changes = overlay_changes,
	.bytes = overlay_bytes,
	.status = status,
};
