/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of running programs of the host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/tool.h"

static int sh(const char *script, struct err *e)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	*e = (struct err){ 0 };
	return tool_run(argv, e);
}

static void runs(void **unused)
{
	char path[TOOL_PATH_MAX];
	struct err e = { 0 };

	(void)unused;
	/* neither our environment nor what we have open or read */
	assert_int_equal(setenv("ONGGI_TEST_TOOL", "1", 1), 0);
	assert_int_equal(sh("[ -z \"$ONGGI_TEST_TOOL\" ] && [ \"$LC_ALL\" = C ] && [ \"$(pwd)\" = / ] && [ -z \"$(cat)\" ]", &e), 0);
	assert_int_equal(sh("for f in /proc/$$/fd/*; do [ ${f##*/} -lt 3 ] || [ ! -e $f ] || exit 1; done", &e), 0);
	assert_int_equal(tool_find("sh", path, &e), 0);
	assert_int_equal(path[0], '/');
}

static void fails(void **unused)
{
	const char *const none[] = { "no-such-program-of-onggi", NULL };
	struct err e = { 0 };

	(void)unused;
	assert_int_equal(sh("echo broken >&2; echo more; exit 3", &e), -EIO);
	assert_string_equal(e.chain, "sh: status 3: broken");
	assert_int_equal(sh("kill -9 $$", &e), -EIO);
	assert_string_equal(e.chain, "sh: ended by signal 9");
	/* more than a pipe holds: it does not wait for us for ever */
	assert_int_equal(sh("head -c 300000 /dev/zero; exit 4", &e), -EIO);
	e = (struct err){ 0 };
	assert_int_equal(tool_run(none, &e), -ENOENT);
	assert_int_equal(e.kind, E_UNSUPPORTED);
}

static void reads(void **unused)
{
	const char *const good[] = { "sh", "-c", "echo out; echo err >&2", NULL };
	const char *const bad[] = { "sh", "-c", "echo out; echo err >&2; exit 1", NULL };
	struct err e = { 0 };
	char *text = NULL;

	(void)unused;
	assert_int_equal(tool_read(good, 100, &text, &e), 0);
	assert_string_equal(text, "out\n");
	free(text);
	assert_int_equal(tool_read(bad, 100, &text, &e), -EIO);
	assert_string_equal(e.chain, "sh: status 1: err");
	e = (struct err){ 0 };
	assert_true(tool_read(good, 3, &text, &e) < 0); /* longer than is wanted */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(runs), cmocka_unit_test(fails), cmocka_unit_test(reads) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
