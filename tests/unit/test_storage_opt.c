/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of spec/storage_opt: what --storage-opt takes and refuses, and whose defaults count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "format/js.h"
#include "spec/storage_opt.h"

static void sizes_and_inodes(void **state)
{
	static const struct {
		const char *size, *inodes;
		uint64_t want_bytes, want_inodes;
	} rows[] = {
		{ "10G", NULL, UINT64_C(10) << 30, 0 },
		{ "1m", NULL, 1 << 20, 0 },
		{ "1048576", "0", 1 << 20, 0 },
		{ "1.5g", "100000", UINT64_C(3) << 29, 100000 },
		{ "0", NULL, 0, 0 },
		{ NULL, "1000", 0, 1000 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_JSON map = json_object();
		struct storage_opt o;
		struct err e = { 0 };
		if (rows[i].size)
			json_object_set_new(map, "size", json_string(rows[i].size));
		if (rows[i].inodes)
			json_object_set_new(map, "inodes", json_string(rows[i].inodes));
		if (storage_opt_parse(map, &o, &e) < 0)
			fail_msg("row %zu: %s", i, e.chain);
		assert_int_equal(o.bytes, rows[i].want_bytes);
		assert_int_equal(o.inodes, rows[i].want_inodes);
	}
	struct storage_opt none = { 1, 1 };
	struct err e = { 0 };
	assert_int_equal(storage_opt_parse(NULL, &none, &e), 0);
	assert_int_equal(none.bytes, 0);
}

static void what_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *key, *value, *want;
	} rows[] = {
		{ "size", "", "invalid size: ''" },
		{ "size", "x", "invalid size: 'x'" },
		{ "size", "-1", "invalid size: '-1'" },
		{ "size", "99999999999999T", "invalid size" },
		{ "metacopy", "yes", "metacopy: \"yes\" is neither on nor off" },
		{ "redirect_dir", "follow", "neither on nor off" },
		{ "volatile", "", "neither on nor off" },
		{ "index", "on", "index=on: such a layer is mounted once only" },
		{ "size", "1023k", "less than 1m" },
		{ "inodes", "", "invalid number of inodes" },
		{ "inodes", "1k", "invalid number of inodes" },
		{ "inodes", "-1", "invalid number of inodes" },
		{ "Size", "1g", "Unknown option Size" },
		{ "dm.basesize", "1g", "Unknown option dm.basesize" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_JSON map = json_pack("{ss}", rows[i].key, rows[i].value);
		struct storage_opt o;
		struct err e = { 0 };
		assert_true(storage_opt_parse(map, &o, &e) < 0);
		assert_int_equal(e.kind, E_INVALID);
		if (!strstr(e.chain, rows[i].want))
			fail_msg("%s=%s: %s", rows[i].key, rows[i].value, e.chain);
	}
}

static void words_of_overlay(void **state)
{
	static const struct {
		const char *metacopy, *redirect_dir, *without_sync;
		enum storage_switch want[3];
	} rows[] = {
		{ NULL, NULL, NULL, { STORAGE_UNSET, STORAGE_UNSET, STORAGE_UNSET } },
		{ "on", NULL, NULL, { STORAGE_ON, STORAGE_ON, STORAGE_UNSET } },
		{ "on", "on", "off", { STORAGE_ON, STORAGE_ON, STORAGE_OFF } },
		{ "off", "on", "on", { STORAGE_OFF, STORAGE_ON, STORAGE_ON } },
		{ "off", "off", NULL, { STORAGE_OFF, STORAGE_OFF, STORAGE_UNSET } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_JSON map = json_pack("{ss*, ss*, ss*, ss}", "metacopy", rows[i].metacopy, "redirect_dir", rows[i].redirect_dir,
					 "volatile", rows[i].without_sync, "index", "off");
		struct storage_opt o;
		struct err e = { 0 };
		if (storage_opt_parse(map, &o, &e) < 0)
			fail_msg("row %zu: %s", i, e.chain);
		assert_int_equal(o.metacopy, rows[i].want[0]);
		assert_int_equal(o.redirect_dir, rows[i].want[1]);
		assert_int_equal(o.without_sync, rows[i].want[2]);
		/* a volume has limits alone */
		assert_true(storage_opt_parse_limits(map, &o, &e) < 0);
	}
	OWN_JSON bad = json_pack("{ss, ss}", "metacopy", "on", "redirect_dir", "off");
	struct storage_opt o;
	struct err e = { 0 };
	assert_true(storage_opt_parse(bad, &o, &e) < 0);
	assert_non_null(strstr(e.chain, "metacopy=on needs redirect_dir=on"));
}

static void defaults_are_added(void **state)
{
	static const struct {
		const char *text, *driver, *have, *want; /* have: size of the user; want: size/inodes */
	} rows[] = {
		{ "size=1g", "vfs", NULL, "1g/" },
		{ "size=1g,inodes=5", "vfs", "2g", "2g/5" },
		{ "overlay2.size=1g", "overlay", NULL, "1g/" },
		{ "overlay.size=1g,btrfs.size=2g", "overlay", NULL, "1g/" },
		{ "overlay2.size=1g,btrfs.size=2g", "btrfs", NULL, "2g/" },
		{ "overlay2.size=1g", "vfs", NULL, "/" },
		{ ",,size=1g,", "vfs", NULL, "1g/" },
		{ "size=1g,size=2g", "vfs", NULL, "1g/" },
		{ "", "vfs", NULL, "/" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_JSON map = json_object();
		struct err e = { 0 };
		char text[64];
		if (rows[i].have)
			json_object_set_new(map, "size", json_string(rows[i].have));
		if (storage_opt_defaults(rows[i].text, rows[i].driver, map, &e) < 0)
			fail_msg("row %zu: %s", i, e.chain);
		(void)snprintf(text, sizeof text, "%s/%s", js_str(map, "size", ""), js_str(map, "inodes", ""));
		assert_string_equal(text, rows[i].want);
	}
	OWN_JSON map = json_object();
	struct err e = { 0 };
	assert_true(storage_opt_defaults("size", "vfs", map, &e) < 0);
	assert_true(storage_opt_defaults("=1", "vfs", map, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_inodes),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(words_of_overlay),
		cmocka_unit_test(defaults_are_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
