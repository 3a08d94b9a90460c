/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/format/js*: the quick reader gives what jansson gives, or nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/io.h"
#include "format/js.h"
#include "format/js_fast.h"

static void same_or_nothing(const char *text, size_t n)
{
	json_error_t je;
	OWN_JSON fast = js_fast(text, n);
	OWN_JSON slow = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);

	if (fast && (!slow || !json_equal(fast, slow)))
		fail_msg("differs: %.200s", text);
}

static void plain_documents_are_read(void **state)
{
	static const char *const rows[] = {
		"{}", "[]", "0", "-7", "\"x\"", "true", "false", "null", " { \"a\" : [ 1 , \"b\" , { } ] } ",
		"{\"a\":1,\"a\":2}", "[123456789012345678,-0]", "{\"deep\":[[[[[1]]]]]}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_JSON j = js_fast(rows[i], strlen(rows[i]));
		assert_non_null(j);
		same_or_nothing(rows[i], strlen(rows[i]));
	}
}

static void the_rest_is_left_to_jansson(void **state)
{
	static const char *const rows[] = {
		"", "{", "}", "[1,]", "{\"a\":}", "{\"a\" 1}", "{1:2}", "01", "-", "1.5", "1e3", "tru", "truex",
		"\"a\\n\"", "\"\xc3\xa9\"", "\"open", "[1] 2", "1234567890123456789", "[1 2]", "nul", "{\"a\":1]",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (js_fast(rows[i], strlen(rows[i])))
			fail_msg("read: %s", rows[i]);
		same_or_nothing(rows[i], strlen(rows[i]));
	}
	assert_null(js_fast("\"a\0b\"", 5));
}

/* every prefix and every change of one byte of a real document */
static void damaged_documents_never_differ(void **state)
{
	static const char doc[] = "{\"Id\":\"05a5\",\"N\":[1,-2,{\"x\":null}],\"B\":true,\"S\":\"a b\",\"E\":{}}";
	static const char bytes[] = "\"\\{}[]:,0-.x \n\x01\x7f\xff";
	char text[sizeof doc];
	(void)state;
	for (size_t n = 0; n < sizeof doc; n++)
		same_or_nothing(doc, n);
	for (size_t i = 0; i < sizeof doc - 1; i++)
		for (size_t k = 0; k < sizeof bytes; k++) {
			memcpy(text, doc, sizeof doc);
			text[i] = bytes[k];
			same_or_nothing(text, sizeof doc - 1);
		}
}

static void big_numbers_keep_their_bits(void **state)
{
	struct err e = { 0 };
	OWN_JSON j = NULL;
	(void)state;
	assert_int_equal(js_parse("[18446744073709551615]", 22, "x", &j, &e), 0);
	assert_int_equal(json_integer_value(json_array_get(j, 0)), -1);
	json_t *bad = NULL;
	assert_int_equal(js_parse("{\"a\":1,}", 8, "file", &bad, &e), -EINVAL);
	assert_non_null(strstr(e.chain, "file: line 1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_documents_are_read),
		cmocka_unit_test(the_rest_is_left_to_jansson),
		cmocka_unit_test(damaged_documents_never_differ),
		cmocka_unit_test(big_numbers_keep_their_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
