/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of delta pulls: pieces of blobs and what makes two of them the same. See delta.h.
 */
#ifndef ONGGI_REGISTRY_DELTA_INT_H
#define ONGGI_REGISTRY_DELTA_INT_H

#include <stdint.h>

#include "format/toc.h"
#include "registry/delta.h"

enum {
	DELTA_KEY_BYTES = 16,
	DELTA_SOURCES_MAX = 256,        /* blobs of the store that are looked at */
	DELTA_SPANS_MAX = 2 << 20,      /* of all of them: 64 MiB of memory */
	DELTA_SOURCE_BYTES_MIN = 64 << 10, /* smaller ones are not */
};

/* A piece of a blob, all its own gzip members or zstd frames. The key is of all that goes into its bytes as far as the
 * table knows: digests of chunks, headers of members, its length. Equal keys mean equal bytes when one program has
 * made both. */
struct delta_span {
	unsigned char key[DELTA_KEY_BYTES];
	uint64_t offset, length;
};

struct delta_spans {
	struct delta_span *list; /* heap */
	size_t n, cap;
};
void delta_spans_done(struct delta_spans *s);

/** delta_spans_make - the spans of a blob in its order; parts that have no key are left out. E_CORRUPT: the table is not
 * in the order of the blob. */
int delta_spans_make(const struct toc *t, struct delta_spans *ret, struct err *e);
/** delta_spans_sort - by key. */
void delta_spans_sort(struct delta_spans *s);

/* A blob of the store that has a table. */
struct delta_source {
	char digest[DIGEST_TEXT_MAX];
	uint64_t size_bytes;
	struct delta_spans spans; /* by key */
};

/** delta_sources_load - blobs of the store with a table of form @kind, but @but; heap array. Blobs whose spans are not in
 * the store's folder `tocs` yet are read, and what cannot be read is left out: it can only save less. */
int delta_sources_load(const struct store *s, enum toc_kind kind, const char *but, struct delta_source **ret,
		       size_t *ret_n, struct err *e);
void delta_sources_free(struct delta_source *list, size_t n);

#endif
