/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the requests of the device mapper and of what a thin pool says of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/dm-ioctl.h>

#include "sys/dm.h"

static char big[DM_REQUEST_MAX + 1];

static void table(void **unused)
{
	_Alignas(8) char buf[DM_REQUEST_MAX];
	const struct dm_ioctl *head = (const struct dm_ioctl *)buf;
	const struct dm_target_spec *spec = (const struct dm_target_spec *)(buf + sizeof *head);
	struct err e = { 0 };

	(void)unused;
	memset(buf, 0xff, sizeof buf);
	assert_int_equal(dm_request_table(buf, "onggi-253:0-7", 20971520, "thin", "253:0 7", &e), 0);
	assert_int_equal(head->version[0], DM_VERSION_MAJOR);
	assert_int_equal(head->data_size, sizeof buf);
	assert_int_equal(head->data_start, sizeof *head);
	assert_int_equal(head->target_count, 1);
	assert_int_equal(head->flags, 0);
	assert_string_equal(head->name, "onggi-253:0-7");
	assert_string_equal(head->uuid, "");
	assert_int_equal(spec->sector_start, 0);
	assert_int_equal(spec->length, 20971520);
	assert_int_equal(spec->status, 0);
	assert_string_equal(spec->target_type, "thin");
	assert_string_equal((const char *)(spec + 1), "253:0 7");
	/* behind the text, aligned, and not further than it has to be */
	assert_int_equal(spec->next, sizeof *spec + 8);
	assert_int_equal(dm_request_table(buf, "n", 8, "thin-pool", "7:0 7:1 128 64", &e), 0);
	assert_int_equal(spec->next, sizeof *spec + 16);
}

static void message(void **unused)
{
	_Alignas(8) char buf[DM_REQUEST_MAX];
	const struct dm_ioctl *head = (const struct dm_ioctl *)buf;
	const struct dm_target_msg *msg = (const struct dm_target_msg *)(buf + sizeof *head);
	struct err e = { 0 };

	(void)unused;
	memset(buf, 0xff, sizeof buf);
	assert_int_equal(dm_request_message(buf, "pool", "create_snap 16777215 1", &e), 0);
	assert_string_equal(head->name, "pool");
	assert_int_equal(msg->sector, 0);
	assert_string_equal(msg->message, "create_snap 16777215 1");
}

static void too_long(void **unused)
{
	_Alignas(8) char buf[DM_REQUEST_MAX];
	struct err e = { 0 };

	(void)unused;
	memset(big, 'x', sizeof big - 1);
	assert_int_equal(dm_request_table(buf, "n", 1, "thin", big, &e), -E2BIG);
	assert_int_equal(dm_request_table(buf, "n", 1, "target-of-16-byte", "", &e), -E2BIG);
	assert_int_equal(dm_request_table(buf, big, 1, "thin", "", &e), -E2BIG);
	assert_int_equal(dm_request_message(buf, "n", big, &e), -E2BIG);
	big[DM_NAME_LEN] = 0;
	assert_int_equal(dm_request_message(buf, big, "delete 1", &e), -E2BIG);
	big[DM_NAME_LEN - 1] = 0;
	assert_int_equal(dm_request_message(buf, big, "delete 1", &e), 0);
}

static void pool_status(void **unused)
{
	struct dm_pool_status s;
	struct err e = { 0 };

	(void)unused;
	assert_int_equal(dm_pool_status_parse("1 12/4096 34/11200 - rw discard_passdown error_if_no_space - 1024", &s, &e), 0);
	assert_int_equal(s.transaction, 1);
	assert_int_equal(s.used_meta, 12);
	assert_int_equal(s.total_meta, 4096);
	assert_int_equal(s.used_data, 34);
	assert_int_equal(s.total_data, 11200);
	assert_false(s.failed || s.full || s.read_only || s.needs_check);
	assert_int_equal(dm_pool_status_parse("0 1/2 3/3 77 out_of_data_space no_discard_passdown queue_if_no_space "
					      "needs_check 9", &s, &e), 0);
	assert_true(s.full && s.needs_check && !s.read_only);
	assert_int_equal(dm_pool_status_parse("0 1/2 3/3 - ro no_discard_passdown queue_if_no_space - 9", &s, &e), 0);
	assert_true(s.read_only && !s.full);
	assert_int_equal(dm_pool_status_parse("Fail", &s, &e), 0);
	assert_true(s.failed);
	static const char *const wrong[] = { "", "0", "x 1/2 3/4 - rw", "0 1 3/4 - rw", "0 1/2 3/ - rw", "0 1/2 /4 - rw",
					     "0 1/2 3/4 -", "0 1/2 3/4x - rw", "0 1/2 -3/4 - rw" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(dm_pool_status_parse(wrong[i], &s, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(message),
		cmocka_unit_test(too_long),
		cmocka_unit_test(pool_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
