/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing byte buffer: see buf.h.
 */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool room(struct buf *b, size_t extra)
{
	if (b->failed || extra > SIZE_MAX / 4 || b->n > SIZE_MAX / 4) {
		b->failed = true;
		return false;
	}
	if (b->n + extra + 1 <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 256;
	while (cap < b->n + extra + 1)
		cap *= 2;
	char *p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!room(b, n))
		return;
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0)
		b->failed = true;
	else if (room(b, (size_t)n)) {
		(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again); /* measured above */
		b->n += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void buf_json_string(struct buf *b, const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i = 0;

	buf_putc(b, '"');
	while (i < n) {
		size_t from = i;
		while (i < n && u[i] >= 0x20 && u[i] < 0x7f && u[i] != '"' && u[i] != '\\')
			i++;
		buf_add(b, s + from, i - from);
		if (i == n)
			break;
		size_t len = text_utf8_len(s + i, n - i);
		if (u[i] == '"' || u[i] == '\\')
			buf_printf(b, "\\%c", u[i]);
		else if (u[i] == '\n')
			buf_puts(b, "\\n");
		else if (u[i] == '\r')
			buf_puts(b, "\\r");
		else if (u[i] == '\t')
			buf_puts(b, "\\t");
		else if (u[i] < 0x20 || u[i] == 0x7f)
			buf_printf(b, "\\u%04x", u[i]);
		else if (!len)
			buf_puts(b, "\\ufffd");
		else
			buf_add(b, s + i, len);
		i += len ? len : 1;
	}
	buf_putc(b, '"');
}

const char *buf_str(const struct buf *b)
{
	return b->failed ? NULL : b->p ? b->p : "";
}

char *buf_take(struct buf *b)
{
	if (!room(b, 0))
		return NULL;
	b->p[b->n] = 0;
	char *p = b->p;
	*b = (struct buf){ 0 };
	return p;
}

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}
