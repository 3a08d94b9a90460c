/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of published ports: any text is ports or an error; ports survive docker's JSON.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "format/js.h"
#include "spec/port.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	ARENA a = { 0 };
	OWN_PORT_LIST l = { 0 };
	OWN_PORT_LIST back = { 0 };
	OWN_PORT_LIST expose = { 0 };
	struct err e = { 0 };
	char *text = arena_strndup(&a, (const char *)p, n);

	if (!text)
		return 0;
	(void)port_parse_expose(text, &expose, &e); /* must only not crash */
	if (port_parse(text, &l, &e) < 0)
		return 0;
	OWN_JSON j = port_list_to_json(&l);
	int r = port_list_from_json(j, &back, &e);
	assert(r == 0 && back.n == l.n);
	return 0;
}
