/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of schema 1 as a registry may send them: signatures, payload, history. Base64 is among
 * the heavy parts, so it needs registry.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "registry/schema1.h"
#include "spec/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* what is taken makes documents that the readers of schema 2 take, or refuse for what the history says */
static void convert(const struct schema1 *s)
{
	OWN_PTR const char **diff_ids = calloc(s->n, sizeof *diff_ids);
	OWN_PTR int64_t *sizes = calloc(s->n, sizeof *sizes);
	OWN_STR config = NULL;
	OWN_STR text = NULL;
	OWN_IMAGE_CONFIG c = { 0 };
	OWN_MANIFEST m = { 0 };
	struct err e;
	size_t n = 0;

	if (!diff_ids || !sizes)
		return;
	for (size_t i = 0; i < s->n; i++)
		if (!s->layers[i].throwaway)
			diff_ids[n++] = s->layers[i].blob;
	if (schema1_config(s, diff_ids, n, &config, &e) < 0)
		return;
	if (image_config_parse(config, strlen(config), &c, &e) == 0 && c.n_diff_ids != n)
		abort();
	if (schema1_manifest(s, s->layers[0].blob, strlen(config), sizes, &text, &e) < 0)
		return;
	if (manifest_parse(text, strlen(text), NULL, &m, &e) < 0 || m.n_entries != n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	OWN_STR payload = NULL;
	OWN_SCHEMA1 s = { 0 };
	size_t n;

	(void)schema1_is((const char *)data, size, NULL);
	if (schema1_payload((const char *)data, size, &payload, &n, &e) == 0 && schema1_parse(payload, n, &s, &e) == 0)
		convert(&s);
	return 0;
}
