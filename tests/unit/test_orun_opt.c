/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of orun's option parser and of the user given to exec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "front/orun/opt.h"
#include "front/orun/orun.h"
#include "spec/bundle.h"

struct opts {
	bool all, detach, tty;
	const char *bundle;
	struct opt_int fds;
	struct opt_list env;
};

static const struct opt_row rows[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct opts, all), NULL, "all" },
	{ "detach", 'd', OPT_BOOL, offsetof(struct opts, detach), NULL, "detach" },
	{ "tty", 't', OPT_BOOL, offsetof(struct opts, tty), NULL, "tty" },
	{ "bundle", 'b', OPT_STR, offsetof(struct opts, bundle), "DIR", "bundle" },
	{ "preserve-fds", 0, OPT_INT, offsetof(struct opts, fds), "N", "fds" },
	{ "env", 'e', OPT_LIST, offsetof(struct opts, env), "X=Y", "env" },
};

static int parse(bool stop, char *const *argv, struct arena *a, struct opts *o, struct opt_list *args,
		 struct err *e)
{
	struct opt_table t = { rows, ARRAY_LEN(rows), stop };
	memset(o, 0, sizeof *o);
	memset(args, 0, sizeof *args);
	return orun_opt_parse(&t, argv, a, o, args, e);
}

#define ARGV(...) ((char *const[]){ (char *)__VA_ARGS__, NULL })

static void every_form_is_read(void **state)
{
	ARENA a = { 0 };
	struct err e = { 0 };
	struct opts o;
	struct opt_list args;
	(void)state;
	assert_int_equal(parse(false, ARGV("--all", (char *)"-b", (char *)"/x", (char *)"id",
					   (char *)"--preserve-fds=3"),
			       &a, &o, &args, &e),
			 0);
	assert_true(o.all && o.fds.given && o.fds.v == 3);
	assert_string_equal(o.bundle, "/x");
	assert_int_equal(args.n, 1);
	assert_string_equal(args.v[0], "id");
	assert_int_equal(parse(false, ARGV("-all", (char *)"-bundle=/y", (char *)"-e", (char *)"A=1",
					   (char *)"--env", (char *)"B=2=3", (char *)"-e=C"),
			       &a, &o, &args, &e),
			 0);
	assert_true(o.all && o.env.n == 3);
	assert_string_equal(o.bundle, "/y");
	assert_string_equal(o.env.v[1], "B=2=3");
	assert_string_equal(o.env.v[2], "C");
	assert_int_equal(parse(false, ARGV("-td", (char *)"--all=false", (char *)"--", (char *)"-a"), &a, &o,
			       &args, &e),
			 0);
	assert_true(o.tty && o.detach && !o.all);
	assert_string_equal(args.v[0], "-a");
	/* a value may look like an option; a lone dash is an argument */
	assert_int_equal(parse(false, ARGV("-b", (char *)"-all", (char *)"-"), &a, &o, &args, &e), 0);
	assert_string_equal(o.bundle, "-all");
	assert_string_equal(args.v[0], "-");
}

static void options_after_the_id_belong_to_the_command(void **state)
{
	ARENA a = { 0 };
	struct err e = { 0 };
	struct opts o;
	struct opt_list args;
	(void)state;
	assert_int_equal(parse(true, ARGV("-t", (char *)"id", (char *)"ls", (char *)"-a", (char *)"--x",
					  (char *)"--"),
			       &a, &o, &args, &e),
			 0);
	assert_true(o.tty && !o.all);
	assert_int_equal(args.n, 5);
	assert_string_equal(args.v[4], "--");
	assert_int_equal(parse(true, ARGV("id", (char *)"--", (char *)"ls", (char *)"-a"), &a, &o, &args, &e), 0);
	assert_int_equal(args.n, 3);
	assert_string_equal(args.v[1], "ls");
}

static void wrong_options_are_usage_errors(void **state)
{
	ARENA a = { 0 };
	struct opts o;
	struct opt_list args;
	char *const *const bad[] = {
		ARGV("--nope"), ARGV("-x"),	       ARGV("-tx"),	   ARGV("--bundle"),
		ARGV("-b"),	ARGV("--all=perhaps"), ARGV("--preserve-fds=x"), ARGV("--preserve-fds", (char *)""),
		ARGV("--=x"),	ARGV("---all"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		if (parse(false, bad[i], &a, &o, &args, &e) >= 0)
			fail_msg("accepted: %s", bad[i][0]);
		assert_int_equal(e.kind, E_USAGE);
	}
	struct err e = { 0 };
	assert_true(parse(false, ARGV("--bundel", (char *)"x"), &a, &o, &args, &e) < 0);
	assert_string_equal(e.hint, "did you mean --bundle?");
}

static void user_is_two_plain_numbers(void **state)
{
	static const char *const bad[] = { "",	 ":",	  "1:",	 ":2",	"0x1", "+1",	 "-1",	       " 1",
					   "1 ", "1:2:3", "root", "1:x", "1,2", "4294967295", "4294967296",
					   "1:4294967295", "99999999999999999999", "1\n" };
	struct err e = { 0 };
	uint32_t uid = 7, gid = 8;
	(void)state;
	assert_int_equal(orun_user_spec_parse("1", &uid, &gid, &e), 0);
	assert_true(uid == 1 && gid == 8);
	assert_int_equal(orun_user_spec_parse("4294967294:0", &uid, &gid, &e), 0);
	assert_true(uid == 4294967294U && gid == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uid = gid = 5;
		if (orun_user_spec_parse(bad[i], &uid, &gid, &e) >= 0)
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_true(uid == 5 && gid == 5);
	}
}

static void default_spec_is_valid(void **state)
{
	(void)state;
	for (int rootless = 0; rootless < 2; rootless++) {
		ARENA a = { 0 };
		struct err e = { 0 };
		struct bundle b;
		json_t *j = orun_spec_default(rootless);
		if (bundle_parse(j, &a, &b, &e) < 0)
			fail_msg("%s", e.chain);
		assert_int_equal(b.warnings.n, 0);
		assert_int_equal(b.ns[NS_USER].present, rootless);
		assert_int_equal(b.process->caps[BUNDLE_CAP_INHERITABLE], 0);
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_read),
		cmocka_unit_test(options_after_the_id_belong_to_the_command),
		cmocka_unit_test(wrong_options_are_usage_errors),
		cmocka_unit_test(user_is_two_plain_numbers),
		cmocka_unit_test(default_spec_is_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
