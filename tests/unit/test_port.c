/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of spec/port: what -p and --expose take and refuse, docker's JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/js.h"
#include "spec/port.h"

/* "proto ip host-end container" of each, joined by commas */
static const char *shown(const struct port_list *l, char *out, size_t n)
{
	size_t at = 0;

	*out = 0;
	for (size_t i = 0; i < l->n; i++)
		at += (size_t)snprintf(out + at, n - at, "%s%s %s %u-%u %u", i ? "," : "", l->v[i].proto,
				       *l->v[i].host_ip ? l->v[i].host_ip : "*", l->v[i].host,
				       l->v[i].host_end, l->v[i].container);
	return out;
}

static void every_form_is_taken(void **state)
{
	static const struct {
		const char *spec, *want;
	} rows[] = {
		{ "80", "tcp * 0-0 80" },
		{ "80/udp", "udp * 0-0 80" },
		{ "8080:80", "tcp * 8080-8080 80" },
		{ "8080:80/udp", "udp * 8080-8080 80" },
		{ "8080:80/SCTP", "sctp * 8080-8080 80" },
		{ "8080:80/", "tcp * 8080-8080 80" },
		{ "0:80", "tcp * 0-0 80" },
		{ ":80", "tcp * 0-0 80" },
		{ "127.0.0.1::80", "tcp 127.0.0.1 0-0 80" },
		{ "127.0.0.1:8080:80", "tcp 127.0.0.1 8080-8080 80" },
		{ "[::1]:8080:80/tcp", "tcp ::1 8080-8080 80" },
		{ "::1:8080:80", "tcp ::1 8080-8080 80" },
		{ "[::]::80", "tcp :: 0-0 80" },
		{ "80-82", "tcp * 0-0 80,tcp * 0-0 81,tcp * 0-0 82" },
		{ "8080-8081:80-81", "tcp * 8080-8080 80,tcp * 8081-8081 81" },
		{ "8000-8010:80", "tcp * 8000-8010 80" },
		{ "published=8080,target=80,protocol=udp", "udp * 8080-8080 80" },
		{ "target=80", "tcp * 0-0 80" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_PORT_LIST l = { 0 };
		struct err e = { 0 };
		char text[512];
		if (port_parse(rows[i].spec, &l, &e) < 0)
			fail_msg("%s: %s", rows[i].spec, e.chain);
		assert_string_equal(shown(&l, text, sizeof text), rows[i].want);
	}
}

static void refusals_are_dockers(void **state)
{
	static const struct {
		const char *spec, *want;
	} rows[] = {
		{ "", "no port specified: <empty>" },
		{ "8080:", "no port specified: 8080:<empty>" },
		{ "x", "invalid containerPort: x" },
		{ "8080:x", "invalid containerPort: x" },
		{ "8080:0", "invalid containerPort: 0" },
		{ "x:80", "invalid hostPort: x" },
		{ "65536:80", "invalid hostPort: 65536" },
		{ "-1:80", "invalid hostPort: -1" },
		{ "90-80:80", "invalid hostPort: 90-80" },
		{ "80-90:1-5", "invalid ranges specified for container and host Ports: 1-5 and 80-90" },
		{ "8080:80/xyz", "invalid proto: xyz" },
		{ "1.2.3:8080:80", "invalid IP address: 1.2.3" },
		{ "[::1:8080:80", "invalid IP address: [::1" },
		{ "host:8080:80", "invalid IP address: host" },
		{ "a=b,c", "invalid publish opts format (should be name=value but got 'c')" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_PORT_LIST l = { 0 };
		struct err e = { 0 };
		if (port_parse(rows[i].spec, &l, &e) >= 0)
			fail_msg("%s was taken", rows[i].spec);
		assert_int_equal(e.kind, E_INVALID);
		assert_string_equal(e.chain, rows[i].want);
	}
}

static void json_goes_round(void **state)
{
	static const char *const specs[] = { "127.0.0.1:8080:80", "53:53/udp", "8000-8010:90", "443" };
	OWN_PORT_LIST l = { 0 }, back = { 0 };
	struct err e = { 0 };
	char a[512], b[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++)
		assert_int_equal(port_parse(specs[i], &l, &e), 0);
	OWN_JSON j = port_list_to_json(&l);
	OWN_JSON exposed = port_list_exposed(&l);
	assert_int_equal(json_object_size(exposed), 4);
	assert_non_null(json_object_get(exposed, "53/udp"));
	assert_int_equal(port_list_from_json(j, &back, &e), 0);
	assert_string_equal(shown(&back, b, sizeof b), shown(&l, a, sizeof a));
	assert_int_equal(port_list_from_json(NULL, &back, &e), 0);
	OWN_JSON bad = json_pack("{s:[{s:s, s:s}]}", "80/tcp", "HostIp", "x", "HostPort", "1");
	assert_true(port_list_from_json(bad, &back, &e) < 0);
	assert_string_equal(e.chain, "invalid IP address: x");
}

static void expose_takes_ranges(void **state)
{
	OWN_PORT_LIST l = { 0 };
	struct err e = { 0 };
	char text[512];

	(void)state;
	assert_int_equal(port_parse_expose("80-81/udp", &l, &e), 0);
	assert_string_equal(shown(&l, text, sizeof text), "udp * 0-0 80,udp * 0-0 81");
	assert_true(port_parse_expose("80:80", &l, &e) < 0);
	assert_string_equal(e.chain, "invalid port format for --expose: 80:80");
	assert_true(port_parse_expose("81-80", &l, &e) < 0);
	assert_string_equal(e.chain, "invalid range format for --expose: 81-80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_taken),
		cmocka_unit_test(refusals_are_dockers),
		cmocka_unit_test(json_goes_round),
		cmocka_unit_test(expose_takes_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
