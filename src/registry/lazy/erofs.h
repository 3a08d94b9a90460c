/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers that are EROFS images, with a chunk index that the manifest vouches for: annotations org.erofs.chunk-index.range
 * and .digest of the layer, the index at the end of the blob, one SHA-256 per chunk of it.
 * [proposal "EROFS layer types for OCI images" of containerd, application/vnd.erofs.chunk-index.v1]
 *
 * What the walk over the image's names reads is fetched by chunks, verified, and kept together with the index: the
 * layer's table of contents, as far as the rest of this folder is concerned.
 */
#ifndef ONGGI_REGISTRY_LAZY_EROFS_H
#define ONGGI_REGISTRY_LAZY_EROFS_H

#include "registry/client.h"
#include "registry/lazy/tree.h"
#include "spec/manifest.h"

/* beside those of format/toc.h */
#define LAZY_KIND_EROFS ((enum toc_kind)TOC_KIND_N)

/** lazy_erofs_fetch - the kept form of layer @d. E_UNSUPPORTED: no index, or nothing vouches for it, or for its chunks.
 * E_CORRUPT. Caller frees. */
int lazy_erofs_fetch(struct registry *r, struct http *h, const struct descriptor *d, struct toc_place *ret_place, char **ret,
		     size_t *ret_n, struct err *e);
/** lazy_erofs_read - the tree of @l from the kept form. Its space of offsets is the image itself. */
int lazy_erofs_read(struct lazy_layer *l, const char *kept, size_t n, struct err *e);

#endif
