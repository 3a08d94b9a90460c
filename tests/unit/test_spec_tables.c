/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the small tables of src/spec: mount options, capabilities, signals, namespaces.
 */
#include <linux/mount.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "spec/capability.h"
#include "spec/mount_option.h"
#include "spec/namespace.h"
#include "spec/signal.h"

static void signals_round_trip(void **state)
{
	(void)state;
	for (int s = 1; s <= 64; s++) {
		const char *name = signal_name(s);
		if (s == 32 || s == 33) { /* taken by libc, no name */
			assert_null(name);
			continue;
		}
		assert_non_null(name);
		assert_int_equal(signal_parse(name), s);
		assert_int_equal(signal_parse(name + 3), s);
	}
	assert_null(signal_name(0));
	assert_null(signal_name(65));
	assert_int_equal(signal_parse("kill"), SIGKILL);
	assert_int_equal(signal_parse("sigkill"), SIGKILL);
	assert_int_equal(signal_parse("9"), 9);
	assert_int_equal(signal_parse("64"), 64);
	assert_int_equal(signal_parse("RTMIN+30"), 64);
	assert_int_equal(signal_parse("SIGRTMAX-30"), 34);
	assert_int_equal(signal_parse("IOT"), SIGABRT);
	static const char *const bad[] = { "", "0", "65", "SIG", "SIGFOO", "-9", "+9", " 9", "9 ", "RTMIN-1",
					   "RTMIN+31", "RTMAX+1", "RTMIN+", "4294967305" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(signal_parse(bad[i]) < 0);
}

static void capabilities_round_trip(void **state)
{
	(void)state;
	for (int c = 0; c < CAPABILITY_N; c++) {
		const char *name = capability_name(c);
		assert_non_null(name);
		assert_int_equal(capability_parse(name), c);
		assert_int_equal(capability_parse(name + 4), c);
		assert_int_equal(capability_parse_oci(name), c);
		assert_true(capability_parse_oci(name + 4) < 0);
	}
	assert_null(capability_name(CAPABILITY_N));
	assert_int_equal(capability_parse("cap_sys_admin"), 21);
	assert_true(capability_parse("CAP_") < 0);
	assert_true(capability_parse("NET") < 0);
}

static void namespaces_round_trip(void **state)
{
	(void)state;
	for (int k = 0; k < NS_N; k++)
		assert_int_equal(ns_parse(ns_table[k].name), k);
	assert_true(ns_parse("net") < 0);
	assert_int_equal(NS_USER, 0); /* joined first */
}

static void mount_words_are_sorted_and_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < mount_words_n; i++) {
		if (i)
			assert_true(strcmp(mount_words[i - 1].name, mount_words[i].name) < 0);
		assert_ptr_equal(mount_word_find(mount_words[i].name), &mount_words[i]);
	}
	assert_null(mount_word_find("size=1"));
}

static void add(struct mount_opt *o, struct arena *a, const char *words)
{
	char *copy = arena_strdup(a, words), *save = NULL;
	struct err e = { 0 };
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		assert_int_equal(mount_opt_add(o, w, a, &e), 0);
}

static void mount_words_add_up(void **state)
{
	ARENA a = { 0 };
	struct mount_opt o = { 0 };
	(void)state;
	add(&o, &a, "rbind,ro,nosuid,noatime,rro,rslave,size=5,mode=755,sync,ridmap");
	assert_true(o.bind && o.bind_rec);
	assert_int_equal(o.attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME);
	assert_int_equal(o.attr_clr, MOUNT_ATTR__ATIME);
	assert_int_equal(o.rec_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(o.sb_set, MS_RDONLY | MS_SYNCHRONOUS);
	assert_int_equal(o.n_propagation, 1);
	assert_int_equal(o.propagation[0], MS_SLAVE | MS_REC);
	assert_int_equal(o.idmap, MOUNT_IDMAP_REC);
	assert_int_equal(o.n_data, 2);
	assert_null(o.data[2]);
	assert_string_equal(mount_opt_data(&o, &a), "size=5,mode=755");

	/* the later word wins, and clearing is remembered for binds */
	struct mount_opt p = { 0 };
	add(&p, &a, "bind,ro,rw,nodev,dev,noatime,relatime,exec,defaults");
	assert_int_equal(p.attr_set, 0);
	assert_int_equal(p.attr_clr, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
					     MOUNT_ATTR__ATIME);
	assert_int_equal(p.sb_clr, MS_RDONLY);
	assert_string_equal(mount_opt_data(&p, &a), "");
	assert_int_equal(mount_propagation_parse("rshared"), MS_SHARED | MS_REC);
	assert_int_equal(mount_propagation_parse("ro"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_round_trip),
		cmocka_unit_test(capabilities_round_trip),
		cmocka_unit_test(namespaces_round_trip),
		cmocka_unit_test(mount_words_are_sorted_and_found),
		cmocka_unit_test(mount_words_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
