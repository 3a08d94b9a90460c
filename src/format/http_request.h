/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of HTTP/1.x clients (RFC 9110, RFC 9112), as a server reads them: the head in one piece, a body in
 * chunks as a stream, and the small texts in heads (queries, ranges).
 *
 * Strict where two readers of one connection could disagree about where a message ends: no folded lines, no blank
 * before a colon, one length, never a length and chunks together.
 */
#ifndef ONGGI_FORMAT_HTTP_REQUEST_H
#define ONGGI_FORMAT_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	HTTP_REQUEST_HEAD_MAX = 16 << 10, /* request line and headers, with the empty line */
	HTTP_REQUEST_HEADERS_MAX = 100,
};

struct http_request {
	const char *method;
	char *path;        /* decoded, begins with '/', without query; no NUL and no control character in it */
	const char *query; /* as it came, "" when there is none */
	int minor;         /* of HTTP/1.minor: 0 or 1 */
	int64_t length;    /* of the body in bytes; 0 also when none was announced; -1: in chunks */
	bool has_length;   /* a length was announced */
	bool keep_alive;   /* the client wants the connection to stay */
	bool expects_continue;
	size_t n_headers;
	struct http_request_header {
		const char *name, *value; /* as they came, without blanks around the value */
	} headers[HTTP_REQUEST_HEADERS_MAX];
};

/** http_request_head - bytes of the head at @p, with its empty line; 0: it is not all there. Empty lines before the
 * request line count as part of it. @from: how many bytes were looked at by the last call (0 at first). */
size_t http_request_head(const char *p, size_t n, size_t from);
/** http_request_parse - take the head @p of @n bytes apart, in place; @p[n] is overwritten and must be there.
 * E_CORRUPT: it is no request | E_UNSUPPORTED: a version or coding that is not known here. */
int http_request_parse(char *p, size_t n, struct http_request *ret, struct err *e);
/** http_request_header - value of header @name (any case), NULL when it is not there. */
const char *http_request_header(const struct http_request *r, const char *name);

/** http_query_get - decoded value of parameter @name of @query into @out (size @n). 1: it is there | 0: not |
 * -EINVAL: wrong code or a control character | -ENAMETOOLONG. */
int http_query_get(const char *query, const char *name, char *out, size_t n);

/** http_range_parse - one range of bytes of something that has @size: "bytes=0-99", "bytes=5-", "bytes=-5".
 * 1: @ret_from and @ret_n are set | 0: it is to be ignored (other units, several ranges, wrong) | -ERANGE: nothing
 * of it is there. */
int http_range_parse(const char *value, uint64_t size, uint64_t *ret_from, uint64_t *ret_n);
/** http_span_parse - "FIRST-LAST" or "bytes FIRST-LAST/..." of an upload's Content-Range. 0 or -EINVAL. */
int http_span_parse(const char *value, uint64_t *ret_first, uint64_t *ret_last);

/* A body in chunks while it arrives. Starts zeroed. */
struct http_chunks {
	uint64_t left; /* bytes of the chunk that are to come */
	unsigned line; /* bytes of the line so far */
	unsigned char state;
	unsigned char digits;
};
/** http_chunks_next - look at @n bytes: *ret_used of them are done with; *ret_n > 0 of those are content, at *ret.
 * 1: go on (with more bytes when *ret_used is @n) | 0: that was the end of the body, trailers and all | E_CORRUPT. */
int http_chunks_next(struct http_chunks *c, const char *p, size_t n, size_t *ret_used, const char **ret, size_t *ret_n,
		     struct err *e);

#endif
