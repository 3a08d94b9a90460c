/* SPDX-License-Identifier: Apache-2.0
 *
 * A file system tree in memory: names and attributes of one layer or of a chain of layers, while the
 * content of the files lies elsewhere (in the tar of a layer). Everything lives in one arena.
 *
 * Layers are counted from 1, lowest first; a node knows the layer that put it there, so that what a
 * layer hides can be told from what it adds.
 */
#ifndef ONGGI_FORMAT_FSTREE_H
#define ONGGI_FORMAT_FSTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct fsxattr {
	const char *name;           /* "security.capability" */
	const unsigned char *value;
	size_t n;
};

/* data of a file: @length bytes at @offset of the file lie at @from of source @source */
struct fsextent {
	uint64_t offset, length, from;
	unsigned source;            /* layer number */
};

struct fsnode;

/* a name in a directory */
struct fsentry {
	const char *name;
	struct fsnode *node;        /* NULL: the name was taken away */
	unsigned layer;             /* that put it there */
	unsigned touched;           /* the last layer that has something below it (directories) */
};

struct fsnode {
	mode_t mode;                /* with type */
	uint32_t uid, gid;
	uint32_t nlink;             /* set by whoever writes the tree */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t dev_major, dev_minor;
	uint64_t size_bytes;
	const char *link;           /* symbolic link */
	const struct fsxattr *xattrs;
	size_t n_xattrs;
	const struct fsextent *extents; /* regular file; gaps are holes */
	size_t n_extents;
	struct fsentry *slots;      /* directory: hash table, cap a power of two */
	size_t n, used, cap;        /* entries with a node; slots taken; size */
	unsigned layer;             /* that gave it its attributes; 0: implied by something below it */
	uint64_t id;                /* for whoever writes the tree; 0 at first */
};

struct fstree {
	struct arena a;
	struct fsnode *root;
	size_t n_nodes;             /* made in all, those that were dropped too */
	size_t bytes;               /* taken from the arena, roughly */
};

/** fstree_init - an empty root directory, mode 0755. */
int fstree_init(struct fstree *t, struct err *e);
void fstree_done(struct fstree *t);
/** fstree_node - a new node outside of any directory; NULL without memory. */
struct fsnode *fstree_node(struct fstree *t, mode_t mode);
/** fstree_copy, fstree_copy_bytes - keep a string or bytes as long as the tree; NULL without memory. */
char *fstree_copy(struct fstree *t, const char *s);
void *fstree_copy_bytes(struct fstree *t, const void *p, size_t n);

/** fstree_find - entry @name (of @n bytes) of directory @dir; NULL when there is none. */
struct fsentry *fstree_find(const struct fsnode *dir, const char *name, size_t n);
/** fstree_put - let @name stand for @node; what it stood for before is let go. */
int fstree_put(struct fstree *t, struct fsnode *dir, const char *name, size_t n, struct fsnode *node,
	       unsigned layer, struct err *e);
/** fstree_drop - take the name away. */
void fstree_drop(struct fsnode *dir, struct fsentry *en);
/** fstree_hide - take away everything below @dir that layers before @layer put there. Directories that
 * @layer needs for something below them stay, as if it had made them. */
void fstree_hide(struct fsnode *dir, unsigned layer);

/** fstree_sorted - entries of @dir by name (bytes), in @a; NULL without memory or entries. */
struct fsentry **fstree_sorted(const struct fsnode *dir, struct arena *a);

#endif
