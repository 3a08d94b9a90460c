/* SPDX-License-Identifier: Apache-2.0
 *
 * Parser of http_reply.h.
 */
#include "format/http_reply.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define BODY_UNKNOWN SIZE_MAX

struct head {
	int status;
	size_t n;         /* bytes with the empty line */
	size_t length;    /* Content-Length; BODY_UNKNOWN: none */
	bool chunked;
};

static int bad(struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EPROTO, "malformed HTTP reply: %s", what);
}

static const char *line_end(const char *p, const char *end)
{
	const char *q = memchr(p, '\n', (size_t)(end - p));
	return q;
}

/* "HTTP/1.1 200 OK" */
static int status_of(const char *p, size_t n)
{
	int status = 0;

	if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ')
		return -EPROTO;
	for (size_t i = 9; i < 12; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EPROTO;
		status = status * 10 + (p[i] - '0');
	}
	return status < 100 || status > 599 || (n > 12 && p[12] != ' ' && p[12] != '\r') ? -EPROTO : status;
}

static bool names(const char *p, size_t n, const char *name)
{
	size_t len = strlen(name);
	return n > len && p[len] == ':' && !strncasecmp(p, name, len);
}

static int number(const char *p, size_t n, unsigned base, size_t *ret)
{
	size_t v = 0;

	if (!n)
		return -EPROTO;
	for (size_t i = 0; i < n; i++) {
		unsigned d = p[i] >= '0' && p[i] <= '9' ? (unsigned)(p[i] - '0') :
			     base == 16 && (p[i] | 32) >= 'a' && (p[i] | 32) <= 'f' ? (unsigned)((p[i] | 32) - 'a') + 10 : 99;
		if (d >= base || v > (SIZE_MAX >> 8))
			return -EPROTO;
		v = v * base + d;
	}
	*ret = v;
	return 0;
}

static int header(const char *p, size_t n, struct head *h, struct err *e)
{
	size_t length;

	while (n && (p[n - 1] == '\r' || p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	bool is_length = names(p, n, "Content-Length");
	if (!is_length && !names(p, n, "Transfer-Encoding"))
		return 0;
	size_t at = strcspn(p, ":") + 1;
	while (at < n && (p[at] == ' ' || p[at] == '\t'))
		at++;
	if (!is_length) {
		h->chunked = n - at == 7 && !strncasecmp(p + at, "chunked", 7);
		return h->chunked ? 0 : bad(e, "unknown transfer encoding");
	}
	if (number(p + at, n - at, 10, &length) < 0 || (h->length != BODY_UNKNOWN && h->length != length))
		return bad(e, "Content-Length");
	h->length = length;
	return 0;
}

static int head_parse(const char *p, size_t n, struct head *h, struct err *e)
{
	const char *at = p, *end = p + n, *stop;

	*h = (struct head){ .length = BODY_UNKNOWN };
	for (size_t i = 0; (stop = line_end(at, end)); i++, at = stop + 1) {
		size_t len = (size_t)(stop - at);
		if (!i) {
			h->status = status_of(at, len);
			if (h->status < 0)
				return bad(e, "status line");
		} else if (!len || (len == 1 && *at == '\r')) {
			h->n = (size_t)(stop + 1 - p);
			return 1;
		} else if (header(at, len, h, e) < 0) {
			return -e->eno;
		}
	}
	if (n > HTTP_REPLY_HEAD_MAX)
		return bad(e, "headers too long");
	/* what cannot become one need not be waited for */
	if (memcmp(p, "HTTP/1.", n < 7 ? n : 7) != 0)
		return bad(e, "status line");
	return 0;
}

/* @out NULL: only looked at. 1: the last chunk was found; *ret_n: bytes of content */
static int chunks(char *p, size_t n, char *out, size_t *ret_n, struct err *e)
{
	char *at = p, *end = p + n;
	size_t size, w = 0;

	for (;;) {
		const char *stop = line_end(at, end);
		if (!stop)
			return 0;
		size_t len = (size_t)(stop - at), digits = 0;
		while (digits < len && at[digits] != ';' && at[digits] != '\r' && at[digits] != ' ')
			digits++;
		if (number(at, digits, 16, &size) < 0)
			return bad(e, "chunk size");
		at += len + 1;
		if (!size)
			break;
		if (size > (size_t)(end - at))
			return 0;
		if (out)
			memmove(out + w, at, size);
		w += size;
		at += size;
		if (at < end && *at == '\r')
			at++;
		if (at >= end)
			return 0;
		if (*at++ != '\n')
			return bad(e, "end of a chunk");
	}
	*ret_n = w; /* trailers do not matter to us */
	return 1;
}

int http_reply_parse(char *p, size_t n, bool at_end, struct http_reply *ret, struct err *e)
{
	struct head h;
	size_t skip = 0, size;

	do {
		int r = head_parse(p + skip, n - skip, &h, e);
		if (r < 0)
			return r;
		if (!r)
			return at_end ? bad(e, "it ends too early") : 0;
		skip += h.n;
	} while (h.status < 200); /* "100 Continue" comes before the reply */
	size = n - skip;
	if (h.chunked) {
		int r = chunks(p + skip, size, NULL, &size, e);
		if (r <= 0)
			return r < 0 ? r : at_end ? bad(e, "it ends too early") : 0;
		(void)chunks(p + skip, n - skip, p + skip, &size, e); /* as just seen */
	} else if (h.length != BODY_UNKNOWN && h.status != 204 && h.status != 304) {
		if (size < h.length)
			return at_end ? bad(e, "it ends too early") : 0;
		size = h.length;
	} else if (h.status == 204 || h.status == 304) {
		size = 0;
	} else if (!at_end) {
		return 0;
	}
	*ret = (struct http_reply){ .status = h.status, .body = p + skip, .n = size };
	return 1;
}
