/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups on this host: create, limit, enter, freeze, kill, count, remove. Skipped where no
 * group can be made. Everything is made below /onggi-test-PID. The same again where only v1 is
 * mounted and where only v2 is, in mount namespaces made for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "driver/cgroup/cgroup.h"
#include "driver/cgroup/cgroup_int.h"
#include "format/js.h"
#include "sys/process.h"

static json_t *parse(const char *text)
{
	struct err e = { 0 };
	json_t *j = NULL;
	if (js_parse(text, strlen(text), "test", &j, &e) < 0)
		fail_msg("%s", e.chain);
	return j;
}

static void on_warn(const char *msg, void *data)
{
	(void)data;
	print_message("warning: %s\n", msg);
}

static void path_of(char out[64], const char *name)
{
	snprintf(out, 64, "/onggi-test-%d/%s", (int)getpid(), name);
}

static struct cgroup *make(const char *name, const char *resources)
{
	char path[64];
	OWN_JSON res = resources ? parse(resources) : NULL;
	struct cgroup *cg = NULL;
	struct err e = { 0 };
	path_of(path, name);
	struct cgroup_req q = { .path = path, .id = name, .resources = res, .warn = on_warn };
	if (cgroup_create(&q, &cg, &e) < 0)
		fail_msg("%s (%s)", e.chain, e.hint);
	return cg;
}

/* the parents that the tests made stay for the next one; the last takes them away */
static int parents_remove(void **state)
{
	struct cg_host host;
	struct err e = { 0 };
	(void)state;
	if (cg_host_scan("/sys/fs/cgroup", -1, &host, &e) < 0)
		return 0;
	for (size_t i = 0; i < host.n; i++) {
		char dir[400];
		snprintf(dir, sizeof dir, "%s/onggi-test-%d", host.h[i].mount, (int)getpid());
		if (rmdir(dir) < 0 && errno != ENOENT)
			print_message("%s: %s\n", dir, strerror(errno));
	}
	return 0;
}

static bool can_make(void)
{
	struct cgroup *cg = NULL;
	struct err e = { 0 };
	char path[64];
	path_of(path, "probe");
	struct cgroup_req q = { .path = path, .id = "probe" };
	if (geteuid() != 0 || cgroup_create(&q, &cg, &e) < 0)
		return false;
	cgroup_remove(cg, &e);
	cgroup_free(cg);
	return true;
}

static bool host_has(const char *controller)
{
	struct err e = { 0 };
	OWN_JSON info = NULL;
	json_t *name;
	size_t i;
	if (cgroup_host_info(&info, &e) < 0)
		return false;
	json_array_foreach(json_object_get(info, "controllers"), i, name)
		if (!strcmp(json_string_value(name), controller))
			return true;
	return false;
}

static int read_file(const struct cgroup *cg, enum cg_ctrl c, const char *file, char out[256])
{
	struct cg_tree *t = cg_tree_of(cg, c);
	ssize_t n = t ? cg_read(t, file, out, 256) : -ENODEV;
	return n < 0 ? (int)n : 0;
}

static void limits_reach_the_kernel(void **state)
{
	char text[256];
	struct err e = { 0 };
	(void)state;
	if (!can_make() || !host_has("memory") || !host_has("pids") || !host_has("cpuset"))
		skip();
	struct cgroup *cg = make("limits", "{\"memory\":{\"limit\":67108864,\"swap\":134217728},"
					   "\"cpu\":{\"quota\":50000,\"period\":100000,\"shares\":512,"
					   "\"cpus\":\"0\",\"mems\":\"0\"},\"pids\":{\"limit\":20}}");
	bool v2 = cg->n == 1 && cg->t[0].unified;
	assert_int_equal(read_file(cg, CG_MEMORY, v2 ? "memory.max" : "memory.limit_in_bytes", text), 0);
	assert_string_equal(text, "67108864\n");
	assert_int_equal(read_file(cg, CG_PIDS, "pids.max", text), 0);
	assert_string_equal(text, "20\n");
	assert_int_equal(read_file(cg, CG_CPUSET, "cpuset.cpus", text), 0);
	assert_string_equal(text, "0\n");
	/* both ways past the other limit */
	static const char *const sizes[] = {
		"{\"memory\":{\"limit\":268435456,\"swap\":536870912}}",
		"{\"memory\":{\"limit\":33554432,\"swap\":33554432}}",
		"{\"cpu\":{\"quota\":900000,\"period\":1000000,\"burst\":400000}}",
		"{\"cpu\":{\"quota\":5000,\"period\":10000,\"burst\":1000}}",
		"{\"memory\":{\"limit\":-1},\"cpu\":{\"quota\":-1},\"pids\":{\"limit\":-1}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		OWN_JSON j = parse(sizes[i]);
		if (cgroup_set(cg, j, &e) < 0)
			fail_msg("%s: %s", sizes[i], e.chain);
	}
	OWN_JSON stats = NULL;
	assert_int_equal(cgroup_stats(cg, &stats, &e), 0);
	assert_true(json_is_object(js_at(stats, "memory.raw")));
	assert_int_equal(js_int(stats, "pids.limit", 0), 0);
	uint64_t oom = 9;
	assert_int_equal(cgroup_oom_count(cg, &oom, &e), 0);
	assert_int_equal(oom, 0);
	if (cgroup_remove(cg, &e) < 0)
		fail_msg("%s", e.chain);
	cgroup_free(cg);
}

/* How many hierarchies have @pid in @path. */
static int read_line(pid_t pid, const char *path)
{
	char file[64], line[512];
	int n = 0;
	snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
	OWN_FILE f = fopen(file, "re");
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		const char *at = strrchr(line, ':');
		n += at && !strcmp(at + 1, path);
	}
	return n;
}

/* A child that waits, in the group. */
static pid_t child_in(struct cgroup *cg)
{
	struct err e = { 0 };
	pid_t pid = fork();
	while (!pid)
		pause();
	if (cgroup_enter(cg, pid, &e) < 0)
		fail_msg("%s", e.chain);
	return pid;
}

static void processes_are_held(void **state)
{
	struct err e = { 0 };
	OWN_PTR pid_t *pids = NULL;
	size_t n = 0;
	bool frozen = false;
	int status;
	(void)state;
	if (!can_make())
		skip();
	struct cgroup *cg = make("held", NULL), *again = NULL;
	pid_t pid = child_in(cg);
	OWN_JSON record = cgroup_record(cg);
	cgroup_free(cg);
	assert_int_equal(cgroup_open(record, &again, &e), 0);
	assert_int_equal(cgroup_pids(again, &pids, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	if (cgroup_freeze(again, true, &e) < 0)
		fail_msg("%s", e.chain);
	assert_int_equal(cgroup_is_frozen(again, &frozen, &e), 0);
	assert_true(frozen);
	assert_int_equal(cgroup_freeze(again, false, &e), 0);
	assert_int_equal(cgroup_is_frozen(again, &frozen, &e), 0);
	assert_false(frozen);
	/* taken by another: not empty */
	char path[64];
	path_of(path, "held");
	struct cgroup *other = NULL;
	struct cgroup_req q = { .path = path, .id = "held" };
	assert_int_equal(cgroup_create(&q, &other, &e), -EBUSY);
	assert_int_equal(e.kind, E_CONFLICT);
	/* killed while frozen */
	e = (struct err){ 0 };
	assert_int_equal(cgroup_freeze(again, true, &e), 0);
	if (cgroup_kill(again, SIGKILL, &e) < 0)
		fail_msg("%s", e.chain);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	if (cgroup_remove(again, &e) < 0)
		fail_msg("%s", e.chain);
	if (cgroup_remove(again, &e) < 0) /* a second time is no error */
		fail_msg("%s", e.chain);
	cgroup_free(again);
}

static void removal_waits_for_the_last(void **state)
{
	struct err e = { 0 };
	int status;
	(void)state;
	if (!can_make())
		skip();
	struct cgroup *cg = make("last", NULL);
	pid_t pid = child_in(cg);
	char sub[512], deeper[512];
	/* a sub-group in every tree, as a process of the container may leave */
	for (size_t i = 0; i < cg->n; i++) {
		snprintf(sub, sizeof sub, "%s/sub", cg->t[i].dir);
		mkdir(sub, 0755);
		snprintf(deeper, sizeof deeper, "%s/sub/deeper", cg->t[i].dir);
		mkdir(deeper, 0755);
	}
	/* it lives until the removal is under way: done with the sub-groups, it has found the group busy (the v2 tree
	 * is left for last) */
	snprintf(sub, sizeof sub, "%s/sub", cg->t[cg->n > 1 && cg_unified(cg) == &cg->t[0]].dir);
	pid_t killer = fork();
	if (!killer) {
		while (access(sub, F_OK) == 0)
			usleep(1000);
		kill(pid, SIGKILL);
		_exit(0);
	}
	if (cgroup_remove(cg, &e) < 0)
		fail_msg("%s", e.chain);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	waitpid(killer, &status, 0);
	cgroup_free(cg);
}

/* In two halves, the process entering by itself. */
static void process_enters_itself(void **state)
{
	struct err e = { 0 };
	struct cgroup *cg = NULL;
	char path[64];
	int go[2], in[2], status;
	(void)state;
	if (!can_make())
		skip();
	path_of(path, "self");
	struct cgroup_req q = { .path = path, .id = "self" };
	assert_int_equal(cgroup_prepare(&q, &cg, &e), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	struct process_clone pc = { .cgroup_fd = cgroup_clone_fd(cg) };
	pid_t pid = process_clone(&pc);
	if (!pid) {
		char c;
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		int r = cgroup_enter_self(cg);
		if (r < 0)
			_exit(-r);
		if (write(in[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	close(in[1]);
	if (cgroup_finish(cg, NULL, &e) < 0)
		fail_msg("%s", e.chain);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(in[0], path, 1), 1); /* 0: it ended */
	path_of(path, "self");
	assert_int_equal(read_line(pid, path), cg->n);
	assert_int_equal(cgroup_kill(cg, SIGKILL, &e), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (cgroup_remove(cg, &e) < 0)
		fail_msg("%s", e.chain);
	cgroup_free(cg);
	close(in[0]);
	close(go[0]);
	close(go[1]);
}

static void devices_are_refused(void **state)
{
	struct err e = { 0 };
	int status, go[2];
	(void)state;
	if (!can_make())
		skip();
	struct cgroup *cg = make("devices", "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
					    "{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":11,"
					    "\"access\":\"rwm\"}]}");
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (!pid) {
		char c;
		if (read(go[0], &c, 1) != 1)
			_exit(9);
		int null = open("/dev/null", O_RDWR);
		int kmsg = open("/dev/kmsg", O_RDONLY);
		int denied = errno;
		_exit(null < 0 ? 1 : kmsg >= 0 ? 2 : denied == EPERM || denied == ENOENT ? 0 : 3);
	}
	if (cgroup_enter(cg, pid, &e) < 0)
		fail_msg("%s", e.chain);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(go[0]);
	close(go[1]);
	assert_int_equal(cgroup_remove(cg, &e), 0);
	cgroup_free(cg);
}

/* The v2 program, where a v2 tree can be reached: also beside v1. */
static void device_program_is_asked(void **state)
{
	struct err e = { 0 };
	int status, go[2];
	size_t n;
	OWN_PTR struct cg_device *rules = NULL;
	(void)state;
	if (!can_make())
		skip();
	OWN_JSON list = parse("[{\"allow\":false,\"access\":\"rwm\"},"
			      "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"r\"}]");
	struct cgroup *cg = make("program", "{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}");
	struct cg_tree *t = cg_unified(cg);
	assert_int_equal(cg_devices_read(list, &rules, &n, &e), 0);
	cg->fresh = true;
	int r = t ? cg_device_bpf_set(cg, t, rules, n, &e) : -ENODEV;
	if (r >= 0) {
		cg->fresh = false; /* and once more, in place of the first */
		r = cg_device_bpf_set(cg, t, rules, n, &e);
	}
	if (r < 0)
		print_message("no program: %s\n", e.chain);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (!pid) {
		char c;
		if (read(go[0], &c, 1) != 1)
			_exit(9);
		if (open("/dev/null", O_RDWR) < 0)
			_exit(1);
		if (access("/dev/kmsg", F_OK) == 0 && open("/dev/kmsg", O_RDONLY) < 0)
			_exit(2);
		if (access("/dev/kmsg", F_OK) == 0 && open("/dev/kmsg", O_RDWR) >= 0)
			_exit(3);
		if (access("/dev/mem", F_OK) == 0 && open("/dev/mem", O_RDONLY) >= 0)
			_exit(4);
		_exit(0);
	}
	if (cgroup_enter(cg, pid, &e) < 0)
		fail_msg("%s", e.chain);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (r >= 0)
		assert_int_equal(status, 0);
	close(go[0]);
	close(go[1]);
	assert_int_equal(cgroup_remove(cg, &e), 0);
	cgroup_free(cg);
}

static void failures_leave_nothing(void **state)
{
	struct err e = { 0 };
	struct cgroup *cg = NULL;
	char path[64];
	struct cg_host host;
	(void)state;
	if (!can_make())
		skip();
	OWN_JSON bad = parse("{\"pids\":{\"limit\":5},\"hugepageLimits\":[{\"pageSize\":\"3MB\",\"limit\":1}]}");
	path_of(path, "deep/er/failing");
	struct cgroup_req q = { .path = path, .id = "failing", .resources = bad };
	assert_true(cgroup_create(&q, &cg, &e) < 0);
	assert_int_equal(e.kind, E_UNSUPPORTED);
	assert_int_equal(cg_host_scan("/sys/fs/cgroup", -1, &host, &e), 0);
	path_of(path, "deep");
	for (size_t i = 0; i < host.n; i++) {
		char dir[400];
		snprintf(dir, sizeof dir, "%s%s", host.h[i].mount, path);
		assert_int_equal(access(dir, F_OK), -1);
	}
	OWN_JSON info = NULL;
	assert_int_equal(cgroup_host_info(&info, &e), 0);
	char *text = json_dumps(info, JSON_COMPACT);
	print_message("%s\n", text);
	free(text);
}

/* what is remembered of the host says the same as a look; one of another layout is not believed */
static void host_is_remembered(void **state)
{
	char dir[] = "/tmp/onggi-hint.XXXXXX";
	struct cg_host first = { 0 }, again = { 0 };
	uint32_t bits = 0;
	struct err e = { 0 };
	(void)state;

	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(cg_host_scan("/sys/fs/cgroup", fd, &first, &e), 0);
	assert_int_equal(cg_host_scan("/sys/fs/cgroup", fd, &again, &e), 0);
	assert_int_equal(first.n, again.n);
	for (size_t i = 0; i < first.n; i++) {
		assert_string_equal(first.h[i].name, again.h[i].name);
		assert_string_equal(first.h[i].mount, again.h[i].mount);
	}
	cg_hint_write(fd, "/sys/fs/cgroup", &first, 5);
	if (cg_hint_read(fd, "/sys/fs/cgroup", &first, &bits) == 0) { /* else: no such attributes here */
		assert_int_equal(bits, 5);
		first.n--;
		assert_true(cg_hint_read(fd, "/sys/fs/cgroup", &first, &bits) < 0);
		first.n++;
		assert_true(cg_hint_read(fd, "/", &first, &bits) < 0);
		cgroup_hint_drop(fd);
		assert_true(cg_hint_read(fd, "/sys/fs/cgroup", &first, &bits) < 0);
	}
	close(fd);
	rmdir(dir);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_is_remembered),
		cmocka_unit_test(limits_reach_the_kernel),
		cmocka_unit_test(processes_are_held),
		cmocka_unit_test(removal_waits_for_the_last),
		cmocka_unit_test(process_enters_itself),
		cmocka_unit_test(devices_are_refused),
		cmocka_unit_test(device_program_is_asked),
		cmocka_unit_test(failures_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, parents_remove);
}

/* The tests where other hierarchies are mounted; 0 where that cannot be. */
static int run_with(bool unified)
{
	int status = 0;
	pid_t pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(0);
		if (umount2(unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified", MNT_DETACH) < 0)
			_exit(0);
		if (unified && mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
			_exit(0);
		_exit(run());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	int failed = run();
	if (geteuid() == 0) {
		failed += run_with(false);
		failed += run_with(true);
	}
	return failed ? 1 : 0;
}
