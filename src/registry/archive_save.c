/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving images: one tar that is an OCI layout and a docker archive at once.
 *
 *   blobs/sha256/...   manifests, configs and layers, as they came
 *   index.json         one entry per name, or per image without name
 *   manifest.json      docker's list: Config, RepoTags, Layers by path
 *   oci-layout, repositories
 *
 * Blobs are copied as they are, so digests survive save and load. Times are zero and the order is
 * fixed: the same images give the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "registry/archive_int.h"
#include "registry/tar_out.h"
#include "registry/transport/layout.h"
#include "spec/manifest.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_platform.h"
#include "store/lease.h"

/* One image of the archive with the names under which it goes. */
struct item {
	char id[DIGEST_TEXT_MAX];
	json_t *names; /* canonical, sorted by the order asked for */
	struct image img;
};

struct save {
	const struct archive_save_req *q;
	struct lease lease;
	struct item *items;
	size_t n;
	json_t *blobs; /* set of digests */
};

static struct item *item_of(struct save *s, const char *id, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->items[i].id, id))
			return &s->items[i];
	struct item *more = realloc(s->items, (s->n + 1) * sizeof *more);
	if (!more) {
		err_new(e, E_NOMEM, ENOMEM, "images");
		return NULL;
	}
	s->items = more;
	struct item *it = &more[s->n];
	*it = (struct item){ .names = json_array() };
	(void)snprintf(it->id, sizeof it->id, "%s", id);
	if (!it->names || image_load(s->q->store, id, &it->img, e) < 0) {
		json_decref(it->names);
		if (!e->kind)
			err_new(e, E_NOMEM, ENOMEM, "images");
		return NULL;
	}
	s->n++;
	return it;
}

static int add_name(struct save *s, const char *id, const char *canonical, struct err *e)
{
	struct item *it = item_of(s, id, e);
	json_t *have;
	size_t i;

	if (!it)
		return -e->eno;
	if (!canonical)
		return 0;
	json_array_foreach(it->names, i, have)
		if (!strcmp(json_string_value(have), canonical))
			return 0;
	return json_array_append_new(it->names, json_string(canonical)) < 0 ?
		       err_new(e, E_NOMEM, ENOMEM, "images") : 0;
}

struct all_tags {
	struct save *s;
	const char *prefix; /* canonical name with the colon */
	size_t n, found;
	struct err *e;
};

static int add_tag_of(void *data, const struct reference_entry *r)
{
	struct all_tags *t = data;

	if (strncmp(r->reference, t->prefix, t->n) || strchr(r->reference, '@'))
		return 0;
	t->found++;
	return add_name(t->s, r->image_id, r->reference, t->e);
}

/* "busybox" stands for all tags of busybox; with a tag for that one, an ID for itself */
static int add_asked(struct save *s, const char *asked, struct err *e)
{
	char text[REFERENCE_TEXT_MAX + 1], id[DIGEST_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;
	bool named = !reference_is_id(asked) && reference_parse(asked, &ref, &ignored) >= 0;

	if (named && !ref.tag[0] && !ref.digest[0]) {
		struct all_tags t = { .s = s, .prefix = text, .e = e };
		reference_canonical(&ref, text);
		t.n = strlen(text);
		text[t.n++] = ':';
		text[t.n] = 0;
		int r = reference_each_seen(s->q->store, add_tag_of, &t, e);
		if (r < 0 || t.found)
			return r;
	}
	if (image_find(s->q->store, asked, id, e) < 0)
		return -e->eno;
	if (!named || ref.digest[0] || reference_parse_tagged(asked, &ref, &ignored) < 0)
		return add_name(s, id, NULL, e);
	reference_canonical(&ref, text);
	/* what was found by a prefix of its ID has no name here */
	bool is_name = reference_get(s->q->store, text, NULL, NULL, &ignored) >= 0;
	return add_name(s, id, is_name ? text : NULL, e);
}

static int need_blob(struct save *s, const char *digest, struct err *e)
{
	if (lease_add_blob(&s->lease, digest, e) < 0)
		return -e->eno;
	if (!blob_exists(s->q->store, digest))
		return err_new(e, E_NOT_FOUND, ENOENT, "blob %s is missing from the store", digest);
	return json_object_set_new(s->blobs, digest, json_true()) < 0 ?
		       err_new(e, E_NOMEM, ENOMEM, "blobs") : 0;
}

static int collect_blobs(struct save *s, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		struct item *it = &s->items[i];
		json_t *layer;
		size_t k;
		if (image_for_platform(s->q->store, s->q->platform, &it->img, e) < 0)
			return err_ctx(e, "image %.19s", it->id);
		memcpy(it->id, it->img.id, sizeof it->id);
		if (need_blob(s, it->img.manifest, e) < 0 || need_blob(s, it->id, e) < 0)
			return err_ctx(e, "image %.19s", it->id);
		json_array_foreach(json_object_get(it->img.record, "layers"), k, layer)
			if (need_blob(s, js_str(layer, "digest", ""), e) < 0)
				return err_ctx(e, "image %.19s", it->id);
	}
	return 0;
}

/* ---- documents ---- */

static json_t *index_entry(const struct item *it, const char *canonical)
{
	struct reference ref;
	struct err ignored = { 0 };
	json_t *d = json_deep_copy(json_object_get(it->img.record, "manifest"));
	json_t *platform = json_pack("{s:s, s:s}", "architecture",
				     js_str(it->img.config, "architecture", ""), "os",
				     js_str(it->img.config, "os", "linux"));
	const char *variant = js_str(it->img.config, "variant", "");

	if (d && canonical && reference_parse(canonical, &ref, &ignored) >= 0)
		(void)json_object_set_new(d, "annotations",
					  json_pack("{s:s, s:s}", "io.containerd.image.name", canonical,
						    "org.opencontainers.image.ref.name", ref.tag));
	if (platform && *variant)
		(void)json_object_set_new(platform, "variant", json_string(variant));
	if (d)
		(void)json_object_set_new(d, "platform", platform);
	else
		json_decref(platform);
	return d;
}

static json_t *make_index(const struct save *s)
{
	OWN_JSON list = json_array();

	for (size_t i = 0; list && i < s->n; i++) {
		json_t *name;
		size_t k;
		json_array_foreach(s->items[i].names, k, name)
			if (json_array_append_new(list, index_entry(&s->items[i], json_string_value(name))) < 0)
				return NULL;
		if (!json_array_size(s->items[i].names) &&
		    json_array_append_new(list, index_entry(&s->items[i], NULL)) < 0)
			return NULL;
	}
	return json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", MEDIA_OCI_INDEX, "manifests",
			 list);
}

static json_t *blob_path_json(const char *digest)
{
	char path[LAYOUT_BLOB_PATH_MAX];

	layout_blob_path(digest, path);
	return json_string(path);
}

static json_t *manifest_item(const struct item *it)
{
	OWN_JSON tags = json_array();
	OWN_JSON layers = json_array();
	OWN_JSON sources = json_object();
	json_t *v;
	size_t i;

	json_array_foreach(it->names, i, v) {
		char familiar[REFERENCE_TEXT_MAX];
		struct reference ref;
		struct err ignored = { 0 };
		if (reference_parse(json_string_value(v), &ref, &ignored) < 0)
			continue;
		reference_familiar(&ref, familiar);
		if (json_array_append_new(tags, json_string(familiar)) < 0)
			return NULL;
	}
	json_array_foreach(json_object_get(it->img.record, "layers"), i, v) {
		json_t *source = json_pack("{s:O, s:O, s:O}", "mediaType", json_object_get(v, "mediaType"),
					   "size", json_object_get(v, "size"), "digest",
					   json_object_get(v, "digest"));
		if (json_array_append_new(layers, blob_path_json(js_str(v, "digest", ""))) < 0 ||
		    json_object_set_new(sources, js_str(v, "diff_id", ""), source) < 0)
			return NULL;
	}
	return json_pack("{s:o, s:O, s:O, s:O}", "Config", blob_path_json(it->id), "RepoTags",
			 json_array_size(tags) ? tags : json_null(), "Layers", layers, "LayerSources", sources);
}

static json_t *make_manifest(const struct save *s)
{
	OWN_JSON list = json_array();

	for (size_t i = 0; list && i < s->n; i++)
		if (json_array_append_new(list, manifest_item(&s->items[i])) < 0)
			return NULL;
	return ptr_take(&list);
}

/* {"NAME": {"TAG": hex of the topmost layer}}, for readers older than manifest.json */
static json_t *make_repositories(const struct save *s)
{
	OWN_JSON all = json_object();

	for (size_t i = 0; all && i < s->n; i++) {
		const struct item *it = &s->items[i];
		size_t layers = it->img.n_chain_ids, k;
		const char *top = layers ? it->img.chain_ids[layers - 1] : it->id;
		json_t *name;
		json_array_foreach(it->names, k, name) {
			char familiar[REFERENCE_TEXT_MAX];
			struct reference ref;
			struct err ignored = { 0 };
			if (reference_parse(json_string_value(name), &ref, &ignored) < 0)
				continue;
			reference_familiar_name(&ref, familiar);
			json_t *tags = json_object_get(all, familiar);
			if (!tags) {
				tags = json_object();
				if (json_object_set_new(all, familiar, tags) < 0)
					return NULL;
			}
			if (json_object_set_new(tags, ref.tag, json_string(digest_hex(top))) < 0)
				return NULL;
		}
	}
	return ptr_take(&all);
}

/* ---- output ---- */

static int put_blob(const struct save *s, struct tar_out *t, const char *digest, struct err *e)
{
	char path[LAYOUT_BLOB_PATH_MAX];
	OWN_FD fd = -1;
	uint64_t size;

	layout_blob_path(digest, path);
	return blob_open(s->q->store, digest, &fd, &size, e) < 0 ? -e->eno : tar_out_file(t, path, fd, size, e);
}

static int string_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_blobs(const struct save *s, struct tar_out *t, struct err *e)
{
	size_t n = json_object_size(s->blobs), i = 0;
	OWN_PTR const char **digests = calloc(n + 1, sizeof *digests);
	char folder[32] = "";
	const char *key;
	json_t *v;

	if (!digests)
		return err_new(e, E_NOMEM, ENOMEM, "blobs");
	json_object_foreach(s->blobs, key, v)
		digests[i++] = key;
	qsort(digests, n, sizeof *digests, string_compare);
	if (tar_out_dir(t, "blobs/", e) < 0)
		return -e->eno;
	for (i = 0; i < n; i++) {
		char now[32];
		(void)snprintf(now, sizeof now, "blobs/%.*s/", (int)strcspn(digests[i], ":"), digests[i]);
		if (strcmp(now, folder)) {
			memcpy(folder, now, sizeof folder);
			if (tar_out_dir(t, folder, e) < 0)
				return -e->eno;
		}
		if (put_blob(s, t, digests[i], e) < 0)
			return -e->eno;
	}
	return 0;
}

static int save(struct save *s, struct tar_out *t, struct err *e)
{
	for (size_t i = 0; i < s->q->n_names; i++)
		if (add_asked(s, s->q->names[i], e) < 0)
			return -e->eno;
	if (collect_blobs(s, e) < 0 || put_blobs(s, t, e) < 0 || tar_out_json(t, "index.json", make_index(s), e) < 0 ||
	    tar_out_json(t, "manifest.json", make_manifest(s), e) < 0 ||
	    tar_out_text(t, "oci-layout", LAYOUT_VERSION, e) < 0 ||
	    tar_out_json(t, "repositories", make_repositories(s), e) < 0)
		return -e->eno;
	return tar_out_end(t, e);
}

int archive_save(const struct archive_save_req *q, struct err *e)
{
	struct save s = { .q = q, .blobs = json_object() };
	struct tar_out t = { .xfd = q->xfd };
	int r = s.blobs ? lease_open(q->store, &s.lease, e) : err_new(e, E_NOMEM, ENOMEM, "save");

	if (!r) {
		r = save(&s, &t, e);
		lease_close(&s.lease);
	}
	tar_out_done(&t);
	for (size_t i = 0; i < s.n; i++) {
		json_decref(s.items[i].names);
		image_done(&s.items[i].img);
	}
	free(s.items);
	json_decref(s.blobs);
	return r;
}
