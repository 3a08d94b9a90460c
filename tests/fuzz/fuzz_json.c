/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: any bytes give a value or an error; a value survives writing, reading and copying.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_UNSIGNED_WRAPS;
	json_error_t je = { 0 };
	OWN_JSON j = json_loadb((const char *)data, size, flags, &je);

	if (!j) {
		assert(je.line > 0 && je.column > 0 && je.text[0]);
		return 0;
	}
	OWN_STR text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
	OWN_STR wide = json_dumps(j, JSON_ENCODE_ANY | JSON_INDENT(1) | JSON_SORT_KEYS);
	assert(text && wide);
	OWN_JSON again = json_loads(text, flags, NULL);
	OWN_JSON third = json_loads(wide, flags, NULL);
	OWN_JSON copy = json_deep_copy(j);
	assert(json_equal(j, again) && json_equal(third, j) && json_equal(copy, again));
	return 0;
}
