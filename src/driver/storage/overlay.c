/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "overlay": a container's root is one overlay mount over the layers (layers.c).
 *
 *   containers/ID/rw/{diff,work}     writable layer, 0700 around it
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"
#include "driver/storage/overlay_int.h"
#include "store/attr.h"

enum { OVERLAY_MAGIC = 0x794c7630 };

static int probe(const struct store *s, struct err *e)
{
	struct statfs fs;

	int listed = storage_kernel_lists("overlay", e);
	if (listed < 0)
		return -e->eno;
	if (!listed) {
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

int overlay_prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	(void)chain;
	(void)n_chain;
	if (storage_rw_path(id, "", path, e) < 0)
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
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "/diff", path, e) < 0)
		return -e->eno;
	OWN_FD to = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (to < 0)
		return err_sys(e, errno, "open %s", path);
	OWN_FD from = open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return err_sys(e, errno, "open %s", lower);
	if (attr_copy(from, to, e) < 0)
		return err_ctx(e, "attributes of %s", path);
	if (storage_rw_path(id, "/root", path, e) < 0)
		return -e->eno;
	/* only its name matters */
	OWN_FD mark = openat(s->root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return mark < 0 ? err_sys(e, errno, "make %s", path) : 0;
}

/* @over with a free place before it when the writable layer is one more of them: read-only, what was
 * written before is to be seen */
static int step_lowers(const struct store *s, const char *id, const struct storage_lowers *over, struct arena *a,
		       struct mount_step *step, struct err *e)
{
	size_t first = !step->upper;
	const char **dirs = arena_get(a, (over->n + first + 1) * sizeof *dirs);

	if (!dirs || (first && !(dirs[0] = arena_printf(a, "%s/containers/%s/rw/diff", s->root, id))))
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	memcpy(dirs + first, over->dirs, over->n * sizeof *dirs);
	step->lowers = dirs;
	step->n_lowers = over->n + first;
	return 0;
}

int overlay_dirs(const struct store *s, const char *id, const struct storage_lowers *over, bool read_only,
		 struct arena *a, struct mount_step *step, struct err *e)
{
	step->read_only = read_only;
	if (!read_only) {
		step->upper = arena_printf(a, "%s/containers/%s/rw/diff", s->root, id);
		step->work = arena_printf(a, "%s/containers/%s/rw/work", s->root, id);
		if (!step->upper || !step->work)
			return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	}
	return step_lowers(s, id, over, a, step, e);
}

int overlay_step(const struct store *s, const char *id, const struct storage_lowers *over, bool read_only,
		 struct arena *a, struct mount_step *step, struct err *e)
{
	char marker[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "/root", marker, e) < 0 || overlay_dirs(s, id, over, read_only, a, step, e) < 0)
		return -e->eno;
	size_t first = read_only ? 1 : 0;
	if (step->n_lowers == first) { /* an image without layers */
		const char **none = arena_get(a, 2 * sizeof *none);
		if (!none || storage_rw_path(id, "/none", marker, e) < 0)
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
	return 0;
}

int overlay_plan_over(const struct store *s, const char *id, const struct storage_lowers *over, unsigned flags,
		      struct arena *a, struct mount_plan *ret, struct err *e)
{
	/* what the kernel was built to do by default must not change what a container sees */
	static const char *const options[] = { "index=off", "redirect_dir=off", "metacopy=off" };
	static const char *const options_redirect[] = { "index=off", "redirect_dir=on", "metacopy=off" };
	static const char *const options_metacopy[] = { "index=off", "redirect_dir=on", "metacopy=on" };
	static const char *const options_userns[] = { "userxattr" };
	struct mount_step *step = arena_get(a, sizeof *step);
	char mark[STORAGE_PATH_MAX];

	if (!step)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = "overlay";
	/* Linux 5.10. The mark that such a mount leaves would forbid the next one; whoever asks for it again
	 * does not mind */
	if ((flags & STORAGE_PLAN_VOLATILE) && !(flags & STORAGE_PLAN_READ_ONLY)) {
		step->gain = "volatile";
		if (storage_rw_path(id, "/work/work/incompat/volatile", mark, e) < 0)
			return -e->eno;
		if (io_remove_tree(s->root_fd, mark, e) < 0) /* none before the second start */
			return -e->eno;
	}
	if (overlay_step(s, id, over, flags & STORAGE_PLAN_READ_ONLY, a, step, e) < 0)
		return -e->eno;
	bool user = storage_in_userns();
	step->options = user ? options_userns : flags & STORAGE_PLAN_METACOPY ? options_metacopy :
			flags & STORAGE_PLAN_REDIRECT ? options_redirect : options;
	step->n_options = user ? ARRAY_LEN(options_userns) : ARRAY_LEN(options);
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
		struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct storage_lowers over;

	if (storage_lowers(s, id, chain, n_chain, a, &over, e) < 0)
		return -e->eno;
	return overlay_plan_over(s, id, &over, flags, a, ret, e);
}

int overlay_remove(const struct store *s, const char *id, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "", path, e) < 0)
		return -e->eno;
	return io_remove_tree(s->root_fd, path, e);
}

/* what overlay keeps of a container is the difference already */
int overlay_changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		   struct storage_changes *ret, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	(void)lowers;
	if (storage_rw_path(id, "/diff", path, e) < 0)
		return -e->eno;
	ret->fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return ret->fd < 0 ? err_sys(e, errno, "open the writable layer") : 0;
}

int storage_changes_merged(const struct store *s, const char *id, int tree, const struct storage_lowers *lowers,
			   struct storage_changes *ret, struct err *e)
{
	char mark[STORAGE_PATH_MAX];
	struct stat st;

	/* made before the first mount; without it everything is compared */
	if (storage_rw_path(id, "/root", mark, e) < 0)
		return -e->eno;
	if (fstatat(s->root_fd, mark, &st, AT_SYMLINK_NOFOLLOW) < 0)
		st.st_ctim = (struct timespec){ 0 };
	return flat_changes_since(s, id, tree, &st.st_ctim, lowers, ret, e);
}

uint64_t overlay_bytes(const struct storage_ops *ops, const struct store *s, const char *id,
		       const struct storage_lowers *lowers)
{
	char path[STORAGE_PATH_MAX];
	struct err ignored = { 0 };

	(void)ops;
	(void)lowers;
	return storage_rw_path(id, "/diff", path, &ignored) < 0 ? 0 : storage_tree_bytes(s->root_fd, path);
}

const struct storage_ops storage_overlay = {
	.name = "overlay",
	.form = STORE_DIFF,
	.chosen = STORAGE_PLAN_VOLATILE | STORAGE_PLAN_REDIRECT | STORAGE_PLAN_METACOPY,
	.probe = probe,
	.prepare = overlay_prepare,
	.plan = plan,
	.remove = overlay_remove,
	.lowers = storage_lowers,
	.changes = overlay_changes,
	.bytes = overlay_bytes,
	.status = overlay_status,
};
