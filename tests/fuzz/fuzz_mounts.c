/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of mountinfo: names in it are chosen by whoever mounts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sys/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	ARENA a = { 0 };
	char *text = arena_strndup(&a, (const char *)p, n);
	struct mountinfo m;
	struct err e;

	if (!text || mountinfo_parse(text, &a, &m, &e) < 0)
		return 0;
	for (size_t i = 0; i < m.n; i++)
		if (strlen(m.v[i].point) + strlen(m.v[i].root) > n)
			abort();
	return 0;
}
