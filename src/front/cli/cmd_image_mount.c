/* SPDX-License-Identifier: Apache-2.0
 *
 * image mount, image unmount: podman's commands.
 */
#include <stdio.h>
#include <string.h>

#include "engine/image.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"

static const struct list_field fields[] = { { "ID", "IMAGE ID" }, { "Path", "PATH" } };
static const struct list_spec spec = { fields, ARRAY_LEN(fields), "{{.ID}}\t{{.Path}}", "ID" };

/* podman's member names */
static json_t *json_of(const json_t *m)
{
	return json_pack("{ss sO sO ss}", "id", js_str(m, "Id", ""), "Names", json_object_get(m, "Names"), "Repositories",
			 json_object_get(m, "Repositories"), "mountpoint", js_str(m, "Mountpoint", ""));
}

/* the first name, or the ID of an image that has none */
static const char *name_of(const json_t *m)
{
	const char *name = json_string_value(json_array_get(json_object_get(m, "Names"), 0));
	return name ? name : js_str(m, "Id", "");
}

static int print(struct cli *c, const json_t *mounts, struct err *e)
{
	const char *format = opt_str(c->req, "@format", NULL);
	bool json = opt_bool(c->req, "@json") || (format && !strcmp(format, "json"));
	OWN_JSON rows = json_array();
	json_t *m;
	size_t i;

	if (c->argc == 1 && !json && !format) {
		puts(js_str(json_array_get(mounts, 0), "Mountpoint", ""));
		return 0;
	}
	json_array_foreach(mounts, i, m) {
		if (!json && !format)
			printf("%s %s\n", name_of(m), js_str(m, "Mountpoint", ""));
		json_array_append_new(rows, json ? json_of(m) :
						   json_pack("{ss ss}", "ID", name_of(m), "Path", js_str(m, "Mountpoint", "")));
	}
	if (!json && !format)
		return 0;
	const struct list_opt opt = { json ? NULL : format, false, json };
	return list_print(&spec, rows, &opt, e);
}

static int mount_all(struct cli *c, json_t *mounts, struct err *e)
{
	OWN_JSON images = NULL;
	const struct engine_image_list q = { .all = true };
	json_t *img;
	size_t i;

	if (engine_image_list(&c->eng, &q, &images, e) < 0)
		return -e->eno;
	json_array_foreach(images, i, img) {
		json_t *m = NULL;
		if (engine_image_mount(&c->eng, js_str(img, "Id", ""), &m, e) < 0)
			return -e->eno;
		json_array_append_new(mounts, m);
	}
	return 0;
}

int cmd_image_mount(struct cli *c, struct err *e)
{
	OWN_JSON mounts = json_array();
	bool all = opt_bool(c->req, "@all");
	int status = 0;

	if (all && c->argc)
		return err_new(e, E_USAGE, EINVAL, "when using the --all switch, you may not pass any image names or IDs");
	if (all && mount_all(c, mounts, e) < 0)
		return -e->eno;
	if (!all && !c->argc) {
		OWN_JSON have = NULL;
		/* what is left of mounts before a reboot is no list to show */
		if (engine_image_mounts(&c->eng, &have, e) < 0)
			return -e->eno;
		return print(c, have, e);
	}
	for (int i = 0; i < c->argc; i++) {
		struct err why = { 0 };
		json_t *m = NULL;
		if (engine_image_mount(&c->eng, c->argv[i], &m, &why) < 0) {
			cli_error(c, &why);
			status = 1;
			continue;
		}
		json_array_append_new(mounts, m);
	}
	if (json_array_size(mounts) || !status)
		return print(c, mounts, e) < 0 ? -e->eno : status;
	return status;
}

static int unmount_one(struct cli *c, const char *ref, struct err *e)
{
	char id[DIGEST_TEXT_MAX];

	if (engine_image_unmount(&c->eng, ref, opt_bool(c->req, "@force"), id, e) < 0)
		return -e->eno;
	puts(digest_hex(id));
	return 0;
}

int cmd_image_unmount(struct cli *c, struct err *e)
{
	OWN_JSON mounts = NULL;
	int status = 0;
	json_t *m;
	size_t i;

	if (opt_bool(c->req, "@all") && c->argc)
		return err_new(e, E_USAGE, EINVAL, "when using the --all switch, you may not pass any image names or IDs");
	if (!opt_bool(c->req, "@all")) {
		if (!c->argc)
			return err_new(e, E_USAGE, EINVAL, "image name or ID must be specified");
		return cli_each(c, unmount_one, EACH_SERIAL);
	}
	if (engine_image_mounts(&c->eng, &mounts, e) < 0)
		return -e->eno;
	json_array_foreach(mounts, i, m) {
		struct err why = { 0 };
		if (unmount_one(c, js_str(m, "Id", ""), &why) < 0) {
			cli_error(c, &why);
			status = 1;
		}
	}
	return status;
}
