/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression of plain layers for a folder: see squeeze.h.
 */
#include "registry/transport/squeeze.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "format/hash.h"
#include "format/inflate.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "store/blob.h"

/* 1: *ret is blob @digest as gzip | 0: it is compressed already. The first bytes count: media types lie */
static int layer_squeeze(const struct store *s, const char *digest, struct compressed *ret, struct err *e)
{
	unsigned char first[8];
	struct source_digest checked;
	struct source_at f;
	OWN_FD fd = -1;
	uint64_t size;

	if (blob_open(s, digest, &fd, &size, e) < 0)
		return -e->eno;
	ssize_t n = pread(fd, first, sizeof first, 0);
	if (n < 0)
		return err_sys(e, errno, "read blob %s", digest);
	if (inflate_detect(first, (size_t)n) != INFLATE_PLAIN)
		return 0;
	if (source_at_init(&f, fd, 0, size, e) < 0)
		return -e->eno;
	int r = source_digest_init(&checked, &f.source, digest, (int64_t)size, e);
	checked.what = digest;
	if (r == 0)
		r = compress_source(&checked.source, COMPRESS_GZIP, 0, s->root_fd, ret, e);
	source_at_done(&f);
	return r < 0 ? err_ctx(e, "layer %s", digest) : 1;
}

static int descriptor_set(json_t *layer, const char *type, const struct compressed *c, struct err *e)
{
	if (json_object_set_new(layer, "mediaType", json_string(type)) < 0 ||
	    json_object_set_new(layer, "digest", json_string(c->digest)) < 0 ||
	    json_object_set_new(layer, "size", json_integer(c->size_bytes)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	return 0;
}

static int manifest_write(const struct manifest *old, struct registry_manifest *m, struct err *e)
{
	OWN_STR text = json_dumps(old->json, JSON_COMPACT);
	struct hash h;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	m->n = strlen(text);
	hash_init(&h, HASH_SHA256);
	hash_add(&h, text, m->n);
	hash_text(&h, m->digest);
	free(m->bytes);
	m->bytes = ptr_take(&text);
	return 0;
}

int squeeze_layers(const struct store *s, struct registry_manifest *m, struct squeezed *ret, struct err *e)
{
	OWN_MANIFEST old = { 0 };
	bool changed = false;

	if (manifest_parse(m->bytes, m->n, m->content_type, &old, e) < 0)
		return -e->eno;
	const bool is_oci = !strcmp(old.media_type, MEDIA_OCI_MANIFEST);
	ret->list = calloc(old.n_entries + 1, sizeof *ret->list);
	if (!ret->list)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < old.n_entries; i++) {
		json_t *layer = json_array_get(json_object_get(old.json, "layers"), i);
		struct compressed c = { .fd = -1 };
		if (media_is_erofs(old.entries[i].media_type))
			continue; /* it stays what it is */
		int r = layer_squeeze(s, old.entries[i].digest, &c, e);
		if (r < 0)
			return r;
		if (!r)
			continue;
		ret->list[ret->n++] = c;
		if (descriptor_set(layer, is_oci ? MEDIA_OCI_LAYER_GZIP : MEDIA_DOCKER_LAYER, &c, e) < 0)
			return -e->eno;
		changed = true;
	}
	return changed ? manifest_write(&old, m, e) : 0;
}

const struct compressed *squeezed_find(const struct squeezed *q, const char *digest)
{
	for (size_t i = 0; i < q->n; i++)
		if (!strcmp(q->list[i].digest, digest))
			return &q->list[i];
	return NULL;
}

void squeezed_done(struct squeezed *q)
{
	for (size_t i = 0; i < q->n; i++)
		close(q->list[i].fd);
	free(q->list);
	*q = (struct squeezed){ 0 };
}
