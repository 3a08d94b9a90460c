/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers and archives as anybody may build them: every member with its body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tar_limits small = { .path_bytes = 4096, .header_bytes = 65536, .hunks = 4096 };
	const struct tar_entry *en;
	const unsigned char *p;
	struct tar_reader *t;
	struct source_mem m;
	struct err e = { 0 };
	uint64_t at, sum;
	size_t n;

	source_mem_init(&m, data, size);
	if (tar_open(&m.source, &small, &t, &e) < 0)
		return 0;
	while (tar_next(t, &en, &e) > 0) {
		if (strlen(en->path) > 4096 || strlen(en->link) > 4096 || en->mtime.nsec > 999999999)
			abort();
		for (size_t i = 0; i < en->n_xattrs; i++)
			if (!*en->xattrs[i].name)
				abort();
		for (sum = 0; tar_body(t, &p, &n, &at, &e) > 0; sum += n)
			if (at + n > en->size)
				abort();
		if (sum > size)
			abort();
	}
	tar_close(t);
	return 0;
}
