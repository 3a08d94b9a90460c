/* SPDX-License-Identifier: Apache-2.0
 *
 * rmi, tag, history, image prune.
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

static void print_removed(const json_t *done)
{
	json_t *d;
	size_t i;

	json_array_foreach(done, i, d) {
		const char *u = js_str(d, "Untagged", NULL);
		printf("%s: %s\n", u ? "Untagged" : "Deleted", u ? u : js_str(d, "Deleted", ""));
	}
}

/* "a,b" is two platforms, as docker's lists are */
static int rmi_platforms(struct cli *c, const char *ref, const char *list, unsigned flags, struct err *e)
{
	for (const char *p = list; p;) {
		size_t n = strcspn(p, ",");
		OWN_STR one = strndup(p, n);
		OWN_JSON done = NULL;
		if (!one)
			return err_new(e, E_NOMEM, ENOMEM, "platform");
		if (engine_image_remove_platform(&c->eng, ref, one, flags, &done, e) < 0)
			return -e->eno;
		print_removed(done);
		p = p[n] ? p + n + 1 : NULL;
	}
	return 0;
}

static int rmi_one(struct cli *c, const char *ref, struct err *e)
{
	OWN_JSON done = NULL;
	json_t *list = json_object_get(c->req, "@platform"), *p;
	size_t i;
	unsigned flags = (opt_bool(c->req, "@force") ? ENGINE_IMAGE_FORCE : 0) |
			 (opt_bool(c->req, "@no-prune") ? ENGINE_IMAGE_NO_PRUNE : 0);

	json_array_foreach(list, i, p)
		if (rmi_platforms(c, ref, json_string_value(p), flags, e) < 0)
			return -e->eno;
	if (list)
		return 0;
	if (engine_image_remove(&c->eng, ref, flags, &done, e) < 0)
		return -e->eno;
	print_removed(done);
	return 0;
}

int cmd_rmi(struct cli *c, struct err *e)
{
	if (opt_bool(c->req, "@all")) {
		OWN_JSON names = NULL;
		if (engine_image_names(&c->eng, &names, e) < 0 || cli_all(c, names, e) < 0)
			return -e->eno;
	}
	return cli_each(c, rmi_one, EACH_SERIAL | (opt_bool(c->req, "@force") || opt_bool(c->req, "@ignore") ? EACH_MISSING_OK : 0));
}

int cmd_untag(struct cli *c, struct err *e)
{
	return engine_image_untag(&c->eng, c->argv[0], c->argv + 1, (size_t)c->argc - 1, e);
}

int cmd_tag(struct cli *c, struct err *e)
{
	return engine_image_tag(&c->eng, c->argv[0], c->argv[1], e);
}

static const struct list_field history_fields[] = {
	{ "ID", "IMAGE" }, { "CreatedSince", "CREATED" }, { "CreatedAt", "CREATED AT" },
	{ "CreatedBy", "CREATED BY" }, { "Size", "SIZE" }, { "Comment", "COMMENT" },
};
static const struct list_spec history_spec = {
	history_fields, ARRAY_LEN(history_fields),
	"{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}", "ID"
};

/* one line: tabs and line breaks of a command become blanks */
static void one_line(const char *s, bool trunc, struct buf *out)
{
	OWN_BUF flat = { 0 };
	for (; *s; s++)
		buf_putc(&flat, (unsigned char)*s < ' ' ? ' ' : *s);
	if (trunc)
		human_ellipsis(flat.p ? flat.p : "", 45, out);
	else
		buf_puts(out, flat.p ? flat.p : "");
}

int cmd_history(struct cli *c, struct err *e)
{
	OWN_JSON list = NULL;
	OWN_JSON rows = json_array();
	struct list_opt opt = { opt_str(c->req, "@format", NULL), opt_bool(c->req, "@quiet"),
				opt_bool(c->req, "@json") };
	bool trunc = !opt_bool(c->req, "@no-trunc");
	bool human = !json_is_false(json_object_get(c->req, "@human"));
	json_t *h;
	size_t i;

	if (engine_image_history(&c->eng, c->argv[0], opt_str(c->req, "@platform", NULL), &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, h) {
		json_t *row = json_object();
		struct buf b = { 0 };
		char when[CLOCK_TEXT_MAX];
		const char *id = js_str(h, "Id", "<missing>");
		int64_t created = js_int(h, "Created", 0) * 1000000000;
		if (trunc && !strncmp(id, "sha256:", 7))
			buf_printf(&b, "%.12s", id + 7);
		else
			buf_puts(&b, id);
		list_set(row, "ID", &b);
		clock_format(created, when);
		if (human)
			human_ago(created, &b);
		else
			buf_puts(&b, when);
		list_set(row, "CreatedSince", &b);
		(void)json_object_set_new(row, "CreatedAt", json_string(when));
		one_line(js_str(h, "CreatedBy", ""), trunc, &b);
		list_set(row, "CreatedBy", &b);
		if (human)
			human_size((double)js_int(h, "Size", 0), &b);
		else
			buf_printf(&b, "%lld", (long long)js_int(h, "Size", 0));
		list_set(row, "Size", &b);
		(void)json_object_set_new(row, "Comment", json_string(js_str(h, "Comment", "")));
		(void)json_array_append_new(rows, row);
	}
	return list_print(&history_spec, rows, &opt, e);
}

int cmd_image_prune(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON reply = NULL;
	OWN_BUF size = { 0 };
	bool all = opt_bool(c->req, "@all");
	json_t *d;
	size_t i;

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	if (json_object_get(c->req, "@keep-last")) {
		if (!filters)
			filters = json_object();
		(void)json_object_set_new(filters, "keep-last", json_pack("[o]", json_sprintf("%lld", opt_int(c->req, "@keep-last", 0))));
	}
	if (!opt_bool(c->req, "@force") &&
	    !confirm(all ? "WARNING! This will remove all images without at least one container associated to them." :
			   "WARNING! This will remove all dangling images."))
		return 0;
	if (engine_image_prune(&c->eng, all, filters, &reply, e) < 0)
		return -e->eno;
	if (json_array_size(json_object_get(reply, "ImagesDeleted"))) {
		puts("Deleted Images:");
		json_array_foreach(json_object_get(reply, "ImagesDeleted"), i, d) {
			const char *u = js_str(d, "Untagged", NULL);
			printf("%s: %s\n", u ? "untagged" : "deleted", u ? u : js_str(d, "Deleted", ""));
		}
		puts("");
	}
	human_sum((double)js_int(reply, "SpaceReclaimed", 0), &size);
	printf("Total reclaimed space: %s\n", buf_str(&size));
	return 0;
}
