/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the TOML reader: documents and the JSON they mean, and what is refused.
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
#include "format/toml.h"

static const struct {
	const char *toml, *json; /* NULL: refused with @words */
	const char *words;
} rows[] = {
	{ "", "{}", NULL },
	{ "# only a comment", "{}", NULL },
	{ "a = 1 # x\nb=\"two\"\n\"c d\" = 'three'", "{\"a\":1,\"b\":\"two\",\"c d\":\"three\"}", NULL },
	{ "a.b.c = true\na.d = false", "{\"a\":{\"b\":{\"c\":true},\"d\":false}}", NULL },
	{ "[x]\na=1\n[x.y]\nb=2\n[z]\n", "{\"x\":{\"a\":1,\"y\":{\"b\":2}},\"z\":{}}", NULL },
	{ "[x.y]\nb=2\n[x]\na=1", "{\"x\":{\"a\":1,\"y\":{\"b\":2}}}", NULL },
	{ "[[r]]\nn=1\n[[r.m]]\nk=1\n[[r.m]]\nk=2\n[[r]]\nn=2\n[r.s]\nz=1",
	  "{\"r\":[{\"n\":1,\"m\":[{\"k\":1},{\"k\":2}]},{\"n\":2,\"s\":{\"z\":1}}]}", NULL },
	{ "a = [1, 2,\n # c\n 3,\n]\nb = [[\"x\"], []]\nc=[]", "{\"a\":[1,2,3],\"b\":[[\"x\"],[]],\"c\":[]}", NULL },
	{ "a = { b = 1, c.d = \"x\" }\ne={}", "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"e\":{}}", NULL },
	{ "a=\"\\t\\\"\\\\\\u00e9\\U0001F600\"", "{\"a\":\"\\t\\\"\\\\\\u00e9\\ud83d\\ude00\"}", NULL },
	{ "a = \"\"\"\nx\n  y\\\n   z\"\"\"\"\nb='''\n'l'\\n'''", "{\"a\":\"x\\n  yz\\\"\",\"b\":\"'l'\\\\n\"}", NULL },
	{ "a=0x1F\nb=0o17\nc=0b101\nd=1_000\ne=-5\nf=+3\ng=1.5\nh=1e3\ni=-0",
	  "{\"a\":31,\"b\":15,\"c\":5,\"d\":1000,\"e\":-5,\"f\":3,\"g\":1.5,\"h\":1000.0,\"i\":0}", NULL },
	{ "d=1979-05-27T07:32:00Z\ne=1979-05-27 07:32:00\nf=07:32:00\ng=inf",
	  "{\"d\":\"1979-05-27T07:32:00Z\",\"e\":\"1979-05-27 07:32:00\",\"f\":\"07:32:00\",\"g\":\"inf\"}", NULL },
	{ "a = 1\r\nb = 2\r\n", "{\"a\":1,\"b\":2}", NULL },
	{ "\xef\xbb\xbf" "a=1", "{\"a\":1}", NULL },
	{ "1=1\n-=2", "{\"1\":1,\"-\":2}", NULL },
	{ "a = 1\na = 2", NULL, "line 2: \"a\" is given twice" },
	{ "[a]\n[a]", NULL, "line 2: [a] is given twice" },
	{ "a = {b=1}\n[a.c]\nx=1", NULL, "no table that can be extended" },
	{ "a = []\n[[a]]", NULL, "no array of tables" },
	{ "[[a]]\n[a]", NULL, "is an array" },
	{ "a = 1\n[a.b]", NULL, "no table" },
	{ "a = 1 b = 2", NULL, "more on the line" },
	{ "a = \"x\ny\"", NULL, "without an end" },
	{ "a = \"\\q\"", NULL, "malformed escape" },
	{ "a = \"\\ud800\"", NULL, "no character" },
	{ "a = \"\xff\"", NULL, "not UTF-8" },
	{ "a", NULL, "expected \"=\"" },
	{ "= 1", NULL, "expected a key" },
	{ "a =", NULL, "expected a value" },
	{ "a = 01", NULL, "malformed value" },
	{ "a = 1__0", NULL, "malformed value" },
	{ "a = 1.", NULL, "malformed value" },
	{ "a = .5", NULL, "malformed value" },
	{ "a = 99999999999999999999", NULL, "malformed value" },
	{ "a = nonsense", NULL, "malformed value" },
	{ "a = [1 2]", NULL, "expected" },
	{ "a = {b=1,}", NULL, "expected a key" },
	{ "[a", NULL, "expected \"]\"" },
	{ "[[a]", NULL, "expected \"]\"" },
};

static void documents_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_JSON got = NULL;
		OWN_JSON want = rows[i].json ? json_loads(rows[i].json, 0, NULL) : NULL;
		struct err e = { 0 };
		int r = toml_parse(rows[i].toml, strlen(rows[i].toml), "t", &got, &e);
		if ((r == 0) != !!want || (r < 0 && !strstr(e.chain, rows[i].words)))
			fail_msg("row %zu \"%s\": %d %s", i, rows[i].toml, r, e.chain);
		if (want && !json_equal(got, want)) {
			OWN_STR text = json_dumps(got, 0);
			fail_msg("row %zu \"%s\": %s", i, rows[i].toml, text);
		}
	}
}

static void depth_is_limited(void **state)
{
	char text[300] = "a=";
	OWN_JSON got = NULL;
	struct err e = { 0 };
	(void)state;
	memset(text + 2, '[', 200);
	assert_int_equal(toml_parse(text, strlen(text), "t", &got, &e), -EINVAL);
	assert_non_null(strstr(e.chain, "more than 64"));
	for (size_t i = 0; i < 200; i += 2)
		memcpy(text + i, "a.", 2);
	assert_int_equal(toml_parse(text, 200, "t", &got, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_read),
		cmocka_unit_test(depth_is_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
