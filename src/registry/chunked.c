/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers as zstd:chunked: zstd to whoever knows nothing of it, with a table of where each file is. The tar stays as it
 * is, to the byte; only the frames end where files begin and end:
 *
 *   | frame: headers | frame: a chunk | frame: a chunk | frame: padding, headers | ... | skippable: table | skippable: footer |
 *
 * [containers/storage pkg/chunked/internal; RFC 8878, 3.1.2; the footer without a tar-split, as stargz-snapshotter writes
 * and reads it]
 *
 * A large file is cut where the sum of the last 64 bytes says so: after a change in its middle the same cuts follow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/own.h"
#include "base/text.h"
#include "format/base64.h"
#include "format/tar.h"
#include "format/toc.h"
#include "registry/compress_int.h"

enum {
	CHUNK_MIN = 16 << 10,  /* a shorter one only at the end of a file */
	CHUNK_MAX = 256 << 10,
	CUT_MASK = 0xffff,     /* a cut each 64 KiB after CHUNK_MIN, on average */
	WINDOW = 64,           /* bytes that a cut depends on */
	WEIGHT = 31,           /* so that zeros count, too: bup's rolling sum */
	FRAME_HEAD = 8,
	FOOTER = 40,
};
#define TIME_MAX_S 9000000000LL /* both ways from 1970; nanoseconds of it fit */

struct chunk {
	uint64_t offset, file_offset, size;
	char digest[HASH_TEXT_MAX];
};

struct chunked {
	struct compress_out *out;
	ZSTD_CCtx *zstd;
	unsigned char *frame;       /* CHUNK_MAX: plain bytes of the frame that is being filled */
	size_t n;
	unsigned char *packed;      /* what they become */
	size_t packed_max;
	uint32_t s1, s2;            /* sum of the last WINDOW bytes of the frame */
	struct buf table;
	size_t n_entries;
	struct chunk *chunks;       /* of the file at hand */
	size_t n_chunks, cap_chunks;
	uint64_t left;              /* of its bytes */
	struct hash whole;          /* of it, when it has several */
};

/* hands the archive to the tar reader; what that passes over, all but the bodies of files, goes into frames */
struct tee {
	struct source source;
	struct source *in;
	struct chunked *c;
	const unsigned char *p;     /* what was not taken yet */
	size_t n;
	uint64_t at;                /* offset of @p in the archive */
};

/* ---- frames ---- */

static int frame_end(struct chunked *c, struct err *e)
{
	if (!c->n)
		return 0;
	size_t n = ZSTD_compress2(c->zstd, c->packed, c->packed_max, c->frame, c->n);
	if (ZSTD_isError(n))
		return err_new(e, E_INTERNAL, EIO, "zstd encoder: %s", ZSTD_getErrorName(n));
	c->n = 0;
	return compress_put(c->out, c->packed, n, e);
}

/* headers, padding, ends */
static int frame_add(struct chunked *c, const unsigned char *p, size_t n, struct err *e)
{
	while (n) {
		size_t room = CHUNK_MAX - c->n, take = n < room ? n : room;
		memcpy(c->frame + c->n, p, take);
		c->n += take;
		p += take;
		n -= take;
		if (c->n == CHUNK_MAX && frame_end(c, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int skippable_put(struct chunked *c, const void *p, size_t n, struct err *e)
{
	const unsigned char head[FRAME_HEAD] = { 0x50, 0x2a, 0x4d, 0x18, (unsigned char)n, (unsigned char)(n >> 8),
						 (unsigned char)(n >> 16), (unsigned char)(n >> 24) };

	if (compress_put(c->out, head, sizeof head, e) < 0)
		return -e->eno;
	return compress_put(c->out, p, n, e);
}

/* ---- the archive ---- */

static int tee_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct tee *t = (struct tee *)s;

	if (frame_add(t->c, t->p, t->n, e) < 0)
		return -e->eno;
	t->at += t->n;
	t->n = 0;
	int r = source_next(t->in, &t->p, &t->n, e);
	if (r <= 0)
		t->n = 0;
	*ret = t->p;
	*ret_n = t->n;
	return r;
}

/* what lies before @offset has been read: @keep: into the frame, else somebody else takes it */
static int tee_take(struct tee *t, uint64_t offset, bool keep, struct err *e)
{
	size_t n = offset > t->at ? (size_t)(offset - t->at) : 0;

	if (n > t->n) /* the reader cannot be ahead of what it was given */
		return err_new(e, E_INTERNAL, EIO, "zstd:chunked: lost its place at byte %llu", (unsigned long long)offset);
	if (keep && frame_add(t->c, t->p, n, e) < 0)
		return -e->eno;
	t->p += n;
	t->n -= n;
	t->at += n;
	return 0;
}

/* ---- bodies of files ---- */

/* Whether a chunk ends among the bytes of the frame from @from on: its length, else 0. Nothing before the last WINDOW
 * bytes of a shortest chunk has a say. */
static size_t cut_find(struct chunked *c, size_t from)
{
	const size_t first = CHUNK_MIN - WINDOW;
	uint32_t s1 = c->s1, s2 = c->s2;

	for (size_t i = from > first ? from : first; i < c->n; i++) {
		uint32_t drop = i >= CHUNK_MIN ? c->frame[i - WINDOW] : 0;
		s1 += c->frame[i] - drop;
		s2 += s1 - WINDOW * (drop + WEIGHT);
		if ((s2 & CUT_MASK) == CUT_MASK && i + 1 >= CHUNK_MIN)
			return i + 1;
	}
	c->s1 = s1;
	c->s2 = s2;
	return c->n == CHUNK_MAX ? CHUNK_MAX : 0;
}

static void sum_reset(struct chunked *c)
{
	c->s1 = WINDOW * WEIGHT;
	c->s2 = WINDOW * (WINDOW - 1) * WEIGHT;
}

static int too_large(struct err *e)
{
	return err_new(e, E_UNSUPPORTED, EFBIG, "its table of contents would be too large");
}

/* the frame is one chunk; @last: of its file */
static int chunk_end(struct chunked *c, bool last, struct err *e)
{
	struct chunk *more = grow_one(c->chunks, c->n_chunks, &c->cap_chunks, sizeof *more);
	struct hash h;

	if (c->n_entries + c->n_chunks >= TOC_ENTRIES_MAX)
		return too_large(e);
	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "zstd:chunked");
	c->chunks = more;
	struct chunk *k = &c->chunks[c->n_chunks], *before = c->n_chunks ? k - 1 : NULL;
	*k = (struct chunk){ .offset = (uint64_t)c->out->size_bytes, .size = c->n,
			     .file_offset = before ? before->file_offset + before->size : 0 };
	hash_init(&h, HASH_SHA256);
	hash_add(&h, c->frame, c->n);
	hash_text(&h, k->digest);
	if (!before)
		hash_init(&c->whole, HASH_SHA256);
	if (before || !last)
		hash_add(&c->whole, c->frame, c->n);
	c->n_chunks++;
	sum_reset(c);
	return frame_end(c, e);
}

static int body_add(struct chunked *c, const unsigned char *p, size_t n, struct err *e)
{
	while (n) {
		size_t from = c->n, room = CHUNK_MAX - from, take = n < room ? n : room;
		memcpy(c->frame + from, p, take);
		c->n += take;
		size_t cut = cut_find(c, from);
		if (cut) {
			take = cut - from;
			c->n = cut;
		}
		p += take;
		n -= take;
		c->left -= take;
		if ((cut || !c->left) && chunk_end(c, !c->left, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* the chunks of a file of @size > 0 */
static int body_write(struct tee *t, struct tar_reader *tar, uint64_t size, struct err *e)
{
	struct chunked *c = t->c;
	const unsigned char *p;
	uint64_t offset;
	size_t n;
	int r;

	if (frame_end(c, e) < 0)
		return -e->eno;
	sum_reset(c);
	c->left = size;
	while ((r = tar_body(tar, &p, &n, &offset, e)) > 0)
		if (tee_take(t, tar_offset(tar), false, e) < 0 || body_add(c, p, n, e) < 0)
			return -e->eno;
	return r;
}

/* ---- the table ---- */

static int unfit(struct err *e, const struct tar_entry *en, const char *why)
{
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "no table of contents can tell of %.200s: %s", en->path, why);
}

static bool is_utf8(const char *s)
{
	size_t n = strlen(s), len = 1;

	for (; n && (len = text_utf8_len(s, n)); s += len)
		n -= len;
	return len > 0;
}

/* whether all that readers of a table do not look up in the archive can be said in it */
static int entry_check(const struct tar_entry *en, struct err *e)
{
	if (en->hunks)
		return unfit(e, en, "it has holes");
	if (!is_utf8(en->path) || !is_utf8(en->link))
		return unfit(e, en, "its name is not UTF-8");
	if (!*en->path && en->type != TAR_DIR)
		return unfit(e, en, "it has no name");
	if (en->uid > UINT32_MAX || en->gid > UINT32_MAX)
		return unfit(e, en, "its owner");
	if (en->mtime.sec < -TIME_MAX_S || en->mtime.sec > TIME_MAX_S)
		return unfit(e, en, "its time");
	if (en->size > TOC_FILE_BYTES_MAX || en->n_xattrs > TOC_XATTRS_MAX)
		return unfit(e, en, "its size");
	for (size_t i = 0; i < en->n_xattrs; i++) {
		const struct tar_xattr *x = &en->xattrs[i];
		/* lists of access in star's text form are no attributes yet */
		if (!is_utf8(x->name) || text_starts(x->name, "SCHILY.") || x->n > TOC_XATTR_BYTES_MAX)
			return unfit(e, en, "its extended attributes");
	}
	return 0;
}

static void name_put(struct buf *b, const char *type, const char *name)
{
	buf_printf(b, "{\"type\":\"%s\",\"name\":", type);
	buf_json_string(b, name, strlen(name));
}

static void number_put(struct buf *b, const char *key, uint64_t n)
{
	if (n)
		buf_printf(b, ",\"%s\":%llu", key, (unsigned long long)n);
}

static void xattrs_put(struct buf *b, const struct tar_entry *en)
{
	for (size_t i = 0; i < en->n_xattrs; i++) {
		buf_puts(b, i ? "," : ",\"xattrs\":{");
		buf_json_string(b, en->xattrs[i].name, strlen(en->xattrs[i].name));
		buf_puts(b, ":\"");
		base64_encode(en->xattrs[i].value, en->xattrs[i].n, b);
		buf_putc(b, '"');
	}
	if (en->n_xattrs)
		buf_putc(b, '}');
}

static void chunk_put(struct chunked *c, size_t i)
{
	const struct chunk *k = &c->chunks[i];

	number_put(&c->table, "offset", k->offset);
	number_put(&c->table, "chunkOffset", k->file_offset);
	if (c->n_chunks > 1)
		number_put(&c->table, "chunkSize", k->size);
	buf_printf(&c->table, ",\"chunkDigest\":\"%s\"}", k->digest);
}

/* a file with its chunks, which are in the blob already */
static int entry_put(struct chunked *c, const struct tar_entry *en, struct err *e)
{
	static const char *const types[TAR_TYPE_N] = { "reg", "hardlink", "symlink", "char", "block", "dir", "fifo" };
	struct buf *b = &c->table;
	char text[CLOCK_TEXT_MAX];

	buf_puts(b, c->n_entries ? "," : "");
	name_put(b, types[en->type], en->path);
	if (*en->link) {
		buf_puts(b, ",\"linkName\":");
		buf_json_string(b, en->link, strlen(en->link));
	}
	number_put(b, "mode", en->mode);
	number_put(b, "size", en->type == TAR_FILE ? en->size : 0);
	number_put(b, "uid", en->uid);
	number_put(b, "gid", en->gid);
	number_put(b, "devMajor", en->dev_major);
	number_put(b, "devMinor", en->dev_minor);
	clock_format(en->mtime.sec * 1000000000LL + en->mtime.nsec, text);
	buf_printf(b, ",\"modtime\":\"%s\"", text);
	xattrs_put(b, en);
	c->n_entries++;
	if (!c->n_chunks) {
		buf_putc(b, '}');
	} else {
		char digest[HASH_TEXT_MAX];
		if (c->n_chunks > 1)
			hash_text(&c->whole, digest);
		buf_printf(b, ",\"digest\":\"%s\",\"endOffset\":%lld", c->n_chunks > 1 ? digest : c->chunks[0].digest,
			   (long long)c->out->size_bytes);
		chunk_put(c, 0);
	}
	for (size_t i = 1; i < c->n_chunks; i++, c->n_entries++) {
		buf_putc(b, ',');
		name_put(b, "chunk", en->path);
		chunk_put(c, i);
	}
	if (buf_failed(b))
		return err_new(e, E_NOMEM, ENOMEM, "zstd:chunked");
	return c->n_entries > TOC_ENTRIES_MAX || b->n > TOC_BYTES_MAX - FOOTER ? too_large(e) : 0;
}

static int table_write(struct chunked *c, struct compressed *ret, struct err *e)
{
	const uint64_t at = (uint64_t)c->out->size_bytes + FRAME_HEAD;
	unsigned char footer[FOOTER];

	buf_puts(&c->table, "]}");
	if (buf_failed(&c->table))
		return err_new(e, E_NOMEM, ENOMEM, "zstd:chunked");
	size_t max = ZSTD_compressBound(c->table.n);
	OWN_PTR unsigned char *packed = malloc(max);
	if (!packed)
		return err_new(e, E_NOMEM, ENOMEM, "zstd:chunked");
	size_t n = ZSTD_compress2(c->zstd, packed, max, c->table.p, c->table.n);
	if (ZSTD_isError(n))
		return err_new(e, E_INTERNAL, EIO, "zstd encoder: %s", ZSTD_getErrorName(n));
	const uint64_t numbers[] = { at, n, c->table.n, 1 };
	for (size_t i = 0; i < sizeof numbers; i++)
		footer[i] = (unsigned char)(numbers[i / 8] >> i % 8 * 8);
	memcpy(footer + sizeof numbers, "GNUlInUx", 8);
	digest_sha256(packed, n, ret->toc_digest);
	(void)snprintf(ret->toc_position, sizeof ret->toc_position, "%llu:%zu:%zu:1", (unsigned long long)at, n, c->table.n);
	return skippable_put(c, packed, n, e) < 0 || skippable_put(c, footer, sizeof footer, e) < 0 ? -e->eno : 0;
}

static int archive_write(struct chunked *c, struct source *in, struct err *e)
{
	struct tee t = { .source.next = tee_next, .in = in, .c = c };
	const struct tar_entry *en;
	struct tar_reader *tar;
	const unsigned char *rest;
	size_t n;
	int r;

	if (tar_open(&t.source, NULL, &tar, e) < 0)
		return -e->eno;
	while ((r = tar_next(tar, &en, e)) > 0) {
		c->n_chunks = 0;
		r = entry_check(en, e);
		if (r == 0)
			r = tee_take(&t, tar_offset(tar), true, e);
		if (r == 0 && en->type == TAR_FILE && en->size)
			r = body_write(&t, tar, en->size, e);
		if (r == 0)
			r = entry_put(c, en, e);
		if (r < 0)
			break;
	}
	/* what follows the end of an archive belongs to the layer, too */
	while (r == 0 && (r = source_next(&t.source, &rest, &n, e)) > 0)
		r = 0;
	tar_close(tar);
	return r < 0 ? r : frame_end(c, e);
}

int chunked_write(struct source *in, int level, struct compress_out *o, struct compressed *ret, struct err *e)
{
	struct chunked c = { .out = o, .zstd = ZSTD_createCCtx(), .frame = malloc(CHUNK_MAX),
			     .packed_max = ZSTD_compressBound(CHUNK_MAX) };
	int r;

	c.packed = malloc(c.packed_max);
	buf_puts(&c.table, "{\"version\":1,\"entries\":[");
	if (!c.zstd || !c.frame || !c.packed ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c.zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c.zstd, ZSTD_c_checksumFlag, 1)))
		r = err_new(e, E_NOMEM, ENOMEM, "zstd:chunked");
	else
		r = archive_write(&c, in, e);
	if (r == 0)
		r = table_write(&c, ret, e);
	(void)ZSTD_freeCCtx(c.zstd); /* cannot fail */
	free(c.frame);
	free(c.packed);
	free(c.chunks);
	buf_done(&c.table);
	return r;
}
