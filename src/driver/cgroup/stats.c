/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of a group in the shape of runc's `events --stats` (types.Stats): same members whatever
 * the hierarchy is. A file that is missing leaves its members out or 0. "No limit" of v2 is
 * INT64_MAX.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "driver/cgroup/cgroup_int.h"
#include "driver/cgroup/stats.h"
#include "format/js.h"

/* --- small pieces -------------------------------------------------------------------------- */

static void put(json_t *o, const char *key, uint64_t v)
{
	/* a failed allocation leaves the member out; the caller checks the whole object at the end */
	(void)json_object_set_new(o, key, json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

/* as Go's omitempty */
static void put_some(json_t *o, const char *key, uint64_t v)
{
	if (v)
		put(o, key, v);
}

static uint64_t number(struct cg_tree *t, const char *file)
{
	uint64_t v;
	return cg_number(t, file, &v) == 0 ? v : 0;
}

static void put_file(json_t *o, const char *key, struct cg_tree *t, const char *file)
{
	put(o, key, number(t, file));
}

json_t *cg_stats_keyed(const char *text)
{
	json_t *o = json_object();
	while (o && *text) {
		size_t n = strcspn(text, "\n"), k = strcspn(text, " \n");
		char value[24];
		uint64_t v;
		if (k && k < n && k < 128 && n - k - 1 < sizeof value) {
			char key[128];
			memcpy(key, text, k);
			key[k] = 0;
			memcpy(value, text + k + 1, n - k - 1);
			value[n - k - 1] = 0;
			if (text_uint64(value, &v) == 0)
				put(o, key, v);
		}
		text += n + (text[n] == '\n');
	}
	return o;
}

json_t *cg_stats_numbers(const char *text)
{
	json_t *list = json_array();
	while (list && *text) {
		char *end;
		unsigned long long v = strtoull(text, &end, 10);
		if (end == text)
			break;
		(void)json_array_append_new(list, json_integer((json_int_t)v)); /* as in put */
		text = end + strspn(end, " \n");
	}
	return list;
}

json_t *cg_stats_list(const char *text)
{
	json_t *list = json_array();
	while (list && *text) {
		unsigned from, to;
		int used = 0;
		if (sscanf(text, "%u-%u%n", &from, &to, &used) < 2) {
			used = 0;
			if (sscanf(text, "%u%n", &from, &used) != 1)
				break;
			to = from;
		}
		for (unsigned i = from; i <= to && i - from < 65536 && i < UINT32_MAX; i++)
			(void)json_array_append_new(list, json_integer(i)); /* as in put */
		text += used;
		text += strspn(text, ", \n");
	}
	return list;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
json_t *cg_stats_pressure(const char *text)
{
	json_t *o = json_object();
	for (; o && *text; text += strcspn(text, "\n"), text += *text == '\n') {
		char which[8];
		double a, b, c;
		uint64_t total;
		if (sscanf(text, "%7s avg10=%lf avg60=%lf avg300=%lf total=%" SCNu64, which, &a, &b, &c,
			   &total) != 5 || (strcmp(which, "some") && strcmp(which, "full")))
			continue;
		json_t *p = json_pack("{s:f, s:f, s:f}", "avg10", a, "avg60", b, "avg300", c);
		if (p)
			put(p, "total", total);
		(void)json_object_set_new(o, which, p); /* as in put */
	}
	return o;
}

static void put_pressure(json_t *o, struct cg_tree *t, const char *file)
{
	char text[512];
	if (t->unified && cg_read(t, file, text, sizeof text) > 0)
		(void)json_object_set_new(o, "psi", cg_stats_pressure(text)); /* as in put */
}

/* --- cpu ----------------------------------------------------------------------------------- */

static void cpu_unified(struct cg_tree *t, json_t *usage, json_t *throttling)
{
	char text[1024];
	uint64_t v = 0;
	static const struct {
		const char *key, *name;
		bool throttle;
		unsigned scale;
	} rows[] = {
		{ "usage_usec", "total", false, 1000 },      { "system_usec", "kernel", false, 1000 },
		{ "user_usec", "user", false, 1000 },        { "nr_periods", "periods", true, 1 },
		{ "nr_throttled", "throttledPeriods", true, 1 },
		{ "throttled_usec", "throttledTime", true, 1000 },
	};
	if (cg_read(t, "cpu.stat", text, sizeof text) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (cg_keyed(text, rows[i].key, &v))
			put(rows[i].throttle ? throttling : usage, rows[i].name, v * rows[i].scale);
}

/* cpuacct.usage_all: "cpu user system" and one line per processor */
static void percpu_split(const char *text, json_t *usage)
{
	json_t *user = json_array(), *kernel = json_array();
	text += strcspn(text, "\n");
	while (user && kernel && *text) {
		unsigned cpu;
		uint64_t u, k;
		text += *text == '\n';
		if (sscanf(text, "%u %" SCNu64 " %" SCNu64, &cpu, &u, &k) == 3) {
			(void)json_array_append_new(user, json_integer((json_int_t)u)); /* as in put */
			(void)json_array_append_new(kernel, json_integer((json_int_t)k));
		}
		text += strcspn(text, "\n");
	}
	(void)json_object_set_new(usage, "percpu_kernel", kernel);
	(void)json_object_set_new(usage, "percpu_user", user);
}

static void cpu_legacy(const struct cgroup *cg, json_t *usage, json_t *throttling)
{
	struct cg_tree *acct = cg_tree_of(cg, CG_CPUACCT), *cpu = cg_tree_of(cg, CG_CPU);
	OWN_STR all = NULL;
	OWN_STR percpu = NULL;
	char text[1024];
	uint64_t v = 0, hz = (uint64_t)sysconf(_SC_CLK_TCK);

	if (acct) {
		put_file(usage, "total", acct, "cpuacct.usage");
		if (cg_read_all(acct, "cpuacct.usage_percpu", &percpu) == 0)
			(void)json_object_set_new(usage, "percpu", cg_stats_numbers(percpu)); /* as in put */
		if (cg_read_all(acct, "cpuacct.usage_all", &all) == 0)
			percpu_split(all, usage);
		if (cg_read(acct, "cpuacct.stat", text, sizeof text) > 0) {
			put(usage, "user", cg_keyed(text, "user", &v) ? v * (1000000000 / hz) : 0);
			put(usage, "kernel", cg_keyed(text, "system", &v) ? v * (1000000000 / hz) : 0);
		}
	}
	if (cpu && cg_read(cpu, "cpu.stat", text, sizeof text) > 0) {
		put_some(throttling, "periods", cg_keyed(text, "nr_periods", &v) ? v : 0);
		put_some(throttling, "throttledPeriods", cg_keyed(text, "nr_throttled", &v) ? v : 0);
		put_some(throttling, "throttledTime", cg_keyed(text, "throttled_time", &v) ? v : 0);
	}
}

static json_t *cpu_stats(const struct cgroup *cg)
{
	json_t *usage = json_object(), *throttling = json_object();
	struct cg_tree *t = cg_tree_of(cg, CG_CPUACCT), *u = cg_unified(cg);

	/* a v2 group counts processor time even without the controller */
	if ((!t && u) || (t && t->unified))
		cpu_unified(t ? t : u, usage, throttling);
	else
		cpu_legacy(cg, usage, throttling);
	if (usage && !json_object_get(usage, "kernel"))
		put(usage, "kernel", 0);
	if (usage && !json_object_get(usage, "user"))
		put(usage, "user", 0);
	json_t *o = json_pack("{s:o, s:o}", "usage", usage, "throttling", throttling);
	if (o && u)
		put_pressure(o, u, "cpu.pressure");
	return o;
}

static json_t *cpuset_stats(const struct cgroup *cg)
{
	static const struct {
		const char *name, *file;
	} rows[] = {
		{ "cpu_exclusive", "cpuset.cpu_exclusive" },
		{ "mem_hardwall", "cpuset.mem_hardwall" },
		{ "mem_exclusive", "cpuset.mem_exclusive" },
		{ "memory_migrate", "cpuset.memory_migrate" },
		{ "memory_spread_page", "cpuset.memory_spread_page" },
		{ "memory_spread_slab", "cpuset.memory_spread_slab" },
		{ "memory_pressure", "cpuset.memory_pressure" },
		{ "sched_load_balance", "cpuset.sched_load_balance" },
		{ "sched_relax_domain_level", "cpuset.sched_relax_domain_level" },
	};
	static const struct {
		const char *name, *legacy, *unified;
	} lists[] = {
		{ "cpus", "cpuset.cpus", "cpuset.cpus.effective" },
		{ "mems", "cpuset.mems", "cpuset.mems.effective" },
	};
	struct cg_tree *t = cg_tree_of(cg, CG_CPUSET);
	json_t *o = json_object();
	char text[4096];

	for (size_t i = 0; o && t && i < ARRAY_LEN(lists); i++)
		if (cg_read(t, t->unified ? lists[i].unified : lists[i].legacy, text, sizeof text) > 0)
			(void)json_object_set_new(o, lists[i].name, cg_stats_list(text)); /* as in put */
	for (size_t i = 0; o && i < ARRAY_LEN(rows); i++) {
		json_int_t v = 0;
		if (t && !t->unified && cg_read(t, rows[i].file, text, sizeof text) > 0)
			v = strtoll(text, NULL, 10);
		(void)json_object_set_new(o, rows[i].name, json_integer(v)); /* as in put */
	}
	return o;
}

/* --- memory -------------------------------------------------------------------------------- */

static json_t *memory_entry(struct cg_tree *t, const char *prefix)
{
	static const char *const rows[][2] = {
		{ "limit", "limit_in_bytes" }, { "usage", "usage_in_bytes" },
		{ "max", "max_usage_in_bytes" }, { "failcnt", "failcnt" },
	};
	json_t *o = json_object();
	for (size_t i = 0; o && i < ARRAY_LEN(rows); i++) {
		char file[64];
		(void)snprintf(file, sizeof file, "memory%s.%s", prefix, rows[i][1]); /* fits */
		put_file(o, rows[i][0], t, file);
	}
	return o;
}

static uint64_t keyed_file(struct cg_tree *t, const char *file, const char *key)
{
	char text[1024];
	uint64_t v;
	return cg_read(t, file, text, sizeof text) > 0 && cg_keyed(text, key, &v) ? v : 0;
}

static json_t *entry(uint64_t limit, uint64_t usage, uint64_t max, uint64_t failcnt)
{
	json_t *o = json_object();
	if (!o)
		return NULL;
	put(o, "limit", limit);
	put(o, "usage", usage);
	put_some(o, "max", max);
	put(o, "failcnt", failcnt);
	return o;
}

static void memory_unified(struct cg_tree *t, json_t *o, const json_t *raw)
{
	uint64_t limit = number(t, "memory.max"), usage = number(t, "memory.current");
	uint64_t swap_limit = number(t, "memory.swap.max"), swap = number(t, "memory.swap.current");

	put(o, "cache", (uint64_t)js_int(raw, "file", 0));
	(void)json_object_set_new(o, "usage", entry(limit, usage, number(t, "memory.peak"),
						    keyed_file(t, "memory.events", "max"))); /* as in put */
	/* v1 counts memory and swap together, and its readers expect that */
	if (limit != UINT64_MAX && swap_limit != UINT64_MAX)
		swap_limit += limit;
	else
		swap_limit = UINT64_MAX;
	(void)json_object_set_new(o, "swap", entry(swap_limit, swap + usage, 0,
						   keyed_file(t, "memory.swap.events", "max")));
	(void)json_object_set_new(o, "kernel", entry(0, (uint64_t)js_int(raw, "kernel", 0), 0, 0));
	(void)json_object_set_new(o, "kernelTCP", entry(0, (uint64_t)js_int(raw, "sock", 0), 0, 0));
	put_pressure(o, t, "memory.pressure");
}

static json_t *memory_stats(const struct cgroup *cg)
{
	struct cg_tree *t = cg_tree_of(cg, CG_MEMORY);
	json_t *o = json_object();
	OWN_STR text = NULL;

	if (!t || !o)
		return o;
	json_t *raw = cg_read_all(t, "memory.stat", &text) == 0 ? cg_stats_keyed(text) : json_object();
	if (t->unified) {
		memory_unified(t, o, raw);
	} else {
		put(o, "cache", (uint64_t)js_int(raw, "cache", 0));
		(void)json_object_set_new(o, "usage", memory_entry(t, "")); /* as in put */
		(void)json_object_set_new(o, "swap", memory_entry(t, ".memsw"));
		(void)json_object_set_new(o, "kernel", memory_entry(t, ".kmem"));
		(void)json_object_set_new(o, "kernelTCP", memory_entry(t, ".kmem.tcp"));
	}
	(void)json_object_set_new(o, "raw", raw);
	return o;
}

static json_t *pids_stats(const struct cgroup *cg)
{
	struct cg_tree *t = cg_tree_of(cg, CG_PIDS);
	json_t *o = json_object();
	if (t && o) {
		uint64_t limit = number(t, "pids.max");
		put(o, "current", number(t, "pids.current"));
		put_some(o, "limit", limit == UINT64_MAX ? 0 : limit); /* as runc: none is 0 */
	}
	return o;
}

/* --- hugetlb, whole ------------------------------------------------------------------------ */

static json_t *huge_stats(const struct cgroup *cg)
{
	struct cg_tree *t = cg_tree_of(cg, CG_HUGETLB);
	json_t *o = json_object();
	OWN_DIR d = t && o ? opendir("/sys/kernel/mm/hugepages") : NULL;

	for (struct dirent *i; d && (i = readdir(d));) {
		unsigned long long kb;
		char size[24], file[64];
		if (sscanf(i->d_name, "hugepages-%llukB", &kb) != 1)
			continue;
		if (kb >= 1 << 20)
			(void)snprintf(size, sizeof size, "%lluGB", kb >> 20); /* all fit */
		else if (kb >= 1 << 10)
			(void)snprintf(size, sizeof size, "%lluMB", kb >> 10);
		else
			(void)snprintf(size, sizeof size, "%lluKB", kb);
		json_t *h = json_object();
		if (!h)
			continue;
		(void)snprintf(file, sizeof file, "hugetlb.%s.%s", size,
			       t->unified ? "current" : "usage_in_bytes");
		put_some(h, "usage", number(t, file));
		(void)snprintf(file, sizeof file, "hugetlb.%s.max_usage_in_bytes", size);
		put_some(h, "max", t->unified ? 0 : number(t, file));
		(void)snprintf(file, sizeof file, "hugetlb.%s.%s", size, t->unified ? "events" : "failcnt");
		put(h, "failcnt", t->unified ? keyed_file(t, file, "max") : number(t, file));
		(void)json_object_set_new(o, size, h); /* as in put */
	}
	return o;
}

int cgroup_stats(const struct cgroup *cg, json_t **ret, struct err *e)
{
	json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "cpu", cpu_stats(cg), "cpuset",
			      cpuset_stats(cg), "memory", memory_stats(cg), "pids", pids_stats(cg),
			      "blkio", cg_stats_blkio(cg), "hugetlb", huge_stats(cg));
	if (!o)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	*ret = o;
	return 0;
}

static const char *oom_file(const struct cg_tree *t)
{
	return t->unified ? "memory.events" : "memory.oom_control";
}

int cgroup_oom_file(const struct cgroup *cg, char *out, size_t n)
{
	const struct cg_tree *t = cg_tree_of(cg, CG_MEMORY);

	if (!t)
		return -ENOENT;
	return (size_t)snprintf(out, n, "%s/%s", t->dir, oom_file(t)) < n ? 0 : -ENAMETOOLONG;
}

int cgroup_oom_count(const struct cgroup *cg, uint64_t *ret, struct err *e)
{
	struct cg_tree *t = cg_tree_of(cg, CG_MEMORY);
	char text[1024];

	if (!t)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			       "count kills for lack of memory: the memory controller is not available here");
	ssize_t n = cg_read(t, oom_file(t), text, sizeof text);
	if (n < 0)
		return err_sys(e, (int)-n, "count kills for lack of memory in %s", t->dir);
	if (!cg_keyed(text, "oom_kill", ret))
		*ret = 0; /* before Linux 4.13 nobody counted */
	return 0;
}
