/* SPDX-License-Identifier: Apache-2.0
 *
 * Decompression of a source: gzip (any number of members), zstd (many frames, skippable ones),
 * bzip2, xz or plain bytes, told apart by their first bytes. Needs libraries: compiled into
 * onggi-image only.
 *
 * After the last member only zeros may follow; anything else is E_CORRUPT. The end is reported
 * only after the source below has been read to its own end, so that its checks have run.
 */
#ifndef ONGGI_FORMAT_INFLATE_H
#define ONGGI_FORMAT_INFLATE_H

#include <stdint.h>

#include "format/source.h"

enum inflate_kind {
	INFLATE_PLAIN,
	INFLATE_GZIP,
	INFLATE_ZSTD,
	INFLATE_BZIP2,
	INFLATE_XZ,
	INFLATE_KIND_N
};

struct inflate;

/** inflate_open - read the first bytes of @below (borrowed) and set up the right decoder.
 * @max_bytes: E_CORRUPT when the output grows beyond (bombs); 0 = no limit.
 * Returns with *ret as a heap object; inflate_close() frees it, NULL is fine. */
int inflate_open(struct source *below, uint64_t max_bytes, struct inflate **ret, struct err *e);
/** inflate_limit_ratio - E_CORRUPT when more than @free_bytes have come out and they are more than @ratio times
 * what went in. 16 GiB and 2000 unless said otherwise: gzip cannot do more than 1032, honest zstd of
 * sparse images more, but not of so much. */
void inflate_limit_ratio(struct inflate *in, unsigned ratio, uint64_t free_bytes);
void inflate_close(struct inflate *in);
/** inflate_source - the decompressed bytes. Lives as long as @in. */
struct source *inflate_source(struct inflate *in);
enum inflate_kind inflate_kind_of(const struct inflate *in);
/** inflate_detect - kind by the first @n bytes (6 are enough). */
enum inflate_kind inflate_detect(const unsigned char *p, size_t n);
const char *inflate_kind_name(enum inflate_kind kind);

#endif
