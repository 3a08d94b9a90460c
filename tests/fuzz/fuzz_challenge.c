/* SPDX-License-Identifier: Apache-2.0
 *
 * WWW-Authenticate headers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct challenge list[4];
	char *s = malloc(size + 1);
	struct err e;

	if (!s)
		return 0;
	memcpy(s, data, size);
	s[size] = 0;
	int n = challenge_parse(s, list, 4, &e);
	if (n > 4)
		abort();
	for (int i = 0; i < n; i++)
		if (strlen(list[i].realm) > size || strlen(list[i].scope) > size)
			abort();
	free(s);
	return 0;
}
