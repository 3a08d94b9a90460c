/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression: see compress.h. One row per encoder; what comes out is hashed and written as it
 * comes.
 */
#include "registry/compress_int.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/hash.h"

enum { OUT_BYTES = 256 << 10, GZIP_FAST_MAX = 3, GZIP_MAX = 9, ZSTD_MAX = 19, LEVEL_DEFAULT = 3 };

struct out {
	struct compress_out *to;
	unsigned char *buf; /* OUT_BYTES */
};

/* An encoder: @end with the last bytes, which may be none. Everything of @p is taken. */
struct encoder {
	int (*open)(void **ret, int level);
	int (*add)(void *state, const unsigned char *p, size_t n, bool end, struct out *o, struct err *e);
	void (*close)(void *state);
};

int compress_put(struct compress_out *o, const void *p, size_t n, struct err *e)
{
	hash_add(&o->hash, p, n);
	o->size_bytes += (int64_t)n;
	int r = io_write_all(o->fd, p, n);
	return r < 0 ? err_sys(e, -r, "write compressed layer") : 0;
}

static int out_put(struct out *o, size_t n, struct err *e)
{
	return compress_put(o->to, o->buf, n, e);
}

/* ---- gzip by ISA-L ---- */

struct fast {
	struct isal_zstream s;
	uint8_t level_buf[]; /* the largest that any level wants */
};

static int fast_open(void **ret, int level)
{
	static const uint32_t sizes[] = { ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT,
					  ISAL_DEF_LVL3_DEFAULT };
	struct fast *f = malloc(sizeof *f + sizes[level]);

	if (!f)
		return -ENOMEM;
	isal_deflate_init(&f->s);
	f->s.level = (uint32_t)level;
	f->s.level_buf = f->level_buf;
	f->s.level_buf_size = sizes[level];
	f->s.gzip_flag = IGZIP_GZIP;
	*ret = f;
	return 0;
}

static int fast_add(void *state, const unsigned char *p, size_t n, bool end, struct out *o, struct err *e)
{
	struct fast *f = state;

	f->s.next_in = (uint8_t *)(uintptr_t)p; /* not written to */
	f->s.avail_in = (uint32_t)n;
	f->s.end_of_stream = end;
	do {
		f->s.next_out = o->buf;
		f->s.avail_out = OUT_BYTES;
		if (isal_deflate(&f->s) != COMP_OK)
			return err_new(e, E_INTERNAL, EIO, "gzip encoder failed");
		if (out_put(o, OUT_BYTES - f->s.avail_out, e) < 0)
			return -e->eno;
	} while (!f->s.avail_out || f->s.avail_in);
	return 0;
}

/* ---- gzip by zlib ---- */

static int slow_open(void **ret, int level)
{
	z_stream *z = calloc(1, sizeof *z);

	if (!z || deflateInit2(z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

static int slow_add(void *state, const unsigned char *p, size_t n, bool end, struct out *o, struct err *e)
{
	z_stream *z = state;

	z->next_in = (Bytef *)(uintptr_t)p; /* not written to */
	z->avail_in = (uInt)n;
	do {
		z->next_out = o->buf;
		z->avail_out = OUT_BYTES;
		if (deflate(z, end ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return err_new(e, E_INTERNAL, EIO, "gzip encoder failed");
		if (out_put(o, OUT_BYTES - z->avail_out, e) < 0)
			return -e->eno;
	} while (!z->avail_out || z->avail_in);
	return 0;
}

static void slow_close(void *state)
{
	(void)deflateEnd(state); /* complains about unfinished streams only */
	free(state);
}

/* ---- zstd ---- */

static int zstd_open(void **ret, int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (!c)
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1))) {
		(void)ZSTD_freeCCtx(c); /* cannot fail */
		return -EINVAL;
	}
	*ret = c;
	return 0;
}

static int zstd_add(void *state, const unsigned char *p, size_t n, bool end, struct out *o, struct err *e)
{
	ZSTD_inBuffer in = { p, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { o->buf, OUT_BYTES, 0 };
		left = ZSTD_compressStream2(state, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_new(e, E_INTERNAL, EIO, "zstd encoder: %s", ZSTD_getErrorName(left));
		if (out_put(o, out.pos, e) < 0)
			return -e->eno;
	} while (end ? left > 0 : in.pos < in.size);
	return 0;
}

static void zstd_close(void *state)
{
	(void)ZSTD_freeCCtx(state); /* cannot fail */
}

static const struct encoder fast = { fast_open, fast_add, free };
static const struct encoder slow = { slow_open, slow_add, slow_close };
static const struct encoder zstd = { zstd_open, zstd_add, zstd_close };

static const char *const format_names[COMPRESS_FORMAT_N] = { "", "gzip", "zstd", "zstd:chunked" };

int compress_format_parse(const char *name, enum compress_format *ret, struct err *e)
{
	for (int i = COMPRESS_NONE + 1; i < COMPRESS_FORMAT_N; i++)
		if (!strcmp(name, format_names[i])) {
			*ret = (enum compress_format)i;
			return 0;
		}
	return err_new(e, E_INVALID, EINVAL, "unknown compression format \"%.40s\": gzip, zstd or zstd:chunked", name);
}

const char *compress_format_name(enum compress_format format)
{
	return format_names[format];
}

bool compress_is_zstd(enum compress_format format)
{
	return format == COMPRESS_ZSTD || format == COMPRESS_ZSTD_CHUNKED;
}

int compress_level_check(enum compress_format format, int level, struct err *e)
{
	int max = compress_is_zstd(format) ? ZSTD_MAX : GZIP_MAX;

	if (level < 0 || level > max)
		return err_new(e, E_INVALID, EINVAL, "compression level %d: %s has 1 to %d", level,
			       compress_is_zstd(format) ? "zstd" : "gzip", max);
	return 0;
}

static int pump(struct source *in, const struct encoder *enc, void *state, struct out *o, struct err *e)
{
	const unsigned char *p;
	size_t n;
	int r;

	while ((r = source_next(in, &p, &n, e)) > 0)
		if (enc->add(state, p, n, false, o, e) < 0)
			return -e->eno;
	return r < 0 ? r : enc->add(state, (const unsigned char *)"", 0, true, o, e);
}

static int encode(struct source *in, enum compress_format format, int level, struct compress_out *to, struct err *e)
{
	const struct encoder *enc = format == COMPRESS_ZSTD ? &zstd : level > GZIP_FAST_MAX ? &slow : &fast;
	OWN_PTR unsigned char *buf = malloc(OUT_BYTES);
	struct out o = { .to = to, .buf = buf };
	void *state;

	if (!buf || enc->open(&state, level) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "compress layer");
	int r = pump(in, enc, state, &o, e);
	enc->close(state);
	return r;
}

int compress_source(struct source *in, enum compress_format format, int level, int xdir,
		    struct compressed *ret, struct err *e)
{
	OWN_FD fd = openat(xdir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct compress_out o = { .fd = fd };
	struct compressed made = { .fd = -1 };

	if (fd < 0)
		return err_sys(e, errno, "temporary file");
	if (!level)
		level = LEVEL_DEFAULT;
	hash_init(&o.hash, HASH_SHA256);
	if ((format == COMPRESS_ZSTD_CHUNKED ? chunked_write(in, level, &o, &made, e) : encode(in, format, level, &o, e)) < 0)
		return -e->eno;
	made.size_bytes = o.size_bytes;
	hash_text(&o.hash, made.digest);
	made.fd = fd_take(&fd);
	*ret = made;
	return 0;
}
