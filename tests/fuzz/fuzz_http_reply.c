/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of plugins: whole, and in two pieces, which must not change what comes of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const uint8_t *data, size_t size, bool at_end, struct http_reply *ret, char **ret_p)
{
	struct err e = { 0 };
	char *p = malloc(size + 1);

	if (!p)
		abort();
	memcpy(p, data, size);
	p[size] = 0;
	*ret_p = p;
	int r = http_reply_parse(p, size, at_end, ret, &e);
	if (r == 1 && (ret->body < p || ret->body + ret->n > p + size || ret->status < 200 || ret->status > 599))
		abort();
	if (r == 0 && at_end)
		abort();
	if (r < 0 && !e.kind)
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reply a = { 0 }, b = { 0 };
	char *p, *q;

	int whole = parse(data, size, true, &a, &p);
	int part = parse(data, size / 2, false, &b, &q);
	/* what is whole already stays what it is, unless the rest is part of it */
	if (part == 1 && (whole != 1 || a.status != b.status || a.n != b.n || memcmp(a.body, b.body, a.n) != 0))
		abort();
	if (part < 0 && whole == 1)
		abort();
	free(p);
	free(q);
	return 0;
}
