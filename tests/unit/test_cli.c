/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/front/cli: options to create body, their errors, tables, sizes for people.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/js.h"
#include "front/cli/list.h"
#include "front/cli/run_fields.h"

static const struct opt_set sets[] = { { run_fields, RUN_FIELDS_N }, { env_fields, ENV_FIELDS_N } };

static int parse(const char *line, json_t **ret, int *ret_argc, struct err *e)
{
	static struct arena a;
	char *argv[64], *copy = arena_strdup(&a, line), *save = NULL;
	int argc = 0;
	struct opt_result r = { 0 };

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	int rc = opt_parse(sets, 2, argc, argv, OPT_STOP_AT_ARG, &a, &r, e);
	if (rc >= 0) {
		*ret = r.request;
		*ret_argc = r.argc;
	}
	return rc;
}

static const struct {
	const char *line, *json; /* json NULL: error with this in @error */
	const char *error;
	int argc;
} rows[] = {
	{ "-itd --name=x img -p 80", NULL, "unknown shorthand flag: 'd' in -itd", 0 },
	{ "-it img sh -c x", "{\"OpenStdin\":true,\"Tty\":true}", NULL, 4 },
	{ "-m 64m --cpus=1.5 img", "{\"HostConfig\":{\"Memory\":67108864,\"NanoCpus\":1500000000}}", NULL, 1 },
	{ "-m64m img", "{\"HostConfig\":{\"Memory\":67108864}}", NULL, 1 },
	{ "-m=64m img", "{\"HostConfig\":{\"Memory\":67108864}}", NULL, 1 },
	{ "-m x img", NULL, "invalid argument \"x\" for \"-m, --memory\" flag: invalid size", 0 },
	{ "--memroy 1m img", NULL, "unknown flag: --memroy", 0 },
	{ "--memory", NULL, "flag needs an argument: --memory", 0 },
	{ "-m", NULL, "flag needs an argument: 'm' in -m", 0 },
	{ "--read-only=false img", "{\"HostConfig\":{\"ReadonlyRootfs\":false}}", NULL, 1 },
	{ "--read-only=maybe img", NULL, "invalid argument \"maybe\" for \"--read-only\" flag", 0 },
	{ "-e A=1 -e B=2 img", "{\"Env\":[\"A=1\",\"B=2\"]}", NULL, 1 },
	{ "--cap-add NET_ADMIN --cap-drop=ALL img", "{\"HostConfig\":{\"CapAdd\":[\"NET_ADMIN\"],\"CapDrop\":[\"ALL\"]}}", NULL, 1 },
	{ "-v /data -v vol:/v:ro img", "{\"HostConfig\":{\"Binds\":[\"vol:/v:ro\"]},\"Volumes\":{\"/data\":{}}}", NULL, 1 },
	{ "--mount type=bind,src=/a,dst=/b,ro img",
	  "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true}]}}", NULL, 1 },
	{ "--mount type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1770 img",
	  "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/t\",\"TmpfsOptions\":{\"SizeBytes\":67108864,\"Mode\":1016}}]}}", NULL, 1 },
	{ "--mount type=bind,nope=1 img", NULL, "unexpected key 'nope'", 0 },
	{ "--mount type=bind,src=/a img", NULL, "target is required", 0 },
	{ "--tmpfs /run:size=1m img", "{\"HostConfig\":{\"Tmpfs\":{\"/run\":\"size=1m\"}}}", NULL, 1 },
	{ "--ulimit nofile=1024:2048 img",
	  "{\"HostConfig\":{\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1024,\"Hard\":2048}]}}", NULL, 1 },
	{ "--restart on-failure:3 img",
	  "{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}}}", NULL, 1 },
	{ "--restart on-failure:x img", NULL, "maximum retry count must be an integer", 0 },
	{ "--device /dev/null:/dev/x:r img",
	  "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/x\",\"CgroupPermissions\":\"r\"}]}}", NULL, 1 },
	{ "--sysctl net.core.somaxconn=10 img", "{\"HostConfig\":{\"Sysctls\":{\"net.core.somaxconn\":\"10\"}}}", NULL, 1 },
	{ "--entrypoint /x img", "{\"Entrypoint\":[\"/x\"]}", NULL, 1 },
	{ "--gpus all img", NULL, "flag --gpus is not supported", 0 },
	{ "--rm -- -img", "{\"HostConfig\":{\"AutoRemove\":true}}", NULL, 1 },
	{ "-h web --net host img", "{\"Hostname\":\"web\",\"HostConfig\":{\"NetworkMode\":\"host\"}}", NULL, 1 },
	{ "--log-opt max-size=1m --log-driver json-file img",
	  "{\"HostConfig\":{\"LogConfig\":{\"Config\":{\"max-size\":\"1m\"},\"Type\":\"json-file\"}}}", NULL, 1 },
	{ "-p 8080:80 -p 53:53/udp img",
	  "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},\"HostConfig\":{\"PortBindings\":{"
	  "\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}],\"53/udp\":[{\"HostIp\":\"\",\"HostPort\":\"53\"}]}}}", NULL, 1 },
	{ "-p x:80 img", NULL, "invalid argument \"x:80\" for \"-p, --publish\" flag", 0 },
};

static void strip_at(json_t *j)
{
	const char *k;
	json_t *v;
	json_object_foreach(j, k, v)
		if (*k == '@')
			json_object_del(j, k);
}

static void flags_make_the_create_body(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		OWN_JSON got = NULL;
		OWN_JSON want = NULL;
		int argc = 0, r = parse(rows[i].line, &got, &argc, &e);
		if ((r >= 0) != (rows[i].json != NULL))
			fail_msg("%s: %s", rows[i].line, r < 0 ? e.chain : "no error");
		if (!rows[i].json) {
			if (!strstr(e.chain, rows[i].error))
				fail_msg("%s: %s", rows[i].line, e.chain);
			continue;
		}
		strip_at(got);
		assert_int_equal(js_parse(rows[i].json, strlen(rows[i].json), "want", &want, &e), 0);
		OWN_STR text = json_dumps(got, JSON_COMPACT);
		if (!json_equal(got, want))
			fail_msg("%s: %s", rows[i].line, text);
		assert_int_equal(argc, rows[i].argc);
	}
}

static void a_typo_is_answered_by_the_nearest_flag(void **state)
{
	struct err e = { 0 };
	json_t *j;
	int n;
	(void)state;
	assert_true(parse("--memroy 1m x", &j, &n, &e) < 0);
	assert_string_equal(e.hint, "did you mean --memory?");
	assert_int_equal(e.kind, E_USAGE);
}

static void rows_are_sorted_and_unique(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(sets); s++)
		for (size_t i = 0; i < sets[s].n; i++) {
			if (i && strcmp(sets[s].rows[i - 1].name, sets[s].rows[i].name) >= 0)
				fail_msg("--%s is out of order", sets[s].rows[i].name);
			for (size_t k = 0; k < i && sets[s].rows[i].letter; k++)
				if (sets[s].rows[k].letter == sets[s].rows[i].letter)
					fail_msg("-%c twice", sets[s].rows[i].letter);
		}
}

static void people_read_sizes_and_times(void **state)
{
	static const struct { double v; const char *si, *bin; } sizes[] = {
		{ 0, "0B", "0B" }, { 999, "999B", "999B" }, { 1000, "1kB", "1000B" },
		{ 4261550, "4.26MB", "4.064MiB" }, { 187e6, "187MB", "178.3MiB" },
	};
	static const struct { long long s; const char *text; } times[] = {
		{ 0, "Less than a second" }, { 1, "1 second" }, { 59, "59 seconds" }, { 60, "About a minute" },
		{ 119, "About a minute" }, { 120, "2 minutes" }, { 3600, "About an hour" }, { 7200, "2 hours" },
		{ 48 * 3600, "2 days" }, { 14 * 86400, "2 weeks" }, { 60 * 86400, "2 months" }, { 730 * 86400, "2 years" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		OWN_BUF a = { 0 };
		OWN_BUF b = { 0 };
		human_size(sizes[i].v, &a);
		human_bytes(sizes[i].v, &b);
		assert_string_equal(buf_str(&a), sizes[i].si);
		assert_string_equal(buf_str(&b), sizes[i].bin);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		OWN_BUF a = { 0 };
		human_duration(times[i].s, &a);
		assert_string_equal(buf_str(&a), times[i].text);
	}
	OWN_BUF cut = { 0 };
	human_ellipsis("nginx -g 'daemon off;'", 20, &cut);
	assert_string_equal(buf_str(&cut), "nginx -g 'daemon of\xe2\x80\xa6");
}

static void tables_are_aligned(void **state)
{
	OWN_BUF out = { 0 };
	(void)state;
	table_align("A\tBBBBBBBBBB\tC\nlonger than ten\tx\ty\n", &out);
	assert_string_equal(buf_str(&out), "A                 BBBBBBBBBB   C\nlonger than ten   x            y\n");
}

static void ports_are_grouped(void **state)
{
	OWN_BUF out = { 0 };
	OWN_JSON j = json_pack("[{s:s,s:i,s:i,s:s},{s:s,s:i,s:i,s:s},{s:s,s:i,s:i,s:s},{s:i,s:s}]",
			       "IP", "0.0.0.0", "PrivatePort", 80, "PublicPort", 8000, "Type", "tcp",
			       "IP", "0.0.0.0", "PrivatePort", 81, "PublicPort", 8001, "Type", "tcp",
			       "IP", "::", "PrivatePort", 80, "PublicPort", 8000, "Type", "tcp",
			       "PrivatePort", 53, "Type", "udp");
	(void)state;
	human_ports(j, &out);
	assert_string_equal(buf_str(&out), "0.0.0.0:8000-8001->80-81/tcp, [::]:8000->80/tcp, 53/udp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_make_the_create_body),
		cmocka_unit_test(a_typo_is_answered_by_the_nearest_flag),
		cmocka_unit_test(rows_are_sorted_and_unique),
		cmocka_unit_test(people_read_sizes_and_times),
		cmocka_unit_test(tables_are_aligned),
		cmocka_unit_test(ports_are_grouped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
