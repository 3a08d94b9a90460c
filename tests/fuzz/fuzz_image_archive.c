/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of the files of an image archive, and docker's manifest.json in it; needs registry. What is found lies in
 * the archive, and a manifest that is made for an image is one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "registry/archive_int.h"
#include "registry/transport/docker_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_list(const char *words, const struct archive *ar)
{
	struct docker_blob blobs[2] = { { .size = 7 }, { .size = 9 } };
	struct registry_manifest m = { 0 };
	OWN_MANIFEST parsed = { 0 };
	struct files_where where;
	struct docker_item it;
	struct err e = { 0 };

	if (files_where_parse(words, &where, &e) < 0 ||
	    docker_list_find(buf_str(&ar->manifest_json), ar->manifest_json.n, &where, &it, &e) < 0)
		return;
	(void)archive_find(ar, it.config);
	for (size_t i = 0; i < json_array_size(it.layers); i++)
		(void)archive_find(ar, json_string_value(json_array_get(it.layers, i)));
	docker_item_done(&it);
	for (size_t i = 0; i < 2; i++)
		(void)snprintf(blobs[i].digest, sizeof blobs[i].digest, "sha256:%064d", (int)i);
	if (docker_list_manifest(&blobs[0], &blobs[1], 1, ar->n % 2 ? MEDIA_OCI_LAYER : MEDIA_DOCKER_LAYER, &m, &e) < 0)
		return;
	if (manifest_parse(m.bytes, m.n, m.content_type, &parsed, &e) < 0 || parsed.n_entries != 1)
		abort();
	registry_manifest_done(&m);
}

/* "WHERE\nTAR" */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nl = memchr(data, '\n', size);
	struct archive ar = { 0 };
	struct err e = { 0 };
	char words[1024];

	if (!nl || (size_t)(nl - data) >= sizeof words)
		return 0;
	memcpy(words, data, (size_t)(nl - data));
	words[nl - data] = 0;
	const size_t n = size - (size_t)(nl - data) - 1;
	OWN_FD fd = memfd_create("archive", MFD_CLOEXEC);
	if (fd < 0 || io_write_all(fd, nl + 1, n) < 0)
		return 0;
	if (archive_list(&ar, fd, n, &e) == 0) {
		for (size_t i = 0; i < ar.n; i++)
			if (!ar.files[i].link && (ar.files[i].at > n || ar.files[i].size < 0))
				abort();
		if (ar.has_manifest_json)
			read_list(words, &ar);
	}
	archive_done(&ar);
	return 0;
}
