/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a create body: see create_body.h. The table of types is in create_types.c, the limits
 * in create_limits.c.
 */
#include "spec/create_body.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/capability.h"
#include "spec/container_mode.h"
#include "spec/mount_spec.h"
#include "spec/port.h"
#include "spec/security_opt.h"
#include "spec/signal.h"
#include "spec/storage_opt.h"

static int bad(struct err *e, const char *text)
{
	return err_new(e, E_INVALID, EINVAL, "%s", text);
}

static bool has(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_string(v))
		return json_string_length(v) > 0;
	return json_array_size(v) > 0 || json_object_size(v) > 0;
}

static int healthcheck(const json_t *body, struct err *e)
{
	static const char *const times[] = { "Interval", "Timeout", "StartPeriod", "StartInterval" };
	const json_t *h = json_object_get(body, "Healthcheck");

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t ns = js_int(h, times[i], 0);
		if (ns && ns < 1000000)
			return err_new(e, E_INVALID, EINVAL, "%s in Healthcheck cannot be less than 1ms", times[i]);
	}
	if (js_int(h, "Retries", 0) < 0)
		return bad(e, "Retries in Healthcheck cannot be negative");
	return 0;
}

static int hostname_check(const char *s, const char *what, size_t max, struct err *e)
{
	if (strlen(s) > max)
		return err_new(e, E_INVALID, EINVAL, "%s is longer than %zu bytes: %.80s...", what, max, s);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == '/' || *p == 0x7f)
			return err_new(e, E_INVALID, EINVAL, "invalid %s: \"%s\"", what, s);
	return 0;
}

static int config(const json_t *body, struct err *e)
{
	const char *dir = js_str(body, "WorkingDir", ""), *sig = js_str(body, "StopSignal", "");
	const char *key;
	json_t *v;
	size_t i;
	uint16_t port;
	char proto[5];

	if (!*js_str(body, "Image", ""))
		return bad(e, "no image is named");
	if (*dir && *dir != '/')
		return err_new(e, E_INVALID, EINVAL,
			       "the working directory '%s' is invalid, it needs to be an absolute path", dir);
	if (*sig && signal_parse(sig) < 0)
		return err_new(e, E_INVALID, EINVAL, "Invalid signal: %s", sig);
	json_array_foreach(json_object_get(body, "Env"), i, v) {
		const char *s = json_string_value(v);
		if (!*s || *s == '=')
			return err_new(e, E_INVALID, EINVAL, "invalid environment variable: %s", s);
	}
	json_object_foreach(json_object_get(body, "ExposedPorts"), key, v)
		if (port_key_parse(key, &port, proto, e) < 0)
			return -e->eno;
	json_object_foreach(json_object_get(body, "Volumes"), key, v)
		if (*key != '/' || !key[strspn(key, "/")])
			return err_new(e, E_INVALID, EINVAL, "invalid volume specification: '%s'", key);
	if (hostname_check(js_str(body, "Hostname", ""), "hostname", 64, e) < 0 ||
	    hostname_check(js_str(body, "Domainname", ""), "domain name", 255, e) < 0)
		return -e->eno;
	return healthcheck(body, e);
}

int create_body_check_restart(const json_t *hc, struct err *e)
{
	static const char *const names[] = { "", "no", "always", "unless-stopped", "on-failure" };
	const char *name = js_str(hc, "RestartPolicy.Name", "");
	int64_t max = js_int(hc, "RestartPolicy.MaximumRetryCount", 0);
	size_t i = 0;

	while (i < ARRAY_LEN(names) && strcmp(names[i], name))
		i++;
	if (i == ARRAY_LEN(names))
		return err_new(e, E_INVALID, EINVAL,
			       "invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
			       "'on-failure', or 'unless-stopped'", name);
	if (max && strcmp(name, "on-failure"))
		return bad(e, "invalid restart policy: maximum retry count can only be used with 'on-failure'");
	if (max < 0)
		return bad(e, "invalid restart policy: maximum retry count cannot be negative");
	if (js_bool(hc, "AutoRemove", false) && i > 1)
		return bad(e, "can't create 'AutoRemove' container with restart policy");
	return 0;
}

static int mac_check(const char *s, struct err *e)
{
	unsigned b[6];
	int end = 0;

	if (*s && (sscanf(s, "%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%n", &b[0], &b[1], &b[2],
			  &b[3], &b[4], &b[5], &end) != 6 || s[end] || (b[0] & 1)))
		return err_new(e, E_INVALID, EINVAL, "%s is not a valid mac address", s);
	return 0;
}

/* what a container that uses another's network cannot have of its own */
static int joined_network(const json_t *body, const json_t *hc, struct err *e)
{
	static const struct {
		const char *key, *text;
		bool host_config;
	} rows[] = {
		{ "Hostname", "conflicting options: hostname and the network mode", false },
		{ "Links", "conflicting options: container type network can't be used with links. This would "
			   "result in undefined behavior", true },
		{ "Dns", "conflicting options: dns and the network mode", true },
		{ "ExtraHosts", "conflicting options: custom host-to-IP mapping and the network mode", true },
		{ "MacAddress", "conflicting options: mac-address and the network mode", false },
		{ "PortBindings", "conflicting options: port publishing and the container type network mode", true },
		{ "ExposedPorts", "conflicting options: port exposing and the container type network mode", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (has(rows[i].host_config ? hc : body, rows[i].key))
			return bad(e, rows[i].text);
	if (js_bool(hc, "PublishAllPorts", false))
		return bad(e, "conflicting options: port publishing and the container type network mode");
	return 0;
}

static int modes(const json_t *body, const json_t *hc, json_t *warnings, struct err *e)
{
	static const struct {
		enum container_mode_kind kind;
		const char *key;
	} rows[] = {
		{ MODE_OF_PID, "PidMode" }, { MODE_OF_IPC, "IpcMode" }, { MODE_OF_UTS, "UTSMode" },
		{ MODE_OF_USERNS, "UsernsMode" }, { MODE_OF_CGROUPNS, "CgroupnsMode" },
	};
	enum container_mode m, net;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (container_mode_parse(rows[i].kind, js_str(hc, rows[i].key, ""), &m, NULL, e) < 0)
			return -e->eno;
	if (container_mode_parse(MODE_OF_NETWORK, js_str(hc, "NetworkMode", ""), &net, NULL, e) < 0)
		return -e->eno;
	if (container_mode_of(MODE_OF_UTS, js_str(hc, "UTSMode", ""), NULL) == CONTAINER_MODE_HOST &&
	    has(body, "Hostname"))
		return bad(e, "conflicting options: hostname and the UTS mode");
	if (json_object_size(js_at(body, "NetworkingConfig.EndpointsConfig")) > 1) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "a container with more than one network is not supported");
		return -e->eno;
	}
	if (net == CONTAINER_MODE_JOIN)
		return joined_network(body, hc, e);
	if (net == CONTAINER_MODE_HOST && has(hc, "Links"))
		return bad(e, "conflicting options: host type networking can't be used with links. This would "
			      "result in undefined behavior");
	if (net == CONTAINER_MODE_HOST && (has(hc, "PortBindings") || js_bool(hc, "PublishAllPorts", false)))
		json_array_append_new(warnings,
				      json_string("Published ports are discarded when using host network mode"));
	return 0;
}

static int addresses(const json_t *body, const json_t *hc, struct err *e)
{
	struct in6_addr a;
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(hc, "Dns"), i, v) {
		const char *s = json_string_value(v);
		if (inet_pton(AF_INET, s, &a) != 1 && inet_pton(AF_INET6, s, &a) != 1)
			return err_new(e, E_INVALID, EINVAL, "%s is not an ip address", s);
	}
	json_array_foreach(json_object_get(hc, "ExtraHosts"), i, v) {
		const char *s = json_string_value(v);
		size_t n = strcspn(s, ":=");
		const char *ip = s[n] ? s + n + 1 : "";
		char bare[64] = "";
		if (*ip == '[' && strlen(ip) < sizeof bare && ip[strlen(ip) - 1] == ']')
			(void)snprintf(bare, sizeof bare, "%.*s", (int)strlen(ip) - 2, ip + 1);
		else
			(void)snprintf(bare, sizeof bare, "%s", ip);
		if (!n || !*ip)
			return err_new(e, E_INVALID, EINVAL, "bad format for add-host: \"%s\"", s);
		if (strcmp(ip, "host-gateway") && inet_pton(AF_INET, bare, &a) != 1 &&
		    inet_pton(AF_INET6, bare, &a) != 1)
			return err_new(e, E_INVALID, EINVAL, "invalid IP address in add-host: \"%s\"", ip);
	}
	if (has(hc, "Links")) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "links between containers are not supported");
		err_hint(e, "put both containers into one user network, where they find each other by name");
		return -e->eno;
	}
	return mac_check(js_str(body, "MacAddress", ""), e);
}

static int capabilities(const json_t *hc, struct err *e)
{
	static const char *const keys[] = { "CapAdd", "CapDrop" };
	size_t k;
	json_t *v;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_array_foreach(json_object_get(hc, keys[i]), k, v) {
			const char *s = json_string_value(v);
			if (strcasecmp(s, "ALL") && capability_parse(s) < 0)
				return err_new(e, E_INVALID, EINVAL, "invalid capability: \"%s\"", s);
		}
	return 0;
}

static int sysctls(const json_t *hc, struct err *e)
{
	static const char *const names[] = {
		"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
		"kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.domainname",
	};
	bool host_net = container_mode_of(MODE_OF_NETWORK, js_str(hc, "NetworkMode", ""), NULL) ==
			CONTAINER_MODE_HOST;
	bool host_ipc = container_mode_of(MODE_OF_IPC, js_str(hc, "IpcMode", ""), NULL) ==
			CONTAINER_MODE_HOST;
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(hc, "Sysctls"), key, v) {
		bool net = text_starts(key, "net."), ok = net || text_starts(key, "fs.mqueue.");
		for (size_t i = 0; i < ARRAY_LEN(names) && !ok; i++)
			ok = !strcmp(names[i], key);
		if (!ok || strstr(key, "..") || strchr(key, '/'))
			return err_new(e, E_INVALID, EINVAL, "sysctl '%s' is not allowed: it has no namespace", key);
		if (net && host_net)
			return err_new(e, E_INVALID, EINVAL,
				       "sysctl '%s' is not allowed in the host network namespace", key);
		if (!net && host_ipc)
			return err_new(e, E_INVALID, EINVAL, "sysctl '%s' is not allowed in the host ipc namespace",
				       key);
	}
	return 0;
}

static int log_config(const json_t *hc, struct err *e)
{
	const char *type = js_str(hc, "LogConfig.Type", "");
	const char *key;
	json_t *v;
	int64_t n;

	if (*type && strcmp(type, "json-file") && strcmp(type, "none")) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			"logger: no log driver named '%s' is registered", type);
		err_hint(e, "use --log-driver json-file or none");
		return -e->eno;
	}
	json_object_foreach(js_at(hc, "LogConfig.Config"), key, v) {
		const char *s = json_string_value(v);
		bool known = !strcmp(key, "max-size") || !strcmp(key, "max-file") || !strcmp(key, "labels") ||
			     !strcmp(key, "labels-regex") || !strcmp(key, "env") || !strcmp(key, "env-regex") ||
			     !strcmp(key, "tag") || !strcmp(key, "compress") || !strcmp(key, "mode") ||
			     !strcmp(key, "max-buffer-size");
		if (!known)
			return err_new(e, E_INVALID, EINVAL, "unknown log opt '%s' for %s log driver", key,
				       *type ? type : "json-file");
		if (!strcmp(key, "max-size") && strcmp(s, "-1") && (text_bytes(s, &n) < 0 || n <= 0))
			return err_new(e, E_INVALID, EINVAL, "invalid value for max-size: %s", s);
		if (!strcmp(key, "max-file") && (text_int64(s, &n) < 0 || n < 1))
			return bad(e, "max-file cannot be less than 1");
	}
	return 0;
}

static int host_config(const json_t *body, const json_t *hc, json_t *warnings, struct err *e)
{
	struct security_opt sec;
	OWN_PORT_LIST ports = { 0 };
	ARENA a = { 0 };
	struct mount_spec *mounts;
	size_t n;
	int64_t adj = js_int(hc, "OomScoreAdj", 0);
	const char *isolation = js_str(hc, "Isolation", "");

	if (adj < -1000 || adj > 1000)
		return err_new(e, E_INVALID, EINVAL,
			       "Invalid value %lld, range for oom score adj is [-1000, 1000]", (long long)adj);
	if (js_int(hc, "ShmSize", 0) < 0)
		return bad(e, "SHM size can not be less than 0");
	if (*isolation && strcmp(isolation, "default") && strcmp(isolation, "process"))
		return err_new(e, E_INVALID, EINVAL, "invalid isolation \"%s\" on linux", isolation);
	struct storage_opt limits;
	if (storage_opt_parse(json_object_get(hc, "StorageOpt"), &limits, e) < 0)
		return err_ctx(e, "--storage-opt");
	if (modes(body, hc, warnings, e) < 0 || addresses(body, hc, e) < 0 || capabilities(hc, e) < 0 ||
	    create_body_check_restart(hc, e) < 0 || sysctls(hc, e) < 0 || log_config(hc, e) < 0 ||
	    security_opt_parse(json_object_get(hc, "SecurityOpt"), &sec, e) < 0 ||
	    port_list_from_json(json_object_get(hc, "PortBindings"), &ports, e) < 0 ||
	    mount_spec_parse_all(hc, &a, &mounts, &n, e) < 0)
		return -e->eno;
	return 0;
}

int create_body_check(const json_t *body, const struct create_host *host, json_t *warnings,
		      struct err *e)
{
	const json_t *hc = json_object_get(body, "HostConfig");

	if (create_body_types(body, e) < 0 || config(body, e) < 0)
		return -e->eno;
	if (!hc || json_is_null(hc))
		return 0;
	if (create_body_check_limits(hc, host, warnings, e) < 0)
		return -e->eno;
	return host_config(body, hc, warnings, e);
}
