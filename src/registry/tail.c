/* SPDX-License-Identifier: Apache-2.0
 *
 * A file read behind its writer: see tail.h.
 */
#include "registry/tail.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_BUF = 256 << 10 };

static int tail_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct tail *t = (struct tail *)s;
	int64_t have;

	pthread_mutex_lock(&t->lock);
	/* whole buffers are cheaper than many small ones */
	while (!t->ended && t->ready - t->at < TAIL_BUF)
		pthread_cond_wait(&t->more, &t->lock);
	have = t->ready - t->at;
	bool failed = t->ended && t->err.kind != E_NONE;
	if (failed)
		*e = t->err;
	pthread_mutex_unlock(&t->lock);
	if (failed)
		return -(e->eno ? e->eno : EIO);
	if (!have)
		return 0;
	for (;;) {
		ssize_t n = pread(t->fd, t->buf, have < TAIL_BUF ? (size_t)have : TAIL_BUF, t->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read blob");
		if (!n)
			return err_new(e, E_CORRUPT, EIO, "read blob: the file has become shorter");
		pthread_mutex_lock(&t->lock);
		t->at += n;
		pthread_mutex_unlock(&t->lock);
		*ret = t->buf;
		*ret_n = (size_t)n;
		return 1;
	}
}

int tail_init(struct tail *t, int fd, struct err *e)
{
	*t = (struct tail){ .source.next = tail_next, .fd = fd };
	t->buf = malloc(TAIL_BUF);
	if (!t->buf || pthread_mutex_init(&t->lock, NULL) || pthread_cond_init(&t->more, NULL)) {
		free(t->buf);
		close(fd);
		return err_new(e, E_NOMEM, ENOMEM, "reader of a blob");
	}
	return 0;
}

void tail_done(struct tail *t)
{
	(void)pthread_cond_destroy(&t->more); /* nobody waits any more */
	(void)pthread_mutex_destroy(&t->lock);
	free(t->buf);
	close(t->fd);
}

void tail_ready(struct tail *t, int64_t bytes)
{
	pthread_mutex_lock(&t->lock);
	t->ready = bytes;
	if (t->ready - t->at >= TAIL_BUF)
		pthread_cond_signal(&t->more);
	pthread_mutex_unlock(&t->lock);
}

void tail_end(struct tail *t, const struct err *why)
{
	pthread_mutex_lock(&t->lock);
	if (!t->ended) {
		t->ended = true;
		if (why)
			t->err = *why;
		pthread_cond_signal(&t->more);
	}
	pthread_mutex_unlock(&t->lock);
}

int64_t tail_position(struct tail *t)
{
	pthread_mutex_lock(&t->lock);
	int64_t at = t->at;
	pthread_mutex_unlock(&t->lock);
	return at;
}
