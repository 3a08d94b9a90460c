/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/spec/bundle: a full config is read, every wrong member is named by its JSON
 * path, unknown members are ignored.
 */
#include <linux/mount.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "format/js.h"
#include "spec/bundle.h"

#define HEAD "\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}"
#define PROC "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]"
#define NS   "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]"
#define ALLNS                                                                                      \
	"{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},"       \
	"{\"type\":\"uts\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}"

static json_t *text_parse(const char *text)
{
	struct err e = { 0 };
	json_t *j = NULL;
	if (js_parse(text, strlen(text), "test", &j, &e) < 0)
		fail_msg("%s: %s", e.chain, text);
	return j;
}

static void full_config_is_read(void **state)
{
	static const char text[] =
		"{" HEAD ",\"hostname\":\"h\",\"domainname\":\"d\",\"future\":{\"x\":1},"
		"\"annotations\":{\"a\":\"b\"},"
		"\"mounts\":[{\"destination\":\"/proc//x/..\",\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"destination\":\"data\",\"type\":\"none\",\"source\":\"src\",\"options\":[\"rbind\",\"ro\"],"
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}],"
		"\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}]}],"
		"\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},\"cwd\":\"/w\","
		"\"args\":[\"a\",\"b\"],\"env\":[\"PATH=/old\",\"X=1\",\"PATH=/bin\",\"HOME=\"],"
		"\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,\"additionalGids\":[5,6]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":18446744073709551615}],"
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FUTURE\"],\"ambient\":[\"CAP_CHOWN\"]},"
		"\"noNewPrivileges\":true,\"oomScoreAdj\":-5,\"apparmorProfile\":\"p\",\"selinuxLabel\":\"\","
		"\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":3,\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":4},"
		"\"execCPUAffinity\":{\"initial\":\"0-3,7\",\"final\":\"1\"}},"
		"\"hooks\":{\"poststop\":[{\"path\":\"/h\",\"args\":[\"h\",\"1\"],\"env\":[\"A=b\"],\"timeout\":3}]},"
		"\"linux\":{\"namespaces\":[" ALLNS ",{\"type\":\"user\"}],"
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":4294967294,\"size\":1}],"
		"\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":4294967295}],"
		"\"timeOffsets\":{\"boottime\":{\"secs\":-3,\"nanosecs\":7}},"
		"\"devices\":[{\"type\":\"u\",\"path\":\"/dev/x\",\"major\":1,\"minor\":3,\"fileMode\":438,\"uid\":0},"
		"{\"type\":\"p\",\"path\":\"/dev/fifo\"}],"
		"\"netDevices\":{\"eth7\":{\"name\":\"e%d\"},\"eth8\":{}},"
		"\"cgroupsPath\":\"/c\",\"resources\":{\"x\":1},\"seccomp\":{\"y\":1},"
		"\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"net/ipv4/conf/eth0.1/mtu\":\"2\","
		"\"net.ipv4.conf.eth0/1.mtu\":\"3\",\"fs.mqueue.msg_max\":\"9\",\"kernel.domainname\":\"q\"},"
		"\"rootfsPropagation\":\"shared\",\"maskedPaths\":[\"/proc/kcore/\"],\"readonlyPaths\":[\"/proc/sys\"],"
		"\"mountLabel\":\"l\",\"personality\":{\"domain\":\"LINUX32\"},"
		"\"intelRdt\":{\"closID\":\"g\",\"l3CacheSchema\":\"L3:0=f\",\"schemata\":[\"a\"],\"enableMonitoring\":true},"
		"\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\"]}}}";
	ARENA a = { 0 };
	struct err e = { 0 };
	struct bundle b;
	OWN_JSON j = text_parse(text);
	(void)state;
	if (bundle_parse(j, &a, &b, &e) < 0)
		fail_msg("%s", e.chain);
	const struct bundle_process *p = b.process;
	assert_string_equal(b.mounts[0].destination, "/proc");
	assert_string_equal(b.mounts[1].destination, "/data");
	assert_true(b.mounts[1].opt.bind_rec);
	assert_int_equal(b.mounts[1].opt.idmap, MOUNT_IDMAP_ONE);
	assert_int_equal(b.mounts[1].uid_maps.v[0].host, 1000);
	assert_int_equal(b.warnings.n, 2); /* the relative destination, CAP_FUTURE */
	assert_null(b.warnings.v[2]);
	assert_true(p->terminal && p->console_rows == 24 && p->console_cols == 80);
	assert_int_equal(p->args.n, 2);
	assert_null(p->args.v[2]);
	assert_int_equal(p->env.n, 3);
	assert_string_equal(p->env.v[0], "X=1");
	assert_string_equal(p->path, "/bin");
	assert_false(p->has_home);
	assert_true(p->uid == 1 && p->gid == 2 && p->has_umask && p->umask == 022 && p->n_groups == 2);
	assert_true(p->rlimits[0].resource == RLIMIT_NOFILE && p->rlimits[0].hard == UINT64_MAX);
	assert_int_equal(p->caps[BUNDLE_CAP_BOUNDING], 1 << 5);
	assert_int_equal(p->caps[BUNDLE_CAP_AMBIENT], 1 << 0);
	assert_true(p->no_new_privileges && p->has_oom_score_adj && p->oom_score_adj == -5);
	assert_null(p->selinux_label);
	assert_true(p->scheduler.set && p->scheduler.policy == 3 && p->scheduler.nice == 3);
	assert_true(p->io_priority_class == 2 && p->io_priority == 4);
	assert_string_equal(p->cpu_affinity_initial, "0-3,7");
	assert_int_equal(b.hooks[BUNDLE_HOOK_POSTSTOP].n, 1);
	assert_int_equal(b.hooks[BUNDLE_HOOK_POSTSTOP].v[0].timeout_s, 3);
	assert_true(b.ns[NS_TIME].present && !b.ns[NS_TIME].path);
	assert_int_equal(b.uid_maps.v[0].host, 4294967294U);
	assert_true(b.boottime.set && b.boottime.secs == -3 && !b.monotonic.set);
	assert_true(b.devices[0].type == 'c' && b.devices[0].mode == 0666 && b.devices[0].has_uid);
	assert_false(b.devices[0].has_gid);
	assert_string_equal(b.netdevs[0].name, "e%d");
	assert_string_equal(b.netdevs[1].name, "eth8");
	assert_int_equal(b.n_sysctls, 5);
	for (size_t i = 0; i < b.n_sysctls; i++)
		if (*b.sysctls[i].value == '2' || *b.sysctls[i].value == '3')
			assert_string_equal(b.sysctls[i].file, "net/ipv4/conf/eth0.1/mtu");
	assert_int_equal(b.rootfs_propagation, MS_SHARED);
	assert_string_equal(b.masked_paths.v[0], "/proc/kcore");
	assert_true(b.has_personality && b.personality == 8);
	assert_true(b.intel_rdt.set && b.intel_rdt.schemata.n == 1);
	assert_true(b.memory_policy.mode == 2 && b.memory_policy.flags == 1U << 15);
	assert_non_null(b.resources);
	assert_non_null(b.seccomp);
}

static void small_config_is_read(void **state)
{
	ARENA a = { 0 };
	struct err e = { 0 };
	struct bundle b;
	OWN_JSON j = text_parse("{" HEAD ",\"mounts\":null,\"linux\":{}}");
	(void)state;
	assert_int_equal(bundle_parse(j, &a, &b, &e), 0);
	assert_null(b.process);
	assert_non_null(b.masked_paths.v);
	assert_int_equal(b.warnings.n, 0);
}

struct bad {
	const char *text, *error; /* beginning of the message */
};

static const struct bad bad_configs[] = {
	{ "[]", "the configuration is no JSON object" },
	{ "{\"root\":{\"path\":\"r\"}}", "ociVersion: must be given" },
	{ "{\"ociVersion\":1}", "ociVersion: expected string, got integer" },
	{ "{\"ociVersion\":\"1.0.2\"}", "root: must be given" },
	{ "{\"ociVersion\":\"1.0.2\",\"root\":{}}", "root.path: must not be empty" },
	{ "{\"ociVersion\":\"1.0.2\",\"root\":[]}", "root: expected object, got array" },
	{ "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\",\"readonly\":1}}",
	  "root.readonly: expected boolean, got integer" },
	{ "{" HEAD ",\"hostname\":\"x\"}", "hostname: needs a uts namespace" },
	{ "{" HEAD ",\"domainname\":\"x\"}", "domainname: needs a uts namespace" },
	{ "{" HEAD ",\"annotations\":{\"\":\"x\"}}", "annotations: a key is empty" },
	{ "{" HEAD ",\"annotations\":{\"a\":1}}", "annotations.a: expected string" },
	{ "{" HEAD ",\"mounts\":{}}", "mounts: expected array, got object" },
	{ "{" HEAD ",\"mounts\":[1]}", "mounts[0]: expected object" },
	{ "{" HEAD ",\"mounts\":[{\"type\":\"tmpfs\"}]}", "mounts[0].destination: must not be empty" },
	{ "{" HEAD ",\"mounts\":[{\"destination\":\"/a\"}]}", "mounts[0].type: must be given" },
	{ "{" HEAD ",\"mounts\":[{\"destination\":\"/a\",\"type\":\"bind\"}]}", "mounts[0].source: must be" },
	{ "{" HEAD ",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"size=1\"]}]}",
	  "mounts[0].options: \"size=1\": a bind" },
	{ "{" HEAD ",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",7]}]}",
	  "mounts[0].options[1]: expected string" },
	{ "{" HEAD ",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"idmap\"]}]}",
	  "mounts[0].uidMappings: an id-mapped mount" },
	{ "{" HEAD ",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\"],\"uidMappings\":"
	  "[{\"containerID\":0,\"hostID\":0,\"size\":1}]}]}",
	  "mounts[0].gidMappings: uidMappings and" },
	{ "{" HEAD ",\"hooks\":{\"prestart\":[{}]}}", "hooks.prestart[0].path: must not be empty" },
	{ "{" HEAD ",\"hooks\":{\"poststart\":[{\"path\":\"h\"}]}}", "hooks.poststart[0].path: \"h\" is not" },
	{ "{" HEAD ",\"hooks\":{\"poststart\":[{\"path\":\"/h\",\"timeout\":0}]}}",
	  "hooks.poststart[0].timeout: 0 is out of range" },
	{ "{" HEAD ",\"process\":[]}", "process: expected object, got array" },
	{ "{" HEAD ",\"process\":{\"cwd\":\"/\"}}", "process.args: must not be empty" },
	{ "{" HEAD ",\"process\":{\"args\":[\"a\"]}}", "process.cwd: must not be empty" },
	{ "{" HEAD ",\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"}}", "process.cwd: \"x\" is not an absolute" },
	{ "{" HEAD "," PROC ",\"env\":[\"A=b\",\"B\"]}}", "process.env[1]: \"B\" is not of the form" },
	{ "{" HEAD "," PROC ",\"env\":[\"=b\"]}}", "process.env[0]: \"=b\" is not of the form" },
	{ "{" HEAD "," PROC ",\"env\":[\"A=\\u0000\"]}}", "process.env[0]: NUL byte" },
	{ "{" HEAD "," PROC ",\"user\":{\"uid\":-1}}}", "process.user.uid: -1 is out of range" },
	{ "{" HEAD "," PROC ",\"user\":{\"uid\":4294967295}}}", "process.user.uid: 4294967295 is out" },
	{ "{" HEAD "," PROC ",\"user\":{\"umask\":512}}}", "process.user.umask: 512 is out of range" },
	{ "{" HEAD "," PROC ",\"user\":{\"additionalGids\":[1,\"2\"]}}}",
	  "process.user.additionalGids[1]: expected integer" },
	{ "{" HEAD "," PROC ",\"rlimits\":[{\"type\":\"RLIMIT_X\"}]}}", "process.rlimits[0].type: unknown" },
	{ "{" HEAD "," PROC ",\"rlimits\":[{\"type\":\"RLIMIT_CPU\"},{\"type\":\"RLIMIT_CPU\"}]}}",
	  "process.rlimits[1].type: RLIMIT_CPU is given twice" },
	{ "{" HEAD "," PROC ",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]}}",
	  "process.rlimits[0].soft: RLIMIT_CPU: soft limit" },
	{ "{" HEAD "," PROC ",\"oomScoreAdj\":1001}}", "process.oomScoreAdj: 1001 is out of range" },
	{ "{" HEAD "," PROC ",\"capabilities\":{\"bounding\":[1]}}}",
	  "process.capabilities.bounding[0]: expected string" },
	{ "{" HEAD "," PROC ",\"scheduler\":{}}}", "process.scheduler.policy: unknown policy" },
	{ "{" HEAD "," PROC ",\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"nice\":1}}}",
	  "process.scheduler.nice: only for" },
	{ "{" HEAD "," PROC ",\"scheduler\":{\"policy\":\"SCHED_RR\",\"deadline\":1}}}",
	  "process.scheduler.deadline: only for" },
	{ "{" HEAD "," PROC ",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}}",
	  "process.ioPriority.priority: 8 is out of range" },
	{ "{" HEAD "," PROC ",\"execCPUAffinity\":{\"final\":\"3-1\"}}}",
	  "process.execCPUAffinity.final: \"3-1\" is no list" },
	{ "{" HEAD "," PROC ",\"consoleSize\":{\"height\":70000}}}", "process.consoleSize.height: 70000 is out" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"net\"}]}}", "linux.namespaces[0].type: unknown" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
	  "linux.namespaces[1].type: pid is given twice" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}}",
	  "linux.namespaces[0].path: \"x\" is not" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}}", "linux.uidMappings: a new user" },
	{ "{" HEAD ",\"linux\":{\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]}}",
	  "linux.gidMappings: needs a user namespace" },
	{ "{" HEAD ",\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]}}",
	  "linux.uidMappings[0].size: must be at least 1" },
	{ "{" HEAD ",\"linux\":{\"uidMappings\":[{\"containerID\":2,\"hostID\":0,\"size\":4294967295}]}}",
	  "linux.uidMappings[0].size: the range ends" },
	{ "{" HEAD ",\"linux\":{\"timeOffsets\":{\"boottime\":{}}}}", "linux.timeOffsets: needs a new time" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"x\":{}}}}",
	  "linux.timeOffsets.x: unknown clock" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"boottime\":{\"nanosecs\":-1}}}}",
	  "linux.timeOffsets.boottime.nanosecs: -1 is out" },
	{ "{" HEAD ",\"linux\":{\"devices\":[{\"type\":\"x\",\"path\":\"/dev/x\"}]}}",
	  "linux.devices[0].type: \"x\" is none" },
	{ "{" HEAD ",\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"x\",\"major\":1,\"minor\":1}]}}",
	  "linux.devices[0].path: \"x\" is not" },
	{ "{" HEAD ",\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":1}]}}",
	  "linux.devices[0].minor: must be given" },
	{ "{" HEAD ",\"linux\":{\"netDevices\":{\"e\":{}}}}", "linux.netDevices: needs a network namespace" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{\"e\":{\"name\":\"a/b\"}}}}",
	  "linux.netDevices.e.name: \"a/b\" is no name" },
	{ "{" HEAD ",\"linux\":{\"sysctl\":{\"net.core.somaxconn\":\"1\"}}}",
	  "linux.sysctl.net.core.somaxconn: needs a network" },
	{ "{" HEAD ",\"linux\":{\"sysctl\":{\"vm.swappiness\":\"1\"}}}", "linux.sysctl.vm.swappiness: is not in" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}],\"sysctl\":{\"net/../vm/x\":\"1\"}}}",
	  "linux.sysctl: \"net/../vm/x\" is no name" },
	{ "{" HEAD ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}],\"sysctl\":{\"net.x\":1}}}",
	  "linux.sysctl.net.x: expected string" },
	{ "{" HEAD ",\"linux\":{\"rootfsPropagation\":\"x\"}}", "linux.rootfsPropagation: \"x\" is none" },
	{ "{" HEAD "," NS ",\"maskedPaths\":[\"x\"]}}", "linux.maskedPaths[0]: \"x\" is not an absolute" },
	{ "{" HEAD ",\"linux\":{\"readonlyPaths\":[\"/x\"]}}", "linux.readonlyPaths: needs a mount" },
	{ "{" HEAD ",\"linux\":{\"personality\":{\"domain\":\"X\"}}}", "linux.personality.domain: \"X\" is none" },
	{ "{" HEAD ",\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"x\"]}}}",
	  "linux.personality.flags: no personality flags" },
	{ "{" HEAD ",\"linux\":{\"intelRdt\":{\"closID\":\"../x\"}}}", "linux.intelRdt.closID: \"../x\" is no" },
	{ "{" HEAD ",\"linux\":{\"memoryPolicy\":{\"mode\":\"X\"}}}", "linux.memoryPolicy.mode: unknown mode" },
	{ "{" HEAD ",\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}}}", "linux.memoryPolicy.nodes: must be" },
	{ "{" HEAD ",\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"flags\":[\"x\"]}}}",
	  "linux.memoryPolicy.flags: unknown flag" },
	{ "{" HEAD ",\"linux\":{\"resources\":[]}}", "linux.resources: expected object, got array" },
	{ "{" HEAD ",\"linux\":{\"cgroupsPath\":{}}}", "linux.cgroupsPath: expected string, got object" },
};

static void errors_name_the_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_configs); i++) {
		ARENA a = { 0 };
		struct err e = { 0 };
		struct bundle b;
		OWN_JSON j = text_parse(bad_configs[i].text);
		if (bundle_parse(j, &a, &b, &e) >= 0)
			fail_msg("accepted: %s", bad_configs[i].text);
		if (strncmp(e.chain, bad_configs[i].error, strlen(bad_configs[i].error)))
			fail_msg("%s: \"%s\"", bad_configs[i].text, e.chain);
		assert_int_equal(e.kind, E_INVALID);
		assert_true(bundle_parse(j, &a, &b, NULL) < 0);
	}
}

static void versions(void **state)
{
	static const char *const good[] = { "1.0.0",	  "1.0.2-dev", "1.2.1",	     "1.3.0",
					    "1.3.99+b.1", "1.0.0-rc5", "1.1.0+dev", "1.4.0" };
	static const char *const bad[] = { "",	   "1",	    "1.0",  "1.0.x",  "2.0.0", "0.9.0",
					   "01.0.0", "1.0.0-", "1.0.0 ", "v1.0.0", "1.0.0.0" };
	struct err e = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(bundle_version_check(good[i], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(bundle_version_check(bad[i], &e) < 0);
}

static void process_alone(void **state)
{
	ARENA a = { 0 };
	struct err e = { 0 };
	struct bundle_process p;
	struct bundle_strv warn = { 0 };
	OWN_JSON good = text_parse("{\"args\":[\"x\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"x\"]}}");
	OWN_JSON bad = text_parse("{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"gid\":\"0\"}}");
	(void)state;
	assert_int_equal(bundle_process_parse(good, "", &a, &p, &warn, &e), 0);
	assert_int_equal(warn.n, 1);
	assert_string_equal(warn.v[0], "capabilities.bounding: unknown capability \"x\" ignored");
	assert_true(bundle_process_parse(bad, "", &a, &p, NULL, &e) < 0);
	assert_string_equal(e.chain, "user.gid: expected integer, got string");
	assert_true(bundle_process_parse(bad, "process", &a, &p, NULL, &e) < 0);
	assert_string_equal(e.chain, "process.user.gid: expected integer, got string");
}

static void many_variables_are_quick(void **state)
{
	ARENA a = { 0 };
	struct err e = { 0 };
	struct bundle_process p;
	OWN_JSON j = text_parse("{\"args\":[\"x\"],\"cwd\":\"/\",\"env\":[]}");
	char text[64];
	(void)state;
	for (int i = 0; i < 60000; i++) {
		(void)snprintf(text, sizeof text, "SERVICE_%d_PORT=%d", i / 2, i);
		json_array_append_new(json_object_get(j, "env"), json_string(text));
	}
	assert_int_equal(bundle_process_parse(j, "", &a, &p, NULL, &e), 0);
	assert_int_equal(p.env.n, 30000);
	assert_string_equal(p.env.v[0], "SERVICE_0_PORT=1");
	assert_null(p.env.v[p.env.n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_config_is_read),	cmocka_unit_test(small_config_is_read),
		cmocka_unit_test(errors_name_the_path), cmocka_unit_test(versions),
		cmocka_unit_test(process_alone),	cmocka_unit_test(many_variables_are_quick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
