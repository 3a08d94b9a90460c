/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of contents: from the registry, and kept as blobs of the store.
 */
#ifndef ONGGI_REGISTRY_LAZY_FETCH_H
#define ONGGI_REGISTRY_LAZY_FETCH_H

#include "format/toc.h"
#include "registry/client.h"
#include "registry/pull_int.h"

/** lazy_range - @n bytes of a blob from @at on, appended to @out; unverified. */
int lazy_range(struct registry *r, struct http *h, const char *digest, uint64_t at, size_t n, struct buf *out, struct err *e);
/** lazy_toc_fetch - text of the table of layer @d. E_UNSUPPORTED: none, or none whose digest the manifest has, so that
 * nothing would vouch for it. E_CORRUPT. Caller frees. */
int lazy_toc_fetch(struct registry *r, struct http *h, const struct descriptor *d, struct toc_place *ret_place, char **ret,
		   size_t *ret_n, struct err *e);
/** lazy_toc_keep - as a blob that the lease protects; sets p->layers[i].toc. */
int lazy_toc_keep(struct pull *p, size_t i, const struct toc_place *place, const char *text, size_t n, struct err *e);
/** lazy_toc_load - from @layer of a record: text and what parsing needs. Caller frees. */
int lazy_toc_load(const struct store *s, const json_t *layer, struct toc_place *ret_place, char **ret, size_t *ret_n,
		  struct err *e);

#endif
