/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests, indexes and image configs as a registry may send them.
 */
#include <stdint.h>
#include <stdlib.h>

#include "spec/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct descriptor *d;
	struct platform want;
	struct err e;
	OWN_MANIFEST m = { 0 };
	OWN_IMAGE_CONFIG c = { 0 };

	platform_host(&want);
	if (manifest_parse((const char *)data, size, NULL, &m, &e) == 0) {
		if (m.kind == MANIFEST_INDEX) {
			(void)manifest_choose(&m, &want, &d, &e);
		} else {
			(void)manifest_check_runnable(&m, &e);
			if (!digest_is_valid(m.config.digest))
				abort();
		}
		for (size_t i = 0; i < m.n_entries; i++)
			if (m.entries[i].size < 0 || !digest_is_valid(m.entries[i].digest))
				abort();
	}
	(void)image_config_parse((const char *)data, size, &c, &e);
	return 0;
}
