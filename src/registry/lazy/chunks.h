/* SPDX-License-Identifier: Apache-2.0
 *
 * Content of layers that are not here, chunk by chunk: from the part of the blob that has been downloaded, else from
 * the registry, always decompressed and compared with the chunk's digest before a byte of it is given out.
 *
 *   file, offset -> chunk -> [cache] -> blob here | partial download | range of the registry -> inflate -> sha256
 *
 * Thread safe: each chunk is fetched by one thread, the others wait for it.
 */
#ifndef ONGGI_REGISTRY_LAZY_CHUNKS_H
#define ONGGI_REGISTRY_LAZY_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum {
	CHUNK_BYTES_MAX = 64 << 20,        /* of one, decompressed: eStargz writes 4 MiB, zstd:chunked less */
	CHUNKS_CACHE_BYTES = 64 << 20,     /* decompressed ones that are kept */
	CHUNKS_AHEAD_BYTES = 512 << 10,    /* of the blob, fetched at once when chunks lie side by side */
};

/* Files of a layer lie one behind the other in its own space of offsets, in the order of its table of contents. */
struct chunk {
	uint64_t at, n;                    /* in that space; n > 0 */
	uint64_t blob_at, blob_n;          /* compressed, in the blob */
	uint64_t inner;                    /* bytes to leave out of what comes out there */
	unsigned char sha256[32];          /* of the n bytes */
	bool plain;                        /* not compressed */
};

struct chunk_layer {
	const char *blob;                  /* digest */
	uint64_t size_bytes;               /* of the blob */
	const struct chunk *list;          /* by offset, without overlaps */
	size_t n;
};

struct chunks_req {
	const struct store *store;
	const struct chunk_layer *layers;  /* borrowed */
	size_t n_layers;
	/* @n bytes of @blob from @at on. From many threads at a time. */
	int (*fetch)(void *data, const char *blob, uint64_t at, size_t n, struct buf *out, struct err *e);
	void *data;
};

struct chunks;

int chunks_open(const struct chunks_req *req, struct chunks **ret, struct err *e);
/** chunks_close - nobody may be reading. */
void chunks_close(struct chunks *c);
/** chunks_read - @n bytes from @at on of the space of layer @layer. E_CORRUPT: a chunk is not what the table of contents
 * says, or there is none there. */
int chunks_read(struct chunks *c, size_t layer, uint64_t at, void *buf, size_t n, struct err *e);

#endif
