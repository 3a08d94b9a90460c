/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of `registry sync --src yaml` (needs registry): YAML as JSON, and expressions over tags in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/tag_pattern.h"
#include "registry/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	json_t *j = NULL;

	if (yaml_parse((const char *)data, size, &j, &e) < 0) {
		if (!e.kind || j)
			abort();
		return 0;
	}
	/* what came out can be written */
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		abort();
	free(text);
	const char *pattern = json_string_value(json_object_get(j, "pattern"));
	regex_t re;
	/* repetitions of repetitions are for the C library to bear */
	if (pattern && !strchr(pattern, '{') && strlen(pattern) < 100 && tag_pattern_open(pattern, &re, &e) == 0) {
		(void)tag_pattern_fits(&re, "1.13.1-alpine");
		tag_pattern_close(&re);
	}
	json_decref(j);
	return 0;
}
