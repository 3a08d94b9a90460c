/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies in chunks (RFC 9112, 7.1) while they arrive: see http_request.h. One byte decides where it goes on, so
 * whatever pieces the network makes of them, the content is the same.
 */
#include "format/http_request.h"

#include <errno.h>

enum {
	SIZE,      /* hex digits of a chunk's size; start */
	EXTENSION, /* from ';' to the end of the line */
	SIZE_LF,   /* CR was seen */
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,    /* at the start of a line after the last chunk */
	TRAILER_IN, /* inside such a line */
	TRAILER_LF, /* CR at the start of a line */
	DONE,
};

enum { LINE_MAX_BYTES = 8192, DIGITS_MAX = 15 };

static int bad(struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EPROTO, "malformed body in chunks: %s", what);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_is_read(struct http_chunks *c)
{
	c->state = c->left ? DATA : TRAILER;
	c->line = c->digits = 0;
}

static int in_size(struct http_chunks *c, char ch, struct err *e)
{
	int d = digit(ch);

	if (d >= 0) {
		if (c->digits++ == DIGITS_MAX)
			return bad(e, "size");
		c->left = c->left << 4 | (unsigned)d;
		return 0;
	}
	if (!c->digits)
		return bad(e, "size");
	if (ch == '\n')
		size_is_read(c);
	else if (ch == '\r')
		c->state = SIZE_LF;
	else if (ch == ';' || ch == ' ' || ch == '\t')
		c->state = EXTENSION;
	else
		return bad(e, "size");
	return 0;
}

/* one byte of what is not content */
static int step(struct http_chunks *c, char ch, struct err *e)
{
	if (++c->line > LINE_MAX_BYTES)
		return bad(e, "line too long");
	switch (c->state) {
	case SIZE:
		return in_size(c, ch, e);
	case EXTENSION:
		if (ch == '\n')
			size_is_read(c);
		return 0;
	case SIZE_LF:
		if (ch != '\n')
			return bad(e, "size");
		size_is_read(c);
		return 0;
	case DATA_CR:
	case DATA_LF:
		if (ch != '\n' && (ch != '\r' || c->state == DATA_LF))
			return bad(e, "end of a chunk");
		c->state = ch == '\n' ? SIZE : DATA_LF;
		c->line = 0;
		return 0;
	case TRAILER:
		c->state = ch == '\n' ? DONE : ch == '\r' ? TRAILER_LF : TRAILER_IN;
		return 0;
	case TRAILER_IN: /* the limit of a line is that of all trailers */
		if (ch == '\n')
			c->state = TRAILER;
		return 0;
	case TRAILER_LF:
		if (ch != '\n')
			return bad(e, "trailer");
		c->state = DONE;
		return 0;
	default:
		return bad(e, "it has ended");
	}
}

int http_chunks_next(struct http_chunks *c, const char *p, size_t n, size_t *ret_used, const char **ret, size_t *ret_n,
		     struct err *e)
{
	size_t i = 0;

	*ret_n = 0;
	while (i < n && c->state != DATA && c->state != DONE) {
		int r = step(c, p[i++], e);
		if (r < 0)
			return r;
	}
	if (i < n && c->state == DATA) {
		*ret = p + i;
		*ret_n = c->left < n - i ? (size_t)c->left : n - i;
		i += *ret_n;
		c->left -= *ret_n;
		if (!c->left)
			c->state = DATA_CR;
	}
	*ret_used = i;
	return c->state != DONE;
}
