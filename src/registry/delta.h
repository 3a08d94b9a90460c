/* SPDX-License-Identifier: Apache-2.0
 *
 * Pulls of layers that share files with layers that are here. Where a layer has a table of contents
 * (format/toc.h), its blob is put together: what a blob of the store has is read from there, only the rest comes
 * from the registry, by a few ranges.
 *
 *   | headers | file a | headers | file b | headers | file c | ... | table | footer |
 *     here      here     here      range ...           here          range
 *
 * The bytes arrive in the blob's order, so that all the rest of a pull is as with a download: digests, unpacking
 * behind it, going on after a break. Nothing is believed: tables and what is like what are guesses, the digest of
 * the blob decides. Why so: docs/adr/0019.
 */
#ifndef ONGGI_REGISTRY_DELTA_H
#define ONGGI_REGISTRY_DELTA_H

#include "registry/client.h"
#include "spec/manifest.h"
#include "store/store.h"

struct delta;

/** delta_make - how the blob @d comes together. 1 and @ret, for delta_free(); 0: not worth trying: a layer that is small
 * or has no table, or no blob of the store has one of that form. Reads the table from the registry. What is wrong
 * with it or with the registry (E_CORRUPT, E_UNSUPPORTED: no ranges) says nothing about the blob, which is to be
 * fetched whole then. */
int delta_make(const struct store *s, struct registry *r, struct http *h, const struct descriptor *d,
	       const struct registry_retry *retry, struct delta **ret, struct err *e);
/** delta_reused - bytes of the whole blob that come from the store. */
int64_t delta_reused(const struct delta *dl);
/** delta_fetch - from sink->at_bytes to the end, as registry_blob_get. E_CORRUPT, E_UNSUPPORTED: what is missing from
 * sink->at_bytes on can be had by registry_blob_get. */
int delta_fetch(struct delta *dl, struct registry *r, struct http *h, struct registry_sink *sink,
		const struct registry_retry *retry, struct err *e);
void delta_free(struct delta *dl);

#endif
