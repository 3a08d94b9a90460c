/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of one blob that come ahead of their turn: fetchers fill them side by side, one reader takes the bytes
 * in order. What is ahead lies in a file without a name of a fixed number of pieces, so neither memory nor disk
 * grows with the blob, and a kill leaves nothing.
 *
 * A piece belongs to the fetcher that claimed it from its first byte on; before that the reader may take it. A
 * fetcher that fails gives its piece back, with what it has, and the reader fetches the rest.
 */
#ifndef ONGGI_REGISTRY_RANGE_WINDOW_H
#define ONGGI_REGISTRY_RANGE_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum range_state {
	RANGE_FREE,    /* nobody's yet */
	RANGE_CLAIMED, /* a fetcher has asked for it */
	RANGE_BEGUN,   /* and bytes are coming */
	RANGE_WHOLE,
	RANGE_BROKEN,  /* given back, maybe with bytes */
	RANGE_TAKEN,   /* the reader fetches it */
};

struct range_piece {
	enum range_state state;
	int64_t filled; /* bytes from its beginning */
};

struct range_window {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fd;
	int64_t size, piece_bytes;
	int64_t first;  /* piece at which the reader is; those before are gone */
	int64_t next;   /* lowest one that was never claimed */
	bool stop;
	uint32_t n;     /* pieces that the file has room for: first .. first + n - 1 */
	struct range_piece *ring;
};

/** range_window_init - for a blob of @size bytes read from @at on, in pieces of @piece_bytes, @n at a time; the file
 * is made below @dir_fd. */
int range_window_init(struct range_window *w, int dir_fd, int64_t size, int64_t at, int64_t piece_bytes, uint32_t n,
		      struct err *e);
/** range_window_done - nobody uses it any more. */
void range_window_done(struct range_window *w);
/** range_window_stop - all who wait return; nothing can be claimed any more. */
void range_window_stop(struct range_window *w);
/** range_window_end - first byte after piece @i. */
int64_t range_window_end(const struct range_window *w, int64_t i);

/* For fetchers. */

/** range_window_claim - the next piece behind the reader's into @ret; waits until there is room. False: stopped, or no
 * piece is left. */
bool range_window_claim(struct range_window *w, int64_t *ret);
/** range_window_add - the next @n bytes of piece @i, which lies ahead. E_CANCELLED: the reader has taken it. */
int range_window_add(struct range_window *w, int64_t i, const void *p, size_t n, struct err *e);
/** range_window_return - done with piece @i: whole, or as far as it came. */
void range_window_return(struct range_window *w, int64_t i);
/** range_window_await - until the reader is past piece @i. False: stopped. */
bool range_window_await(struct range_window *w, int64_t i);

/* For the reader. */

/** range_window_read - wait for bytes at @at and copy at most @n into @p. Returns their number; 0: the reader has
 * to fetch its piece from @at on; it is taken now. */
ssize_t range_window_read(struct range_window *w, int64_t at, void *p, size_t n, struct err *e);
/** range_window_take - the reader is at @at and has its bytes by itself. False: a fetcher has them. */
bool range_window_take(struct range_window *w, int64_t at);

#endif
