/* SPDX-License-Identifier: Apache-2.0
 *
 * References and platforms: what is taken has a canonical form that parses to the same value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/platform.h"
#include "spec/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1), out[REFERENCE_TEXT_MAX];
	struct reference r, again;
	struct platform p;
	struct err e;

	if (!s)
		return 0;
	memcpy(s, data, size);
	s[size] = 0;
	if (reference_parse(s, &r, &e) == 0) {
		reference_canonical(&r, out);
		if (reference_parse(out, &again, &e) < 0 || memcmp(&r, &again, sizeof r) != 0)
			abort();
		reference_familiar(&r, out);
	}
	(void)platform_parse(s, &p, &e);
	(void)reference_is_id(s);
	free(s);
	return 0;
}
