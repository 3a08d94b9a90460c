/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp profiles: errors that name the field, docker's form, the default profile, tables.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "bpf_run.h"
#include "format/js.h"
#include "spec/seccomp.h"
#include "spec/syscall_table.h"

static const char *const docker_caps[] = { DOCKER_CAPS };

static void too_long_is_refused(void **state)
{
	json_t *calls = json_array();
	(void)state;
	for (int i = 0; i < 1000; i++)
		json_array_append_new(calls, json_pack("{s:[s],s:s,s:[{s:i,s:i,s:i,s:s}]}", "names",
						       "ioctl", "action", "SCMP_ACT_ALLOW", "args",
						       "index", 1, "value", 0xffff, "valueTwo", i, "op",
						       "SCMP_CMP_MASKED_EQ"));
	OWN_JSON spec = json_pack("{s:s,s:[s,s],s:o}", "defaultAction", "SCMP_ACT_ERRNO",
				  "architectures", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "syscalls",
				  calls);
	struct seccomp_filter f = { 0 };
	struct err e = { 0 };
	assert_int_equal(seccomp_compile(spec, &f, &e), -E2BIG);
	assert_int_equal(e.kind, E_INVALID);
}

static void wrong_profiles_are_named(void **state)
{
#define RULE(r) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"]," r "}]}"
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{}", "linux.seccomp.defaultAction: missing" },
		{ "[]", "linux.seccomp: expected object" },
		{ "{\"defaultAction\":\"SCMP_ACT_NO\"}", "unknown action \"SCMP_ACT_NO\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_KILL\",\"defaultErrnoRet\":1}", "not possible with" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}", "not an errno" },
		{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "as default action" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"x86\"]}",
		  "unknown architecture \"x86\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"NO\"]}", "unknown flag \"NO\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\"}", "needs listenerPath" },
		{ RULE("\"action\":\"SCMP_ACT_ALLOW\",\"errnoRet\":1"), "syscalls[0].errnoRet: not possible" },
		{ RULE("\"action\":\"SCMP_ACT_NOTIFY\""), "listenerPath: needed" },
		{ RULE("\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]"),
		  "syscalls[0].args[0].index: 6" },
		{ RULE("\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"op\":\"EQ\"}]"),
		  "unknown operator \"EQ\"" },
		{ RULE("\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":\"x\"}]"),
		  "args[0].value: expected a 64-bit number" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]}",
		  "names: at least one" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/s\",\"syscalls\":[{\"names\":"
		  "[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}", "cannot be used for the write" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWN_JSON spec = parse(cases[i].text);
		struct seccomp_filter f = { 0 };
		struct err e = { 0 };
		assert_true(seccomp_compile(spec, &f, &e) < 0);
		assert_int_equal(e.kind, E_INVALID);
		if (!strstr(e.chain, cases[i].want))
			fail_msg("%s: %s", cases[i].text, e.chain);
	}
}

static uint32_t verdict(const json_t *spec, const char *name, uint64_t arg)
{
	struct seccomp_filter f = { 0 };
	struct err e = { 0 };
	bool seen;
	if (seccomp_compile(spec, &f, &e) < 0)
		fail_msg("%s", e.chain);
	struct seccomp_data d = { .nr = (int)syscall_number(syscall_find(name), ARCH_X86_64),
				  .arch = AUDIT_ARCH_X86_64, .args = { arg } };
	uint32_t r = bpf_run(f.code, f.n, &d, &seen);
	seccomp_filter_done(&f);
	return r;
}

static void docker_form_is_resolved(void **state)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
		"\"subArchitectures\":[\"SCMP_ARCH_X86\"]},{\"architecture\":\"SCMP_ARCH_S390X\"}],"
		"\"syscalls\":[{\"name\":\"read\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":[]},"
		"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
		"{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"3.4\"}},"
		"{\"names\":[\"acct\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.0\"}},"
		"{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"arches\":[\"amd64\"]}},"
		"{\"names\":[\"kcmp\"],\"action\":\"SCMP_ACT_LOG\",\"excludes\":{\"caps\":[\"CAP_KILL\"]},"
		"\"comment\":\"c\",\"includes\":{}}]}";
	static const char *const caps[] = { "CAP_SYS_ADMIN", NULL };
	static const char *const kill[] = { "CAP_KILL", NULL };
	OWN_JSON in = parse(text);
	OWN_JSON all = NULL;
	OWN_JSON some = NULL;
	OWN_JSON none = NULL;
	struct err e = { 0 };
	(void)state;
	if (syscall_arch_native() != ARCH_X86_64)
		skip();
	assert_int_equal(seccomp_profile_resolve(in, caps, &all, &e), 0);
	assert_int_equal(seccomp_profile_resolve(in, kill, &some, &e), 0);
	assert_int_equal(verdict(all, "read", 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(all, "mount", 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(some, "mount", 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(verdict(some, "bpf", 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(some, "acct", 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(verdict(some, "sync", 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(verdict(all, "kcmp", 0), SECCOMP_RET_LOG);
	assert_int_equal(verdict(some, "kcmp", 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(json_array_size(json_object_get(all, "architectures")), 2);
	assert_null(json_object_get(all, "archMap"));
	OWN_JSON empty = json_object();
	assert_int_equal(seccomp_profile_resolve(empty, caps, &none, &e), 0);
	assert_null(none);
	json_object_set_new(in, "architectures", json_pack("[s]", "SCMP_ARCH_X86"));
	assert_true(seccomp_profile_resolve(in, caps, &none, &e) < 0);
}

static void default_profile_denies(void **state)
{
	static const char *const denied[] = {
		"reboot", "swapon", "mount", "umount2", "acct", "settimeofday", "clock_settime", "bpf",
		"kexec_load", "keyctl", "userfaultfd", "io_uring_setup", "perf_event_open", "unshare",
		"setns", "init_module", "pivot_root", "add_key", "request_key", "nfsservctl",
	};
	static const char *const allowed[] = { "read", "execve", "chroot", "ptrace", "mseal", "statmount" };
	OWN_JSON spec = seccomp_default_profile(docker_caps);
	(void)state;
	if (syscall_arch_native() != ARCH_X86_64)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		assert_int_equal(verdict(spec, denied[i], 0), SECCOMP_RET_ERRNO | EPERM);
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		assert_int_equal(verdict(spec, allowed[i], 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(spec, "clone3", 0), SECCOMP_RET_ERRNO | ENOSYS);
	assert_int_equal(verdict(spec, "socket", 2), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(spec, "socket", 40), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(verdict(spec, "socket", 38), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(verdict(spec, "clone", 0x10000000), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(verdict(spec, "clone", 0x1200011), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(spec, "personality", 8), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(spec, "personality", 0x0040000), SECCOMP_RET_ERRNO | EPERM);
}

/* the whole way into the kernel, in a child */
static void default_profile_is_in_force(void **state)
{
	OWN_JSON spec = seccomp_default_profile(docker_caps);
	struct seccomp_filter f = { 0 };
	struct err e = { 0 };
	int status;
	(void)state;
	assert_int_equal(seccomp_compile(spec, &f, &e), 0);
	pid_t pid = fork();
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || seccomp_install(&f))
			_exit(1);
		if (syscall(SYS_unshare, CLONE_NEWNS) != -1 || errno != EPERM)
			_exit(2);
		if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
			_exit(3);
		if (syscall(999) != -1 || errno != ENOSYS)
			_exit(4);
		_exit(getpid() > 0 ? 0 : 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	seccomp_filter_done(&f);
	assert_true(seccomp_flag_supported(SECCOMP_FILTER_FLAG_LOG));
	assert_false(seccomp_flag_supported(1u << 30));
	assert_true(seccomp_action_supported(SECCOMP_RET_LOG));
	OWN_JSON features = seccomp_features();
	assert_int_equal(json_array_size(json_object_get(features, "actions")), 9);
	assert_int_equal(json_array_size(json_object_get(features, "operators")), 7);
}

static void tables_round_trip(void **state)
{
	(void)state;
	for (unsigned i = 0; i < syscall_table_rows; i++)
		assert_int_equal(syscall_find(syscall_name((int)i)), i);
	assert_int_equal(syscall_find("nothing"), -1);
	for (int a = 0; a < ARCH_N; a++)
		assert_int_equal(syscall_arch_parse(syscall_arch_rows[a].oci), a);
	assert_int_equal(syscall_number(syscall_find("read"), ARCH_X32), 0x40000000);
	assert_int_equal(syscall_number(syscall_find("cacheflush"), ARCH_ARM), 0xf0002);
	assert_int_equal(syscall_number(syscall_find("open"), ARCH_AARCH64), -1);
	assert_int_equal(syscall_number(syscall_find("mseal"), ARCH_MIPS), 4462);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_round_trip),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(wrong_profiles_are_named),
		cmocka_unit_test(docker_form_is_resolved),
		cmocka_unit_test(default_profile_denies),
		cmocka_unit_test(default_profile_is_in_force),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
