/* SPDX-License-Identifier: Apache-2.0
 *
 * volume create, ls, rm, prune, export, import.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/volume.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "front/cli/rows.h"

int cmd_volume_create(struct cli *c, struct err *e)
{
	OWN_JSON v = NULL;
	struct volume_spec spec = {
		.name = c->argc ? c->argv[0] : opt_str(c->req, "@name", NULL),
		.driver = opt_str(c->req, "@driver", NULL),
		.options = json_object_get(c->req, "@opt"),
		.labels = json_object_get(c->req, "Labels"),
	};
	if (opt_bool(c->req, "@ignore") && spec.name) {
		if (engine_volume_inspect(&c->eng, spec.name, &v, e) < 0 && e->kind != E_NOT_FOUND)
			return -e->eno;
		err_clear(e);
	}
	if (!v && engine_volume_create(&c->eng, &spec, &v, NULL, e) < 0)
		return -e->eno;
	puts(js_str(v, "Name", ""));
	return 0;
}

int cmd_volume_exists(struct cli *c, struct err *e)
{
	OWN_JSON v = NULL;

	if (engine_volume_inspect(&c->eng, c->argv[0], &v, e) >= 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	return 1;
}

const struct list_field volume_fields[VOLUME_FIELDS_N] = {
	{ "Driver", "DRIVER" }, { "Name", "VOLUME NAME" }, { "Scope", "SCOPE" },
	{ "Mountpoint", "MOUNTPOINT" }, { "Labels", "LABELS" }, { "Label", "LABEL" },
	{ "Links", "LINKS" }, { "Size", "SIZE" }, { "CreatedAt", "CREATED AT" },
};
static const struct list_spec spec = { volume_fields, VOLUME_FIELDS_N, "{{.Driver}}\t{{.Name}}", "Name" };

json_t *volume_row(const json_t *v)
{
	static const char *const same[] = { "Driver", "Name", "Scope", "Mountpoint", "CreatedAt" };
	const json_t *usage = json_object_get(v, "UsageData");
	json_t *row = json_object();
	struct buf b = { 0 };

	list_copy(row, v, same, ARRAY_LEN(same));
	list_set_labels(row, json_object_get(v, "Labels"));
	if (usage)
		buf_printf(&b, "%lld", (long long)js_int(usage, "RefCount", 0));
	else
		buf_puts(&b, "N/A"); /* only system df counts them */
	list_set(row, "Links", &b);
	if (usage)
		human_sum((double)js_int(usage, "Size", 0), &b);
	else
		buf_puts(&b, "N/A");
	list_set(row, "Size", &b);
	return row;
}

int cmd_volume_ls(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON reply = NULL;
	OWN_JSON rows = json_array();
	struct list_opt opt = { opt_str(c->req, "@format", NULL), opt_bool(c->req, "@quiet"),
				opt_bool(c->req, "@json") };
	json_t *v;
	size_t i;

	if (cli_filters(c, "@filter", &filters, e) < 0 ||
	    engine_volume_list(&c->eng, filters, &reply, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(reply, "Volumes"), i, v)
		(void)json_array_append_new(rows, volume_row(v));
	return list_print(&spec, rows, &opt, e);
}

static int rm_one(struct cli *c, const char *name, struct err *e)
{
	return engine_volume_remove(&c->eng, name, opt_bool(c->req, "@force") ? VOLUME_REMOVE_FORCE : 0, e);
}

/* those that no container uses; one that gets a user meanwhile is told */
static int all_unused(struct cli *c, struct err *e)
{
	OWN_JSON filters = json_pack("{s[s]}", "dangling", "true");
	OWN_JSON reply = NULL;
	OWN_JSON names = json_array();
	json_t *v;
	size_t i;

	if (engine_volume_list(&c->eng, filters, &reply, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(reply, "Volumes"), i, v)
		(void)json_array_append(names, json_object_get(v, "Name"));
	return cli_all(c, names, e);
}

int cmd_volume_rm(struct cli *c, struct err *e)
{
	if (opt_bool(c->req, "@all") && all_unused(c, e) < 0)
		return -e->eno;
	return cli_each(c, rm_one, EACH_ECHO);
}

int cmd_volume_prune(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON reply = NULL;
	OWN_BUF size = { 0 };
	bool all = opt_bool(c->req, "@all");
	json_t *v;
	size_t i;

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	if (!opt_bool(c->req, "@force") &&
	    !confirm(all ? "WARNING! This will remove all volumes not used by at least one container." :
			   "WARNING! This will remove anonymous local volumes not used by at least one container."))
		return 0;
	if (all) {
		if (!filters)
			filters = json_object();
		(void)json_object_set_new(filters, "all", json_pack("[s]", "true"));
	}
	if (engine_volume_prune(&c->eng, filters, &reply, e) < 0)
		return -e->eno;
	if (json_array_size(json_object_get(reply, "VolumesDeleted"))) {
		puts("Deleted Volumes:");
		json_array_foreach(json_object_get(reply, "VolumesDeleted"), i, v)
			puts(json_string_value(v));
		puts("");
	}
	human_sum((double)js_int(reply, "SpaceReclaimed", 0), &size);
	printf("Total reclaimed space: %s\n", buf_str(&size));
	return 0;
}

int cmd_volume_export(struct cli *c, struct err *e)
{
	return cli_export(c, engine_volume_export, e);
}

int cmd_volume_import(struct cli *c, struct err *e)
{
	bool is_stdin = !strcmp(c->argv[1], "-");
	OWN_FD fd = is_stdin ? -1 : open(c->argv[1], O_RDONLY | O_CLOEXEC);

	if (!is_stdin && fd < 0)
		return err_sys(e, errno, "open %s", c->argv[1]);
	if (is_stdin && isatty(STDIN_FILENO))
		return err_new(e, E_USAGE, EINVAL, "a tar archive is expected on standard input, which is a terminal");
	return engine_volume_import(&c->eng, c->argv[0], is_stdin ? STDIN_FILENO : fd, e);
}
