/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of users of the registry server (needs registry): see registry/serve/passwords.h.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/serve/passwords.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct password_line *list = NULL;
	struct err e = { 0 };
	size_t n = 0;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	if (passwords_parse(text, &list, &n, &e) < 0) {
		if (!e.kind)
			abort();
	} else {
		for (size_t i = 0; i < n; i++)
			if (!*list[i].user || strchr(list[i].user, ':') || strlen(list[i].hash) != PASSWORDS_HASH_LEN)
				abort();
		passwords_free(list, n);
	}
	free(text);
	return 0;
}
