/* SPDX-License-Identifier: Apache-2.0
 *
 * See erofs.h. The kept form: head, index, and each chunk that was read with its number before it.
 */
#include "registry/lazy/erofs.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/erofs_tar.h"
#include "format/hash.h"
#include "format/tar.h"
#include "registry/lazy/fetch.h"
#include "registry/lazy/lazy_int.h"

enum {
	INDEX_HEAD = 32,
	INDEX_ENTRY = 16 + 32,         /* with SHA-256 */
	INDEX_MAX = 16 << 20,          /* 340 thousand chunks */
	KEPT_HEAD = 24,
};
#define KEPT_MAGIC "erofs-1\n"
#define IMAGE_BYTES_MAX (UINT64_C(1) << 40)

struct index {
	const unsigned char *p;        /* borrowed */
	size_t n;                      /* chunks */
	uint64_t image_bytes;
};

static uint64_t u64_at(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static uint32_t u32_at(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static const unsigned char *entry(const struct index *x, size_t i)
{
	return x->p + INDEX_HEAD + i * INDEX_ENTRY;
}

static uint64_t chunk_at(const struct index *x, size_t i)
{
	return i < x->n ? u64_at(entry(x, i) + 8) : x->image_bytes;
}

static size_t chunk_bytes(const struct index *x, size_t i)
{
	return (size_t)(chunk_at(x, i + 1) - chunk_at(x, i));
}

/* @end: where the image ends at the latest */
static int index_parse(const unsigned char *p, size_t n, uint64_t end, struct index *ret, struct err *e)
{
	static const unsigned char magic[] = { 0xcd, 0xe4, 0xec, 0x67, 1 }, zeros[10];
	struct index x = { .p = p };

	if (n < INDEX_HEAD || memcmp(p, magic, sizeof magic) != 0 || memcmp(p + 22, zeros, sizeof zeros) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "malformed chunk index");
	if (p[5] || p[6] || p[7])
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "a chunk index of another form");
	if (p[20] != 1 || p[21] != 32)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "its chunk index has no SHA-256 of chunks");
	x.image_bytes = u64_at(p + 8);
	x.n = u32_at(p + 16);
	if ((n - INDEX_HEAD) / INDEX_ENTRY != x.n || (n - INDEX_HEAD) % INDEX_ENTRY || !x.n || x.image_bytes > end ||
	    x.image_bytes > IMAGE_BYTES_MAX)
		return err_new(e, E_CORRUPT, EBADMSG, "malformed chunk index");
	for (size_t i = 0; i < x.n; i++) {
		const uint64_t at = chunk_at(&x, i), next = chunk_at(&x, i + 1);
		if ((!i && at) || next <= at || next > x.image_bytes || next - at > CHUNK_BYTES_MAX)
			return err_new(e, E_CORRUPT, EBADMSG, "malformed chunk index");
		if (u64_at(entry(&x, i)) != at)
			return err_new(e, E_UNSUPPORTED, ENOTSUP, "its chunks are elsewhere in the blob than in the image");
	}
	*ret = x;
	return 0;
}

/* the last chunk that begins at or before @at */
static size_t chunk_of(const struct index *x, uint64_t at)
{
	size_t low = 0, high = x->n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (chunk_at(x, mid) <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* ---- the image, as far as it is here ---- */

struct part {
	struct index x;
	int fd;                        /* sparse: chunks at their places */
	bool *have;
	size_t bytes;                  /* of those that are here */
	struct registry *registry;     /* NULL: nothing more comes */
	struct http *http;
	const char *blob;
};

static int part_open(struct part *q, struct err *e)
{
	q->have = calloc(q->x.n, sizeof *q->have);
	q->fd = memfd_create("erofs", MFD_CLOEXEC);
	if (!q->have || q->fd < 0 || ftruncate(q->fd, (off_t)q->x.image_bytes) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "part of an EROFS image");
	return 0;
}

static void part_close(struct part *q)
{
	free(q->have);
	own_fd_done(&q->fd);
}

static int part_put(struct part *q, size_t i, const void *p, struct err *e)
{
	const size_t n = chunk_bytes(&q->x, i);
	unsigned char sum[64];
	struct hash hash;

	hash_init(&hash, HASH_SHA256);
	hash_add(&hash, p, n);
	(void)hash_raw(&hash, sum);
	if (memcmp(sum, entry(&q->x, i) + 16, 32) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "chunk at byte %llu is not what the chunk index says",
			       (unsigned long long)chunk_at(&q->x, i));
	int r = io_write_all_at(q->fd, p, n, (off_t)chunk_at(&q->x, i));
	if (r < 0)
		return err_sys(e, -r, "part of an EROFS image");
	q->bytes += sizeof(uint32_t) + n;
	q->have[i] = true;
	return 0;
}

/* before the reader looks at @n bytes at @at */
static int part_need(void *data, uint64_t at, size_t n, struct err *e)
{
	struct part *q = data;

	for (size_t i = chunk_of(&q->x, at); n && i < q->x.n && chunk_at(&q->x, i) < at + n; i++) {
		OWN_BUF b = { 0 };
		const size_t size = chunk_bytes(&q->x, i);
		if (q->have[i])
			continue;
		if (!q->registry)
			return err_new(e, E_CORRUPT, EBADMSG, "the kept part of an EROFS image is not all of its names");
		if (q->bytes + size + INDEX_MAX + KEPT_HEAD > TOC_BYTES_MAX)
			return err_new(e, E_UNSUPPORTED, EFBIG, "its names are spread over too much of it");
		if (lazy_range(q->registry, q->http, q->blob, chunk_at(&q->x, i), size, &b, e) < 0)
			return -e->eno;
		if (b.n != size)
			return err_new(e, E_NETWORK, EPIPE, "%zu bytes instead of %zu", b.n, size);
		if (part_put(q, i, b.p, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* ---- from the registry ---- */

/* "OFFSET" or "OFFSET:END", in a blob of @size */
static int range_parse(const char *text, uint64_t size, uint64_t *ret_at, uint64_t *ret_n, struct err *e)
{
	char *end;

	errno = 0;
	unsigned long long from = strtoull(text, &end, 10), to = size;
	if (*end == ':')
		to = strtoull(end + 1, &end, 10);
	if (errno || *end || end == text || *text == '-' || strchr(text, '-') || to > size || from >= to || to - from > INDEX_MAX)
		return err_new(e, E_CORRUPT, EBADMSG, "malformed place of a chunk index: %.60s", text);
	*ret_at = from;
	*ret_n = to - from;
	return 0;
}

/* its keys have dots, which are no path */
static const char *note(const json_t *notes, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(notes, key));

	return s ? s : otherwise;
}

static int index_fetch(struct registry *r, struct http *h, const struct descriptor *d, struct buf *out, uint64_t *ret_at,
		       struct err *e)
{
	const json_t *notes = json_object_get(d->json, "annotations");
	const char *range = note(notes, "org.erofs.chunk-index.range", ""), *want = note(notes, "org.erofs.chunk-index.digest", "");
	const char *type = note(notes, "org.erofs.chunk-index.mediaType", "application/vnd.erofs.chunk-index.v1");
	char got[HASH_TEXT_MAX];
	struct hash hash;
	uint64_t n = 0;

	if (!*range || strcmp(type, "application/vnd.erofs.chunk-index.v1") != 0)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "its manifest names no chunk index");
	if (!digest_is_valid(want))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "its manifest has no digest of its chunk index");
	if (strchr(d->media_type, '+'))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the EROFS image is compressed");
	if (range_parse(range, (uint64_t)d->size, ret_at, &n, e) < 0 || lazy_range(r, h, d->digest, *ret_at, (size_t)n, out, e) < 0)
		return -e->eno;
	hash_init(&hash, (enum hash_algo)hash_algo_of(want));
	hash_add(&hash, out->p, out->n);
	hash_text(&hash, got);
	if (out->n != n || strcmp(got, want) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "chunk index: wrong digest: expected %s, got %s", want, got);
	return 0;
}

/* all names once, which reads all that is needed for them */
static int walk(struct part *q, struct err *e)
{
	const struct erofs_need need = { part_need, q };
	const struct tar_entry *en;
	struct tar_reader *r;
	struct erofs_tar t;
	int more;

	if (erofs_tar_open_part(&t, q->fd, q->x.image_bytes, &need, e) < 0)
		return -e->eno;
	more = tar_open(&t.source, NULL, &r, e);
	if (more == 0) {
		while ((more = tar_next(r, &en, e)) > 0)
			;
		tar_close(r);
	}
	erofs_tar_close(&t);
	return more;
}

static void put_u64(struct buf *b, uint64_t v)
{
	v = htole64(v);
	buf_add(b, &v, sizeof v);
}

static int keep(const struct part *q, const struct buf *index, struct buf *out, struct err *e)
{
	buf_puts(out, KEPT_MAGIC);
	put_u64(out, q->x.image_bytes);
	put_u64(out, index->n);
	buf_add(out, index->p, index->n);
	for (size_t i = 0; i < q->x.n; i++) {
		const size_t n = chunk_bytes(&q->x, i);
		const uint32_t number = htole32((uint32_t)i);
		if (!q->have[i])
			continue;
		OWN_PTR unsigned char *p = malloc(n);
		if (!p)
			return err_new(e, E_NOMEM, ENOMEM, "part of an EROFS image");
		if (pread(q->fd, p, n, (off_t)chunk_at(&q->x, i)) != (ssize_t)n)
			return err_sys(e, EIO, "part of an EROFS image");
		buf_add(out, &number, sizeof number);
		buf_add(out, p, n);
	}
	return buf_failed(out) ? err_new(e, E_NOMEM, ENOMEM, "part of an EROFS image") : 0;
}

int lazy_erofs_fetch(struct registry *r, struct http *h, const struct descriptor *d, struct toc_place *ret_place, char **ret,
		     size_t *ret_n, struct err *e)
{
	struct part q = { .fd = -1, .registry = r, .http = h, .blob = d->digest };
	OWN_BUF index = { 0 };
	OWN_BUF out = { 0 };
	uint64_t at = 0;

	if (index_fetch(r, h, d, &index, &at, e) < 0 || index_parse((const unsigned char *)index.p, index.n, at, &q.x, e) < 0)
		return -e->eno;
	int got = part_open(&q, e);
	if (got == 0)
		got = walk(&q, e);
	if (got == 0)
		got = keep(&q, &index, &out, e);
	part_close(&q);
	if (got < 0)
		return got;
	*ret_place = (struct toc_place){ .kind = LAZY_KIND_EROFS, .end = q.x.image_bytes };
	*ret_n = out.n;
	*ret = buf_take(&out);
	return 0;
}

/* ---- as a tree ---- */

static int chunks_take(struct lazy_layer *l, const struct index *x, struct err *e)
{
	l->chunks = calloc(x->n, sizeof *l->chunks);
	if (!l->chunks)
		return err_new(e, E_NOMEM, ENOMEM, "chunks");
	for (size_t i = 0; i < x->n; i++) {
		const uint64_t at = chunk_at(x, i), n = chunk_bytes(x, i);
		l->chunks[i] = (struct chunk){ .at = at, .n = n, .blob_at = at, .blob_n = n, .plain = true };
		memcpy(l->chunks[i].sha256, entry(x, i) + 16, sizeof l->chunks[i].sha256);
	}
	l->n_chunks = l->cap_chunks = x->n;
	l->at = x->image_bytes;
	return x->image_bytes <= l->size_bytes ? 0 : err_new(e, E_CORRUPT, EBADMSG, "the image is larger than its blob");
}

static int part_load(struct part *q, const char *kept, size_t n, struct err *e)
{
	const uint64_t index_n = n >= KEPT_HEAD ? u64_at(kept + 16) : 0;

	if (n < KEPT_HEAD || memcmp(kept, KEPT_MAGIC, 8) != 0 || index_n > n - KEPT_HEAD)
		return err_new(e, E_CORRUPT, EBADMSG, "malformed part of an EROFS image");
	if (index_parse((const unsigned char *)kept + KEPT_HEAD, (size_t)index_n, u64_at(kept + 8), &q->x, e) < 0 || part_open(q, e) < 0)
		return -e->eno;
	for (size_t at = KEPT_HEAD + (size_t)index_n; at < n;) {
		const uint32_t i = n - at >= sizeof i ? u32_at(kept + at) : UINT32_MAX;
		if (i >= q->x.n || n - at - sizeof i < chunk_bytes(&q->x, i))
			return err_new(e, E_CORRUPT, EBADMSG, "malformed part of an EROFS image");
		if (part_put(q, i, kept + at + sizeof i, e) < 0)
			return -e->eno;
		at += sizeof i + chunk_bytes(&q->x, i);
	}
	return 0;
}

static int64_t time_ns(struct tar_time t)
{
	const int64_t most = INT64_MAX / 1000000000 - 1;
	const int64_t s = t.sec > most ? most : t.sec < -most ? -most : t.sec;

	return s * 1000000000 + t.nsec;
}

static int add(struct lazy_layer *l, const struct tar_entry *en, struct err *e)
{
	static const enum toc_type types[TAR_TYPE_N] = {
		[TAR_FILE] = TOC_FILE, [TAR_HARDLINK] = TOC_HARDLINK, [TAR_SYMLINK] = TOC_SYMLINK, [TAR_CHAR] = TOC_CHAR,
		[TAR_BLOCK] = TOC_BLOCK, [TAR_DIR] = TOC_DIR, [TAR_FIFO] = TOC_FIFO,
	};
	OWN_PTR struct toc_xattr *xattrs = calloc(en->n_xattrs + 1, sizeof *xattrs);
	struct toc_entry to = { .name = en->path, .link = en->link ? en->link : "", .type = types[en->type],
				.mode = (uint16_t)en->mode, .uid = (uint32_t)en->uid, .gid = (uint32_t)en->gid,
				.mtime_ns = time_ns(en->mtime), .size = en->size, .dev_major = en->dev_major,
				.dev_minor = en->dev_minor, .xattrs = xattrs, .n_xattrs = (uint32_t)en->n_xattrs };

	if (!xattrs)
		return err_new(e, E_NOMEM, ENOMEM, "attributes");
	for (size_t i = 0; i < en->n_xattrs; i++)
		xattrs[i] = (struct toc_xattr){ en->xattrs[i].name, en->xattrs[i].value, en->xattrs[i].n };
	return lazy_tree_add(l, &to, e);
}

struct reading {
	struct erofs_tar t;
	struct tar_reader *r;
};

/* data of the file at hand: pieces of the image */
static int data_of(struct lazy_layer *l, struct fsnode *n, struct err *e)
{
	struct reading *q = l->image;
	struct fsextent *list;
	size_t k;

	if (erofs_tar_extents(&q->t, tar_offset(q->r), l->number, &l->tree.a, &list, &k, e) < 0)
		return -e->eno;
	l->tree.bytes += k * sizeof *list;
	n->extents = list;
	n->n_extents = k;
	return 0;
}

static int read_all(struct lazy_layer *l, struct part *p, struct err *e)
{
	const struct erofs_need need = { part_need, p };
	const struct tar_entry *en;
	struct reading q;
	int r;

	if (erofs_tar_open_part(&q.t, p->fd, p->x.image_bytes, &need, e) < 0)
		return -e->eno;
	l->image = &q;
	l->data_of = data_of;
	r = tar_open(&q.t.source, NULL, &q.r, e);
	if (r == 0) {
		while ((r = tar_next(q.r, &en, e)) > 0 && (r = add(l, en, e)) == 0)
			;
		tar_close(q.r);
	}
	erofs_tar_close(&q.t);
	l->image = NULL;
	l->data_of = NULL;
	return r < 0 ? r : lazy_tree_finish(l, e);
}

int lazy_erofs_read(struct lazy_layer *l, const char *kept, size_t n, struct err *e)
{
	struct part p = { .fd = -1 };
	int r = part_load(&p, kept, n, e);

	if (r == 0)
		r = chunks_take(l, &p.x, e);
	if (r == 0)
		r = read_all(l, &p, e);
	part_close(&p);
	return r;
}
