/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of the members of a create body: one table, walked once. Members that the table does not
 * know are kept and passed through.
 */
#include <string.h>

#include "format/js.h"
#include "spec/create_body.h"

enum value_type {
	V_STRING,
	V_INT,
	V_BOOL,
	V_STRINGS,      /* array of strings */
	V_STRING_MAP,   /* object of strings */
	V_OBJECTS,      /* array of objects */
	V_OBJECT,
	V_STRINGS_OR_ONE, /* a string, or an array of strings */
	V_ARRAY,
};

struct member {
	const char *path; /* a member of an array of objects: "Mounts[].Type" */
	enum value_type type;
};

#define LIMITS \
	{ "BlkioWeight", V_INT }, { "BlkioDeviceReadBps", V_OBJECTS }, { "BlkioDeviceReadIOps", V_OBJECTS }, \
	{ "BlkioDeviceWriteBps", V_OBJECTS }, { "BlkioDeviceWriteIOps", V_OBJECTS }, \
	{ "BlkioWeightDevice", V_OBJECTS }, { "CgroupParent", V_STRING }, { "CpuPeriod", V_INT }, \
	{ "CpuQuota", V_INT }, { "CpuRealtimePeriod", V_INT }, { "CpuRealtimeRuntime", V_INT }, \
	{ "CpuShares", V_INT }, { "CpusetCpus", V_STRING }, { "CpusetMems", V_STRING }, \
	{ "DeviceCgroupRules", V_STRINGS }, { "DeviceRequests", V_OBJECTS }, { "Devices", V_OBJECTS }, \
	{ "KernelMemory", V_INT }, { "KernelMemoryTCP", V_INT }, { "Memory", V_INT }, \
	{ "MemoryReservation", V_INT }, { "MemorySwap", V_INT }, { "MemorySwappiness", V_INT }, \
	{ "NanoCpus", V_INT }, { "OomKillDisable", V_BOOL }, { "PidsLimit", V_INT }, \
	{ "Ulimits", V_OBJECTS }

static const struct member config[] = {
	{ "AttachStderr", V_BOOL }, { "AttachStdin", V_BOOL }, { "AttachStdout", V_BOOL },
	{ "Cmd", V_STRINGS_OR_ONE }, { "Domainname", V_STRING }, { "Entrypoint", V_STRINGS_OR_ONE },
	{ "Env", V_STRINGS }, { "ExposedPorts", V_OBJECT }, { "Healthcheck", V_OBJECT },
	{ "HostConfig", V_OBJECT }, { "Hostname", V_STRING }, { "Image", V_STRING },
	{ "Labels", V_STRING_MAP }, { "MacAddress", V_STRING }, { "NetworkDisabled", V_BOOL },
	{ "NetworkingConfig", V_OBJECT }, { "OnBuild", V_STRINGS }, { "OpenStdin", V_BOOL },
	{ "Shell", V_STRINGS }, { "StdinOnce", V_BOOL }, { "StopSignal", V_STRING },
	{ "StopTimeout", V_INT }, { "Tty", V_BOOL }, { "User", V_STRING }, { "Volumes", V_OBJECT },
	{ "WorkingDir", V_STRING },
};

static const struct member healthcheck[] = {
	{ "Interval", V_INT }, { "Retries", V_INT }, { "StartInterval", V_INT }, { "StartPeriod", V_INT },
	{ "Test", V_STRINGS }, { "Timeout", V_INT },
};

static const struct member host_config[] = {
	LIMITS,
	{ "Annotations", V_STRING_MAP }, { "AutoRemove", V_BOOL }, { "Binds", V_STRINGS },
	{ "CapAdd", V_STRINGS }, { "CapDrop", V_STRINGS }, { "Cgroup", V_STRING },
	{ "CgroupnsMode", V_STRING }, { "ConsoleSize", V_ARRAY }, { "ContainerIDFile", V_STRING },
	{ "Dns", V_STRINGS }, { "DnsOptions", V_STRINGS }, { "DnsSearch", V_STRINGS },
	{ "ExtraHosts", V_STRINGS }, { "GroupAdd", V_STRINGS }, { "Init", V_BOOL },
	{ "IpcMode", V_STRING }, { "Isolation", V_STRING }, { "Links", V_STRINGS },
	{ "LogConfig", V_OBJECT }, { "MaskedPaths", V_STRINGS }, { "Mounts", V_OBJECTS },
	{ "NetworkMode", V_STRING }, { "OomScoreAdj", V_INT }, { "PidMode", V_STRING },
	{ "PortBindings", V_OBJECT }, { "Privileged", V_BOOL }, { "PublishAllPorts", V_BOOL },
	{ "ReadonlyPaths", V_STRINGS }, { "ReadonlyRootfs", V_BOOL }, { "RestartPolicy", V_OBJECT },
	{ "Runtime", V_STRING }, { "SecurityOpt", V_STRINGS }, { "ShmSize", V_INT },
	{ "StorageOpt", V_STRING_MAP }, { "Sysctls", V_STRING_MAP }, { "Tmpfs", V_STRING_MAP },
	{ "UTSMode", V_STRING }, { "UsernsMode", V_STRING }, { "VolumeDriver", V_STRING },
	{ "VolumesFrom", V_STRINGS },
};

static const struct member restart_policy[] = { { "MaximumRetryCount", V_INT }, { "Name", V_STRING } };
static const struct member log_config[] = { { "Config", V_STRING_MAP }, { "Type", V_STRING } };
static const struct member mount[] = {
	{ "BindOptions", V_OBJECT }, { "Consistency", V_STRING }, { "ReadOnly", V_BOOL },
	{ "Source", V_STRING }, { "Target", V_STRING }, { "TmpfsOptions", V_OBJECT },
	{ "Type", V_STRING }, { "VolumeOptions", V_OBJECT },
};
static const struct member bind_options[] = {
	{ "CreateMountpoint", V_BOOL }, { "NonRecursive", V_BOOL }, { "Propagation", V_STRING },
	{ "ReadOnlyForceRecursive", V_BOOL }, { "ReadOnlyNonRecursive", V_BOOL },
};
static const struct member volume_options[] = {
	{ "DriverConfig", V_OBJECT }, { "Labels", V_STRING_MAP }, { "NoCopy", V_BOOL },
	{ "Subpath", V_STRING },
};
static const struct member driver_config[] = { { "Name", V_STRING }, { "Options", V_STRING_MAP } };
static const struct member tmpfs_options[] = {
	{ "Mode", V_INT }, { "Options", V_ARRAY }, { "SizeBytes", V_INT },
};
static const struct member device[] = {
	{ "CgroupPermissions", V_STRING }, { "PathInContainer", V_STRING }, { "PathOnHost", V_STRING },
};
static const struct member ulimit[] = { { "Hard", V_INT }, { "Name", V_STRING }, { "Soft", V_INT } };
static const struct member throttle[] = { { "Path", V_STRING }, { "Rate", V_INT } };
static const struct member weight_device[] = { { "Path", V_STRING }, { "Weight", V_INT } };
static const struct member networking[] = { { "EndpointsConfig", V_OBJECT } };

/* which table checks the members of which object */
#define TABLE(path, t) { path, t, ARRAY_LEN(t) }
static const struct {
	const char *path; /* below the body; "[]": each member of the array */
	const struct member *rows;
	size_t n;
} tables[] = {
	TABLE("", config),
	TABLE("Healthcheck", healthcheck),
	TABLE("HostConfig", host_config),
	TABLE("HostConfig.BlkioDeviceReadBps[]", throttle),
	TABLE("HostConfig.BlkioDeviceReadIOps[]", throttle),
	TABLE("HostConfig.BlkioDeviceWriteBps[]", throttle),
	TABLE("HostConfig.BlkioDeviceWriteIOps[]", throttle),
	TABLE("HostConfig.BlkioWeightDevice[]", weight_device),
	TABLE("HostConfig.Devices[]", device),
	TABLE("HostConfig.LogConfig", log_config),
	TABLE("HostConfig.Mounts[]", mount),
	TABLE("HostConfig.Mounts[].BindOptions", bind_options),
	TABLE("HostConfig.Mounts[].TmpfsOptions", tmpfs_options),
	TABLE("HostConfig.Mounts[].VolumeOptions", volume_options),
	TABLE("HostConfig.Mounts[].VolumeOptions.DriverConfig", driver_config),
	TABLE("HostConfig.RestartPolicy", restart_policy),
	TABLE("HostConfig.Ulimits[]", ulimit),
	TABLE("NetworkingConfig", networking),
};

static bool all_strings(json_t *list)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
		if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
			return false;
	return true;
}

static bool all_of(json_t *v, enum value_type type)
{
	const char *key;
	json_t *m;
	size_t i;

	switch (type) {
	case V_STRINGS:
		return json_is_array(v) && all_strings(v);
	case V_STRINGS_OR_ONE:
		return json_is_string(v) || (json_is_array(v) && all_strings(v));
	case V_STRING_MAP:
		if (!json_is_object(v))
			return false;
		json_object_foreach(v, key, m)
			if (!json_is_string(m))
				return false;
		return true;
	case V_OBJECTS:
		if (!json_is_array(v))
			return false;
		json_array_foreach(v, i, m)
			if (!json_is_object(m))
				return false;
		return true;
	case V_STRING:
		return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
	case V_INT:
		return json_is_integer(v);
	case V_BOOL:
		return json_is_boolean(v);
	case V_OBJECT:
		return json_is_object(v);
	case V_ARRAY:
		return json_is_array(v);
	}
	return false;
}

static int check_object(const json_t *o, const char *path, const struct member *rows, size_t n,
			struct err *e)
{
	static const char *const names[] = {
		[V_STRING] = "string",           [V_INT] = "integer",
		[V_BOOL] = "boolean",            [V_STRINGS] = "array of strings",
		[V_STRING_MAP] = "object of strings", [V_OBJECTS] = "array of objects",
		[V_OBJECT] = "object",           [V_STRINGS_OR_ONE] = "string or array of strings",
		[V_ARRAY] = "array",
	};
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_object_get(o, rows[i].path);
		if (v && !json_is_null(v) && !all_of(v, rows[i].type))
			return err_new(e, E_INVALID, EINVAL, "%s%s%s: expected %s", path, *path ? "." : "",
				       rows[i].path, names[rows[i].type]);
	}
	return 0;
}

/* apply the table to what lies at @rest below @o, through arrays */
static int walk(const json_t *o, const char *full, const char *rest, size_t table, struct err *e)
{
	char key[64];
	size_t n = strcspn(rest, ".["), i;
	json_t *v, *m;

	if (!*rest)
		return check_object(o, full, tables[table].rows, tables[table].n, e);
	memcpy(key, rest, n);
	key[n] = 0;
	v = json_object_get(o, key);
	if (!v || json_is_null(v))
		return 0;
	rest += n;
	if (!strncmp(rest, "[]", 2)) {
		rest += 2;
		rest += *rest == '.';
		json_array_foreach(v, i, m)
			if (walk(m, full, rest, table, e) < 0)
				return -e->eno;
		return 0;
	}
	return walk(v, full, rest + (*rest == '.'), table, e);
}

int create_body_types(const json_t *body, struct err *e)
{
	if (!json_is_object(body))
		return err_new(e, E_INVALID, EINVAL, "config cannot be empty in order to create a container");
	/* a parent's row comes before its children's: types hold on the way down */
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (walk(body, tables[i].path, tables[i].path, i, e) < 0)
			return -e->eno;
	return 0;
}
