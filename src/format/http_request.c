/* SPDX-License-Identifier: Apache-2.0
 *
 * Heads of requests: see http_request.h. Bodies in chunks are in http_chunks.c.
 */
#include "format/http_request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int bad(struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EPROTO, "malformed HTTP request: %s", what);
}

size_t http_request_head(const char *p, size_t n, size_t from)
{
	size_t start = 0;

	while (start < n && (p[start] == '\r' || p[start] == '\n'))
		start++; /* RFC 9112, 2.2: empty lines before a request are passed over */
	for (size_t i = from > start + 3 ? from - 3 : start; i < n; i++) {
		if (p[i] != '\n')
			continue;
		if (i + 1 < n && p[i + 1] == '\n')
			return i + 2;
		if (i + 2 < n && p[i + 1] == '\r' && p[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* characters of methods and names of headers, RFC 9110, 5.6.2 */
static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
		if (!alnum && (!c || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return n > 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @out may be @s. Bytes that were written, or -EINVAL, -ENAMETOOLONG */
static int decode(const char *s, size_t n, bool plus, char *out, size_t cap)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			int high = i + 2 < n ? hex(s[i + 1]) : -1, low = i + 2 < n ? hex(s[i + 2]) : -1;
			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (is_control(c))
			return -EINVAL;
		if (w + 1 >= cap)
			return -ENAMETOOLONG;
		out[w++] = c;
	}
	out[w] = 0;
	return (int)w;
}

static int decimal(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (!n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || v > INT64_MAX / 10 - 1)
			return -EINVAL;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*ret = v;
	return 0;
}

/* "/v2/x?y", or with "http://HOST" before it */
static int target_parse(char *p, struct http_request *r, struct err *e)
{
	size_t scheme = !strncasecmp(p, "http://", 7) ? 7 : !strncasecmp(p, "https://", 8) ? 8 : 0;

	if (scheme) {
		p += scheme;
		p += strcspn(p, "/?");
	}
	if (*p != '/' || strchr(p, '#'))
		return bad(e, "target");
	char *query = strchr(p, '?');
	if (query)
		*query++ = 0;
	r->query = query ? query : "";
	for (const char *q = r->query; *q; q++)
		if (is_control(*q))
			return bad(e, "target");
	size_t n = strlen(p);
	if (decode(p, n, false, p, n + 1) < 0)
		return bad(e, "target");
	r->path = p;
	return 0;
}

/* "GET /v2/ HTTP/1.1" */
static int line_parse(char *p, struct http_request *r, struct err *e)
{
	char *target = strchr(p, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || !is_token(p, (size_t)(target - p)))
		return bad(e, "request line");
	*target++ = 0;
	*version++ = 0;
	if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.')
		return bad(e, "request line");
	if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
		return err_new(e, E_UNSUPPORTED, EPROTONOSUPPORT, "HTTP version %s", version + 5);
	r->method = p;
	r->minor = version[7] - '0';
	r->keep_alive = r->minor == 1;
	return target_parse(target, r, e);
}

/* whether @word is in the comma-separated @list */
static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		list += strspn(list, ", \t");
		size_t len = strcspn(list, ", \t");
		if (len == n && !strncasecmp(list, word, n))
			return true;
		list += len;
	}
	return false;
}

static int header_note(struct http_request *r, const char *name, const char *value, struct err *e)
{
	uint64_t length;

	if (!strcasecmp(name, "Content-Length")) {
		if (r->length < 0 || decimal(value, strlen(value), &length) < 0 ||
		    (r->has_length && (uint64_t)r->length != length))
			return bad(e, "Content-Length");
		r->has_length = true;
		r->length = (int64_t)length;
	} else if (!strcasecmp(name, "Transfer-Encoding")) {
		if (r->has_length || r->length < 0 || !r->minor)
			return bad(e, "Transfer-Encoding");
		if (strcasecmp(value, "chunked") != 0)
			return err_new(e, E_UNSUPPORTED, EPROTONOSUPPORT, "transfer encoding %.40s", value);
		r->length = -1;
	} else if (!strcasecmp(name, "Connection")) {
		if (list_has(value, "close"))
			r->keep_alive = false;
		else if (list_has(value, "keep-alive"))
			r->keep_alive = true;
	} else if (!strcasecmp(name, "Expect")) {
		if (strcasecmp(value, "100-continue") != 0)
			return err_new(e, E_UNSUPPORTED, EPROTONOSUPPORT, "expectation %.40s", value);
		r->expects_continue = r->minor == 1;
	}
	return 0;
}

static int header_parse(char *p, struct http_request *r, struct err *e)
{
	char *colon = strchr(p, ':');

	if (!colon || !is_token(p, (size_t)(colon - p)))
		return bad(e, "header");
	if (r->n_headers == HTTP_REQUEST_HEADERS_MAX)
		return bad(e, "too many headers");
	*colon = 0;
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t n = strlen(value);
	while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		value[--n] = 0;
	for (const char *q = value; *q; q++)
		if (is_control(*q) && *q != '\t')
			return bad(e, "header");
	r->headers[r->n_headers++] = (struct http_request_header){ p, value };
	return header_note(r, p, value, e);
}

int http_request_parse(char *p, size_t n, struct http_request *ret, struct err *e)
{
	char *end = p + n;
	bool first = true;

	memset(ret, 0, sizeof *ret);
	if (memchr(p, 0, n))
		return bad(e, "NUL");
	*end = 0;
	while (p < end && (*p == '\r' || *p == '\n'))
		p++;
	while (p < end) {
		char *stop = strchr(p, '\n');
		if (!stop)
			return bad(e, "it ends in a line");
		*(stop > p && stop[-1] == '\r' ? stop - 1 : stop) = 0;
		if (!*p)
			return first ? bad(e, "request line") : 0;
		int r = first ? line_parse(p, ret, e) : header_parse(p, ret, e);
		if (r < 0)
			return r;
		first = false;
		p = stop + 1;
	}
	return bad(e, "no end of headers");
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (!strcasecmp(r->headers[i].name, name))
			return r->headers[i].value;
	return NULL;
}

int http_query_get(const char *query, const char *name, char *out, size_t n)
{
	size_t len = strlen(name);

	while (*query) {
		size_t part = strcspn(query, "&");
		if (part > len && !strncmp(query, name, len) && query[len] == '=') {
			int r = decode(query + len + 1, part - len - 1, true, out, n);
			return r < 0 ? r : 1;
		}
		query += part;
		query += *query == '&';
	}
	return 0;
}

int http_range_parse(const char *value, uint64_t size, uint64_t *ret_from, uint64_t *ret_n)
{
	uint64_t first, last = UINT64_MAX;

	if (strncasecmp(value, "bytes=", 6) != 0)
		return 0;
	value += 6;
	size_t n = strspn(value, "0123456789");
	if (value[n] != '-')
		return 0;
	const char *to = value + n + 1;
	size_t to_n = strspn(to, "0123456789");
	if (to[to_n] || (to_n && decimal(to, to_n, &last) < 0))
		return 0;
	if (!n) { /* the last bytes */
		if (!to_n)
			return 0;
		if (!last || !size)
			return -ERANGE;
		*ret_n = last < size ? last : size;
		*ret_from = size - *ret_n;
		return 1;
	}
	if (decimal(value, n, &first) < 0 || last < first)
		return 0;
	if (first >= size)
		return -ERANGE;
	*ret_from = first;
	*ret_n = (last < size ? last + 1 : size) - first;
	return 1;
}

int http_span_parse(const char *value, uint64_t *ret_first, uint64_t *ret_last)
{
	if (!strncasecmp(value, "bytes", 5)) {
		value += 5;
		value += strspn(value, " =");
	}
	size_t n = strspn(value, "0123456789");
	if (value[n] != '-' || decimal(value, n, ret_first) < 0)
		return -EINVAL;
	const char *to = value + n + 1;
	n = strspn(to, "0123456789");
	if ((to[n] && to[n] != '/') || decimal(to, n, ret_last) < 0 || *ret_last < *ret_first)
		return -EINVAL;
	return 0;
}
