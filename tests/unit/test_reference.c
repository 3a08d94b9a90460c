/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of references, digests and platforms: tables of input and expected normal form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "spec/digest.h"
#include "spec/platform.h"
#include "spec/reference.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA   "sha256:" HEX64
#define SHA512 "sha512:" HEX64 HEX64

static const struct {
	const char *in, *canonical, *familiar, *name;
} good[] = {
	{ "nginx", "docker.io/library/nginx", "nginx", "nginx" },
	{ "nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25", "nginx" },
	{ "library/nginx", "docker.io/library/nginx", "nginx", "nginx" },
	{ "a/b", "docker.io/a/b", "a/b", "a/b" },
	{ "docker.io/nginx", "docker.io/library/nginx", "nginx", "nginx" },
	{ "docker.io/library/nginx", "docker.io/library/nginx", "nginx", "nginx" },
	{ "index.docker.io/library/nginx", "docker.io/library/nginx", "nginx", "nginx" },
	{ "index.docker.io/nginx", "docker.io/library/nginx", "nginx", "nginx" },
	{ "docker.io/library/a/b", "docker.io/library/a/b", "library/a/b", "library/a/b" },
	{ "localhost/x", "localhost/x", "localhost/x", "localhost/x" },
	{ "localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x" },
	{ "localhost", "docker.io/library/localhost", "localhost", "localhost" },
	{ "localhost:5000", "docker.io/library/localhost:5000", "localhost:5000", "localhost" },
	{ "127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c" },
	{ "[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x" },
	{ "[fe80::1]/x:t", "[fe80::1]/x:t", "[fe80::1]/x:t", "[fe80::1]/x" },
	{ "Quay.IO/x", "Quay.IO/x", "Quay.IO/x", "Quay.IO/x" },
	{ "Host/x", "Host/x", "Host/x", "Host/x" },
	{ "a.b/c", "a.b/c", "a.b/c", "a.b/c" },
	{ "xn--n3h.com/m-y__n.a_m-----e", "xn--n3h.com/m-y__n.a_m-----e", "xn--n3h.com/m-y__n.a_m-----e",
	  "xn--n3h.com/m-y__n.a_m-----e" },
	{ "n@" SHA, "docker.io/library/n@" SHA, "n@" SHA, "n" },
	{ "n:t@" SHA, "docker.io/library/n:t@" SHA, "n:t@" SHA, "n" },
	{ "h:1/n:t@" SHA512, "h:1/n:t@" SHA512, "h:1/n:t@" SHA512, "h:1/n" },
	{ "n:_T.x-9", "docker.io/library/n:_T.x-9", "n:_T.x-9", "n" },
	{ "0123456789abcdef", "docker.io/library/0123456789abcdef", "0123456789abcdef", "0123456789abcdef" },
};

static void references_have_normal_forms(void **state)
{
	char out[REFERENCE_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct reference r, again;
		struct err e = { 0 };
		if (reference_parse(good[i].in, &r, &e) < 0)
			fail_msg("%s: %s", good[i].in, e.chain);
		reference_canonical(&r, out);
		assert_string_equal(out, good[i].canonical);
		assert_int_equal(reference_parse(out, &again, &e), 0);
		assert_memory_equal(&r, &again, sizeof r);
		reference_familiar(&r, out);
		assert_string_equal(out, good[i].familiar);
		reference_familiar_name(&r, out);
		assert_string_equal(out, good[i].name);
	}
}

#define FORMAT "invalid reference format"
#define LOWER  FORMAT ": repository name must be lowercase"

static const struct {
	const char *in, *message;
} bad[] = {
	{ "", FORMAT },
	{ ":tag", FORMAT },
	{ "/x", FORMAT },
	{ "x/", FORMAT },
	{ "a//b", FORMAT },
	{ "Nginx", LOWER },
	{ "a/B:t", LOWER },
	{ "h.com/A", LOWER },
	{ "n:", FORMAT },
	{ "n:.t", FORMAT },
	{ "n:-t", FORMAT },
	{ "n:a/b", FORMAT },
	{ "n:a b", FORMAT },
	{ "n n", FORMAT },
	{ "-n", FORMAT },
	{ "n-", FORMAT },
	{ "n___n", FORMAT },
	{ "n..n", FORMAT },
	{ "n._n", FORMAT },
	{ "foo_bar.com/n", FORMAT },
	{ "-h.com/n", FORMAT },
	{ "h-.com/n", FORMAT },
	{ "h.com:/n", FORMAT },
	{ "h.com:x/n", FORMAT },
	{ "[::1/n", FORMAT },
	{ "[]:5/n", FORMAT },
	{ "[::g]/n", FORMAT },
	{ "n@", FORMAT },
	{ "n@sha256:12", FORMAT },
	{ "n@" SHA "@" SHA, FORMAT },
	{ "n@md5:" HEX64, FORMAT ": unsupported digest algorithm" },
	{ "n@sha512:" HEX64, FORMAT ": invalid checksum digest length" },
	{ "https://h.com/n", FORMAT },
	{ "../n", FORMAT },
	{ HEX64, "invalid repository name (" HEX64 "), cannot specify 64-byte hexadecimal strings" },
};

static void bad_references_have_dockers_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reference r;
		struct err e = { 0 };
		if (reference_parse(bad[i].in, &r, &e) == 0)
			fail_msg("\"%s\" was taken", bad[i].in);
		assert_int_equal(e.kind, E_INVALID);
		if (strcmp(e.chain, bad[i].message) != 0)
			fail_msg("\"%s\": got %s", bad[i].in, e.chain);
	}
}

static void references_have_limits(void **state)
{
	char text[2000];
	struct reference r;
	struct err e = { 0 };
	(void)state;
	memset(text, 'a', sizeof text);
	text[255 - strlen("docker.io/library/")] = 0;
	assert_int_equal(reference_parse(text, &r, &e), 0);
	text[strlen(text)] = 'a';
	text[256 - strlen("docker.io/library/")] = 0;
	assert_int_equal(reference_parse(text, &r, &e), -EINVAL);
	assert_non_null(strstr(e.chain, "must not be more than 255 characters"));
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 0;
	assert_int_equal(reference_parse(text, &r, &e), -EINVAL);
	memcpy(text, "n:", 2);
	text[2 + 128] = 0;
	assert_int_equal(reference_parse(text, &r, &e), 0);
	text[2 + 128] = 'a';
	text[2 + 129] = 0;
	assert_int_equal(reference_parse(text, &r, &e), -EINVAL);
}

static void latest_is_added_to_bare_names(void **state)
{
	struct reference r;
	struct err e = { 0 };
	(void)state;
	assert_int_equal(reference_parse_tagged("n", &r, &e), 0);
	assert_string_equal(r.tag, "latest");
	assert_int_equal(reference_parse_tagged("n@" SHA, &r, &e), 0);
	assert_string_equal(r.tag, "");
	assert_true(reference_is_id(HEX64));
	assert_true(reference_is_id(SHA));
	assert_false(reference_is_id("0123456789ab"));
}

static void digests_are_strict(void **state)
{
	char out[DIGEST_TEXT_MAX];
	(void)state;
	assert_true(digest_is_valid(SHA));
	assert_true(digest_is_valid(SHA512));
	assert_false(digest_is_valid("sha256:" HEX64 "0"));
	assert_false(digest_is_valid("sha256:../../../../etc/passwd"));
	assert_false(digest_is_valid("SHA256:" HEX64));
	assert_false(digest_is_valid("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(digest_is_valid("../sha256:" HEX64));
	digest_sha256("abc", 3, out);
	assert_string_equal(out, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_chain_id(NULL, SHA, out);
	assert_string_equal(out, SHA);
	digest_chain_id(SHA, SHA, out);
	assert_string_equal(out, "sha256:ccdf9b58ee7087c8f4415f1c3e98945bf64a4cd9920de109ec94d64947636830");
}

static const struct {
	const char *in, *out;
} platforms[] = {
	{ "linux/amd64", "linux/amd64" },     { "linux/x86_64", "linux/amd64" },
	{ "Linux/AMD64/v1", "linux/amd64" },  { "linux/amd64/v3", "linux/amd64/v3" },
	{ "linux/aarch64", "linux/arm64" },   { "linux/arm64/v8", "linux/arm64" },
	{ "linux/arm64/8", "linux/arm64" },   { "linux/arm", "linux/arm/v7" },
	{ "linux/armhf", "linux/arm/v7" },    { "linux/armel", "linux/arm/v6" },
	{ "linux/arm/6", "linux/arm/v6" },    { "arm64", "linux/arm64" },
	{ "linux/i386", "linux/386" },        { "macos/arm64", "darwin/arm64" },
	{ "windows(10.0.17763)/amd64", "windows/amd64" }, { "linux/riscv64", "linux/riscv64" },
	{ "", NULL },                         { "linux/", NULL },
	{ "linux/amd64/v2/x", NULL },         { "plan10", NULL },
	{ "*/amd64", NULL },                  { "li nux/amd64", NULL },
	{ "windows(10/amd64", NULL },
};

static void platforms_are_normalised(void **state)
{
	char out[PLATFORM_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		struct platform p;
		struct err e = { 0 };
		int r = platform_parse(platforms[i].in, &p, &e);
		if ((r == 0) != !!platforms[i].out)
			fail_msg("%s: %d %s", platforms[i].in, r, e.chain);
		if (r < 0)
			continue;
		platform_format(&p, out);
		assert_string_equal(out, platforms[i].out);
	}
}

static void platforms_fall_back(void **state)
{
	static const struct {
		const char *want, *have;
		int rank;
	} rows[] = {
		{ "linux/amd64", "linux/amd64", 0 },      { "linux/amd64", "linux/arm64", -1 },
		{ "linux/amd64", "linux/386", -1 },       { "linux/amd64", "linux/amd64/v2", -1 },
		{ "linux/amd64/v3", "linux/amd64", 20 },  { "linux/arm/v7", "linux/arm/v6", 10 },
		{ "linux/arm/v7", "linux/arm/v5", 20 },   { "linux/arm/v6", "linux/arm/v7", -1 },
		{ "linux/arm64", "linux/arm/v7", 110 },   { "linux/arm64", "linux/arm64/v9", -1 },
		{ "linux/amd64", "windows/amd64", -1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct platform want, have;
		struct err e = { 0 };
		assert_int_equal(platform_parse(rows[i].want, &want, &e), 0);
		assert_int_equal(platform_parse(rows[i].have, &have, &e), 0);
		if (platform_rank(&want, &have) != rows[i].rank)
			fail_msg("%s <- %s: %d", rows[i].want, rows[i].have, platform_rank(&want, &have));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_have_normal_forms),
		cmocka_unit_test(bad_references_have_dockers_words),
		cmocka_unit_test(references_have_limits),
		cmocka_unit_test(latest_is_added_to_bare_names),
		cmocka_unit_test(digests_are_strict),
		cmocka_unit_test(platforms_are_normalised),
		cmocka_unit_test(platforms_fall_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
