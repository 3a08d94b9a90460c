/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a layer has its table of contents: annotations and footers. See toc.h.
 */
#include "format/toc.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
	ESTARGZ_FOOTER = 51, /* with an extra field "SG" as RFC 1952 wants it */
	STARGZ_FOOTER = 47,  /* the older form: the extra field is the text alone */
	ZSTD_FOOTER = 64,    /* offset, length, unpacked length, type; the same but type of the tar-split; magic */
	ZSTD_FOOTER_OLD = 40, /* without the tar-split */
	ZSTD_FRAME_HEAD = 8, /* of a skippable frame: magic, length */
	ZSTD_TYPE_CRFS = 1,
};

const char *toc_kind_name(enum toc_kind k)
{
	static const char *const names[TOC_KIND_N] = { "estargz", "zstd:chunked" };

	return names[k];
}

static uint64_t le64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static int check(const struct toc_place *p, uint64_t size, struct err *e)
{
	const char *name = toc_kind_name(p->kind);

	if (p->length > TOC_PACKED_MAX || p->unpacked > TOC_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "table of contents (%s) is larger than %d MiB", name,
			       TOC_PACKED_MAX >> 20);
	if (!p->offset || !p->length || p->offset > size || p->length > size - p->offset)
		return err_new(e, E_CORRUPT, EBADMSG, "table of contents (%s) is not inside its blob", name);
	return 0;
}

static int zstd_place(uint64_t offset, uint64_t length, uint64_t unpacked, uint64_t type, uint64_t size,
		      struct toc_place *p, struct err *e)
{
	if (type != ZSTD_TYPE_CRFS)
		return err_new(e, E_CORRUPT, EBADMSG, "table of contents (zstd:chunked) of type %llu",
			       (unsigned long long)type);
	p->kind = TOC_ZSTD_CHUNKED;
	p->offset = offset;
	p->length = length;
	p->unpacked = unpacked;
	p->end = offset - ZSTD_FRAME_HEAD;
	if (offset < ZSTD_FRAME_HEAD || !unpacked)
		return err_new(e, E_CORRUPT, EBADMSG, "table of contents (zstd:chunked) is not inside its blob");
	return check(p, size, e);
}

/* "OFFSET:LENGTH:UNPACKED:TYPE" */
static int zstd_annotated(const char *s, uint64_t size, struct toc_place *p, struct err *e)
{
	uint64_t v[4];
	char text[TOC_POSITION_MAX];
	char *at = text;

	if (strlen(s) >= sizeof text)
		return err_new(e, E_CORRUPT, EBADMSG, "%s: too long", TOC_NOTE_ZSTD_POSITION);
	memcpy(text, s, strlen(s) + 1);
	for (int i = 0; i < 4; i++) {
		char *word = strsep(&at, ":");
		if (!word || text_uint64(word, &v[i]) < 0 || (i == 3 && at))
			return err_new(e, E_CORRUPT, EBADMSG, "%s: not four numbers", TOC_NOTE_ZSTD_POSITION);
	}
	return zstd_place(v[0], v[1], v[2], v[3], size, p, e);
}

int toc_annotated(const json_t *annotations, uint64_t size, struct toc_place *ret, struct err *e)
{
	const char *zstd = json_string_value(json_object_get(annotations, TOC_NOTE_ZSTD_DIGEST));
	const char *position = json_string_value(json_object_get(annotations, TOC_NOTE_ZSTD_POSITION));
	const char *estargz = json_string_value(json_object_get(annotations, TOC_NOTE_ESTARGZ_DIGEST));
	struct toc_place p = { .kind = zstd ? TOC_ZSTD_CHUNKED : TOC_ESTARGZ };
	const char *digest = zstd ? zstd : estargz;

	if (!digest || (zstd && !position))
		return 0;
	if (!text_starts(digest, "sha256:") || !text_is_hex(digest + 7, 64))
		return err_new(e, E_CORRUPT, EBADMSG, "digest of the table of contents is none of sha256");
	(void)snprintf(p.digest, sizeof p.digest, "%s", digest);
	if (zstd && zstd_annotated(position, size, &p, e) < 0)
		return -e->eno;
	*ret = p;
	return 1;
}

/* the skippable frame of @n bytes that ends the blob, NULL when there is none of that length */
static const unsigned char *zstd_footer(const unsigned char *end, size_t have, size_t n)
{
	static const unsigned char skippable[] = { 0x50, 0x2a, 0x4d, 0x18 }, magic[] = "GNUlInUx";
	const unsigned char *p = end - n;

	if (have < n + ZSTD_FRAME_HEAD || memcmp(p - 8, skippable, 4) || p[-4] != n || p[-3] || p[-2] || p[-1])
		return NULL;
	return memcmp(end - 8, magic, 8) ? NULL : p;
}

static int hex64(const unsigned char *p, uint64_t *ret)
{
	uint64_t v = 0;

	for (int i = 0; i < 16; i++) {
		unsigned c = p[i];
		unsigned d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
		if (d > 15)
			return -EINVAL;
		v = v << 4 | d;
	}
	*ret = v;
	return 0;
}

/* 1: offset of the table | 0 no such footer */
static int gzip_footer(const unsigned char *end, size_t have, uint64_t *ret, size_t *ret_n)
{
	static const size_t sizes[] = { ESTARGZ_FOOTER, STARGZ_FOOTER };

	for (size_t i = 0; i < 2; i++) {
		const unsigned char *p = end - sizes[i];
		size_t head = i ? 12 : 16; /* gzip header, XLEN and, in the newer form, "SG" and its length */
		if (have < sizes[i] || p[0] != 0x1f || p[1] != 0x8b || p[2] != 8 || !(p[3] & 4))
			continue;
		if (p[10] != (i ? 22 : 26) || p[11] || (!i && (p[12] != 'S' || p[13] != 'G' || p[14] != 22 || p[15])))
			continue;
		if (memcmp(p + head + 16, "STARGZ", 6) || hex64(p + head, ret) < 0)
			continue;
		*ret_n = sizes[i];
		return 1;
	}
	return 0;
}

int toc_locate(const void *tail, size_t n, uint64_t size, struct toc_place *p, struct err *e)
{
	const unsigned char *end = (const unsigned char *)tail + n;
	const unsigned char *z = zstd_footer(end, n, ZSTD_FOOTER);
	struct toc_place found = *p;
	uint64_t offset;
	size_t footer;

	if (!z)
		z = zstd_footer(end, n, ZSTD_FOOTER_OLD);
	if (z) {
		if (zstd_place(le64(z), le64(z + 8), le64(z + 16), le64(z + 24), size, &found, e) < 0)
			return -e->eno;
	} else if (gzip_footer(end, n, &offset, &footer) > 0) {
		if (size < footer || offset > size - footer)
			return err_new(e, E_CORRUPT, EBADMSG, "table of contents (estargz) is not inside its blob");
		found.kind = TOC_ESTARGZ;
		found.offset = found.end = offset;
		found.length = size - footer - offset;
		found.unpacked = 0;
		if (check(&found, size, e) < 0)
			return -e->eno;
	} else {
		return 0;
	}
	if (p->digest[0] && found.kind != p->kind)
		return err_new(e, E_CORRUPT, EBADMSG, "table of contents is %s, its manifest says %s",
			       toc_kind_name(found.kind), toc_kind_name(p->kind));
	*p = found;
	return 1;
}
