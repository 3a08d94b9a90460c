/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression of layers for registries that are sent what is plain here. The same bytes, format and
 * level give the same result on the same kind of machine.
 */
#ifndef ONGGI_REGISTRY_COMPRESS_H
#define ONGGI_REGISTRY_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/source.h"
#include "format/toc.h"
#include "spec/digest.h"

enum compress_format {
	COMPRESS_NONE, /* as it is */
	COMPRESS_GZIP, /* levels 1-3 by ISA-L (3 is the default: ten times as fast as zlib's 6, a tenth
			  larger), 4-9 by zlib */
	COMPRESS_ZSTD, /* levels 1-19, default 3 */
	COMPRESS_ZSTD_CHUNKED, /* zstd with a table of contents (format/toc.h), the same levels */
	COMPRESS_FORMAT_N
};

/** compress_format_parse - "gzip", "zstd", "zstd:chunked"; E_INVALID otherwise. */
int compress_format_parse(const char *name, enum compress_format *ret, struct err *e);
/** compress_format_name - the same; "" of COMPRESS_NONE. */
const char *compress_format_name(enum compress_format format);
/** compress_is_zstd - whether what comes out is zstd to those who do not know of tables. */
bool compress_is_zstd(enum compress_format format);
/** compress_level_check - E_INVALID when @format has no such level; 0 is the default one. */
int compress_level_check(enum compress_format format, int level, struct err *e);

struct compressed {
	int fd;              /* file without a name, owned */
	int64_t size_bytes;
	char digest[DIGEST_TEXT_MAX]; /* sha256 */
	/* the table of contents, as a descriptor's annotations tell it (TOC_NOTE_ZSTD_*); "": there is none */
	char toc_digest[DIGEST_TEXT_MAX];
	char toc_position[TOC_POSITION_MAX];
};

/** compress_source - all of @in into a temporary file in the directory @xdir. E_UNSUPPORTED: a table of contents cannot
 * tell what is in it (holes, names that are not UTF-8 ...); with COMPRESS_ZSTD, from its beginning, it goes. */
int compress_source(struct source *in, enum compress_format format, int level, int xdir,
		    struct compressed *ret, struct err *e);

#endif
