/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/format/js.c: documents, errors that name the place, members of an expected kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/js.h"

static json_t *parsed(const char *text)
{
	struct err e = { 0 };
	json_t *j = NULL;
	if (js_parse(text, strlen(text), "file", &j, &e) < 0)
		fail_msg("%s: %s", text, e.chain);
	return j;
}

static void big_numbers_keep_their_bits(void **state)
{
	OWN_JSON j = parsed("[18446744073709551615, 9223372036854775808, 9223372036854775807, -1]");
	(void)state;
	assert_true(json_integer_value(json_array_get(j, 0)) == -1);
	assert_true(json_integer_value(json_array_get(j, 1)) == INT64_MIN);
	assert_true(json_integer_value(json_array_get(j, 2)) == INT64_MAX);
	assert_true(json_integer_value(json_array_get(j, 3)) == -1);
}

static void faults_name_the_place(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{\"a\":1,}", "file: line 1 column 8: expected the name of a member near '}'" },
		{ "{\n  \"\xc3\xa9\": tru\n}", "file: line 2 column 8: no value near 'tru'" },
		{ "", "file: line 1 column 1: text ends too early" },
		{ "[1] x", "file: line 1 column 5: text behind the end of the document near 'x'" },
		{ "[18446744073709551616]", "integer out of range" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		json_t *j = NULL;
		assert_int_equal(js_parse(rows[i].text, strlen(rows[i].text), "file", &j, &e), -EINVAL);
		assert_null(j);
		if (!strstr(e.chain, rows[i].want))
			fail_msg("%s: %s", rows[i].text, e.chain);
	}
}

static void members_have_the_expected_kind(void **state)
{
	OWN_JSON j = parsed("{\"s\":\"x\",\"i\":7,\"r\":1e3,\"h\":1.5,\"b\":true,\"o\":{\"p\":{\"q\":9}},\"a\":[],"
			    "\"z\":\"a\\u0000b\",\"n\":null}");
	struct err e = { 0 };
	const char *s = "old";
	int64_t i = -1;
	bool b = false;
	json_t *v = NULL;

	(void)state;
	assert_int_equal(js_get_str(j, "", "s", &s, &e), 1);
	assert_string_equal(s, "x");
	assert_int_equal(js_get_str(j, "", "none", &s, &e), 0);
	assert_int_equal(js_get_str(j, "", "n", &s, &e), 0);
	assert_string_equal(s, "x");
	assert_int_equal(js_get_int(j, "", "i", &i, &e), 1);
	assert_int_equal(i, 7);
	assert_int_equal(js_get_int(j, "", "r", &i, &e), 1);
	assert_int_equal(i, 1000);
	assert_int_equal(js_get_bool(j, "", "b", &b, &e), 1);
	assert_true(b);
	assert_int_equal(js_get_obj(j, "", "o", &v, &e), 1);
	assert_int_equal(js_get_arr(j, "", "a", &v, &e), 1);
	assert_int_equal(js_int(j, "o.p.q", 0), 9);
	assert_int_equal(js_int(j, "o.p.none", 5), 5);
	assert_int_equal(js_get_int(j, "top", "h", &i, &e), -EINVAL);
	assert_string_equal(e.chain, "top.h: expected integer, got number");
	assert_int_equal(js_get_str(j, "", "z", &s, &e), -EINVAL);
	assert_string_equal(e.chain, "z: NUL byte in string");
	assert_int_equal(js_get_obj(j, "", "a", &v, &e), -EINVAL);
	assert_string_equal(e.chain, "a: expected object, got array");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(big_numbers_keep_their_bits),
		cmocka_unit_test(faults_name_the_place),
		cmocka_unit_test(members_have_the_expected_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
