/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading ahead: a ring of a few buffers between two threads. See source_ahead.h.
 */
#include "format/source_ahead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 8, SLOT_BYTES = 256 << 10 };

struct source_ahead {
	struct source source;
	struct source *below;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned filled, taken; /* slots so far; filled - taken are waiting */
	bool holding;           /* the consumer works on slot taken - 1 */
	bool ended, stop;
	int result;             /* of @below's last next() */
	struct err err;
	size_t n[SLOTS];
	unsigned char *data;    /* SLOTS * SLOT_BYTES */
};

/* wait for a free slot; false: nobody wants more */
static bool slot_wait(struct source_ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->filled - a->taken + a->holding >= SLOTS && !a->stop)
		pthread_cond_wait(&a->changed, &a->lock);
	bool go_on = !a->stop;
	pthread_mutex_unlock(&a->lock);
	return go_on;
}

static void slot_done(struct source_ahead *a, size_t n)
{
	pthread_mutex_lock(&a->lock);
	a->n[a->filled % SLOTS] = n;
	a->filled++;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* small chunks share a slot: the other side is woken less often */
static int run(struct source_ahead *a, struct err *e)
{
	const unsigned char *p = NULL;
	size_t n = 0;
	int r = 1;

	while (r > 0) {
		size_t have = 0;
		if (!slot_wait(a))
			return 0;
		unsigned char *slot = a->data + (size_t)(a->filled % SLOTS) * SLOT_BYTES;
		while (have < SLOT_BYTES) {
			if (!n && (r = source_next(a->below, &p, &n, e)) <= 0)
				break;
			size_t take = SLOT_BYTES - have < n ? SLOT_BYTES - have : n;
			memcpy(slot + have, p, take);
			have += take;
			p += take;
			n -= take;
		}
		if (have)
			slot_done(a, have);
	}
	return r;
}

static void *thread_main(void *data)
{
	struct source_ahead *a = data;
	struct err e = { 0 };
	int r = run(a, &e);

	pthread_mutex_lock(&a->lock);
	a->ended = true;
	a->result = r;
	a->err = e;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static int next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_ahead *a = (struct source_ahead *)s;
	int r = 1;

	pthread_mutex_lock(&a->lock);
	if (a->holding) {
		a->holding = false;
		pthread_cond_signal(&a->changed);
	}
	while (a->filled == a->taken && !a->ended)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->filled == a->taken) {
		r = a->result;
		if (r < 0)
			*e = a->err;
	} else {
		*ret = a->data + (size_t)(a->taken % SLOTS) * SLOT_BYTES;
		*ret_n = a->n[a->taken % SLOTS];
		a->taken++;
		a->holding = true;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int source_ahead_open(struct source *below, struct source_ahead **ret, struct err *e)
{
	struct source_ahead *a = calloc(1, sizeof *a);

	if (!a || !(a->data = malloc((size_t)SLOTS * SLOT_BYTES))) {
		free(a);
		return err_new(e, E_NOMEM, ENOMEM, "read ahead");
	}
	a->source.next = next;
	a->below = below;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	int r = pthread_create(&a->thread, NULL, thread_main, a);
	if (r) {
		free(a->data);
		free(a);
		return err_sys(e, r, "start a thread");
	}
	*ret = a;
	return 0;
}

struct source *source_ahead_source(struct source_ahead *a)
{
	return &a->source;
}

void source_ahead_close(struct source_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a->data);
	free(a);
}
