/* SPDX-License-Identifier: Apache-2.0
 *
 * passwd and group of an image, and what --user asks of them: "USER\nEXTRA\nPASSWD\0GROUP".
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	ARENA a = { 0 };
	struct user_info u;
	struct err e = { 0 };
	char *text = arena_strndup(&a, (const char *)p, n);
	char *whole = arena_get(&a, n + 1), *extra, *passwd;

	if (!text || !whole)
		return 0;
	memcpy(whole, p, n);
	size_t first = strlen(whole);
	const char *group = first < n ? whole + first + 1 : NULL;
	extra = strchr(whole, '\n');
	passwd = extra ? strchr(extra + 1, '\n') : NULL;
	if (!passwd)
		return 0;
	*extra++ = *passwd++ = 0;
	(void)user_resolve(whole, passwd, group, (const char *const[]){ extra, NULL }, &a, &u, &e);
	return 0;
}
