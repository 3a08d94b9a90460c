/* SPDX-License-Identifier: Apache-2.0
 *
 * Decompression by ISA-L (gzip), libzstd, libbz2 and liblzma behind one source: see inflate.h.
 *
 * A file may be several compressed streams in a row. Between two of them the next byte decides:
 * more of the same kind, zeros up to the end, or rubbish.
 */
#include "format/inflate.h"

#include <bzlib.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/own.h"

enum {
	OUT_BYTES = 256 << 10,
	HEAD_BYTES = 16,
	ZSTD_WINDOW_LOG = 27,          /* 128 MiB: what a frame may ask of our memory */
	XZ_MEMORY_BYTES = 256 << 20,
	RATIO_MAX = 2000,
};

struct inflate {
	struct source source;
	struct source *below;
	enum inflate_kind kind;
	const unsigned char *p; /* input at hand */
	size_t n;
	const unsigned char *later; /* and the rest of the chunk after the collected head */
	size_t later_n;
	bool eof;     /* of the source below */
	bool between; /* two streams: the next byte decides */
	bool padding; /* zeros only from here */
	uint64_t taken, total, max; /* bytes of the source, of the output; what the output may grow to, 0: any */
	uint64_t free_bytes, ratio;
	unsigned char head[HEAD_BYTES];
	unsigned char *out;
	union {
		struct inflate_state *gzip;
		ZSTD_DStream *zstd;
		bz_stream bzip2;
		lzma_stream xz;
	} u;
};

enum inflate_kind inflate_detect(const unsigned char *p, size_t n)
{
	if (n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
		return INFLATE_GZIP;
	if (n >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4))
		return INFLATE_ZSTD;
	if (n >= 4 && (p[0] & 0xf0) == 0x50 && !memcmp(p + 1, "\x2a\x4d\x18", 3)) /* skippable frame */
		return INFLATE_ZSTD;
	if (n >= 4 && !memcmp(p, "BZh", 3) && p[3] >= '1' && p[3] <= '9')
		return INFLATE_BZIP2;
	if (n >= 6 && !memcmp(p, "\xfd" "7zXZ\0", 6))
		return INFLATE_XZ;
	return INFLATE_PLAIN;
}

const char *inflate_kind_name(enum inflate_kind kind)
{
	static const char *const names[INFLATE_KIND_N] = { "plain", "gzip", "zstd", "bzip2", "xz" };
	return names[kind];
}

static int bad(const struct inflate *in, struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "%s stream: %s", inflate_kind_name(in->kind), what);
}

static int begin_gzip(struct inflate *in, struct err *e)
{
	if (in->u.gzip) {
		isal_inflate_reset(in->u.gzip);
		return 0;
	}
	in->u.gzip = malloc(sizeof *in->u.gzip);
	if (!in->u.gzip)
		return err_new(e, E_NOMEM, ENOMEM, "gzip decoder");
	isal_inflate_init(in->u.gzip);
	in->u.gzip->crc_flag = ISAL_GZIP; /* headers are read and checksums verified */
	return 0;
}

static int begin_zstd(struct inflate *in, struct err *e)
{
	if (in->u.zstd)
		return 0; /* goes on to the next frame by itself */
	in->u.zstd = ZSTD_createDStream();
	if (!in->u.zstd || ZSTD_isError(ZSTD_DCtx_setParameter(in->u.zstd, ZSTD_d_windowLogMax,
							       ZSTD_WINDOW_LOG)))
		return err_new(e, E_NOMEM, ENOMEM, "zstd decoder");
	return 0;
}

static int begin_bzip2(struct inflate *in, struct err *e)
{
	BZ2_bzDecompressEnd(&in->u.bzip2); /* of the stream before; refuses an empty state */
	memset(&in->u.bzip2, 0, sizeof in->u.bzip2);
	if (BZ2_bzDecompressInit(&in->u.bzip2, 0, 0) != BZ_OK)
		return err_new(e, E_NOMEM, ENOMEM, "bzip2 decoder");
	return 0;
}

static int begin_xz(struct inflate *in, struct err *e)
{
	if (in->u.xz.internal)
		return 0;
	/* goes over concatenated streams and padding by itself */
	if (lzma_stream_decoder(&in->u.xz, XZ_MEMORY_BYTES, LZMA_CONCATENATED) != LZMA_OK)
		return err_new(e, E_NOMEM, ENOMEM, "xz decoder");
	return 0;
}

/* One step of each decoder: consumes input, returns how many bytes were put into out, or an
 * error; sets between at the end of a stream. */
static int64_t step_gzip(struct inflate *in, struct err *e)
{
	struct inflate_state *z = in->u.gzip;

	z->next_in = (uint8_t *)(uintptr_t)in->p;
	z->avail_in = in->n > UINT32_MAX ? UINT32_MAX : (uint32_t)in->n;
	uint32_t had = z->avail_in;
	z->next_out = in->out;
	z->avail_out = OUT_BYTES;
	int r = isal_inflate(z);
	if (r == ISAL_INCORRECT_CHECKSUM)
		return bad(in, e, "wrong checksum");
	if (r < 0)
		return bad(in, e, "malformed data");
	in->p += had - z->avail_in;
	in->n -= had - z->avail_in;
	in->between = z->block_state == ISAL_BLOCK_FINISH;
	return OUT_BYTES - z->avail_out;
}

static int64_t step_zstd(struct inflate *in, struct err *e)
{
	ZSTD_inBuffer i = { in->p, in->n, 0 };
	ZSTD_outBuffer o = { in->out, OUT_BYTES, 0 };
	size_t r = ZSTD_decompressStream(in->u.zstd, &o, &i);

	if (ZSTD_isError(r))
		return bad(in, e, ZSTD_getErrorName(r));
	in->p += i.pos;
	in->n -= i.pos;
	in->between = r == 0;
	return (int64_t)o.pos;
}

static int64_t step_bzip2(struct inflate *in, struct err *e)
{
	bz_stream *z = &in->u.bzip2;
	unsigned had = in->n > 1 << 30 ? 1 << 30 : (unsigned)in->n;

	z->next_in = (char *)(uintptr_t)in->p;
	z->avail_in = had;
	z->next_out = (char *)in->out;
	z->avail_out = OUT_BYTES;
	int r = BZ2_bzDecompress(z);
	if (r != BZ_OK && r != BZ_STREAM_END)
		return r == BZ_MEM_ERROR ? err_new(e, E_NOMEM, ENOMEM, "bzip2 decoder") :
					   bad(in, e, "malformed data");
	in->p += had - z->avail_in;
	in->n -= had - z->avail_in;
	in->between = r == BZ_STREAM_END;
	return OUT_BYTES - z->avail_out;
}

static int64_t step_xz(struct inflate *in, struct err *e)
{
	lzma_stream *z = &in->u.xz;

	z->next_in = in->p;
	z->avail_in = in->n;
	z->next_out = in->out;
	z->avail_out = OUT_BYTES;
	lzma_ret r = lzma_code(z, in->eof ? LZMA_FINISH : LZMA_RUN);
	if (r == LZMA_MEM_ERROR)
		return err_new(e, E_NOMEM, ENOMEM, "xz decoder");
	if (r == LZMA_MEMLIMIT_ERROR)
		return bad(in, e, "needs more than 256 MiB of memory");
	if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
		return bad(in, e, "malformed data");
	in->p += in->n - z->avail_in;
	in->n = z->avail_in;
	in->between = r == LZMA_STREAM_END;
	return OUT_BYTES - (int64_t)z->avail_out;
}

static const struct decoder {
	int (*begin)(struct inflate *in, struct err *e);
	int64_t (*step)(struct inflate *in, struct err *e);
} decoders[INFLATE_KIND_N] = {
	[INFLATE_GZIP] = { begin_gzip, step_gzip },
	[INFLATE_ZSTD] = { begin_zstd, step_zstd },
	[INFLATE_BZIP2] = { begin_bzip2, step_bzip2 },
	[INFLATE_XZ] = { begin_xz, step_xz },
};

static int fill(struct inflate *in, struct err *e)
{
	if (in->n || in->eof)
		return 0;
	if (in->later_n) {
		in->p = in->later;
		in->n = in->later_n;
		in->later_n = 0;
		return 0;
	}
	int r = source_next(in->below, &in->p, &in->n, e);
	if (r < 0)
		return r;
	if (!r)
		in->n = 0;
	in->eof = !r;
	in->taken += in->n;
	return 0;
}

static int next_plain(struct inflate *in, const unsigned char **ret, size_t *ret_n)
{
	if (!in->n)
		return 0;
	*ret = in->p;
	*ret_n = in->n;
	in->n = 0;
	return 1;
}

static int skip_padding(struct inflate *in, struct err *e)
{
	while (!in->eof) {
		for (size_t i = 0; i < in->n; i++)
			if (in->p[i])
				return bad(in, e, "rubbish after its end");
		in->n = 0;
		if (fill(in, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* at the start of the file or after a stream. 1: a stream begins | 0: the end */
static int begin(struct inflate *in, struct err *e)
{
	if (in->eof && !in->n)
		return 0;
	if (in->total && !in->p[0])
		return skip_padding(in, e);
	in->between = false;
	return decoders[in->kind].begin(in, e) < 0 ? -e->eno : 1;
}

static int next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct inflate *in = (struct inflate *)s;

	for (;;) {
		if (fill(in, e) < 0)
			return -e->eno;
		if (in->kind == INFLATE_PLAIN)
			return next_plain(in, ret, ret_n);
		if (in->between) {
			int r = begin(in, e);
			if (r <= 0)
				return r;
		}
		size_t had = in->n;
		int64_t n = decoders[in->kind].step(in, e);
		if (n < 0)
			return -e->eno;
		in->total += (uint64_t)n;
		if (in->total > in->free_bytes && in->total / in->ratio > in->taken)
			return bad(in, e, "expands far beyond its size");
		if (in->max && in->total > in->max)
			return bad(in, e, "grows beyond what is allowed");
		if (n) {
			*ret = in->out;
			*ret_n = (size_t)n;
			return 1;
		}
		if (in->between)
			continue;
		if (in->eof && !in->n)
			return bad(in, e, "ends too early");
		if (had && in->n == had)
			return bad(in, e, "malformed data");
	}
}

/* collect enough bytes to tell the kind */
static int read_head(struct inflate *in, struct err *e)
{
	size_t have = 0;

	while (have < HEAD_BYTES && !in->eof) {
		if (fill(in, e) < 0)
			return -e->eno;
		if (!have && in->n >= HEAD_BYTES) {
			in->kind = inflate_detect(in->p, in->n);
			return 0;
		}
		size_t take = HEAD_BYTES - have < in->n ? HEAD_BYTES - have : in->n;
		if (!take)
			continue;
		memcpy(in->head + have, in->p, take);
		have += take;
		in->p += take;
		in->n -= take;
	}
	in->later = in->p;
	in->later_n = in->n;
	in->p = in->head;
	in->n = have;
	/* the end, if it was seen, comes after the head */
	in->kind = inflate_detect(in->head, have);
	return 0;
}

int inflate_open(struct source *below, uint64_t max_bytes, struct inflate **ret, struct err *e)
{
	struct inflate *in = calloc(1, sizeof *in);

	if (!in)
		return err_new(e, E_NOMEM, ENOMEM, "decompression");
	*in = (struct inflate){ .source.next = next, .below = below, .max = max_bytes, .between = true,
				.free_bytes = 16ULL << 30, .ratio = RATIO_MAX };
	if (read_head(in, e) < 0) {
		inflate_close(in);
		return -e->eno;
	}
	if (in->kind != INFLATE_PLAIN) {
		in->out = malloc(OUT_BYTES);
		if (!in->out) {
			inflate_close(in);
			return err_new(e, E_NOMEM, ENOMEM, "decompression");
		}
	}
	*ret = in;
	return 0;
}

void inflate_limit_ratio(struct inflate *in, unsigned ratio, uint64_t free_bytes)
{
	in->ratio = ratio ? ratio : 1;
	in->free_bytes = free_bytes;
}

void inflate_close(struct inflate *in)
{
	if (!in)
		return;
	switch (in->kind) {
	case INFLATE_GZIP:
		free(in->u.gzip);
		break;
	case INFLATE_ZSTD:
		ZSTD_freeDStream(in->u.zstd);
		break;
	case INFLATE_BZIP2:
		BZ2_bzDecompressEnd(&in->u.bzip2);
		break;
	case INFLATE_XZ:
		lzma_end(&in->u.xz);
		break;
	case INFLATE_PLAIN:
	case INFLATE_KIND_N:
		break;
	}
	free(in->out);
	free(in);
}

struct source *inflate_source(struct inflate *in)
{
	return &in->source;
}

enum inflate_kind inflate_kind_of(const struct inflate *in)
{
	return in->kind;
}
