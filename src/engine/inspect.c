/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect: the record completed to docker's object. Fields that the record leaves out get their
 * zero value from the skeletons below, in docker's order.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "driver/storage/quota.h"
#include "engine/engine_int.h"
#include "engine/look.h"
#include "format/js.h"
#include "spec/container_mode.h"

static const char host_config_text[] =
	"{\"Binds\":null,\"ContainerIDFile\":\"\",\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{}},"
	"\"NetworkMode\":\"bridge\",\"PortBindings\":{},\"RestartPolicy\":{\"Name\":\"no\","
	"\"MaximumRetryCount\":0},\"AutoRemove\":false,\"VolumeDriver\":\"\",\"VolumesFrom\":null,"
	"\"ConsoleSize\":[0,0],\"CapAdd\":null,\"CapDrop\":null,\"CgroupnsMode\":\"private\",\"Dns\":[],"
	"\"DnsOptions\":[],\"DnsSearch\":[],\"ExtraHosts\":null,\"GroupAdd\":null,\"IpcMode\":\"private\","
	"\"Cgroup\":\"\",\"Links\":null,\"OomScoreAdj\":0,\"PidMode\":\"\",\"Privileged\":false,"
	"\"PublishAllPorts\":false,\"ReadonlyRootfs\":false,\"SecurityOpt\":null,\"UTSMode\":\"\","
	"\"UsernsMode\":\"\",\"ShmSize\":67108864,\"Runtime\":\"orun\",\"Isolation\":\"\",\"CpuShares\":0,"
	"\"Memory\":0,\"NanoCpus\":0,\"CgroupParent\":\"\",\"BlkioWeight\":0,\"BlkioWeightDevice\":[],"
	"\"BlkioDeviceReadBps\":[],\"BlkioDeviceWriteBps\":[],\"BlkioDeviceReadIOps\":[],"
	"\"BlkioDeviceWriteIOps\":[],\"CpuPeriod\":0,\"CpuQuota\":0,\"CpuRealtimePeriod\":0,"
	"\"CpuRealtimeRuntime\":0,\"CpusetCpus\":\"\",\"CpusetMems\":\"\",\"Devices\":[],"
	"\"DeviceCgroupRules\":null,\"DeviceRequests\":null,\"MemoryReservation\":0,\"MemorySwap\":0,"
	"\"MemorySwappiness\":null,\"OomKillDisable\":false,\"PidsLimit\":null,\"Ulimits\":[],"
	"\"CpuCount\":0,\"CpuPercent\":0,\"IOMaximumIOps\":0,\"IOMaximumBandwidth\":0}";

static const char config_text[] =
	"{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,\"AttachStdout\":false,"
	"\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,\"StdinOnce\":false,\"Env\":[],"
	"\"Cmd\":null,\"Image\":\"\",\"Volumes\":null,\"WorkingDir\":\"\",\"Entrypoint\":null,"
	"\"OnBuild\":null,\"Labels\":{}}";

static const char network_text[] =
	"{\"Bridge\":\"\",\"SandboxID\":\"\",\"SandboxKey\":\"\",\"Ports\":{},\"HairpinMode\":false,"
	"\"LinkLocalIPv6Address\":\"\",\"LinkLocalIPv6PrefixLen\":0,\"SecondaryIPAddresses\":null,"
	"\"SecondaryIPv6Addresses\":null,\"EndpointID\":\"\",\"Gateway\":\"\",\"GlobalIPv6Address\":\"\","
	"\"GlobalIPv6PrefixLen\":0,\"IPAddress\":\"\",\"IPPrefixLen\":0,\"IPv6Gateway\":\"\","
	"\"MacAddress\":\"\",\"Networks\":{}}";

static const char endpoint_text[] =
	"{\"IPAMConfig\":null,\"Links\":null,\"Aliases\":null,\"MacAddress\":\"\",\"DriverOpts\":null,"
	"\"NetworkID\":\"\",\"EndpointID\":\"\",\"Gateway\":\"\",\"IPAddress\":\"\",\"IPPrefixLen\":0,"
	"\"IPv6Gateway\":\"\",\"GlobalIPv6Address\":\"\",\"GlobalIPv6PrefixLen\":0,\"DNSNames\":null}";

/* the skeleton @text with the members of @over */
static json_t *complete(const char *text, const json_t *over)
{
	json_t *o = json_loads(text, 0, NULL);
	if (o && over)
		json_object_update(o, (json_t *)over);
	return o;
}

json_t *look_state(const struct handle *h)
{
	char started[CLOCK_TEXT_MAX], finished[CLOCK_TEXT_MAX];
	enum container_status st = h->st.paused ? CONTAINER_PAUSED : h->st.status;
	bool running = h->st.status == CONTAINER_RUNNING, restarting = st == CONTAINER_RESTARTING;

	clock_format(h->st.started_ns, started);
	clock_format(h->st.finished_ns, finished);
	return json_pack("{ss sb sb sb sb sb sI si ss ss ss}", "Status", container_status_name(st), "Running",
			 running || restarting, "Paused", h->st.paused, "Restarting", restarting, "OOMKilled",
			 h->st.oom_killed, "Dead", 0, "Pid", running ? (json_int_t)h->st.init.pid : 0, "ExitCode",
			 h->st.exit_code, "Error", running ? "" : js_str(h->st.exit, "error", ""), "StartedAt",
			 started, "FinishedAt", finished);
}

json_t *look_networks(const struct handle *h, json_t **shared)
{
	const char *net;
	const json_t *hc = json_object_get(h->c.record, "HostConfig");
	json_t *live = js_at(h->st.run, "network.Networks");
	const json_t *given = js_at(h->c.record, "NetworkingConfig.EndpointsConfig");

	if (live)
		return json_deep_copy(live);
	switch (container_mode_of(MODE_OF_NETWORK, js_str(hc, "NetworkMode", ""), &net)) {
	case CONTAINER_MODE_HOST:
		net = "host";
		break;
	case CONTAINER_MODE_NONE:
		net = "none";
		break;
	case CONTAINER_MODE_NETWORK:
		break;
	case CONTAINER_MODE_JOIN:
	case CONTAINER_MODE_PRIVATE:
	case CONTAINER_MODE_SHAREABLE:
	case CONTAINER_MODE_N:
	default:
		return json_object();
	}
	const json_t *over = json_object_get(given, net);
	if (!shared || over)
		return json_pack("{so}", net, complete(endpoint_text, over));
	if (!*shared)
		*shared = complete(endpoint_text, NULL);
	return json_pack("{sO}", net, *shared);
}

static json_t *network_settings(const struct handle *h)
{
	json_t *o = complete(network_text, json_object_get(h->st.run, "network"));
	json_object_set_new(o, "Networks", look_networks(h, NULL));
	return o;
}

/* what limits its size */
static void quota_data(const struct engine *eng, const struct handle *h, json_t *data)
{
	struct err ignored = { 0 };
	struct quota q;

	if (engine_quota(&h->c, &q, &ignored) < 0 || q.kind == QUOTA_NONE)
		return;
	json_object_set_new(data, "Quota", json_string(quota_kind_name(q.kind)));
	if (q.kind == QUOTA_PROJECT)
		json_object_set_new(data, "QuotaProject", json_sprintf("%u", q.project));
	if (q.kind == QUOTA_DISK)
		json_object_set_new(data, "QuotaDisk",
				    json_sprintf("%s/containers/%s/disk.img", eng->store.root, h->c.id));
}

static json_t *graph_driver(struct engine *eng, const struct handle *h)
{
	ARENA a = { 0 };
	OWN_MOUNT_PLAN plan = { 0 };
	struct err e;
	json_t *data = json_object();

	if (engine_plan(eng, &h->c, STORAGE_PLAN_LOOK, &a, &plan, &e) >= 0 && plan.n_steps &&
	    plan.steps[plan.n_steps - 1].upper) {
		const struct mount_step *s = &plan.steps[plan.n_steps - 1];
		struct buf lower = { 0 };
		for (size_t i = 0; i < s->n_lowers; i++)
			buf_printf(&lower, "%s%s", i ? ":" : "", s->lowers[i]);
		json_object_set_new(data, "LowerDir", json_string(buf_str(&lower)));
		json_object_set_new(data, "MergedDir",
				    json_sprintf("%s/containers/%s/rootfs", eng->store.run, h->c.id));
		json_object_set_new(data, "UpperDir", json_string(s->upper));
		json_object_set_new(data, "WorkDir", json_string(s->work));
		buf_done(&lower);
	}
	quota_data(eng, h, data);
	return json_pack("{so ss}", "Data", data, "Name", js_str(h->c.record, "Driver", eng->storage->name));
}

static json_t *file_path(struct engine *eng, const struct handle *h, const char *name)
{
	char path[128];

	if (!faccessat(h->c.dir_fd, name, F_OK, 0))
		return json_sprintf("%s/containers/%s/%s", eng->store.root, h->c.id, name);
	(void)snprintf(path, sizeof path, "containers/%s/%s", h->c.id, name);
	if (!faccessat(eng->store.run_fd, path, F_OK, 0))
		return json_sprintf("%s/%s", eng->store.run, path);
	return json_string("");
}

static void copy(json_t *to, const json_t *from, const char *key, json_t *dflt)
{
	json_t *v = json_object_get(from, key);
	if (v) {
		json_object_set(to, key, v);
		json_decref(dflt);
	} else
		json_object_set_new(to, key, dflt);
}

int engine_inspect(struct engine *eng, const char *ref, bool size, json_t **ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_JSON o = json_object();

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	const json_t *r = h.c.record;
	copy(o, r, "Id", json_string(""));
	copy(o, r, "Created", json_string(""));
	copy(o, r, "Path", json_string(""));
	copy(o, r, "Args", json_array());
	json_object_set_new(o, "State", look_state(&h));
	copy(o, r, "Image", json_string(""));
	json_object_set_new(o, "ResolvConfPath", file_path(eng, &h, "resolv.conf"));
	json_object_set_new(o, "HostnamePath", file_path(eng, &h, "hostname"));
	json_object_set_new(o, "HostsPath", file_path(eng, &h, "hosts"));
	json_object_set_new(o, "LogPath", file_path(eng, &h, "container-json.log"));
	copy(o, r, "Name", json_string(""));
	copy(o, r, "RestartCount", json_integer(0));
	copy(o, r, "Driver", json_string(""));
	copy(o, r, "Platform", json_string("linux"));
	json_object_set_new(o, "MountLabel", json_string(""));
	json_object_set_new(o, "ProcessLabel", json_string(""));
	json_object_set_new(o, "AppArmorProfile", json_string(""));
	json_object_set_new(o, "ExecIDs", json_null());
	json_object_set_new(o, "HostConfig", complete(host_config_text, json_object_get(r, "HostConfig")));
	json_object_set_new(o, "GraphDriver", graph_driver(eng, &h));
	if (size)
		look_sizes(eng, &h, o);
	copy(o, r, "Mounts", json_array());
	json_object_set_new(o, "Config", complete(config_text, json_object_get(r, "Config")));
	if (json_object_set_new(o, "NetworkSettings", network_settings(&h)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "inspect %s", ref);
	*ret = ptr_take(&o);
	return 0;
}

int engine_port(struct engine *eng, const char *ref, json_t **ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	json_t *ports = js_at(h.st.run, "network.Ports");
	*ret = ports ? json_incref(ports) : json_object();
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "ports");
}

int engine_log_open(struct engine *eng, const char *ref, int *ret_dirfd, int *ret_pidfd, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_FD pidfd = -1;

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	if (ret_pidfd && h.st.status == CONTAINER_RUNNING)
		(void)proc_pidfd(&h.st.init, &pidfd, e); /* has just ended: as if stopped */
	if (ret_pidfd)
		*ret_pidfd = fd_take(&pidfd);
	*ret_dirfd = fd_take(&h.c.dir_fd);
	return 0;
}
