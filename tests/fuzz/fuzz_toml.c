/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML: any bytes give a document or an error.
 */
#include <stdint.h>

#include "base/own.h"
#include "format/js.h"
#include "format/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN_JSON j = NULL;
	struct err e;

	(void)toml_parse((const char *)data, size, "fuzz", &j, &e);
	return 0;
}
