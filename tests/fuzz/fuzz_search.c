/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of a registry's search; needs registry. No control character gets through.
 */
#include <stdint.h>
#include <stdlib.h>

#include "format/js.h"
#include "registry/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN_JSON list = NULL;
	struct err e = { 0 };
	json_t *v;
	size_t i;

	if (search_parse((const char *)data, size, 5, &list, &e) < 0) {
		if (!e.kind)
			abort();
		return 0;
	}
	if (json_array_size(list) > 5)
		abort();
	json_array_foreach(list, i, v)
		for (const char *s = js_str(v, "description", ""); *s; s++)
			if ((unsigned char)*s < ' ' || *s == 0x7f)
				abort();
	return 0;
}
