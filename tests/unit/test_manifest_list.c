/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of lists in the making: entries, edits, the two forms of an index byte by byte.
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
#include "spec/manifest.h"
#include "spec/manifest_list.h"

#define DIGEST_A "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST_B "sha256:f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void put(json_t *list, const char *digest, const char *type, const char *arch)
{
	OWN_JSON platform = arch ? json_pack("{s:s, s:s}", "os", "linux", "architecture", arch) : json_object();
	struct err e = { 0 };

	assert_int_equal(manifest_list_put(list, manifest_list_entry("h/x:1", "h/x", type, digest, 7, platform, NULL), &e), 0);
}

static void index_is(const json_t *list, enum manifest_list_format format, const char *want)
{
	OWN_JSON index = NULL;
	struct err e = { 0 };
	const char *type;

	int r = manifest_list_index(list, format, &index, &type, &e);
	if (r < 0) {
		if (!strstr(e.chain, want))
			fail_msg("%s", e.chain);
		return;
	}
	OWN_STR text = json_dumps(index, JSON_COMPACT);
	assert_string_equal(text, want);
	assert_string_equal(js_str(index, "mediaType", ""), type);
}

static void both_forms(void **state)
{
	OWN_JSON list = manifest_list_new("h/l:1");
	(void)state;

	index_is(list, LIST_AUTO, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_LIST "\",\"manifests\":[]}");
	put(list, DIGEST_A, MEDIA_DOCKER_MANIFEST, "amd64");
	index_is(list, LIST_AUTO, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_LIST "\",\"manifests\":[{\"mediaType\":\""
		 MEDIA_DOCKER_MANIFEST "\",\"size\":7,\"digest\":\"" DIGEST_A
		 "\",\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}}]}");
	index_is(list, LIST_OCI, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[{\"mediaType\":\""
		 MEDIA_DOCKER_MANIFEST "\",\"digest\":\"" DIGEST_A
		 "\",\"size\":7,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}}]}");
	/* an artifact has no platform: only in OCI's form */
	put(list, DIGEST_B, MEDIA_OCI_MANIFEST, NULL);
	index_is(list, LIST_DOCKER, "must have an OS and architecture");
	index_is(list, LIST_AUTO, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[{\"mediaType\":\""
		 MEDIA_DOCKER_MANIFEST "\",\"digest\":\"" DIGEST_A
		 "\",\"size\":7,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}},{\"mediaType\":\"" MEDIA_OCI_MANIFEST
		 "\",\"digest\":\"" DIGEST_B "\",\"size\":7}]}");
}

static void edits(void **state)
{
	OWN_JSON list = manifest_list_new("h/l:1");
	OWN_JSON words = json_pack("[s,s]", "sse4", "aes");
	OWN_JSON notes = json_pack("[s]", "k=v=w");
	OWN_JSON bad = json_pack("[s]", "novalue");
	struct manifest_edit edit = { .arch = "arm", .variant = "v7", .os_version = "10", .features = words };
	struct err e = { 0 };
	(void)state;

	put(list, DIGEST_A, MEDIA_DOCKER_MANIFEST, "amd64");
	assert_int_equal(manifest_list_edit(manifest_list_find(list, "h/x:1"), &edit, &e), 0);
	index_is(list, LIST_DOCKER, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_LIST "\",\"manifests\":[{\"mediaType\":\""
		 MEDIA_DOCKER_MANIFEST "\",\"size\":7,\"digest\":\"" DIGEST_A
		 "\",\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"os.version\":\"10\",\"variant\":\"v7\",\"features\":["
		 "\"sse4\",\"aes\"]}}]}");
	edit = (struct manifest_edit){ .annotations = bad };
	assert_true(manifest_list_edit(list, &edit, &e) < 0);
	assert_int_equal(e.kind, E_USAGE);
	edit.annotations = notes;
	assert_int_equal(manifest_list_edit(list, &edit, &e), 0);
	index_is(list, LIST_DOCKER, "has no annotations");
	assert_string_equal(js_str(list, "annotations.k", ""), "v=w");
}

static void entries(void **state)
{
	OWN_JSON list = manifest_list_new("h/l:1");
	struct err e = { 0 };
	(void)state;

	put(list, DIGEST_A, MEDIA_OCI_MANIFEST, "amd64");
	put(list, DIGEST_B, MEDIA_OCI_MANIFEST, "arm64");
	put(list, DIGEST_A, MEDIA_OCI_MANIFEST, "s390x"); /* once, as it is now, at the end */
	assert_int_equal(json_array_size(json_object_get(list, "entries")), 2);
	assert_string_equal(js_str(manifest_list_find(list, DIGEST_A), "descriptor.platform.architecture", ""), "s390x");
	assert_ptr_equal(manifest_list_find(list, DIGEST_A), json_array_get(json_object_get(list, "entries"), 1));
	assert_int_equal(manifest_list_check(list, &e), 0);
	assert_int_equal(manifest_list_drop(list, DIGEST_A, &e), 0);
	assert_true(manifest_list_drop(list, DIGEST_A, &e) < 0);
	assert_int_equal(e.kind, E_NOT_FOUND);
}

static void damage_is_seen(void **state)
{
	static const char *const texts[] = {
		"{}", "{\"name\":\"x\",\"annotations\":{},\"entries\":{}}", "{\"name\":\"x\",\"entries\":[]}",
		"{\"name\":\"x\",\"annotations\":{},\"entries\":[{}]}",
		"{\"name\":\"x\",\"annotations\":{},\"entries\":[{\"ref\":\"\",\"from\":\"\",\"descriptor\":{\"mediaType\":\"t\","
		"\"digest\":\"sha256:../x\",\"size\":1}}]}",
		"{\"name\":\"x\",\"annotations\":{},\"entries\":[{\"ref\":\"\",\"descriptor\":{\"mediaType\":\"t\",\"digest\":\""
		DIGEST_A "\",\"size\":1}}]}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		OWN_JSON j = json_loads(texts[i], 0, NULL);
		struct err e = { 0 };
		assert_non_null(j);
		assert_true(manifest_list_check(j, &e) < 0);
		assert_int_equal(e.kind, E_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms),
		cmocka_unit_test(edits),
		cmocka_unit_test(entries),
		cmocka_unit_test(damage_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
