/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a table of contents out of the bytes that are in the blob. See toc.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/inflate.h"
#include "format/tar.h"
#include "format/toc.h"

static int add(struct buf *b, const void *p, size_t n, struct err *e)
{
	if (n > TOC_BYTES_MAX - b->n)
		return err_new(e, E_CORRUPT, EFBIG, "table of contents is larger than %d MiB", TOC_BYTES_MAX >> 20);
	buf_add(b, p, n);
	return buf_failed(b) ? err_new(e, E_NOMEM, ENOMEM, "table of contents") : 0;
}

static int read_all(struct source *s, struct buf *out, struct err *e)
{
	const unsigned char *p;
	size_t n;
	int r;

	while ((r = source_next(s, &p, &n, e)) > 0)
		if (add(out, p, n, e) < 0)
			return -e->eno;
	return r;
}

/* the member is an archive of one file */
static int read_member(struct source *s, struct buf *out, struct err *e)
{
	struct tar_reader *t;
	const struct tar_entry *en;
	const unsigned char *p;
	uint64_t offset;
	size_t n;

	if (tar_open(s, NULL, &t, e) < 0)
		return -e->eno;
	int r = tar_next(t, &en, e);
	if (r == 0 || (r > 0 && (en->type != TAR_FILE || en->hunks || strcmp(en->path, "stargz.index.json") != 0)))
		r = err_new(e, E_CORRUPT, EBADMSG, "no stargz.index.json where it should be");
	while (r > 0 && (r = tar_body(t, &p, &n, &offset, e)) > 0)
		if (add(out, p, n, e) < 0)
			r = -e->eno;
	tar_close(t);
	return r;
}

static int digest_check(const struct toc_place *p, const void *bytes, size_t n, struct err *e)
{
	char got[HASH_TEXT_MAX];
	struct hash h;

	if (!p->digest[0])
		return 0;
	hash_init(&h, HASH_SHA256);
	hash_add(&h, bytes, n);
	hash_text(&h, got);
	return strcmp(got, p->digest) ? err_new(e, E_CORRUPT, EBADMSG, "table of contents: wrong digest: expected %s, got %s",
						p->digest, got) : 0;
}

int toc_unpack(const struct toc_place *p, const void *packed, char **ret_text, size_t *ret_n, struct err *e)
{
	OWN_BUF text = { 0 };
	struct source_mem mem;
	struct inflate *in;

	if (p->kind == TOC_ZSTD_CHUNKED && digest_check(p, packed, p->length, e) < 0)
		return -e->eno;
	source_mem_init(&mem, packed, p->length);
	if (inflate_open(&mem.source, TOC_BYTES_MAX + (1 << 20), &in, e) < 0)
		return err_ctx(e, "table of contents");
	int r = p->kind == TOC_ESTARGZ ? read_member(inflate_source(in), &text, e) :
					 read_all(inflate_source(in), &text, e);
	inflate_close(in);
	if (r < 0)
		return err_ctx(e, "table of contents");
	if (p->kind == TOC_ESTARGZ && digest_check(p, buf_str(&text), text.n, e) < 0)
		return -e->eno;
	if (p->unpacked && text.n != p->unpacked)
		return err_new(e, E_CORRUPT, EBADMSG, "table of contents: %zu bytes instead of %llu", text.n,
			       (unsigned long long)p->unpacked);
	*ret_n = text.n;
	*ret_text = buf_take(&text);
	return *ret_text ? 0 : err_new(e, E_NOMEM, ENOMEM, "table of contents");
}
