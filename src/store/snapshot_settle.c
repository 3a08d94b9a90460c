/* SPDX-License-Identifier: Apache-2.0
 *
 * Settling a snapshot: an archive may name a file without its directories, or link to a file that
 * only a parent layer has. Unpacked above its parents the directory would keep its attributes and
 * the link would be made; a layer that was unpacked alone catches up here.
 *
 *   parents, topmost first:  found -> take it | hidden by a whiteout -> stop | absent -> go down
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "store/attr.h"
#include "store/snapshot.h"

enum { LOOSE_MAX = 256 << 20 };

enum found { FOUND_HERE, FOUND_ABSENT, FOUND_HIDDEN };

static bool is_opaque(int xdir)
{
	char v[2];
	return (fgetxattr(xdir, "trusted.overlay.opaque", v, sizeof v) == 1 && v[0] == 'y') ||
	       (fgetxattr(xdir, "user.overlay.opaque", v, sizeof v) == 1 && v[0] == 'y');
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Walk @path below one layer without following anything. @ret_dir, @ret_name: its place; also of a
 * whiteout. @ret_opaque: whether a directory on the way hides the parents. */
static enum found look_opaque(int xlayer, const char *path, int *ret_dir, char ret_name[256],
			      struct stat *ret_st, bool *ret_opaque)
{
	OWN_FD dir = fcntl(xlayer, F_DUPFD_CLOEXEC, 3);
	bool opaque = false;

	while (dir >= 0) {
		size_t n = strcspn(path, "/");
		if (n > 255)
			return FOUND_HIDDEN;
		memcpy(ret_name, path, n);
		ret_name[n] = 0;
		if (fstatat(dir, ret_name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
			return opaque ? FOUND_HIDDEN : FOUND_ABSENT;
		bool whiteout = is_whiteout(ret_st);
		*ret_opaque = opaque;
		if (!path[n]) {
			*ret_dir = fd_take(&dir);
			return whiteout ? FOUND_HIDDEN : FOUND_HERE;
		}
		if (!S_ISDIR(ret_st->st_mode))
			return FOUND_HIDDEN;
		int sub = openat(dir, ret_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		close(dir);
		dir = sub;
		opaque = opaque || (dir >= 0 && is_opaque(dir));
		path += n + 1;
	}
	return FOUND_HIDDEN;
}

static enum found look(int xlayer, const char *path, int *ret_dir, char ret_name[256],
		       struct stat *ret_st)
{
	bool ignored;
	enum found f = look_opaque(xlayer, path, ret_dir, ret_name, ret_st, &ignored);

	if (f != FOUND_HERE)
		own_fd_done(ret_dir);
	return f;
}

struct settle {
	const struct store *s;
	const char *const *chain;
	size_t n; /* the layer to settle is chain[n - 1] */
	int top;
	struct parent {
		int fd;    /* -1: not opened yet */
		bool last; /* hides what is below it */
	} *parents;
};

static int open_layer(const struct store *s, const char *chain_id, int *ret_fd, bool *ret_last,
		      struct err *e)
{
	char path[SNAPSHOT_PATH_MAX], name[SNAPSHOT_PATH_MAX + 16];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	const struct store *home = s->n_others ? snapshot_home(s, chain_id, STORE_DIFF) : s;
	if (home) /* else the error below says so */
		s = home;
	(void)snprintf(name, sizeof name, "%s/opaque", path);
	*ret_last = !faccessat(s->root_fd, name, F_OK, 0);
	(void)snprintf(name, sizeof name, "%s/diff", path);
	*ret_fd = openat(s->root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", name) : 0;
}

static int parent_of(const struct settle *q, size_t i, const struct parent **ret, struct err *e)
{
	struct parent *p = &q->parents[i];

	*ret = p;
	return p->fd >= 0 ? 0 : open_layer(q->s, q->chain[i], &p->fd, &p->last, e);
}

/* the place of @path in the parents; 1 found, 0 not */
static int look_parents(const struct settle *q, const char *path, int *ret_dir, char ret_name[256],
			struct stat *ret_st, struct err *e)
{
	for (size_t i = q->n - 1; i--;) {
		const struct parent *p;
		if (parent_of(q, i, &p, e) < 0)
			return -e->eno;
		switch (look(p->fd, path, ret_dir, ret_name, ret_st)) {
		case FOUND_HERE:
			return 1;
		case FOUND_HIDDEN:
			return 0;
		case FOUND_ABSENT:
			break;
		}
		if (p->last)
			return 0;
	}
	return 0;
}

static int settle_root(const struct settle *q, struct err *e)
{
	const struct parent *p;

	if (q->n < 2)
		return 0;
	return parent_of(q, q->n - 2, &p, e) < 0 ? -e->eno : attr_copy(p->fd, q->top, e);
}

static int settle_dir(const struct settle *q, const char *path, struct err *e)
{
	OWN_FD from_dir = -1, to_dir = -1;
	char from[256], to[256];
	struct stat st;
	bool hidden;

	if (!*path)
		return settle_root(q, e);
	/* what this layer hides has no attributes to give either */
	if (look_opaque(q->top, path, &to_dir, to, &st, &hidden) != FOUND_HERE || hidden ||
	    !S_ISDIR(st.st_mode))
		return 0;
	int r = look_parents(q, path, &from_dir, from, &st, e);
	if (r <= 0 || !S_ISDIR(st.st_mode))
		return r < 0 ? r : 0;
	OWN_FD a = openat(from_dir, from, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_FD b = openat(to_dir, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (a < 0 || b < 0)
		return err_sys(e, errno, "open directory %s", path);
	return attr_copy(a, b, e);
}

static int copy_file(int xfrom_dir, const char *from, int xto_dir, const char *to, struct err *e)
{
	OWN_FD a = openat(xfrom_dir, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (a < 0)
		return err_sys(e, errno, "open %s", from);
	OWN_FD b = openat(xto_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b < 0)
		return err_sys(e, errno, "create %s", to);
	return io_copy_file(a, b, e) < 0 ? -e->eno : attr_copy(a, b, e);
}

/* anything that is neither file nor directory */
static int copy_special(int xfrom_dir, const char *from, int xto_dir, const char *to,
			const struct stat *st, struct err *e)
{
	char target[4096];

	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(xfrom_dir, from, target, sizeof target - 1);
		if (n < 0)
			return err_sys(e, errno, "read link %s", from);
		target[n] = 0;
		if (symlinkat(target, xto_dir, to) < 0)
			return err_sys(e, errno, "link %s", to);
	} else if (mknodat(xto_dir, to, st->st_mode, st->st_rdev) < 0 ||
		   fchmodat(xto_dir, to, st->st_mode & 07777, 0) < 0) {
		return err_sys(e, errno, "make node %s", to);
	}
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (fchownat(xto_dir, to, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(xto_dir, to, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "attributes of %s", to);
	return 0;
}

/* the directory of @path in the layer itself; the archive's own part has made it */
static int open_parent(int xtop, const char *path, int *ret_dir, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir_name[256];
	struct stat st;

	*ret_name = slash ? slash + 1 : path;
	if (!slash) {
		*ret_dir = fcntl(xtop, F_DUPFD_CLOEXEC, 3);
		return *ret_dir < 0 ? err_sys(e, errno, "dup") : 0;
	}
	OWN_STR parent = strndup(path, (size_t)(slash - path));
	OWN_FD above = -1;
	if (!parent)
		return err_new(e, E_NOMEM, ENOMEM, "settle");
	if (look(xtop, parent, &above, dir_name, &st) != FOUND_HERE)
		return err_new(e, E_CORRUPT, ENOENT, "directory %s is missing", parent);
	*ret_dir = openat(above, dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_dir < 0 ? err_sys(e, errno, "open directory %s", parent) : 0;
}

static int keep_times(int xdir, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	return futimens(xdir, times);
}

/* copy up, then link: both names share one file, as overlay would do it */
static int settle_link(const struct settle *q, const char *target, const char *path, struct err *e)
{
	OWN_FD from_dir = -1, to_dir = -1, target_dir = -1;
	char from[256];
	const char *to, *target_name;
	struct stat st, have, dir_before;

	if (open_parent(q->top, path, &to_dir, &to, e) < 0)
		return -e->eno;
	if (fstat(to_dir, &dir_before) < 0)
		return err_sys(e, errno, "stat directory of %s", path);
	if (!fstatat(to_dir, to, &have, AT_SYMLINK_NOFOLLOW))
		return 0; /* settled before, or replaced by a later entry */
	if (open_parent(q->top, target, &target_dir, &target_name, e) < 0)
		return -e->eno;
	/* the target is in the layer only when another link to it has copied it up */
	if (!linkat(target_dir, target_name, to_dir, to, 0))
		return keep_times(to_dir, &dir_before) < 0 ? err_sys(e, errno, "times of the directory of %s", path) : 0;
	if (errno != ENOENT && errno != EMLINK)
		return err_sys(e, errno, "link %s", path);
	int r = look_parents(q, target, &from_dir, from, &st, e);
	if (r < 0)
		return r;
	if (!r)
		return err_new(e, E_CORRUPT, ENOENT, "hard link %s to missing %s", path, target);
	if (S_ISDIR(st.st_mode))
		return err_new(e, E_CORRUPT, EPERM, "hard link %s to directory %s", path, target);
	r = S_ISREG(st.st_mode) ? copy_file(from_dir, from, to_dir, to, e) :
				  copy_special(from_dir, from, to_dir, to, &st, e);
	if (r < 0)
		return r;
	struct stat before;
	if (fstat(target_dir, &before) < 0)
		return err_sys(e, errno, "stat directory of %s", target);
	if (linkat(to_dir, to, target_dir, target_name, 0) < 0 && errno != EEXIST && errno != EMLINK)
		return err_sys(e, errno, "link %s", target);
	/* the directories' times are the archive's */
	if (keep_times(target_dir, &before) < 0 || keep_times(to_dir, &dir_before) < 0)
		return err_sys(e, errno, "times of the directory of %s", path);
	return 0;
}

/* Overlay leaves whiteouts out of the listing of merged directories only. One in a directory that
 * no parent has, or in an opaque one, would be seen as a name without a file. */
static int settle_whiteout(const struct settle *q, const char *path, struct err *e)
{
	OWN_FD dir = -1, from_dir = -1;
	char name[256], from[256];
	struct stat st, before;
	bool opaque;

	/* replaced by a later entry, or below a link: nothing to do */
	if (look_opaque(q->top, path, &dir, name, &st, &opaque) != FOUND_HIDDEN || dir < 0)
		return 0;
	int r = opaque ? 0 : look_parents(q, path, &from_dir, from, &st, e);
	if (r)
		return r < 0 ? r : 0;
	if (fstat(dir, &before) < 0 || unlinkat(dir, name, 0) < 0 || keep_times(dir, &before) < 0)
		return err_sys(e, errno, "remove whiteout of %s", path);
	return 0;
}

static int settle_all(const struct settle *q, const char *p, const char *end, struct err *e)
{
	while (p < end) {
		char what = *p++;
		size_t n = strlen(p);
		if (what == 'D' && settle_dir(q, p, e) < 0)
			return -e->eno;
		if (what == 'W' && settle_whiteout(q, p, e) < 0)
			return -e->eno;
		if (what == 'L') {
			const char *name = p + n + 1;
			if (name >= end)
				break;
			if (settle_link(q, p, name, e) < 0)
				return -e->eno;
			n += strlen(name) + 1;
		}
		p += n + 1;
	}
	return 0;
}

int snapshot_settle(const struct store *s, const char *const *chain, size_t n, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX], name[SNAPSHOT_PATH_MAX + 16];
	struct settle q = { .s = s, .chain = chain, .n = n };
	OWN_STR list = NULL;
	OWN_FD top = -1, lock = -1;
	size_t bytes;
	bool last;

	if (!n)
		return 0;
	if (snapshot_path(chain[n - 1], path, e) < 0)
		return -e->eno;
	(void)snprintf(name, sizeof name, "%s/loose", path);
	if (faccessat(s->root_fd, name, F_OK, 0) < 0)
		return 0;
	/* rare, so one lock for all is good enough; two at once would trip over each other's files */
	if (io_mkdir_p(s->root_fd, "locks", 0700, e) < 0 ||
	    lock_take(s->root_fd, "locks/settle", LOCK_EXCLUSIVE, &lock, e) < 0)
		return err_ctx(e, "settle layer");
	if (faccessat(s->root_fd, name, F_OK, 0) < 0)
		return 0;
	if (io_read_file(s->root_fd, name, LOOSE_MAX, &list, &bytes, e) < 0 ||
	    open_layer(s, chain[n - 1], &top, &last, e) < 0)
		return err_ctx(e, "settle layer");
	q.top = top;
	if (last)
		q.n = 1; /* as if there were no parents */
	q.parents = calloc(n, sizeof *q.parents);
	if (!q.parents)
		return err_new(e, E_NOMEM, ENOMEM, "settle layer");
	for (size_t i = 0; i < n; i++)
		q.parents[i].fd = -1;
	int r = settle_all(&q, list, list + bytes, e);
	for (size_t i = 0; i < n; i++)
		own_fd_done(&q.parents[i].fd);
	free(q.parents);
	if (r < 0)
		return err_ctx(e, "settle layer %s", chain[n - 1]);
	if (unlinkat(s->root_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "settle layer: remove %s", name);
	return 0;
}

int snapshot_look(const struct store *s, const char *const *chain, size_t n, const char *path, int *ret_dir,
		  struct stat *ret, struct err *e)
{
	OWN_PTR struct parent *parents = calloc(n + 1, sizeof *parents);
	const struct settle q = { .s = s, .chain = chain, .n = n + 1, .top = -1, .parents = parents };
	OWN_FD above = -1;
	char name[256];

	*ret_dir = -1;
	if (!parents)
		return err_new(e, E_NOMEM, ENOMEM, "look into layers");
	for (size_t i = 0; i < n; i++)
		parents[i].fd = -1;
	int r = look_parents(&q, *path ? path : ".", &above, name, ret, e);
	for (size_t i = 0; i < n; i++)
		own_fd_done(&parents[i].fd);
	if (r <= 0 || !S_ISDIR(ret->st_mode))
		return r;
	*ret_dir = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_dir < 0 ? err_sys(e, errno, "open directory %s", path) : 1;
}
