/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json of an OCI image layout: see layout.h.
 */
#include "registry/transport/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/manifest.h"

#define REF_NAME "org.opencontainers.image.ref.name"

static const char *annotation(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(json_object_get(entry, "annotations"), key));
}

/* a tag alone names nothing outside of its layout */
static void whole_name(const json_t *entry, char out[REFERENCE_TEXT_MAX])
{
	const char *name = annotation(entry, "io.containerd.image.name");
	struct err ignored = { 0 };
	struct reference ref;

	out[0] = 0;
	if (!name)
		name = annotation(entry, REF_NAME);
	if (!name || (!strchr(name, '/') && !strchr(name, ':')) || reference_parse_tagged(name, &ref, &ignored) < 0 ||
	    *ref.digest)
		return;
	reference_canonical(&ref, out);
}

static int entry_read(const json_t *entry, struct layout_entry *ret, struct err *e)
{
	const char *digest = js_str(entry, "digest", "");

	*ret = (struct layout_entry){ .size = js_int(entry, "size", -1) };
	if (!digest_is_valid(digest))
		return err_new(e, E_CORRUPT, EBADMSG, "index.json: invalid digest of an image");
	if (ret->size < 0 || ret->size > MANIFEST_BYTES_MAX)
		return err_new(e, E_CORRUPT, EBADMSG, "index.json: %s: a manifest of %lld bytes", digest,
			       (long long)ret->size);
	(void)snprintf(ret->digest, sizeof ret->digest, "%s", digest);
	(void)snprintf(ret->media_type, sizeof ret->media_type, "%.127s", js_str(entry, "mediaType", ""));
	const char *ref = annotation(entry, REF_NAME);
	if (ref && strlen(ref) < sizeof ret->ref)
		(void)snprintf(ret->ref, sizeof ret->ref, "%s", ref);
	whole_name(entry, ret->name);
	return 0;
}

static int list_of(const json_t *index, json_t **ret, struct err *e)
{
	*ret = json_object_get(index, "manifests");
	return json_is_array(*ret) ? 0 : err_new(e, E_CORRUPT, EBADMSG, "index.json: manifests is no list");
}

static bool has_ref(const json_t *entry, const char *ref)
{
	const char *short_name = annotation(entry, REF_NAME);
	const char *whole = annotation(entry, "io.containerd.image.name");

	return (short_name && !strcmp(short_name, ref)) || (whole && !strcmp(whole, ref));
}

int layout_find(const char *text, size_t n, const struct files_where *where, struct layout_entry *ret, struct err *e)
{
	OWN_JSON index = NULL;
	json_t *list, *entry, *found = NULL;
	size_t i, matches = 0;

	if (js_parse(text, n, "index.json", &index, e) < 0)
		return err_ctx(e, "%s", where->path);
	if (list_of(index, &list, e) < 0)
		return err_ctx(e, "%s", where->path);
	json_array_foreach(list, i, entry)
		if (where->at >= 0 ? i == (size_t)where->at : !*where->ref || has_ref(entry, where->ref)) {
			found = entry;
			matches++;
		}
	if (!matches && where->at >= 0)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: there is no image @%d, it has %zu", where->path, where->at,
			       json_array_size(list));
	if (!matches)
		return err_new(e, E_NOT_FOUND, ENOENT, *where->ref ? "%s: no image is named %s" : "%s: it has no image",
			       where->path, where->ref);
	if (matches > 1) {
		(void)err_new(e, E_USAGE, EINVAL, "%s: %zu images%s%s, say which one", where->path, matches,
			      *where->ref ? " are named " : "", where->ref);
		err_hint(e, "append :NAME, or :@0 for the first one");
		return -EINVAL;
	}
	return entry_read(found, ret, e) < 0 ? err_ctx(e, "%s", where->path) : 0;
}

int layout_count(int xdir, size_t *ret, struct err *e)
{
	OWN_JSON index = NULL;
	OWN_STR text = NULL;
	json_t *list;
	size_t n;

	if (files_read(xdir, "index.json", FILES_DOCUMENT_MAX, &text, &n, e) < 0 ||
	    js_parse(text, n, "index.json", &index, e) < 0 || list_of(index, &list, e) < 0)
		return -e->eno;
	*ret = json_array_size(list);
	return 0;
}

static json_t *entry_make(const char *ref, const struct registry_manifest *m)
{
	json_t *d = json_pack("{s:s, s:s, s:I}", "mediaType", m->content_type, "digest", m->digest, "size",
			      (json_int_t)m->n);

	if (d && *ref && json_object_set_new(d, "annotations", json_pack("{s:s}", REF_NAME, ref)) < 0) {
		json_decref(d);
		return NULL;
	}
	return d;
}

int layout_enter(const char *text, size_t n, const char *ref, const struct registry_manifest *m, char **ret,
		 struct err *e)
{
	OWN_JSON index = NULL;
	OWN_JSON kept = json_array();
	json_t *list, *entry;
	size_t i;

	if (!text)
		index = json_pack("{s:i, s:[]}", "schemaVersion", 2, "manifests");
	else if (js_parse(text, n, "index.json", &index, e) < 0)
		return -e->eno;
	if (!index || !kept)
		return err_new(e, E_NOMEM, ENOMEM, "index.json");
	if (list_of(index, &list, e) < 0)
		return -e->eno;
	if (json_array_size(list) >= MANIFEST_INDEX_MAX)
		return err_new(e, E_CORRUPT, E2BIG, "index.json: more than %d images", MANIFEST_INDEX_MAX);
	json_array_foreach(list, i, entry) {
		const char *name = annotation(entry, REF_NAME);
		bool same = *ref ? name && !strcmp(name, ref) : !name && !strcmp(js_str(entry, "digest", ""), m->digest);
		if (!same && json_array_append(kept, entry) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "index.json");
	}
	if (json_array_append_new(kept, entry_make(ref, m)) < 0 || json_object_set(index, "manifests", kept) < 0 ||
	    !(*ret = json_dumps(index, JSON_COMPACT)))
		return err_new(e, E_NOMEM, ENOMEM, "index.json");
	return 0;
}

void layout_blob_path(const char *digest, char out[LAYOUT_BLOB_PATH_MAX])
{
	const char *hex = digest_hex(digest);
	(void)snprintf(out, LAYOUT_BLOB_PATH_MAX, "blobs/%.*s/%s", (int)(hex - 1 - digest), digest, hex);
}

int layout_check_version(const char *text, size_t n, struct err *e)
{
	OWN_JSON j = NULL;
	const char *version;

	if (js_parse(text, n, "oci-layout", &j, e) < 0)
		return -e->eno;
	version = js_str(j, "imageLayoutVersion", "");
	return text_starts(version, "1.") ? 0 : err_new(e, E_UNSUPPORTED, EINVAL, "image layout of version \"%.20s\"",
							version);
}
