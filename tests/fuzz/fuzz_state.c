/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of state.json: a damaged record is an error, never a fault.
 */
#include <stdint.h>
#include <string.h>

#include "format/js.h"
#include "runtime/state_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct state s = STATE_EMPTY;
	struct err e = { 0 };

	if (js_parse((const char *)p, n, "state.json", &s.doc, &e) < 0)
		return 0;
	memcpy(s.id, "c", 2);
	if (state_decode(&s, &e) == 0) {
		OWN_JSON j = NULL;
		(void)state_oci_json(&s, "stopped", 0, &j, &e);
	}
	json_decref(s.doc);
	return 0;
}
