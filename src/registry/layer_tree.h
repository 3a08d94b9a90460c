/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers as a tree in memory: what layer_apply() and overlay make of the same archives, without
 * unpacking them. Data of files stay in the tars.
 */
#ifndef ONGGI_REGISTRY_LAYER_TREE_H
#define ONGGI_REGISTRY_LAYER_TREE_H

#include "format/fstree.h"
#include "registry/layer_apply.h"

/** layer_tree_apply - put layer number @layer (from 1, lowest first) on top of @tree. @tar is
 * uncompressed and read to its end; extents of files point into it (source @layer). @limits and @ret
 * may be NULL. E_CORRUPT for what layer_apply() would refuse. */
int layer_tree_apply(struct source *tar, struct fstree *tree, unsigned layer,
		     const struct layer_limits *limits, struct layer_stats *ret, struct err *e);

#endif
