/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of manifests, indexes and image configs: what is taken, what is refused and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "spec/manifest.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2   "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG "\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":\"sha256:" HEX "\",\"size\":7}"
#define LAYER  "{\"mediaType\":\"" MEDIA_OCI_LAYER_GZIP "\",\"digest\":\"sha256:" HEX2 "\",\"size\":9}"
#define PLATFORM(os, arch, variant) "\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}"
#define ENTRY(hex, more) "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"sha256:" hex "\",\"size\":5" more "}"

static const struct {
	const char *what, *body, *content_type;
	enum err_kind kind; /* E_NONE: taken */
	const char *words;  /* in the error, or the media type */
} cases[] = {
	{ "oci", "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"," CONFIG ",\"layers\":[" LAYER "]}",
	  MEDIA_OCI_MANIFEST "; charset=utf-8", E_NONE, MEDIA_OCI_MANIFEST },
	{ "no mediaType", "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "]}", NULL, E_NONE, MEDIA_OCI_MANIFEST },
	{ "type of header", "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", MEDIA_DOCKER_MANIFEST, E_NONE,
	  MEDIA_DOCKER_MANIFEST },
	{ "index", "{\"schemaVersion\":2,\"manifests\":[" ENTRY(HEX, "") "]}", "application/json", E_NONE, MEDIA_OCI_INDEX },
	{ "unknown members", "{\"schemaVersion\":2,\"x\":[{}]," CONFIG ",\"layers\":[]}", NULL, E_NONE, MEDIA_OCI_MANIFEST },
	{ "both", "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL, E_CORRUPT, "CVE-2021-41190" },
	{ "index with config", "{\"schemaVersion\":2," CONFIG ",\"manifests\":[]}", NULL, E_CORRUPT, "CVE-2021-41190" },
	{ "type differs", "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"," CONFIG ",\"layers\":[]}",
	  MEDIA_DOCKER_MANIFEST, E_CORRUPT, "registry says" },
	{ "form is not the type's", "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\"," CONFIG ",\"layers\":[]}",
	  NULL, E_CORRUPT, "not of its media type" },
	{ "manifest by type, index by form", "{\"schemaVersion\":2,\"manifests\":[]}", MEDIA_OCI_MANIFEST, E_CORRUPT,
	  "not of its media type" },
	{ "schema 1", "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, E_UNSUPPORTED, "schema version 1" },
	{ "schema 3", "{\"schemaVersion\":3," CONFIG "}", NULL, E_UNSUPPORTED, "schemaVersion 3" },
	{ "html", "{\"schemaVersion\":2," CONFIG "}", "text/html", E_UNSUPPORTED, "text/html" },
	{ "no config", "{\"schemaVersion\":2,\"layers\":[]}", NULL, E_CORRUPT, "no config" },
	{ "not json", "<html>", NULL, E_CORRUPT, "manifest" },
	{ "array", "[]", NULL, E_CORRUPT, "expected an object" },
	{ "bad digest", "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:../../x\",\"size\":1}]}", NULL,
	  E_CORRUPT, "layers[0].digest" },
	{ "no size", "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:" HEX "\"}]}", NULL, E_CORRUPT,
	  "layers[0].size" },
	{ "negative size", "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:" HEX "\",\"size\":-1}]}", NULL,
	  E_CORRUPT, "layers[0].size" },
	{ "wrong type", "{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL, E_CORRUPT, "layers: expected array" },
	{ "huge config", "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX "\",\"size\":99999999},\"layers\":[]}",
	  NULL, E_CORRUPT, "config of 99999999 bytes" },
};

static void manifests_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWN_MANIFEST m = { 0 };
		struct err e = { 0 };
		int r = manifest_parse(cases[i].body, strlen(cases[i].body), cases[i].content_type, &m, &e);
		if (e.kind != cases[i].kind || (r < 0) != (cases[i].kind != E_NONE))
			fail_msg("%s: %d %s", cases[i].what, r, e.chain);
		if (!strstr(r < 0 ? e.chain : m.media_type, cases[i].words))
			fail_msg("%s: %s", cases[i].what, r < 0 ? e.chain : m.media_type);
	}
}

static void too_large_manifests_are_refused(void **state)
{
	OWN_STR big = calloc(1, MANIFEST_BYTES_MAX + 1);
	OWN_MANIFEST m = { 0 };
	struct err e = { 0 };
	(void)state;
	assert_int_equal(manifest_parse(big, MANIFEST_BYTES_MAX + 1, NULL, &m, &e), -EFBIG);
}

static void the_best_platform_is_chosen(void **state)
{
	static const char body[] = "{\"schemaVersion\":2,\"manifests\":["
		ENTRY("a" HEX, "")
		"]}";
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":["
		ENTRY("0000000000000000000000000000000000000000000000000000000000000000", "," PLATFORM("unknown", "unknown", "")) ","
		ENTRY("1111111111111111111111111111111111111111111111111111111111111111", "," PLATFORM("linux", "arm", "v5")) ","
		ENTRY("2222222222222222222222222222222222222222222222222222222222222222", "," PLATFORM("linux", "arm", "v6")) ","
		ENTRY("3333333333333333333333333333333333333333333333333333333333333333", "," PLATFORM("linux", "amd64", "")) ","
		ENTRY("4444444444444444444444444444444444444444444444444444444444444444", "," PLATFORM("linux", "amd64", "")) "]}";
	static const struct {
		const char *want;
		char first; /* digit of the digest; 0: none */
	} rows[] = { { "linux/amd64", '3' }, { "linux/amd64/v3", '3' }, { "linux/arm/v7", '2' },
		     { "linux/arm/v5", '1' }, { "linux/arm64", '2' }, { "linux/s390x", 0 } };
	OWN_MANIFEST m = { 0 };
	struct err e = { 0 };
	(void)state;
	assert_int_equal(manifest_parse(body, strlen(body), NULL, &m, &e), -EINVAL); /* 65 digits */
	assert_int_equal(manifest_parse(index, strlen(index), NULL, &m, &e), 0);
	assert_true(m.entries[0].attestation);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct descriptor *d = NULL;
		struct platform want;
		assert_int_equal(platform_parse(rows[i].want, &want, &e), 0);
		int r = manifest_choose(&m, &want, &d, &e);
		assert_int_equal(r == 0, rows[i].first != 0);
		if (r == 0)
			assert_int_equal(digest_hex(d->digest)[0], rows[i].first);
		else
			assert_string_equal(e.chain, "no matching manifest for linux/s390x in the manifest list entries");
	}
}

static void artifacts_are_named(void **state)
{
	static const char helm[] = "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\","
		"\"digest\":\"sha256:" HEX "\",\"size\":7},\"layers\":[]}";
	static const char typed[] = "{\"schemaVersion\":2,\"artifactType\":\"application/x.sbom\",\"config\":{\"mediaType\":\""
		MEDIA_OCI_EMPTY "\",\"digest\":\"sha256:" HEX "\",\"size\":2},\"layers\":[]}";
	struct err e = { 0 };
	(void)state;
	OWN_MANIFEST a = { 0 };
	assert_int_equal(manifest_parse(helm, strlen(helm), NULL, &a, &e), 0);
	assert_int_equal(manifest_check_runnable(&a, &e), -ENOTSUP);
	assert_non_null(strstr(e.chain, "application/vnd.cncf.helm.config.v1+json"));
	OWN_MANIFEST b = { 0 };
	assert_int_equal(manifest_parse(typed, strlen(typed), NULL, &b, &e), 0);
	assert_int_equal(manifest_check_runnable(&b, &e), -ENOTSUP);
	assert_non_null(strstr(e.chain, "application/x.sbom"));
}

static void configs_are_checked(void **state)
{
	static const struct {
		const char *body, *words; /* NULL: taken */
	} rows[] = {
		{ "{\"os\":\"linux\",\"architecture\":\"aarch64\",\"variant\":\"v8\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}}", NULL },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", NULL },
		{ "{}", "no rootfs" },
		{ "{\"rootfs\":{\"type\":\"zip\",\"diff_ids\":[]}}", "rootfs.type zip" },
		{ "{\"rootfs\":{\"diff_ids\":[\"sha256:..\"]}}", "rootfs.diff_ids[0]" },
		{ "{\"rootfs\":{\"diff_ids\":[7]}}", "rootfs.diff_ids[0]: expected string" },
		{ "{\"os\":7,\"rootfs\":{\"diff_ids\":[]}}", "os: expected string" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_IMAGE_CONFIG c = { 0 };
		struct err e = { 0 };
		int r = image_config_parse(rows[i].body, strlen(rows[i].body), &c, &e);
		if ((r < 0) != !!rows[i].words || (r < 0 && !strstr(e.chain, rows[i].words)))
			fail_msg("%s: %s", rows[i].body, e.chain);
		if (!i) {
			assert_string_equal(c.platform.arch, "arm64");
			assert_int_equal(c.n_diff_ids, 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifests_are_checked),
		cmocka_unit_test(too_large_manifests_are_refused),
		cmocka_unit_test(the_best_platform_is_chosen),
		cmocka_unit_test(artifacts_are_named),
		cmocka_unit_test(configs_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
