/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of json-file records: any line parses or is refused; what parses survives writing and
 * reading again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "driver/log/jsonlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1), *again, *out;
	struct jsonlog_record r, s;
	size_t len;

	if (text && !jsonlog_parse((const char *)p, n, text, &r)) {
		out = malloc(jsonlog_bound(&r));
		len = jsonlog_encode(&r, out);
		assert(len <= jsonlog_bound(&r));
		again = malloc(len);
		assert(!jsonlog_parse(out, len - 1, again, &s));
		assert(s.time_n == r.time_n && s.stream == r.stream && s.n >= r.n);
		free(again);
		free(out);
	}
	free(text);
	return 0;
}
