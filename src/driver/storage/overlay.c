/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "overlay": a layer is a directory in overlay's own form, a container's root one
 * overlay mount over all of them.
 *
 *   tmp/layer-KEY/{diff,meta.json}   being unpacked; diff is locked (flock) by its maker
 *   snapshots/HEX/diff               committed
 *   containers/ID/rw/{diff,work}     writable layer
 *
 * The folders around diff are 0700: set-user-ID programs of images are out of reach of the host's
 * users (CVE-2021-41091).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/storage.h"
#include "format/js.h"
#include "store/attr.h"
#include "store/snapshot.h"

enum { OVERLAY_MAGIC = 0x794c7630, PATH_BUF = 160 };

static int probe(const struct store *s, struct err *e)
{
	OWN_STR text = NULL;
	struct statfs fs;

	if (io_read_file(AT_FDCWD, "/proc/filesystems", 1 << 16, &text, NULL, e) < 0)
		return err_ctx(e, "overlay");
	if (!strstr(text, "\toverlay\n")) {
		err_new(e, E_UNSUPPORTED, ENODEV, "overlay: /proc/filesystems does not list it");
		err_hint(e, "load it with: modprobe overlay");
		return -e->eno;
	}
	if (fstatfs(s->root_fd, &fs) < 0)
		return err_sys(e, errno, "overlay: statfs %s", s->root);
	if (fs.f_type == OVERLAY_MAGIC) {
		err_new(e, E_UNSUPPORTED, EINVAL,
			"overlay: %s is on an overlay itself, which cannot hold a writable layer", s->root);
		err_hint(e, "put the store on another file system with ONGGI_ROOT");
		return -e->eno;
	}
	return 0;
}

static int make_dir(int xdir, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(xdir, name, mode) < 0)
		return err_sys(e, errno, "mkdir %s", name);
	/* exact whatever umask and set-group-ID parents say */
	if (fchmodat(xdir, name, mode, 0) < 0)
		return err_sys(e, errno, "chmod %s", name);
	return 0;
}

static void layer_abort(const struct store *s, const char *key)
{
	char path[PATH_BUF];
	struct err ignored = { 0 }; /* a left-over is swept by the next image command */

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s", key);
	(void)io_remove_tree(s->root_fd, path, &ignored);
}

/* tmp/layer-KEY/diff, locked. 0: *ret_fd is it. 1: a sweeper took the folder for one left over, before it was locked */
static int make_locked(const struct store *s, const char *key, int *ret_fd, struct err *e)
{
	char path[PATH_BUF];
	struct stat st;

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s", key);
	if (make_dir(s->root_fd, path, 0700, e) < 0)
		return e->eno == ENOENT ? 1 : -e->eno;
	(void)snprintf(path, sizeof path, "tmp/layer-%.32s/diff", key);
	if (make_dir(s->root_fd, path, 0755, e) < 0)
		return e->eno == ENOENT ? 1 : -e->eno;
	OWN_FD fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 1;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", path);
	if (!st.st_nlink)
		return 1;
	*ret_fd = fd_take(&fd);
	return 0;
}

static int layer_begin(const struct store *s, const char *chain_id, char key[64], int *ret_dirfd,
		       struct err *e)
{
	char path[PATH_BUF];
	uint64_t tag;

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	if (io_mkdir_p(s->root_fd, "tmp", 0700, e) < 0)
		return err_ctx(e, "layer %s", chain_id);
	for (int tries = 0; tries < 100; tries++) {
		struct err why = { 0 };

		if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
			return err_sys(e, errno, "random name");
		(void)snprintf(key, 64, "%016llx", (unsigned long long)tag);
		int r = make_locked(s, key, ret_dirfd, &why);
		if (!r)
			return 0;
		layer_abort(s, key);
		if (r < 0) {
			*e = why;
			return err_ctx(e, "layer %s", chain_id);
		}
	}
	return err_new(e, E_BUSY, EBUSY, "layer %s: cannot get a temporary folder", chain_id);
}

static int write_meta(const struct store *s, const char *dir, const struct storage_layer *info,
		      struct err *e)
{
	char boot[SNAPSHOT_BOOT_MAX], path[PATH_BUF + 16];

	if (snapshot_boot_id(boot, e) < 0)
		return -e->eno;
	OWN_JSON meta = json_pack("{s:s, s:I, s:s}", "driver", "overlay", "size",
				  (json_int_t)info->size_bytes, "boot", boot);
	if (!meta || (info->root_opaque && json_object_set_new(meta, "root_opaque", json_true()) < 0))
		return err_new(e, E_NOMEM, ENOMEM, "meta.json");
	(void)snprintf(path, sizeof path, "%s/meta.json", dir);
	if (js_save(s->root_fd, path, meta, 0600, 0, e) < 0)
		return -e->eno;
	if (info->root_opaque) {
		(void)snprintf(path, sizeof path, "%s/opaque", dir);
		if (io_replace_file(s->root_fd, path, "", 0, 0600, 0, e) < 0)
			return -e->eno;
	}
	if (!info->loose_bytes)
		return 0;
	(void)snprintf(path, sizeof path, "%s/loose", dir);
	return io_replace_file(s->root_fd, path, info->loose, info->loose_bytes, 0600, 0, e);
}

static int layer_commit(const struct store *s, const char *chain_id, const char *key,
			const struct storage_layer *info, struct err *e)
{
	char tmp[PATH_BUF], path[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	(void)snprintf(tmp, sizeof tmp, "tmp/layer-%.32s", key);
	if (write_meta(s, tmp, info, e) < 0 || io_mkdir_p(s->root_fd, "snapshots", 0700, e) < 0)
		goto fail;
	for (int tries = 0; tries < 10; tries++) {
		if (!renameat(s->root_fd, tmp, s->root_fd, path))
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY) {
			err_sys(e, errno, "rename");
			goto fail;
		}
		if (snapshot_exists(s, chain_id)) {
			layer_abort(s, key);
			return 0;
		}
		/* left over from before a power loss: not to be trusted */
		if (snapshot_hide(s, chain_id, e) < 0)
			goto fail;
	}
	err_new(e, E_BUSY, EBUSY, "others keep taking its place");
fail:
	layer_abort(s, key);
	return err_ctx(e, "commit layer %s", chain_id);
}

static int layer_remove(const struct store *s, const char *chain_id, struct err *e)
{
	if (snapshot_hide(s, chain_id, e) < 0)
		return -e->eno;
	return snapshot_bury(s, e);
}

static int rw_path(const char *id, const char *what, char out[PATH_BUF], struct err *e)
{
	if (!*id || strchr(id, '/') || id[0] == '.' ||
	    snprintf(out, PATH_BUF, "containers/%s/rw%s", id, what) >= PATH_BUF)
		return err_new(e, E_INVALID, EINVAL, "bad container ID");
	return 0;
}

static int prepare(const struct store *s, const char *id, struct err *e)
{
	char path[PATH_BUF];

	if (rw_path(id, "", path, e) < 0)
		return -e->eno;
	if (io_mkdir_p(s->root_fd, path, 0700, e) < 0)
		return err_ctx(e, "writable layer");
	OWN_FD fd = openat(s->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, errno, "writable layer: open %s", path);
	if ((mkdirat(fd, "diff", 0755) < 0 && errno != EEXIST) ||
	    (mkdirat(fd, "work", 0700) < 0 && errno != EEXIST))
		return err_sys(e, errno, "writable layer: mkdir in %s", path);
	return 0;
}

/* The merged root shows the attributes of the upper directory: they have to be the image's. */
static int adopt_root(const struct store *s, const char *id, const char *lower, struct err *e)
{
	char path[PATH_BUF];

	if (rw_path(id, "/diff", path, e) < 0)
		return -e->eno;
	OWN_FD to = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (to < 0)
		return err_sys(e, errno, "open %s", path);
	OWN_FD from = open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return err_sys(e, errno, "open %s", lower);
	if (attr_copy(from, to, e) < 0)
		return err_ctx(e, "attributes of %s", path);
	if (rw_path(id, "/root", path, e) < 0)
		return -e->eno;
	/* only its name matters */
	OWN_FD mark = openat(s->root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return mark < 0 ? err_sys(e, errno, "make %s", path) : 0;
}

static int plan_lowers(const struct store *s, const char *id, const char *const *chain,
		       size_t n_chain, struct arena *a, struct mount_step *step)
{
	const char **lowers = arena_get(a, (n_chain + 1) * sizeof *lowers);
	size_t n = 0;

	if (!lowers)
		return -ENOMEM;
	if (!step->upper) /* read-only: what was written before is to be seen */
		lowers[n++] = arena_printf(a, "%s/containers/%s/rw/diff", s->root, id);
	for (size_t i = n_chain; i--;) {
		const char *hex = strchr(chain[i], ':');
		char opaque[PATH_BUF];
		if (!hex)
			return -EINVAL;
		lowers[n] = arena_printf(a, "%s/snapshots/%s/diff", s->root, hex + 1);
		if (!lowers[n++])
			return -ENOMEM;
		/* overlay itself does not look at the attribute on the root of a layer */
		(void)snprintf(opaque, sizeof opaque, "snapshots/%.64s/opaque", hex + 1);
		if (!faccessat(s->root_fd, opaque, F_OK, 0))
			break;
	}
	step->lowers = lowers;
	step->n_lowers = n;
	return 0;
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain,
		unsigned flags, struct arena *a, struct mount_plan *ret, struct err *e)
{
	bool read_only = flags & STORAGE_PLAN_READ_ONLY;
	/* what the kernel was built to do by default must not change what a container sees */
	static const char *const options[] = { "index=off", "redirect_dir=off", "metacopy=off" };
	static const char *const options_userns[] = { "userxattr" };
	struct mount_step *step = arena_get(a, sizeof *step);
	char marker[PATH_BUF];

	if (rw_path(id, "/root", marker, e) < 0)
		return -e->eno;
	if (!step)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = "overlay";
	step->read_only = read_only;
	if (!read_only) {
		step->upper = arena_printf(a, "%s/containers/%s/rw/diff", s->root, id);
		step->work = arena_printf(a, "%s/containers/%s/rw/work", s->root, id);
		if (!step->upper || !step->work)
			return err_new(e, E_NOMEM, ENOMEM, "mount plan");
		/* Linux 5.10. The mark that such a mount leaves would forbid the next one; whoever asks
		 * for it again does not mind */
		if (flags & STORAGE_PLAN_VOLATILE) {
			char mark[PATH_BUF];
			step->gain = "volatile";
			if (rw_path(id, "/work/work/incompat/volatile", mark, e) < 0)
				return -e->eno;
			if (io_remove_tree(s->root_fd, mark, e) < 0) /* none before the second start */
				return -e->eno;
		}
	}
	int r = plan_lowers(s, id, chain, n_chain, a, step);
	if (r < 0)
		return err_new(e, r == -ENOMEM ? E_NOMEM : E_CORRUPT, -r, "mount plan of %s", id);
	bool user = storage_in_userns();
	step->options = user ? options_userns : options;
	step->n_options = user ? ARRAY_LEN(options_userns) : ARRAY_LEN(options);
	size_t first = read_only ? 1 : 0;
	if (step->n_lowers == first) { /* an image without layers */
		const char **none = arena_get(a, 2 * sizeof *none);
		if (!none || rw_path(id, "/none", marker, e) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "mount plan");
		if (mkdirat(s->root_fd, marker, 0755) < 0 && errno != EEXIST)
			return err_sys(e, errno, "mkdir %s", marker);
		if (first)
			none[0] = step->lowers[0];
		none[first] = arena_printf(a, "%s/%s", s->root, marker);
		step->lowers = none;
		step->n_lowers = first + 1;
	} else if (faccessat(s->root_fd, marker, F_OK, 0) < 0 &&
		   adopt_root(s, id, step->lowers[first], e) < 0) {
		return err_ctx(e, "writable layer");
	}
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}

static int remove_rw(const struct store *s, const char *id, struct err *e)
{
	char path[PATH_BUF];

	if (rw_path(id, "", path, e) < 0)
		return -e->eno;
	return io_remove_tree(s->root_fd, path, e);
}

const struct storage_ops storage_overlay = {
	.name = "overlay",
	.can = STORAGE_ROOTLESS | STORAGE_LAYER_DIR | STORAGE_NATIVE_DIFF,
	.probe = probe,
	.layer_begin = layer_begin,
	.layer_commit = layer_commit,
	.layer_abort = layer_abort,
	.layer_remove = layer_remove,
	.prepare = prepare,
	.plan = plan,
	.remove = remove_rw,
};
