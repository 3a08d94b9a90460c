/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of a layer: the parent of each entry, and the attributes that are set at the end.
 *
 * The parent of the last entry stays open, so a run of files in one directory costs one look-up.
 * Otherwise the kernel resolves the path inside the layer, if it has no links (openat2); only where that
 * fails the path is walked by hand: directories are made, files and whiteouts in the way replaced, links
 * followed inside the root. Nobody else writes to the tree meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/own.h"
#include "base/path.h"
#include "registry/layer_int.h"

void layer_forget(struct layer_apply *a)
{
	if (a->parent_fd >= 0 && a->parent_fd != a->root)
		close(a->parent_fd);
	a->parent_fd = -1;
}

int layer_set_opaque(struct layer_apply *a, int xdir, struct err *e)
{
	const char *key = a->userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";

	if (fsetxattr(xdir, key, "y", 1, 0) < 0)
		return layer_sys(a, e, "mark directory as opaque");
	return 0;
}

static struct layer_dir *remember(struct layer_apply *a, const char *path, int xdir, struct err *e)
{
	struct stat st;

	if (fstat(xdir, &st) < 0) {
		layer_sys(a, e, "stat directory");
		return NULL;
	}
	struct layer_dir *more = grow_one(a->dirs, a->n_dirs, &a->cap_dirs, sizeof *more);
	if (!more) {
		err_new(e, E_NOMEM, ENOMEM, "layer directories");
		return NULL;
	}
	a->dirs = more;
	a->arena_bytes += strlen(path) + sizeof *a->dirs;
	if (a->arena_bytes > LAYER_DIR_BYTES_MAX) {
		layer_bad(a, e, "too many directories");
		return NULL;
	}
	struct layer_dir *d = &a->dirs[a->n_dirs];
	*d = (struct layer_dir){ .path = arena_strdup(&a->a, path), .ino = st.st_ino,
				 .order = a->n_dirs };
	if (!d->path) {
		err_new(e, E_NOMEM, ENOMEM, "layer directories");
		return NULL;
	}
	a->n_dirs++;
	return d;
}

/* One directory that has no entry (yet): 0755, ours, a constant time. */
static int make_implied(struct layer_apply *a, int xdir, const char *name, const char *path,
			struct err *e)
{
	int cleared = 0;

	while (mkdirat(xdir, name, 0700) < 0) {
		if (errno != EEXIST)
			return layer_sys(a, e, "make directory");
		cleared = layer_clear(a, xdir, name, e);
		if (cleared < 0)
			return cleared;
	}
	OWN_FD fd = openat(xdir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return layer_sys(a, e, "open directory");
	if (cleared && layer_set_opaque(a, fd, e) < 0)
		return -e->eno;
	struct layer_dir *d = remember(a, path, fd, e);
	if (!d)
		return -e->eno;
	d->fresh = true;
	/* in the place of something removed it is new, otherwise it takes the parents' attributes */
	d->implied = !cleared;
	d->mode = 0755;
	d->uid = a->fsuid;
	d->gid = a->fsgid;
	return 0;
}

/* The walk by hand. @real is the path of @fd without links; @todo what is left to go. */
struct walk {
	struct layer_apply *a;
	struct buf real, todo;
	int fd;
	unsigned hops;
	bool make;
};

static int walk_up(struct walk *w, struct err *e)
{
	while (w->real.n && w->real.p[w->real.n - 1] != '/')
		w->real.n--;
	if (w->real.n)
		w->real.n--;
	int up = openat(w->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return layer_sys(w->a, e, "open parent");
	close(w->fd);
	w->fd = up;
	return 0;
}

static int walk_root(struct walk *w, struct err *e)
{
	int root = fcntl(w->a->root, F_DUPFD_CLOEXEC, 3);
	if (root < 0)
		return layer_sys(w->a, e, "open root");
	if (w->fd >= 0)
		close(w->fd);
	w->fd = root;
	w->real.n = 0;
	return 0;
}

static int walk_link(struct walk *w, const char *name, const char *rest, struct err *e)
{
	char target[4097];
	ssize_t n = readlinkat(w->fd, name, target, sizeof target - 1);

	if (n < 0)
		return layer_sys(w->a, e, "read link");
	if (++w->hops > LAYER_HOPS_MAX)
		return layer_bad(w->a, e, "too many symbolic links in its directory");
	target[n] = 0;
	OWN_BUF next = { 0 };
	buf_puts(&next, target);
	buf_putc(&next, '/');
	buf_puts(&next, rest);
	if (buf_failed(&next))
		return err_new(e, E_NOMEM, ENOMEM, "entry name");
	if (next.n > 65536)
		return layer_bad(w->a, e, "symbolic links make its name too long");
	bool absolute = target[0] == '/';
	buf_done(&w->todo);
	w->todo = next;
	next = (struct buf){ 0 };
	return absolute ? walk_root(w, e) : 0;
}

/* one component; 0 or error, -ENOENT with an empty error when it is missing */
static int walk_step(struct walk *w, const char *name, const char *rest, struct err *e)
{
	struct stat st;
	size_t before = w->real.n;

	if (!strcmp(name, ".") || !*name)
		return 0;
	if (!strcmp(name, ".."))
		return w->real.n ? walk_up(w, e) : 0;
	bool there = !fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW);
	if (!there && errno != ENOENT)
		return layer_sys(w->a, e, "stat");
	if (there && S_ISLNK(st.st_mode))
		return walk_link(w, name, rest, e);
	if (w->real.n)
		buf_putc(&w->real, '/');
	buf_puts(&w->real, name);
	if (buf_failed(&w->real))
		return err_new(e, E_NOMEM, ENOMEM, "entry name");
	if (!there || !S_ISDIR(st.st_mode)) {
		if (!w->make)
			return -ENOENT;
		if (make_implied(w->a, w->fd, name, buf_str(&w->real), e) < 0) {
			w->real.n = before;
			return -e->eno;
		}
	}
	int sub = openat(w->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (sub < 0)
		return layer_sys(w->a, e, "open directory");
	close(w->fd);
	w->fd = sub;
	return 0;
}

/* @real: the path without links of what is found, in its place */
static int walk(struct layer_apply *a, const char *path, bool make, int *ret_fd, struct buf *real, struct err *e)
{
	struct walk w = { .a = a, .fd = -1, .make = make };
	char name[LAYER_NAME_MAX + 1];
	int r = walk_root(&w, e);

	buf_puts(&w.todo, path);
	while (!r && w.todo.n) {
		size_t n = strcspn(w.todo.p, "/");
		if (n > LAYER_NAME_MAX) {
			r = layer_bad(a, e, "a component of a link is longer than 255 bytes");
			break;
		}
		memcpy(name, w.todo.p, n);
		name[n] = 0;
		size_t skip = n + (w.todo.p[n] == '/');
		memmove(w.todo.p, w.todo.p + skip, w.todo.n - skip + 1);
		w.todo.n -= skip;
		/* a copy: following a link replaces what is left to go */
		char *rest = strdup(w.todo.p);
		r = rest ? walk_step(&w, name, rest, e) : err_new(e, E_NOMEM, ENOMEM, "entry name");
		free(rest);
	}
	if (!r)
		*ret_fd = w.fd;
	else if (w.fd >= 0)
		close(w.fd);
	buf_done(real);
	*real = w.real;
	buf_done(&w.todo);
	return r;
}

/* the directory a->parent, of @n bytes, has links in its name, is missing or is something else */
static int other_parent(struct layer_apply *a, size_t n, bool make, int *ret_fd, struct err *e)
{
	int fd, real;

	if (layer_drain(a, e) < 0)
		return -e->eno;
	int r = walk(a, a->parent.p, make, &fd, &a->parent_path, e);
	if (r < 0)
		return r;
	real = n > LAYER_OPEN_PATH_MAX ? -ENAMETOOLONG :
					 path_open_real(a->root, a->parent.p, O_PATH | O_DIRECTORY, 0);
	a->parent_real = real >= 0;
	if (real >= 0)
		close(real);
	*ret_fd = fd;
	return 0;
}

int layer_parent(struct layer_apply *a, const char *path, bool make, int *ret_fd,
		 const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!slash) {
		*ret_fd = a->root;
		return 0;
	}
	bool same = a->parent_fd >= 0 && a->parent.n == n && !memcmp(a->parent.p, path, n);
	/* what was taken by one name may be met by another */
	if (same && !a->parent_real && layer_drain(a, e) < 0)
		return -e->eno;
	if (same && a->parent_fd >= 0) {
		*ret_fd = a->parent_fd;
		return 0;
	}
	layer_forget(a);
	a->parent.n = 0;
	buf_add(&a->parent, path, n);
	if (buf_failed(&a->parent))
		return err_new(e, E_NOMEM, ENOMEM, "entry name");
	fd = n > LAYER_OPEN_PATH_MAX ? -ENAMETOOLONG : path_open_real(a->root, a->parent.p, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		a->parent_real = true;
	else {
		int r = other_parent(a, n, make, &fd, e);
		if (r < 0)
			return r;
	}
	a->parent_fd = fd;
	*ret_fd = fd;
	return 0;
}

static int copy_xattrs(struct layer_apply *a, struct layer_dir *d, const struct tar_entry *en,
		       struct err *e)
{
	struct tar_xattr *x = arena_get(&a->a, (en->n_xattrs + 1) * sizeof *x);

	for (size_t i = 0; x && i < en->n_xattrs; i++) {
		unsigned char *value = arena_get(&a->a, en->xattrs[i].n + 1);
		x[i].name = arena_strdup(&a->a, en->xattrs[i].name);
		if (!value || !x[i].name)
			x = NULL;
		else {
			memcpy(value, en->xattrs[i].value, en->xattrs[i].n);
			x[i].value = value;
			x[i].n = en->xattrs[i].n;
			a->arena_bytes += x[i].n;
		}
	}
	if (!x)
		return err_new(e, E_NOMEM, ENOMEM, "layer directories");
	d->xattrs = x;
	d->n_xattrs = en->n_xattrs;
	return 0;
}

/* the descriptor of the directory at @path, made when missing */
static int open_dir(struct layer_apply *a, const char *path, bool *ret_fresh, struct err *e)
{
	const char *name;
	int dir, made = 0;

	*ret_fresh = false;
	if (!*path) {
		int fd = fcntl(a->root, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? layer_sys(a, e, "open root") : fd;
	}
	if (layer_parent(a, path, true, &dir, &name, e) < 0)
		return -e->eno;
	/* opening first spares a stat: most directories are new, and mkdir tells */
	*ret_fresh = true;
	while (mkdirat(dir, name, 0700) < 0) {
		struct stat st;
		if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return layer_sys(a, e, "make directory");
		*ret_fresh = !S_ISDIR(st.st_mode);
		if (!*ret_fresh)
			break;
		if (layer_clear(a, dir, name, e) < 0)
			return -e->eno;
		made = 1;
	}
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return layer_sys(a, e, "open directory");
	/* it took the place of something: nothing of the parents shines through */
	if (made && layer_set_opaque(a, fd, e) < 0) {
		close(fd);
		return -e->eno;
	}
	return fd;
}

/* @path, whose parent is at hand, without links: one on the way may be replaced before the attributes are set */
static const char *real_path(const struct layer_apply *a, const char *path, struct buf *out)
{
	const char *slash = strrchr(path, '/');

	if (!slash || a->parent_real)
		return path;
	buf_printf(out, "%s%s%s", a->parent_path.n ? buf_str(&a->parent_path) : "", a->parent_path.n ? "/" : "", slash + 1);
	return buf_str(out);
}

int layer_put_dir(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e)
{
	bool fresh;
	OWN_FD fd = open_dir(a, path, &fresh, e);
	OWN_BUF real = { 0 };
	uid_t uid;
	gid_t gid;

	if (fd < 0 || layer_owner(a, en, &uid, &gid, e) < 0)
		return -e->eno;
	path = real_path(a, path, &real);
	struct layer_dir *d = path ? remember(a, path, fd, e) : NULL;
	if (!path)
		return err_new(e, E_NOMEM, ENOMEM, "entry name");
	if (!d)
		return -e->eno;
	d->fresh = fresh;
	d->mode = en->mode;
	d->uid = uid;
	d->gid = gid;
	layer_times(en, d->times);
	return en->n_xattrs ? copy_xattrs(a, d, en, e) : 0;
}

/* by file, in the order of the archive */
static int dir_compare(const void *x, const void *y)
{
	const struct layer_dir *a = x, *b = y;

	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Of the records of one inode: those before the last time that it was made are of a directory that is
 * gone; of the others the last entry counts, and any entry more than an implied one. */
static const struct layer_dir *best_record(const struct layer_dir *d, size_t n)
{
	const struct layer_dir *best = &d[0];

	for (size_t i = 1; i < n; i++)
		if (d[i].fresh || best->implied || !d[i].implied)
			best = &d[i];
	return best;
}

static int path_compare(const void *x, const void *y)
{
	const struct layer_dir *a = x, *b = y;
	return strcmp(a->path, b->path);
}

static int finish_dir(struct layer_apply *a, const struct layer_dir *d, struct err *e)
{
	OWN_FD fd = -1;
	const char *name;
	struct stat st;
	int dir;

	layer_show(a, d->path);
	if (!*d->path)
		fd = fcntl(a->root, F_DUPFD_CLOEXEC, 3);
	else {
		int r = layer_parent(a, d->path, false, &dir, &name, e);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	/* replaced by something else later in the archive */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != d->ino)
		return 0;
	if (d->implied) {
		buf_putc(a->loose, 'D');
		buf_add(a->loose, d->path, strlen(d->path) + 1);
	}
	if (layer_chown(a, fd, NULL, d->uid, d->gid, e) < 0 ||
	    layer_set_xattrs(a, fd, d->xattrs, d->n_xattrs, e) < 0)
		return -e->eno;
	if (fchmod(fd, d->mode) < 0)
		return layer_sys(a, e, "chmod");
	if (futimens(fd, d->times) < 0)
		return layer_sys(a, e, "set times");
	return 0;
}

int layer_finish_dirs(struct layer_apply *a, struct err *e)
{
	size_t n = 0;
	bool root = false;

	/* one record per directory */
	if (a->n_dirs)
		qsort(a->dirs, a->n_dirs, sizeof *a->dirs, dir_compare);
	for (size_t i = 0, same; i < a->n_dirs; i += same) {
		for (same = 1; i + same < a->n_dirs && a->dirs[i + same].ino == a->dirs[i].ino;)
			same++;
		a->dirs[n++] = *best_record(&a->dirs[i], same);
	}
	a->n_dirs = n;
	if (n)
		qsort(a->dirs, n, sizeof *a->dirs, path_compare);
	for (size_t i = 0; i < n; i++) {
		/* children first would not do either: a parent without permission to search stops
		 * nobody who has CAP_DAC_OVERRIDE, and others own what they unpack */
		root = root || !*a->dirs[n - 1 - i].path;
		if (finish_dir(a, &a->dirs[n - 1 - i], e) < 0)
			return -e->eno;
	}
	if (!root) {
		buf_putc(a->loose, 'D');
		buf_putc(a->loose, 0);
		const struct timespec zero[2] = { { 0 } };
		if (futimens(a->root, zero) < 0)
			return layer_sys(a, e, "set times");
	}
	return 0;
}
