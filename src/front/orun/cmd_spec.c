/* SPDX-License-Identifier: Apache-2.0
 *
 * orun spec: write a config.json to start from.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "front/orun/orun.h"
#include "spec/bundle.h"

struct spec_opts {
	const char *bundle, *file;
	bool rootless;
};

static const struct opt_row spec_rows[] = {
	{ "bundle", 'b', OPT_STR, offsetof(struct spec_opts, bundle), "DIR", "directory of the bundle (default: here)" },
	{ "file", 'f', OPT_STR, offsetof(struct spec_opts, file), "FILE", "name of the file (default: config.json)" },
	{ "rootless", 0, OPT_BOOL, offsetof(struct spec_opts, rootless), NULL, "for an unprivileged user" },
};

/* one row per mount: destination, type, source, options */
static const struct {
	const char *destination, *type, *source;
	const char *options[8];
} default_mounts[] = {
	{ "/proc", "proc", "proc", { NULL } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

static const char *const default_caps[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };
static const char *const default_masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
	"/sys/devices/virtual/powercap", "/proc/scsi", NULL,
};
static const char *const default_readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static json_t *strings(const char *const *v)
{
	json_t *a = json_array();
	for (; a && *v; v++)
		json_array_append_new(a, json_string(*v));
	return a;
}

/* A user namespace of an unprivileged user maps one group only, and sysfs needs a network
 * namespace of its own: drop the group of devpts, bind the host's /sys. */
static json_t *mounts_make(bool rootless)
{
	static const char *const sys_bind[] = { "rbind", "nosuid", "noexec", "nodev", "ro", NULL };
	json_t *all = json_array();

	for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++) {
		const char *dest = default_mounts[i].destination;
		bool sys = rootless && !strcmp(dest, "/sys");
		json_t *options = json_array();
		for (const char *const *w = sys ? sys_bind : default_mounts[i].options; *w; w++)
			if (!rootless || strncmp(*w, "gid=", 4))
				json_array_append_new(options, json_string(*w));
		json_t *m = json_pack("{s:s, s:s, s:s}", "destination", dest, "type",
				      sys ? "none" : default_mounts[i].type, "source",
				      sys ? "/sys" : default_mounts[i].source);
		if (json_array_size(options))
			json_object_set(m, "options", options);
		json_decref(options);
		json_array_append_new(all, m);
	}
	return all;
}

static json_t *linux_make(bool rootless)
{
	static const enum ns_kind kinds[] = { NS_PID, NS_NETWORK, NS_IPC, NS_UTS, NS_MOUNT, NS_CGROUP };
	json_t *l = json_object(), *ns = json_array();

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!rootless || kinds[i] != NS_NETWORK)
			json_array_append_new(ns, json_pack("{s:s}", "type", ns_table[kinds[i]].name));
	if (rootless) {
		json_array_append_new(ns, json_pack("{s:s}", "type", ns_table[NS_USER].name));
		json_object_set_new(l, "uidMappings",
				    json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID",
					      (json_int_t)geteuid(), "size", 1));
		json_object_set_new(l, "gidMappings",
				    json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID",
					      (json_int_t)getegid(), "size", 1));
	} else
		json_object_set_new(l, "resources",
				    json_pack("{s:[{s:b, s:s}]}", "devices", "allow", 0, "access", "rwm"));
	json_object_set_new(l, "namespaces", ns);
	json_object_set_new(l, "maskedPaths", strings(default_masked));
	json_object_set_new(l, "readonlyPaths", strings(default_readonly));
	return l;
}

static json_t *process_make(void)
{
	json_t *caps = json_object();

	json_object_set_new(caps, "bounding", strings(default_caps));
	json_object_set_new(caps, "effective", strings(default_caps));
	json_object_set_new(caps, "permitted", strings(default_caps));
	return json_pack("{s:b, s:{s:i, s:i}, s:[s], s:[s, s], s:s, s:o, s:[{s:s, s:i, s:i}], s:b}",
			 "terminal", 1, "user", "uid", 0, "gid", 0, "args", "sh", "env",
			 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
			 "cwd", "/", "capabilities", caps, "rlimits", "type", "RLIMIT_NOFILE", "hard", 1024,
			 "soft", 1024, "noNewPrivileges", 1);
}

json_t *orun_spec_default(bool rootless)
{
	return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", BUNDLE_VERSION_MAX,
			 "process", process_make(), "root", "path", "rootfs", "readonly", 1, "hostname",
			 "orun", "mounts", mounts_make(rootless), "linux", linux_make(rootless));
}

static int spec_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct spec_opts *opts = c->opts;
	const char *file = opts->file ? opts->file : "config.json";
	OWN_FD dir = open(opts->bundle ? opts->bundle : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_JSON spec = orun_spec_default(opts->rootless);
	OWN_STR text = spec ? json_dumps(spec, JSON_INDENT(4)) : NULL;
	int r;

	(void)o; /* shape of a command */
	if (dir < 0)
		return err_sys(e, errno, "bundle %s", opts->bundle);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "spec: out of memory");
	r = io_replace_file(dir, file, text, strlen(text), 0644, IO_EXCLUSIVE, e);
	if (r == -EEXIST)
		return err_new(e, E_CONFLICT, EEXIST, "File %s exists. Remove it first", file);
	return r;
}

const struct command orun_command_spec = {
	.name = "spec", .args = "", .help = "write a configuration to start from", .run = spec_run,
	.rows = spec_rows, .n_rows = ARRAY_LEN(spec_rows), .opts_size = sizeof(struct spec_opts),
};
