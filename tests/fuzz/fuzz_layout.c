/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json of an OCI image layout, and entering an image in it; needs registry. What was entered is
 * found again by its name.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "registry/transport/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "WHERE\nINDEX" */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char body[] = "{}";
	const uint8_t *nl = memchr(data, '\n', size);
	size_t n = nl ? (size_t)(nl - data) : size;
	struct registry_manifest m = { 0 };
	struct files_where where, again;
	struct layout_entry entry;
	struct err e = { 0 };
	OWN_STR text = NULL;
	char words[1024];

	if (n >= sizeof words)
		return 0;
	memcpy(words, data, n);
	words[n] = 0;
	const char *index = nl ? (const char *)nl + 1 : "";
	size_t index_n = nl ? size - n - 1 : 0;
	(void)layout_check_version(index, index_n, &e);
	if (files_where_parse(words, &where, &e) < 0)
		return 0;
	if (layout_find(index, index_n, &where, &entry, &e) >= 0) {
		char path[LAYOUT_BLOB_PATH_MAX];
		layout_blob_path(entry.digest, path);
		if (strstr(path, ".."))
			abort();
	}
	(void)snprintf(m.digest, sizeof m.digest, "sha256:%064d", 7);
	(void)snprintf(m.content_type, sizeof m.content_type, "application/vnd.oci.image.manifest.v1+json");
	m.bytes = (char *)body;
	m.n = sizeof body - 1;
	if (layout_enter(index, index_n, "name", &m, &text, &e) < 0)
		return 0;
	if (files_where_parse("x:name", &again, &e) < 0 || layout_find(text, strlen(text), &again, &entry, &e) < 0 ||
	    strcmp(entry.digest, m.digest) != 0)
		abort();
	return 0;
}
