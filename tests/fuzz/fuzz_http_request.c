/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that a registry gets: the head, then a body in chunks, which has to be the same however it is cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 went on to the end of the bytes, 0 the body ended, -1 malformed; *ret_n: bytes of content */
static int body(const char *p, size_t n, size_t piece, struct hash *h, size_t *ret_n)
{
	struct http_chunks c = { 0 };
	struct err e = { 0 };

	*ret_n = 0;
	hash_init(h, HASH_SHA256);
	while (n) {
		const char *content = NULL;
		size_t used, take = n < piece ? n : piece, len;
		int r = http_chunks_next(&c, p, take, &used, &content, &len, &e);
		if (r < 0)
			return -1;
		if (used > take || len > used || (len && (content < p || content + len > p + take)))
			abort();
		if (len)
			hash_add(h, content, len);
		*ret_n += len;
		if (!r)
			return 0;
		p += used;
		n -= used;
	}
	return 1;
}

static void head(char *p, size_t n)
{
	struct http_request r;
	struct err e = { 0 };
	uint64_t from = 0, len = 0, last;
	char value[64];

	if (http_request_parse(p, n, &r, &e) < 0) {
		if (!e.kind)
			abort();
		return;
	}
	if (*r.path != '/' || r.length < -1 || (r.length < 0 && r.has_length) || r.n_headers > HTTP_REQUEST_HEADERS_MAX)
		abort();
	(void)http_query_get(r.query, "digest", value, sizeof value);
	const char *range = http_request_header(&r, "Range");
	if (range && http_range_parse(range, 1000, &from, &len) > 0 && (!len || from + len > 1000))
		abort();
	range = http_request_header(&r, "Content-Range");
	if (range && http_span_parse(range, &from, &last) == 0 && last < from)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), whole_text[HASH_TEXT_MAX], part_text[HASH_TEXT_MAX];
	struct hash a, b;
	size_t whole_n, part_n;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	size_t n = http_request_head(copy, size, 0);
	/* found piece by piece, it is the same */
	if (n > size || (n && size && http_request_head(copy, n, n - 1) != n))
		abort();
	int whole = body(copy + n, size - n, SIZE_MAX, &a, &whole_n);
	int part = body(copy + n, size - n, 3, &b, &part_n);
	hash_text(&a, whole_text);
	hash_text(&b, part_text);
	if (whole != part || (whole >= 0 && (whole_n != part_n || strcmp(whole_text, part_text) != 0)))
		abort();
	if (n)
		head(copy, n);
	free(copy);
	return 0;
}
