/* SPDX-License-Identifier: Apache-2.0
 *
 * Images as trees: the platforms of every index, and which images stand on which layers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "engine/image.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "spec/platform.h"
#include "store/image.h"
#include "store/image_platform.h"
#include "store/snapshot.h"

struct all {
	struct image *images;
	size_t n;
	json_t *users; /* image ID -> true: a container is made of it */
};

static void all_done(struct all *a)
{
	for (size_t i = 0; i < a->n; i++)
		image_done(&a->images[i]);
	free(a->images);
	json_decref(a->users);
}
#define OWN_ALL CLEANUP(all_done) struct all

static int all_read(struct engine *eng, struct all *a, struct err *e)
{
	struct engine_list q = { .all = true };
	OWN_JSON containers = NULL;
	json_t *c;
	size_t i;

	if (image_list(&eng->store, &a->images, &a->n, e) < 0)
		return -e->eno;
	if (engine_list(eng, &q, &containers, e) < 0)
		return -e->eno;
	a->users = json_object();
	json_array_foreach(containers, i, c)
		(void)json_object_set_new(a->users, js_str(c, "ImageID", "-"), json_true());
	return a->users ? 0 : err_new(e, E_NOMEM, ENOMEM, "images");
}

/* ---- platforms ---- */

static json_t *node(const struct all *a, const char *id, json_int_t content, json_int_t unpacked)
{
	return json_pack("{ss sI sI sb}", "Id", id, "DiskUsage", content + unpacked, "ContentSize", content, "InUse",
			 json_object_get(a->users, id) != NULL);
}

static json_t *platform_node(const struct store *s, const struct all *a, const struct descriptor *d)
{
	const struct image *img = image_by_manifest(a->images, a->n, d->digest);
	char platform[PLATFORM_TEXT_MAX];
	bool whole;

	int64_t content = image_content_bytes(s, d->digest, &whole);
	json_t *o = node(a, img ? img->id : d->digest, content, img ? js_int(img->record, "size", 0) : 0);
	platform_format(&d->platform, platform);
	(void)json_object_set_new(o, "Platform", json_string(platform));
	(void)json_object_set_new(o, "Available", json_boolean(whole && img));
	return o;
}

/* what @o shows is the sum of what is below it */
static void add_up(json_t *o, const json_t *child)
{
	static const char *const sums[] = { "DiskUsage", "ContentSize" };

	for (size_t i = 0; i < ARRAY_LEN(sums); i++)
		(void)json_object_set_new(o, sums[i], json_integer(js_int(o, sums[i], 0) + js_int(child, sums[i], 0)));
	if (js_bool(child, "InUse", false))
		(void)json_object_set_new(o, "InUse", json_true());
}

static json_t *image_node(const struct store *s, const struct all *a, const struct image *img)
{
	OWN_MANIFEST index = { 0 };
	json_t *children = json_array(), *o;
	bool whole;

	if (image_index(s, img, &index) && index.kind == MANIFEST_INDEX) {
		o = node(a, img->id, 0, 0);
		for (size_t i = 0; i < index.n_entries; i++) {
			const struct descriptor *d = &index.entries[i];
			if (d->attestation || !media_is_manifest(d->media_type))
				continue;
			json_t *child = platform_node(s, a, d);
			add_up(o, child);
			(void)json_array_append_new(children, child);
		}
	} else {
		o = node(a, img->id, image_content_bytes(s, img->manifest, &whole), js_int(img->record, "size", 0));
	}
	(void)json_object_set_new(o, "Names", js_strings(img->repo_tags, img->n_repo_tags));
	(void)json_object_set_new(o, "Children", children);
	return o;
}

/* an image without a name that is shown below the one of its index that has it */
static bool below_another(const struct all *a, const struct image *img)
{
	const char *index = js_str(img->record, "index.digest", "");

	if (img->n_repo_tags || !*index)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->images[i].n_repo_tags && !strcmp(js_str(a->images[i].record, "index.digest", ""), index))
			return true;
	return false;
}

static const struct image *find(const struct all *a, const char *id)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->images[i].id, id))
			return &a->images[i];
	return NULL;
}

int engine_image_platforms(struct engine *eng, const struct engine_image_list *req, json_t **ret, struct err *e)
{
	OWN_JSON summaries = NULL;
	OWN_JSON list = json_array();
	OWN_ALL a = { 0 };
	json_t *v;
	size_t i;

	if (engine_image_list(eng, req, &summaries, e) < 0 || all_read(eng, &a, e) < 0)
		return -e->eno;
	json_array_foreach(summaries, i, v) {
		const struct image *img = find(&a, js_str(v, "Id", ""));
		if (img && !below_another(&a, img)) /* NULL: it was removed meanwhile */
			(void)json_array_append_new(list, image_node(&eng->store, &a, img));
	}
	*ret = ptr_take(&list);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "images");
}

/* ---- layers ---- */

/* the node of chain @id in @nodes; one is made where there is none */
static json_t *layer_node(const struct store *s, json_t *nodes, const char *id)
{
	json_t *v;
	size_t i;

	json_array_foreach(nodes, i, v)
		if (!strcmp(js_str(v, "Id", ""), id))
			return v;
	int64_t size = snapshot_size(s, id);
	v = json_pack("{ss sI s[] s[]}", "Id", id, "Size", (json_int_t)(size < 0 ? 0 : size), "Names", "Layers");
	return json_array_append_new(nodes, v) < 0 ? NULL : v;
}

static void add_names(json_t *layer, const struct image *img)
{
	json_t *names = json_object_get(layer, "Names");

	for (size_t i = 0; i < img->n_repo_tags; i++)
		(void)json_array_append_new(names, json_string(img->repo_tags[i]));
}

/* the layers of @img in order, each with the images whose topmost it is */
static void own_layers(const struct store *s, const struct all *a, const struct image *img, json_t *nodes)
{
	for (size_t k = 0; k < img->n_chain_ids; k++) {
		json_t *layer = layer_node(s, nodes, img->chain_ids[k]);
		for (size_t i = 0; layer && i < a->n; i++)
			if (a->images[i].n_chain_ids == k + 1 && !strcmp(a->images[i].chain_ids[k], img->chain_ids[k]))
				add_names(layer, &a->images[i]);
	}
}

/* every image that stands on the topmost layer of @img, as branches from there */
static void upper_layers(const struct store *s, const struct all *a, const struct image *img, json_t *nodes)
{
	size_t top = img->n_chain_ids;

	for (size_t i = 0; top && i < a->n; i++) {
		const struct image *other = &a->images[i];
		json_t *at = nodes, *layer = NULL;
		if (other->n_chain_ids < top || strcmp(other->chain_ids[top - 1], img->chain_ids[top - 1]))
			continue;
		for (size_t k = top - 1; k < other->n_chain_ids; k++) {
			layer = layer_node(s, at, other->chain_ids[k]);
			at = json_object_get(layer, "Layers");
		}
		add_names(layer, other);
	}
}

int engine_image_tree(struct engine *eng, const char *ref, bool what_requires, json_t **ret, struct err *e)
{
	OWN_ALL a = { 0 };
	char id[DIGEST_TEXT_MAX];

	if (image_find(&eng->store, ref, id, e) < 0 || all_read(eng, &a, e) < 0)
		return -e->eno;
	const struct image *img = find(&a, id);
	if (!img)
		return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", ref);
	json_t *layers = json_array();
	if (what_requires)
		upper_layers(&eng->store, &a, img, layers);
	else
		own_layers(&eng->store, &a, img, layers);
	*ret = json_pack("{ss so sI so}", "Id", img->id, "Names", js_strings(img->repo_tags, img->n_repo_tags), "Size",
			 (json_int_t)js_int(img->record, "size", 0), "Layers", layers);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "image tree");
}
