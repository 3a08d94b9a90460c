/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing back beside the work: see flusher.h.
 */
#include "registry/flusher.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static void *flusher_main(void *data)
{
	struct flusher *f = data;

	pthread_mutex_lock(&f->lock);
	while (!f->end) {
		struct timespec at;
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_nsec += (long)FLUSHER_EVERY_MS * 1000000;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&f->wake, &f->lock, &at) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&f->lock);
		(void)syncfs(f->xfd); /* who needs to know asks again at the end */
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

void flusher_start(struct flusher *f, int xfd)
{
	*f = (struct flusher){ .xfd = xfd, .lock = PTHREAD_MUTEX_INITIALIZER,
			       .wake = PTHREAD_COND_INITIALIZER };
	f->started = pthread_create(&f->thread, NULL, flusher_main, f) == 0;
}

void flusher_stop(struct flusher *f)
{
	if (!f->started)
		return;
	pthread_mutex_lock(&f->lock);
	f->end = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	f->started = false;
}
