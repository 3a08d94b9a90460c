/* SPDX-License-Identifier: Apache-2.0
 *
 * The systemd driver at work: a scope is started around the container's process, then limits go
 * into its group as everywhere, and systemd is told the same, or it would put its own back at the
 * next reload.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "driver/cgroup/dbus.h"
#include "driver/cgroup/knob.h"
#include "format/js.h"
#include "sys/sched.h"

#define NAME    "org.freedesktop.systemd1"
#define OBJECT  "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

enum { JOB_MS = 30000 };

static void own_dbus_done(struct dbus *d)
{
	dbus_close(d);
}
#define OWN_DBUS CLEANUP(own_dbus_done) struct dbus

/* systemd's own socket first: it is there without a message bus too. */
static int manager_open(bool rootless, struct dbus *ret, struct err *e)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	char own[256], bus[256];

	if (!rootless) {
		if (!cg_systemd_running()) {
			err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the systemd cgroup driver cannot be used: systemd "
				"does not run on this host");
			err_hint(e, "use the cgroupfs driver (without --systemd-cgroup)");
			return -EOPNOTSUPP;
		}
		if (dbus_open("/run/systemd/private", false, ret, e) == 0)
			return 0;
		return dbus_open("/run/dbus/system_bus_socket", true, ret, e);
	}
	if (!runtime && !address) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the systemd cgroup driver cannot be used: no user session");
		err_hint(e, "XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS must be set (log in, or loginctl "
			    "enable-linger), or use the cgroupfs driver");
		return -EOPNOTSUPP;
	}
	(void)snprintf(own, sizeof own, "%.200s/systemd/private", runtime ? runtime : "/nonexistent"); /* fits */
	if (dbus_open(own, false, ret, e) == 0)
		return 0;
	if (address && !strncmp(address, "unix:path=", 10))
		(void)snprintf(bus, sizeof bus, "%.*s", (int)strcspn(address + 10, ",;"), address + 10);
	else
		(void)snprintf(bus, sizeof bus, "%.200s/bus", runtime ? runtime : "/nonexistent"); /* all fit */
	return dbus_open(bus, true, ret, e);
}

static int manager_call(struct dbus *d, const char *member, const char *signature,
			const struct buf *body, struct dbus_message *ret, struct err *e)
{
	struct dbus_call c = { NAME, OBJECT, MANAGER, member, signature, body };
	return dbus_call(d, &c, ret, e);
}

/* Group of the manager itself, below which all slices are: "" for that of the host. */
static int manager_group(struct dbus *d, char out[512], struct err *e)
{
	OWN_BUF b = { 0 };
	struct dbus_message m;
	struct dbus_call c = { NAME, OBJECT, "org.freedesktop.DBus.Properties", "Get", "ss", &b };
	const char *text = "";
	size_t at = 3; /* the variant's signature: one byte, "s", NUL */

	dbus_put_string(&b, MANAGER);
	dbus_put_string(&b, "ControlGroup");
	int r = dbus_call(d, &c, &m, e);
	if (r >= 0 && (m.n < 4 || m.body[1] != 's' || !dbus_get_string(&m, &at, &text) ||
		       strlen(text) >= 512 || (*text && *text != '/')))
		r = err_new(e, E_CORRUPT, EPROTO, "systemd: unexpected value of ControlGroup");
	if (r >= 0)
		(void)snprintf(out, 512, "%s", strcmp(text, "/") ? text : ""); /* fits */
	dbus_message_done(&m);
	return r;
}

/* Waits until job @path has left the queue. "done" is what we want to hear. */
static int job_wait(struct dbus *d, const char *path, const char *unit, struct err *e)
{
	int64_t deadline = clock_mono_ns() + (int64_t)JOB_MS * 1000000;

	for (;;) {
		struct dbus_message m;
		uint32_t id;
		const char *job, *name, *result;
		size_t at = 0;
		int r = dbus_next(d, deadline, &m, e);
		if (r < 0)
			return err_ctx(e, "wait for unit %s", unit);
		bool ours = m.type == DBUS_SIGNAL && !strcmp(m.member, "JobRemoved") &&
			    dbus_get_u32(&m, &at, &id) && dbus_get_string(&m, &at, &job) &&
			    dbus_get_string(&m, &at, &name) && dbus_get_string(&m, &at, &result) &&
			    !strcmp(job, path);
		if (ours && strcmp(result, "done") != 0)
			r = err_new(e, E_IO, EIO, "systemd: job of unit %s ended with \"%.60s\"", unit, result);
		dbus_message_done(&m);
		if (ours)
			return r;
	}
}

/* Calls that start a job; @m's first value is its path. */
static int job_run(struct dbus *d, const char *member, const char *signature, const struct buf *body,
		   const char *unit, struct err *e)
{
	struct dbus_message m;
	const char *job;
	size_t at = 0;
	int r = manager_call(d, member, signature, body, &m, e);

	if (r >= 0 && !dbus_get_string(&m, &at, &job))
		r = err_new(e, E_CORRUPT, EPROTO, "systemd: unexpected answer to %s", member);
	if (r >= 0)
		r = job_wait(d, job, unit, e);
	dbus_message_done(&m);
	return r;
}

/* On a bus signals only come to those who ask; systemd's own socket sends them all. */
static int listen_for_jobs(struct dbus *d, struct err *e)
{
	OWN_BUF b = { 0 };
	struct dbus_message m;
	struct dbus_call match = { "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
				   "AddMatch", "s", &b };

	if (!d->bus)
		return 0;
	dbus_put_string(&b, "type='signal',sender='" NAME "',interface='" MANAGER "',member='JobRemoved'");
	int r = dbus_call(d, &match, &m, e);
	dbus_message_done(&m);
	if (r < 0)
		return r;
	r = manager_call(d, "Subscribe", "", NULL, &m, e);
	if (r < 0 && strstr(m.error, "AlreadySubscribed"))
		r = 0;
	dbus_message_done(&m);
	return r;
}

/* --- properties ---------------------------------------------------------------------------- */

static void property_begin(struct buf *b, const char *name, const char *type)
{
	dbus_put_align(b, 8);
	dbus_put_string(b, name);
	dbus_put_signature(b, type);
}

static void property_string(struct buf *b, const char *name, const char *value)
{
	property_begin(b, name, "s");
	dbus_put_string(b, value);
}

static void property_bool(struct buf *b, const char *name, bool value)
{
	property_begin(b, name, "b");
	dbus_put_u32(b, value);
}

static void property_u64(struct buf *b, const char *name, uint64_t value)
{
	property_begin(b, name, "t");
	dbus_put_u64(b, value);
}

/* a set of CPUs or memory nodes, as bits */
static void property_set(struct buf *b, const char *name, const char *list)
{
	struct sched_mask m;

	if (!list || !*list || sched_mask_parse(list, &m) < 0)
		return; /* what the file cannot take either is refused there */
	size_t n = sizeof m.bits;
	while (n > 1 && !((const char *)m.bits)[n - 1])
		n--;
	property_begin(b, name, "ay");
	dbus_put_u32(b, (uint32_t)n);
	buf_add(b, m.bits, n);
}

/* per second, in steps of 10 ms: systemd refuses finer ones, the file gets the exact value after it */
static uint64_t quota_per_second(uint64_t quota, uint64_t period)
{
	return (quota * 1000000 / period + 9999) / 10000 * 10000;
}

/* Members of `unified` that systemd would otherwise write over with its own idea of them. */
static void unified_put(const json_t *resources, struct buf *b)
{
	static const struct {
		const char *file, *property;
	} rows[] = {
		{ "memory.min", "MemoryMin" },      { "memory.low", "MemoryLow" },
		{ "memory.high", "MemoryHigh" },    { "memory.max", "MemoryMax" },
		{ "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
		{ "cpu.weight", "CPUWeight" },
	};
	const json_t *map = json_object_get(resources, "unified");
	unsigned long long quota, period;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const json_t *j = json_object_get(map, rows[i].file);
		const char *text = json_is_string(j) ? json_string_value(j) : "";
		char *end;
		if (!strcmp(text, "max"))
			property_u64(b, rows[i].property, UINT64_MAX);
		else if (*text >= '0' && *text <= '9') {
			unsigned long long v = strtoull(text, &end, 10);
			if (!*end) /* "10M" is for the file alone */
				property_u64(b, rows[i].property, v);
		}
	}
	const json_t *max = json_object_get(map, "cpu.max");
	if (json_is_string(max) && sscanf(json_string_value(max), "%llu %llu", &quota, &period) == 2 && period) {
		property_u64(b, "CPUQuotaPeriodUSec", period);
		property_u64(b, "CPUQuotaPerSecUSec", quota_per_second(quota, period));
	}
	const json_t *cpus = json_object_get(map, "cpuset.cpus"), *mems = json_object_get(map, "cpuset.mems");
	property_set(b, "AllowedCPUs", json_is_string(cpus) ? json_string_value(cpus) : NULL);
	property_set(b, "AllowedMemoryNodes", json_is_string(mems) ? json_string_value(mems) : NULL);
}

/* What of @resources systemd keeps an own copy of; @all: also what older ones than 244 do not know. */
static int properties_put(const struct cgroup *cg, const json_t *resources, bool all, struct buf *b,
			  struct err *e)
{
	struct cg_values v = { 0 };
	bool unified = cg_unified(cg) && cg->n == 1;
	int r = cg_values_read(resources, &v, e);

	if (r < 0)
		return r;
	for (int id = 0; id < KNOB_N; id++) {
		const char *name = unified ? cg_knobs[id].unified.property : cg_knobs[id].legacy.property;
		uint64_t value = v.v[id] < 0 ? UINT64_MAX : (uint64_t)v.v[id];
		if (!v.set[id] || !name)
			continue;
		if (id == KNOB_CPU_SHARES && unified)
			value = cg_weight_of_shares(value);
		if (id == KNOB_BLKIO_WEIGHT && unified)
			value = cg_io_weight_of_blkio(value);
		if (id == KNOB_MEMORY_SWAP && value != UINT64_MAX)
			value -= v.v[KNOB_MEMORY_LIMIT] > 0 ? (uint64_t)v.v[KNOB_MEMORY_LIMIT] : 0;
		if (id == KNOB_CPU_QUOTA && value != UINT64_MAX) {
			uint64_t period = v.set[KNOB_CPU_PERIOD] ? (uint64_t)v.v[KNOB_CPU_PERIOD] : 100000;
			if (all && unified)
				property_u64(b, "CPUQuotaPeriodUSec", period);
			value = quota_per_second(value, period);
		}
		property_u64(b, name, value);
	}
	if (all && unified) {
		property_set(b, "AllowedCPUs", js_str(resources, "cpu.cpus", NULL));
		property_set(b, "AllowedMemoryNodes", js_str(resources, "cpu.mems", NULL));
		unified_put(resources, b);
	}
	return 0;
}

/* an older systemd, which knows fewer properties */
static bool is_unknown(const struct err *e)
{
	return strstr(e->chain, "unknown property") || strstr(e->chain, "PropertyReadOnly") ||
	       strstr(e->chain, "UnknownProperty");
}

/* --- driver -------------------------------------------------------------------------------- */

static int plan(struct cgroup *cg, const struct cgroup_req *req, const char *group,
		const struct cg_scope *scope, struct err *e)
{
	OWN_PTR struct cg_host *host = calloc(1, sizeof *host);
	char path[2048];
	struct cgroup_req as_path = *req;

	if (!host)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	(void)snprintf(path, sizeof path, "%s%s", group, scope->path); /* fits */
	as_path.path = path;
	int r = cg_host_scan("/sys/fs/cgroup", -1, host, e);
	return r < 0 ? r : cg_plan(cg, host, &as_path, e);
}

int cg_systemd_create(struct cgroup *cg, const struct cgroup_req *req, struct err *e)
{
	OWN_DBUS d = { .fd = -1 };
	struct cg_scope scope;
	char group[512];

	int r = cg_systemd_parse(req->path, req->id, req->rootless, &scope, e);
	if (r >= 0)
		r = manager_open(req->rootless, &d, e);
	if (r >= 0)
		r = manager_group(&d, group, e);
	if (r < 0)
		return r;
	cg->unit = strdup(scope.unit);
	cg->slice = strdup(scope.slice);
	if (!cg->unit || !cg->slice)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	return plan(cg, req, group, &scope, e);
}

static int scope_start(struct cgroup *cg, struct dbus *d, pid_t pid, bool all, struct err *e)
{
	OWN_BUF b = { 0 };
	char text[320];

	dbus_put_string(&b, cg->unit);
	dbus_put_string(&b, "replace");
	size_t list = dbus_array_begin(&b, 8);
	(void)snprintf(text, sizeof text, "onggi container %s", cg->unit); /* fits */
	property_string(&b, "Description", text);
	property_string(&b, "Slice", cg->slice);
	property_bool(&b, "Delegate", true);
	property_bool(&b, "DefaultDependencies", false);
	/* one that was killed is "failed", and would stay in systemd's lists */
	if (all)
		property_string(&b, "CollectMode", "inactive-or-failed");
	static const char *const accounts[] = { "MemoryAccounting", "CPUAccounting", "TasksAccounting",
						"IOAccounting" };
	for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
		property_bool(&b, accounts[i], true);
	property_begin(&b, "PIDs", "au");
	size_t pids = dbus_array_begin(&b, 4);
	dbus_put_u32(&b, (uint32_t)pid);
	dbus_array_end(&b, pids, 4);
	int r = properties_put(cg, cg->resources, all, &b, e);
	dbus_array_end(&b, list, 8);
	size_t aux = dbus_array_begin(&b, 8); /* no other units */
	dbus_array_end(&b, aux, 8);
	return r < 0 ? r : job_run(d, "StartTransientUnit", "ssa(sv)a(sa(sv))", &b, cg->unit, e);
}

int cg_systemd_enter(struct cgroup *cg, pid_t pid, struct err *e)
{
	OWN_DBUS d = { .fd = -1 };
	OWN_BUF b = { 0 };
	struct dbus_message m;
	struct err ignored = { 0 };

	int r = manager_open(cg->rootless, &d, e);
	if (r >= 0)
		r = listen_for_jobs(&d, e);
	if (r < 0)
		return r;
	/* a failed unit of the same name, from a start that went wrong, would be in the way */
	dbus_put_string(&b, cg->unit);
	(void)manager_call(&d, "ResetFailedUnit", "s", &b, &m, &ignored); /* there is none, mostly */
	dbus_message_done(&m);
	cg->started = true;
	r = scope_start(cg, &d, pid, true, e);
	if (r < 0 && is_unknown(e)) {
		err_clear(e);
		r = scope_start(cg, &d, pid, false, e);
	}
	if (r < 0 && strstr(e->chain, "UnitExists")) {
		cg->started = false; /* somebody else's: never stopped by us */
		err_new(e, E_CONFLICT, EEXIST, "linux.cgroupsPath: systemd has a unit %s already", cg->unit);
		err_hint(e, "another container uses this name, or one was left behind: see systemctl status %s",
			 cg->unit);
		return -EEXIST;
	}
	return r;
}

static int unit_set(const struct cgroup *cg, struct dbus *d, const json_t *resources, bool all, struct err *e)
{
	OWN_BUF b = { 0 };
	struct dbus_message m;

	dbus_put_string(&b, cg->unit);
	dbus_put_u32(&b, true); /* until the unit ends, not for ever */
	size_t list = dbus_array_begin(&b, 8);
	int r = properties_put(cg, resources, all, &b, e);
	size_t before = b.n;
	dbus_array_end(&b, list, 8);
	if (r < 0 || before == (list + 7) / 8 * 8)
		return r; /* nothing that systemd cares for */
	r = d->fd < 0 ? manager_open(cg->rootless, d, e) : 0;
	if (r < 0)
		return r;
	r = manager_call(d, "SetUnitProperties", "sba(sv)", &b, &m, e);
	dbus_message_done(&m);
	return r < 0 ? r : 1;
}

int cg_systemd_update(struct cgroup *cg, const json_t *resources, struct err *e)
{
	OWN_DBUS d = { .fd = -1 };

	int r = unit_set(cg, &d, resources, true, e);
	if (r < 0 && is_unknown(e)) {
		err_clear(e);
		r = unit_set(cg, &d, resources, false, e);
	}
	return r;
}

int cg_systemd_remove(struct cgroup *cg, struct err *e)
{
	OWN_DBUS d = { .fd = -1 };
	OWN_BUF b = { 0 };
	OWN_BUF name = { 0 };
	struct dbus_message m;
	struct err own = { 0 };

	if (!cg->started)
		return 0;
	/* a scope goes by itself with its last process; most often there is nothing left to stop */
	struct cg_tree *t = cg_unified(cg);
	if (t && access(t->dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	int r = manager_open(cg->rootless, &d, e);
	if (r >= 0)
		r = listen_for_jobs(&d, e);
	if (r < 0)
		return r;
	dbus_put_string(&b, cg->unit);
	dbus_put_string(&b, "replace");
	if (job_run(&d, "StopUnit", "ss", &b, cg->unit, &own) < 0 && !strstr(own.chain, "NoSuchUnit") &&
	    !strstr(own.chain, "not loaded")) {
		*e = own;
		return -e->eno;
	}
	dbus_put_string(&name, cg->unit);
	(void)manager_call(&d, "ResetFailedUnit", "s", &name, &m, &own); /* there is none, mostly */
	dbus_message_done(&m);
	return 0;
}
