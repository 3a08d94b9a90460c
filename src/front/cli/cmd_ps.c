/* SPDX-License-Identifier: Apache-2.0
 *
 * ps: summaries of containers as docker's table.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "front/cli/rows.h"

const struct list_field ps_fields[PS_FIELDS_N] = {
	{ "ID", "CONTAINER ID" },      { "Image", "IMAGE" },       { "Command", "COMMAND" },
	{ "CreatedAt", "CREATED AT" }, { "RunningFor", "CREATED" }, { "Status", "STATUS" },
	{ "State", "STATE" },          { "Ports", "PORTS" },       { "Names", "NAMES" },
	{ "Labels", "LABELS" },        { "Label", "LABEL" },       { "Mounts", "MOUNTS" },
	{ "LocalVolumes", "LOCAL VOLUMES" }, { "Networks", "NETWORKS" }, { "Size", "SIZE" },
	{ "Platform", "PLATFORM" },    { "HealthStatus", "HEALTH STATUS" },
};

static const struct list_spec spec = {
	ps_fields, PS_FIELDS_N,
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}", "ID"
};
static const struct list_spec spec_size = {
	ps_fields, PS_FIELDS_N,
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}", "ID"
};

static void join_names(const json_t *names, struct buf *b)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *s = json_string_value(json_array_get(names, i));
		if (s)
			buf_printf(b, "%s%s", i ? "," : "", *s == '/' ? s + 1 : s);
	}
}

static void join_mounts(const json_t *mounts, bool trunc, int *ret_local, struct buf *b)
{
	for (size_t i = 0; i < json_array_size(mounts); i++) {
		const json_t *m = json_array_get(mounts, i);
		const char *name = js_str(m, "Name", "");
		*ret_local += !strcmp(js_str(m, "Driver", ""), "local");
		if (b->n)
			buf_putc(b, ',');
		if (trunc)
			human_ellipsis(*name ? name : js_str(m, "Source", ""), 15, b);
		else
			buf_puts(b, *name ? name : js_str(m, "Source", ""));
	}
}

static void join_keys(json_t *o, struct buf *b)
{
	const char *k;
	json_t *v;
	json_object_foreach(o, k, v)
		buf_printf(b, "%s%s", b->n ? "," : "", k);
}

/* what the default table shows */
static void row_table(json_t *row, const json_t *s, bool trunc, int64_t created)
{
	struct buf b = { 0 };
	const char *image = js_str(s, "Image", "");

	buf_printf(&b, "%.*s", trunc ? 12 : 64, js_str(s, "Id", ""));
	list_set(row, "ID", &b);
	if (trunc && !strncmp(image, "sha256:", 7))
		buf_printf(&b, "%.12s", image + 7);
	else
		buf_puts(&b, image);
	list_set(row, "Image", &b);
	buf_putc(&b, '"');
	if (trunc)
		human_ellipsis(js_str(s, "Command", ""), 20, &b);
	else
		buf_puts(&b, js_str(s, "Command", ""));
	buf_putc(&b, '"');
	list_set(row, "Command", &b);
	human_ago(created, &b);
	list_set(row, "RunningFor", &b);
	buf_puts(&b, js_str(s, "Status", ""));
	list_set(row, "Status", &b);
	human_ports(json_object_get(s, "Ports"), &b);
	list_set(row, "Ports", &b);
	join_names(json_object_get(s, "Names"), &b);
	list_set(row, "Names", &b);
}

/* what only templates and JSON ask for */
static void row_rest(json_t *row, const json_t *s, bool trunc, int64_t created)
{
	struct buf b = { 0 };
	char when[CLOCK_TEXT_MAX];
	int local = 0;

	clock_format(created, when);
	buf_printf(&b, "%.10s %.8s +0000 UTC", when, when + 11);
	list_set(row, "CreatedAt", &b);
	buf_puts(&b, js_str(s, "State", ""));
	list_set(row, "State", &b);
	list_set_labels(row, json_object_get(s, "Labels"));
	join_mounts(json_object_get(s, "Mounts"), trunc, &local, &b);
	list_set(row, "Mounts", &b);
	buf_printf(&b, "%d", local);
	list_set(row, "LocalVolumes", &b);
	join_keys(js_at(s, "NetworkSettings.Networks"), &b);
	list_set(row, "Networks", &b);
	human_size((double)js_int(s, "SizeRw", 0), &b);
	if (js_int(s, "SizeRootFs", 0)) {
		buf_puts(&b, " (virtual ");
		human_size((double)js_int(s, "SizeRootFs", 0), &b);
		buf_putc(&b, ')');
	}
	list_set(row, "Size", &b);
	(void)json_object_set_new(row, "Platform", json_string(""));
	(void)json_object_set_new(row, "HealthStatus", json_string(""));
}

json_t *ps_row(const json_t *s, bool trunc, bool all)
{
	int64_t created = js_int(s, "CreatedNs", js_int(s, "Created", 0) * 1000000000);
	json_t *row = json_object();

	row_table(row, s, trunc, created);
	if (all)
		row_rest(row, s, trunc, created);
	return row;
}

int cmd_ps(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON list = NULL;
	OWN_JSON rows = json_array();
	struct list_opt opt = { opt_str(c->req, "@format", NULL), opt_bool(c->req, "@quiet"),
				opt_bool(c->req, "@json") };
	bool trunc = !opt_bool(c->req, "@no-trunc"), size = opt_bool(c->req, "@size");
	json_t *s;
	size_t i;

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	int last = (int)opt_int(c->req, "@last", -1);
	if (opt_bool(c->req, "@latest"))
		last = 1;
	/* a template that shows the size asks for it */
	size |= opt.format && strstr(opt.format, ".Size");
	struct engine_list q = { .all = opt_bool(c->req, "@all"), .size = size,
				 .limit = last > 0 ? last : 0, .filters = filters };
	if (engine_list(&c->eng, &q, &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, s)
		(void)json_array_append_new(rows, ps_row(s, trunc, opt.format || opt.json || size));
	return list_print(size ? &spec_size : &spec, rows, &opt, e);
}
