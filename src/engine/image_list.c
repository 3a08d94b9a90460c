/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at images: list, inspect, history. Shapes of docker's REST API.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "engine/image.h"
#include "engine/image_filter.h"
#include "engine/image_shared.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_platform.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"

static json_t *summary(const struct image *img, int64_t shared)
{
	int64_t ns = image_created_ns(img);
	json_t *labels = js_at(img->config, "config.Labels");

	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:b}", "Id", img->id,
			 "ParentId", "", "RepoTags", js_strings(img->repo_tags, img->n_repo_tags),
			 "RepoDigests", js_strings(img->repo_digests, img->n_repo_digests), "Created",
			 (json_int_t)(ns == INT64_MIN ? 0 : ns / 1000000000), "CreatedNs", (json_int_t)ns,
			 "Size", (json_int_t)js_int(img->record, "size", 0), "VirtualSize",
			 (json_int_t)js_int(img->record, "size", 0), "SharedSize", (json_int_t)shared, "Labels",
			 json_is_object(labels) ? json_incref(labels) : json_null(), "Containers",
			 (json_int_t)-1, "ReadOnly", img->store != NULL);
}

struct row {
	int64_t created_ns;
	int64_t shared; /* bytes, -1: not counted */
	struct image *img;
};

static int newest_first(const void *x, const void *y)
{
	const struct row *a = x, *b = y;

	if (a->created_ns != b->created_ns)
		return a->created_ns > b->created_ns ? -1 : 1;
	return strcmp(a->img->id, b->img->id);
}

static json_t *summaries(const struct image_filter *f, struct image *images, size_t n, const int64_t *shared)
{
	OWN_PTR struct row *rows = calloc(n + 1, sizeof *rows);
	OWN_JSON list = json_array();
	size_t w = 0;

	if (!rows || !list)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (image_filter_match(f, &images[i]))
			rows[w++] = (struct row){ image_created_ns(&images[i]), shared ? shared[i] : -1, &images[i] };
	qsort(rows, w, sizeof *rows, newest_first);
	for (size_t i = 0; i < w; i++)
		if (json_array_append_new(list, summary(rows[i].img, rows[i].shared)) < 0)
			return NULL;
	return ptr_take(&list);
}

int engine_image_list(struct engine *eng, const struct engine_image_list *req, json_t **ret,
		      struct err *e)
{
	static const char *const allowed[] = { "before", "dangling", "label",     "label!",
					       "readonly",  "reference", "since", "until", "unused-for",
					       NULL };
	struct image_filter f;
	struct image *images;
	size_t n;

	if (image_filter_init(&f, &eng->store, req->filters, allowed, e) < 0 ||
	    image_list(&eng->store, &images, &n, e) < 0) {
		image_filter_done(&f);
		return -e->eno;
	}
	f.name = req->name;
	OWN_PTR int64_t *shared = req->shared_size ? calloc(n + 1, sizeof *shared) : NULL;
	int r = req->shared_size && !shared ? err_new(e, E_NOMEM, ENOMEM, "list of images") : 0;
	if (!r && shared)
		r = image_shared_sizes(&eng->store, images, n, shared, e);
	json_t *list = r ? NULL : summaries(&f, images, n, shared);
	image_filter_done(&f);
	for (size_t i = 0; i < n; i++)
		image_done(&images[i]);
	free(images);
	if (!r && !list)
		r = err_new(e, E_NOMEM, ENOMEM, "list of images");
	if (r < 0)
		return r;
	*ret = list;
	return 0;
}

/* docker shows every field of a container's config, set or not */
static json_t *full_config(const json_t *config)
{
	json_t *full = json_pack(
		"{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:n, s:n, s:s, s:n, s:s, s:n, s:n, s:n}",
		"Hostname", "", "Domainname", "", "User", "", "AttachStdin", 0, "AttachStdout", 0,
		"AttachStderr", 0, "Tty", 0, "OpenStdin", 0, "StdinOnce", 0, "Env", "Cmd", "Image", "",
		"Volumes", "WorkingDir", "", "Entrypoint", "OnBuild", "Labels");
	if (full && json_is_object(config) && json_object_update(full, (json_t *)(uintptr_t)config) < 0) {
		json_decref(full);
		return NULL;
	}
	return full;
}

/* root of the store that has a layer */
static const char *root_of(const struct store *s, const char *chain_id, enum store_form form)
{
	const struct store *home = snapshot_home(s, chain_id, form);

	return (home ? home : s)->root;
}

/* of an image whose layers are archives: not docker's, which has none */
static json_t *graph_driver_erofs(const struct store *s, const struct image *img)
{
	OWN_BUF tars = { 0 };
	size_t n = img->n_chain_ids;

	for (size_t i = n; i--;)
		buf_printf(&tars, "%s/snapshots/%s/tar%s", root_of(s, img->chain_ids[i], STORE_TAR), digest_hex(img->chain_ids[i]), i ? ":" : "");
	const struct store *index = snapshot_index_home(s, img->chain_ids[n - 1]);
	return json_pack("{s:{s:o, s:s}, s:s}", "Data", "Index",
			 json_sprintf("%s/snapshots/%s/erofs", (index ? index : s)->root, digest_hex(img->chain_ids[n - 1])), "Layers",
			 buf_str(&tars), "Name", "erofs");
}

static json_t *graph_driver(const struct store *s, const struct image *img)
{
	OWN_BUF lower = { 0 };
	if (img->n_chain_ids && !snapshot_exists(s, img->chain_ids[img->n_chain_ids - 1], STORE_DIFF))
		return graph_driver_erofs(s, img);
	json_t *data = json_object();
	for (size_t i = img->n_chain_ids; data && i--;) {
		OWN_BUF dir = { 0 };
		buf_printf(&dir, "%s/snapshots/%s/diff", root_of(s, img->chain_ids[i], STORE_DIFF), digest_hex(img->chain_ids[i]));
		if (i + 1 == img->n_chain_ids)
			(void)json_object_set_new(data, "UpperDir", json_string(buf_str(&dir)));
		else
			buf_printf(&lower, "%s%s", lower.n ? ":" : "", buf_str(&dir));
	}
	if (data && lower.n)
		(void)json_object_set_new(data, "LowerDir", json_string(buf_str(&lower)));
	return json_pack("{s:o, s:s}", "Data", data, "Name", "overlay2");
}

static json_t *root_fs(const struct image *img)
{
	json_t *ids = js_at(img->config, "rootfs.diff_ids");
	json_t *j = json_pack("{s:s}", "Type", "layers");

	if (j && json_array_size(ids))
		(void)json_object_set(j, "Layers", ids);
	return j;
}

struct last_tag {
	const char *id;
	char when[CLOCK_TEXT_MAX];
};

static int find_last_tag(void *data, const struct reference_entry *r)
{
	struct last_tag *l = data;
	/* all in UTC and of one form, so the text order is the order in time but for fractions */
	if (!strcmp(r->image_id, l->id) && strcmp(r->updated, l->when) > 0)
		(void)snprintf(l->when, sizeof l->when, "%s", r->updated);
	return 0;
}

static const char *comment_of(const struct image *img)
{
	const json_t *history = json_object_get(img->config, "history");
	const char *own = js_str(img->config, "comment", "");
	size_t n = json_array_size(history);

	return *own || !n ? own : js_str(json_array_get(history, n - 1), "comment", "");
}

static int set_optional(json_t *j, const struct image *img)
{
	static const struct {
		const char *from, *to;
	} rows[] = { { "variant", "Variant" }, { "os.version", "OsVersion" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *v = json_object_get(img->config, rows[i].from);
		if (json_is_string(v) && json_object_set(j, rows[i].to, v) < 0)
			return -ENOMEM;
	}
	if (img->store && json_object_update(j, json_pack("{sb ss}", "ReadOnly", 1, "ImageStore", img->store)) < 0)
		return -ENOMEM;
	json_t *d = json_object_get(img->record, "index");
	if (!json_is_object(d))
		d = json_object_get(img->record, "manifest");
	return json_is_object(d) ? json_object_set(j, "Descriptor", d) : 0;
}

/* what podman's object has beside docker's */
static int set_podmans(json_t *j, const struct store *s, const struct image *img)
{
	struct err ignored = { 0 };
	OWN_JSON manifest = NULL;
	OWN_STR text = NULL;
	size_t n;

	/* one that is damaged has no annotations */
	if (blob_read(s, img->manifest, MANIFEST_BYTES_MAX, &text, &n, &ignored) >= 0)
		(void)js_parse(text, n, "manifest", &manifest, &ignored);
	json_t *annotations = json_object_get(manifest, "annotations"), *labels = js_at(img->config, "config.Labels");
	json_t *history = json_object_get(img->config, "history");
	OWN_JSON more = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "Digest", img->manifest, "ManifestType",
				  js_str(img->record, "manifest.mediaType", ""), "User", js_str(img->config, "config.User", ""),
				  "Version", js_str(img->config, "docker_version", ""), "Labels",
				  json_is_object(labels) ? json_incref(labels) : json_null(), "Annotations",
				  json_is_object(annotations) ? json_incref(annotations) : json_object(), "History",
				  json_is_array(history) ? json_incref(history) : json_array());
	return more ? json_object_update(j, more) : -ENOMEM;
}

static json_t *inspect(const struct store *s, const struct image *img, const char *last_tag)
{
	json_int_t size = (json_int_t)js_int(img->record, "size", 0);
	OWN_JSON j = json_pack(
		"{s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:o, s:{s:s}}",
		"Id", img->id, "RepoTags", js_strings(img->repo_tags, img->n_repo_tags), "RepoDigests",
		js_strings(img->repo_digests, img->n_repo_digests), "Parent", "", "Comment",
		comment_of(img), "Created", js_str(img->config, "created", ""), "DockerVersion",
		js_str(img->config, "docker_version", ""), "Author", js_str(img->config, "author", ""),
		"Config", full_config(json_object_get(img->config, "config")), "Architecture",
		js_str(img->config, "architecture", ""), "Os", js_str(img->config, "os", "linux"), "Size",
		size, "VirtualSize", size, "GraphDriver", graph_driver(s, img), "RootFS", root_fs(img),
		"Metadata", "LastTagTime", last_tag);
	if (!j || set_optional(j, img) < 0 || set_podmans(j, s, img) < 0)
		return NULL;
	return ptr_take(&j);
}

int engine_image_inspect(struct engine *eng, const char *ref, const char *platform, json_t **ret, struct err *e)
{
	OWN_JSON manifests = NULL;
	struct last_tag last;
	struct image img;

	if (image_resolve_platform(&eng->store, ref, platform, &img, e) < 0)
		return -e->eno;
	last.id = img.id;
	clock_format(INT64_MIN, last.when);
	int r = image_references(&eng->store, &img, e);
	if (!r)
		r = reference_each_seen(&eng->store, find_last_tag, &last, e);
	if (!r)
		r = image_manifests(&eng->store, &img, &manifests, e);
	if (!r) {
		*ret = inspect(&eng->store, &img, last.when);
		r = *ret && (!manifests || !json_object_set(*ret, "Manifests", manifests)) ? 0 :
			    err_new(e, E_NOMEM, ENOMEM, "inspect");
	}
	image_done(&img);
	return r;
}

static json_t *history_row(const struct image *img, const json_t *h, int64_t size, bool top)
{
	int64_t ns;

	if (clock_parse(js_str(h, "created", ""), &ns) < 0 || ns == INT64_MIN)
		ns = 0;
	return json_pack("{s:s, s:I, s:s, s:o, s:I, s:s}", "Id", top ? img->id : "<missing>", "Created",
			 (json_int_t)(ns / 1000000000), "CreatedBy", js_str(h, "created_by", ""), "Tags",
			 top && img->n_repo_tags ? js_strings(img->repo_tags, img->n_repo_tags) : json_null(),
			 "Size", (json_int_t)size, "Comment", js_str(h, "comment", ""));
}

int engine_image_history(struct engine *eng, const char *ref, const char *platform, json_t **ret, struct err *e)
{
	OWN_JSON list = json_array();
	struct image img;
	json_t *h;
	size_t i, layer = 0;
	int r = 0;

	if (image_resolve_platform(&eng->store, ref, platform, &img, e) < 0)
		return -e->eno;
	if (image_references(&eng->store, &img, e) < 0) {
		image_done(&img);
		return -e->eno;
	}
	const json_t *history = json_object_get(img.config, "history");
	size_t n = json_array_size(history);
	json_array_foreach(history, i, h) {
		int64_t size = 0;
		if (!js_bool(h, "empty_layer", false) && layer < img.n_chain_ids)
			size = snapshot_size(&eng->store, img.chain_ids[layer++]);
		if (!list || json_array_insert_new(list, 0, history_row(&img, h, size < 0 ? 0 : size, i + 1 == n)) < 0) {
			r = err_new(e, E_NOMEM, ENOMEM, "history");
			break;
		}
	}
	/* layers that no entry tells of */
	for (; !r && layer < img.n_chain_ids; layer++) {
		int64_t size = snapshot_size(&eng->store, img.chain_ids[layer]);
		bool top = layer + 1 == img.n_chain_ids && !n;
		if (!list || json_array_append_new(list, history_row(&img, NULL, size < 0 ? 0 : size, top)) < 0)
			r = err_new(e, E_NOMEM, ENOMEM, "history");
	}
	image_done(&img);
	if (!r)
		*ret = ptr_take(&list);
	return r;
}
