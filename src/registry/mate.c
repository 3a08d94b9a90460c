/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread beside its master: see mate.h.
 */
#include "registry/mate.h"

static void *mate_main(void *data)
{
	struct mate *m = data;

	pthread_mutex_lock(&m->lock);
	for (;;) {
		while (!m->work && !m->end)
			pthread_cond_wait(&m->wake, &m->lock);
		if (!m->work)
			break;
		struct err e = { 0 };
		pthread_mutex_unlock(&m->lock);
		int r = m->work(m->data, &e);
		pthread_mutex_lock(&m->lock);
		m->result = r;
		m->err = e;
		m->work = NULL;
		pthread_cond_signal(&m->done);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

static bool mate_idle(struct layer_mate *ask)
{
	struct mate *m = (struct mate *)ask;

	pthread_mutex_lock(&m->lock);
	bool idle = !m->work;
	pthread_mutex_unlock(&m->lock);
	return idle;
}

static void mate_start(struct layer_mate *ask, int (*work)(void *data, struct err *e), void *data)
{
	struct mate *m = (struct mate *)ask;

	if (!m->started)
		m->started = pthread_create(&m->thread, NULL, mate_main, m) == 0;
	if (!m->started) {
		m->result = work(data, &m->err);
		return;
	}
	pthread_mutex_lock(&m->lock);
	m->data = data;
	m->work = work;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

static int mate_wait(struct layer_mate *ask, struct err *e)
{
	struct mate *m = (struct mate *)ask;

	pthread_mutex_lock(&m->lock);
	while (m->work)
		pthread_cond_wait(&m->done, &m->lock);
	int r = m->result;
	if (r < 0)
		*e = m->err;
	m->result = 0;
	pthread_mutex_unlock(&m->lock);
	return r;
}

void mate_init(struct mate *m)
{
	*m = (struct mate){ .ask = { .idle = mate_idle, .start = mate_start, .wait = mate_wait },
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .wake = PTHREAD_COND_INITIALIZER,
			    .done = PTHREAD_COND_INITIALIZER };
}

void mate_done(struct mate *m)
{
	if (!m->started)
		return;
	pthread_mutex_lock(&m->lock);
	m->end = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	m->started = false;
}
