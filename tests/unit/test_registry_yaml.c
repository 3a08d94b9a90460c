/* SPDX-License-Identifier: Apache-2.0
 *
 * registry/yaml.h and registry/tag_pattern.h: what `registry sync --src yaml` reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "format/js.h"
#include "registry/tag_pattern.h"
#include "registry/yaml.h"

static void yaml_is_json(void **state)
{
	static const struct { const char *yaml, *json; } rows[] = {
		{ "a: 1.0", "{\"a\":\"1.0\"}" },
		{ "a: [x, \"y\", 'z', ~, null, \"null\"]", "{\"a\":[\"x\",\"y\",\"z\",null,null,\"null\"]}" },
		{ "a:\nb: {}\nc: []\n", "{\"a\":null,\"b\":{},\"c\":[]}" },
		{ "# c\n- a\n- b: c\n", "[\"a\",{\"b\":\"c\"}]" },
		{ "---\nh:5000:\n  images:\n    r:\n      - yes\n", "{\"h:5000\":{\"images\":{\"r\":[\"yes\"]}}}" },
		{ "a: ^1\\.13\\.[12]-alpine$", "{\"a\":\"^1\\\\.13\\\\.[12]-alpine$\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		json_t *j = NULL;
		assert_int_equal(yaml_parse(rows[i].yaml, strlen(rows[i].yaml), &j, &e), 0);
		char *text = json_dumps(j, JSON_COMPACT);
		assert_string_equal(text, rows[i].json);
		free(text);
		json_decref(j);
	}
}

static void yaml_refuses(void **state)
{
	static const struct { const char *yaml, *words; } rows[] = {
		{ "", "there is nothing in it" },
		{ "a: &x 1", "anchors" },
		{ "a: &x [1]\nb: *x", "anchors" },
		{ "a: !!int 1", "types of values" },
		{ "a: 1\na: 2", "line 2: a name that is there already" },
		{ "{[a]: 1}", "a name is wanted" },
		{ "a: [", "line" },
		{ "a: 1\n---\nb: 2", "one document" },
		{ "a:\n\tb: 1", "line 2" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply" },
		{ "a: \"\\0\"", "NUL" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		json_t *j = NULL;
		assert_true(yaml_parse(rows[i].yaml, strlen(rows[i].yaml), &j, &e) < 0);
		assert_null(j);
		if (!strstr(e.chain, rows[i].words))
			fail_msg("%s: %s", rows[i].yaml, e.chain);
	}
}

/* what Go's regexp.MatchString says of each */
static void patterns(void **state)
{
	static const struct { const char *pattern, *tag; int fits; } rows[] = {
		{ "^1\\.13\\.[12]-alpine-perl$", "1.13.1-alpine-perl", 1 },
		{ "^1\\.13\\.[12]-alpine-perl$", "1.13.3-alpine-perl", 0 },
		{ "^1\\.13\\.[12]-alpine-perl$", "1x13.1-alpine-perl", 0 },
		{ "13", "1.13.1", 1 },
		{ "^v\\d+$", "v12", 1 },
		{ "^v\\d+$", "vd", 0 },
		{ "^\\D+$", "latest", 1 },
		{ "^\\D+$", "v1", 0 },
		{ "^[\\w.-]+$", "a_b.c-d", 1 },
		{ "^[\\d\\.]+$", "1.2", 1 },
		{ "^[\\d\\.]+$", "1.2a", 0 },
		{ "^(?:a|b)+?$", "abab", 1 },
		{ "^(a|b){2}$", "ab", 1 },
		{ "^(a|b){2}$", "aba", 0 },
		{ "^a{1,2}b*?c??$", "aabbc", 1 },
		{ "^a{2,}$", "a", 0 },
		{ "^((a+b)+c)+$", "aabcababc", 1 },
		{ "^1\\-2$", "1-2", 1 },
		{ "^[^\\d]", "a", 1 },
		{ "^[^\\d]", "1", 0 },
		{ "", "anything", 1 },
		{ "\\+", "a", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		regex_t re;
		if (tag_pattern_open(rows[i].pattern, &re, &e) < 0)
			fail_msg("%s", e.chain);
		if (tag_pattern_fits(&re, rows[i].tag) != (rows[i].fits != 0))
			fail_msg("%s on %s", rows[i].pattern, rows[i].tag);
		tag_pattern_close(&re);
	}
}

static void patterns_refused(void **state)
{
	static const char *const rows[] = { "(?i)a", "(?P<n>a)", "\\pL", "\\bA", "\\A1", "a\\", "[[:alpha:]]", "[]a]", "[a", "(a",
					    "[\\D]", "\\Qa", "\\^", "\\\\",
					    /* as Go refuses them, and what regcomp() would take all memory for */
					    "a++", "a+??", "*a", "(|+a)", "a{2}{2}", "(((a{100}){100}){100})", "a{1001}", "a{x}", "a)",
					    "^(?:v|[a.]++++++++++++++++++++++++++++++++++++?)$" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		regex_t re;
		if (tag_pattern_open(rows[i], &re, &e) == 0)
			fail_msg("%s was taken", rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_is_json),
		cmocka_unit_test(yaml_refuses),
		cmocka_unit_test(patterns),
		cmocka_unit_test(patterns_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
