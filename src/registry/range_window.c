/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces ahead of their turn: see range_window.h.
 */
#include "registry/range_window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

int range_window_init(struct range_window *w, int dir_fd, int64_t size, int64_t at, int64_t piece_bytes, uint32_t n,
		      struct err *e)
{
	*w = (struct range_window){ .size = size, .piece_bytes = piece_bytes, .first = at / piece_bytes, .n = n };
	w->next = w->first + 1;
	w->ring = calloc(n, sizeof *w->ring);
	if (!w->ring)
		return err_new(e, E_NOMEM, ENOMEM, "pieces of a blob");
	w->fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		free(w->ring);
		return err_sys(e, errno, "file without a name for pieces of a blob");
	}
	if (pthread_mutex_init(&w->lock, NULL) || pthread_cond_init(&w->changed, NULL)) {
		close(w->fd);
		free(w->ring);
		return err_new(e, E_NOMEM, ENOMEM, "pieces of a blob");
	}
	return 0;
}

void range_window_done(struct range_window *w)
{
	(void)pthread_cond_destroy(&w->changed); /* nobody waits any more */
	(void)pthread_mutex_destroy(&w->lock);
	close(w->fd);
	free(w->ring);
}

void range_window_stop(struct range_window *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

int64_t range_window_end(const struct range_window *w, int64_t i)
{
	int64_t end = (i + 1) * w->piece_bytes;

	return end < w->size ? end : w->size;
}

static struct range_piece *piece(struct range_window *w, int64_t i)
{
	return &w->ring[i % w->n];
}

/* where piece @i lies in the file */
static off_t place(const struct range_window *w, int64_t i)
{
	return (off_t)(i % w->n * w->piece_bytes);
}

bool range_window_claim(struct range_window *w, int64_t *ret)
{
	bool claimed = false;

	pthread_mutex_lock(&w->lock);
	while (!w->stop && w->next * w->piece_bytes < w->size && w->next >= w->first + w->n)
		pthread_cond_wait(&w->changed, &w->lock);
	if (!w->stop && w->next * w->piece_bytes < w->size) {
		*piece(w, w->next) = (struct range_piece){ .state = RANGE_CLAIMED };
		*ret = w->next++;
		claimed = true;
	}
	pthread_mutex_unlock(&w->lock);
	return claimed;
}

/* whether piece @i is the fetcher's still: once it has begun nobody takes it away */
static bool begin(struct range_window *w, int64_t i, int64_t *ret_filled)
{
	pthread_mutex_lock(&w->lock);
	struct range_piece *p = piece(w, i);
	bool mine = i >= w->first && !w->stop && (p->state == RANGE_CLAIMED || p->state == RANGE_BEGUN);
	if (mine) {
		p->state = RANGE_BEGUN;
		*ret_filled = p->filled;
	}
	pthread_mutex_unlock(&w->lock);
	return mine;
}

int range_window_add(struct range_window *w, int64_t i, const void *p, size_t n, struct err *e)
{
	int64_t filled;

	if (!begin(w, i, &filled))
		return err_new(e, E_CANCELLED, ECANCELED, "the piece is not needed any more");
	int r = io_write_all_at(w->fd, p, n, place(w, i) + filled);
	if (r < 0)
		return err_sys(e, -r, "write a piece of a blob");
	pthread_mutex_lock(&w->lock);
	piece(w, i)->filled += (int64_t)n;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

void range_window_return(struct range_window *w, int64_t i)
{
	pthread_mutex_lock(&w->lock);
	struct range_piece *p = piece(w, i);
	if (i >= w->first && (p->state == RANGE_CLAIMED || p->state == RANGE_BEGUN)) {
		bool whole = i * w->piece_bytes + p->filled == range_window_end(w, i);
		p->state = whole ? RANGE_WHOLE : RANGE_BROKEN;
		pthread_cond_broadcast(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

bool range_window_await(struct range_window *w, int64_t i)
{
	pthread_mutex_lock(&w->lock);
	while (!w->stop && w->first <= i)
		pthread_cond_wait(&w->changed, &w->lock);
	bool stopped = w->stop;
	pthread_mutex_unlock(&w->lock);
	return !stopped;
}

/* the reader is at @at: what lies before has made room. Locked. */
static struct range_piece *reader_at(struct range_window *w, int64_t at)
{
	int64_t i = at / w->piece_bytes;

	if (i == w->first)
		return piece(w, i);
	for (; w->first < i; w->first++)
		*piece(w, w->first) = (struct range_piece){ 0 };
	if (w->next <= i)
		w->next = i + 1;
	pthread_cond_broadcast(&w->changed);
	return piece(w, i);
}

ssize_t range_window_read(struct range_window *w, int64_t at, void *buf, size_t n, struct err *e)
{
	int64_t i = at / w->piece_bytes, off = at - i * w->piece_bytes, have;

	pthread_mutex_lock(&w->lock);
	const struct range_piece *p = reader_at(w, at);
	while (p->filled <= off && (p->state == RANGE_CLAIMED || p->state == RANGE_BEGUN))
		pthread_cond_wait(&w->changed, &w->lock);
	have = p->filled - off;
	if (have <= 0)
		piece(w, i)->state = RANGE_TAKEN;
	pthread_mutex_unlock(&w->lock);
	if (have <= 0)
		return 0;
	for (;;) {
		ssize_t got = pread(w->fd, buf, (int64_t)n < have ? n : (size_t)have, place(w, i) + off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_sys(e, got < 0 ? errno : EIO, "read a piece of a blob");
		return got;
	}
}

bool range_window_take(struct range_window *w, int64_t at)
{
	pthread_mutex_lock(&w->lock);
	struct range_piece *p = reader_at(w, at);
	bool theirs = p->state == RANGE_BEGUN || p->state == RANGE_WHOLE;
	if (!theirs)
		p->state = RANGE_TAKEN;
	pthread_mutex_unlock(&w->lock);
	return !theirs;
}
