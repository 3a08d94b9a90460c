/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading ahead: see ahead.h.
 */
#include "registry/ahead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 256 << 10, CHUNKS = 6 };

struct ahead {
	struct source source;
	struct source *below;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	size_t n[CHUNKS];       /* bytes in each chunk */
	unsigned head, used;    /* first filled chunk, how many are */
	bool held;              /* the reader still looks at the chunk at head */
	bool ended, stop;
	int result;             /* of below at its end: 0 or negative */
	struct err err;
	unsigned char *chunks;  /* CHUNKS * CHUNK_BYTES */
};

/* a free chunk to fill, or -1 when the reader is gone */
static int chunk_take(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->used == CHUNKS && !a->stop)
		pthread_cond_wait(&a->freed, &a->lock);
	int at = a->stop ? -1 : (int)((a->head + a->used) % CHUNKS);
	pthread_mutex_unlock(&a->lock);
	return at;
}

static void chunk_put(struct ahead *a, int at, size_t n)
{
	pthread_mutex_lock(&a->lock);
	a->n[at] = n;
	a->used++;
	pthread_cond_signal(&a->filled);
	pthread_mutex_unlock(&a->lock);
}

static void end(struct ahead *a, int result, const struct err *e)
{
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	a->result = result;
	a->err = *e;
	pthread_cond_signal(&a->filled);
	pthread_mutex_unlock(&a->lock);
}

static void *reader_ahead(void *data)
{
	struct ahead *a = data;
	const unsigned char *p = NULL;
	struct err e = { 0 };
	size_t left = 0;
	int r = 1;

	while (r > 0) {
		size_t n = 0;
		int at = chunk_take(a);
		if (at < 0)
			return NULL;
		/* small pieces are gathered, but never held back while more has to be waited for */
		while (n < CHUNK_BYTES) {
			if (!left && (n || (r = source_next(a->below, &p, &left, &e)) <= 0))
				break;
			size_t take = left < CHUNK_BYTES - n ? left : CHUNK_BYTES - n;
			memcpy(a->chunks + (size_t)at * CHUNK_BYTES + n, p, take);
			p += take;
			left -= take;
			n += take;
		}
		if (n)
			chunk_put(a, at, n);
	}
	end(a, r, &e);
	return NULL;
}

static int ahead_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct ahead *a = (struct ahead *)s;
	int r = 1;

	pthread_mutex_lock(&a->lock);
	if (a->held) {
		a->held = false;
		a->head = (a->head + 1) % CHUNKS;
		a->used--;
		pthread_cond_signal(&a->freed);
	}
	while (!a->used && !a->ended)
		pthread_cond_wait(&a->filled, &a->lock);
	if (a->used) {
		a->held = true;
		*ret = a->chunks + (size_t)a->head * CHUNK_BYTES;
		*ret_n = a->n[a->head];
	} else {
		r = a->result;
		if (r < 0)
			*e = a->err;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int ahead_open(struct source *below, struct ahead **ret, struct err *e)
{
	struct ahead *a = calloc(1, sizeof *a);

	if (a)
		a->chunks = malloc((size_t)CHUNKS * CHUNK_BYTES);
	if (!a || !a->chunks || pthread_mutex_init(&a->lock, NULL) || pthread_cond_init(&a->filled, NULL) ||
	    pthread_cond_init(&a->freed, NULL)) {
		if (a)
			free(a->chunks);
		free(a);
		return err_new(e, E_NOMEM, ENOMEM, "reading ahead");
	}
	a->source.next = ahead_next;
	a->below = below;
	int r = pthread_create(&a->thread, NULL, reader_ahead, a);
	if (r) {
		free(a->chunks);
		free(a);
		return err_sys(e, r, "start a thread");
	}
	*ret = a;
	return 0;
}

void ahead_close(struct ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->freed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	(void)pthread_cond_destroy(&a->freed); /* the only other user is gone */
	(void)pthread_cond_destroy(&a->filled);
	(void)pthread_mutex_destroy(&a->lock);
	free(a->chunks);
	free(a);
}

struct source *ahead_source(struct ahead *a)
{
	return &a->source;
}
