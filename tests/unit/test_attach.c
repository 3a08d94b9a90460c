/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the parts around the monitor that need no process: its configuration, detach
 * keys, times of logs, details.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/detach_keys.h"
#include "engine/logs.h"
#include "engine/logs_details.h"
#include "spec/monitor.h"

static void config_round_trips(void **state)
{
	struct monitor_config c, r;
	struct err e = { 0 };
	char text[4096], again[4096], third[4096];
	(void)state;

	monitor_config_init(&c);
	c.id = "abc";
	c.dir = "/a dir/with = signs";
	c.started_at = "2024-01-01T00:00:00Z";
	c.pid = 42;
	c.start_ticks = UINT64_MAX;
	c.adopt = c.ephemeral = c.stdin_once = true;
	c.out = 7;
	c.client = 9;
	c.client_flags = 31;
	c.log = MONITOR_LOG_JSON_FILE;
	c.log_max_size = 1 << 30;
	c.log_max_file = 3;
	c.log_attrs = "{\"a\":\"b=c\"}";
	c.oom[0].path = "/sys/x y";
	c.oom[0].initial = 5;
	c.oom_n = 1;
	c.after[0] = "/bin/onggi";
	c.after[1] = "";
	c.after_n = 2;
	int n = monitor_config_format(&c, text, sizeof(text));
	assert_true(n > 0);
	memcpy(again, text, (size_t)n + 1);
	assert_int_equal(monitor_config_parse(text, &r, &e), 0);
	assert_int_equal(monitor_config_format(&r, third, sizeof(third)), n);
	assert_string_equal(third, again);
	assert_int_equal(r.in, -1);
	assert_int_equal(r.out, 7);
	assert_string_equal(r.oom[0].path, "/sys/x y");
	assert_null(r.after[2]);
	/* too small, and values that would break the lines */
	assert_int_equal(monitor_config_format(&c, text, 100), -E2BIG);
	c.dir = "a\nb";
	assert_int_equal(monitor_config_format(&c, text, sizeof(text)), -EINVAL);
}

static void bad_config_is_refused(void **state)
{
	static const char *const bad[] = { "x", "nothing=1", "pid=0", "pid=x", "log=syslog", "out=-2",
					   "id=a\ndir=/\n", "adopt=2", "oom=/no/number" };
	struct monitor_config r;
	struct err e = { 0 };
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		strcpy(text, bad[i]);
		assert_int_equal(monitor_config_parse(text, &r, &e), -EINVAL);
		assert_int_equal(e.kind, E_INVALID);
	}
}

static void detach_keys_are_parsed(void **state)
{
	static const struct {
		const char *in, *keys;
	} good[] = { { "ctrl-p,ctrl-q", "\x10\x11" }, { "ctrl-a,a", "\x01" "a" }, { "ctrl-\\", "\x1c" },
		     { "ctrl-[,ctrl-],ctrl-^,ctrl-_", "\x1b\x1d\x1e\x1f" }, { "~,.", "~." }, { "", "" } };
	static const char *const bad[] = { "ctrl-", "ctrl-A", "ctrl-1", "ab", "a,,b", "ctrl-aa", ",",
					   "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" };
	struct detach_keys k;
	struct err e = { 0 };
	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(detach_keys_parse(good[i].in, &k, &e), 0);
		assert_int_equal(k.n, strlen(good[i].keys));
		assert_memory_equal(k.key, good[i].keys, k.n);
	}
	assert_int_equal(detach_keys_parse(NULL, &k, &e), 0);
	assert_memory_equal(k.key, "\x10\x11", 2);
	assert_int_equal(detach_keys_parse("ctrl-@", &k, &e), 0);
	assert_int_equal(k.n, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(detach_keys_parse(bad[i], &k, &e), -EINVAL);
		assert_int_equal(e.kind, E_USAGE);
	}
}

/* Feed @in byte by byte and at once: same output, same end. */
static void filter(const char *keys, const char *in, const char *want, bool want_detach)
{
	struct detach_keys k;
	struct err e = { 0 };

	assert_int_equal(detach_keys_parse(keys, &k, &e), 0);
	for (size_t step = 1; step <= strlen(in); step++) {
		uint8_t out[64];
		size_t held = 0, n = 0;
		bool detach = false;

		for (size_t i = 0; i < strlen(in) && !detach; i += step) {
			size_t left = strlen(in) - i;
			n += detach_filter(&k, &held, (const uint8_t *)in + i, left < step ? left : step,
					   out + n, &detach);
		}
		assert_int_equal(n, strlen(want));
		assert_memory_equal(out, want, n);
		assert_int_equal(detach, want_detach);
	}
}

static void detach_keys_are_found(void **state)
{
	(void)state;
	filter(NULL, "ab\x10\x11xyz", "ab", true);
	filter(NULL, "a\x10" "b\x11", "a\x10" "b\x11", false);
	filter(NULL, "\x10\x10\x11", "\x10", true);
	filter("a,a,b", "aaab", "a", true);
	filter("a,b,a,c", "ababac", "ab", true);
	filter("a,b,a,c", "abab", "ab", false);
	filter("a", "xa", "x", true);
	filter("", "\x10\x11", "\x10\x11", false);
}

static void times_of_logs_are_parsed(void **state)
{
	const int64_t now = 1700000000LL * 1000000000;
	static const struct {
		const char *in;
		int64_t want;
	} rows[] = {
		{ "10s", 1699999990LL * 1000000000 },
		{ "1h30m", 1699994600LL * 1000000000 },
		{ "0", 1700000000LL * 1000000000 },
		{ "1136073600", 1136073600LL * 1000000000 },
		{ "1136073600.000000001", 1136073600LL * 1000000000 + 1 },
		{ "1136073600.5", 1136073600LL * 1000000000 + 500000000 },
		{ "2006-01-02T15:04:05.25Z", 1136214245250000000LL },
		{ "2006-01-02T15:04:05+01:00", 1136210645000000000LL },
		{ "2006-01-02T15:04Z", 1136214240000000000LL },
		{ "2006-01-02Z", 1136160000000000000LL },
		{ "2006-01-02", 1136160000000000000LL + 3600000000000LL },
		{ "2006-01-02T15:04:05", 1136214245000000000LL + 3600000000000LL },
	};
	static const char *const bad[] = { "", "x", "2006", "20x6-01-02", "2006-13-01", "1.2.3", "1.1234567890",
					   "2006-01-02T", "2006-01-02 15:04:05", "99999999999999999999" };
	struct err e = { 0 };
	int64_t t;
	(void)state;

	setenv("TZ", "XXX+1", 1); /* one hour behind */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(logs_time_parse(rows[i].in, now, &t, &e), 0);
		assert_int_equal(t, rows[i].want);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!strcmp(bad[i], "2006"))
			continue; /* Unix seconds */
		assert_int_equal(logs_time_parse(bad[i], now, &t, &e), -EINVAL);
	}
}

static void details_are_sorted(void **state)
{
	static const char attrs[] = "{\"z\":\"1 2\",\"a\":\"x/y\",\"n\":3}";
	OWN_BUF b = { 0 };
	(void)state;

	logs_details_add(&b, attrs, sizeof(attrs) - 1);
	logs_details_add(&b, NULL, 0);
	assert_string_equal(buf_str(&b), "a=x%2Fy,z=1+2  ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_round_trips),
		cmocka_unit_test(bad_config_is_refused),
		cmocka_unit_test(detach_keys_are_parsed),
		cmocka_unit_test(detach_keys_are_found),
		cmocka_unit_test(times_of_logs_are_parsed),
		cmocka_unit_test(details_are_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
