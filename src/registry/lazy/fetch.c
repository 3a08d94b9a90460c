/* SPDX-License-Identifier: Apache-2.0
 *
 * See fetch.h.
 */
#include "registry/lazy/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/hash.h"
#include "format/js.h"
#include "registry/lazy/erofs.h"
#include "store/blob.h"

static int add(void *data, const void *p, size_t n, struct err *e)
{
	struct buf *b = data;

	buf_add(b, p, n);
	return buf_failed(b) ? err_new(e, E_NOMEM, ENOMEM, "part of a blob") : 0;
}

int lazy_range(struct registry *r, struct http *h, const char *digest, uint64_t at, size_t n, struct buf *out, struct err *e)
{
	struct registry_sink sink = { .add = add, .data = out, .at_bytes = (int64_t)at };

	return registry_blob_range(r, h, digest, (int64_t)(at + n), &sink, NULL, e);
}

int lazy_toc_fetch(struct registry *r, struct http *h, const struct descriptor *d, struct toc_place *ret_place, char **ret,
		   size_t *ret_n, struct err *e)
{
	const uint64_t size = (uint64_t)d->size, tail_n = size < TOC_TAIL_BYTES ? size : TOC_TAIL_BYTES;
	struct toc_place place = { 0 };
	OWN_BUF tail = { 0 };
	OWN_BUF packed = { 0 };

	if (media_is_erofs(d->media_type))
		return lazy_erofs_fetch(r, h, d, ret_place, ret, ret_n, e);
	int found = toc_annotated(json_object_get(d->json, "annotations"), size, &place, e);
	if (found < 0)
		return found;
	if (!found)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "its manifest names no table of contents");
	if (!place.length) {
		if (lazy_range(r, h, d->digest, size - tail_n, tail_n, &tail, e) < 0)
			return -e->eno;
		found = toc_locate(tail.p, tail.n, size, &place, e);
		if (found <= 0)
			return found < 0 ? found : err_new(e, E_CORRUPT, EBADMSG, "it has no table of contents");
	}
	if (lazy_range(r, h, d->digest, place.offset, place.length, &packed, e) < 0)
		return -e->eno;
	if (packed.n != place.length)
		return err_new(e, E_NETWORK, EPIPE, "table of contents: %zu bytes of %llu", packed.n, (unsigned long long)place.length);
	if (toc_unpack(&place, packed.p, ret, ret_n, e) < 0)
		return -e->eno;
	*ret_place = place;
	return 0;
}

int lazy_toc_keep(struct pull *p, size_t i, const struct toc_place *place, const char *text, size_t n, struct err *e)
{
	struct pull_layer *l = &p->layers[i];
	struct hash hash;

	hash_init(&hash, HASH_SHA256);
	hash_add(&hash, text, n);
	hash_text(&hash, l->toc);
	l->toc_kind = place->kind;
	l->toc_end = (int64_t)place->end;
	if (lease_add_blob(&p->lease, l->toc, e) < 0)
		return -e->eno;
	int r = blob_can_be_trusted(p->req->store, l->toc, (int64_t)n, e);
	if (r)
		return r < 0 ? r : 0;
	return blob_write(p->req->store, text, n, l->toc, NULL, e);
}

int lazy_toc_load(const struct store *s, const json_t *layer, struct toc_place *ret_place, char **ret, size_t *ret_n,
		  struct err *e)
{
	const int64_t kind = js_int(layer, "toc_kind", -1), end = js_int(layer, "toc_end", -1);

	if (kind < 0 || kind > LAZY_KIND_EROFS || end < 0)
		return err_new(e, E_CORRUPT, EBADMSG, "record of the image");
	*ret_place = (struct toc_place){ .kind = (enum toc_kind)kind, .end = (uint64_t)end };
	return blob_read(s, js_str(layer, "toc", ""), TOC_BYTES_MAX, ret, ret_n, e) < 0 ? err_ctx(e, "table of contents") : 0;
}
