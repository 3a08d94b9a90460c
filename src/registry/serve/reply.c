/* SPDX-License-Identifier: Apache-2.0
 *
 * Making of replies: see serve_int.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/json.h"
#include "registry/serve/cache.h"

/* What goes into a header comes from tags, digests and names that were checked, and from media types and tags of a
 * query that were not: a line end in one of them must not begin another header. */
void reply_header(struct reply *r, const char *fmt, ...)
{
	size_t from = r->headers.n;
	OWN_STR line = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0) {
		line = NULL;
		r->headers.failed = true;
		return;
	}
	buf_puts(&r->headers, line);
	for (size_t i = from; !buf_failed(&r->headers) && i < r->headers.n; i++)
		if ((unsigned char)r->headers.p[i] < ' ' || r->headers.p[i] == 0x7f)
			r->headers.p[i] = ' ';
	buf_puts(&r->headers, "\r\n");
}

static void forget(struct reply *r)
{
	buf_done(&r->body);
	own_fd_done(&r->fd);
	if (r->download)
		download_leave(r->download);
	r->download = NULL;
	r->n = 0;
}

int reply_error(struct reply *r, int status, const char *code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	forget(r);
	r->status = status;
	reply_header(r, "Content-Type: application/json");
	buf_printf(&r->body, "{\"errors\":[{\"code\":\"%s\",\"message\":", code);
	buf_json_string(&r->body, text, strlen(text));
	buf_puts(&r->body, "}]}\n");
	return 0;
}

int reply_json(struct reply *r, int status, const char *type, json_t *j, struct err *e)
{
	OWN_STR text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "reply");
	r->status = status;
	reply_header(r, "Content-Type: %s", type);
	buf_puts(&r->body, text);
	return 0;
}
