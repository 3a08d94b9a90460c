/* SPDX-License-Identifier: Apache-2.0
 *
 * images: rows, their order, the table.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/image.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "front/cli/rows.h"

const struct list_field image_fields[IMAGE_FIELDS_N] = {
	{ "ID", "IMAGE ID" },           { "Repository", "REPOSITORY" }, { "Tag", "TAG" },
	{ "Digest", "DIGEST" },         { "CreatedSince", "CREATED" },  { "CreatedAt", "CREATED AT" },
	{ "Size", "SIZE" },             { "VirtualSize", "SIZE" },      { "SharedSize", "SHARED SIZE" },
	{ "UniqueSize", "UNIQUE SIZE" }, { "Containers", "CONTAINERS" }, { "ReadOnly", "R/O" },
};
static const struct list_spec spec = {
	image_fields, IMAGE_FIELDS_N,
	"{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}", "ID"
};
static const struct list_spec spec_digests = {
	image_fields, IMAGE_FIELDS_N,
	"{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}", "ID"
};
/* with images of other stores among them, as podman shows it */
static const struct list_spec spec_mixed = {
	image_fields, IMAGE_FIELDS_N,
	"{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.ReadOnly}}", "ID"
};
static const struct list_spec spec_mixed_digests = {
	image_fields, IMAGE_FIELDS_N,
	"{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.ReadOnly}}", "ID"
};

/* the digest of @repo out of RepoDigests */
static const char *digest_of(const json_t *img, const char *repo, size_t n)
{
	json_t *d;
	size_t i;
	json_array_foreach(json_object_get(img, "RepoDigests"), i, d) {
		const char *s = json_string_value(d), *at = s ? strchr(s, '@') : NULL;
		if (at && (size_t)(at - s) == n && !memcmp(s, repo, n))
			return at + 1;
	}
	return "<none>";
}

json_t *image_row(const json_t *img, const char *tag, bool trunc)
{
	json_t *row = json_object();
	struct buf b = { 0 };
	char when[CLOCK_TEXT_MAX];
	const char *id = js_str(img, "Id", "");
	/* the colon of the tag is the one after the last slash */
	const char *slash = tag ? strrchr(tag, '/') : NULL;
	const char *colon = tag ? strchr(slash ? slash : tag, ':') : NULL;
	int64_t created = js_int(img, "CreatedNs", js_int(img, "Created", 0) * 1000000000);

	if (trunc)
		buf_printf(&b, "%.12s", !strncmp(id, "sha256:", 7) ? id + 7 : id);
	else
		buf_puts(&b, id);
	list_set(row, "ID", &b);
	if (colon)
		buf_add(&b, tag, (size_t)(colon - tag));
	else {
		/* untagged, yet known by digest */
		const char *d = json_string_value(json_array_get(json_object_get(img, "RepoDigests"), 0));
		const char *at = d ? strchr(d, '@') : NULL;
		if (at)
			buf_add(&b, d, (size_t)(at - d));
		else
			buf_puts(&b, "<none>");
	}
	const char *digest = digest_of(img, b.p, b.n);
	list_set(row, "Repository", &b);
	(void)json_object_set_new(row, "Tag", json_string(colon ? colon + 1 : "<none>"));
	(void)json_object_set_new(row, "Digest", json_string(digest));
	human_ago(created, &b);
	list_set(row, "CreatedSince", &b);
	if (created != INT64_MIN) {
		clock_format(created, when);
		buf_printf(&b, "%.10s %.8s +0000 UTC", when, when + 11);
	}
	list_set(row, "CreatedAt", &b);
	human_size((double)js_int(img, "Size", 0), &b);
	list_set(row, "Size", &b);
	human_sum((double)js_int(img, "Size", 0), &b);
	list_set(row, "VirtualSize", &b);
	int64_t size = js_int(img, "Size", 0), shared = js_int(img, "SharedSize", -1);
	if (shared < 0)
		buf_puts(&b, "N/A");
	else
		human_sum((double)shared, &b);
	list_set(row, "SharedSize", &b);
	if (shared < 0)
		buf_puts(&b, "N/A");
	else
		human_sum((double)(size - shared), &b);
	list_set(row, "UniqueSize", &b);
	int64_t users = js_int(img, "Containers", -1);
	if (users < 0)
		buf_puts(&b, "N/A");
	else
		buf_printf(&b, "%lld", (long long)users);
	list_set(row, "Containers", &b);
	(void)json_object_set_new(row, "ReadOnly", json_string(js_bool(img, "ReadOnly", false) ? "true" : "false"));
	return row;
}

/* ---- images --sort ---- */

struct sorted {
	json_t *row; /* borrowed */
	long long size;
	size_t place; /* as the engine gave it: newest first */
};

static int by_place(const struct sorted *a, const struct sorted *b)
{
	return a->place < b->place ? -1 : a->place > b->place;
}

static int by_text(const struct sorted *a, const struct sorted *b, const char *member)
{
	int r = strcmp(js_str(a->row, member, ""), js_str(b->row, member, ""));
	return r ? r : by_place(a, b);
}

static int by_id(const void *a, const void *b)
{
	return by_text(a, b, "ID");
}

static int by_repository(const void *a, const void *b)
{
	return by_text(a, b, "Repository");
}

static int by_tag(const void *a, const void *b)
{
	return by_text(a, b, "Tag");
}

static int by_size(const void *x, const void *y)
{
	const struct sorted *a = x, *b = y;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return by_place(a, b);
}

static const struct {
	const char *name;
	int (*order)(const void *, const void *); /* NULL: as it comes */
} orders[] = { { "created", NULL }, { "id", by_id }, { "repository", by_repository }, { "size", by_size }, { "tag", by_tag } };

/* @sizes: of each row */
static int rows_sort(json_t **rows, const long long *sizes, const char *order, struct err *e)
{
	size_t n = json_array_size(*rows), o = 0;
	OWN_PTR struct sorted *list = calloc(n + 1, sizeof *list);
	OWN_JSON done = json_array();

	while (o < ARRAY_LEN(orders) && strcmp(orders[o].name, order))
		o++;
	if (o == ARRAY_LEN(orders))
		return err_new(e, E_USAGE, EINVAL, "invalid --sort \"%s\": created, id, repository, size or tag", order);
	if (!orders[o].order)
		return 0;
	if (!list || !done)
		return err_new(e, E_NOMEM, ENOMEM, "images");
	for (size_t i = 0; i < n; i++)
		list[i] = (struct sorted){ json_array_get(*rows, i), sizes[i], i };
	qsort(list, n, sizeof *list, orders[o].order);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append(done, list[i].row);
	json_decref(*rows);
	*rows = ptr_take(&done);
	return 0;
}

/* one row per name; -q shows an image once per name too, as docker does. *ret_sizes: heap, of each row */
static int images_rows(const json_t *list, bool trunc, json_t *rows, long long **ret_sizes, struct err *e)
{
	json_t *img, *tag;
	size_t i, k, n = 0;

	json_array_foreach(list, i, img)
		n += 1 + json_array_size(json_object_get(img, "RepoTags"));
	long long *sizes = calloc(n + 1, sizeof *sizes);
	if (!sizes)
		return err_new(e, E_NOMEM, ENOMEM, "images");
	n = 0;
	json_array_foreach(list, i, img) {
		json_t *tags = json_object_get(img, "RepoTags");
		json_array_foreach(tags, k, tag) {
			sizes[n++] = js_int(img, "Size", 0);
			(void)json_array_append_new(rows, image_row(img, json_string_value(tag), trunc));
		}
		if (!json_array_size(tags)) {
			sizes[n++] = js_int(img, "Size", 0);
			(void)json_array_append_new(rows, image_row(img, NULL, trunc));
		}
	}
	*ret_sizes = sizes;
	return 0;
}

static bool any_read_only(const json_t *list)
{
	const json_t *img;
	size_t i;

	json_array_foreach(list, i, img)
		if (js_bool(img, "ReadOnly", false))
			return true;
	return false;
}

int cmd_images(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON list = NULL;
	OWN_JSON rows = json_array();
	struct list_opt opt = { opt_str(c->req, "@format", NULL), opt_bool(c->req, "@quiet"),
				opt_bool(c->req, "@json"), opt_bool(c->req, "@noheading") };
	bool trunc = !opt_bool(c->req, "@no-trunc");
	bool digests = opt_bool(c->req, "@digests");
	OWN_PTR long long *sizes = NULL;

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	if (opt_bool(c->req, "@tree"))
		return cmd_images_tree(c, filters, e);
	struct engine_image_list q = { .all = opt_bool(c->req, "@all"),
				       .name = c->argc ? c->argv[0] : NULL, .filters = filters };
	if (engine_image_list(&c->eng, &q, &list, e) < 0)
		return -e->eno;
	if (images_rows(list, trunc, rows, &sizes, e) < 0 || rows_sort(&rows, sizes, opt_str(c->req, "@sort", "created"), e) < 0)
		return -e->eno;
	bool mixed = any_read_only(list);
	return list_print(digests ? mixed ? &spec_mixed_digests : &spec_digests : mixed ? &spec_mixed : &spec, rows, &opt, e);
}
