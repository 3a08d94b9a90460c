/* SPDX-License-Identifier: Apache-2.0
 *
 * info, version, system prune, container prune, sweep.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "driver/network/definition.h"
#include "engine/image.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"

bool confirm(const char *question)
{
	char line[64];

	printf("%s\nAre you sure you want to continue? [y/N] ", question);
	(void)fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		return false;
	return !strcasecmp(line, "y\n") || !strcasecmp(line, "yes\n");
}

static int print_formatted(struct cli *c, json_t *j, bool *ret_done, struct err *e)
{
	OWN_BUF out = { 0 };
	const char *format = opt_str(c->req, "@format", opt_bool(c->req, "@json") ? "json" : NULL);

	*ret_done = format != NULL;
	if (!format)
		return 0;
	if (list_format_one(format, j, &out, e) < 0)
		return -e->eno;
	fputs(buf_str(&out), stdout);
	return 0;
}

int cmd_version(struct cli *c, struct err *e)
{
	OWN_JSON v = NULL;
	bool done;

	if (engine_version(&c->eng, &v, e) < 0)
		return -e->eno;
	/* docker's template paths: {{.Server.Version}}, {{.Client.Version}} */
	OWN_JSON both = json_pack("{s:O,s:O}", "Client", v, "Server", v);
	if (print_formatted(c, both, &done, e) < 0 || done)
		return -e->eno;
	printf("onggi:\n Version:           %s\n API version:       %s\n OS/Arch:           %s/%s\n"
	       " Kernel:            %s\n",
	       js_str(v, "Version", ONGGI_VERSION), js_str(v, "ApiVersion", ""), js_str(v, "Os", "linux"),
	       js_str(v, "Arch", ""), js_str(v, "KernelVersion", ""));
	return 0;
}

static void line(const char *name, const json_t *info, const char *key)
{
	OWN_BUF b = { 0 };
	const json_t *v = json_object_get(info, key);
	if (!v || json_is_null(v))
		return;
	if (json_is_string(v))
		buf_puts(&b, json_string_value(v));
	else if (json_is_integer(v))
		buf_printf(&b, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_puts(&b, json_is_true(v) ? "true" : "false");
	printf(" %s: %s\n", name, b.p ? b.p : "");
}

static void storage_lines(const json_t *drivers)
{
	size_t i;
	json_t *d;

	printf(" Storage Drivers:\n");
	/* a reason begins with the name */
	json_array_foreach(drivers, i, d) {
		if (js_bool(d, "Usable", false))
			printf("  %s: works here\n", js_str(d, "Name", ""));
		else
			printf("  %s\n", js_str(d, "Reason", ""));
	}
}

static void status_lines(const json_t *status)
{
	const json_t *row;
	size_t i;

	json_array_foreach(status, i, row)
		printf("  %s: %s\n", json_string_value(json_array_get(row, 0)), json_string_value(json_array_get(row, 1)));
}

static void store_lines(const json_t *stores)
{
	const json_t *path;
	size_t i;

	if (json_array_size(stores))
		printf(" Image Stores:\n");
	json_array_foreach(stores, i, path)
		printf("  %s\n", json_string_value(path));
}

int cmd_info(struct cli *c, struct err *e)
{
	OWN_JSON info = NULL;
	OWN_BUF mem = { 0 };
	json_t *w;
	size_t i;
	bool done;

	if (engine_info(&c->eng, &info, e) < 0)
		return -e->eno;
	if (print_formatted(c, info, &done, e) < 0 || done)
		return -e->eno;
	static const char *const rows[][2] = {
		{ "Containers", "Containers" }, { " Running", "ContainersRunning" },
		{ " Paused", "ContainersPaused" }, { " Stopped", "ContainersStopped" },
		{ "Images", "Images" }, { "Server Version", "ServerVersion" },
		{ "Storage Driver", "Driver" }, { "Logging Driver", "LoggingDriver" },
		{ "Cgroup Driver", "CgroupDriver" }, { "Cgroup Version", "CgroupVersion" },
		{ "Default Runtime", "DefaultRuntime" }, { "Init Binary", "InitBinary" },
		{ "Kernel Version", "KernelVersion" }, { "Operating System", "OperatingSystem" },
		{ "OSType", "OSType" }, { "Architecture", "Architecture" }, { "CPUs", "NCPU" },
	};
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		line(rows[i][0], info, rows[i][1]);
		if (!strcmp(rows[i][1], "Driver"))
			status_lines(json_object_get(info, "DriverStatus"));
	}
	human_bytes((double)js_int(info, "MemTotal", 0), &mem);
	printf(" Total Memory: %s\n", buf_str(&mem));
	line("Name", info, "Name");
	line("Root Dir", info, "DockerRootDir");
	store_lines(json_object_get(info, "ImageStores"));
	storage_lines(json_object_get(info, "StorageDrivers"));
	(void)fflush(stdout);
	json_array_foreach(json_object_get(info, "Warnings"), i, w)
		fprintf(stderr, "WARNING: %s\n", json_string_value(w));
	return 0;
}

static void print_deleted(const char *title, const json_t *list)
{
	json_t *o;
	size_t i;

	if (!json_array_size(list))
		return;
	puts(title);
	json_array_foreach(list, i, o) {
		const char *u = js_str(o, "Untagged", NULL), *d = js_str(o, "Deleted", NULL);
		if (json_is_string(o))
			puts(json_string_value(o));
		else
			printf("%s: %s\n", u ? "untagged" : "deleted", u ? u : d);
	}
	puts("");
}

static int reclaimed(double bytes)
{
	OWN_BUF size = { 0 };
	human_sum(bytes, &size);
	printf("Total reclaimed space: %s\n", buf_str(&size));
	return 0;
}

int cmd_container_prune(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON reply = NULL;

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	if (!opt_bool(c->req, "@force") && !confirm("WARNING! This will remove all stopped containers."))
		return 0;
	if (engine_container_prune(&c->eng, filters, &reply, e) < 0)
		return -e->eno;
	print_deleted("Deleted Containers:", json_object_get(reply, "ContainersDeleted"));
	return reclaimed((double)js_int(reply, "SpaceReclaimed", 0));
}

int cmd_system_prune(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON containers = NULL;
	OWN_JSON volumes = NULL;
	OWN_JSON images = NULL;
	OWN_BUF q = { 0 };
	bool all = opt_bool(c->req, "@all"), vols = opt_bool(c->req, "@volumes");

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	buf_printf(&q, "WARNING! This will remove:\n  - all stopped containers\n"
		       "  - all networks not used by at least one container\n%s  - all %s\n",
		   vols ? "  - all anonymous volumes not used by at least one container\n" : "",
		   all ? "images without at least one container associated to them" : "dangling images");
	if (!opt_bool(c->req, "@force") && !confirm(buf_str(&q)))
		return 0;
	if (engine_container_prune(&c->eng, filters, &containers, e) < 0)
		return -e->eno;
	print_deleted("Deleted Containers:", json_object_get(containers, "ContainersDeleted"));
	(void)json_object_set_new(c->req, "@force", json_true());
	if (cmd_network_prune(c, e) < 0)
		return -e->eno;
	if (vols && engine_volume_prune(&c->eng, filters, &volumes, e) < 0)
		return -e->eno;
	print_deleted("Deleted Volumes:", json_object_get(volumes, "VolumesDeleted"));
	if (engine_image_prune(&c->eng, all, filters, &images, e) < 0)
		return -e->eno;
	print_deleted("Deleted Images:", json_object_get(images, "ImagesDeleted"));
	return reclaimed((double)(js_int(containers, "SpaceReclaimed", 0) + js_int(volumes, "SpaceReclaimed", 0) +
				  js_int(images, "SpaceReclaimed", 0)));
}

int cmd_sweep(struct cli *c, struct err *e)
{
	if (engine_sweep(&c->eng, e) < 0)
		return -e->eno;
	return network_repair(&c->eng.network, e);
}
