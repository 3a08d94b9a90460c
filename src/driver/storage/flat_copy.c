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
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"
#include "store/attr.h"

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
	return io_copy_file(from, to, e) < 0 ? -e->eno : attr_copy(from, to, e);
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
	if (merge_dir_open(&c->m, d, entry->layer, &from, e) < 0)
		return -e->eno;
	return attr_copy_special(from, entry->name, to, entry->name, &entry->st, e);
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
