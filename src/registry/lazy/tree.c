/* SPDX-License-Identifier: Apache-2.0
 *
 * From entries to a tree: see tree.h. The rules are those of registry/layer_apply.c where nothing is odd.
 */
#include "registry/lazy/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/lazy/erofs.h"
#include "registry/lazy/lazy_int.h"
#include "store/layer_name.h"

enum { DEPTH_MAX = 1024, TREE_BYTES_MAX = 1000 << 20, LINK_ROUNDS_MAX = 16 };

int lazy_odd(const char *path, const char *what, struct err *e)
{
	char shown[200];

	layer_printable(path, shown, sizeof shown);
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "entry %s: %s", shown, what);
}

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "table of contents");
}

int lazy_tree_open(struct lazy_layer *l, struct err *e)
{
	l->late = true;
	return fstree_init(&l->tree, e);
}

void lazy_tree_close(struct lazy_layer *l)
{
	if (l->late)
		fstree_done(&l->tree);
	free(l->chunks);
	free(l->later);
	l->chunks = NULL;
	l->later = NULL;
	l->late = false;
}

/* the directory of the last component of clean @path; missing ones are made */
static struct fsnode *parent_of(struct lazy_layer *l, const char *path, const char **ret_name, struct err *e)
{
	struct fsnode *dir = l->tree.root;
	const char *p = path;

	for (const char *slash; (slash = strchr(p, '/')); p = slash + 1) {
		size_t n = (size_t)(slash - p);
		struct fsentry *en = fstree_find(dir, p, n);
		if (en && !S_ISDIR(en->node->mode)) {
			(void)lazy_odd(path, "its directory is none", e);
			return NULL;
		}
		struct fsnode *next = en ? en->node : fstree_node(&l->tree, S_IFDIR | 0755);
		if (!next) {
			(void)no_memory(e);
			return NULL;
		}
		if (!en && fstree_put(&l->tree, dir, p, n, next, 1, e) < 0)
			return NULL;
		dir = next;
	}
	*ret_name = p;
	return dir;
}

static int put_xattrs(struct lazy_layer *l, struct fsnode *n, const struct toc_entry *en, struct err *e)
{
	/* one place more: a directory may turn out to be opaque */
	struct fsxattr *list = arena_get(&l->tree.a, (en->n_xattrs + 1) * sizeof *list);
	size_t k = 0;

	if (!list)
		return no_memory(e);
	for (uint32_t i = 0; i < en->n_xattrs; i++) {
		const struct tar_xattr given = { en->xattrs[i].name, en->xattrs[i].value, en->xattrs[i].n };
		struct layer_acl acl;
		struct tar_xattr use;
		int r = layer_xattr(&given, &acl, &use);
		if (r < 0)
			return lazy_odd(en->name, "malformed access control list", e);
		if (!r)
			continue;
		list[k] = (struct fsxattr){ fstree_copy(&l->tree, use.name), fstree_copy_bytes(&l->tree, use.value, use.n),
					    use.n };
		if (!list[k].name || !list[k].value)
			return no_memory(e);
		k++;
	}
	n->xattrs = list;
	n->n_xattrs = k;
	return 0;
}

static int put_attributes(struct lazy_layer *l, struct fsnode *n, const struct toc_entry *en, struct err *e)
{
	if (en->uid == UINT32_MAX || en->gid == UINT32_MAX)
		return lazy_odd(en->name, "owner is out of range", e);
	n->mode = (n->mode & S_IFMT) | (en->mode & 07777);
	n->uid = en->uid;
	n->gid = en->gid;
	n->mtime_s = en->mtime_ns / 1000000000 - (en->mtime_ns % 1000000000 < 0);
	n->mtime_ns = (uint32_t)(en->mtime_ns - n->mtime_s * 1000000000);
	n->layer = 1;
	return put_xattrs(l, n, en, e);
}

/* with a digest of its own, or that of the file when there is no other chunk of it */
static const unsigned char *digest_of(const struct toc_entry *en, const struct toc_chunk *k)
{
	return k->has_digest ? k->sha256 : en->n_chunks == 1 && en->has_digest ? en->sha256 : NULL;
}

static int add_chunk(struct lazy_layer *l, const struct toc_entry *en, const struct toc_chunk *p, struct err *e)
{
	const unsigned char *digest = digest_of(en, p);

	if (!digest)
		return lazy_odd(en->name, "a chunk has no digest", e);
	if (p->size > CHUNK_BYTES_MAX || p->packed > CHUNK_BYTES_MAX || p->inner > CHUNK_BYTES_MAX || !p->packed ||
	    p->offset > l->size_bytes || p->packed > l->size_bytes - p->offset)
		return lazy_odd(en->name, "a chunk is too large", e);
	struct chunk *more = grow_one(l->chunks, l->n_chunks, &l->cap_chunks, sizeof *more);
	if (!more)
		return no_memory(e);
	l->chunks = more;
	struct chunk *k = &l->chunks[l->n_chunks++];
	*k = (struct chunk){ .at = l->at, .n = p->size, .blob_at = p->offset, .blob_n = p->packed, .inner = p->inner };
	memcpy(k->sha256, digest, sizeof k->sha256);
	l->at += p->size;
	return 0;
}

/* data of a file: one piece of the layer's space of offsets, as its chunks cover it */
static int put_data(struct lazy_layer *l, struct fsnode *n, const struct toc_entry *en, struct err *e)
{
	struct fsextent *x = arena_get(&l->tree.a, sizeof *x);

	if (!x)
		return no_memory(e);
	n->size_bytes = en->size;
	if (l->data_of)
		return l->data_of(l, n, e);
	*x = (struct fsextent){ 0, en->size, l->at, l->number };
	for (uint32_t i = 0; i < en->n_chunks; i++)
		if (add_chunk(l, en, &en->chunks[i], e) < 0)
			return -e->eno;
	if (l->at - x->from != en->size)
		return lazy_odd(en->name, "its chunks are not all of it", e);
	n->extents = x;
	n->n_extents = en->size > 0;
	return 0;
}

static mode_t type_of(enum toc_type t)
{
	return t == TOC_SYMLINK ? S_IFLNK : t == TOC_CHAR ? S_IFCHR : t == TOC_BLOCK ? S_IFBLK :
	       t == TOC_FIFO ? S_IFIFO : S_IFREG;
}

static int put_node(struct lazy_layer *l, const char *path, const struct toc_entry *en, struct err *e)
{
	const char *name;
	struct fsnode *dir = parent_of(l, path, &name, e);
	struct fsnode *n = dir ? fstree_node(&l->tree, type_of(en->type)) : NULL;

	if (!n)
		return e->kind ? -e->eno : no_memory(e);
	if (fstree_find(dir, name, strlen(name)))
		return lazy_odd(path, "is there twice", e);
	if (put_attributes(l, n, en, e) < 0)
		return -e->eno;
	if (en->type == TOC_SYMLINK) {
		n->mode = S_IFLNK | 0777;
		n->link = fstree_copy(&l->tree, en->link);
		if (!n->link)
			return no_memory(e);
		if (!*n->link)
			return lazy_odd(path, "symbolic link without a target", e);
	} else if (en->type == TOC_FILE) {
		if (put_data(l, n, en, e) < 0)
			return -e->eno;
	} else if (en->type != TOC_FIFO) {
		n->dev_major = en->dev_major;
		n->dev_minor = en->dev_minor;
	}
	return fstree_put(&l->tree, dir, name, strlen(name), n, 1, e);
}

static int put_dir(struct lazy_layer *l, const char *path, const struct toc_entry *en, struct err *e)
{
	struct fsnode *n = l->tree.root;

	if (*path) {
		const char *name;
		struct fsnode *dir = parent_of(l, path, &name, e);
		if (!dir)
			return -e->eno;
		struct fsentry *have = fstree_find(dir, name, strlen(name));
		n = have ? have->node : fstree_node(&l->tree, S_IFDIR);
		if (!n)
			return no_memory(e);
		if (!S_ISDIR(n->mode))
			return lazy_odd(path, "is there twice", e);
		if (!have && fstree_put(&l->tree, dir, name, strlen(name), n, 1, e) < 0)
			return -e->eno;
	}
	if (n->layer)
		return lazy_odd(path, "is there twice", e);
	return put_attributes(l, n, en, e);
}

static int put_later(struct lazy_layer *l, const char *path, const char *target, struct err *e)
{
	struct lazy_later *more = grow_one(l->later, l->n_later, &l->cap_later, sizeof *more);
	if (!more)
		return no_memory(e);
	l->later = more;
	struct lazy_later *x = &l->later[l->n_later++];
	*x = (struct lazy_later){ .path = fstree_copy(&l->tree, path), .target = target ? fstree_copy(&l->tree, target) : NULL };
	return x->path && (!target || x->target) ? 0 : no_memory(e);
}

/* a whiteout, or one of AUFS's book-keeping */
static int put_mark(struct lazy_layer *l, const char *path, const char *base, struct err *e)
{
	const char *name = base + 4; /* after ".wh." */

	if (strcmp(base, ".wh..wh..opq") != 0) {
		if (text_starts(name, ".wh."))
			return 0;
		if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
			return lazy_odd(path, "whiteout without a name", e);
	}
	return put_later(l, path, NULL, e);
}

static int put_link(struct lazy_layer *l, const char *path, const struct toc_entry *en, struct err *e)
{
	OWN_BUF target = { 0 };
	const char *why = layer_clean(en->link, DEPTH_MAX, &target);

	if (buf_failed(&target))
		return no_memory(e);
	if (why || !target.n)
		return lazy_odd(path, why ? why : "hard link without a target", e);
	return put_later(l, path, buf_str(&target), e);
}

/* JSON has no bytes that are not UTF-8: such a name has become another one */
static bool is_lost(const char *s)
{
	return strstr(s, "\xef\xbf\xbd") != NULL;
}

int lazy_tree_add(struct lazy_layer *l, const struct toc_entry *en, struct err *e)
{
	OWN_BUF clean = { 0 };
	const char *why = layer_clean(en->name, DEPTH_MAX, &clean);

	if (buf_failed(&clean))
		return no_memory(e);
	if (why || !*en->name)
		return lazy_odd(en->name, why ? why : "empty name", e);
	if (is_lost(en->name) || is_lost(en->link))
		return lazy_odd(en->name, "a name that is not UTF-8", e);
	if (l->tree.bytes > TREE_BYTES_MAX)
		return lazy_odd(en->name, "too many entries", e);
	const char *path = buf_str(&clean);
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	if (layer_has_reserved_part(path))
		return lazy_odd(path, "\".wh.\" in the name of a directory", e);
	if (text_starts(base, ".wh."))
		return put_mark(l, path, base, e);
	if (en->type == TOC_DIR)
		return put_dir(l, path, en, e);
	if (!*path)
		return lazy_odd(path, "the root of a layer must be a directory", e);
	if (en->type == TOC_HARDLINK)
		return put_link(l, path, en, e);
	if (en->type == TOC_CHAR && !en->dev_major && !en->dev_minor)
		return lazy_odd(path, "a whiteout of overlay", e);
	return en->type < TOC_TYPE_N ? put_node(l, path, en, e) : lazy_odd(path, "unknown type", e);
}

/* ---- when all names are there ---- */

static struct fsnode *find(const struct lazy_layer *l, const char *path)
{
	struct fsnode *n = l->tree.root;

	for (const char *p = path; *p && n;) {
		size_t len = strcspn(p, "/");
		const struct fsentry *en = S_ISDIR(n->mode) ? fstree_find(n, p, len) : NULL;
		n = en ? en->node : NULL;
		p += len + (p[len] == '/');
	}
	return n;
}

/* 1: made | 0: its target is not there (yet) */
static int make_link(struct lazy_layer *l, const struct lazy_later *x, struct err *e)
{
	struct fsnode *n = find(l, x->target);
	const char *name;

	if (!n)
		return 0;
	if (S_ISDIR(n->mode))
		return lazy_odd(x->path, "hard link to a directory", e);
	struct fsnode *dir = parent_of(l, x->path, &name, e);
	if (!dir)
		return -e->eno;
	if (fstree_find(dir, name, strlen(name)))
		return lazy_odd(x->path, "is there twice", e);
	return fstree_put(&l->tree, dir, name, strlen(name), n, 1, e) < 0 ? -e->eno : 1;
}

/* links to links need more than one round */
static int make_links(struct lazy_layer *l, struct err *e)
{
	size_t left = 1;

	for (unsigned round = 0; left && round < LINK_ROUNDS_MAX; round++) {
		left = 0;
		for (size_t i = 0; i < l->n_later; i++) {
			struct lazy_later *x = &l->later[i];
			if (!x->target || x->done)
				continue;
			int r = make_link(l, x, e);
			if (r < 0)
				return r;
			x->done = r > 0;
			left += !r;
		}
	}
	for (size_t i = 0; left && i < l->n_later; i++)
		if (l->later[i].target && !l->later[i].done)
			return lazy_odd(l->later[i].path, "hard link to a file that is not in this layer", e);
	return 0;
}

int lazy_set_opaque(struct lazy_layer *l, struct fsnode *dir, struct err *e)
{
	if (lazy_is_opaque(dir))
		return 0;
	struct fsxattr *list = arena_get(&l->tree.a, (dir->n_xattrs + 1) * sizeof *list);
	if (!list)
		return no_memory(e);
	if (dir->n_xattrs)
		memcpy(list, dir->xattrs, dir->n_xattrs * sizeof *list);
	list[dir->n_xattrs] = (struct fsxattr){ LAZY_OPAQUE, (const unsigned char *)"y", 1 };
	dir->xattrs = list;
	dir->n_xattrs++;
	return 0;
}

static int make_whiteout(struct lazy_layer *l, const char *path, struct err *e)
{
	const char *base;
	struct fsnode *dir = parent_of(l, path, &base, e);

	if (!dir)
		return -e->eno;
	if (!strcmp(base, ".wh..wh..opq")) {
		l->root_opaque = l->root_opaque || dir == l->tree.root;
		return dir == l->tree.root ? 0 : lazy_set_opaque(l, dir, e);
	}
	const char *name = base + 4;
	const struct fsentry *have = fstree_find(dir, name, strlen(name));
	if (have && S_ISDIR(have->node->mode) && !have->node->layer)
		return lazy_odd(path, "whiteout of a directory without an entry", e); /* their order would count */
	/* what this layer added stays; of a directory only what the layers below have in it goes */
	if (have)
		return S_ISDIR(have->node->mode) ? lazy_set_opaque(l, have->node, e) : 0;
	struct fsnode *n = fstree_node(&l->tree, S_IFCHR);
	if (!n)
		return no_memory(e);
	return fstree_put(&l->tree, dir, name, strlen(name), n, 1, e);
}

bool lazy_is_opaque(const struct fsnode *dir)
{
	return dir->n_xattrs && !strcmp(dir->xattrs[dir->n_xattrs - 1].name, LAZY_OPAQUE);
}

int lazy_tree_finish(struct lazy_layer *l, struct err *e)
{
	if (make_links(l, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < l->n_later; i++)
		if (!l->later[i].target && make_whiteout(l, l->later[i].path, e) < 0)
			return -e->eno;
	free(l->later);
	l->later = NULL;
	l->n_later = l->cap_later = 0;
	return 0;
}

int lazy_tree_read(struct lazy_layer *l, const struct toc_place *place, const char *text, size_t n, struct err *e)
{
	OWN_TOC toc = { 0 };

	if (place->kind == LAZY_KIND_EROFS)
		return lazy_erofs_read(l, text, n, e);
	if (toc_parse(place, text, n, &toc, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < toc.n_entries; i++)
		if (lazy_tree_add(l, &toc.entries[i], e) < 0)
			return -e->eno;
	return lazy_tree_finish(l, e);
}
