/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees in memory: see fstree.h. Directories are hash tables with linear probing; a name that was
 * taken away keeps its slot, so that the search goes on behind it.
 */
#include "format/fstree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SLOTS_MIN = 8 };

static void *take(struct fstree *t, size_t n)
{
	t->bytes += n;
	return arena_get(&t->a, n);
}

struct fsnode *fstree_node(struct fstree *t, mode_t mode)
{
	struct fsnode *n = take(t, sizeof *n);

	if (!n)
		return NULL;
	*n = (struct fsnode){ .mode = mode };
	t->n_nodes++;
	return n;
}

void *fstree_copy_bytes(struct fstree *t, const void *p, size_t n)
{
	void *copy = take(t, n + 1);

	if (copy) {
		memcpy(copy, p, n);
		((char *)copy)[n] = 0;
	}
	return copy;
}

char *fstree_copy(struct fstree *t, const char *s)
{
	return fstree_copy_bytes(t, s, strlen(s));
}

int fstree_init(struct fstree *t, struct err *e)
{
	*t = (struct fstree){ 0 };
	t->root = fstree_node(t, S_IFDIR | 0755);
	return t->root ? 0 : err_new(e, E_NOMEM, ENOMEM, "tree");
}

void fstree_done(struct fstree *t)
{
	arena_done(&t->a);
	*t = (struct fstree){ 0 };
}

/* FNV-1a */
static size_t hash(const char *s, size_t n)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	return (size_t)(h ^ (h >> 32));
}

/* the slot of @name, or the free one where it would go */
static struct fsentry *slot(const struct fsnode *dir, const char *name, size_t n)
{
	for (size_t i = hash(name, n) & (dir->cap - 1);; i = (i + 1) & (dir->cap - 1)) {
		struct fsentry *en = &dir->slots[i];
		if (!en->name || (!strncmp(en->name, name, n) && !en->name[n]))
			return en;
	}
}

struct fsentry *fstree_find(const struct fsnode *dir, const char *name, size_t n)
{
	struct fsentry *en = dir->cap ? slot(dir, name, n) : NULL;

	return en && en->node ? en : NULL;
}

static int grow(struct fstree *t, struct fsnode *dir)
{
	size_t old = dir->cap;
	struct fsentry *from = dir->slots;
	/* names that were taken away are not carried over */
	size_t cap = SLOTS_MIN;
	while (cap < dir->n * 2 + 2)
		cap *= 2;
	struct fsentry *to = take(t, cap * sizeof *to);

	if (!to)
		return -ENOMEM;
	memset(to, 0, cap * sizeof *to);
	dir->slots = to;
	dir->cap = cap;
	dir->used = dir->n;
	for (size_t i = 0; i < old; i++)
		if (from[i].node)
			*slot(dir, from[i].name, strlen(from[i].name)) = from[i];
	return 0;
}

void fstree_drop(struct fsnode *dir, struct fsentry *en)
{
	en->node = NULL;
	dir->n--;
}

int fstree_put(struct fstree *t, struct fsnode *dir, const char *name, size_t n, struct fsnode *node,
	       unsigned layer, struct err *e)
{
	if ((dir->used + 1) * 4 > dir->cap * 3 && grow(t, dir) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "tree");
	struct fsentry *en = slot(dir, name, n);
	if (!en->name) {
		en->name = fstree_copy_bytes(t, name, n);
		if (!en->name)
			return err_new(e, E_NOMEM, ENOMEM, "tree");
		dir->used++;
	}
	if (en->node != node) {
		dir->n += !en->node;
		en->node = node;
	}
	en->layer = layer;
	return 0;
}

/* whether anything below @dir is of @layer or later */
static bool has_newer(const struct fsnode *dir, unsigned layer)
{
	for (size_t i = 0; i < dir->cap; i++) {
		const struct fsentry *en = &dir->slots[i];
		if (en->node && (en->layer >= layer || en->touched >= layer || (S_ISDIR(en->node->mode) && has_newer(en->node, layer))))
			return true;
	}
	return false;
}

static void forget_attributes(struct fsnode *n)
{
	n->mode = S_IFDIR | 0755;
	n->uid = n->gid = 0;
	n->mtime_s = n->mtime_ns = 0;
	n->n_xattrs = 0;
}

void fstree_hide(struct fsnode *dir, unsigned layer)
{
	for (size_t i = 0; i < dir->cap; i++) {
		struct fsentry *en = &dir->slots[i];
		if (!en->node)
			continue;
		bool is_dir = S_ISDIR(en->node->mode);
		if (en->layer < layer && en->touched < layer && !(is_dir && has_newer(en->node, layer))) {
			fstree_drop(dir, en);
			continue;
		}
		if (is_dir && en->layer < layer)
			forget_attributes(en->node);
		if (is_dir)
			fstree_hide(en->node, layer);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct fsentry *x = *(struct fsentry *const *)a, *y = *(struct fsentry *const *)b;
	return strcmp(x->name, y->name); /* as unsigned bytes */
}

struct fsentry **fstree_sorted(const struct fsnode *dir, struct arena *a)
{
	struct fsentry **list = dir->n ? arena_get(a, dir->n * sizeof *list) : NULL;
	size_t n = 0;

	for (size_t i = 0; list && i < dir->cap; i++)
		if (dir->slots[i].node)
			list[n++] = &dir->slots[i];
	if (list)
		qsort(list, n, sizeof *list, by_name);
	return list;
}
