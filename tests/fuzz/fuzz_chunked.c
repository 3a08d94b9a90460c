/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers that are compressed as zstd:chunked; needs registry. An archive; its first byte says in what pieces it comes.
 * Whatever is accepted comes out again to the byte, and the table is one that pulls take.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "format/inflate.h"
#include "format/js.h"
#include "format/toc.h"
#include "registry/compress.h"
#include "../lib/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct compressed *c, const uint8_t *data, size_t size)
{
	struct source_at f;
	struct inflate *in;
	const unsigned char *p;
	size_t n, at = 0;
	struct err e;
	int r;

	if (source_at_init(&f, c->fd, 0, (uint64_t)c->size_bytes, &e) < 0 || inflate_open(&f.source, 0, &in, &e) < 0)
		abort();
	while ((r = source_next(inflate_source(in), &p, &n, &e)) > 0) {
		if (n > size - at || memcmp(p, data + at, n) != 0)
			abort();
		at += n;
	}
	if (r < 0 || at != size)
		abort();
	inflate_close(in);
	source_at_done(&f);
}

static void table(const struct compressed *c)
{
	OWN_JSON notes = json_pack("{s:s, s:s}", TOC_NOTE_ZSTD_DIGEST, c->toc_digest, TOC_NOTE_ZSTD_POSITION, c->toc_position);
	struct toc_place p;
	OWN_STR text = NULL;
	OWN_TOC t = { 0 };
	struct err e;
	size_t n;

	if (toc_annotated(notes, (uint64_t)c->size_bytes, &p, &e) != 1)
		abort();
	OWN_PTR unsigned char *packed = malloc(p.length);
	if (!packed || pread(c->fd, packed, p.length, (off_t)p.offset) != (ssize_t)p.length ||
	    toc_unpack(&p, packed, &text, &n, &e) < 0 || toc_parse(&p, text, n, &t, &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct compressed c;
	struct err e = { 0 };

	if (size < 2)
		return 0;
	struct pieces in = { { pieces_next, NULL }, data + 1, size - 1, *data ? *data * 7U : size };
	if (compress_source(&in.source, COMPRESS_ZSTD_CHUNKED, 1, AT_FDCWD, &c, &e) < 0)
		return 0;
	same(&c, data + 1, size - 1);
	table(&c);
	close(c.fd);
	return 0;
}
