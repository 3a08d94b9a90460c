/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoder and parser of json-file records: see jsonlog.h. The encoder copies runs of plain bytes;
 * the parser accepts any JSON object and looks at the four members it knows.
 */
#include "driver/log/jsonlog.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char head_text[] = "{\"log\":\"";
static const char *const stream_names[LOG_STREAM_N] = { "stdout", "stderr" };

enum {
	ESCAPED_MAX = 6,  /* \u00XX for one byte */
	OVERHEAD_MAX = 96 /* all of a record but text, attrs and time */
};

size_t jsonlog_bound(const struct jsonlog_record *r)
{
	return r->n * ESCAPED_MAX + r->attrs_n + r->time_n + OVERHEAD_MAX;
}

/* Length of the UTF-8 sequence at @p (at least one byte left), 0 when it is not valid. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		len = 3;
		if (p[0] == 0xe0)
			lo = 0xa0;
		if (p[0] == 0xed)
			hi = 0x9f; /* no surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		if (p[0] == 0xf0)
			lo = 0x90;
		if (p[0] == 0xf4)
			hi = 0x8f;
	} else {
		return 0;
	}
	if (left < len || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static char *put(char *o, const char *s, size_t n)
{
	memcpy(o, s, n);
	return o + n;
}

static char *put_escape(char *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	*o++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*o++ = (char)c;
		return o;
	case '\n':
		*o++ = 'n';
		return o;
	case '\r':
		*o++ = 'r';
		return o;
	default:
		o = put(o, "u00", 3);
		*o++ = hex[c >> 4];
		*o++ = hex[c & 15];
		return o;
	}
}

/* One character that is not plain ASCII; moves *@i behind it. */
static char *put_special(char *o, const unsigned char *p, size_t n, size_t *i)
{
	size_t len;

	if (p[*i] < 0x80) {
		o = put_escape(o, p[*i]);
		(*i)++;
		return o;
	}
	len = utf8_len(p + *i, n - *i);
	if (!len) {
		o = put(o, "\\ufffd", 6);
		(*i)++;
		return o;
	}
	/* U+2028 and U+2029 are line ends to JavaScript */
	if (len == 3 && p[*i] == 0xe2 && p[*i + 1] == 0x80 && (p[*i + 2] & 0xfe) == 0xa8)
		o = put(o, p[*i + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
	else
		o = put(o, (const char *)p + *i, len);
	*i += len;
	return o;
}

size_t jsonlog_encode(const struct jsonlog_record *r, char *out)
{
	const unsigned char *p = (const unsigned char *)r->text;
	char *o = put(out, head_text, sizeof(head_text) - 1);
	size_t i = 0;

	while (i < r->n) {
		size_t start = i;
		while (i < r->n && is_plain(p[i]))
			i++;
		o = put(o, r->text + start, i - start);
		if (i < r->n)
			o = put_special(o, p, r->n, &i);
	}
	o = put(o, "\",\"stream\":\"", 12);
	o = put(o, stream_names[r->stream], 6);
	*o++ = '"';
	if (r->attrs_n) {
		o = put(o, ",\"attrs\":", 9);
		o = put(o, r->attrs, r->attrs_n);
	}
	o = put(o, ",\"time\":\"", 9);
	o = put(o, r->time, r->time_n);
	o = put(o, "\"}\n", 3);
	return (size_t)(o - out);
}

struct cursor {
	const char *p, *end;
};

static void skip_blank(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n'))
		c->p++;
}

static bool take(struct cursor *c, char want)
{
	skip_blank(c);
	if (c->p >= c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

/* A JSON string, kept escaped: from behind the opening quote to the closing one. */
static bool take_string(struct cursor *c, const char **ret, size_t *ret_n)
{
	if (!take(c, '"'))
		return false;
	*ret = c->p;
	for (; c->p < c->end; c->p++) {
		if (*c->p == '\\') {
			c->p++;
		} else if (*c->p == '"') {
			*ret_n = (size_t)(c->p - *ret);
			c->p++;
			return true;
		}
	}
	return false;
}

/* Any other JSON value: brackets have to balance, the rest is not checked. */
static bool skip_value(struct cursor *c)
{
	const char *s;
	size_t n, depth = 0;

	skip_blank(c);
	while (c->p < c->end) {
		switch (*c->p) {
		case '"':
			if (!take_string(c, &s, &n))
				return false;
			if (!depth)
				return true;
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (!depth)
				return true; /* end of the enclosing object, after a number */
			if (!--depth) {
				c->p++;
				return true;
			}
			break;
		case ',':
			if (!depth)
				return true;
			break;
		default:
			break;
		}
		c->p++;
	}
	return false;
}

static int hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char ch = p[i];
		int d = ch >= '0' && ch <= '9' ? ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ?
			(ch | 32) - 'a' + 10 : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

static char *put_utf8(char *o, unsigned cp)
{
	if (cp < 0x80) {
		*o++ = (char)cp;
	} else if (cp < 0x800) {
		*o++ = (char)(0xc0 | cp >> 6);
		*o++ = (char)(0x80 | (cp & 63));
	} else if (cp < 0x10000) {
		*o++ = (char)(0xe0 | cp >> 12);
		*o++ = (char)(0x80 | (cp >> 6 & 63));
		*o++ = (char)(0x80 | (cp & 63));
	} else {
		*o++ = (char)(0xf0 | cp >> 18);
		*o++ = (char)(0x80 | (cp >> 12 & 63));
		*o++ = (char)(0x80 | (cp >> 6 & 63));
		*o++ = (char)(0x80 | (cp & 63));
	}
	return o;
}

/* \uXXXX at @p (behind the u); joins a surrogate pair, a lone half becomes U+FFFD. */
static const char *decode_unicode(const char *p, const char *end, char **o)
{
	int v = hex4(p, end), low;

	if (v < 0)
		return NULL;
	p += 4;
	if (v >= 0xd800 && v <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		low = hex4(p + 2, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*o = put_utf8(*o, 0x10000 + ((unsigned)(v - 0xd800) << 10) +
						  (unsigned)(low - 0xdc00));
			return p + 6;
		}
	}
	*o = put_utf8(*o, v >= 0xd800 && v <= 0xdfff ? 0xfffd : (unsigned)v);
	return p;
}

static const char escape_from[] = "\"\\/nrtbf", escape_to[] = "\"\\/\n\r\t\b\f";

static bool decode_string(const char *p, size_t n, char *out, size_t *ret_n)
{
	const char *end = p + n;
	char *o = out;

	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		const char *known;

		if (!stop)
			stop = end;
		memmove(o, p, (size_t)(stop - p));
		o += stop - p;
		p = stop;
		if (p == end)
			break;
		if (end - p < 2)
			return false;
		p += 2;
		if (p[-1] == 'u') {
			p = decode_unicode(p, end, &o);
			if (!p)
				return false;
			continue;
		}
		known = p[-1] ? strchr(escape_from, p[-1]) : NULL;
		if (!known)
			return false;
		*o++ = escape_to[known - escape_from];
	}
	*ret_n = (size_t)(o - out);
	return true;
}

static bool is_key(const char *key, size_t n, const char *want)
{
	return n == strlen(want) && !memcmp(key, want, n);
}

static bool take_member(struct cursor *c, char *text, struct jsonlog_record *r)
{
	const char *key, *val;
	size_t key_n, val_n;

	if (!take_string(c, &key, &key_n) || !take(c, ':'))
		return false;
	skip_blank(c);
	if (is_key(key, key_n, "attrs")) {
		r->attrs = c->p;
		if (!skip_value(c))
			return false;
		r->attrs_n = (size_t)(c->p - r->attrs);
		return true;
	}
	if (c->p >= c->end || *c->p != '"')
		return skip_value(c);
	if (!take_string(c, &val, &val_n))
		return false;
	if (is_key(key, key_n, "log")) {
		r->text = text;
		return decode_string(val, val_n, text, &r->n);
	}
	if (is_key(key, key_n, "stream")) {
		r->stream = is_key(val, val_n, "stderr") ? LOG_STDERR : LOG_STDOUT;
	} else if (is_key(key, key_n, "time")) {
		r->time = val;
		r->time_n = val_n;
	}
	return true;
}

int jsonlog_parse(const char *line, size_t n, char *text, struct jsonlog_record *ret)
{
	struct cursor c = { line, line + n };
	struct jsonlog_record r = { .text = text };

	if (!take(&c, '{'))
		return -EINVAL;
	if (!take(&c, '}')) {
		do {
			if (!take_member(&c, text, &r))
				return -EINVAL;
		} while (take(&c, ','));
		if (!take(&c, '}'))
			return -EINVAL;
	}
	skip_blank(&c);
	if (c.p != c.end || !r.time)
		return -EINVAL;
	*ret = r;
	return 0;
}
