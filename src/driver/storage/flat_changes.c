/* SPDX-License-Identifier: Apache-2.0
 *
 * What a container with a tree of its own has changed, as overlay would have kept it: see
 * flat_int.h.
 *
 * A file is unchanged when kind, owner, mode, size, time of content and link are as in the image, and the
 * kernel has not touched its inode since the tree was made. Where it has, or where a directory above
 * was moved or filled (files of it may be others under the same names), content and attributes are compared.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"
#include "store/attr.h"

enum { BLOCK = 1 << 16, FUSE_MAGIC = 0x65735546 };

struct changes {
	struct merge m;
	struct timespec made;
	bool seconds_only; /* times of the container's file system may be cut off (zfs-fuse does so) */
	int to_root;
	struct flat_links links;
	char *block; /* two of BLOCK */
	char path[PATH_MAX];
};

/* A directory of the container and what the image has in its place (n 0: nothing). */
struct place {
	int from, to;
	struct merge_dir lower;
	size_t path_n;
	bool touched; /* it, or one above it but the root, since the tree was made */
	int depth;
};

static bool is_newer(const struct stat *st, const struct timespec *t)
{
	if (st->st_ctim.tv_sec != t->tv_sec)
		return st->st_ctim.tv_sec > t->tv_sec;
	/* a file system that knows seconds only: at any time of this one */
	return !st->st_ctim.tv_nsec || st->st_ctim.tv_nsec >= t->tv_nsec;
}

/* @a of the container, @b of the image */
static bool same_stat(const struct changes *c, const struct stat *a, const struct stat *b)
{
	bool whole = c->seconds_only && !a->st_mtim.tv_nsec;
	bool dir = S_ISDIR(a->st_mode);

	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_rdev == b->st_rdev && (dir || a->st_size == b->st_size) &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && (whole || a->st_mtim.tv_nsec == b->st_mtim.tv_nsec);
}

static int same_content(struct changes *c, int a, int b, struct err *e)
{
	for (;;) {
		ssize_t n = io_read_full(a, c->block, BLOCK), m = io_read_full(b, c->block + BLOCK, BLOCK);
		if (n < 0 || m < 0)
			return err_sys(e, errno, "compare");
		if (n != m || memcmp(c->block, c->block + BLOCK, (size_t)n) != 0)
			return 0;
		if (!n)
			return 1;
	}
}

static int same_link(int a, const char *a_name, int b, const char *b_name)
{
	char x[PATH_MAX], y[PATH_MAX];
	ssize_t n = readlinkat(a, a_name, x, sizeof x), m = readlinkat(b, b_name, y, sizeof y);

	return n >= 0 && n == m && !memcmp(x, y, (size_t)n);
}

/* 1: @name is as the image has it in @entry, 0: not. Directories: without what is in them. */
static int unchanged(struct changes *c, const struct place *p, const char *name, const struct stat *st,
		     const struct merge_entry *entry, struct err *e)
{
	char ours[64 + NAME_MAX], theirs[64 + NAME_MAX];
	OWN_FD dir = -1;

	if (!same_stat(c, st, &entry->st))
		return 0;
	if (!p->touched && !is_newer(st, &c->made))
		return 1;
	if (merge_dir_open(&c->m, &p->lower, entry->layer, &dir, e) < 0)
		return -e->eno;
	(void)snprintf(ours, sizeof ours, "/proc/self/fd/%d/%s", p->from, name);
	(void)snprintf(theirs, sizeof theirs, "/proc/self/fd/%d/%s", dir, name);
	if (attr_compare(ours, theirs))
		return 0;
	if (S_ISLNK(st->st_mode))
		return same_link(p->from, name, dir, name);
	if (!S_ISREG(st->st_mode))
		return 1;
	OWN_FD a = openat(p->from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	OWN_FD b = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (a < 0 || b < 0)
		return err_sys(e, errno, "open");
	return same_content(c, a, b, e);
}

static int keep_file(struct changes *c, const struct place *p, const char *name, const struct stat *st, struct err *e)
{
	/* the same file, on the same file system: a running container may go on writing, as with overlay */
	if (S_ISREG(st->st_mode) && !linkat(p->from, name, p->to, name, 0))
		return 0;
	if (st->st_nlink > 1) {
		const char *twin = flat_links_find(&c->links, 0, st);
		if (twin)
			return linkat(c->to_root, twin, p->to, name, 0) < 0 ? err_sys(e, errno, "link") : 0;
		if (!S_ISSOCK(st->st_mode) && flat_links_add(&c->links, 0, st, c->path, e) < 0)
			return -e->eno;
	}
	if (!S_ISREG(st->st_mode))
		return attr_copy_special(p->from, name, p->to, name, st, e);
	OWN_FD from = openat(p->from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (from < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open");
	return flat_copy_file(from, p->to, name, e);
}

static int walk(struct changes *c, const struct place *p, size_t *ret_kept, struct err *e);

/* 1: the directory is part of the difference, 0: not */
static int keep_dir(struct changes *c, const struct place *p, const char *name, size_t path_n, const struct stat *st,
		    const struct merge_entry *entry, struct err *e)
{
	ARENA a = { 0 };
	struct place sub = { .path_n = path_n, .depth = p->depth + 1,
			     .touched = p->touched || is_newer(st, &c->made) };
	size_t kept = 0;
	int same = 0;

	if (entry && S_ISDIR(entry->st.st_mode)) {
		if (merge_enter(&c->m, &p->lower, entry, &a, &sub.lower, e) < 0 ||
		    (same = unchanged(c, p, name, st, entry, e)) < 0)
			return -e->eno;
	}
	OWN_FD from = openat(p->from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open");
	if (mkdirat(p->to, name, 0700) < 0)
		return err_sys(e, errno, "mkdir");
	OWN_FD to = openat(p->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return err_sys(e, errno, "open");
	sub.from = from;
	sub.to = to;
	if (walk(c, &sub, &kept, e) < 0)
		return -e->eno;
	if (!kept && same)
		return unlinkat(p->to, name, AT_REMOVEDIR) < 0 ? err_sys(e, errno, "rmdir") : 0;
	return attr_copy(from, to, e) < 0 ? -e->eno : 1;
}

static const struct merge_entry *find(const struct merge_entry *list, size_t n, const char *name, bool *seen)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strcmp(name, list[mid].name);
		if (!r) {
			seen[mid] = true;
			return &list[mid];
		}
		if (r < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static int one(struct changes *c, const struct place *p, const char *name, const struct merge_entry *entry,
	       size_t *kept, struct err *e)
{
	struct stat st;

	if (fstatat(p->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "stat"); /* gone meanwhile */
	int n = snprintf(c->path + p->path_n, sizeof c->path - p->path_n, "%s%s", p->path_n ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof c->path - p->path_n)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path");
	if (S_ISDIR(st.st_mode)) {
		int r = keep_dir(c, p, name, p->path_n + (size_t)n, &st, entry, e);
		*kept += r > 0;
		return r < 0 ? r : 0;
	}
	int same = entry ? unchanged(c, p, name, &st, entry, e) : 0;
	if (same)
		return same < 0 ? same : 0;
	++*kept;
	return keep_file(c, p, name, &st, e);
}

static int walk(struct changes *c, const struct place *p, size_t *ret_kept, struct err *e)
{
	ARENA a = { 0 };
	struct merge_entry *list = NULL;
	size_t n = 0;

	if (p->depth > FLAT_DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "tree is too deep");
	if (p->lower.n && merge_list(&c->m, &p->lower, &a, &list, &n, e) < 0)
		return -e->eno;
	bool *seen = arena_get(&a, n + 1);
	int copy = openat(p->from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = copy < 0 ? NULL : fdopendir(copy);
	if (!d || !seen)
		return err_sys(e, seen ? errno : ENOMEM, "read directory");
	errno = 0;
	for (struct dirent *en; (en = readdir(d)); errno = 0) {
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, ".."))
			continue;
		if (one(c, p, en->d_name, find(list, n, en->d_name, seen), ret_kept, e) < 0)
			return p->depth ? -e->eno : err_ctx(e, "%s", c->path);
	}
	if (errno)
		return err_sys(e, errno, "read directory");
	for (size_t i = 0; i < n; i++) {
		if (seen[i])
			continue;
		if (mknodat(p->to, list[i].name, S_IFCHR, makedev(0, 0)) < 0)
			return err_sys(e, errno, "whiteout of %s", list[i].name);
		++*ret_kept;
	}
	return 0;
}

static int compare(struct changes *c, int tree, int to, struct err *e)
{
	ARENA a = { 0 };
	struct place root = { .from = tree, .to = to };
	size_t kept = 0;

	if (!(c->block = malloc(2 * BLOCK)))
		return err_new(e, E_NOMEM, ENOMEM, "compare");
	if (merge_root(&c->m, &a, &root.lower, e) < 0 || walk(c, &root, &kept, e) < 0)
		return -e->eno;
	return 0;
}

int flat_changes_since(const struct store *s, const char *id, int tree, const struct timespec *since,
		       const struct storage_lowers *lowers, struct storage_changes *ret, struct err *e)
{
	struct storage_changes made = { .fd = -1 };
	struct changes c = { .made = *since };
	struct statfs fs;

	if (merge_open(lowers, &c.m, e) < 0)
		return -e->eno;
	c.seconds_only = !fstatfs(tree, &fs) && fs.f_type == FUSE_MAGIC;
	int r = storage_temp_begin(s, made.key, &made.fd, e);
	if (r >= 0) {
		c.to_root = made.fd;
		if ((r = compare(&c, tree, made.fd, e)) < 0)
			storage_changes_done(s, &made);
	}
	free(c.block);
	flat_links_done(&c.links);
	merge_done(&c.m);
	if (r < 0)
		return err_ctx(e, "changes of container %.12s", id);
	*ret = made;
	return 0;
}

int flat_changes_of(const struct store *s, const char *id, int tree, const struct storage_lowers *lowers,
		    struct storage_changes *ret, struct err *e)
{
	char mark[STORAGE_PATH_MAX];
	struct stat st;

	if (storage_rw_path(id, "/made", mark, e) < 0)
		return -e->eno;
	if (fstatat(s->root_fd, mark, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "stat %s", mark);
	return flat_changes_since(s, id, tree, &st.st_ctim, lowers, ret, e);
}

int flat_changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		 struct storage_changes *ret, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "/fs", path, e) < 0)
		return -e->eno;
	OWN_FD tree = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return tree < 0 ? err_sys(e, errno, "open %s", path) : flat_changes_of(s, id, tree, lowers, ret, e);
}

uint64_t flat_bytes(const struct storage_ops *ops, const struct store *s, const char *id, const struct storage_lowers *lowers)
{
	struct storage_changes c;
	struct err ignored = { 0 };

	return ops->changes(s, id, lowers, &c, &ignored) < 0 ? 0 : storage_changes_bytes(s, &c);
}
