/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP/1.x reply of a peer on the same host, as it came out of a socket (RFC 9112): status line, headers,
 * a body of known length, in chunks, or up to the end of the connection.
 */
#ifndef ONGGI_FORMAT_HTTP_REPLY_H
#define ONGGI_FORMAT_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { HTTP_REPLY_HEAD_MAX = 64 << 10 };

struct http_reply {
	int status;       /* 100 to 599 */
	const char *body; /* into the bytes that were parsed; chunks are joined */
	size_t n;
};

/** http_reply_parse - take @n bytes apart, in place. @at_end: no more will come.
 * 1: whole, @ret is filled | 0: more is needed, nothing was changed | E_CORRUPT: it is no such reply. */
int http_reply_parse(char *p, size_t n, bool at_end, struct http_reply *ret, struct err *e);

#endif
