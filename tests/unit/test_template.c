/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/format/template*: what docker's --format accepts, and its errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/js.h"
#include "format/template.h"

static const char data[] =
	"{\"Name\":\"/web\",\"N\":3,\"Zero\":0,\"F\":1.5,\"On\":true,\"Nil\":null,"
	"\"List\":[\"a\",\"b\",\"c\"],\"Map\":{\"y\":\"2\",\"x\":\"1\"},"
	"\"State\":{\"Pid\":42,\"Status\":\"running\"},\"Empty\":[],"
	"\"Mounts\":[{\"Source\":\"/s1\"},{\"Source\":\"/s2\"}]}";

static const struct {
	const char *in, *out; /* out NULL: an error */
} rows[] = {
	{ "plain", "plain" },
	{ "{{.Name}}", "/web" },
	{ "{{ .State.Pid }}:{{.State.Status}}", "42:running" },
	{ "{{.Nope}}", "<no value>" },
	{ "{{.Nil}}", "<no value>" },
	{ "{{json .List}}", "[\"a\",\"b\",\"c\"]" },
	{ "{{.List}} {{.Map}}", "[a b c] map[x:1 y:2]" },
	{ "{{range .List}}<{{.}}>{{end}}", "<a><b><c>" },
	{ "{{range $i, $e := .List}}{{if $i}}, {{end}}{{$e}}{{end}}", "a, b, c" },
	{ "{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "x=1;y=2;" },
	{ "{{range .Empty}}x{{else}}none{{end}}", "none" },
	{ "{{range .Mounts}}{{.Source}} {{end}}", "/s1 /s2 " },
	{ "{{if .On}}yes{{else}}no{{end}}", "yes" },
	{ "{{if .Zero}}a{{else if .On}}b{{else}}c{{end}}", "b" },
	{ "{{with .State}}{{.Pid}}{{end}}", "42" },
	{ "{{with .Empty}}x{{else}}y{{end}}", "y" },
	{ "{{index .List 1}}{{index .Map \"x\"}}", "b1" },
	{ "{{index .List 9}}", NULL },
	{ "{{len .List}}{{len .Name}}", "34" },
	{ "{{.Name | upper}}{{lower \"ABC\"}}{{title \"ab cd\"}}", "/WEBabcAb Cd" },
	{ "{{join .List \"-\"}}", "a-b-c" },
	{ "{{split \"a:b\" \":\"}}", "[a b]" },
	{ "{{truncate .Name 2}}|{{pad .Name 1 2}}|", "/w| /web  |" },
	{ "{{printf \"%s-%05d-%q-%v\" .Name .N .Name .On}}", "/web-00003-\"/web\"-true" },
	{ "{{printf \"%.1f %5s|\" .F \"x\"}}", "1.5     x|" },
	{ "{{println .N .On}}", "3 true\n" },
	{ "{{print .N .N}}", "3 3" },
	{ "{{eq .N 3}} {{ne .N 3}} {{lt 1 2}} {{ge 1 2}}", "true false true false" },
	{ "{{and .On .N}} {{or .Zero .Name}} {{not .On}}", "3 /web false" },
	{ "{{if and .On (gt .N 2)}}big{{end}}", "big" },
	{ "{{$x := .Name}}{{$x}}{{$x = \"y\"}}{{$x}}", "/weby" },
	{ "a {{- \" b \" -}} c", "a b c" },
	{ "{{/* note */}}x", "x" },
	{ "{{(index .Mounts 0).Source}}", "/s1" },
	{ "{{.Map.x}}{{$.Name}}", "1/web" },
	{ "{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a" },
	{ "{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac" },
	{ "{{`raw\\n`}}{{\"t\\tb\"}}", "raw\\nt\tb" },
	{ "{{slice .Name 1 3}}", "we" },
	{ "{{.Map \"x\"}}", "1" },
	{ "{{nope .Name}}", NULL },
	{ "{{.Name", NULL },
	{ "{{if .On}}x", NULL },
	{ "{{end}}", NULL },
	{ "{{}}", NULL },
	{ "{{.Name.Sub}}", NULL },
	{ "{{lower}}", NULL },
	{ "{{$y}}", NULL },
	{ "{{range .N}}{{end}}", NULL },
};

static void rows_give_what_go_gives(void **state)
{
	struct err e = { 0 };
	OWN_JSON j = NULL;
	(void)state;
	assert_int_equal(js_parse(data, sizeof data - 1, "data", &j, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ARENA a = { 0 };
		OWN_BUF out = { 0 };
		struct template *t;
		int r = template_parse(rows[i].in, &a, &t, &e);
		if (r >= 0)
			r = template_exec(t, j, 0, &out, &e);
		if ((r >= 0) != (rows[i].out != NULL))
			fail_msg("%s: %s", rows[i].in, r < 0 ? e.chain : buf_str(&out));
		if (rows[i].out)
			assert_string_equal(buf_str(&out), rows[i].out);
	}
}

static void strict_and_header_modes(void **state)
{
	struct err e = { 0 };
	ARENA a = { 0 };
	OWN_BUF out = { 0 };
	OWN_JSON j = json_pack("{s:s}", "Names", "NAMES");
	struct template *t;
	(void)state;
	assert_int_equal(template_parse("{{.Nope}}", &a, &t, &e), 0);
	assert_int_equal(template_exec(t, j, TEMPLATE_STRICT, &out, &e), -EINVAL);
	assert_int_equal(template_parse("{{lower .Names}}", &a, &t, &e), 0);
	assert_int_equal(template_exec(t, j, TEMPLATE_HEADER, &out, &e), 0);
	assert_string_equal(buf_str(&out), "NAMES");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_give_what_go_gives),
		cmocka_unit_test(strict_and_header_modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
