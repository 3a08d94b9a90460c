/* SPDX-License-Identifier: Apache-2.0
 *
 * What a layer is by its first bytes: see layer_kind.h.
 */
#include "registry/layer_kind.h"

#include "format/erofs_read.h"
#include "format/inflate.h"
#include "spec/manifest.h"

const char *layer_erofs_type(int xfd, uint64_t at, uint64_t size_bytes)
{
	static const char *const types[INFLATE_KIND_N] = {
		[INFLATE_PLAIN] = MEDIA_EROFS_LAYER,
		[INFLATE_GZIP] = MEDIA_EROFS_LAYER "+gzip",
		[INFLATE_ZSTD] = MEDIA_EROFS_LAYER "+zstd",
	};
	struct err ignored = { 0 }; /* whoever reads the layer finds it again */
	struct inflate *in = NULL;
	struct source_peek peek;
	struct source_at file;
	const unsigned char *head;
	const char *type = NULL;
	size_t n;

	if (source_at_init(&file, xfd, at, size_bytes, &ignored) < 0)
		return NULL;
	if (inflate_open(&file.source, 0, &in, &ignored) == 0) {
		source_peek_init(&peek, inflate_source(in));
		if (source_peek(&peek, EROFS_HEAD_BYTES, &head, &n, &ignored) == 0 && erofs_is_image(head, n))
			type = types[inflate_kind_of(in)];
	}
	inflate_close(in);
	source_at_done(&file);
	return type;
}
