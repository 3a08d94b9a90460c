/* SPDX-License-Identifier: Apache-2.0
 *
 * stats: one sample of a container's use of resources, from its cgroup and its network namespace,
 * in the shape of docker's API.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup.h"
#include "engine/engine_int.h"
#include "format/js.h"
#include "runtime/state.h"

static json_t *take(const json_t *from, const char *dotted)
{
	json_t *v = js_at(from, dotted);
	return v && !json_is_null(v) ? json_incref(v) : json_integer(0);
}

static json_t *list_of(const json_t *from, const char *dotted)
{
	json_t *v = js_at(from, dotted);
	return json_is_array(v) ? json_incref(v) : json_array();
}

/* user, nice, system, idle ... of all processors, in nanoseconds */
static json_int_t system_cpu_ns(void)
{
	OWN_STR text = NULL;
	struct err e;
	unsigned long long v[7] = { 0 }, sum = 0;

	if (io_read_file(AT_FDCWD, "/proc/stat", 1 << 20, &text, NULL, &e) < 0 ||
	    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &v[6]) < 4)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		sum += v[i];
	return (json_int_t)(sum * (1000000000ull / (unsigned long long)sysconf(_SC_CLK_TCK)));
}

/* every interface but lo */
static json_t *networks(pid_t pid)
{
	char path[40];
	OWN_STR text = NULL;
	struct err e;
	json_t *o = json_object();

	(void)snprintf(path, sizeof path, "/proc/%d/net/dev", (int)pid);
	if (io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL, &e) < 0)
		return o;
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		char name[32];
		long long v[16];
		if (sscanf(p, " %31[^: ]: %lld %lld %lld %lld %*d %*d %*d %*d %lld %lld %lld %lld", name, &v[0],
			   &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) != 9 || !strcmp(name, "lo"))
			continue;
		json_object_set_new(o, name, json_pack("{sI sI sI sI sI sI sI sI}", "rx_bytes", (json_int_t)v[0],
						       "rx_packets", (json_int_t)v[1], "rx_errors", (json_int_t)v[2],
						       "rx_dropped", (json_int_t)v[3], "tx_bytes", (json_int_t)v[4],
						       "tx_packets", (json_int_t)v[5], "tx_errors", (json_int_t)v[6],
						       "tx_dropped", (json_int_t)v[7]));
	}
	return o;
}

static json_t *cpu(const json_t *s)
{
	json_t *usage = json_pack("{so so so so}", "total_usage", take(s, "cpu.usage.total"), "percpu_usage",
				  list_of(s, "cpu.usage.percpu"), "usage_in_kernelmode",
				  take(s, "cpu.usage.kernel"), "usage_in_usermode", take(s, "cpu.usage.user"));
	json_t *throttling = json_pack("{so so so}", "periods", take(s, "cpu.throttling.periods"),
				       "throttled_periods", take(s, "cpu.throttling.throttledPeriods"),
				       "throttled_time", take(s, "cpu.throttling.throttledTime"));
	return json_pack("{so sI sI so}", "cpu_usage", usage, "system_cpu_usage", system_cpu_ns(), "online_cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "throttling_data", throttling);
}

static json_t *memory(const json_t *s)
{
	struct sysinfo si;
	json_int_t all = sysinfo(&si) ? 0 : (json_int_t)si.totalram * si.mem_unit;
	json_int_t limit = js_int(s, "memory.usage.limit", 0);
	json_t *raw = js_at(s, "memory.raw");

	/* no limit is shown as the machine's memory */
	if (limit <= 0 || (all && limit > all))
		limit = all;
	return json_pack("{so so so so sI}", "usage", take(s, "memory.usage.usage"), "max_usage",
			 take(s, "memory.usage.max"), "stats", raw ? json_incref(raw) : json_object(), "failcnt",
			 take(s, "memory.usage.failcnt"), "limit", limit);
}

static json_t *blkio(const json_t *s)
{
	return json_pack("{so so so so so so so so}", "io_service_bytes_recursive",
			 list_of(s, "blkio.ioServiceBytesRecursive"), "io_serviced_recursive",
			 list_of(s, "blkio.ioServicedRecursive"), "io_queue_recursive",
			 list_of(s, "blkio.ioQueueRecursive"), "io_service_time_recursive",
			 list_of(s, "blkio.ioServiceTimeRecursive"), "io_wait_time_recursive",
			 list_of(s, "blkio.ioWaitTimeRecursive"), "io_merged_recursive",
			 list_of(s, "blkio.ioMergedRecursive"), "io_time_recursive",
			 list_of(s, "blkio.ioTimeRecursive"), "sectors_recursive",
			 list_of(s, "blkio.sectorsRecursive"));
}

static int sample(struct engine *eng, const char *id, json_t **ret, struct err *e)
{
	struct state st = STATE_EMPTY;
	struct cgroup *cg = NULL;

	int r = state_open(&eng->runtime, id, 0, &st, e);
	if (r >= 0)
		r = state_cgroup(&st, &cg, e);
	if (r >= 0)
		r = cgroup_stats(cg, ret, e);
	cgroup_free(cg);
	state_close(&st);
	return r;
}

int engine_stats(struct engine *eng, const char *ref, json_t **ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_JSON s = NULL;
	char now[CLOCK_TEXT_MAX];

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	clock_format(clock_now_ns(), now);
	if (h.st.status != CONTAINER_RUNNING) {
		*ret = json_pack("{ss ss ss}", "read", "0001-01-01T00:00:00Z", "name", js_str(h.c.record, "Name", ""),
				 "id", h.c.id);
		return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "stats");
	}
	if (sample(eng, h.c.id, &s, e) < 0)
		return err_ctx(e, "stats of container %.12s", h.c.id);
	*ret = json_pack("{ss ss so so sI so so ss ss so}", "read", now, "preread", "0001-01-01T00:00:00Z",
			 "pids_stats", json_pack("{so so}", "current", take(s, "pids.current"), "limit",
						 take(s, "pids.limit")),
			 "blkio_stats", blkio(s), "num_procs", (json_int_t)0, "cpu_stats", cpu(s), "memory_stats",
			 memory(s), "name", js_str(h.c.record, "Name", ""), "id", h.c.id, "networks",
			 networks(h.st.init.pid));
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "stats");
}
