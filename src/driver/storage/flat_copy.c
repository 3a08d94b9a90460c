/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers of an image copied to one tree: see flat_int.h.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "driver/storage/flat_int.h"
#include "store/attr.h"

enum { XATTR_BYTES = 65536 }; /* limit of Linux */

struct flat_link {
	unsigned source;
	dev_t dev;
	ino_t ino;
	const char *path; /* NULL: free */
};

static size_t slot_of(const struct flat_links *l, unsigned source, const struct stat *st)
{
	size_t i = (size_t)((st->st_ino + source * 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL) & (l->size - 1);

	while (l->slots[i].path && (l->slots[i].source != source || l->slots[i].ino != st->st_ino ||
				    l->slots[i].dev != st->st_dev))
		i = (i + 1) & (l->size - 1);
	return i;
}

const char *flat_links_find(const struct flat_links *l, unsigned source, const struct stat *st)
{
	return l->size ? l->slots[slot_of(l, source, st)].path : NULL;
}

int flat_links_add(struct flat_links *l, unsigned source, const struct stat *st, const char *path, struct err *e)
{
	if (l->n * 2 >= l->size) {
		struct flat_links big = { .n = l->n, .size = l->size ? l->size * 2 : 64, .a = l->a };
		if (!(big.slots = calloc(big.size, sizeof *big.slots)))
			return err_new(e, E_NOMEM, ENOMEM, "hard links");
		for (size_t i = 0; i < l->size; i++)
			if (l->slots[i].path) {
				const struct stat old = { .st_dev = l->slots[i].dev, .st_ino = l->slots[i].ino };
				big.slots[slot_of(&big, l->slots[i].source, &old)] = l->slots[i];
			}
		free(l->slots);
		*l = big;
	}
	struct flat_link *slot = &l->slots[slot_of(l, source, st)];
	*slot = (struct flat_link){ source, st->st_dev, st->st_ino, arena_strdup(&l->a, path) };
	if (!slot->path)
		return err_new(e, E_NOMEM, ENOMEM, "hard links");
	l->n++;
	return 0;
}

void flat_links_done(struct flat_links *l)
{
	free(l->slots);
	arena_done(&l->a);
	*l = (struct flat_links){ 0 };
}

int flat_copy_file(int from, int to_dir, const char *name, struct err *e)
{
	OWN_FD to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (to < 0)
		return err_sys(e, errno, "create");
	return io_copy_fd(from, to, e) < 0 ? -e->eno : attr_copy(from, to, e);
}

/* names of attributes of @path, in @list of XATTR_BYTES; overlay's are taken out */
static ssize_t xattr_names(const char *path, char *list)
{
	ssize_t n = llistxattr(path, list, XATTR_BYTES), w = 0;

	for (ssize_t i = 0; i < n;) {
		size_t len = strlen(list + i) + 1;
		if (!attr_is_overlay(list + i)) {
			memmove(list + w, list + i, len);
			w += (ssize_t)len;
		}
		i += (ssize_t)len;
	}
	return w;
}

static int copy_special_xattrs(const char *from, const char *to, struct err *e)
{
	OWN_STR names = malloc(XATTR_BYTES);
	OWN_STR value = malloc(XATTR_BYTES);

	if (!names || !value)
		return err_new(e, E_NOMEM, ENOMEM, "copy attributes");
	ssize_t n = xattr_names(from, names);
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		ssize_t len = lgetxattr(from, p, value, XATTR_BYTES);
		if (len >= 0 && lsetxattr(to, p, value, (size_t)len, 0) < 0 && errno != ENOTSUP && errno != EPERM)
			return err_sys(e, errno, "set attribute %s", p);
	}
	return 0;
}

int flat_compare_xattrs(const char *a, const char *b)
{
	OWN_STR room = malloc(4 * XATTR_BYTES);

	if (!room)
		return 1;
	char *names = room, *others = room + XATTR_BYTES, *x = others + XATTR_BYTES, *y = x + XATTR_BYTES;
	ssize_t n = xattr_names(a, names), m = xattr_names(b, others);
	if (n != m)
		return 1;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		ssize_t i = lgetxattr(a, p, x, XATTR_BYTES), j = lgetxattr(b, p, y, XATTR_BYTES);
		if (i != j || (i > 0 && memcmp(x, y, (size_t)i) != 0))
			return 1;
	}
	return 0;
}

int flat_copy_special(int xfrom_dir, const char *from_name, int to_dir, const char *name, const struct stat *st,
		      struct err *e)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char target[PATH_MAX], from[PATH_MAX], to[PATH_MAX];

	if (S_ISSOCK(st->st_mode))
		return 0; /* means nothing without its server */
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(xfrom_dir, from_name, target, sizeof target - 1);
		if (n < 0)
			return err_sys(e, errno, "read link");
		target[n] = 0;
		if (symlinkat(target, to_dir, name) < 0)
			return err_sys(e, errno, "link");
	} else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
		return err_sys(e, errno, "mknod");
	}
	if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0))
		return err_sys(e, errno, "set owner and mode");
	(void)snprintf(from, sizeof from, "/proc/self/fd/%d/%s", xfrom_dir, from_name);
	(void)snprintf(to, sizeof to, "/proc/self/fd/%d/%s", to_dir, name);
	if (copy_special_xattrs(from, to, e) < 0)
		return -e->eno;
	return utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(e, errno, "set times") : 0;
}

struct copy {
	struct merge m;
	int root;
	struct flat_links links;
};

static int copy_dir(struct copy *c, const struct merge_dir *d, int to, int depth, struct err *e);

static int copy_sub(struct copy *c, const struct merge_dir *d, const struct merge_entry *entry, int to, int depth,
		    struct err *e)
{
	ARENA a = { 0 };
	struct merge_dir sub;
	OWN_FD from = -1;

	if (mkdirat(to, entry->name, 0700) < 0)
		return err_sys(e, errno, "mkdir");
	OWN_FD dir = openat(to, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "open");
	if (merge_enter(&c->m, d, entry, &a, &sub, e) < 0 || copy_dir(c, &sub, dir, depth + 1, e) < 0)
		return -e->eno;
	/* last: files made in it change its time */
	if (merge_file(&c->m, d, entry, O_RDONLY | O_DIRECTORY, &from, e) < 0)
		return -e->eno;
	return attr_copy(from, dir, e);
}

static int copy_one(struct copy *c, const struct merge_dir *d, const struct merge_entry *entry, int to, int depth,
		    struct err *e)
{
	char path[PATH_MAX];
	const char *twin = NULL;
	OWN_FD from = -1;

	if (S_ISDIR(entry->st.st_mode))
		return copy_sub(c, d, entry, to, depth, e);
	if (entry->st.st_nlink > 1) {
		if (snprintf(path, sizeof path, "%s%s%s", d->path, *d->path ? "/" : "", entry->name) >=
		    (int)sizeof path)
			return err_new(e, E_INVALID, ENAMETOOLONG, "path");
		twin = flat_links_find(&c->links, entry->layer, &entry->st);
		if (twin)
			return linkat(c->root, twin, to, entry->name, 0) < 0 ? err_sys(e, errno, "link to %s", twin) : 0;
		if (flat_links_add(&c->links, entry->layer, &entry->st, path, e) < 0)
			return -e->eno;
	}
	if (S_ISREG(entry->st.st_mode)) {
		if (merge_file(&c->m, d, entry, O_RDONLY | O_NONBLOCK, &from, e) < 0)
			return -e->eno;
		return flat_copy_file(from, to, entry->name, e);
	}
	struct merge_dir up = *d;
	if (path_open_in(c->m.base[entry->layer], *up.path ? up.path : ".", O_RDONLY | O_DIRECTORY, 0, &from, e) < 0)
		return -e->eno;
	return flat_copy_special(from, entry->name, to, entry->name, &entry->st, e);
}

static int copy_dir(struct copy *c, const struct merge_dir *d, int to, int depth, struct err *e)
{
	ARENA a = { 0 };
	struct merge_entry *list;
	size_t n;

	if (depth > FLAT_DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "/%s: tree is too deep", d->path);
	if (merge_list(&c->m, d, &a, &list, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++)
		if (copy_one(c, d, &list[i], to, depth, e) < 0)
			return depth ? -e->eno : err_ctx(e, "copy /%s", list[i].name);
	return 0;
}

int flat_copy(const struct storage_lowers *lowers, int to, struct err *e)
{
	struct copy c = { .root = to };
	struct merge_dir root;
	ARENA a = { 0 };

	if (merge_open(lowers, &c.m, e) < 0)
		return -e->eno;
	int r = merge_root(&c.m, &a, &root, e);
	if (r >= 0)
		r = copy_dir(&c, &root, to, 0, e);
	if (r >= 0 && c.m.n)
		r = attr_copy(c.m.base[0], to, e);
	flat_links_done(&c.links);
	merge_done(&c.m);
	return r;
}
