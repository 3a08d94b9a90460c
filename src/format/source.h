/* SPDX-License-Identifier: Apache-2.0
 *
 * Source: a stream of bytes that is pulled chunk by chunk, without copies. Readers stack:
 *
 *   ring or file -> digest -> inflate -> digest -> tar reader
 *
 * Each stage owns its buffer and hands out pointers into it. The end of a stream is where it is
 * verified: a stage that knows what must come fails its last next() instead of returning 0, so
 * whoever has read to the end has verified everything below.
 */
#ifndef ONGGI_FORMAT_SOURCE_H
#define ONGGI_FORMAT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/hash.h"

struct source {
	/* 1: *ret points at *ret_n > 0 bytes, valid until the next call | 0: end, again and again |
	 * negative errno */
	int (*next)(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e);
	/* pass over up to @n bytes after the last chunk without reading them; how many it were. NULL: cannot */
	uint64_t (*skip)(struct source *s, uint64_t n);
};

/** source_next - the next chunk, see struct source. */
static inline int source_next(struct source *s, const unsigned char **ret, size_t *ret_n,
			      struct err *e)
{
	return s->next(s, ret, ret_n, e);
}

/* bytes in memory, borrowed */
struct source_mem {
	struct source source;
	const unsigned char *p;
	size_t n;
};
void source_mem_init(struct source_mem *m, const void *p, size_t n);

/* a file descriptor, borrowed; reads from its position, at most @left bytes (UINT64_MAX: all) */
struct source_fd {
	struct source source;
	int xfd;
	uint64_t left;
	unsigned char *buf;
};
int source_fd_init(struct source_fd *f, int xfd, uint64_t max, struct err *e);
void source_fd_done(struct source_fd *f);

/* @n bytes of a file from @at on, whatever its position: several may read the same descriptor */
struct source_at {
	struct source source;
	int xfd;
	uint64_t at, left;
	unsigned char *buf;
};
int source_at_init(struct source_at *f, int xfd, uint64_t at, uint64_t n, struct err *e);
void source_at_done(struct source_at *f);

/* passes bytes on, hashing and counting them; at the end checks what was expected */
struct source_digest {
	struct source source;
	struct source *below;
	struct hash hash;
	uint64_t size_bytes;           /* so far */
	char expect[HASH_TEXT_MAX];  /* "" = nothing expected */
	int64_t expect_size;           /* -1 = nothing expected; more bytes fail at once */
	char got[HASH_TEXT_MAX];     /* set at the end */
	const char *what;              /* for errors: "layer sha256:..", borrowed */
};
/** source_digest_init - @expect may be NULL (then sha256 is computed), @size -1.
 * E_INVALID for a malformed digest; next() gives E_CORRUPT on a mismatch. */
int source_digest_init(struct source_digest *d, struct source *below, const char *expect,
		       int64_t size, struct err *e);

/* passes bytes on; the first ones may be looked at before they are taken */
enum { SOURCE_PEEK_MAX = 2048 };
struct source_peek {
	struct source source;
	struct source *below;
	unsigned char first[SOURCE_PEEK_MAX]; /* of chunks that are smaller than what was looked at */
	size_t n_first;
	const unsigned char *rest;            /* a chunk of @below that was not given yet */
	size_t n_rest;
};
void source_peek_init(struct source_peek *p, struct source *below);
/** source_peek - look at the first @n bytes (at most SOURCE_PEEK_MAX), before anything is read: *@ret_n may be more, or less
 * where the stream ends. */
int source_peek(struct source_peek *p, size_t n, const unsigned char **ret, size_t *ret_n, struct err *e);

/** source_drain - read to the end; *ret_nonzero_ (may be NULL) tells whether a byte was not 0. */
int source_drain(struct source *s, int *ret_nonzero, struct err *e);

#endif
