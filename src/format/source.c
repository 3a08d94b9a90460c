/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources of bytes: memory, descriptor, digest check. See source.h.
 */
#include "format/source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOURCE_FD_BUF = 256 << 10 };

static int mem_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_mem *m = (struct source_mem *)s;
	(void)e;
	if (!m->n)
		return 0;
	*ret = m->p;
	*ret_n = m->n;
	m->n = 0;
	return 1;
}

void source_mem_init(struct source_mem *m, const void *p, size_t n)
{
	*m = (struct source_mem){ .source.next = mem_next, .p = p, .n = n };
}

/* what read or pread gave of at most @left bytes */
static int give(ssize_t n, unsigned char *buf, uint64_t *left, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	if (n < 0)
		return err_sys(e, errno, "read");
	if (!n) {
		*left = 0;
		return 0;
	}
	if (*left != UINT64_MAX)
		*left -= (uint64_t)n;
	*ret = buf;
	*ret_n = (size_t)n;
	return 1;
}

static int fd_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_fd *f = (struct source_fd *)s;
	size_t want = f->left < SOURCE_FD_BUF ? (size_t)f->left : SOURCE_FD_BUF;
	ssize_t n;

	if (!want)
		return 0;
	do
		n = read(f->xfd, f->buf, want);
	while (n < 0 && errno == EINTR);
	return give(n, f->buf, &f->left, ret, ret_n, e);
}

int source_fd_init(struct source_fd *f, int xfd, uint64_t max, struct err *e)
{
	*f = (struct source_fd){ .source.next = fd_next, .xfd = xfd, .left = max };
	f->buf = malloc(SOURCE_FD_BUF);
	return f->buf ? 0 : err_new(e, E_NOMEM, ENOMEM, "read buffer");
}

void source_fd_done(struct source_fd *f)
{
	free(f->buf);
	f->buf = NULL;
}

/* a file that has become shorter ends early: whoever knows what must come sees it */
static int at_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_at *f = (struct source_at *)s;
	size_t want = f->left < SOURCE_FD_BUF ? (size_t)f->left : SOURCE_FD_BUF;
	ssize_t n;

	if (!want)
		return 0;
	do
		n = pread(f->xfd, f->buf, want, (off_t)f->at);
	while (n < 0 && errno == EINTR);
	f->at += n > 0 ? (uint64_t)n : 0;
	return give(n, f->buf, &f->left, ret, ret_n, e);
}

static uint64_t at_skip(struct source *s, uint64_t n)
{
	struct source_at *f = (struct source_at *)s;
	uint64_t take = n < f->left ? n : f->left;

	f->at += take;
	f->left -= take;
	return take;
}

int source_at_init(struct source_at *f, int xfd, uint64_t at, uint64_t n, struct err *e)
{
	*f = (struct source_at){ .source.next = at_next, .source.skip = at_skip, .xfd = xfd, .at = at, .left = n };
	f->buf = malloc(SOURCE_FD_BUF);
	return f->buf ? 0 : err_new(e, E_NOMEM, ENOMEM, "read buffer");
}

void source_at_done(struct source_at *f)
{
	free(f->buf);
	f->buf = NULL;
}

static int digest_end(struct source_digest *d, struct err *e)
{
	if (!d->got[0])
		hash_text(&d->hash, d->got);
	if (d->expect_size >= 0 && d->size_bytes != (uint64_t)d->expect_size)
		return err_new(e, E_CORRUPT, EBADMSG, "%s: %llu bytes instead of %lld", d->what,
			       (unsigned long long)d->size_bytes, (long long)d->expect_size);
	if (d->expect[0] && strcmp(d->expect, d->got))
		return err_new(e, E_CORRUPT, EBADMSG, "%s: wrong digest: expected %s, got %s", d->what,
			       d->expect, d->got);
	return 0;
}

static int digest_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_digest *d = (struct source_digest *)s;
	int r = source_next(d->below, ret, ret_n, e);

	if (r < 0)
		return r;
	if (!r)
		return digest_end(d, e);
	hash_add(&d->hash, *ret, *ret_n);
	d->size_bytes += *ret_n;
	if (d->expect_size >= 0 && d->size_bytes > (uint64_t)d->expect_size)
		return err_new(e, E_CORRUPT, EBADMSG, "%s: more than the expected %lld bytes", d->what,
			       (long long)d->expect_size);
	return 1;
}

int source_digest_init(struct source_digest *d, struct source *below, const char *expect,
		       int64_t size, struct err *e)
{
	int algo = expect && *expect ? hash_algo_of(expect) : HASH_SHA256;

	if (algo < 0 || (expect && strlen(expect) >= sizeof d->expect))
		return err_new(e, E_INVALID, EINVAL, "digest of an unknown kind");
	*d = (struct source_digest){ .source.next = digest_next, .below = below, .expect_size = size,
				     .what = "stream" };
	if (expect)
		memcpy(d->expect, expect, strlen(expect) + 1);
	hash_init(&d->hash, (enum hash_algo)algo);
	return 0;
}

static int peek_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_peek *p = (struct source_peek *)s;

	if (p->n_first) {
		*ret = p->first;
		*ret_n = p->n_first;
		p->n_first = 0;
		return 1;
	}
	if (p->n_rest) {
		*ret = p->rest;
		*ret_n = p->n_rest;
		p->n_rest = 0;
		return 1;
	}
	return source_next(p->below, ret, ret_n, e);
}

void source_peek_init(struct source_peek *p, struct source *below)
{
	p->source = (struct source){ .next = peek_next };
	p->below = below;
	p->n_first = p->n_rest = 0;
}

int source_peek(struct source_peek *p, size_t n, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	int r;

	while ((r = source_next(p->below, &p->rest, &p->n_rest, e)) > 0) {
		if (!p->n_first && p->n_rest >= n) { /* the usual case: nothing is copied */
			*ret = p->rest;
			*ret_n = p->n_rest;
			return 0;
		}
		size_t take = p->n_rest < n - p->n_first ? p->n_rest : n - p->n_first;
		memcpy(p->first + p->n_first, p->rest, take);
		p->n_first += take;
		p->rest += take;
		p->n_rest -= take;
		if (p->n_first == n)
			break;
	}
	*ret = p->first;
	*ret_n = p->n_first;
	return r < 0 ? r : 0;
}

int source_drain(struct source *s, int *ret_nonzero, struct err *e)
{
	const unsigned char *p;
	size_t n;
	int r, nonzero = 0;

	while ((r = source_next(s, &p, &n, e)) > 0)
		/* all bytes equal to the first, which is zero */
		if (ret_nonzero && !nonzero && (p[0] || memcmp(p, p + 1, n - 1)))
			nonzero = 1;
	if (!r && ret_nonzero)
		*ret_nonzero = nonzero;
	return r;
}
