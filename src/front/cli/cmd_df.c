/* SPDX-License-Identifier: Apache-2.0
 *
 * system df: rows by kind, or with -v every object of each kind.
 */
#include <stdio.h>
#include <string.h>

#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "front/cli/rows.h"

static const struct list_field df_fields[] = {
	{ "Type", "TYPE" }, { "TotalCount", "TOTAL" }, { "Active", "ACTIVE" }, { "Size", "SIZE" },
	{ "Reclaimable", "RECLAIMABLE" },
};
static const struct list_spec df_spec = {
	df_fields, ARRAY_LEN(df_fields),
	"{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}", "Type"
};

static void df_number(json_t *row, const char *key, size_t n)
{
	(void)json_object_set_new(row, key, json_sprintf("%zu", n));
}

/* What could be freed of @disk bytes is told by the share of what is not in use, @freeable of @size. */
static void df_sizes(json_t *row, double disk, double freeable, double size)
{
	OWN_BUF b = { 0 };
	double part = size > 0 ? freeable / size : 0;

	human_sum(disk, &b);
	(void)json_object_set_new(row, "Size", json_string(buf_str(&b)));
	buf_done(&b);
	human_sum(disk * part, &b);
	if (disk > 0)
		buf_printf(&b, " (%d%%)", (int)(part * 100));
	(void)json_object_set_new(row, "Reclaimable", json_string(buf_str(&b)));
	(void)json_object_set_new(row, "RawSize", json_integer((json_int_t)disk));
	(void)json_object_set_new(row, "RawReclaimable", json_integer((json_int_t)(disk * part)));
}

struct df_kind {
	const char *type, *key, *size_key; /* as shown; list of the reply; size of a member */
	bool (*active)(const json_t *);    /* NULL: no list */
};

static void df_row(json_t *rows, const json_t *df, const struct df_kind *k)
{
	double size = 0, freeable = 0;
	size_t i, n = 0, used = 0;
	const json_t *o;
	char path[40];

	json_array_foreach(json_object_get(df, k->key), i, o) {
		double s = (double)js_int(o, k->size_key, 0);
		n++;
		size += s;
		if (k->active(o))
			used++;
		else
			freeable += s;
	}
	json_t *row = json_object();
	(void)json_object_set_new(row, "Type", json_string(k->type));
	df_number(row, "TotalCount", n);
	df_number(row, "Active", used);
	(void)snprintf(path, sizeof path, "DiskUsage.%s", k->key);
	df_sizes(row, (double)js_int(df, path, 0), freeable, size);
	(void)json_array_append_new(rows, row);
}

static bool image_active(const json_t *o)
{
	return js_int(o, "Containers", 0) > 0;
}

static bool container_active(const json_t *o)
{
	const char *s = js_str(o, "State", "");
	return !strcmp(s, "running") || !strcmp(s, "paused") || !strcmp(s, "restarting");
}

static bool volume_active(const json_t *o)
{
	return js_int(o, "UsageData.RefCount", 0) > 0;
}

static bool cache_active(const json_t *o)
{
	return js_bool(o, "InUse", false);
}

static const struct list_spec image_spec = {
	image_fields, IMAGE_FIELDS_N,
	"{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}", "ID"
};
static const struct list_spec container_spec = {
	ps_fields, PS_FIELDS_N,
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}", "ID"
};
static const struct list_spec volume_spec = { volume_fields, VOLUME_FIELDS_N, "{{.Name}}\t{{.Links}}\t{{.Size}}", "Name" };
static const struct list_field cache_fields[] = {
	{ "ID", "CACHE ID" }, { "CacheType", "CACHE TYPE" }, { "Size", "SIZE" }, { "CreatedSince", "CREATED" },
	{ "LastUsedSince", "LAST USED" }, { "UsageCount", "USAGE" }, { "Shared", "SHARED" },
};
static const struct list_spec cache_spec = {
	cache_fields, ARRAY_LEN(cache_fields),
	"{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}", "ID"
};

static json_t *one_image(json_t *img, bool trunc)
{
	/* an image of several names is one object, as docker's */
	return image_row(img, json_string_value(json_array_get(json_object_get(img, "RepoTags"), 0)), trunc);
}

static json_t *one_container(json_t *s, bool trunc)
{
	(void)json_object_del(s, "SizeRootFs"); /* what is shared with the image is told there */
	return ps_row(s, trunc, true);
}

static json_t *one_volume(json_t *v, bool trunc)
{
	(void)trunc;
	return volume_row(v);
}

static json_t *one_cache(json_t *o, bool trunc)
{
	(void)trunc;
	return json_incref(o);
}

static const struct section {
	const char *title, *key; /* heading; list of the reply */
	const struct list_spec *spec;
	json_t *(*row)(json_t *, bool trunc);
} sections[] = {
	{ "Images space usage:\n", "Images", &image_spec, one_image },
	{ "\nContainers space usage:\n", "Containers", &container_spec, one_container },
	{ "\nLocal Volumes space usage:\n", "Volumes", &volume_spec, one_volume },
	{ NULL, "BuildCache", &cache_spec, one_cache },
};

static int print_sections(json_t *objects, const json_t *df, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		const struct section *s = &sections[i];
		if (s->title) {
			puts(s->title);
		} else {
			OWN_BUF size = { 0 };
			human_sum((double)js_int(df, "DiskUsage.BuildCache", 0), &size);
			printf("\nBuild cache usage: %s\n\n", buf_str(&size));
		}
		(void)fflush(stdout);
		if (list_print(s->spec, json_object_get(objects, s->key), &(struct list_opt){ 0 }, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* @format: NULL, or a template for one object of four lists */
static int df_verbose(const json_t *df, const char *format, struct err *e)
{
	OWN_JSON objects = json_object();
	OWN_BUF out = { 0 };
	bool table = !format || !strcmp(format, "table");
	json_t *o;
	size_t k;

	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		json_t *rows = json_array();
		json_array_foreach(json_object_get(df, sections[i].key), k, o)
			(void)json_array_append_new(rows, sections[i].row(o, table));
		(void)json_object_set_new(objects, sections[i].key, rows);
	}
	if (table)
		return print_sections(objects, df, e);
	return list_format_one(format, objects, &out, e) < 0 ? -e->eno : list_out(&out, e);
}

int cmd_df(struct cli *c, struct err *e)
{
	static const struct df_kind kinds[] = {
		{ "Images", "Images", "Size", image_active },
		{ "Containers", "Containers", "SizeRw", container_active },
		{ "Local Volumes", "Volumes", "UsageData.Size", volume_active },
		{ "Build Cache", "BuildCache", "Size", cache_active },
		{ "Other", "Other", "", NULL },
	};
	OWN_JSON df = NULL;
	OWN_JSON rows = json_array();
	struct list_opt opt = { opt_str(c->req, "@format", NULL), false, opt_bool(c->req, "@json") };

	if (engine_df(&c->eng, &df, e) < 0)
		return -e->eno;
	if (opt_bool(c->req, "@verbose"))
		return df_verbose(df, opt.json ? "json" : opt.format, e);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		df_row(rows, df, &kinds[i]);
	return list_print(&df_spec, rows, &opt, e);
}
