/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of a group from made-up files: v1 and v2 give the same members, in runc's shape.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"
#include "driver/cgroup/stats.h"
#include "format/js.h"

struct file {
	const char *name, *text;
};

static const struct file unified[] = {
	{ "cgroup.controllers", "cpuset cpu io memory hugetlb pids\n" },
	{ "cpu.stat", "usage_usec 100\nuser_usec 60\nsystem_usec 40\nnr_periods 3\nnr_throttled 2\n"
		      "throttled_usec 7\n" },
	{ "cpu.pressure", "some avg10=1.50 avg60=0.00 avg300=0.00 total=99\n"
			  "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
	{ "cpuset.cpus.effective", "0-2,5\n" },
	{ "cpuset.mems.effective", "0\n" },
	{ "memory.current", "5000\n" },
	{ "memory.max", "10000\n" },
	{ "memory.peak", "9000\n" },
	{ "memory.swap.current", "50\n" },
	{ "memory.swap.max", "500\n" },
	{ "memory.events", "low 0\nhigh 0\nmax 4\noom 2\noom_kill 1\n" },
	{ "memory.stat", "anon 100\nfile 200\nkernel 300\nsock 4\n" },
	{ "pids.current", "3\n" },
	{ "pids.max", "max\n" },
	{ "io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n" },
};

static const struct file legacy[] = {
	{ "cpuacct.usage", "100000\n" },
	{ "cpuacct.usage_percpu", "60000 40000 \n" },
	{ "cpuacct.usage_all", "cpu user system\n0 50000 10000\n1 10000 30000\n" },
	{ "cpuacct.stat", "user 6\nsystem 4\n" },
	{ "cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 7000\n" },
	{ "cpuset.cpus", "0-2,5\n" },
	{ "cpuset.mems", "0\n" },
	{ "cpuset.sched_load_balance", "1\n" },
	{ "cpuset.sched_relax_domain_level", "-1\n" },
	{ "memory.usage_in_bytes", "5000\n" },
	{ "memory.limit_in_bytes", "10000\n" },
	{ "memory.max_usage_in_bytes", "9000\n" },
	{ "memory.failcnt", "4\n" },
	{ "memory.memsw.usage_in_bytes", "5050\n" },
	{ "memory.memsw.limit_in_bytes", "10500\n" },
	{ "memory.stat", "cache 200\nrss 100\n" },
	{ "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n" },
	{ "pids.current", "3\n" },
	{ "pids.max", "20\n" },
	{ "blkio.throttle.io_service_bytes_recursive", "8:0 Read 10\n8:0 Write 20\nTotal 30\n" },
	{ "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n" },
};

static json_t *stats_of(const struct file *files, size_t n, const char *const *keys, uint64_t *oom)
{
	char dir[] = "/tmp/onggi-stats-XXXXXX";
	struct err e = { 0 };
	struct cgroup *cg = NULL;
	json_t *out = NULL, *paths = json_object();
	assert_non_null(mkdtemp(dir));
	OWN_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(io_replace_file(fd, files[i].name, files[i].text, strlen(files[i].text), 0644,
						 0, &e), 0);
	for (; *keys; keys++)
		json_object_set_new(paths, *keys, json_string(dir));
	OWN_JSON record = json_pack("{s:o}", "paths", paths);
	assert_int_equal(cgroup_open(record, &cg, &e), 0);
	assert_int_equal(cgroup_stats(cg, &out, &e), 0);
	assert_int_equal(cgroup_oom_count(cg, oom, &e), 0);
	cgroup_free(cg);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir, &e), 0);
	return out;
}

static void same_everywhere(const json_t *s)
{
	assert_int_equal(js_int(s, "cpu.usage.total", 0), 100000);
	assert_int_equal(js_int(s, "cpu.throttling.periods", 0), 3);
	assert_int_equal(js_int(s, "cpu.throttling.throttledPeriods", 0), 2);
	assert_int_equal(js_int(s, "cpu.throttling.throttledTime", 0), 7000);
	assert_int_equal(json_array_size(js_at(s, "cpuset.cpus")), 4);
	assert_int_equal(json_array_size(js_at(s, "cpuset.mems")), 1);
	assert_int_equal(js_int(s, "memory.cache", 0), 200);
	assert_int_equal(js_int(s, "memory.usage.usage", 0), 5000);
	assert_int_equal(js_int(s, "memory.usage.limit", 0), 10000);
	assert_int_equal(js_int(s, "memory.usage.max", 0), 9000);
	assert_int_equal(js_int(s, "memory.usage.failcnt", 0), 4);
	assert_int_equal(js_int(s, "memory.swap.usage", 0), 5050);
	assert_int_equal(js_int(s, "memory.swap.limit", 0), 10500);
	assert_int_equal(js_int(s, "pids.current", 0), 3);
	const json_t *io = json_array_get(js_at(s, "blkio.ioServiceBytesRecursive"), 1);
	assert_string_equal(js_str(io, "op", ""), "Write");
	assert_int_equal(js_int(io, "major", 0), 8);
	assert_int_equal(js_int(io, "value", 0), 20);
	io = json_array_get(js_at(s, "blkio.ioServicedRecursive"), 0);
	assert_int_equal(js_int(io, "value", 0), 1);
}

static void both_kinds_tell_the_same(void **state)
{
	static const char *const one[] = { "", NULL };
	static const char *const all[] = { "cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", NULL };
	uint64_t oom = 0;
	(void)state;
	OWN_JSON v2 = stats_of(unified, ARRAY_LEN(unified), one, &oom);
	same_everywhere(v2);
	assert_int_equal(oom, 1);
	assert_int_equal(js_int(v2, "cpu.usage.kernel", 0), 40000);
	assert_int_equal(js_int(v2, "pids.limit", 0), 0);
	assert_int_equal(js_int(v2, "memory.kernel.usage", 0), 300);
	assert_int_equal(js_int(v2, "cpu.psi.some.total", 0), 99);
	assert_true(json_real_value(js_at(v2, "cpu.psi.some.avg10")) > 1.4);
	OWN_JSON v1 = stats_of(legacy, ARRAY_LEN(legacy), all, &oom);
	same_everywhere(v1);
	assert_int_equal(oom, 1);
	assert_int_equal(json_array_size(js_at(v1, "cpu.usage.percpu")), 2);
	assert_int_equal(json_integer_value(json_array_get(js_at(v1, "cpu.usage.percpu_kernel"), 1)), 30000);
	assert_int_equal(js_int(v1, "cpu.usage.user", 0), 60000000);
	assert_int_equal(js_int(v1, "pids.limit", 0), 20);
	assert_int_equal(js_int(v1, "cpuset.sched_relax_domain_level", 0), -1);
}

static void hierarchies_are_found(void **state)
{
	struct cg_host h;
	(void)state;
	cg_host_self("12:cpu,cpuacct:/user.slice\n3:memory:/a\n1:name=systemd:/x\nbroken\n0::/../../y\n", &h);
	assert_int_equal(h.n, 4);
	assert_string_equal(h.h[0].own, "/user.slice");
	assert_int_equal(h.h[0].ctrls, 1u << CG_CPU | 1u << CG_CPUACCT);
	assert_true(h.h[3].unified);
	assert_string_equal(h.h[3].own, "/");
	cg_host_mountinfo("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
			  "32 31 0:29 /docker/1 /cg/a\\040b rw,relatime shared:9 - cgroup cgroup rw,cpuacct,cpu\n"
			  "33 31 0:30 / /cg/memory rw - cgroup cgroup rw,memory\n"
			  "34 31 0:31 / /elsewhere rw - cgroup cgroup rw,memory\n"
			  "35 31 0:32 / /cg/s rw - cgroup cgroup rw,xattr,name=systemd\n"
			  "36 31 0:33 / /cg/u rw - cgroup2 cgroup2 rw\nshort line\n", &h);
	assert_string_equal(h.h[0].mount, "/cg/a b");
	assert_string_equal(h.h[0].root, "/docker/1");
	assert_string_equal(h.h[1].mount, "/cg/memory");
	assert_string_equal(h.h[2].mount, "/cg/s");
	assert_string_equal(h.h[3].mount, "/cg/u");
}

static void paths_follow_the_request(void **state)
{
	static const struct {
		const char *path;
		bool rootless, unified;
		const char *own, *root, *want;
	} cases[] = {
		{ NULL, false, false, "/user.slice", "/", "/ID" },
		{ NULL, true, false, "/user.slice/a", "/", "/user.slice/a/ID" },
		{ NULL, true, true, "/user.slice/a", "/", "/user.slice/ID" },
		{ "/docker/x", false, true, "/user.slice", "/", "/docker/x" },
		{ "/docker/../../x//y/.", false, false, "/", "/", "/x/y" },
		{ "libpod/x", false, false, "/a/b", "/", "/a/b/libpod/x" },
		{ "libpod/x", false, true, "/a/b", "/", "/a/libpod/x" },
		{ "libpod/x", false, true, "/", "/", "/libpod/x" },
		{ "rel", false, false, "/docker/1/sub", "/docker/1", "/sub/rel" },
		{ "../../rel", false, false, "/a", "/", "/a/rel" },
	};
	char out[4096];
	struct err e = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cgroup_req q = { .path = cases[i].path, .id = "ID", .rootless = cases[i].rootless };
		struct cg_hier h = { .unified = cases[i].unified };
		strncpy(h.own, cases[i].own, sizeof h.own - 1);
		strncpy(h.root, cases[i].root, sizeof h.root - 1);
		assert_int_equal(cg_path_of(&q, &h, out, &e), 0);
		assert_string_equal(out, cases[i].want);
	}
	struct cgroup_req root = { .path = "/..", .id = "ID" };
	struct cg_hier h = { .own = "/", .root = "/" };
	assert_true(cg_path_of(&root, &h, out, &e) < 0);
	assert_int_equal(e.kind, E_INVALID);
}

static void scopes_are_parsed(void **state)
{
	static const struct {
		const char *path;
		bool rootless;
		const char *unit, *where;
	} cases[] = {
		{ NULL, false, "onggi-ID.scope", "/system.slice/onggi-ID.scope" },
		{ NULL, true, "onggi-ID.scope", "/user.slice/onggi-ID.scope" },
		{ "system.slice:docker:1", false, "docker-1.scope", "/system.slice/docker-1.scope" },
		{ "a-b-c.slice::x", false, "x.scope", "/a.slice/a-b.slice/a-b-c.slice/x.scope" },
		{ "-.slice:p:x", false, "p-x.scope", "/p-x.scope" },
		{ ":p:", false, "p-ID.scope", "/system.slice/p-ID.scope" },
		{ "a.slice:p:b.slice", false, "b.slice", "/a.slice/b.slice" },
		{ "/docker/x", false, NULL, NULL }, { "a:b:c:d", false, NULL, NULL },
		{ "noslice:p:x", false, NULL, NULL }, { "a--b.slice:p:x", false, NULL, NULL },
		{ "-a.slice:p:x", false, NULL, NULL }, { "a.slice:p:x/y", false, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cg_scope s;
		struct err e = { 0 };
		int r = cg_systemd_parse(cases[i].path, "ID", cases[i].rootless, &s, &e);
		if (!cases[i].unit) {
			assert_true(r < 0);
			assert_int_equal(e.kind, E_INVALID);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(s.unit, cases[i].unit);
		assert_string_equal(s.path, cases[i].where);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_tell_the_same),
		cmocka_unit_test(hierarchies_are_found),
		cmocka_unit_test(paths_follow_the_request),
		cmocka_unit_test(scopes_are_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
