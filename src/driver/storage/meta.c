/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata of merged layers: see meta.h.
 *
 * That overlay looks for a path in the data-only layers from the top to the bottom gives the right file: had a
 * layer above it the same path as a file, that one would be what is to be seen.
 */
#include "driver/storage/meta.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/flat_int.h"
#include "format/erofs.h"
#include "store/attr.h"

enum { XATTR_BYTES = 65536 }; /* limit of Linux for the list of names and for one value */

struct meta {
	struct merge m;
	struct fstree tree;
	struct flat_links links;
	char *names, *value; /* XATTR_BYTES */
};

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "metadata of the image");
}

static int add_xattr(struct meta *t, struct fsxattr *list, size_t *n, const char *name, const void *value, size_t len,
		     struct err *e)
{
	list[*n] = (struct fsxattr){ fstree_copy(&t->tree, name), fstree_copy_bytes(&t->tree, value, len), len };
	if (!list[*n].name || !list[*n].value)
		return nomem(e);
	(*n)++;
	return 0;
}

/* attributes of what @xfd is (O_PATH), and where its content lies: at @path; NULL: it has none */
static int set_xattrs(struct meta *t, int xfd, const char *path, struct fsnode *node, struct err *e)
{
	char proc[40];
	size_t count = 2, n = 0;

	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", xfd);
	ssize_t bytes = listxattr(proc, t->names, XATTR_BYTES);
	if (bytes < 0 && errno != ENOTSUP)
		return err_sys(e, errno, "list attributes");
	for (ssize_t i = 0; i < bytes; i += (ssize_t)strlen(t->names + i) + 1)
		count++;
	if (count == 2 && !path)
		return 0;
	struct fsxattr *list = arena_get(&t->tree.a, count * sizeof *list);
	if (!list)
		return nomem(e);
	for (ssize_t i = 0; i < bytes; i += (ssize_t)strlen(t->names + i) + 1) {
		if (attr_is_overlay(t->names + i))
			continue;
		ssize_t len = getxattr(proc, t->names + i, t->value, XATTR_BYTES);
		if (len < 0 && errno != ENODATA)
			return err_sys(e, errno, "attribute %s", t->names + i);
		if (len >= 0 && add_xattr(t, list, &n, t->names + i, t->value, (size_t)len, e) < 0)
			return -e->eno;
	}
	if (path && (add_xattr(t, list, &n, "trusted.overlay.metacopy", "", 0, e) < 0 ||
		     add_xattr(t, list, &n, "trusted.overlay.redirect", path, strlen(path), e) < 0))
		return -e->eno;
	node->xattrs = list;
	node->n_xattrs = n;
	return 0;
}

static void set_stat(struct fsnode *n, const struct stat *st)
{
	n->mode = st->st_mode;
	n->uid = st->st_uid;
	n->gid = st->st_gid;
	n->mtime_s = st->st_mtim.tv_sec;
	n->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	n->layer = 1;
	if (S_ISREG(st->st_mode))
		n->size_bytes = (uint64_t)st->st_size;
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		n->dev_major = major(st->st_rdev);
		n->dev_minor = minor(st->st_rdev);
	}
}

static int set_link(struct meta *t, struct fsnode *node, int xfd, struct err *e)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(xfd, "", to, sizeof to - 1);

	if (n < 0)
		return err_sys(e, errno, "read link");
	to[n] = 0;
	node->link = fstree_copy(&t->tree, to);
	node->size_bytes = (uint64_t)n;
	return node->link ? 0 : nomem(e);
}

/* the node of a path that was put there before */
static struct fsnode *node_at(struct meta *t, const char *path)
{
	struct fsnode *node = t->tree.root;

	for (size_t n; node && *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		const struct fsentry *en = fstree_find(node, path, n);
		node = en ? en->node : NULL;
	}
	return node;
}

static int put_dir(struct meta *t, const struct merge_dir *d, struct fsnode *to, int depth, struct err *e);

static int fill(struct meta *t, const struct merge_dir *d, const struct merge_entry *entry, const char *path,
		struct fsnode *node, int depth, struct err *e)
{
	const mode_t mode = entry->st.st_mode;
	OWN_FD fd = -1;

	set_stat(node, &entry->st);
	if (merge_file(&t->m, d, entry, O_PATH, &fd, e) < 0 ||
	    set_xattrs(t, fd, S_ISREG(mode) && entry->st.st_size ? path : NULL, node, e) < 0)
		return -e->eno;
	if (S_ISLNK(mode))
		return set_link(t, node, fd, e);
	if (!S_ISDIR(mode))
		return 0;
	own_fd_done(&fd); /* not one for each level of the tree */
	ARENA a = { 0 };
	struct merge_dir sub;
	return merge_enter(&t->m, d, entry, &a, &sub, e) < 0 ? -e->eno : put_dir(t, &sub, node, depth + 1, e);
}

static int put_one(struct meta *t, const struct merge_dir *d, const struct merge_entry *entry, struct fsnode *to,
		   int depth, struct err *e)
{
	const bool linked = entry->st.st_nlink > 1 && !S_ISDIR(entry->st.st_mode);
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "/%s%s%s", d->path, *d->path ? "/" : "", entry->name) >= (int)sizeof path)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path");
	const char *twin = linked ? flat_links_find(&t->links, entry->layer, &entry->st) : NULL;
	struct fsnode *node = twin ? node_at(t, twin + 1) : fstree_node(&t->tree, entry->st.st_mode);
	if (!node)
		return nomem(e);
	if (linked && !twin && flat_links_add(&t->links, entry->layer, &entry->st, path, e) < 0)
		return -e->eno;
	if (fstree_put(&t->tree, to, entry->name, strlen(entry->name), node, 1, e) < 0)
		return -e->eno;
	return twin ? 0 : fill(t, d, entry, path, node, depth, e);
}

static int put_dir(struct meta *t, const struct merge_dir *d, struct fsnode *to, int depth, struct err *e)
{
	ARENA a = { 0 };
	struct merge_entry *list;
	size_t n;

	if (depth > FLAT_DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "/%s: tree is too deep", d->path);
	if (merge_list(&t->m, d, &a, &list, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++)
		if (!S_ISSOCK(list[i].st.st_mode) && put_one(t, d, &list[i], to, depth, e) < 0)
			return depth ? -e->eno : err_ctx(e, "/%s", list[i].name);
	return 0;
}

static int put_root(struct meta *t, struct err *e)
{
	struct merge_dir root;
	struct stat st;
	ARENA a = { 0 };

	if (t->m.n) {
		if (fstat(t->m.base[0], &st) < 0)
			return err_sys(e, errno, "stat the topmost layer");
		set_stat(t->tree.root, &st);
		if (set_xattrs(t, t->m.base[0], NULL, t->tree.root, e) < 0)
			return -e->eno;
	}
	return merge_root(&t->m, &a, &root, e) < 0 ? -e->eno : put_dir(t, &root, t->tree.root, 0, e);
}

int meta_write(const struct storage_lowers *lowers, int fd, struct err *e)
{
	struct meta t = { .names = malloc(XATTR_BYTES), .value = malloc(XATTR_BYTES) };
	int r = t.names && t.value ? fstree_init(&t.tree, e) : nomem(e);

	if (r == 0)
		r = merge_open(lowers, &t.m, e);
	if (r == 0)
		r = put_root(&t, e);
	const struct erofs_req q = { .tree = &t.tree, .fd = fd };
	if (r == 0)
		r = erofs_write(&q, e);
	merge_done(&t.m);
	flat_links_done(&t.links);
	fstree_done(&t.tree);
	free(t.names);
	free(t.value);
	return r < 0 ? err_ctx(e, "metadata of the image") : 0;
}
