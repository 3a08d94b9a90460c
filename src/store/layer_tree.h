/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers as a tree in memory: what layer_apply() and overlay make of the same archives, without
 * unpacking them. Data of files stay in the tars.
 */
#ifndef ONGGI_STORE_LAYER_TREE_H
#define ONGGI_STORE_LAYER_TREE_H

#include "format/erofs_tar.h"
#include "format/fstree.h"
#include "format/source.h"
#include "store/layer_name.h"

/* One layer to put on top of a tree. */
struct layer_tree_req {
	struct source *tar;      /* uncompressed; read to its end */
	struct fstree *tree;
	unsigned layer;          /* number, from 1, lowest first; source of the extents of its files */
	const struct layer_limits *limits; /* NULL: defaults */
	bool alone;              /* the layers below are not in the tree: hard links to their files are
				    left out */
	struct erofs_tar *image; /* of which @tar is made: data of files are in it. NULL: they are in @tar */
};
/** layer_tree_apply - @ret may be NULL. E_CORRUPT for what layer_apply() or settling would refuse. */
int layer_tree_apply(const struct layer_tree_req *q, struct layer_stats *ret, struct err *e);
/** layer_tree_file - the same for a layer in the file @xfd of @size_bytes: an archive, or an EROFS image. @q->tar and
 * @q->image are not looked at. */
int layer_tree_file(const struct layer_tree_req *q, int xfd, uint64_t size_bytes, struct layer_stats *ret, struct err *e);

#endif
