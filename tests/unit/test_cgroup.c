/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups on made-up directories: which files get which text on v1 and on v2. A group of a
 * record is just a directory, so plain files stand for control files; what was written is read
 * back.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup.h"
#include "driver/cgroup/cgroup_int.h"
#include "driver/cgroup/knob.h"
#include "format/js.h"

#define V2_CONTROLLERS "cpuset cpu io memory hugetlb pids rdma misc"

struct fake {
	char dir[64];
	int fd;
	struct cgroup *cg;
	char warned[512];
};

static void on_warn(const char *msg, void *data)
{
	struct fake *f = data;
	snprintf(f->warned, sizeof f->warned, "%s", msg);
}

static void file_put(const struct fake *f, const char *name, const char *text)
{
	struct err e = { 0 };
	if (io_replace_file(f->fd, name, text, strlen(text), 0644, 0, &e) < 0)
		fail_msg("%s", e.chain);
}

static void file_is(const struct fake *f, const char *name, const char *want)
{
	OWN_STR text = NULL;
	struct err e = { 0 };
	if (io_read_file(f->fd, name, 4096, &text, NULL, &e) < 0)
		fail_msg("%s", e.chain);
	if (strcmp(text, want))
		fail_msg("%s: \"%s\", not \"%s\"", name, text, want);
}

/* the rest is what was there before */
static void file_starts(const struct fake *f, const char *name, const char *want)
{
	OWN_STR text = NULL;
	struct err e = { 0 };
	if (io_read_file(f->fd, name, 4096, &text, NULL, &e) < 0)
		fail_msg("%s", e.chain);
	assert_memory_equal(text, want, strlen(want));
}

static json_t *parse(const char *text)
{
	struct err e = { 0 };
	json_t *j = NULL;
	if (js_parse(text, strlen(text), "test", &j, &e) < 0)
		fail_msg("%s", e.chain);
	return j;
}

/* @files: names separated by blanks, made empty. */
static void fake_init(struct fake *f, const char *key, const char *files)
{
	struct err e = { 0 };
	char list[2048];
	*f = (struct fake){ .dir = "/tmp/onggi-cgroup-XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(list, sizeof list, "%s", files);
	for (char *save, *p = strtok_r(list, " ", &save); p; p = strtok_r(NULL, " ", &save))
		file_put(f, p, "");
	if (!*key)
		file_put(f, "cgroup.controllers", V2_CONTROLLERS "\n");
	OWN_JSON record = json_pack("{s:s,s:{s:s},s:s}", "driver", "cgroupfs", "paths", key, f->dir,
				    "path", "/test");
	/* several v1 controllers on one directory are enough here */
	if (strchr(key, ',')) {
		json_t *paths = json_object_get(record, "paths");
		json_object_clear(paths);
		snprintf(list, sizeof list, "%s", key);
		for (char *save, *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save))
			json_object_set_new(paths, p, json_string(f->dir));
	}
	if (cgroup_open(record, &f->cg, &e) < 0)
		fail_msg("%s", e.chain);
	cgroup_warn_to(f->cg, on_warn, f);
}

static void fake_done(struct fake *f)
{
	struct err e = { 0 };
	cgroup_free(f->cg);
	close(f->fd);
	if (io_remove_tree(AT_FDCWD, f->dir, &e) < 0)
		fail_msg("%s", e.chain);
}

static int set(struct fake *f, const char *resources, struct err *e)
{
	OWN_JSON j = parse(resources);
	*e = (struct err){ 0 };
	return cgroup_set(f->cg, j, e);
}

/* Plain files keep the tail of a longer text; what the kernel would say ends in a line break. */
static void written_away(const struct fake *f)
{
	OWN_DIR d = opendir(f->dir);
	for (struct dirent *i; (i = readdir(d));) {
		char c = '\n';
		OWN_FD fd = openat(f->fd, i->d_name, O_RDWR | O_CLOEXEC);
		off_t n = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
		if (n > 0 && pread(fd, &c, 1, n - 1) == 1 && c != '\n')
			assert_int_equal(ftruncate(fd, 0), 0);
	}
}

static void set_ok(struct fake *f, const char *resources)
{
	struct err e;
	written_away(f);
	if (set(f, resources, &e) < 0)
		fail_msg("%s: %s", resources, e.chain);
}

static void set_fails(struct fake *f, const char *resources, enum err_kind kind, const char *want)
{
	struct err e;
	assert_true(set(f, resources, &e) < 0);
	if (e.kind != kind || !strstr(e.chain, want))
		fail_msg("%s: %s (%s)", resources, e.chain, err_map_of(e.kind)->name);
}

#define V2_FILES                                                                               \
	"memory.max memory.swap.max memory.low cpu.weight cpu.max cpu.max.burst cpu.idle pids.max " \
	"cpuset.cpus cpuset.mems io.max io.weight io.bfq.weight hugetlb.2MB.max "                  \
	"hugetlb.2MB.rsvd.max rdma.max memory.high cgroup.procs cgroup.freeze cgroup.kill "

static void unified_files(void **state)
{
	struct fake f;
	(void)state;
	fake_init(&f, "", V2_FILES);
	set_ok(&f, "{\"memory\":{\"limit\":67108864,\"swap\":134217728,\"reservation\":33554432}}");
	file_is(&f, "memory.max", "67108864");
	file_is(&f, "memory.swap.max", "67108864");
	file_is(&f, "memory.low", "33554432");
	set_ok(&f, "{\"memory\":{\"limit\":-1}}");
	file_is(&f, "memory.max", "max");
	file_is(&f, "memory.swap.max", "max");
	set_ok(&f, "{\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":200000,\"burst\":1000,\"idle\":1}}");
	file_is(&f, "cpu.weight", "100");
	file_is(&f, "cpu.max", "50000 200000");
	file_is(&f, "cpu.max.burst", "1000");
	file_is(&f, "cpu.idle", "1");
	file_put(&f, "cpu.max", "50000 200000\n");
	set_ok(&f, "{\"cpu\":{\"quota\":-1}}");
	file_starts(&f, "cpu.max", "max 200000");
	file_put(&f, "cpu.max", "30000 100000\n");
	set_ok(&f, "{\"cpu\":{\"period\":50000}}");
	file_starts(&f, "cpu.max", "30000 50000");
	set_ok(&f, "{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"},\"pids\":{\"limit\":-1}}");
	file_is(&f, "cpuset.cpus", "0-1");
	file_is(&f, "cpuset.mems", "0");
	file_is(&f, "pids.max", "max");
	set_ok(&f, "{\"pids\":{\"limit\":0}}");
	file_is(&f, "pids.max", "0");
	set_ok(&f, "{\"blockIO\":{\"weight\":500,\"throttleReadBpsDevice\":"
		   "[{\"major\":8,\"minor\":0,\"rate\":1048576}]}}");
	file_is(&f, "io.bfq.weight", "500");
	file_is(&f, "io.max", "8:0 rbps=1048576");
	set_ok(&f, "{\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":16,\"rate\":0}]}}");
	file_is(&f, "io.max", "8:16 wiops=max");
	assert_int_equal(unlinkat(f.fd, "io.bfq.weight", 0), 0);
	set_ok(&f, "{\"blockIO\":{\"weight\":1000}}");
	file_is(&f, "io.weight", "default 10000");
	set_ok(&f, "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}");
	file_is(&f, "hugetlb.2MB.max", "4194304");
	file_is(&f, "hugetlb.2MB.rsvd.max", "4194304");
	set_ok(&f, "{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000}}}");
	file_is(&f, "rdma.max", "mlx5_1 hca_handle=3 hca_object=10000");
	set_ok(&f, "{\"unified\":{\"memory.high\":\"1G\"}}");
	file_is(&f, "memory.high", "1G");
	set_ok(&f, "{\"memory\":{\"swappiness\":60}}");
	assert_non_null(strstr(f.warned, "swappiness"));
	fake_done(&f);
}

static void unified_refusals(void **state)
{
	struct fake f;
	(void)state;
	fake_init(&f, "", V2_FILES);
	set_fails(&f, "{\"memory\":{\"limit\":100,\"swap\":50}}", E_INVALID, "memory.swap");
	set_fails(&f, "{\"memory\":{\"limit\":-2}}", E_INVALID, "memory.limit: -2");
	set_fails(&f, "{\"memory\":{\"limit\":\"1g\"}}", E_INVALID, "memory.limit: expected integer");
	set_fails(&f, "{\"memory\":[]}", E_INVALID, "memory: expected object");
	file_put(&f, "memory.max", "max\n");
	set_fails(&f, "{\"memory\":{\"swap\":50}}", E_INVALID, "needs memory.limit");
	set_fails(&f, "{\"memory\":{\"disableOOMKiller\":true}}", E_UNSUPPORTED, "disableOOMKiller");
	set_ok(&f, "{\"memory\":{\"disableOOMKiller\":false}}");
	set_fails(&f, "{\"cpu\":{\"realtimeRuntime\":1000}}", E_UNSUPPORTED, "realtimeRuntime");
	set_fails(&f, "{\"cpu\":{\"cpus\":\"a\"}}", E_INVALID, "cpu.cpus");
	set_fails(&f, "{\"network\":{\"classID\":1}}", E_UNSUPPORTED, "net_cls");
	set_fails(&f, "{\"network\":{\"priorities\":[{\"name\":\"eth0\",\"priority\":1}]}}", E_UNSUPPORTED,
		  "net_prio");
	set_fails(&f, "{\"unified\":{\"../x.y\":\"1\"}}", E_INVALID, "not the name");
	set_fails(&f, "{\"unified\":{\"nothing.max\":\"1\"}}", E_UNSUPPORTED, "nothing.max");
	set_fails(&f, "{\"unified\":{\"memory.high\":1}}", E_INVALID, "expected string");
	set_fails(&f, "{\"hugepageLimits\":[{\"pageSize\":\"../x\",\"limit\":1}]}", E_INVALID, "pageSize");
	set_fails(&f, "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":1}]}", E_UNSUPPORTED, "1GB");
	set_fails(&f, "{\"blockIO\":{\"weightDevice\":[{\"weight\":1}]}}", E_INVALID, "weightDevice[0]");
	set_fails(&f, "{\"devices\":[{\"type\":\"x\"}]}", E_INVALID, "devices[0].type");
	set_fails(&f, "{\"devices\":[{\"access\":\"q\"}]}", E_INVALID, "devices[0].access");
	file_put(&f, "cgroup.controllers", "cpu\n");
	fake_done(&f);
	fake_init(&f, "", V2_FILES);
	file_put(&f, "cgroup.controllers", "cpu\n");
	set_fails(&f, "{\"pids\":{\"limit\":5}}", E_UNSUPPORTED, "pids controller");
	f.cg->rootless = true;
	set_ok(&f, "{\"pids\":{\"limit\":5}}");
	assert_non_null(strstr(f.warned, "pids.limit"));
	file_put(&f, "cgroup.controllers", "memory\n");
	file_put(&f, "memory.current", "5000000\n");
	f.cg->rootless = false;
	set_fails(&f, "{\"memory\":{\"limit\":4000000,\"checkBeforeUpdate\":true}}", E_BUSY, "5000000");
	fake_done(&f);
}

#define V1_KEYS "cpu,cpuacct,cpuset,memory,devices,freezer,blkio,pids,hugetlb,rdma,net_cls,net_prio"
#define V1_FILES                                                                                 \
	"memory.limit_in_bytes memory.memsw.limit_in_bytes memory.soft_limit_in_bytes "            \
	"memory.swappiness memory.oom_control cpu.shares cpu.cfs_quota_us cpu.cfs_period_us "      \
	"cpu.cfs_burst_us cpu.idle cpu.rt_period_us cpu.rt_runtime_us pids.max cpuset.cpus "       \
	"cpuset.mems blkio.bfq.weight blkio.bfq.weight_device blkio.throttle.read_bps_device "     \
	"blkio.throttle.write_iops_device hugetlb.2MB.limit_in_bytes rdma.max net_cls.classid "    \
	"net_prio.ifpriomap devices.allow devices.deny devices.list freezer.state cgroup.procs "

static void legacy_files(void **state)
{
	struct fake f;
	(void)state;
	fake_init(&f, V1_KEYS, V1_FILES);
	assert_int_equal(f.cg->n, 1);
	set_ok(&f, "{\"memory\":{\"limit\":67108864,\"swap\":134217728,\"reservation\":-1,"
		   "\"swappiness\":0,\"disableOOMKiller\":true}}");
	file_is(&f, "memory.limit_in_bytes", "67108864");
	file_is(&f, "memory.memsw.limit_in_bytes", "134217728");
	file_is(&f, "memory.soft_limit_in_bytes", "-1");
	file_is(&f, "memory.swappiness", "0");
	file_is(&f, "memory.oom_control", "1");
	set_ok(&f, "{\"memory\":{\"limit\":-1}}");
	file_is(&f, "memory.limit_in_bytes", "-1");
	file_is(&f, "memory.memsw.limit_in_bytes", "-1");
	set_ok(&f, "{\"cpu\":{\"shares\":1024,\"quota\":-1,\"period\":200000,\"burst\":5,\"idle\":0,"
		   "\"realtimePeriod\":1000,\"realtimeRuntime\":900}}");
	file_is(&f, "cpu.shares", "1024");
	file_is(&f, "cpu.cfs_quota_us", "-1");
	file_is(&f, "cpu.cfs_period_us", "200000");
	file_is(&f, "cpu.cfs_burst_us", "5");
	file_is(&f, "cpu.rt_period_us", "1000");
	file_is(&f, "cpu.rt_runtime_us", "900");
	set_ok(&f, "{\"blockIO\":{\"weight\":300,\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":50}],"
		   "\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":600}]}}");
	file_is(&f, "blkio.bfq.weight", "300");
	file_is(&f, "blkio.bfq.weight_device", "8:0 50");
	file_is(&f, "blkio.throttle.read_bps_device", "8:0 600");
	set_ok(&f, "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}],\"network\":{\"classID\":4097,"
		   "\"priorities\":[{\"name\":\"lo\",\"priority\":3}]}}");
	file_is(&f, "hugetlb.2MB.limit_in_bytes", "9");
	file_is(&f, "net_cls.classid", "4097");
	file_is(&f, "net_prio.ifpriomap", "lo 3");
	set_ok(&f, "{\"pids\":{\"limit\":-5},\"memory\":{\"kernel\":1}}");
	file_is(&f, "pids.max", "max");
	assert_non_null(strstr(f.warned, "kernel"));
	set_fails(&f, "{\"unified\":{\"memory.high\":\"1\"}}", E_UNSUPPORTED, "no cgroup v2");
	set_fails(&f, "{\"blockIO\":{\"leafWeight\":50}}", E_UNSUPPORTED, "blkio.leaf_weight");
	fake_done(&f);
}

static void weights_convert(void **state)
{
	static const uint64_t shares[][2] = {
		{ 0, 1 }, { 2, 1 }, { 3, 2 }, { 1024, 100 }, { 262144, 10000 }, { 300000, 10000 },
		{ 512, 59 }, { 2048, 174 }, { 1025, 101 }, { 1023, 100 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shares); i++)
		assert_int_equal(cg_weight_of_shares(shares[i][0]), shares[i][1]);
	assert_int_equal(cg_io_weight_of_blkio(10), 1);
	assert_int_equal(cg_io_weight_of_blkio(1000), 10000);
	assert_int_equal(cg_io_weight_of_blkio(5), 1);
}

/* one descriptor, one write per rule: in a plain file they stand behind each other */
static void legacy_device_rules(void **state)
{
	struct fake f;
	struct err e = { 0 };
	(void)state;
	fake_init(&f, "devices", V1_FILES);
	file_put(&f, "devices.list", "a *:* rwm\n");
	f.cg->fresh = true;
	if (cg_devices_set(f.cg, NULL, &e) < 0)
		fail_msg("%s", e.chain);
	file_is(&f, "devices.deny", "a");
	file_is(&f, "devices.allow",
		"c *:* mb *:* mc 1:3 rwmc 1:5 rwmc 1:7 rwmc 1:8 rwmc 1:9 rwmc 5:0 rwmc 5:2 rwmc 136:* rwm"
		"c 10:200 rwm");
	/* on an update only the difference is written */
	f.cg->fresh = false;
	file_put(&f, "devices.deny", "");
	file_put(&f, "devices.allow", "");
	file_put(&f, "devices.list",
		 "c *:* m\nb *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\nc 1:9 rwm\nc 5:0 rwm\n"
		 "c 5:2 rwm\nc 136:* rwm\nc 10:200 rwm\nb 8:0 rw\n");
	set_ok(&f, "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
		   "{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":0,\"access\":\"r\"}]}");
	file_is(&f, "devices.allow", "b 8:0 r");
	file_is(&f, "devices.deny", "b 8:0 w");
	set_fails(&f, "{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":4,\"access\":\"rw\"},"
		      "{\"allow\":false,\"type\":\"c\",\"major\":4,\"minor\":1,\"access\":\"rw\"}]}",
		  E_UNSUPPORTED, "wider rule");
	file_put(&f, "devices.allow", "");
	set_ok(&f, "{\"devices\":[{\"allow\":true}]}");
	file_is(&f, "devices.allow", "a");
	fake_done(&f);
}

static void records_round_trip(void **state)
{
	struct fake f;
	struct err e = { 0 };
	struct cgroup *again = NULL;
	(void)state;
	fake_init(&f, V1_KEYS, V1_FILES);
	OWN_JSON record = cgroup_record(f.cg);
	assert_int_equal(json_object_size(json_object_get(record, "paths")), 12);
	assert_int_equal(cgroup_open(record, &again, &e), 0);
	assert_string_equal(cgroup_path(again), "/test");
	OWN_JSON second = cgroup_record(again);
	assert_true(json_equal(record, second));
	OWN_JSON mounts = NULL;
	assert_int_equal(cgroup_mounts(again, true, &mounts, &e), 0);
	assert_int_equal(json_array_size(mounts), 13); /* one directory, a link for each name */
	cgroup_free(again);
	OWN_JSON bad = parse("{\"paths\":{\"memory\":\"relative\"}}");
	assert_true(cgroup_open(bad, &again, &e) < 0);
	assert_int_equal(e.kind, E_CORRUPT);
	fake_done(&f);
	fake_init(&f, "", V2_FILES);
	OWN_JSON one = NULL;
	assert_int_equal(cgroup_mounts(f.cg, false, &one, &e), 0);
	assert_int_equal(json_array_size(one), 1);
	assert_string_equal(js_str(json_array_get(one, 0), "target", "x"), "");
	assert_true(cgroup_clone_fd(f.cg) >= 0);
	if (cgroup_enter(f.cg, 1234, &e) < 0)
		fail_msg("%s", e.chain);
	file_is(&f, "cgroup.procs", "1234");
	assert_int_equal(cgroup_kill(f.cg, 9, &e), 0);
	file_is(&f, "cgroup.kill", "1");
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unified_files),
		cmocka_unit_test(unified_refusals),
		cmocka_unit_test(legacy_files),
		cmocka_unit_test(weights_convert),
		cmocka_unit_test(legacy_device_rules),
		cmocka_unit_test(records_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
