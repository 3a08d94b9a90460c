/* SPDX-License-Identifier: Apache-2.0
 *
 * What the members of a list are: see manifest_list.h. Of an image in a registry only the manifest is read, and the
 * config for its platform: nothing of it is stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/client.h"
#include "registry/manifest_list.h"
#include "registry/push_int.h"
#include "registry/schema1.h"
#include "registry/transport/transport.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/image.h"

#define STORAGE "containers-storage:"

/* ---- of the local store ---- */

/* the members of an image config that say its platform */
static json_t *platform_of(const json_t *config)
{
	static const char *const keys[] = { "architecture", "os", "os.version", "os.features", "variant" };
	json_t *p = json_object();
	int bad = !p;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *v = json_object_get(config, keys[i]);
		if (i == 3 ? json_is_array(v) : json_string_length(v) > 0)
			bad |= json_object_set(p, keys[i], v);
	}
	if (!bad)
		return p;
	json_decref(p);
	return NULL;
}

static int lease_image(struct lease *l, const struct image *img, struct err *e)
{
	json_t *layer;
	size_t i;

	if (lease_add_blob(l, img->manifest, e) < 0 || lease_add_blob(l, img->id, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(img->record, "layers"), i, layer)
		if (lease_add_blob(l, js_str(layer, "digest", ""), e) < 0)
			return -e->eno;
	return 0;
}

static int entry_add(json_t *entries, json_t *entry, struct err *e)
{
	return json_array_append_new(entries, entry) < 0 ? err_new(e, E_NOMEM, ENOMEM, "entry of a list") : 0;
}

static int local_add(const struct member_req *q, const char *name, json_t *entries, struct err *e)
{
	char ref_text[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;
	struct image img;

	if (image_resolve(q->store, name, &img, e) < 0)
		return -e->eno;
	int r = lease_image(q->lease, &img, e);
	if (r == 0 && !push_is_whole(q->store, img.manifest))
		r = err_new(e, E_CONFLICT, ENOENT, "%s: not all of its layers are here", name);
	if (reference_is_id(name) || reference_parse_tagged(name, &ref, &ignored) < 0)
		(void)snprintf(ref_text, sizeof ref_text, "%s", img.manifest);
	else
		reference_canonical(&ref, ref_text);
	OWN_JSON platform = platform_of(img.config);
	if (r == 0 && !platform)
		r = err_new(e, E_NOMEM, ENOMEM, "platform");
	if (r == 0)
		r = entry_add(entries, manifest_list_entry(ref_text, "", js_str(img.record, "manifest.mediaType", ""),
							   img.manifest, js_int(img.record, "manifest.size", 0), platform,
							   NULL), e);
	image_done(&img);
	return r;
}

/* ---- of a registry ---- */

/* one repository that is read */
struct there {
	struct reference ref;
	char from[REFERENCE_TEXT_MAX]; /* canonical, without tag and digest */
	struct registry_config config;
	struct registry *registry;
	struct http *http;
};

static int there_open(struct there *t, const char *name, const struct registry_access *access, struct err *e)
{
	if (reference_parse_tagged(name, &t->ref, e) < 0 || registry_config_load(access, &t->config, e) < 0)
		return -e->eno;
	(void)snprintf(t->from, sizeof t->from, "%s/%s", t->ref.domain, t->ref.path);
	if (http_open(&t->http, e) < 0)
		return -e->eno;
	return registry_open(&t->ref, &t->config, "pull", NULL, &t->registry, e);
}

static void there_close(struct there *t)
{
	registry_close(t->registry);
	http_close(t->http);
	registry_config_done(&t->config);
}

/* @m stays empty for one of schema 1 */
static int parse(const struct registry_manifest *raw, struct manifest *m, struct err *e)
{
	if (schema1_is(raw->bytes, raw->n, raw->content_type))
		return 0;
	return manifest_parse(raw->bytes, raw->n, *raw->content_type ? raw->content_type : NULL, m, e);
}

static int get(struct there *t, const char *wanted, struct registry_manifest *raw, struct manifest *m, struct err *e)
{
	registry_manifest_done(raw);
	manifest_done(m);
	if (registry_manifest_get(t->registry, t->http, wanted, raw, e) < 0)
		return -e->eno;
	return parse(raw, m, e);
}

static int index_add(struct there *t, const struct manifest *m, json_t *entries, struct err *e)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		const struct descriptor *d = &m->entries[i];
		char ref[REFERENCE_TEXT_MAX];
		if (!*d->media_type)
			return err_new(e, E_CORRUPT, EBADMSG, "entry %zu of the index has no media type", i);
		(void)snprintf(ref, sizeof ref, "%.511s@%s", t->from, d->digest);
		if (entry_add(entries, manifest_list_entry(ref, t->from, d->media_type, d->digest, d->size,
							   json_object_get(d->json, "platform"),
							   json_object_get(d->json, "annotations")), e) < 0)
			return -e->eno;
	}
	return 0;
}

/* the platform of an image of schema 1 is what its topmost layer says */
static int schema1_platform(const struct registry_manifest *raw, json_t **ret, struct err *e)
{
	OWN_SCHEMA1 s = { 0 };
	OWN_STR payload = NULL;
	size_t n;

	if (schema1_payload(raw->bytes, raw->n, &payload, &n, e) < 0 || schema1_parse(payload, n, &s, e) < 0)
		return -e->eno;
	*ret = platform_of(s.layers[s.n - 1].v1);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "platform");
}

/* of the config, for an image that has one */
static int config_platform(struct there *t, const struct manifest *m, json_t **ret, struct err *e)
{
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	OWN_JSON config = NULL;
	size_t n;

	if (manifest_check_runnable(m, &ignored) < 0)
		return 0;
	if (registry_document_get(t->registry, t->http, m->config.digest, m->config.size, &text, &n, e) < 0 ||
	    js_parse(text, n, "image config", &config, e) < 0)
		return err_ctx(e, "image config");
	*ret = platform_of(config);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "platform");
}

/* a manifest that is no index; @platform: of the index that named it, NULL: from its config */
static int single_add(struct there *t, const struct registry_manifest *raw, const struct manifest *m,
		      const json_t *platform, json_t *entries, struct err *e)
{
	const bool schema1 = !m->json;
	const char *type = m->media_type;
	char ref[REFERENCE_TEXT_MAX];
	OWN_JSON own = NULL;

	if (schema1)
		type = text_starts(raw->content_type, MEDIA_SCHEMA1) ? MEDIA_SCHEMA1 : MEDIA_SCHEMA1_SIGNED;
	reference_canonical(&t->ref, ref);
	if (!platform && (schema1 ? schema1_platform(raw, &own, e) : config_platform(t, m, &own, e)) < 0)
		return -e->eno;
	return entry_add(entries, manifest_list_entry(ref, t->from, type, raw->digest, (json_int_t)raw->n,
						      platform ? platform : own, NULL), e);
}

static void want(const struct member_req *q, struct platform *p)
{
	platform_host(p);
	if (q->arch) /* another machine has other variants */
		p->variant[0] = 0;
	const struct {
		const char *text;
		char *to;
		size_t n;
	} rows[] = { { q->os, p->os, sizeof p->os }, { q->arch, p->arch, sizeof p->arch },
		     { q->variant, p->variant, sizeof p->variant } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].text) /* what does not fit is no platform that an index could have */
			(void)snprintf(rows[i].to, rows[i].n, "%s", rows[i].text);
	platform_normalize(p);
}

/* one manifest of the index that was read: down to an image */
static int chosen_add(struct there *t, const struct member_req *q, struct registry_manifest *raw, struct manifest *m,
		      json_t *entries, struct err *e)
{
	OWN_JSON platform = NULL;
	struct platform p;

	want(q, &p);
	for (int depth = 0; m->kind == MANIFEST_INDEX; depth++) {
		const struct descriptor *d;
		char digest[DIGEST_TEXT_MAX];
		if (depth > MANIFEST_DEPTH_MAX)
			return err_new(e, E_CORRUPT, ELOOP, "index in index in index");
		if (manifest_choose(m, &p, &d, e) < 0)
			return -e->eno;
		json_decref(platform);
		platform = json_deep_copy(json_object_get(d->json, "platform"));
		(void)snprintf(digest, sizeof digest, "%s", d->digest);
		if (get(t, digest, raw, m, e) < 0)
			return -e->eno;
	}
	return single_add(t, raw, m, json_object_size(platform) ? platform : NULL, entries, e);
}

static int remote_add(const struct member_req *q, const char *name, json_t *entries, struct err *e)
{
	struct registry_manifest raw = { 0 };
	OWN_MANIFEST m = { 0 };
	struct there t = { 0 };

	int r = there_open(&t, name, q->access, e);
	if (r == 0)
		r = get(&t, *t.ref.digest ? t.ref.digest : t.ref.tag, &raw, &m, e);
	if (r == 0)
		r = m.kind == MANIFEST_INDEX && q->all ? index_add(&t, &m, entries, e) :
							chosen_add(&t, q, &raw, &m, entries, e);
	registry_manifest_done(&raw);
	there_close(&t);
	return r;
}

/* ---- which of the two ---- */

/* 1: an image here has this name, and no registry knows it | 0: not */
static int is_made_here(const struct store *s, const char *name, struct err *e)
{
	char text[REFERENCE_TEXT_MAX], manifest[DIGEST_TEXT_MAX];
	struct reference ref;

	if (reference_parse_tagged(name, &ref, e) < 0)
		return -e->eno;
	reference_canonical(&ref, text);
	if (reference_get(s, text, NULL, manifest, e) >= 0)
		return !*manifest;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	return 0;
}

int member_resolve(const struct member_req *req, json_t *entries, struct err *e)
{
	const struct transport *kind;
	const char *where;

	if (text_starts(req->name, STORAGE))
		return local_add(req, req->name + strlen(STORAGE), entries, e);
	if (transport_find(req->name, &kind, &where, e) < 0 || kind != &transport_docker) {
		(void)err_new(e, E_USAGE, EINVAL, "%.200s: a member of a list is in a registry or in the local store", req->name);
		err_hint(e, "there are docker://NAME and " STORAGE "NAME");
		return -EINVAL;
	}
	int r = where == req->name ? is_made_here(req->store, where, e) : 0;
	if (r == 0)
		r = remote_add(req, where, entries, e);
	else if (r > 0)
		r = local_add(req, where, entries, e);
	return r < 0 ? err_ctx(e, "%s", where) : 0;
}

int member_bytes(const struct store *s, const json_t *entry, const struct registry_access *access, char **ret,
		 size_t *ret_n, struct err *e)
{
	const char *from = js_str(entry, "from", ""), *digest = js_str(entry, "descriptor.digest", "");
	char name[REFERENCE_TEXT_MAX];
	struct registry_manifest raw = { 0 };
	struct there t = { 0 };

	if (!*from)
		return blob_read(s, digest, MANIFEST_BYTES_MAX, ret, ret_n, e);
	(void)snprintf(name, sizeof name, "%.511s@%s", from, digest);
	int r = there_open(&t, name, access, e);
	if (r == 0)
		r = registry_manifest_get(t.registry, t.http, digest, &raw, e);
	there_close(&t);
	if (r < 0)
		return r;
	*ret = raw.bytes;
	*ret_n = raw.n;
	return 0;
}

int manifest_fetch(const char *name, const struct registry_access *access, char **ret, size_t *ret_n,
		   json_t **ret_entries, struct err *e)
{
	struct registry_manifest raw = { 0 };
	OWN_JSON entries = json_array();
	OWN_MANIFEST m = { 0 };
	struct there t = { 0 };

	int r = there_open(&t, name, access, e);
	if (r == 0)
		r = registry_manifest_get(t.registry, t.http, *t.ref.digest ? t.ref.digest : t.ref.tag, &raw, e);
	if (r == 0)
		r = parse(&raw, &m, e);
	if (r == 0 && m.json) /* schema 1 has no entries */
		r = m.kind == MANIFEST_INDEX ? index_add(&t, &m, entries, e) :
					       single_add(&t, &raw, &m, NULL, entries, e);
	there_close(&t);
	if (r < 0) {
		registry_manifest_done(&raw);
		return r;
	}
	*ret = raw.bytes;
	*ret_n = raw.n;
	*ret_entries = ptr_take(&entries);
	return 0;
}
