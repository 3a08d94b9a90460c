/* SPDX-License-Identifier: Apache-2.0
 *
 * What only the layers below can tell of a layer, as store/snapshot_settle.c does it for one that is unpacked: the
 * attributes of directories that have no entry, and whiteouts that hide nothing, which overlay would show where no
 * directories are merged.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/own.h"
#include "registry/lazy/lazy_int.h"
#include "store/attr.h"
#include "store/snapshot.h"

enum { XATTR_LIST_BYTES = 65536, XATTR_VALUE_BYTES = 65536 }; /* limits of Linux */

struct settle {
	struct lazy_image *img;
	size_t i;            /* the layer */
	size_t n_here;       /* so many of the lowest are unpacked */
	const char **chain;  /* of those */
	struct buf path;
};

enum found { FOUND_HERE, FOUND_ABSENT, FOUND_HIDDEN };

static bool is_whiteout(const struct fsnode *n)
{
	return S_ISCHR(n->mode) && !n->dev_major && !n->dev_minor;
}

/* @path in one late layer */
static enum found look(const struct lazy_layer *l, const char *path, const struct fsnode **ret)
{
	const struct fsnode *n = l->tree.root;
	bool opaque = false;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		if (!S_ISDIR(n->mode))
			return FOUND_HIDDEN;
		opaque = opaque || lazy_is_opaque(n);
		const struct fsentry *en = fstree_find(n, p, len);
		if (!en)
			return opaque ? FOUND_HIDDEN : FOUND_ABSENT;
		n = en->node;
		if (is_whiteout(n))
			return FOUND_HIDDEN;
		p += len + (p[len] == '/');
	}
	*ret = n;
	return FOUND_HERE;
}

static int attributes_of_fd(struct lazy_layer *l, int xfd, const struct stat *st, struct fsnode *to, struct err *e)
{
	OWN_STR names = malloc(XATTR_LIST_BYTES);
	OWN_STR value = malloc(XATTR_VALUE_BYTES);
	size_t count = 0, k = 0;

	if (!names || !value)
		return err_new(e, E_NOMEM, ENOMEM, "attributes");
	to->mode = S_IFDIR | (st->st_mode & 07777);
	to->uid = st->st_uid;
	to->gid = st->st_gid;
	to->mtime_s = st->st_mtim.tv_sec;
	to->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	ssize_t n = flistxattr(xfd, names, XATTR_LIST_BYTES);
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1)
		count++;
	struct fsxattr *list = arena_get(&l->tree.a, (count + 1) * sizeof *list);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "attributes");
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t len = attr_is_overlay(p) ? -1 : fgetxattr(xfd, p, value, XATTR_VALUE_BYTES);
		if (len < 0)
			continue;
		list[k] = (struct fsxattr){ fstree_copy(&l->tree, p), fstree_copy_bytes(&l->tree, value, (size_t)len), (size_t)len };
		if (!list[k].name || !list[k].value)
			return err_new(e, E_NOMEM, ENOMEM, "attributes");
		k++;
	}
	to->xattrs = list;
	to->n_xattrs = k;
	return 0;
}

static void attributes_of_node(const struct fsnode *from, struct fsnode *to)
{
	to->mode = from->mode;
	to->uid = from->uid;
	to->gid = from->gid;
	to->mtime_s = from->mtime_s;
	to->mtime_ns = from->mtime_ns;
	to->xattrs = from->xattrs; /* trees of an image live together */
	to->n_xattrs = from->n_xattrs - lazy_is_opaque(from);
}

/* What the layers below show at @path: 1 there, 0 not. With @dir, a directory without an entry, and a directory there:
 * it takes the attributes. */
static int below(struct settle *q, const char *path, struct fsnode *dir, struct err *e)
{
	const struct fsnode *n;
	struct stat st;
	OWN_FD fd = -1;

	for (size_t j = q->i; j-- > q->n_here;) {
		enum found f = look(&q->img->layers[j], path, &n);
		if (f == FOUND_HERE && dir && S_ISDIR(n->mode))
			attributes_of_node(n, dir);
		if (f != FOUND_ABSENT)
			return f == FOUND_HERE;
		if (q->img->layers[j].root_opaque)
			return 0;
	}
	int r = q->n_here ? snapshot_look(q->img->store, q->chain, q->n_here, path, &fd, &st, e) : 0;
	if (r > 0 && dir && fd >= 0)
		return attributes_of_fd(&q->img->layers[q->i], fd, &st, dir, e) < 0 ? -e->eno : 1;
	return r;
}

static int walk(struct settle *q, struct fsnode *dir, bool hidden, struct err *e)
{
	size_t len = q->path.n;

	for (size_t i = 0; i < dir->cap; i++) {
		struct fsentry *en = &dir->slots[i];
		if (!en->node || (!S_ISDIR(en->node->mode) && !is_whiteout(en->node)))
			continue;
		if (len)
			buf_putc(&q->path, '/');
		buf_puts(&q->path, en->name);
		if (buf_failed(&q->path))
			return err_new(e, E_NOMEM, ENOMEM, "table of contents");
		int r = 0;
		if (is_whiteout(en->node)) {
			r = hidden ? 0 : below(q, buf_str(&q->path), NULL, e);
			if (!r)
				fstree_drop(dir, en);
		} else {
			bool opaque = lazy_is_opaque(en->node);
			if (!hidden && !en->node->layer)
				r = below(q, buf_str(&q->path), en->node, e);
			if (r > 0 && opaque) /* it took the attributes alone */
				r = lazy_set_opaque(&q->img->layers[q->i], en->node, e);
			if (r >= 0)
				r = walk(q, en->node, hidden || opaque, e);
		}
		if (r < 0)
			return r;
		q->path.n = len;
		if (q->path.p)
			q->path.p[len] = 0;
	}
	return 0;
}

int lazy_tree_settle(struct lazy_image *img, size_t i, struct err *e)
{
	struct lazy_layer *l = &img->layers[i];
	struct settle q = { .img = img, .i = i };
	OWN_PTR const char **chain = calloc(img->n + 1, sizeof *chain);
	int r = 0;

	if (!chain)
		return err_new(e, E_NOMEM, ENOMEM, "table of contents");
	for (; q.n_here < i && !img->layers[q.n_here].late; q.n_here++)
		chain[q.n_here] = img->layers[q.n_here].chain_id;
	q.chain = chain;
	if (!l->tree.root->layer && !l->root_opaque && i)
		r = below(&q, "", l->tree.root, e);
	if (r >= 0)
		r = walk(&q, l->tree.root, l->root_opaque, e);
	buf_done(&q.path);
	return r < 0 ? err_ctx(e, "layer %.19s", l->chain_id) : 0;
}
