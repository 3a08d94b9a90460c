/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of HTTP clients as a server reads them: heads, queries, ranges, bodies in chunks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "format/http_request.h"

static char text[32 << 10];
static struct http_request req;

static int parse(const char *s)
{
	struct err e = { 0 };
	size_t n = strlen(s);

	memcpy(text, s, n + 1);
	assert_int_equal(http_request_head(text, n, 0), n);
	int r = http_request_parse(text, n, &req, &e);
	assert_true(r == 0 || e.kind == E_CORRUPT || e.kind == E_UNSUPPORTED);
	return r < 0 ? -(int)e.kind : 0;
}

static void test_head(void **state)
{
	(void)state;
	assert_int_equal(parse("GET /v2/a%2Fb/c?n=1&x HTTP/1.1\r\nHost: h\r\nX-Y:  two words \r\n\r\n"), 0);
	assert_string_equal(req.method, "GET");
	assert_string_equal(req.path, "/v2/a/b/c");
	assert_string_equal(req.query, "n=1&x");
	assert_string_equal(http_request_header(&req, "x-y"), "two words");
	assert_null(http_request_header(&req, "x"));
	assert_true(req.keep_alive);
	assert_int_equal(req.length, 0);
	assert_false(req.has_length);
	assert_int_equal(parse("\r\n\nPUT http://host:1/v2/?a HTTP/1.0\nConnection: Keep-Alive, x\nContent-Length: 12\n\n"), 0);
	assert_string_equal(req.path, "/v2/");
	assert_string_equal(req.query, "a");
	assert_true(req.keep_alive);
	assert_int_equal(req.length, 12);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
	assert_false(req.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.1\r\nConnection: close\r\nExpect: 100-Continue\r\n\r\n"), 0);
	assert_false(req.keep_alive);
	assert_true(req.expects_continue);
	assert_int_equal(parse("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"), 0);
	assert_int_equal(req.length, -1);
}

/* whatever two readers could understand in two ways, and what is no HTTP */
static void test_refused(void **state)
{
	static const char *const corrupt[] = {
		"GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1 x\r\n\r\n",
		"GET v2 HTTP/1.1\r\n\r\n", "GET /%00 HTTP/1.1\r\n\r\n", "GET /%0a HTTP/1.1\r\n\r\n", "GET /%4 HTTP/1.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\n\r\n", "GET /a#b HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\nName : x\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n",
	};
	static const char *const unknown[] = {
		"GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nExpect: wonders\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(corrupt); i++)
		if (parse(corrupt[i]) != -E_CORRUPT)
			fail_msg("taken: %s", corrupt[i]);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		if (parse(unknown[i]) != -E_UNSUPPORTED)
			fail_msg("taken: %s", unknown[i]);
}

static void test_limits(void **state)
{
	struct err e = { 0 };
	int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");

	(void)state;
	for (int i = 0; i <= HTTP_REQUEST_HEADERS_MAX; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "A: %d\r\n", i);
	n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
	assert_true(http_request_parse(text, (size_t)n, &req, &e) < 0);
	/* found at the byte where it ends, whatever was looked at before */
	const char head[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nrest";
	for (size_t i = 0; i < sizeof head - 5; i++)
		assert_int_equal(http_request_head(head, i, i / 2), 0);
	assert_int_equal(http_request_head(head, sizeof head - 1, sizeof head - 6), sizeof head - 5);
}

static void test_query(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(http_query_get("a=1&digest=sha256%3Aab&b", "digest", out, sizeof out), 1);
	assert_string_equal(out, "sha256:ab");
	assert_int_equal(http_query_get("a=1&xdigest=2", "digest", out, sizeof out), 0);
	assert_int_equal(http_query_get("n=x+y%2B", "n", out, sizeof out), 1);
	assert_string_equal(out, "x y+");
	assert_int_equal(http_query_get("n=", "n", out, sizeof out), 1);
	assert_string_equal(out, "");
	assert_int_equal(http_query_get("n", "n", out, sizeof out), 0);
	assert_int_equal(http_query_get("n=%0d", "n", out, sizeof out), -EINVAL);
	assert_int_equal(http_query_get("n=%", "n", out, sizeof out), -EINVAL);
	assert_int_equal(http_query_get("n=0123456789abcdef", "n", out, sizeof out), -ENAMETOOLONG);
}

static void test_ranges(void **state)
{
	static const struct { const char *text; uint64_t size; int result; uint64_t from, n; } rows[] = {
		{ "bytes=0-0", 10, 1, 0, 1 }, { "bytes=2-4", 10, 1, 2, 3 }, { "bytes=5-", 10, 1, 5, 5 },
		{ "bytes=-3", 10, 1, 7, 3 }, { "bytes=-30", 10, 1, 0, 10 }, { "bytes=8-99", 10, 1, 8, 2 },
		{ "bytes=10-", 10, -ERANGE, 0, 0 }, { "bytes=-0", 10, -ERANGE, 0, 0 }, { "bytes=0-", 0, -ERANGE, 0, 0 },
		{ "bytes=-1", 0, -ERANGE, 0, 0 }, { "bytes=4-2", 10, 0, 0, 0 }, { "bytes=0-1,3-4", 10, 0, 0, 0 },
		{ "lines=0-1", 10, 0, 0, 0 }, { "bytes=-", 10, 0, 0, 0 }, { "bytes=a-b", 10, 0, 0, 0 },
		{ "bytes=99999999999999999999-", 10, 0, 0, 0 },
	};
	uint64_t first, last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t from = 0, n = 0;
		int r = http_range_parse(rows[i].text, rows[i].size, &from, &n);
		if (r != rows[i].result || (r > 0 && (from != rows[i].from || n != rows[i].n)))
			fail_msg("%s of %d: %d", rows[i].text, (int)rows[i].size, r);
	}
	assert_int_equal(http_span_parse("5-9", &first, &last), 0);
	assert_int_equal(first, 5);
	assert_int_equal(last, 9);
	assert_int_equal(http_span_parse("bytes 0-0/1", &first, &last), 0);
	assert_int_equal(http_span_parse("9-5", &first, &last), -EINVAL);
	assert_int_equal(http_span_parse("-5", &first, &last), -EINVAL);
	assert_int_equal(http_span_parse("0-5x", &first, &last), -EINVAL);
}

/* the content of @s, cut into pieces of @piece bytes. -1: malformed, -2: it has not ended */
static int content(const char *s, size_t piece, char *out, size_t *ret_left)
{
	struct http_chunks c = { 0 };
	size_t n = strlen(s), w = 0;
	struct err e = { 0 };

	while (n) {
		const char *p;
		size_t used, len;
		int r = http_chunks_next(&c, s, n < piece ? n : piece, &used, &p, &len, &e);
		if (r < 0)
			return -1;
		if (len)
			memcpy(out + w, p, len);
		w += len;
		s += used;
		n -= used;
		out[w] = 0;
		*ret_left = n;
		if (!r)
			return (int)w;
	}
	return -2;
}

static void test_chunks(void **state)
{
	static const char *const wrong[] = { "x\r\n", "\r\n", "5\r\nhelloo\r\n", "5\r\nhello\r\r\n", "5\rhello", "1g\r\n",
					      "1234567890123456\r\n", "0\r\n\rx" };
	size_t left;
	char out[64];

	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		assert_int_equal(content("5\r\nhello\r\nA;q=1\r\n, the rest\r\n0\r\nT: 1\r\n\r\nGET", piece, out, &left), 15);
		assert_string_equal(out, "hello, the rest");
		assert_int_equal(left, 3);
		assert_int_equal(content("2\nab\n0\n\n", piece, out, &left), 2);
		assert_int_equal(content("5\r\nhello\r\n0\r\n", piece, out, &left), -2);
		for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
			assert_int_equal(content(wrong[i], piece, out, &left), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),  cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_query), cmocka_unit_test(test_ranges),  cmocka_unit_test(test_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
