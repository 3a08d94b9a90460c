/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of a crew: see crew.h.
 */
#include "registry/crew.h"

#include <pthread.h>

#include "base/own.h"

enum { THREADS_MAX = 64 };

struct crew {
	const struct crew_plan *plan;
	atomic_size_t next;
	pthread_mutex_t lock;
	struct err err; /* the first one */
};

static void *work(void *data)
{
	struct crew *c = data;
	const struct crew_plan *p = c->plan;
	struct http *h = NULL;
	struct err e = { 0 };
	int r = p->online ? http_open(&h, &e) : 0;

	while (r >= 0 && !atomic_load(p->cancel)) {
		size_t i = atomic_fetch_add(&c->next, 1);
		if (i >= p->n)
			break;
		r = p->work(p->data, i, h, &e);
	}
	if (r < 0) {
		pthread_mutex_lock(&c->lock);
		if (c->err.kind == E_NONE || (c->err.kind == E_CANCELLED && e.kind != E_CANCELLED))
			c->err = e;
		pthread_mutex_unlock(&c->lock);
		atomic_store(p->cancel, true);
	}
	http_close(h);
	return NULL;
}

int crew_run(const struct crew_plan *plan, struct err *e)
{
	struct crew c = { .plan = plan, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[THREADS_MAX];
	size_t want = plan->threads < THREADS_MAX ? plan->threads : THREADS_MAX, started = 0;

	if (want > plan->n)
		want = plan->n;
	/* fewer than wished for do the same work */
	while (started + 1 < want && !pthread_create(&threads[started], NULL, work, &c))
		started++;
	(void)work(&c); /* its error is in c.err */
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	(void)pthread_mutex_destroy(&c.lock); /* nobody holds it */
	if (c.err.kind == E_NONE)
		return 0;
	*e = c.err;
	return -(e->eno ? e->eno : EIO);
}
