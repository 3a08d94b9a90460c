/* SPDX-License-Identifier: Apache-2.0
 *
 * Body of a request, however it is framed: see serve_int.h.
 */
#include "base/clock.h"
#include "registry/serve/serve_int.h"

static int broken(struct conn *c, struct err *e)
{
	c->body_broken = true;
	return -e->eno;
}

/* bytes from the network, at the pace that is asked for */
static int fill(struct conn *c, struct err *e)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (c->req.expects_continue) {
		c->req.expects_continue = false;
		if (conn_send(c, go_on, sizeof go_on - 1, e) < 0)
			return broken(c, e);
	}
	if (!c->body_until_ns || c->body_pace >= PACE_BYTES) {
		c->body_until_ns = clock_mono_ns() + STALL_S * 1000000000LL;
		c->body_pace = 0;
	}
	int r = conn_fill(c, c->body_until_ns, e);
	if (!r)
		r = err_new(e, E_NETWORK, EPIPE, "the body ends too early");
	if (r < 0)
		return broken(c, e);
	c->body_pace += c->in_n;
	return 0;
}

static int next_of_length(struct conn *c, const char **ret, size_t *ret_n, struct err *e)
{
	if (!c->body_left) {
		c->body = BODY_NONE;
		return 0;
	}
	if (c->in_at == c->in_n && fill(c, e) < 0)
		return -e->eno;
	size_t n = c->in_n - c->in_at;
	*ret = c->in + c->in_at;
	*ret_n = n < c->body_left ? n : (size_t)c->body_left;
	c->in_at += *ret_n;
	c->body_left -= *ret_n;
	return 1;
}

static int next_of_chunks(struct conn *c, const char **ret, size_t *ret_n, struct err *e)
{
	for (;;) {
		size_t used;
		if (c->in_at == c->in_n && fill(c, e) < 0)
			return -e->eno;
		int r = http_chunks_next(&c->chunks, c->in + c->in_at, c->in_n - c->in_at, &used, ret, ret_n, e);
		if (r < 0)
			return broken(c, e);
		c->in_at += used;
		if (!r)
			c->body = BODY_NONE;
		if (!r || *ret_n)
			return r;
	}
}

int body_next(struct conn *c, const char **ret, size_t *ret_n, struct err *e)
{
	switch (c->body) {
	case BODY_LENGTH:
		return next_of_length(c, ret, ret_n, e);
	case BODY_CHUNKS:
		return next_of_chunks(c, ret, ret_n, e);
	case BODY_NONE:
	default:
		return 0;
	}
}

int body_read(struct conn *c, size_t max, struct buf *ret, struct err *e)
{
	const char *p;
	size_t n;
	int r;

	if (c->body == BODY_LENGTH && c->body_left > max)
		return 1;
	while ((r = body_next(c, &p, &n, e)) > 0) {
		if (n > max - ret->n)
			return 1;
		buf_add(ret, p, n);
		if (buf_failed(ret))
			return err_new(e, E_NOMEM, ENOMEM, "body");
	}
	return r;
}
