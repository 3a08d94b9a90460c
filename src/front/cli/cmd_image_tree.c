/* SPDX-License-Identifier: Apache-2.0
 *
 * images --tree (docker's), image tree and image exists (podman's).
 */
#include <stdio.h>
#include <string.h>

#include "engine/image.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "store/image.h"

enum { SHORT_ID = 12 };

static const char *short_id(const json_t *o)
{
	const char *id = js_str(o, "Id", ""), *colon = strchr(id, ':');
	return colon ? colon + 1 : id;
}

static int print_json(json_t *j, struct err *e)
{
	OWN_STR text = json_dumps(j, JSON_INDENT(2));
	OWN_BUF out = { 0 };
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "output");
	buf_printf(&out, "%s\n", text);
	return list_out(&out, e);
}

/* ---- images --tree ---- */

static void cells(const json_t *o, struct buf *out)
{
	buf_printf(out, "\t%.*s\t", SHORT_ID, short_id(o));
	human_size((double)js_int(o, "DiskUsage", 0), out);
	buf_putc(out, '\t');
	human_size((double)js_int(o, "ContentSize", 0), out);
	buf_printf(out, "\t%s\n", js_bool(o, "InUse", false) ? "U" : "");
}

static void image_lines(const json_t *img, struct buf *out)
{
	json_t *names = json_object_get(img, "Names"), *children = json_object_get(img, "Children"), *v;
	size_t i, n = json_array_size(children);

	/* of several names the last stands beside the figures */
	json_array_foreach(names, i, v)
		buf_printf(out, "%s%s", i ? "\n" : "", json_string_value(v));
	if (!json_array_size(names))
		buf_puts(out, "<untagged>");
	cells(img, out);
	json_array_foreach(children, i, v) {
		buf_printf(out, "%s %s", i + 1 < n ? "├─" : "└─", js_str(v, "Platform", ""));
		cells(v, out);
	}
}

int cmd_images_tree(struct cli *c, const json_t *filters, struct err *e)
{
	static const char *const others[] = { "quiet", "no-trunc", "digests", "format" };
	OWN_JSON list = NULL;
	OWN_BUF raw = { 0 };
	OWN_BUF out = { 0 };
	json_t *img;
	size_t i;

	for (i = 0; i < ARRAY_LEN(others); i++) {
		char path[24];
		(void)snprintf(path, sizeof path, "@%s", others[i]);
		if (json_object_get(c->req, path))
			return err_new(e, E_USAGE, EINVAL, "--%s is not yet supported with --tree", others[i]);
	}
	struct engine_image_list q = { .all = opt_bool(c->req, "@all"), .name = c->argc ? c->argv[0] : NULL, .filters = filters };
	if (engine_image_platforms(&c->eng, &q, &list, e) < 0)
		return -e->eno;
	if (opt_bool(c->req, "@json"))
		return print_json(list, e);
	buf_puts(&raw, "IMAGE\tID\tDISK USAGE\tCONTENT SIZE\tEXTRA\n");
	json_array_foreach(list, i, img)
		image_lines(img, &raw);
	if (buf_failed(&raw))
		return err_new(e, E_NOMEM, ENOMEM, "output");
	table_align(buf_str(&raw), &out);
	return list_out(&out, e);
}

/* ---- image tree ---- */

static void join_names(const json_t *names, struct buf *out)
{
	json_t *v;
	size_t i;

	buf_putc(out, '[');
	json_array_foreach(names, i, v)
		buf_printf(out, "%s%s", i ? " " : "", json_string_value(v));
	buf_putc(out, ']');
}

/* @indent: what stands before the lines of this level */
static void layer_lines(const json_t *layers, const char *indent, struct buf *out)
{
	size_t i, n = json_array_size(layers);
	const json_t *l;

	json_array_foreach(layers, i, l) {
		OWN_BUF size = { 0 };
		OWN_BUF deeper = { 0 };
		human_size((double)js_int(l, "Size", 0), &size);
		buf_printf(out, "%s%s ID: %.*s Size: %7s", indent, i + 1 < n ? "├──" : "└──", SHORT_ID, short_id(l),
			   buf_str(&size));
		if (json_array_size(json_object_get(l, "Names"))) {
			buf_puts(out, " Top Layer of: ");
			join_names(json_object_get(l, "Names"), out);
		}
		buf_putc(out, '\n');
		buf_printf(&deeper, "%s%s", indent, i + 1 < n ? "│   " : "    ");
		if (json_array_size(json_object_get(l, "Layers")))
			layer_lines(json_object_get(l, "Layers"), buf_str(&deeper), out);
	}
}

int cmd_image_tree(struct cli *c, struct err *e)
{
	OWN_JSON tree = NULL;
	OWN_BUF out = { 0 };
	OWN_BUF size = { 0 };

	if (engine_image_tree(&c->eng, c->argv[0], opt_bool(c->req, "@whatrequires"), &tree, e) < 0)
		return -e->eno;
	if (opt_bool(c->req, "@json"))
		return print_json(tree, e);
	buf_printf(&out, "Image ID: %.*s\nTags:     ", SHORT_ID, short_id(tree));
	join_names(json_object_get(tree, "Names"), &out);
	human_sum((double)js_int(tree, "Size", 0), &size);
	buf_printf(&out, "\nSize:     %s\n", buf_str(&size));
	if (json_array_size(json_object_get(tree, "Layers")))
		buf_puts(&out, "Image Layers\n");
	else
		buf_puts(&out, "No Image Layers\n");
	layer_lines(json_object_get(tree, "Layers"), "", &out);
	return list_out(&out, e);
}

int cmd_image_exists(struct cli *c, struct err *e)
{
	char id[DIGEST_TEXT_MAX];

	if (image_find(&c->eng.store, c->argv[0], id, e) >= 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	return 1;
}
