/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel RDT on a made-up resctrl: plain directories with the files that the kernel would make. What
 * only the kernel does, files in a new directory, makes a new class fail here: its undo is tested.
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
#include "driver/rdt/rdt.h"
#include "format/js.h"

struct fake {
	char dir[64];
	int root;
};

static void file(int root, const char *path, const char *text)
{
	OWN_FD fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void class_make(int root, const char *name)
{
	char path[128];

	assert_int_equal(mkdirat(root, name, 0755), 0);
	(void)snprintf(path, sizeof path, "%s/schemata", name);
	file(root, path, "    L3:0=00f;1=ff\n    MB:0=100;1= 50\n");
	(void)snprintf(path, sizeof path, "%s/tasks", name);
	file(root, path, "");
	(void)snprintf(path, sizeof path, "%s/mon_groups", name);
	assert_int_equal(mkdirat(root, path, 0755), 0);
}

static int setup(void **data)
{
	struct fake *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/onggi-rdt.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->root = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->root >= 0);
	file(f->root, "schemata", "    L3:0=fff\n");
	file(f->root, "tasks", "");
	assert_int_equal(mkdirat(f->root, "info", 0755), 0);
	file(f->root, "info/last_cmd_status", "mask out of range\n");
	class_make(f->root, "shared");
	*data = f;
	return 0;
}

static int teardown(void **data)
{
	struct fake *f = *data;
	char command[96];

	close(f->root);
	(void)snprintf(command, sizeof command, "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void text_is(int root, const char *path, const char *want)
{
	struct err e = { 0 };
	OWN_STR text = NULL;

	assert_int_equal(io_read_file(root, path, 4096, &text, NULL, &e), 0);
	assert_string_equal(text, want);
}

static void test_shared_class(void **data)
{
	struct fake *f = *data;
	const struct bundle_intel_rdt c = { .set = true, .clos_id = "shared" };
	struct err e = { 0 };
	struct rdt r, again;

	assert_int_equal(rdt_create(f->root, "box", &c, &r, &e), 0);
	assert_string_equal(r.clos, "shared");
	assert_false(r.made);
	e.eno = EIO; /* of something before: no failure of this */
	assert_int_equal(rdt_enter(f->root, &r, 4711, &e), 0);
	text_is(f->root, "shared/tasks", "4711");
	json_t *record = rdt_record(&r);
	rdt_read(record, &again);
	json_decref(record);
	assert_string_equal(again.clos, "shared");
	assert_false(again.made);
	assert_int_equal(rdt_remove(f->root, &again, &e), 0);
	assert_int_equal(faccessat(f->root, "shared", F_OK, 0), 0);
}

static void test_stats(void **data)
{
	struct fake *f = *data;
	const struct rdt r = { .clos = "shared", .monitor = "box" };
	static const char *const dirs[] = { "info/L3", "info/MB", "shared/mon_groups/box", "shared/mon_groups/box/mon_data",
					    "shared/mon_groups/box/mon_data/mon_L3_00",
					    "shared/mon_groups/box/mon_data/mon_L3_01" };
	struct err e = { 0 };
	json_t *j = NULL;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdirat(f->root, dirs[i], 0755), 0);
	file(f->root, "info/L3/cbm_mask", "fff\n");
	file(f->root, "info/L3/min_cbm_bits", "1\n");
	file(f->root, "info/L3/num_closids", "16\n");
	file(f->root, "info/MB/min_bandwidth", "10\n");
	file(f->root, "shared/mon_groups/box/mon_data/mon_L3_00/mbm_total_bytes", "18446744073709551615\n");
	file(f->root, "shared/mon_groups/box/mon_data/mon_L3_00/mbm_local_bytes", "Unavailable\n");
	file(f->root, "shared/mon_groups/box/mon_data/mon_L3_01/mbm_total_bytes", "5\n");
	file(f->root, "shared/mon_groups/box/mon_data/mon_L3_01/llc_occupancy", "4096\n");
	assert_int_equal(rdt_stats(f->root, &r, &j, &e), 0);
	assert_string_equal(js_str(j, "l3_cache_info.cbm_mask", ""), "fff");
	assert_int_equal(js_int(j, "l3_cache_info.num_closids", 0), 16);
	assert_string_equal(js_str(j, "l3_cache_schema_root", ""), "L3:0=fff");
	assert_string_equal(js_str(j, "l3_cache_schema", ""), "L3:0=00f;1=ff");
	assert_int_equal(js_int(j, "mem_bw_info.min_bandwidth", 0), 10);
	assert_string_equal(js_str(j, "mem_bw_schema", ""), "MB:0=100;1= 50");
	assert_null(js_at(j, "mem_bw_schema_root"));
	assert_int_equal(json_array_size(js_at(j, "mbm_stats")), 2);
	assert_int_equal(js_int(json_array_get(js_at(j, "mbm_stats"), 1), "mbm_total_bytes", 0), 5);
	assert_null(js_at(json_array_get(js_at(j, "mbm_stats"), 0), "mbm_local_bytes"));
	assert_int_equal(json_array_size(js_at(j, "cmt_stats")), 1);
	assert_int_equal(js_int(json_array_get(js_at(j, "cmt_stats"), 0), "llc_occupancy", 0), 4096);
	json_decref(j);
}

static void test_missing_class(void **data)
{
	struct fake *f = *data;
	const struct bundle_intel_rdt c = { .set = true, .clos_id = "nothing" };
	struct err e = { 0 };
	struct rdt r;

	assert_int_equal(rdt_create(f->root, "box", &c, &r, &e), -ENOENT);
	assert_non_null(strstr(e.chain, "linux.intelRdt.closID"));
	assert_int_equal(faccessat(f->root, "nothing", F_OK, 0), -1);
}

static void test_schemata_compared(void **data)
{
	struct fake *f = *data;
	static const struct {
		const char *l3, *mb;
		int result;
	} rows[] = {
		{ "L3:0=f;1=ff", NULL, 0 },
		{ "L3:1=FF", "MB:0=100", 0 },
		{ "L3:0=0000f", NULL, 0 },
		{ "L3:0=ff", NULL, -EEXIST },
		{ "L3:2=f", NULL, -EEXIST },
		{ "L2:0=f", NULL, -EEXIST },
		{ NULL, "MB:0=90", -EEXIST },
		/* its own line of bandwidth gives way to memBwSchema */
		{ "L3:0=f\nMB:0=90", "MB:0=100", 0 },
		{ "L3:0=f\nMB:0=90", NULL, -EEXIST },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct bundle_intel_rdt c = { .set = true, .clos_id = "shared",
			.l3_cache_schema = rows[i].l3, .mem_bw_schema = rows[i].mb };
		struct err e = { 0 };
		struct rdt r;
		assert_int_equal(rdt_create(f->root, "box", &c, &r, &e), rows[i].result);
	}
	text_is(f->root, "shared/schemata", "    L3:0=00f;1=ff\n    MB:0=100;1= 50\n");
}

static void test_default_class(void **data)
{
	struct fake *f = *data;
	const struct bundle_intel_rdt c = { .set = true, .clos_id = "/" };
	struct err e = { 0 };
	struct rdt r;

	assert_int_equal(rdt_create(f->root, "box", &c, &r, &e), 0);
	assert_int_equal(rdt_enter(f->root, &r, 7, &e), 0);
	text_is(f->root, "tasks", "7");
	assert_int_equal(rdt_remove(f->root, &r, &e), 0);
	assert_int_equal(faccessat(f->root, "schemata", F_OK, 0), 0);
}

static void test_monitoring(void **data)
{
	struct fake *f = *data;
	const struct bundle_intel_rdt c = { .set = true, .clos_id = "shared", .enable_monitoring = true };
	struct err e = { 0 };
	struct rdt r;

	assert_int_equal(rdt_create(f->root, "box", &c, &r, &e), 0);
	assert_string_equal(r.monitor, "box");
	assert_int_equal(rdt_enter(f->root, &r, 7, &e), -ENOENT); /* no kernel made mon_groups/box/tasks */
	file(f->root, "shared/mon_groups/box/tasks", "");
	e = (struct err){ 0 };
	assert_int_equal(rdt_enter(f->root, &r, 7, &e), 0);
	text_is(f->root, "shared/mon_groups/box/tasks", "7");
	assert_int_equal(unlinkat(f->root, "shared/mon_groups/box/tasks", 0), 0);
	assert_int_equal(rdt_remove(f->root, &r, &e), 0);
	assert_int_equal(faccessat(f->root, "shared/mon_groups/box", F_OK, 0), -1);
}

static void test_new_class_undone(void **data)
{
	struct fake *f = *data;
	const struct bundle_intel_rdt c = { .set = true, .l3_cache_schema = "L3:0=f" };
	struct err e = { 0 };
	struct rdt r;

	assert_true(rdt_create(f->root, "box", &c, &r, &e) < 0);
	assert_non_null(strstr(e.chain, "mask out of range"));
	assert_int_equal(faccessat(f->root, "box", F_OK, 0), -1);
}

static void test_new_class_without_schemata(void **data)
{
	struct fake *f = *data;
	const struct bundle_intel_rdt c = { .set = true };
	struct err e = { 0 };
	struct rdt r;

	assert_int_equal(rdt_create(f->root, "box", &c, &r, &e), 0);
	assert_true(r.made);
	assert_int_equal(rdt_remove(f->root, &r, &e), 0);
	assert_int_equal(faccessat(f->root, "box", F_OK, 0), -1);
	assert_int_equal(rdt_remove(f->root, &r, &e), 0); /* gone already */
}

static void test_update(void **data)
{
	struct fake *f = *data;
	const struct rdt r = { .clos = "shared" };
	struct err e = { 0 };

	file(f->root, "shared/schemata", "");
	assert_int_equal(rdt_update(f->root, &r, "L3:0=3", "MB:0=20", &e), 0);
	text_is(f->root, "shared/schemata", "L3:0=3\nMB:0=20\n");
	assert_int_equal(rdt_update(f->root, &r, NULL, NULL, &e), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_shared_class), T(test_stats), T(test_missing_class), T(test_schemata_compared), T(test_default_class),
		T(test_monitoring), T(test_new_class_undone), T(test_new_class_without_schemata), T(test_update),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
