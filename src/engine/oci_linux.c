/* SPDX-License-Identifier: Apache-2.0
 *
 * The linux part of the OCI configuration: namespaces, limits, masked paths, sysctls, seccomp.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "base/text.h"
#include "driver/cgroup/cgroup.h"
#include "engine/oci.h"
#include "format/js.h"
#include "spec/container_mode.h"
#include "spec/security_opt.h"

enum { PERIOD_US = 100000 };

static const char *const masked_paths[] = {
	"/proc/acpi",       "/proc/asound",     "/proc/interrupts",  "/proc/kcore",
	"/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
	"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
};
static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static json_t *strings(const char *const *v, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

static int add_ns(json_t *list, const char *type, const char *path)
{
	return json_array_append_new(list, path ? json_pack("{ss ss}", "type", type, "path", path) :
						  json_pack("{ss}", "type", type));
}

static int namespaces(const struct oci_req *q, const json_t *hc, json_t *linux_part)
{
	const struct {
		const char *type, *key, *join;
		enum container_mode_kind kind;
	} rows[] = {
		{ "network", "NetworkMode", q->join_network, MODE_OF_NETWORK },
		{ "ipc", "IpcMode", q->join_ipc, MODE_OF_IPC },
		{ "uts", "UTSMode", NULL, MODE_OF_UTS },
		{ "pid", "PidMode", q->join_pid, MODE_OF_PID },
		{ "cgroup", "CgroupnsMode", NULL, MODE_OF_CGROUPNS },
	};
	json_t *list = json_array();
	int r = add_ns(list, "mount", NULL);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (container_mode_of(rows[i].kind, js_str(hc, rows[i].key, ""), NULL) != CONTAINER_MODE_HOST)
			r |= add_ns(list, rows[i].type, rows[i].join);
	return r | json_object_set_new(linux_part, "namespaces", list);
}

/* a list given by the user, even an empty one, replaces ours */
static int paths(const json_t *hc, json_t *linux_part, struct err *e)
{
	const json_t *masked = json_object_get(hc, "MaskedPaths");
	const json_t *readonly = json_object_get(hc, "ReadonlyPaths");
	struct security_opt sec;

	if (security_opt_parse(json_object_get(hc, "SecurityOpt"), &sec, e) < 0)
		return -e->eno;
	if (js_bool(hc, "Privileged", false) || sec.systempaths_unconfined)
		return 0;
	if (json_object_set_new(linux_part, "maskedPaths",
				json_is_array(masked) ? json_deep_copy(masked) :
							strings(masked_paths, ARRAY_LEN(masked_paths))) < 0 ||
	    json_object_set_new(linux_part, "readonlyPaths",
				json_is_array(readonly) ? json_deep_copy(readonly) :
							  strings(readonly_paths, ARRAY_LEN(readonly_paths))) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "paths");
	return 0;
}

/* unprivileged ping and low ports are safe in a network namespace of its own */
static int sysctls(const json_t *hc, json_t *linux_part)
{
	enum container_mode net = container_mode_of(MODE_OF_NETWORK, js_str(hc, "NetworkMode", ""), NULL);
	json_t *o = json_object();

	if (net == CONTAINER_MODE_NETWORK || net == CONTAINER_MODE_NONE) {
		json_object_set_new(o, "net.ipv4.ip_unprivileged_port_start", json_string("0"));
		json_object_set_new(o, "net.ipv4.ping_group_range", json_string("0 2147483647"));
	}
	json_object_update(o, json_object_get(hc, "Sysctls"));
	return json_object_set_new(linux_part, "sysctl", o);
}

static void set_int(json_t *o, const char *key, int64_t v)
{
	json_object_set_new(o, key, json_integer(v));
}

static int put(json_t *resources, const char *key, json_t *part)
{
	if (!json_object_size(part)) {
		json_decref(part);
		return 0;
	}
	return json_object_set_new(resources, key, part);
}

static int memory(const json_t *r, json_t *resources)
{
	json_t *m = json_object();
	int64_t max = js_int(r, "Memory", 0), swap = js_int(r, "MemorySwap", 0);
	int64_t swappiness = js_int(r, "MemorySwappiness", -1);

	if (max > 0) {
		set_int(m, "limit", max);
		/* a host that does not count swap limits memory alone, as docker does there */
		if (!swap && cgroup_swap_supported())
			swap = max > INT64_MAX / 2 ? INT64_MAX : 2 * max;
	}
	if (swap)
		set_int(m, "swap", swap);
	if (js_int(r, "MemoryReservation", 0) > 0)
		set_int(m, "reservation", js_int(r, "MemoryReservation", 0));
	if (swappiness >= 0)
		set_int(m, "swappiness", swappiness);
	if (js_bool(r, "OomKillDisable", false))
		json_object_set_new(m, "disableOOMKiller", json_true());
	return put(resources, "memory", m);
}

static int cpu(const json_t *r, json_t *resources)
{
	static const struct {
		const char *docker, *oci;
	} numbers[] = {
		{ "CpuShares", "shares" }, { "CpuPeriod", "period" }, { "CpuQuota", "quota" },
		{ "CpuRealtimePeriod", "realtimePeriod" }, { "CpuRealtimeRuntime", "realtimeRuntime" },
	};
	json_t *c = json_object();
	int64_t nano = js_int(r, "NanoCpus", 0);

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (js_int(r, numbers[i].docker, 0))
			set_int(c, numbers[i].oci, js_int(r, numbers[i].docker, 0));
	if (nano > 0) {
		set_int(c, "period", PERIOD_US);
		set_int(c, "quota", nano / (1000000000 / PERIOD_US));
	}
	if (*js_str(r, "CpusetCpus", ""))
		json_object_set(c, "cpus", json_object_get(r, "CpusetCpus"));
	if (*js_str(r, "CpusetMems", ""))
		json_object_set(c, "mems", json_object_get(r, "CpusetMems"));
	return put(resources, "cpu", c);
}

static int device_of(const char *path, json_t *o, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, errno, "block device %s", path);
	if (!S_ISBLK(st.st_mode))
		return err_new(e, E_INVALID, ENOTBLK, "%s is no block device", path);
	set_int(o, "major", major(st.st_rdev));
	set_int(o, "minor", minor(st.st_rdev));
	return 0;
}

static int throttles(const json_t *r, const char *key, const char *oci_key, const char *value,
		     const char *oci_value, json_t *io, struct err *e)
{
	json_t *list = json_array(), *v;
	size_t i;

	json_array_foreach(json_object_get(r, key), i, v) {
		json_t *o = json_object();
		json_array_append_new(list, o);
		if (device_of(js_str(v, "Path", ""), o, e) < 0) {
			json_decref(list);
			return -e->eno;
		}
		set_int(o, oci_value, js_int(v, value, 0));
	}
	if (json_array_size(list))
		return json_object_set_new(io, oci_key, list);
	json_decref(list);
	return 0;
}

static int block_io(const json_t *r, json_t *resources, struct err *e)
{
	json_t *io = json_object();

	if (js_int(r, "BlkioWeight", 0))
		set_int(io, "weight", js_int(r, "BlkioWeight", 0));
	if (throttles(r, "BlkioWeightDevice", "weightDevice", "Weight", "weight", io, e) < 0 ||
	    throttles(r, "BlkioDeviceReadBps", "throttleReadBpsDevice", "Rate", "rate", io, e) < 0 ||
	    throttles(r, "BlkioDeviceWriteBps", "throttleWriteBpsDevice", "Rate", "rate", io, e) < 0 ||
	    throttles(r, "BlkioDeviceReadIOps", "throttleReadIOPSDevice", "Rate", "rate", io, e) < 0 ||
	    throttles(r, "BlkioDeviceWriteIOps", "throttleWriteIOPSDevice", "Rate", "rate", io, e) < 0) {
		json_decref(io);
		return -e->eno;
	}
	return put(resources, "blockIO", io);
}

int oci_resources(const json_t *r, json_t *resources, struct err *e)
{
	int64_t pids = js_int(r, "PidsLimit", 0);

	if (memory(r, resources) < 0 || cpu(r, resources) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "limits");
	if (pids && json_object_set_new(resources, "pids", json_pack("{sI}", "limit", (json_int_t)pids)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "limits");
	return block_io(r, resources, e);
}

/* a bind that shares or receives mounts needs a root that does */
static void propagation(const json_t *mounts, json_t *linux_part)
{
	const char *want = NULL;
	size_t i, k;
	json_t *m, *w;

	json_array_foreach(mounts, i, m)
		json_array_foreach(json_object_get(m, "options"), k, w) {
			const char *s = json_string_value(w);
			if (!strcmp(s, "shared") || !strcmp(s, "rshared"))
				want = "rshared";
			else if ((!strcmp(s, "slave") || !strcmp(s, "rslave")) && !want)
				want = "rslave";
		}
	if (want)
		json_object_set_new(linux_part, "rootfsPropagation", json_string(want));
}

static json_t *cgroups_path_of(const struct oci_req *q, const json_t *hc)
{
	const char *parent = js_str(hc, "CgroupParent", "");
	size_t n = strlen(parent);

	while (n && parent[n - 1] == '/')
		n--;
	if (!n)
		return json_sprintf("/onggi/%s", q->c->id);
	return json_sprintf("%s%.*s/%s", *parent == '/' ? "" : "/", (int)n, parent, q->c->id);
}

int oci_linux(const struct oci_req *q, json_t *config, struct err *e)
{
	const json_t *hc = json_object_get(q->c->record, "HostConfig");
	json_t *part = json_object(), *resources = json_object(), *seccomp = NULL;

	if (json_object_set_new(config, "linux", part) < 0 ||
	    json_object_set_new(part, "resources", resources) < 0 || namespaces(q, hc, part) < 0 ||
	    sysctls(hc, part) < 0 || json_object_set_new(part, "cgroupsPath", cgroups_path_of(q, hc)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "linux");
	if (paths(hc, part, e) < 0 || oci_resources(hc, resources, e) < 0 ||
	    oci_devices(q, part, resources, e) < 0 || oci_seccomp(hc, oci_capabilities(hc), &seccomp, e) < 0)
		return -e->eno;
	if (seccomp && json_object_set_new(part, "seccomp", seccomp) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "seccomp");
	propagation(q->mounts, part);
	return 0;
}
