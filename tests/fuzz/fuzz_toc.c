/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of contents of layers; needs registry. "b" and a whole blob: footer, table, entries. "e" or "z" and a text: the
 * entries alone, of a blob of a million bytes. Whatever comes out, chunks cover their files and lie in the blob.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/own.h"
#include "format/toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct toc_entry *en, uint64_t end)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < en->n_chunks; i++) {
		const struct toc_chunk *c = &en->chunks[i];
		if (c->file_offset != at || !c->size || !c->packed || c->offset >= end || c->packed > end - c->offset)
			abort();
		at += c->size;
	}
	if (at != en->size || (!*en->name && en->type != TOC_DIR) || (en->type == TOC_SYMLINK && !*en->link))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toc_place p = { .end = 1000000 };
	OWN_STR text = NULL;
	OWN_TOC t = { 0 };
	struct err e;
	size_t n;

	if (size < 2)
		return 0;
	const char form = (char)*data++;
	size--;
	if (form == 'b') {
		size_t tail = size < TOC_TAIL_BYTES ? size : TOC_TAIL_BYTES;
		if (toc_locate(data + size - tail, tail, size, &p, &e) <= 0)
			return 0;
		if (p.length > size || p.offset > size - p.length || p.end > p.offset)
			abort();
		if (toc_unpack(&p, data + p.offset, &text, &n, &e) < 0)
			return 0;
	} else {
		p.kind = form == 'z' ? TOC_ZSTD_CHUNKED : TOC_ESTARGZ;
	}
	if (toc_parse(&p, text ? text : (const char *)data, text ? n : size, &t, &e) < 0)
		return 0;
	for (size_t i = 0; i < t.n_entries; i++)
		check_entry(&t.entries[i], t.end);
	return 0;
}
