/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of templates: any text must parse to a tree or an error, and a tree must run.
 */
#include <stdint.h>
#include <string.h>

#include "format/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	ARENA a = { 0 };
	OWN_BUF out = { 0 };
	struct err e = { 0 };
	struct template *t;
	char *text = arena_strndup(&a, (const char *)p, n);
	json_t *data = json_pack("{s:s,s:i,s:[s,s],s:{s:s}}", "Name", "x", "N", 3, "List", "a", "b", "Map", "k", "v");

	if (text && data && template_parse(text, &a, &t, &e) == 0)
		(void)template_exec(t, data, 0, &out, &e);
	json_decref(data);
	return 0;
}
