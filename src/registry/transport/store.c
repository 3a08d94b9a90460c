/* SPDX-License-Identifier: Apache-2.0
 *
 * The local store as a place: images by name or ID as sources of push and save; a target of pull and load, where
 * blobs go into the store as they come, and the image is unpacked and registered at the end. Not in the table: no
 * user names it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "registry/archive_int.h"
#include "registry/transport/docker_list.h"
#include "registry/transport/files.h"
#include "registry/transport/squeeze.h"
#include "registry/transport/transport.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"
#include "store/image_platform.h"

struct store_place {
	const struct store *store;
	struct lease lease;
	/* source */
	struct image img;
	struct registry_manifest manifest;
	struct squeezed squeezed; /* layers that go compressed */
	/* target */
	const struct place *from;
	char top[DIGEST_TEXT_MAX];
	bool target;
};

/* the manifest as it is, or in the form that readers of the target know */
static int manifest_prepare(struct store_place *s, enum place_form form, struct err *e)
{
	OWN_STR text = NULL;
	OWN_MANIFEST m = { 0 };
	size_t n;

	if (blob_read(s->store, s->img.manifest, MANIFEST_BYTES_MAX, &text, &n, e) < 0 ||
	    manifest_parse(text, n, NULL, &m, e) < 0)
		return -e->eno;
	const bool is_oci = !strcmp(m.media_type, MEDIA_OCI_MANIFEST);
	if (form != PLACE_ANY && is_oci != (form == PLACE_OCI))
		return docker_list_convert(&m, form == PLACE_OCI, &s->manifest, e);
	(void)snprintf(s->manifest.content_type, sizeof s->manifest.content_type, "%s", m.media_type);
	(void)snprintf(s->manifest.digest, sizeof s->manifest.digest, "%s", s->img.manifest);
	s->manifest.n = n;
	s->manifest.bytes = ptr_take(&text);
	return 0;
}

/* the name by which the image was found; none for an ID */
static void name_find(struct place *p, const struct store_place *s, const char *asked)
{
	struct err ignored = { 0 };
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;

	if (reference_is_id(asked) || reference_parse_tagged(asked, &ref, &ignored) < 0)
		return;
	reference_canonical(&ref, text);
	if (reference_get(s->store, text, NULL, NULL, &ignored) == 0)
		p->ref = ref;
}

/* in the lease first, then looked for */
static int source_protect(struct store_place *s, struct err *e)
{
	json_t *layer;
	size_t i;

	if (lease_add_blob(&s->lease, s->img.manifest, e) < 0 || lease_add_blob(&s->lease, s->img.id, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(s->img.record, "layers"), i, layer)
		if (lease_add_blob(&s->lease, js_str(layer, "digest", ""), e) < 0)
			return -e->eno;
	return 0;
}

static int store_open_place(struct place *p, const struct place_req *q, struct err *e)
{
	struct store_place *s = calloc(1, sizeof *s);

	if (!s)
		return err_new(e, E_NOMEM, ENOMEM, "image");
	s->lease.fd = -1;
	s->store = q->store;
	s->target = q->target;
	s->from = q->from;
	p->state = s;
	if (lease_open(q->store, &s->lease, e) < 0 || q->target)
		return e->kind ? -e->eno : 0;
	if (image_resolve(q->store, q->where, &s->img, e) < 0 ||
	    image_for_platform(q->store, q->platform, &s->img, e) < 0 || source_protect(s, e) < 0)
		return -e->eno;
	name_find(p, s, q->where);
	if (manifest_prepare(s, q->form, e) < 0)
		return -e->eno;
	return q->compress ? squeeze_layers(s->store, &s->manifest, &s->squeezed, e) : 0;
}

static int store_manifest_get(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
			      struct err *e)
{
	const struct store_place *s = p->state;

	(void)h;
	if (digest && strcmp(digest, s->manifest.digest) != 0)
		return err_new(e, E_NOT_FOUND, ENOENT, "image %.19s has no manifest %s", s->img.id, digest);
	*ret = s->manifest;
	ret->bytes = malloc(ret->n + 1);
	if (!ret->bytes)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	memcpy(ret->bytes, s->manifest.bytes, ret->n + 1);
	return 0;
}

static int store_blob_get(struct place *p, struct http *h, const struct place_blob *blob, struct registry_sink *sink,
			  const struct registry_retry *retry, struct err *e)
{
	const struct store_place *s = p->state;
	OWN_FD fd = -1;
	uint64_t size;

	const struct compressed *c = squeezed_find(&s->squeezed, blob->digest);

	(void)h;
	(void)retry;
	if (c)
		return files_feed(c->fd, 0, blob->size, sink, e);
	if (blob_open(s->store, blob->digest, &fd, &size, e) < 0)
		return -e->eno;
	if ((int64_t)size != blob->size)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s has %lld bytes, not %lld", blob->digest, (long long)size,
			       (long long)blob->size);
	return files_feed(fd, 0, blob->size, sink, e);
}

/* an image has one manifest here */
static int store_manifest_has(struct place *p, struct http *h, const char *digest, struct err *e)
{
	(void)p;
	(void)h;
	(void)digest;
	(void)e;
	return 0;
}

static int store_blob_has(struct place *p, struct http *h, const struct place_blob *blob, struct err *e)
{
	struct store_place *s = p->state;

	(void)h;
	return lease_add_blob(&s->lease, blob->digest, e) < 0 ? -e->eno : blob_size(s->store, blob->digest) == blob->size;
}

static int add_bytes(void *data, const void *bytes, size_t n, struct err *e)
{
	return blob_writer_add(data, bytes, n, e);
}

static int store_blob_put(struct place *p, struct http *h, struct place_put *put, struct err *e)
{
	const struct store_place *s = p->state;
	struct blob_writer w;
	struct registry_sink sink = { add_bytes, &w, 0 };

	(void)h;
	if (blob_writer_open(s->store, (enum digest_algo)hash_algo_of(put->blob.digest), &w, e) < 0)
		return -e->eno;
	if (files_feed(put->fd, 0, put->blob.size, &sink, e) < 0) {
		blob_writer_abort(&w);
		return -e->eno;
	}
	return blob_writer_commit(&w, put->blob.digest, put->blob.size, NULL, e);
}

static int store_manifest_put(struct place *p, struct http *h, const struct registry_manifest *m, bool top,
			      struct err *e)
{
	struct store_place *s = p->state;

	(void)h;
	(void)top; /* there are no others */
	(void)snprintf(s->top, sizeof s->top, "%s", m->digest);
	return lease_add_blob(&s->lease, m->digest, e) < 0 ? -e->eno :
							     blob_write(s->store, m->bytes, m->n, m->digest, NULL, e);
}

static int store_finish(struct place *p, struct err *e)
{
	struct store_place *s = p->state;
	const struct archive none = { .store = s->store, .lease = &s->lease };
	const size_t n = json_array_size(s->from->names);
	OWN_PTR const char **names = calloc(n + 1, sizeof *names);
	char id[DIGEST_TEXT_MAX];

	if (!names)
		return err_new(e, E_NOMEM, ENOMEM, "names");
	for (size_t i = 0; i < n; i++)
		names[i] = json_string_value(json_array_get(s->from->names, i));
	const struct image_new image = { .manifest = s->top, .local = true, .references = names, .n_references = n };
	if (archive_unpack(&none, s->top, id, e) < 0 || image_register(s->store, &image, id, e) < 0)
		return -e->eno;
	p->names = json_incref(s->from->names);
	(void)snprintf(p->digest, sizeof p->digest, "%s", id); /* what an image is called here */
	return 0;
}

static void store_close_place(struct place *p)
{
	struct store_place *s = p->state;
	struct err ignored = { 0 }; /* what cannot be dropped goes with the next prune */

	if (!s)
		return;
	/* of a target: everything of a copy that failed, a manifest of an image that was there by another one */
	if (s->target && s->lease.fd >= 0)
		(void)image_drop_leased(&s->lease, &ignored);
	else
		lease_close(&s->lease);
	image_done(&s->img);
	registry_manifest_done(&s->manifest);
	squeezed_done(&s->squeezed);
	free(s);
}

const struct transport transport_store = {
	.name = "store",
	.form = PLACE_PLAIN,
	.single = true,
	.open = store_open_place,
	.manifest_get = store_manifest_get,
	.blob_get = store_blob_get,
	.manifest_has = store_manifest_has,
	.blob_has = store_blob_has,
	.blob_put = store_blob_put,
	.manifest_put = store_manifest_put,
	.finish = store_finish,
	.close = store_close_place,
};
