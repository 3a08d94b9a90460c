/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer by its table of contents, as a tree in overlay's form: what layer_apply() would make of its archive, with
 * whiteouts as character devices 0:0 and opaque directories with overlay's attribute.
 *
 *   add every entry -> finish (hard links, whiteouts) -> settle (what only the layers below can tell)
 *
 * Archives may do odd things: name a file twice, go through links, link to files of other layers. They are left to
 * the code that unpacks whole layers: E_UNSUPPORTED, and such a layer is not for starting before it is here.
 */
#ifndef ONGGI_REGISTRY_LAZY_TREE_H
#define ONGGI_REGISTRY_LAZY_TREE_H

#include "format/fstree.h"
#include "format/toc.h"
#include "registry/lazy/chunks.h"

struct lazy_layer {
	char chain_id[136];
	char blob[136];
	uint64_t size_bytes;       /* of the blob */
	bool late;                 /* has a tree; else it is unpacked in the store */
	unsigned number;           /* source of the extents of its files: its place in the image */
	struct fstree tree;
	bool root_opaque;          /* hides everything below */
	struct chunk *chunks;
	size_t n_chunks, cap_chunks;
	uint64_t at;               /* end of its space of offsets */
	/* where the data of a file are, of a layer that is an image; NULL: its table of contents says it */
	int (*data_of)(struct lazy_layer *l, struct fsnode *n, struct err *e);
	void *image;
	struct lazy_later {        /* links and whiteouts, until the rest is there */
		const char *path, *target; /* target NULL: a whiteout */
		bool done;
	} *later;
	size_t n_later, cap_later;
};

/** lazy_tree_open, lazy_tree_close - tree of @l, whose chain_id, blob, size_bytes and number are set. */
int lazy_tree_open(struct lazy_layer *l, struct err *e);
void lazy_tree_close(struct lazy_layer *l);
int lazy_tree_add(struct lazy_layer *l, const struct toc_entry *in, struct err *e);
int lazy_tree_finish(struct lazy_layer *l, struct err *e);
/** lazy_tree_read - all of it, from the text of a table at @place. */
int lazy_tree_read(struct lazy_layer *l, const struct toc_place *place, const char *text, size_t n, struct err *e);

/* The layers of an image, lowest first. Those that are not late are the lowest ones. */
struct lazy_image {
	const struct store *store;
	struct lazy_layer *layers;
	size_t n;
};
/** lazy_tree_settle - layer @i, when all below it are settled. */
int lazy_tree_settle(struct lazy_image *img, size_t i, struct err *e);

#endif
