/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a push: see push.h. A lease protects what is sent from removal of images beside it.
 */
#include "registry/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "format/toc.h"
#include "registry/push_int.h"
#include "store/blob.h"
#include "store/image.h"

/* ---- one manifest and what hangs on it ---- */

static void push_image_done(struct push_image *img)
{
	free(img->layers);
	image_config_done(&img->config);
	manifest_done(&img->manifest);
}

static int config_load(struct push_image *img, struct err *e)
{
	const struct store *s = img->p->req->store;
	OWN_STR text = NULL;
	size_t n;

	if (blob_read(s, img->manifest.config.digest, MANIFEST_CONFIG_BYTES_MAX, &text, &n, e) < 0 ||
	    image_config_parse(text, n, &img->config, e) < 0)
		return err_ctx(e, "image config");
	if (img->config.n_diff_ids != img->manifest.n_entries)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest has %zu layers, image config %zu",
			       img->manifest.n_entries, img->config.n_diff_ids);
	return 0;
}

/* an artifact has a config of its own kind and layers without diff IDs */
static bool is_container(const struct manifest *m)
{
	struct err ignored = { 0 };
	return manifest_check_runnable(m, &ignored) == 0;
}

static bool wants_oci(const struct push_image *img)
{
	return compress_is_zstd(img->p->req->format) || !strcmp(img->manifest.media_type, MEDIA_OCI_MANIFEST);
}

/* zstd, but zstd:chunked is wanted */
static bool lacks_table(const struct push_req *q, const struct descriptor *d)
{
	return q->format == COMPRESS_ZSTD_CHUNKED &&
	       !json_object_get(json_object_get(d->json, "annotations"), TOC_NOTE_ZSTD_DIGEST);
}

static int layers_plan(struct push_image *img, struct err *e)
{
	const struct push_req *q = img->p->req;
	bool container = is_container(&img->manifest);

	if (container && config_load(img, e) < 0)
		return -e->eno;
	img->layers = calloc(img->manifest.n_entries + 1, sizeof *img->layers);
	if (!img->layers)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	img->n = img->manifest.n_entries;
	for (size_t i = 0; i < img->n; i++) {
		struct push_layer *l = &img->layers[i];
		int have = media_layer_compression(img->manifest.entries[i].media_type);
		int want = compress_is_zstd(q->format) ? LAYER_ZSTD : LAYER_GZIP;
		l->blob = &img->manifest.entries[i];
		l->diff_id = container ? img->config.diff_ids[i] : l->blob->digest;
		l->size_bytes = l->blob->size;
		l->media_type = l->blob->media_type;
		l->changed = container && have >= 0 &&
			     (have == LAYER_PLAIN ||
			      (q->recompress && q->format && (have != want || lacks_table(q, l->blob))));
		(void)snprintf(l->digest, sizeof l->digest, "%s", l->blob->digest);
		(void)snprintf(l->name, sizeof l->name, "%.12s", digest_hex(l->diff_id));
		if (lease_add_blob(&img->p->lease, l->blob->digest, e) < 0)
			return -e->eno;
	}
	return lease_add_blob(&img->p->lease, img->manifest.config.digest, e);
}

static int config_send(struct push_image *img, struct err *e)
{
	struct push *p = img->p;
	const struct descriptor *d = &img->manifest.config;
	OWN_FD fd = -1;
	int r = registry_blob_has(p->registry, p->http, d->digest, e);

	if (r < 0)
		return err_ctx(e, "image config");
	if (r > 0)
		return 0;
	struct registry_upload u = { .digest = d->digest, .size_bytes = d->size };
	if (blob_open(p->req->store, d->digest, &fd, NULL, e) < 0)
		return -e->eno;
	u.fd = fd;
	return registry_blob_put(p->registry, p->http, &u, e) < 0 ? err_ctx(e, "image config") : 0;
}

static int text_take(json_t *doc, const char *type, struct registry_manifest *ret, struct err *e)
{
	char *text = json_dumps(doc, JSON_COMPACT);

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	*ret = (struct registry_manifest){ .bytes = text, .n = strlen(text) };
	(void)snprintf(ret->content_type, sizeof ret->content_type, "%s", type);
	digest_sha256(ret->bytes, ret->n, ret->digest);
	return 0;
}

/* a layer that was compressed anew has another table of contents than before, or none */
static int table_note(json_t *d, const struct push_layer *l)
{
	static const char *const keys[] = { TOC_NOTE_ESTARGZ_DIGEST, TOC_NOTE_ZSTD_DIGEST, TOC_NOTE_ZSTD_POSITION,
					    TOC_NOTE_ZSTD_SPLIT };
	json_t *notes = json_object_get(d, "annotations");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		(void)json_object_del(notes, keys[i]); /* it need not be there */
	if (notes && !json_object_size(notes))
		(void)json_object_del(d, "annotations");
	if (!*l->toc_digest)
		return 0;
	notes = json_object_get(d, "annotations");
	if (!notes) {
		if (json_object_set_new(d, "annotations", json_object()) < 0)
			return -ENOMEM;
		notes = json_object_get(d, "annotations");
	}
	return json_object_set_new(notes, TOC_NOTE_ZSTD_DIGEST, json_string(l->toc_digest)) < 0 ||
			       json_object_set_new(notes, TOC_NOTE_ZSTD_POSITION, json_string(l->toc_position)) < 0 ? -ENOMEM : 0;
}

/* the manifest with what the layers became */
static int manifest_rewrite(struct push_image *img, struct registry_manifest *ret, struct err *e)
{
	OWN_JSON doc = json_deep_copy(img->manifest.json);
	bool oci = wants_oci(img);
	json_t *layers = json_object_get(doc, "layers");
	int bad = !doc;

	for (size_t i = 0; i < img->n; i++) {
		const struct push_layer *l = &img->layers[i];
		json_t *d = json_array_get(layers, i);
		int have = media_layer_compression(l->media_type);
		int kind = l->changed ? (compress_is_zstd(img->p->req->format) ? LAYER_ZSTD : LAYER_GZIP) : have;
		const char *type = !oci ? MEDIA_DOCKER_LAYER :
				   kind == LAYER_ZSTD ? MEDIA_OCI_LAYER_ZSTD :
				   kind == LAYER_GZIP ? MEDIA_OCI_LAYER_GZIP : l->media_type;
		bad |= json_object_set_new(d, "mediaType", json_string(have < 0 ? l->media_type : type)) |
		       json_object_set_new(d, "digest", json_string(l->digest)) |
		       json_object_set_new(d, "size", json_integer(l->size_bytes)) |
		       (l->changed && table_note(d, l) < 0);
	}
	const char *type = oci ? MEDIA_OCI_MANIFEST : MEDIA_DOCKER_MANIFEST;
	bad |= json_object_set_new(doc, "mediaType", json_string(type));
	if (oci && !bad)
		bad |= json_object_set_new(json_object_get(doc, "config"), "mediaType", json_string(MEDIA_OCI_CONFIG));
	if (bad)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	return text_take(doc, type, ret, e);
}

static int image_send(struct push_image *img, struct registry_manifest *raw, struct err *e)
{
	bool changed = false;

	if (layers_plan(img, e) < 0 || push_sources_find(img, e) < 0 || push_layers(img, e) < 0 ||
	    config_send(img, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < img->n; i++)
		changed |= img->layers[i].changed;
	if (!changed)
		return 0;
	struct registry_manifest other;
	if (manifest_rewrite(img, &other, e) < 0)
		return -e->eno;
	registry_manifest_done(raw);
	*raw = other;
	return 0;
}

/* a blob of the store as manifest */
static int raw_load(struct push *p, const char *digest, struct registry_manifest *ret, struct manifest *m,
		    struct err *e)
{
	if (lease_add_blob(&p->lease, digest, e) < 0 ||
	    blob_read(p->req->store, digest, MANIFEST_BYTES_MAX, &ret->bytes, &ret->n, e) < 0 ||
	    manifest_parse(ret->bytes, ret->n, NULL, m, e) < 0)
		return err_ctx(e, "manifest");
	(void)snprintf(ret->digest, sizeof ret->digest, "%s", digest);
	(void)snprintf(ret->content_type, sizeof ret->content_type, "%s", m->media_type);
	return 0;
}

static bool is_whole(const struct store *s, const char *digest, int depth)
{
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	OWN_MANIFEST m = { 0 };
	size_t n;

	if (depth > MANIFEST_DEPTH_MAX || blob_read(s, digest, MANIFEST_BYTES_MAX, &text, &n, &ignored) < 0 ||
	    manifest_parse(text, n, NULL, &m, &ignored) < 0 ||
	    (m.kind == MANIFEST_IMAGE && !blob_exists(s, m.config.digest)))
		return false;
	for (size_t i = 0; i < m.n_entries; i++)
		if (m.kind == MANIFEST_INDEX ? !is_whole(s, m.entries[i].digest, depth + 1) :
					       !blob_exists(s, m.entries[i].digest))
			return false;
	return true;
}

bool push_is_whole(const struct store *s, const char *digest)
{
	return is_whole(s, digest, 0);
}

static int document_send(struct push *p, const char *digest, int depth, struct registry_manifest *ret,
			 struct err *e);

static int index_send(struct push *p, struct manifest *index, int depth, struct registry_manifest *raw,
		      struct err *e)
{
	OWN_JSON doc = json_deep_copy(index->json);
	bool changed = false;

	if (!doc)
		return err_new(e, E_NOMEM, ENOMEM, "index");
	for (size_t i = 0; i < index->n_entries; i++) {
		struct registry_manifest child = { 0 };
		json_t *d = json_array_get(json_object_get(doc, "manifests"), i);
		/* what is not here is there already: see is_pushable() */
		if (!push_is_whole(p->req->store, index->entries[i].digest))
			continue;
		int r = document_send(p, index->entries[i].digest, depth + 1, &child, e);
		if (r == 0)
			r = registry_manifest_publish(p->registry, p->http, child.digest, &child, e);
		if (r == 0 && strcmp(child.digest, index->entries[i].digest) != 0) {
			changed = true;
			if (json_object_set_new(d, "digest", json_string(child.digest)) |
			    json_object_set_new(d, "size", json_integer((json_int_t)child.n)) |
			    json_object_set_new(d, "mediaType", json_string(child.content_type)))
				r = err_new(e, E_NOMEM, ENOMEM, "index");
		}
		registry_manifest_done(&child);
		if (r < 0)
			return r;
	}
	if (!changed)
		return 0;
	struct registry_manifest other;
	if (text_take(doc, index->media_type, &other, e) < 0)
		return -e->eno;
	registry_manifest_done(raw);
	*raw = other;
	return 0;
}

/* everything below @digest; @ret: the document as it is to be put */
static int document_send(struct push *p, const char *digest, int depth, struct registry_manifest *ret,
			 struct err *e)
{
	struct push_image img = { .p = p };

	*ret = (struct registry_manifest){ 0 };
	int r = raw_load(p, digest, ret, &img.manifest, e);
	if (r == 0 && depth > MANIFEST_DEPTH_MAX)
		r = err_new(e, E_CORRUPT, ELOOP, "index in index in index");
	if (r == 0)
		r = img.manifest.kind == MANIFEST_INDEX ? index_send(p, &img.manifest, depth, ret, e) :
							  image_send(&img, ret, e);
	push_image_done(&img);
	if (r < 0)
		registry_manifest_done(ret);
	return r;
}

int push_document(struct push *p, const char *digest, struct registry_manifest *ret, struct err *e)
{
	return document_send(p, digest, 0, ret, e);
}

/* ---- what is to be pushed ---- */

/* the manifest for the wanted platform out of an index, all of it here */
static int choose_platform(struct push *p, struct err *e)
{
	char text[PLATFORM_TEXT_MAX];

	for (int depth = 0; depth <= MANIFEST_DEPTH_MAX; depth++) {
		OWN_STR bytes = NULL;
		OWN_MANIFEST m = { 0 };
		const struct descriptor *d;
		size_t n;
		if (blob_read(p->req->store, p->top, MANIFEST_BYTES_MAX, &bytes, &n, e) < 0 ||
		    manifest_parse(bytes, n, NULL, &m, e) < 0)
			return err_ctx(e, "manifest");
		if (m.kind == MANIFEST_IMAGE)
			return 0;
		if (manifest_choose(&m, &p->want, &d, e) < 0)
			return -e->eno;
		(void)snprintf(p->top, sizeof p->top, "%s", d->digest);
		if (media_is_manifest(d->media_type) && !push_is_whole(p->req->store, p->top)) {
			platform_format(&p->want, text);
			return err_new(e, E_NOT_FOUND, ENOENT, "the image for platform %s is not here", text);
		}
	}
	return err_new(e, E_CORRUPT, ELOOP, "index in index in index");
}

static int check_platform(const struct push *p, const struct image *img, struct err *e)
{
	char want[PLATFORM_TEXT_MAX], have[PLATFORM_TEXT_MAX];
	OWN_STR text = json_dumps(img->config, JSON_COMPACT);
	OWN_IMAGE_CONFIG c = { 0 };

	if (!p->req->platform)
		return 0;
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	if (image_config_parse(text, strlen(text), &c, e) < 0)
		return -e->eno;
	if (platform_rank(&p->want, &c.platform) >= 0)
		return 0;
	platform_format(&p->want, want);
	platform_format(&c.platform, have);
	return err_new(e, E_NOT_FOUND, ENOENT, "the image is for %s, not %s", have, want);
}

/* 1: everything that p->top names is here, or in the registry already | 0: not */
static int is_pushable(struct push *p, struct err *e)
{
	const struct store *s = p->req->store;
	OWN_STR text = NULL;
	OWN_MANIFEST m = { 0 };
	struct err ignored = { 0 };
	size_t n;

	if (push_is_whole(s, p->top))
		return 1;
	if (blob_read(s, p->top, MANIFEST_BYTES_MAX, &text, &n, &ignored) < 0 ||
	    manifest_parse(text, n, NULL, &m, &ignored) < 0 || m.kind != MANIFEST_INDEX)
		return 0;
	for (size_t i = 0; i < m.n_entries; i++) {
		int r = push_is_whole(s, m.entries[i].digest) ? 1 :
			registry_manifest_has(p->registry, p->http, m.entries[i].digest, e);
		if (r <= 0)
			return r;
	}
	return 1;
}

/* by any name or ID; @manifest: what the name stands for in its registry, "" for none */
static int image_of(struct push *p, char manifest[DIGEST_TEXT_MAX], struct err *e)
{
	const struct push_req *q = p->req;
	struct err ignored = { 0 };
	char name[REFERENCE_TEXT_MAX];
	struct reference ref;

	manifest[0] = 0;
	if (image_find(q->store, q->image, p->image_id, e) < 0)
		return -e->eno;
	if (reference_is_id(q->image) || reference_parse_tagged(q->image, &ref, &ignored) < 0)
		return 0;
	reference_canonical(&ref, name);
	if (reference_get(q->store, name, NULL, manifest, &ignored) < 0)
		manifest[0] = 0; /* found by a prefix of its ID */
	return 0;
}

static int image_named(struct push *p, char manifest[DIGEST_TEXT_MAX], struct err *e)
{
	char name[REFERENCE_TEXT_MAX], familiar[REFERENCE_TEXT_MAX];

	reference_canonical(&p->ref, name);
	reference_familiar(&p->ref, familiar);
	if (reference_get(p->req->store, name, p->image_id, manifest, e) == 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	(void)err_new(e, E_NOT_FOUND, ENOENT, "An image does not exist locally with the tag: %s", familiar);
	err_hint(e, "list what is here: onggi images; give an image this name: onggi tag");
	return -ENOENT;
}

static int step_find(void *ctx, struct err *e)
{
	struct push *p = ctx;
	char manifest[DIGEST_TEXT_MAX];
	struct image img;

	if ((p->req->image ? image_of(p, manifest, e) : image_named(p, manifest, e)) < 0)
		return -e->eno;
	if (image_load(p->req->store, p->image_id, &img, e) < 0)
		return -e->eno;
	(void)snprintf(p->top, sizeof p->top, "%s", *manifest ? manifest : img.manifest);
	int r = *manifest && p->req->platform ? choose_platform(p, e) : 0;
	if (r == 0)
		r = *p->top ? is_pushable(p, e) : 0;
	if (r == 0) { /* some of the index is neither here nor there */
		r = check_platform(p, &img, e);
		/* of one that was of schema 1 nothing is here */
		if (r == 0 && strcmp(p->top, img.manifest) != 0 && blob_exists(p->req->store, p->top))
			transfer_note(&p->teller, "Not all of the index is here: pushing this image alone");
		(void)snprintf(p->top, sizeof p->top, "%s", img.manifest);
	}
	image_done(&img);
	return r < 0 ? r : 0;
}

static int step_send(void *ctx, struct err *e)
{
	struct push *p = ctx;
	struct registry_manifest top;

	if (push_document(p, p->top, &top, e) < 0)
		return -e->eno;
	int r = registry_manifest_publish(p->registry, p->http, p->ref.tag, &top, e);
	memcpy(p->result->digest, top.digest, sizeof top.digest);
	p->result->size_bytes = (int64_t)top.n;
	registry_manifest_done(&top);
	return r < 0 ? err_ctx(e, "manifest") : 0;
}

/* NAME@DIGEST: the image has a digest in a registry now */
static int step_note(void *ctx, struct err *e)
{
	struct push *p = ctx;
	struct reference ref = p->ref;
	char text[REFERENCE_TEXT_MAX];

	if (p->req->image) /* it has not that name here */
		return 0;
	ref.tag[0] = 0;
	memcpy(ref.digest, p->result->digest, sizeof ref.digest);
	reference_canonical(&ref, text);
	return reference_set(p->req->store, text, p->image_id, p->result->digest, e);
}

static const struct step push_steps[] = {
	{ "find", step_find, NULL },
	{ "send", step_send, NULL },
	{ "note", step_note, NULL },
};
WAY_DEFINE(push_way, "push", push_steps);

static int push_one(struct push *p, struct err *e)
{
	memcpy(p->result->tag, p->ref.tag, sizeof p->ref.tag);
	int r = lease_open(p->req->store, &p->lease, e);
	if (r == 0)
		r = way_run(&push_way, p, NULL, e);
	lease_close(&p->lease);
	p->lease.fd = -1;
	return r;
}

struct tags {
	const char *prefix;
	json_t *list;
};

static int tag_take(void *data, const struct reference_entry *r)
{
	struct tags *t = data;
	size_t n = strlen(t->prefix);

	if (strncmp(r->reference, t->prefix, n) || r->reference[n] != ':' || strchr(r->reference, '@'))
		return 0;
	return json_array_append_new(t->list, json_string(r->reference + n + 1)) < 0 ? -ENOMEM : 0;
}

static int push_tags(struct push *p, struct err *e)
{
	char name[REFERENCE_TEXT_MAX], familiar[REFERENCE_TEXT_MAX];
	OWN_JSON list = json_array();
	struct tags t = { name, list };
	json_t *tag;
	size_t i;

	reference_canonical(&p->ref, name);
	reference_familiar(&p->ref, familiar);
	if (!list || reference_each_seen(p->req->store, tag_take, &t, e) < 0)
		return e->kind ? -e->eno : err_new(e, E_NOMEM, ENOMEM, "tags");
	if (!json_array_size(list))
		return err_new(e, E_NOT_FOUND, ENOENT, "An image does not exist locally with the tag: %s", familiar);
	json_array_foreach(list, i, tag) {
		(void)snprintf(p->ref.tag, sizeof p->ref.tag, "%s", json_string_value(tag)); /* was parsed */
		if (push_one(p, e) < 0)
			return err_ctx(e, "%s", p->ref.tag);
		if (i + 1 < json_array_size(list))
			transfer_note(&p->teller, "%s: digest: %s size: %lld", p->ref.tag, p->result->digest,
				  (long long)p->result->size_bytes);
	}
	return 0;
}

static int prepare(struct push *p, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];
	struct reference bare;

	if (reference_parse(p->req->reference, &p->ref, e) < 0)
		return -e->eno;
	if (*p->ref.digest)
		return err_new(e, E_USAGE, EINVAL, "cannot push a digest reference");
	if (p->req->all_tags && *p->ref.tag)
		return err_new(e, E_USAGE, EINVAL, "tag can't be used with --all-tags/-a");
	if (!p->req->all_tags && reference_parse_tagged(p->req->reference, &p->ref, e) < 0)
		return -e->eno;
	if (p->req->platform && platform_parse(p->req->platform, &p->want, e) < 0)
		return -e->eno;
	if (compress_level_check(p->req->format, p->req->level, e) < 0 || registry_config_load(p->req->access, &p->config, e) < 0)
		return -e->eno;
	if (p->req->parallel)
		p->config.uploads = p->req->parallel;
	bare = p->ref;
	bare.tag[0] = 0;
	reference_canonical(&bare, name);
	transfer_note(&p->teller, "The push refers to repository [%s]", name);
	if (http_open(&p->http, e) < 0)
		return -e->eno;
	return registry_open(&p->ref, &p->config, "pull,push", &p->cancel, &p->registry, e);
}

int push_image(const struct push_req *req, struct push_result *ret, struct err *e)
{
	struct push p = { .req = req, .result = ret, .lease.fd = -1, .teller = { req->progress, req->data, PTHREAD_MUTEX_INITIALIZER } };

	*ret = (struct push_result){ 0 };
	int r = prepare(&p, e);
	if (r == 0)
		r = req->all_tags ? push_tags(&p, e) : push_one(&p, e);
	if (p.registry)
		(void)snprintf(ret->warning, sizeof ret->warning, "%s", registry_warning(p.registry));
	registry_close(p.registry);
	http_close(p.http);
	registry_config_done(&p.config);
	(void)pthread_mutex_destroy(&p.teller.lock); /* nobody holds it */
	return r;
}
