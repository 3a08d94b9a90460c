/* SPDX-License-Identifier: Apache-2.0
 *
 * The two small languages around layers: access control lists in archives, and Dockerfile
 * instructions that change a config.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/layer_int.h"
#include "spec/image_change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char out[4096];
	struct err e = { 0 };
	char *text = strndup((const char *)data, size);
	const char *change = text;
	json_t *config = json_object();

	ssize_t n = acl_from_text((const char *)data, size, out, sizeof out);
	if (n >= 0 && (n < 12 || (n - 4) % 8))
		abort();
	if (text && config)
		(void)image_change_apply(config, &change, 1, &e);
	json_decref(config);
	free(text);
	return 0;
}
