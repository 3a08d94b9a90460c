/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression: see compress.h. One row per encoder; what comes out is hashed and written as it
 * comes.
 */
#include "registry/compress.h"

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

enum { OUT_BYTES = 256 << 10, GZIP_FAST_MAX = 3, GZIP_MAX = 9, ZSTD_MAX = 19 };

struct out {
	int fd;
	struct hash hash;
	int64_t size_bytes;
	unsigned char *buf; /* OUT_BYTES */
};

/* An encoder: @end with the last bytes, which may be none. Everything of @p is taken. */
struct encoder {
	int (*open)(void **ret, int level);
	int (*add)(void *state, const unsigned char *p, size_t n, bool end, struct out *o, struct err *e);
	void (*close)(void *state);
};

static int out_put(struct out *o, size_t n, struct err *e)
{
	hash_add(&o->hash, o->buf, n);
	o->size_bytes += (int64_t)n;
	int r = io_write_all(o->fd, o->buf, n);
	return r < 0 ? err_sys(e, -r, "write compressed layer") : 0;
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

int compress_format_parse(const char *name, enum compress_format *ret, struct err *e)
{
	if (!strcmp(name, "gzip"))
		*ret = COMPRESS_GZIP;
	else if (!strcmp(name, "zstd"))
		*ret = COMPRESS_ZSTD;
	else
		return err_new(e, E_INVALID, EINVAL, "unknown compression format \"%.40s\": gzip or zstd", name);
	return 0;
}

int compress_level_check(enum compress_format format, int level, struct err *e)
{
	int max = format == COMPRESS_ZSTD ? ZSTD_MAX : GZIP_MAX;

	if (level < 0 || level > max)
		return err_new(e, E_INVALID, EINVAL, "compression level %d: %s has 1 to %d", level,
			       format == COMPRESS_ZSTD ? "zstd" : "gzip", max);
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

int compress_source(struct source *in, enum compress_format format, int level, int xdir,
		    struct compressed *ret, struct err *e)
{
	const struct encoder *enc = format == COMPRESS_ZSTD ? &zstd : level > GZIP_FAST_MAX ? &slow : &fast;
	OWN_PTR unsigned char *buf = malloc(OUT_BYTES);
	OWN_FD fd = openat(xdir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct out o = { .fd = fd, .buf = buf };
	void *state;

	if (fd < 0)
		return err_sys(e, errno, "temporary file");
	if (!buf || enc->open(&state, level ? level : 3) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "compress layer");
	hash_init(&o.hash, HASH_SHA256);
	int r = pump(in, enc, state, &o, e);
	enc->close(state);
	if (r < 0)
		return r;
	*ret = (struct compressed){ .size_bytes = o.size_bytes };
	hash_text(&o.hash, ret->digest);
	ret->fd = fd_take(&fd);
	return 0;
}
