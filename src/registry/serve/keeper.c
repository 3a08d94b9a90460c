/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of a server that removes what has become old: see collect.h. It sleeps until an hour has gone, or until
 * a cache has got more than it may keep.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "registry/serve/collect.h"

enum { EVERY_S = 3600 };

struct keeper {
	struct serve *s;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t woken;
	bool stop, now;
	uint64_t bytes;       /* kept, as far as is known */
};

static void work(struct keeper *k)
{
	const struct serve_req *q = k->s->req;
	struct err e = { 0 };
	uint64_t bytes = 0;

	depot_expire(&k->s->depot, "uploads", (int64_t)q->upload_hours * 3600);
	if (!q->proxy_ttl_s && !q->proxy_bytes)
		return;
	pthread_mutex_lock(&k->lock);
	k->bytes = 0; /* what comes while it is counted counts twice at most */
	pthread_mutex_unlock(&k->lock);
	if (depot_shrink(&k->s->depot, q->proxy_ttl_s, q->proxy_bytes, &bytes, &e) < 0)
		(void)dprintf(STDERR_FILENO, "onggi: %s\n", e.chain);
	pthread_mutex_lock(&k->lock);
	k->bytes += bytes;
	pthread_mutex_unlock(&k->lock);
}

static void *run(void *data)
{
	struct keeper *k = data;
	bool stop = false;

	while (!stop) {
		struct timespec until;
		work(k);
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += EVERY_S;
		pthread_mutex_lock(&k->lock);
		while (!k->stop && !k->now && pthread_cond_timedwait(&k->woken, &k->lock, &until) == 0)
			;
		k->now = false;
		stop = k->stop;
		pthread_mutex_unlock(&k->lock);
	}
	return NULL;
}

void keeper_note(struct keeper *k, uint64_t bytes)
{
	uint64_t max = k->s->req->proxy_bytes;

	pthread_mutex_lock(&k->lock);
	k->bytes += bytes;
	if (max && k->bytes > max) {
		k->now = true;
		pthread_cond_signal(&k->woken);
	}
	pthread_mutex_unlock(&k->lock);
}

int keeper_open(struct serve *s, struct keeper **ret, struct err *e)
{
	struct keeper *k = calloc(1, sizeof *k);
	pthread_condattr_t attr;

	if (!k || pthread_condattr_init(&attr)) {
		free(k);
		return err_new(e, E_NOMEM, ENOMEM, "keeper");
	}
	k->s = s;
	int r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!r)
		r = pthread_mutex_init(&k->lock, NULL);
	if (!r && (r = pthread_cond_init(&k->woken, &attr)))
		(void)pthread_mutex_destroy(&k->lock); /* nobody has it */
	(void)pthread_condattr_destroy(&attr);
	if (!r && (r = pthread_create(&k->thread, NULL, run, k))) {
		(void)pthread_cond_destroy(&k->woken); /* nobody waits */
		(void)pthread_mutex_destroy(&k->lock);
	}
	if (r) {
		free(k);
		return err_sys(e, r, "keeper");
	}
	*ret = k;
	return 0;
}

void keeper_close(struct keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->woken);
	pthread_mutex_unlock(&k->lock);
	(void)pthread_join(k->thread, NULL); /* it is ours and joinable */
	(void)pthread_cond_destroy(&k->woken); /* nobody waits, nobody holds it */
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}
