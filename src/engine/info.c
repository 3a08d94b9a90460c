/* SPDX-License-Identifier: Apache-2.0
 *
 * info, version: what this host and this engine are.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "driver/cgroup/cgroup.h"
#include "engine/image.h"
#include "engine/look.h"
#include "format/js.h"
#include "spec/platform.h"
#include "store/image.h"
#include "store/volume.h"

#define API_VERSION     "1.51"
#define API_VERSION_MIN "1.24"

/* PRETTY_NAME of os-release */
static void os_name(char out[256])
{
	static const char *const files[] = { "/etc/os-release", "/usr/lib/os-release" };
	struct err e;

	(void)snprintf(out, 256, "Linux");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC); /* often a link */
		OWN_STR text = NULL;
		if (fd < 0)
			continue;
		int r = io_read_fd(fd, 1 << 16, &text, NULL, &e);
		close(fd);
		const char *p = r < 0 ? NULL : strstr(text, "PRETTY_NAME=");
		if (!p)
			continue;
		p += strlen("PRETTY_NAME=");
		p += *p == '"';
		(void)snprintf(out, 256, "%.*s", (int)strcspn(p, "\"\n"), p);
		return;
	}
}

int engine_version(struct engine *eng, json_t **ret, struct err *e)
{
	struct utsname u = { 0 };
	struct platform p;

	(void)eng;
	(void)uname(&u);
	platform_host(&p);
	*ret = json_pack("{s{ss} s[{ss ss s{ss ss ss ss ss}}] ss ss ss ss ss ss ss ss}", "Platform", "Name", "onggi",
			 "Components", "Name", "Engine", "Version", ONGGI_VERSION, "Details", "ApiVersion",
			 API_VERSION, "MinAPIVersion", API_VERSION_MIN, "Os", p.os, "Arch", p.arch, "KernelVersion",
			 u.release, "Version", ONGGI_VERSION, "ApiVersion", API_VERSION, "MinAPIVersion",
			 API_VERSION_MIN, "Os", p.os, "Arch", p.arch, "KernelVersion", u.release, "GitCommit", "",
			 "BuildTime", "");
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "version");
}

struct counts {
	size_t all, running, paused, stopped;
};

static int count(struct engine *eng, struct counts *c, struct err *e)
{
	OWN_PTR char (*ids)[65] = NULL;
	size_t n;

	if (container_ids(&eng->store, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		struct container_state st;
		struct err ignored;
		char path[96];
		(void)snprintf(path, sizeof path, "containers/%s/config.json", ids[i]);
		if (faccessat(eng->store.root_fd, path, F_OK, 0) < 0 ||
		    container_state_load(&eng->store, ids[i], &st, &ignored) < 0)
			continue;
		c->all++;
		if (st.paused)
			c->paused++;
		else if (st.status == CONTAINER_RUNNING)
			c->running++;
		else
			c->stopped++;
		container_state_done(&st);
	}
	return 0;
}

static size_t image_count(struct engine *eng)
{
	struct image *list = NULL;
	size_t n = 0;
	struct err e;

	if (image_list(&eng->store, &list, &n, &e) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		image_done(&list[i]);
	free(list);
	return n;
}

static json_t *security_options(void)
{
	json_t *list = json_pack("[s]", "name=seccomp,profile=builtin");
	if (!access("/sys/kernel/security/apparmor", F_OK))
		json_array_append_new(list, json_string("name=apparmor"));
	if (engine_cgroup_private())
		json_array_append_new(list, json_string("name=cgroupns"));
	return list;
}

/* [{"Name", "Usable", "Reason"}] */
static json_t *storage_drivers(const struct store *s)
{
	json_t *list = json_array();
	struct err why = { 0 };
	const char *name;

	for (size_t i = 0; (name = storage_survey(s, i, &why)); i++)
		json_array_append_new(list, json_pack("{ss sb ss}", "Name", name, "Usable", why.kind == E_NONE, "Reason",
						      why.chain));
	return list;
}

static json_t *image_stores(const struct store *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n_others; i++)
		json_array_append_new(list, json_string(s->others[i].root));
	return list;
}

static void status_add(void *list, const char *key, const char *value)
{
	json_array_append_new(list, json_pack("[ss]", key, value));
}

/* [[key, value]] */
static json_t *driver_status(const struct engine *eng)
{
	json_t *list = json_array();

	storage_status(&eng->store, eng->storage, engine_plan_flags(eng), status_add, list);
	return list;
}

int engine_info(struct engine *eng, json_t **ret, struct err *e)
{
	struct utsname u = { 0 };
	struct sysinfo si = { 0 };
	struct counts c = { 0 };
	OWN_JSON cg = NULL;
	char os[256], now[CLOCK_TEXT_MAX], init[4096] = "";

	if (count(eng, &c, e) < 0)
		return -e->eno;
	(void)uname(&u);
	(void)sysinfo(&si);
	os_name(os);
	clock_format(clock_now_ns(), now);
	if (cgroup_host_info(&cg, e) < 0)
		cg = json_object(); /* shown as unknown */
	if (program_find("onggi-init", init, e) < 0)
		init[0] = 0;
	*ret = json_pack("{ss sI sI sI sI sI ss so so ss ss ss}", "ID", "", "Containers", (json_int_t)c.all,
			 "ContainersRunning", (json_int_t)c.running, "ContainersPaused", (json_int_t)c.paused,
			 "ContainersStopped", (json_int_t)c.stopped, "Images", (json_int_t)image_count(eng),
			 "Driver", eng->storage->name, "DriverStatus", driver_status(eng), "SecurityOptions", security_options(),
			 "LoggingDriver", "json-file", "CgroupDriver", js_str(cg, "driver", "cgroupfs"),
			 "CgroupVersion", js_str(cg, "version", "1"));
	OWN_JSON more = json_pack("{ss ss ss ss sI sI ss ss ss ss ss s{s{ss}} sb sb sb sb sb s[]}", "KernelVersion",
				  u.release, "OperatingSystem", os, "OSType", "linux", "Architecture", u.machine,
				  "NCPU", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "MemTotal",
				  (json_int_t)si.totalram * si.mem_unit, "DockerRootDir", eng->store.root, "Name",
				  u.nodename, "ServerVersion", ONGGI_VERSION, "SystemTime", now, "DefaultRuntime",
				  "orun", "Runtimes", "orun", "path", "orun", "MemoryLimit", 1, "SwapLimit", 1,
				  "PidsLimit", 1, "IPv4Forwarding", 1, "Debug", 0, "Warnings");
	if (!*ret || !more)
		return err_new(e, E_NOMEM, ENOMEM, "info");
	json_object_update(*ret, more);
	json_object_set_new(*ret, "ImageStores", image_stores(&eng->store));
	json_object_set_new(*ret, "StorageDrivers", storage_drivers(&eng->store));
	json_object_set_new(*ret, "InitBinary", json_string(*init ? "onggi-init" : ""));
	return 0;
}
