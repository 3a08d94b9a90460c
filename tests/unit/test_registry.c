/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the registry client's parts that need no network: challenges, base64,
 * endpoints, credentials, origins of URLs, the file that is read behind its writer.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "format/base64.h"
#include "format/challenge.h"
#include "registry/ahead.h"
#include "registry/config.h"
#include "registry/credential.h"
#include "registry/tail.h"

static const struct {
	const char *in;
	int n; /* challenges, or negative errno */
	struct {
		enum challenge_scheme scheme;
		const char *realm, *service, *scope;
	} want[2];
} challenges[] = {
	{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"", 1,
	  { { CHALLENGE_BEARER, "https://a/t", "s", "repository:x:pull,push" } } },
	{ "bearer REALM = \"r\" , service=s", 1, { { CHALLENGE_BEARER, "r", "s", "" } } },
	{ "Basic realm=\"a \\\"b\\\", c\"", 1, { { CHALLENGE_BASIC, "a \"b\", c", "", "" } } },
	{ "Basic", 1, { { CHALLENGE_BASIC, "", "", "" } } },
	{ "Basic realm=\"x\", Bearer realm=\"y\",service=\"z\"", 2,
	  { { CHALLENGE_BASIC, "x", "", "" }, { CHALLENGE_BEARER, "y", "z", "" } } },
	{ "Negotiate YWJj==, Bearer realm=http://h:1/t,scope=a", 2,
	  { { CHALLENGE_OTHER, "", "", "" }, { CHALLENGE_BEARER, "http://h:1/t", "", "a" } } },
	{ ",, Digest nonce=\"n\",qop=\"auth, auth-int\" ,", 1, { { CHALLENGE_OTHER, "", "", "" } } },
	{ "", 0, { { 0 } } },
	{ "realm=\"x\"", -EINVAL, { { 0 } } },
	{ "Bearer realm=\"x", -EINVAL, { { 0 } } },
	{ "\"x\"", -EINVAL, { { 0 } } },
};

static void challenges_are_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(challenges); i++) {
		OWN_PTR struct challenge *got = calloc(4, sizeof *got);
		struct err e = { 0 };
		int n = challenge_parse(challenges[i].in, got, 4, &e);
		if (n != challenges[i].n)
			fail_msg("%s: %d %s", challenges[i].in, n, e.chain);
		for (int k = 0; k < n; k++) {
			assert_int_equal(got[k].scheme, challenges[i].want[k].scheme);
			assert_string_equal(got[k].realm, challenges[i].want[k].realm);
			assert_string_equal(got[k].service, challenges[i].want[k].service);
			assert_string_equal(got[k].scope, challenges[i].want[k].scope);
		}
	}
}

static void too_long_challenges_are_refused(void **state)
{
	OWN_PTR struct challenge *got = calloc(1, sizeof *got);
	OWN_STR text = malloc(6000);
	struct err e = { 0 };
	(void)state;
	memset(text, 'a', 6000);
	memcpy(text, "Bearer realm=", 13);
	text[5999] = 0;
	assert_int_equal(challenge_parse(text, got, 1, &e), -EMSGSIZE);
}

static void base64_round_trips(void **state)
{
	static const char *const rows[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
					       { "foob", "Zm9vYg==" }, { "user:pa\xc3\xa9?>", "dXNlcjpwYcOpPz4=" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_BUF b = { 0 };
		OWN_STR back = NULL;
		size_t n;
		base64_encode(rows[i][0], strlen(rows[i][0]), &b);
		assert_string_equal(buf_str(&b), rows[i][1]);
		assert_int_equal(base64_decode(rows[i][1], &back, &n), 0);
		assert_string_equal(back, rows[i][0]);
	}
	OWN_STR x = NULL;
	size_t n;
	assert_int_equal(base64_decode("Zm9v!", &x, &n), -EINVAL);
	assert_int_equal(base64_decode("Z", &x, &n), -EINVAL);
	assert_int_equal(base64_decode("AAAA", &x, &n), -EINVAL);
}

/* a folder of this test alone, as HOME and for every file that the code under test reads */
static char dir[] = "/tmp/onggi-unit-XXXXXX";

static void put(const char *name, const char *text, mode_t mode)
{
	struct err e = { 0 };
	OWN_FD d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_replace_file(d, name, text, strlen(text), mode, 0, &e), 0);
}

static int dir_make(void **state)
{
	char path[100];
	(void)state;
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	setenv("HOME", dir, 1);
	setenv("DOCKER_CONFIG", dir, 1);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	setenv("ONGGI_CERTS", dir, 1);
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("DOCKER_AUTH_CONFIG");
	(void)snprintf(path, sizeof path, "%s/onggi.json", dir);
	setenv("ONGGI_CONFIG", path, 1);
	(void)snprintf(path, sizeof path, "%s/registries.conf", dir);
	setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
	return 0;
}

static int dir_remove(void **state)
{
	struct err e = { 0 };
	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &e);
}

static void endpoints_of(const struct registry_config *c, const char *domain, struct arena *a,
			 struct registry_endpoints *l)
{
	struct reference ref = { .path = "library/x" };
	struct err e = { 0 };
	(void)snprintf(ref.domain, sizeof ref.domain, "%s", domain);
	if (registry_endpoints_find(c, &ref, a, l, &e) < 0)
		fail_msg("%s: %s", domain, e.chain);
}

static void endpoints_follow_the_configuration(void **state)
{
	static const struct {
		const char *domain, *urls[3];
		bool insecure;
	} rows[] = {
		{ "docker.io", { "http://127.0.0.1:9/m", "https://registry-1.docker.io" }, false },
		{ "quay.io", { "https://quay.io" }, false },
		{ "localhost:5000", { "https://localhost:5000", "http://localhost:5000" }, true },
		{ "127.9.8.7:5000", { "https://127.9.8.7:5000", "http://127.9.8.7:5000" }, true },
		{ "[::1]:5000", { "https://[::1]:5000", "http://[::1]:5000" }, true },
		{ "10.1.2.3", { "https://10.1.2.3", "http://10.1.2.3" }, true },
		{ "10.2.2.3", { "https://10.2.2.3" }, false },
		{ "reg.example:5000", { "https://reg.example:5000", "http://reg.example:5000" }, true },
		{ "reg.example:5001", { "https://reg.example:5001" }, false },
		{ "127.0.0.1.example", { "https://127.0.0.1.example" }, false },
	};
	struct registry_config c;
	struct err e = { 0 };
	(void)state;
	put("onggi.json", "{\"insecure-registries\":[\"10.1.0.0/16\",\"reg.example:5000\"],"
			  "\"registry-mirrors\":[\"http://127.0.0.1:9/m/\"],\"max-concurrent-downloads\":7}", 0600);
	assert_int_equal(registry_config_load(NULL, &c, &e), 0);
	assert_int_equal(c.parallel, 7);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct registry_endpoints l;
		ARENA a = { 0 };
		endpoints_of(&c, rows[i].domain, &a, &l);
		size_t n = 0;
		while (n < 3 && rows[i].urls[n])
			n++;
		assert_int_equal(l.n, n);
		for (size_t k = 0; k < n; k++)
			assert_string_equal(l.list[k].url, rows[i].urls[k]);
		assert_int_equal(registry_is_insecure(&c, rows[i].domain), rows[i].insecure);
	}
	registry_config_done(&c);
	put("onggi.json", "{\"max-concurrent-downloads\":0}", 0600);
	assert_int_equal(registry_config_load(NULL, &c, &e), -ERANGE);
	put("onggi.json", "{\"insecure-registries\":[1]}", 0600);
	assert_int_equal(registry_config_load(NULL, &c, &e), -EINVAL);
}

static const char registries_conf[] =
	"unqualified-search-registries = [\"quay.io\"]\n"
	"[[registry]]\nlocation = \"plain.example\"\ninsecure = true\n"
	"[[registry]]\nprefix = \"docker.io/team\"\nlocation = \"moved.example:5000/all/team\"\n"
	"[[registry.mirror]]\nlocation = \"m1.example/p\"\ninsecure = true\n"
	"[[registry.mirror]]\nlocation = \"m2.example/q\"\npull-from-mirror = \"digest-only\"\n"
	"[[registry]]\nprefix = \"*.wild.example\"\n[[registry.mirror]]\nlocation = \"m3.example\"\n"
	"[[registry]]\nlocation = \"bad.example\"\nblocked = true\n"
	"[[registry]]\nlocation = \"bad.example/good\"\n"
	"[[registry]]\nlocation = \"late.example\"\n";

static void registries_conf_is_obeyed(void **state)
{
	static const struct {
		const char *name, *places[4]; /* "!": blocked */
	} rows_[] = {
		{ "plain.example/x", { "https://plain.example x", "http://plain.example x" } },
		{ "docker.io/team/app", { "https://m1.example p/app", "http://m1.example p/app",
					  "https://moved.example:5000 all/team/app" } },
		{ "docker.io/team/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		  { "https://m1.example p/app", "http://m1.example p/app", "https://m2.example q/app",
		    "https://moved.example:5000 all/team/app" } },
		{ "docker.io/teams/app", { "https://registry-1.docker.io teams/app" } },
		{ "a.b.wild.example/x/y", { "https://m3.example x/y", "https://a.b.wild.example x/y" } },
		{ "wild.example/x", { "https://wild.example x" } },
		{ "bad.example/x", { "!" } },
		{ "bad.example/good/x", { "https://bad.example good/x" } },
		{ "late.example/x", { "https://late.example x", "http://late.example x" } },
	};
	struct registry_config c;
	struct err e = { 0 };
	char path[100], text[700];
	(void)state;
	put("registries.conf", registries_conf, 0600);
	(void)snprintf(path, sizeof path, "%s/registries.conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put("registries.conf.d/10-late.conf", "[[registry]]\nlocation = \"late.example\"\ninsecure = true\n", 0600);
	put("registries.conf.d/ignored", "nonsense", 0600);
	assert_int_equal(registry_config_load(NULL, &c, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
		struct registry_endpoints l = { .n = 0 };
		struct reference ref;
		ARENA a = { 0 };
		assert_int_equal(reference_parse(rows_[i].name, &ref, &e), 0);
		int r = registry_endpoints_find(&c, &ref, &a, &l, &e);
		if (rows_[i].places[0][0] == '!') {
			assert_int_equal(r, -EACCES);
			continue;
		}
		assert_int_equal(r, 0);
		for (size_t k = 0; k < 4 && (k < l.n || rows_[i].places[k]); k++) {
			(void)snprintf(text, sizeof text, "%s %s", k < l.n ? l.list[k].url : "nothing",
				       k < l.n ? l.list[k].path : "");
			if (!rows_[i].places[k] || strcmp(text, rows_[i].places[k]) != 0)
				fail_msg("%s: %zu is %s", rows_[i].name, k, text);
		}
	}
	registry_config_done(&c);
	put("registries.conf", "[[registry]]\ninsecure = true\n", 0600);
	assert_int_equal(registry_config_load(NULL, &c, &e), -EINVAL);
}

static void certificates_are_found_by_host(void **state)
{
	struct registry_config c;
	struct registry_endpoints l;
	struct err e = { 0 };
	ARENA a = { 0 };
	char path[100];
	(void)state;
	assert_int_equal(registry_config_load(NULL, &c, &e), 0);
	(void)snprintf(path, sizeof path, "%s/h.example:5", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put("h.example:5/ca.crt", "PEM1", 0600);
	put("h.example:5/me.cert", "C", 0600);
	struct reference ref = { .domain = "h.example:5", .path = "x" };
	assert_int_equal(registry_endpoints_find(&c, &ref, &a, &l, &e), -ENOENT); /* no key */
	assert_non_null(strstr(e.chain, "me.key"));
	put("h.example:5/me.key", "K", 0600);
	endpoints_of(&c, "h.example:5", &a, &l);
	assert_non_null(strstr(l.list[0].tls.ca_pem, "PEM1"));
	assert_non_null(strstr(l.list[0].tls.key, "/h.example:5/me.key"));
	registry_config_done(&c);
}

/* dTE6cDE= is "u1:p1" and so on */
static const char config_json[] =
	"{\"auths\":{"
	"\"h.example\":{\"auth\":\"dTE6cDE=\"},"
	"\"h.example/team\":{\"auth\":\"dTI6cDI=\"},"
	"\"h.example/team/app\":{\"auth\":\"dTM6cDM=\"},"
	"\"https://old.example/v1/\":{\"auth\":\"dTQ6cDQ=\"},"
	"\"https://index.docker.io/v1/\":{\"auth\":\"dTU6cDU=\"},"
	"\"tok.example\":{\"identitytoken\":\"refresh\"},"
	"\"bad.example\":{\"auth\":\"!\"},"
	"\"empty.example\":{}},"
	"\"credHelpers\":{\"helped.example\":\"unit\",\"nothere.example\":\"unit\",\"broken.example\":\"unit\","
	"\"token.example\":\"unit\",\"evil.example\":\"../unit\",\"gone.example\":\"no-such-helper\"}}";

static const char helper[] =
	"#!/bin/sh\n"
	"read -r s\n"
	"case $s in\n"
	"helped.example) echo '{\"ServerURL\":\"x\",\"Username\":\"hu\",\"Secret\":\"hs\"}' ;;\n"
	"token.example) echo '{\"Username\":\"<token>\",\"Secret\":\"ht\"}' ;;\n"
	"nothere.example) echo 'credentials not found in native keychain'; exit 1 ;;\n"
	"*) echo 'the store is locked'; exit 1 ;;\n"
	"esac\n";

static void credentials_are_found(void **state)
{
	static const struct {
		const char *domain, *path, *user, *password, *identity;
		const char *error; /* NULL: none */
	} rows[] = {
		{ "h.example", "x", "u1", "p1", NULL, NULL },
		{ "h.example", "team/x", "u2", "p2", NULL, NULL },
		{ "h.example", "team/app", "u3", "p3", NULL, NULL },
		{ "h.example", "teams", "u1", "p1", NULL, NULL },
		{ "old.example", "x", "u4", "p4", NULL, NULL },
		{ "docker.io", "library/x", "u5", "p5", NULL, NULL },
		{ "tok.example", "x", NULL, NULL, "refresh", NULL },
		{ "none.example", "x", NULL, NULL, NULL, NULL },
		{ "empty.example", "x", NULL, NULL, NULL, NULL },
		{ "bad.example", "x", NULL, NULL, NULL, "malformed" },
		{ "helped.example", "x", "hu", "hs", NULL, NULL },
		{ "token.example", "x", NULL, NULL, "ht", NULL },
		{ "nothere.example", "x", NULL, NULL, NULL, NULL },
		{ "broken.example", "x", NULL, NULL, NULL, "the store is locked" },
		{ "evil.example", "x", NULL, NULL, NULL, "bad name" },
		{ "gone.example", "x", NULL, NULL, NULL, "docker-credential-no-such-helper" },
	};
	OWN_BUF path = { 0 };
	(void)state;
	put("config.json", config_json, 0600);
	put("docker-credential-unit", helper, 0700);
	buf_printf(&path, "%s:%s", dir, getenv("PATH"));
	setenv("PATH", buf_str(&path), 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_CREDENTIAL c = { 0 };
		struct err e = { 0 };
		int r = credential_find(rows[i].domain, rows[i].path, NULL, &c, &e);
		if ((r < 0) != !!rows[i].error || (r < 0 && !strstr(e.chain, rows[i].error)))
			fail_msg("%s/%s: %d %s", rows[i].domain, rows[i].path, r, e.chain);
		const char *got[] = { c.user, c.password, c.identity_token };
		const char *want[] = { rows[i].user, rows[i].password, rows[i].identity };
		for (size_t k = 0; k < 3; k++)
			if (!got[k] != !want[k] || (got[k] && strcmp(got[k], want[k]) != 0))
				fail_msg("%s/%s: got %s, want %s", rows[i].domain, rows[i].path, got[k], want[k]);
	}
	OWN_CREDENTIAL c = { 0 };
	struct err e = { 0 };
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"h.example\":{\"auth\":\"dTk6cDk=\"}}}", 1);
	assert_int_equal(credential_find("h.example", "x", NULL, &c, &e), 0);
	assert_string_equal(c.user, "u9");
	unsetenv("DOCKER_AUTH_CONFIG");
}

static void origins_are_compared(void **state)
{
	(void)state;
	assert_true(http_same_origin("https://a/x", "https://A:443/y?z"));
	assert_false(http_same_origin("https://a/x", "http://a/x"));
	assert_false(http_same_origin("https://a/x", "https://a:444/x"));
	assert_false(http_same_origin("https://a/x", "https://a.b/x"));
	assert_false(http_same_origin("https://a/x", "https://a@b/x"));
	assert_false(http_same_origin("https://a/x", "nonsense"));
}

static void *tail_writer(void *data)
{
	struct tail *t = data;
	for (int64_t n = 1; n <= 1000; n++)
		tail_ready(t, n * 1000);
	tail_end(t, NULL);
	return NULL;
}

static void a_tail_reads_behind_its_writer(void **state)
{
	OWN_STR content = malloc(1000000);
	const unsigned char *p;
	struct err e = { 0 };
	struct tail t;
	pthread_t thread;
	size_t n, at = 0;
	int r;
	(void)state;
	for (size_t i = 0; i < 1000000; i++)
		content[i] = (char)(i * 7 >> 3);
	int fd = memfd_create("tail", MFD_CLOEXEC);
	assert_int_equal(io_write_all(fd, content, 1000000), 0);
	assert_int_equal(tail_init(&t, fd, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, tail_writer, &t), 0);
	while ((r = source_next(&t.source, &p, &n, &e)) > 0) {
		assert_memory_equal(p, content + at, n);
		at += n;
	}
	assert_int_equal(r, 0);
	assert_int_equal(at, 1000000);
	assert_int_equal(source_next(&t.source, &p, &n, &e), 0);
	pthread_join(thread, NULL);
	tail_done(&t);

	struct err why = { .kind = E_CORRUPT, .eno = EBADMSG, .chain = "wrong digest" };
	assert_int_equal(tail_init(&t, memfd_create("tail", MFD_CLOEXEC), &e), 0);
	tail_end(&t, &why);
	tail_end(&t, NULL);
	assert_int_equal(source_next(&t.source, &p, &n, &e), -EBADMSG);
	assert_string_equal(e.chain, "wrong digest");
	tail_done(&t);
}

static void reading_ahead_keeps_bytes_and_errors(void **state)
{
	OWN_STR content = malloc(3000001);
	const unsigned char *p;
	struct source_digest check;
	struct source_mem mem;
	struct ahead *a;
	struct err e = { 0 };
	size_t n, at = 0;
	int r;
	(void)state;
	for (size_t i = 0; i < 3000001; i++)
		content[i] = (char)(i * 11 >> 4);
	source_mem_init(&mem, content, 3000001);
	assert_int_equal(ahead_open(&mem.source, &a, &e), 0);
	while ((r = source_next(ahead_source(a), &p, &n, &e)) > 0) {
		assert_memory_equal(p, content + at, n);
		at += n;
	}
	assert_int_equal(r, 0);
	assert_int_equal(at, 3000001);
	assert_int_equal(source_next(ahead_source(a), &p, &n, &e), 0);
	ahead_close(a);

	source_mem_init(&mem, content, 3000001);
	assert_int_equal(source_digest_init(&check, &mem.source, NULL, 7, &e), 0);
	assert_int_equal(ahead_open(&check.source, &a, &e), 0);
	while ((r = source_next(ahead_source(a), &p, &n, &e)) > 0)
		;
	assert_true(r < 0);
	assert_int_equal(e.kind, E_CORRUPT);
	ahead_close(a);

	source_mem_init(&mem, content, 3000001); /* a reader that leaves early */
	assert_int_equal(ahead_open(&mem.source, &a, &e), 0);
	assert_int_equal(source_next(ahead_source(a), &p, &n, &e), 1);
	ahead_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges_are_parsed),
		cmocka_unit_test(too_long_challenges_are_refused),
		cmocka_unit_test(base64_round_trips),
		cmocka_unit_test_setup_teardown(endpoints_follow_the_configuration, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(registries_conf_is_obeyed, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(certificates_are_found_by_host, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(credentials_are_found, dir_make, dir_remove),
		cmocka_unit_test(origins_are_compared),
		cmocka_unit_test(a_tail_reads_behind_its_writer),
		cmocka_unit_test(reading_ahead_keeps_bytes_and_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
