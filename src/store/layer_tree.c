/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer's archive onto a tree: see layer_tree.h. The rules are those of registry/layer_apply.c, seen from
 * above: a whiteout takes away what lower layers have, never what this one adds; links on the way to
 * an entry count only when this layer made them; what lower layers have in the place of a directory
 * that this layer needs is replaced.
 */
#include "store/layer_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "format/erofs.h"
#include "format/tar.h"
#include "store/layer_name.h"

enum { TREE_BYTES_MAX = 2000 << 20 };

struct late_link {
	const char *path, *target;
};

struct ctx {
	struct fstree *t;
	unsigned layer;
	bool alone;
	struct layer_limits lim;
	struct layer_stats stats;
	struct tar_reader *tar;
	struct erofs_tar *image;
	struct late_link *links; /* hard links whose target has not come yet */
	size_t n_links, cap_links;
	struct arena a;
	char shown[200];
};

static int bad(const struct ctx *c, struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "entry %s: %s", c->shown, what);
}

static int nomem(const struct ctx *c, struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "entry %s", c->shown);
}

/* directory @name of @dir for something below it: what is no directory has to go. NULL: no memory */
static struct fsnode *imply(struct ctx *c, struct fsnode *dir, const char *name, size_t n, struct err *e)
{
	struct fsnode *node = fstree_node(c->t, S_IFDIR | 0755);

	if (!node || fstree_put(c->t, dir, name, n, node, c->layer, e) < 0)
		return NULL;
	return node;
}

/* Walk to the directory that holds the last component of @path, making what is missing. Links of
 * this layer are followed inside the root. @hops counts them over all recursion. */
static struct fsnode *parent_of(struct ctx *c, const char *path, const char **ret_name, int *hops,
				struct err *e);

static struct fsnode *follow(struct ctx *c, const char *dir_path, size_t dir_n, const char *target, int *hops,
			     struct err *e)
{
	OWN_BUF full = { 0 };
	OWN_BUF clean = { 0 };
	const char *name;

	if (++*hops > LAYER_HOPS_MAX) {
		(void)err_new(e, E_CORRUPT, ELOOP, "entry %s: too many symbolic links in its path", c->shown);
		return NULL;
	}
	if (*target != '/')
		buf_add(&full, dir_path, dir_n);
	buf_putc(&full, '/');
	buf_puts(&full, target);
	/* ".." at the root stays there, as in any root directory */
	buf_putc(&full, 0);
	if (buf_failed(&full)) {
		(void)nomem(c, e);
		return NULL;
	}
	const char *p = full.p;
	for (;;) {
		const char *why = layer_clean(p, c->lim.depth, &clean);
		if (buf_failed(&clean)) {
			(void)nomem(c, e);
			return NULL;
		}
		if (!why)
			break;
		const char *up = strstr(p, "..");
		if (!up || strcmp(why, "leaves the root of the layer") != 0) {
			(void)bad(c, e, why);
			return NULL;
		}
		p = up + 2; /* what was before it has led to the root */
	}
	if (!clean.n)
		return c->t->root;
	buf_puts(&clean, "/."); /* the target itself is the directory that is wanted */
	clean.p[clean.n - 1] = 'x';
	return parent_of(c, buf_str(&clean), &name, hops, e);
}

static struct fsnode *parent_of(struct ctx *c, const char *path, const char **ret_name, int *hops, struct err *e)
{
	struct fsnode *dir = c->t->root;
	const char *p = path;

	for (const char *slash; (slash = strchr(p, '/')); p = slash + 1) {
		size_t n = (size_t)(slash - p);
		struct fsentry *en = fstree_find(dir, p, n);
		bool mine = en && en->layer == c->layer;
		if (en && S_ISDIR(en->node->mode)) {
			en->touched = c->layer;
			dir = en->node;
		} else if (mine && S_ISLNK(en->node->mode)) {
			dir = follow(c, path, (size_t)(p - path), en->node->link, hops, e);
		} else {
			/* a file in the way: replaced, as a directory of this layer hides what is below */
			dir = imply(c, dir, p, n, e);
		}
		if (!dir)
			return NULL;
	}
	*ret_name = p;
	return dir;
}

static struct fsnode *place(struct ctx *c, const char *path, const char **ret_name, struct err *e)
{
	int hops = 0;

	if (c->t->bytes > TREE_BYTES_MAX) {
		(void)bad(c, e, "too many entries");
		return NULL;
	}
	return parent_of(c, path, ret_name, &hops, e);
}

static int set_xattrs(struct ctx *c, struct fsnode *n, const struct tar_entry *en, struct err *e)
{
	struct fsxattr *list = en->n_xattrs ? arena_get(&c->t->a, en->n_xattrs * sizeof *list) : NULL;
	size_t k = 0;

	if (en->n_xattrs && !list)
		return nomem(c, e);
	for (size_t i = 0; i < en->n_xattrs; i++) {
		struct layer_acl acl;
		struct tar_xattr use;
		int r = layer_xattr(&en->xattrs[i], &acl, &use);
		if (r < 0)
			return bad(c, e, "malformed access control list");
		if (!r) {
			c->stats.skipped_xattrs++;
			continue;
		}
		list[k] = (struct fsxattr){ fstree_copy(c->t, use.name), fstree_copy_bytes(c->t, use.value, use.n), use.n };
		if (!list[k].name || !list[k].value)
			return nomem(c, e);
		k++;
	}
	uint32_t ignored;
	n->xattrs = list;
	n->n_xattrs = k;
	return erofs_xattr_bytes(n, &ignored, e) < 0 ? err_ctx(e, "entry %s", c->shown) : 0;
}

static int set_attributes(struct ctx *c, struct fsnode *n, const struct tar_entry *en, struct err *e)
{
	struct timespec times[2];

	if (en->uid >= UINT32_MAX || en->gid >= UINT32_MAX)
		return bad(c, e, "owner is out of range");
	layer_times(en, times);
	n->mode = (n->mode & S_IFMT) | en->mode;
	n->uid = (uint32_t)en->uid;
	n->gid = (uint32_t)en->gid;
	n->mtime_s = times[1].tv_sec;
	n->mtime_ns = (uint32_t)times[1].tv_nsec;
	n->layer = c->layer;
	return set_xattrs(c, n, en, e);
}

/* the archive is made of an image: data are where that has them */
static int image_extents(struct ctx *c, struct fsnode *n, const struct tar_entry *en, struct err *e)
{
	struct fsextent *x;
	size_t k;

	if (erofs_tar_extents(c->image, tar_offset(c->tar), c->layer, &c->t->a, &x, &k, e) < 0)
		return err_ctx(e, "entry %s", c->shown);
	c->t->bytes += k * sizeof *x;
	n->size_bytes = en->size;
	n->extents = x;
	n->n_extents = k;
	return 0;
}

static int set_extents(struct ctx *c, struct fsnode *n, const struct tar_entry *en, struct err *e)
{
	size_t k = en->hunks ? en->n_hunks : en->size > 0;
	struct fsextent *x = k ? arena_get(&c->t->a, k * sizeof *x) : NULL;
	uint64_t from = tar_offset(c->tar);
	size_t used = 0;

	if (c->image)
		return image_extents(c, n, en, e);
	if (k && !x)
		return nomem(c, e);
	if (!en->hunks && k)
		x[used++] = (struct fsextent){ 0, en->size, from, c->layer };
	for (size_t i = 0; en->hunks && i < en->n_hunks; i++) {
		if (en->hunks[i].length)
			x[used++] = (struct fsextent){ en->hunks[i].offset, en->hunks[i].length, from, c->layer };
		from += en->hunks[i].length;
	}
	n->size_bytes = en->size;
	n->extents = x;
	n->n_extents = used;
	return 0;
}

static mode_t type_of(enum tar_type t)
{
	return t == TAR_SYMLINK ? S_IFLNK : t == TAR_CHAR ? S_IFCHR : t == TAR_BLOCK ? S_IFBLK :
	       t == TAR_FIFO ? S_IFIFO : S_IFREG;
}

/* everything but directories and hard links */
static int put_node(struct ctx *c, const char *path, const struct tar_entry *en, struct err *e)
{
	const char *name;
	struct fsnode *dir = place(c, path, &name, e);
	struct fsnode *n = dir ? fstree_node(c->t, type_of(en->type)) : NULL;

	if (!n)
		return e->kind ? -e->eno : nomem(c, e);
	if (set_attributes(c, n, en, e) < 0)
		return -e->eno;
	if (en->type == TAR_SYMLINK) {
		if (!*en->link)
			return bad(c, e, "symbolic link without a target");
		n->mode = S_IFLNK | 0777;
		n->link = fstree_copy(c->t, en->link);
		if (!n->link)
			return nomem(c, e);
		c->stats.size_bytes += strlen(en->link);
	} else if (en->type == TAR_FILE) {
		if (set_extents(c, n, en, e) < 0)
			return -e->eno;
	} else if (en->type != TAR_FIFO) {
		n->dev_major = en->dev_major;
		n->dev_minor = en->dev_minor;
	}
	return fstree_put(c->t, dir, name, strlen(name), n, c->layer, e);
}

static int put_dir(struct ctx *c, const char *path, const struct tar_entry *en, struct err *e)
{
	const char *name;
	struct fsnode *dir, *n = c->t->root;

	if (*path) {
		dir = place(c, path, &name, e);
		if (!dir)
			return -e->eno;
		struct fsentry *have = fstree_find(dir, name, strlen(name));
		n = have && S_ISDIR(have->node->mode) ? have->node : imply(c, dir, name, strlen(name), e);
		if (!n)
			return -e->eno;
		have = fstree_find(dir, name, strlen(name));
		have->layer = c->layer;
	}
	return set_attributes(c, n, en, e);
}

/* take away what lower layers have under @name of @dir */
static void hide_name(struct ctx *c, struct fsnode *dir, const char *name)
{
	struct fsentry *en = fstree_find(dir, name, strlen(name));

	if (!en)
		return;
	if (S_ISDIR(en->node->mode)) {
		bool below = false;
		fstree_hide(en->node, c->layer);
		for (size_t i = 0; i < en->node->cap && !below; i++)
			below = en->node->slots[i].node != NULL;
		if (en->layer == c->layer || en->touched == c->layer || below)
			return;
	} else if (en->layer == c->layer) {
		return;
	}
	fstree_drop(dir, en);
}

static int put_whiteout(struct ctx *c, const char *path, const char *base, struct err *e)
{
	const char *ignored, *name = base + 4; /* after ".wh." */
	bool opaque = !strcmp(base, ".wh..wh..opq");

	if (!opaque && text_starts(name, ".wh.")) /* book-keeping of AUFS */
		return 0;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return bad(c, e, "whiteout without a name");
	struct fsnode *dir = place(c, path, &ignored, e);
	if (!dir)
		return -e->eno;
	c->stats.whiteouts++;
	if (opaque)
		fstree_hide(dir, c->layer);
	else
		hide_name(c, dir, name);
	if (opaque && base == path)
		c->stats.root_opaque = true;
	return 0;
}

/* the entry of clean @path, links on the way not followed unless this layer made them */
static struct fsentry *look(struct ctx *c, const char *path)
{
	struct fsnode *dir = c->t->root;
	const char *p = path;

	for (const char *slash; (slash = strchr(p, '/')); p = slash + 1) {
		struct fsentry *en = fstree_find(dir, p, (size_t)(slash - p));
		struct err ignored = { 0 };
		int hops = 0;
		if (en && S_ISLNK(en->node->mode) && en->layer == c->layer)
			dir = follow(c, path, (size_t)(p - path), en->node->link, &hops, &ignored);
		else
			dir = en && S_ISDIR(en->node->mode) ? en->node : NULL;
		if (!dir)
			return NULL;
	}
	return fstree_find(dir, p, strlen(p));
}

/* A link to a file of a lower layer: as overlay would, with a copy of it for both names, so that other
 * names of it stay apart. The data are where they were. */
static struct fsnode *copy_up(struct ctx *c, const char *target, const struct fsnode *from, struct err *e)
{
	const char *name;
	struct fsnode *dir = place(c, target, &name, e);
	struct fsnode *n = dir ? fstree_node(c->t, from->mode) : NULL;

	if (!n) {
		(void)(e->kind ? 0 : nomem(c, e));
		return NULL;
	}
	*n = *from;
	return fstree_put(c->t, dir, name, strlen(name), n, c->layer, e) < 0 ? NULL : n;
}

/* 1: made | 0: there is no such target (yet) */
static int try_link(struct ctx *c, const char *path, const char *target, struct err *e)
{
	struct fsentry *at = look(c, target);
	struct fsnode *n = at ? at->node : NULL;
	const char *name;

	if (!n)
		return 0;
	if (S_ISDIR(n->mode))
		return bad(c, e, "hard link to a directory");
	if (at->layer != c->layer && !(n = copy_up(c, target, n, e)))
		return -e->eno;
	struct fsnode *dir = place(c, path, &name, e);
	if (!dir)
		return -e->eno;
	struct fsentry *have = fstree_find(dir, name, strlen(name));
	if (have && have->node == n) {
		have->layer = c->layer;
		return 1;
	}
	return fstree_put(c->t, dir, name, strlen(name), n, c->layer, e) < 0 ? -e->eno : 1;
}

static int put_link(struct ctx *c, const char *path, const struct tar_entry *en, struct err *e)
{
	OWN_BUF target = { 0 };
	const char *why = layer_clean(en->link, c->lim.depth, &target);

	if (buf_failed(&target))
		return nomem(c, e);
	if (why || !target.n)
		return bad(c, e, why ? why : "hard link without a target");
	int r = try_link(c, path, buf_str(&target), e);
	if (r)
		return r < 0 ? r : 0;
	c->links = arena_grow(&c->a, c->links, &c->cap_links, c->n_links + 1, sizeof *c->links);
	if (!c->links)
		return nomem(c, e);
	c->links[c->n_links++] = (struct late_link){ arena_strdup(&c->a, path), arena_strdup(&c->a, buf_str(&target)) };
	return c->links[c->n_links - 1].path && c->links[c->n_links - 1].target ? 0 : nomem(c, e);
}

static int finish_links(struct ctx *c, struct err *e)
{
	for (size_t i = 0; i < c->n_links; i++) {
		layer_printable(c->links[i].path, c->shown, sizeof c->shown);
		int r = try_link(c, c->links[i].path, c->links[i].target, e);
		if (r < 0)
			return r;
		if (!r && !c->alone)
			return bad(c, e, "hard link to a file that is nowhere");
	}
	return 0;
}

static int put(struct ctx *c, const char *path, const struct tar_entry *en, struct err *e)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	if (text_starts(path, ".wh..wh.plnk/"))
		; /* AUFS: hard links point here */
	else if (text_starts(path, ".wh..wh.") && strcmp(path, ".wh..wh..opq"))
		return 0;
	else if (layer_has_reserved_part(path))
		return bad(c, e, "\".wh.\" in the name of a directory");
	if (text_starts(base, ".wh."))
		return put_whiteout(c, path, base, e);
	if (en->type == TAR_FILE) {
		c->stats.size_bytes += en->size;
		if (en->size > c->lim.total_bytes || c->stats.size_bytes > c->lim.total_bytes)
			return bad(c, e, "the layer is too large");
	}
	switch (en->type) {
	case TAR_DIR:
		return put_dir(c, path, en, e);
	case TAR_HARDLINK:
		return put_link(c, path, en, e);
	case TAR_CHAR: /* overlay's own form of a whiteout */
		if (!en->dev_major && !en->dev_minor) {
			const char *name;
			struct fsnode *dir = place(c, path, &name, e);
			if (dir)
				hide_name(c, dir, name);
			return dir ? 0 : -e->eno;
		}
		return put_node(c, path, en, e);
	case TAR_FILE:
	case TAR_SYMLINK:
	case TAR_BLOCK:
	case TAR_FIFO:
		return put_node(c, path, en, e);
	case TAR_TYPE_N:
		break;
	}
	return bad(c, e, "unknown type");
}

static int apply_entry(struct ctx *c, const struct tar_entry *en, struct buf *name, struct err *e)
{
	layer_printable(en->path, c->shown, sizeof c->shown);
	if (++c->stats.entries > c->lim.entries)
		return bad(c, e, "too many entries in one layer");
	if (!*en->path)
		return bad(c, e, "empty name");
	const char *why = layer_clean(en->path, c->lim.depth, name);
	if (buf_failed(name))
		return nomem(c, e);
	if (why)
		return bad(c, e, why);
	if (!*name->p)
		return en->type == TAR_DIR ? put_dir(c, "", en, e) : bad(c, e, "the root of a layer must be a directory");
	return put(c, name->p, en, e);
}

static int apply_all(struct ctx *c, struct source *tar, struct err *e)
{
	OWN_BUF name = { 0 };
	const struct tar_entry *en;
	int r;

	while ((r = tar_next(c->tar, &en, e)) > 0)
		if (apply_entry(c, en, &name, e) < 0)
			return -e->eno;
	if (r < 0 || finish_links(c, e) < 0)
		return -e->eno;
	struct fsentry *plnk = fstree_find(c->t->root, ".wh..wh.plnk", 12);
	if (plnk)
		fstree_drop(c->t->root, plnk);
	return source_drain(tar, NULL, e);
}

int layer_tree_apply(const struct layer_tree_req *q, struct layer_stats *ret, struct err *e)
{
	struct ctx c = { .t = q->tree, .layer = q->layer, .alone = q->alone, .image = q->image };

	if (q->limits)
		c.lim = *q->limits;
	if (!c.lim.total_bytes)
		c.lim.total_bytes = 1ULL << 40;
	if (!c.lim.entries)
		c.lim.entries = 16 << 20;
	if (!c.lim.depth)
		c.lim.depth = 1024;
	int r = tar_open(q->tar, NULL, &c.tar, e);
	if (r == 0)
		r = apply_all(&c, q->tar, e);
	if (r == 0 && ret)
		*ret = c.stats;
	tar_close(c.tar);
	arena_done(&c.a);
	return r;
}

int layer_tree_file(const struct layer_tree_req *q, int xfd, uint64_t size_bytes, struct layer_stats *ret, struct err *e)
{
	unsigned char head[EROFS_HEAD_BYTES];
	struct layer_tree_req of = *q;
	struct source_at file;
	struct erofs_tar image;
	ssize_t n;

	do
		n = pread(xfd, head, sizeof head, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "read layer");
	const bool is_image = erofs_is_image(head, (size_t)n);
	if (is_image ? erofs_tar_open(&image, xfd, size_bytes, e) < 0 : source_at_init(&file, xfd, 0, size_bytes, e) < 0)
		return -e->eno;
	of.tar = is_image ? &image.source : &file.source;
	of.image = is_image ? &image : NULL;
	int r = layer_tree_apply(&of, ret, e);
	if (is_image)
		erofs_tar_close(&image);
	else
		source_at_done(&file);
	return r;
}
