/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of compression: where encoders put what they make. See compress.h.
 */
#ifndef ONGGI_REGISTRY_COMPRESS_INT_H
#define ONGGI_REGISTRY_COMPRESS_INT_H

#include "format/hash.h"
#include "registry/compress.h"

struct compress_out {
	int fd;
	struct hash hash;
	int64_t size_bytes;
};

/** compress_put - the next @n bytes of the result. */
int compress_put(struct compress_out *o, const void *p, size_t n, struct err *e);

/** chunked_write - all of the tar @in as zstd:chunked, with the place of its table into @ret (toc_*). E_UNSUPPORTED: see
 * compress_source(). */
int chunked_write(struct source *in, int level, struct compress_out *o, struct compressed *ret, struct err *e);

#endif
