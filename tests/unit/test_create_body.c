/* SPDX-License-Identifier: Apache-2.0
 *
 * Create bodies: types, ranges, contradictions; mounts, limits and names of containers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "format/js.h"
#include "spec/container_mode.h"
#include "spec/create_body.h"
#include "spec/mount_spec.h"
#include "spec/name.h"
#include "spec/security_opt.h"
#include "spec/ulimit.h"

struct row {
	const char *body;  /* members besides Image */
	const char *error; /* NULL: fine; else part of the message */
};

static int check(const char *members, json_t *warnings, struct err *e)
{
	char text[2048];
	OWN_JSON body = NULL;
	struct create_host host = { .cpus = 4 };

	(void)snprintf(text, sizeof text, "{\"Image\":\"base\"%s%s}", *members ? "," : "", members);
	assert_int_equal(js_parse(text, strlen(text), "body", &body, e), 0);
	return create_body_check(body, &host, warnings, e);
}

static void rows_check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = { 0 };
		OWN_JSON warnings = json_array();
		int r = check(rows[i].body, warnings, &e);
		if (!rows[i].error) {
			if (r < 0)
				fail_msg("%s: %s", rows[i].body, e.chain);
			continue;
		}
		if (r >= 0 || !strstr(e.chain, rows[i].error))
			fail_msg("%s: got \"%s\", want \"%s\"", rows[i].body, r < 0 ? e.chain : "success", rows[i].error);
	}
}

static void test_types(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "", NULL },
		{ "\"HostConfig\":null", NULL },
		{ "\"Cmd\":\"sh\"", NULL },
		{ "\"Unknown\":{\"x\":1}", NULL },
		{ "\"HostConfig\":{\"Memory\":\"1g\"}", "HostConfig.Memory: expected integer" },
		{ "\"HostConfig\":{\"Mounts\":[{\"Target\":5}]}", "HostConfig.Mounts[].Target: expected string" },
		{ "\"HostConfig\":{\"Binds\":[1]}", "HostConfig.Binds: expected array of strings" },
		{ "\"Labels\":{\"a\":1}", "Labels: expected object of strings" },
		{ "\"Env\":[\"a\\u0000b\"]", "Env: expected array of strings" },
		{ "\"HostConfig\":[]", "HostConfig: expected object" },
	};
	rows_check(rows, sizeof rows / sizeof *rows);
}

static void test_config(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "\"WorkingDir\":\"x\"", "needs to be an absolute path" },
		{ "\"StopSignal\":\"FOO\"", "Invalid signal: FOO" },
		{ "\"StopSignal\":\"SIGRTMIN+3\"", NULL },
		{ "\"Env\":[\"=x\"]", "invalid environment variable: =x" },
		{ "\"Env\":[\"A\"]", NULL },
		{ "\"Volumes\":{\"x\":{}}", "invalid volume specification: 'x'" },
		{ "\"Volumes\":{\"/\":{}}", "invalid volume specification: '/'" },
		{ "\"Hostname\":\"a/b\"", "invalid hostname" },
		{ "\"Healthcheck\":{\"Interval\":1}", "Interval in Healthcheck cannot be less than 1ms" },
		{ "\"MacAddress\":\"zz\"", NULL }, /* looked at with a HostConfig only */
		{ "\"MacAddress\":\"zz\",\"HostConfig\":{}", "is not a valid mac address" },
		{ "\"MacAddress\":\"02:42:ac:11:00:02\",\"HostConfig\":{}", NULL },
	};
	rows_check(rows, sizeof rows / sizeof *rows);
}

#define HC(x) "\"HostConfig\":{" x "}"
static void test_limits(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ HC("\"Memory\":6291456"), NULL },
		{ HC("\"Memory\":6291455"), "Minimum memory limit allowed is 6MB" },
		{ HC("\"Memory\":67108864,\"MemorySwap\":1048576"), "Minimum memoryswap limit should be larger" },
		{ HC("\"MemorySwap\":67108864"), "You should always set the Memory limit" },
		{ HC("\"Memory\":67108864,\"MemorySwap\":-1"), NULL },
		{ HC("\"Memory\":67108864,\"MemoryReservation\":134217728"), "less than memory reservation" },
		{ HC("\"MemorySwappiness\":101"), "valid memory swappiness range is 0-100" },
		{ HC("\"NanoCpus\":5000000000"), "range of CPUs is from 0.01 to 4.00" },
		{ HC("\"NanoCpus\":1,\"CpuQuota\":50000"), "Nano CPUs and CPU Quota cannot both be set" },
		{ HC("\"CpuPeriod\":10"), "CPU cfs period" },
		{ HC("\"CpuQuota\":10"), "CPU cfs quota" },
		{ HC("\"CpusetCpus\":\"0-3,5\""), NULL },
		{ HC("\"CpusetCpus\":\"3-1\""), "Invalid value 3-1 for cpuset cpus" },
		{ HC("\"CpusetCpus\":\"0,\""), "for cpuset cpus" },
		{ HC("\"BlkioWeight\":5"), "Range of blkio weight" },
		{ HC("\"PidsLimit\":-2"), "invalid PIDs limit" },
		{ HC("\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":4}]"), "5 > 4" },
		{ HC("\"Ulimits\":[{\"Name\":\"foo\",\"Soft\":5,\"Hard\":5}]"), "invalid ulimit type: foo" },
		{ HC("\"DeviceCgroupRules\":[\"c 1:3 rwm\",\"a *:* m\"]"), NULL },
		{ HC("\"DeviceCgroupRules\":[\"c 1:3\"]"), "invalid device cgroup rule format" },
		{ HC("\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"CgroupPermissions\":\"x\"}]"), "invalid device mode" },
		{ HC("\"DeviceRequests\":[{}]"), "could not select device driver" },
	};
	rows_check(rows, sizeof rows / sizeof *rows);
}

static void test_host_config(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ HC("\"OomScoreAdj\":1001"), "range for oom score adj is [-1000, 1000]" },
		{ HC("\"CapAdd\":[\"NET_ADMIN\",\"cap_sys_admin\",\"all\"]"), NULL },
		{ HC("\"CapAdd\":[\"NET_FOO\"]"), "invalid capability: \"NET_FOO\"" },
		{ HC("\"RestartPolicy\":{\"Name\":\"sometimes\"}"), "unknown policy 'sometimes'" },
		{ HC("\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":1}"), "only be used with 'on-failure'" },
		{ HC("\"RestartPolicy\":{\"Name\":\"always\"},\"AutoRemove\":true"), "can't create 'AutoRemove'" },
		{ HC("\"RestartPolicy\":{\"Name\":\"no\"},\"AutoRemove\":true"), NULL },
		{ HC("\"PidMode\":\"x\""), "invalid PID mode: x" },
		{ HC("\"IpcMode\":\"shareable\""), NULL },
		{ HC("\"NetworkMode\":\"container:\""), "invalid container format" },
		{ "\"Hostname\":\"h\"," HC("\"NetworkMode\":\"container:x\""), "hostname and the network mode" },
		{ HC("\"NetworkMode\":\"container:x\",\"Dns\":[\"1.1.1.1\"]"), "dns and the network mode" },
		{ HC("\"Dns\":[\"x\"]"), "x is not an ip address" },
		{ HC("\"ExtraHosts\":[\"a:1.2.3.4\",\"b=::1\",\"c:[::1]\",\"d:host-gateway\"]"), NULL },
		{ HC("\"ExtraHosts\":[\"a\"]"), "bad format for add-host" },
		{ HC("\"ExtraHosts\":[\"a:b\"]"), "invalid IP address in add-host" },
		{ HC("\"Sysctls\":{\"kernel.pid_max\":\"1\"}"), "sysctl 'kernel.pid_max' is not allowed" },
		{ HC("\"Sysctls\":{\"net.x/../y\":\"1\"}"), "is not allowed" },
		{ HC("\"Sysctls\":{\"net.core.somaxconn\":\"1\"},\"NetworkMode\":\"host\""), "host network namespace" },
		{ HC("\"LogConfig\":{\"Type\":\"fluentd\"}"), "no log driver named 'fluentd'" },
		{ HC("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"x\"}}"), "invalid value for max-size" },
		{ HC("\"SecurityOpt\":[\"no-new-privileges\",\"seccomp=unconfined\",\"label:disable\"]"), NULL },
		{ HC("\"SecurityOpt\":[\"nonsense\"]"), "invalid --security-opt 1: \"nonsense\"" },
		{ HC("\"Binds\":[\"/a:/b\",\"v:/b\"]"), "Duplicate mount point: /b" },
		{ HC("\"PortBindings\":{\"80/foo\":[]}"), "foo" },
		{ HC("\"UsernsMode\":\"private\""), "invalid userns mode" },
	};
	rows_check(rows, sizeof rows / sizeof *rows);
}

static void test_warnings(void **state)
{
	(void)state;
	struct err e;
	OWN_JSON w = json_array();

	assert_int_equal(check(HC("\"NetworkMode\":\"host\",\"PublishAllPorts\":true"), w, &e), 0);
	assert_int_equal(json_array_size(w), 1);
	assert_string_equal(json_string_value(json_array_get(w, 0)),
			    "Published ports are discarded when using host network mode");
}

static void test_binds(void **state)
{
	(void)state;
	ARENA a = { 0 };
	struct mount_spec m;
	struct err e;

	assert_int_equal(mount_spec_parse_bind("/src//x/../y:/dst/:ro,z,rslave", &a, &m, &e), 0);
	assert_int_equal(m.type, MOUNT_BIND);
	assert_string_equal(m.source, "/src/y");
	assert_string_equal(m.target, "/dst");
	assert_string_equal(m.mode, "ro,z,rslave");
	assert_string_equal(m.propagation, "rslave");
	assert_true(m.read_only && m.make_source);
	assert_int_equal(mount_spec_parse_bind("name:/d:nocopy", &a, &m, &e), 0);
	assert_true(m.type == MOUNT_VOLUME && m.no_copy && !m.make_source);

	static const char *const bad[] = {
		"", ":", "/a", "/a:", ":/a", "a:b:c:d", "/a:/", "/a:b", "x/y:/d", "/a:/b:ro,rw", "/a:/b:nocopy",
		"v:/b:rslave", "/a:/b:foo", "/a:/b:z,Z",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (mount_spec_parse_bind(bad[i], &a, &m, &e) >= 0)
			fail_msg("%s was taken", bad[i]);
}

static void test_mounts(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ HC("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\"}]"), NULL },
		{ HC("\"Mounts\":[{\"Type\":\"bind\",\"Target\":\"/b\"}]"), "field Source must not be empty" },
		{ HC("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"}]"), "field Target must not be empty" },
		{ HC("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"a\",\"Target\":\"/b\"}]"), "must be absolute" },
		{ HC("\"Mounts\":[{\"Type\":\"foo\",\"Target\":\"/b\"}]"), "mount type unknown: \"foo\"" },
		{ HC("\"Mounts\":[{\"Type\":\"image\",\"Target\":\"/b\"}]"), "not supported" },
		{ HC("\"Mounts\":[{\"Type\":\"tmpfs\",\"Source\":\"/a\",\"Target\":\"/b\"}]"), "must not be specified" },
		{ HC("\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/b\",\"BindOptions\":{\"Propagation\":\"x\"}}]"),
		  "field BindOptions must not be specified" },
		{ HC("\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/b\",\"VolumeOptions\":"
		     "{\"Subpath\":\"../x\"}}]"), "subpath must be a relative path" },
		{ HC("\"Tmpfs\":{\"/t\":\"size=64m,mode=1770,noexec\"}"), NULL },
		{ HC("\"Tmpfs\":{\"/t\":\"foo\"}"), "invalid tmpfs option \"foo\"" },
		{ HC("\"Tmpfs\":{\"/t\":\"size=x\"}"), "invalid tmpfs option" },
	};
	rows_check(rows, sizeof rows / sizeof *rows);
}

static void test_names(void **state)
{
	(void)state;
	struct err e;
	char made[NAME_MADE_MAX];

	assert_int_equal(name_check("web-1.x_y", &e), 0);
	assert_int_equal(name_check("/web", &e), 0);
	static const char *const bad[] = { "", "x", "/x", "-ab", "a b", "a/b", "\xc3\xa4\xc3\xa4", ".." };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(name_check(bad[i], &e) < 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(name_make(i, made), 0);
		assert_int_equal(name_check(made, &e), 0);
	}
}

static void test_ulimits(void **state)
{
	(void)state;
	struct ulimit u;
	struct err e;

	assert_int_equal(ulimit_parse("nofile=10:20", &u, &e), 0);
	assert_true(u.soft == 10 && u.hard == 20 && !strcmp(u.oci, "RLIMIT_NOFILE"));
	assert_int_equal(ulimit_parse("core=-1", &u, &e), 0);
	assert_true(u.soft == -1 && u.hard == -1);
	assert_int_equal(ulimit_parse("memlock=unlimited", &u, &e), 0);
	static const char *const bad[] = { "nofile", "nofile=", "=1", "nofile=1:2:3", "nofile=-1:5", "x=1" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(ulimit_parse(bad[i], &u, &e) < 0);
}

static void test_modes(void **state)
{
	(void)state;
	const char *peer;

	assert_int_equal(container_mode_of(MODE_OF_NETWORK, "", &peer), CONTAINER_MODE_NETWORK);
	assert_string_equal(peer, "bridge");
	assert_int_equal(container_mode_of(MODE_OF_NETWORK, "mine", &peer), CONTAINER_MODE_NETWORK);
	assert_string_equal(peer, "mine");
	assert_int_equal(container_mode_of(MODE_OF_NETWORK, "container:abc", &peer), CONTAINER_MODE_JOIN);
	assert_string_equal(peer, "abc");
	assert_int_equal(container_mode_of(MODE_OF_IPC, "none", &peer), CONTAINER_MODE_NONE);
	assert_int_equal(container_mode_of(MODE_OF_PID, "host", NULL), CONTAINER_MODE_HOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),    cmocka_unit_test(test_config),
		cmocka_unit_test(test_limits),   cmocka_unit_test(test_host_config),
		cmocka_unit_test(test_warnings), cmocka_unit_test(test_binds),
		cmocka_unit_test(test_mounts),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_ulimits),  cmocka_unit_test(test_modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
