/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists in the making: see manifest_list.h.
 */
#include "spec/manifest_list.h"

#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "spec/manifest.h"

int manifest_list_format_parse(const char *s, enum manifest_list_format *ret, struct err *e)
{
	if (!strcmp(s, "oci"))
		*ret = LIST_OCI;
	else if (!strcmp(s, "v2s2"))
		*ret = LIST_DOCKER;
	else
		return err_new(e, E_USAGE, EINVAL, "unknown format \"%.40s\": oci and v2s2 are known", s);
	return 0;
}

json_t *manifest_list_new(const char *name)
{
	return json_pack("{s:s, s:{}, s:[]}", "name", name, "annotations", "entries");
}

static int entry_check(const json_t *entry, struct err *e)
{
	const json_t *d = json_object_get(entry, "descriptor");

	if (!json_is_object(d) || !digest_is_valid(js_str(d, "digest", "")) || js_int(d, "size", -1) < 0 ||
	    !*js_str(d, "mediaType", "") || !json_is_string(json_object_get(entry, "from")) ||
	    !json_is_string(json_object_get(entry, "ref")))
		return err_new(e, E_CORRUPT, EBADMSG, "an entry is damaged");
	return 0;
}

int manifest_list_check(const json_t *list, struct err *e)
{
	const json_t *entries = json_object_get(list, "entries");
	json_t *entry;
	size_t i;

	if (!json_is_array(entries) || !json_is_object(json_object_get(list, "annotations")) ||
	    !*js_str(list, "name", ""))
		return err_new(e, E_CORRUPT, EBADMSG, "is no list");
	json_array_foreach(entries, i, entry)
		if (entry_check(entry, e) < 0)
			return -e->eno;
	return 0;
}

json_t *manifest_list_entry(const char *ref, const char *from, const char *media_type, const char *digest,
			    json_int_t size, const json_t *platform, const json_t *annotations)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:I, s:o*, s:o*}}", "ref", ref, "from", from, "descriptor", "mediaType",
			 media_type, "digest", digest, "size", size, "annotations",
			 json_object_size(annotations) ? json_deep_copy(annotations) : NULL, "platform",
			 json_object_size(platform) ? json_deep_copy(platform) : NULL);
}

static json_t *find(const json_t *list, const char *what, size_t *ret_at)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(list, "entries"), i, entry)
		if (!strcmp(js_str(entry, "descriptor.digest", ""), what) || !strcmp(js_str(entry, "ref", ""), what)) {
			*ret_at = i;
			return entry;
		}
	return NULL;
}

json_t *manifest_list_find(const json_t *list, const char *what)
{
	size_t at;

	return find(list, what, &at);
}

int manifest_list_put(json_t *list, json_t *entry, struct err *e)
{
	json_t *entries = json_object_get(list, "entries");
	size_t at;

	if (!entry)
		return err_new(e, E_NOMEM, ENOMEM, "entry of a list");
	if (find(list, js_str(entry, "descriptor.digest", ""), &at))
		(void)json_array_remove(entries, at); /* there it is */
	if (json_array_size(entries) >= MANIFEST_INDEX_MAX) {
		json_decref(entry);
		return err_new(e, E_INVALID, E2BIG, "a list has at most %d entries", MANIFEST_INDEX_MAX);
	}
	return json_array_append_new(entries, entry) < 0 ? err_new(e, E_NOMEM, ENOMEM, "entry of a list") : 0;
}

int manifest_list_drop(json_t *list, const char *what, struct err *e)
{
	size_t at;

	if (!find(list, what, &at))
		return err_new(e, E_NOT_FOUND, ENOENT, "manifest for image %s does not exist in %s", what,
			       js_str(list, "name", ""));
	(void)json_array_remove(json_object_get(list, "entries"), at); /* was found there */
	return 0;
}

/* the object @key of @o, made when missing */
static json_t *object_of(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (!json_is_object(v) && json_object_set_new(o, key, json_object()) == 0)
		v = json_object_get(o, key);
	return v;
}

static int annotations_set(json_t *o, const json_t *given, struct err *e)
{
	json_t *all = object_of(o, "annotations"), *v;
	size_t i;

	if (json_is_object(given) && json_object_update(all, given) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "annotations");
	json_array_foreach(given, i, v) {
		const char *text = json_string_value(v), *eq = text ? strchr(text, '=') : NULL;
		if (!eq || eq == text)
			return err_new(e, E_USAGE, EINVAL, "no value given for annotation \"%.200s\"", text ? text : "");
		OWN_STR key = strndup(text, (size_t)(eq - text));
		if (!key || json_object_set_new(all, key, json_string(eq + 1)) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "annotations");
	}
	return 0;
}

static int platform_set(json_t *d, const struct manifest_edit *edit, struct err *e)
{
	const struct {
		const char *key, *text;
		const json_t *list;
	} rows[] = {
		{ "architecture", edit->arch, NULL },      { "os", edit->os, NULL },
		{ "os.version", edit->os_version, NULL },  { "os.features", NULL, edit->os_features },
		{ "variant", edit->variant, NULL },        { "features", NULL, edit->features },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *v = rows[i].list ? json_deep_copy(rows[i].list) : json_string(rows[i].text);
		if (!rows[i].list && !rows[i].text)
			continue;
		if (json_object_set_new(object_of(d, "platform"), rows[i].key, v) < 0)
			return err_new(e, E_INVALID, EINVAL, "--%s: invalid value", rows[i].key);
	}
	return 0;
}

int manifest_list_edit(json_t *object, const struct manifest_edit *edit, struct err *e)
{
	json_t *d = json_object_get(object, "descriptor");

	if (d && platform_set(d, edit, e) < 0)
		return -e->eno;
	return edit->annotations ? annotations_set(d ? d : object, edit->annotations, e) : 0;
}

/* ---- the index ---- */

static bool is_oci(const json_t *list)
{
	json_t *entry;
	size_t i;

	if (json_object_size(json_object_get(list, "annotations")))
		return true;
	json_array_foreach(json_object_get(list, "entries"), i, entry) {
		const char *type = js_str(entry, "descriptor.mediaType", "");
		if (!strcmp(type, MEDIA_OCI_MANIFEST) || !strcmp(type, MEDIA_OCI_INDEX) ||
		    json_object_size(js_at(entry, "descriptor.annotations")))
			return true;
	}
	return false;
}

/* members in the order of both forms; empty ones are left out, and `features` is Docker's alone */
static json_t *platform_of(const json_t *d, bool oci)
{
	static const char *const keys[] = { "architecture", "os", "os.version", "os.features", "variant", "features" };
	const json_t *from = json_object_get(d, "platform");
	json_t *p = json_object();
	int bad = 0;

	for (size_t i = 0; i < ARRAY_LEN(keys) - oci; i++) {
		json_t *v = json_object_get(from, keys[i]);
		if (json_is_array(v) ? json_array_size(v) : i < 2 || json_string_length(v))
			bad |= json_object_set_new(p, keys[i], v ? json_incref(v) : json_string(""));
	}
	if (!bad)
		return p;
	json_decref(p);
	return NULL;
}

static json_t *descriptor_of(const json_t *d, bool oci)
{
	const char *type = js_str(d, "mediaType", ""), *digest = js_str(d, "digest", "");
	json_int_t size = js_int(d, "size", 0);
	const json_t *annotations = json_object_get(d, "annotations");
	OWN_JSON platform = platform_of(d, oci);

	if (!platform)
		return NULL;
	if (!oci)
		return json_pack("{s:s, s:I, s:s, s:O}", "mediaType", type, "size", size, "digest", digest, "platform",
				 platform);
	/* an artifact has none */
	bool has = json_object_size(json_object_get(d, "platform"));
	return json_pack("{s:s, s:s, s:I, s:o*, s:o*}", "mediaType", type, "digest", digest, "size", size, "annotations",
			 json_object_size(annotations) ? json_deep_copy(annotations) : NULL, "platform",
			 has ? json_incref(platform) : NULL);
}

/* Docker's form has no annotations, and every entry has a platform */
static int docker_check(const json_t *list, struct err *e)
{
	json_t *entry;
	size_t i;
	bool annotated = json_object_size(json_object_get(list, "annotations"));

	json_array_foreach(json_object_get(list, "entries"), i, entry) {
		annotated |= json_object_size(js_at(entry, "descriptor.annotations")) > 0;
		const json_t *p = js_at(entry, "descriptor.platform");
		if (!*js_str(p, "os", "") || !*js_str(p, "architecture", ""))
			return err_new(e, E_INVALID, EINVAL, "manifest %s must have an OS and architecture to be in a list of "
				       "Docker's form", js_str(entry, "descriptor.digest", ""));
	}
	return annotated ? err_new(e, E_INVALID, EINVAL, "a list of Docker's form (v2s2) has no annotations") : 0;
}

int manifest_list_index(const json_t *list, enum manifest_list_format format, json_t **ret, const char **ret_type,
			struct err *e)
{
	bool oci = format == LIST_AUTO ? is_oci(list) : format == LIST_OCI;
	const json_t *annotations = json_object_get(list, "annotations");
	const char *type = oci ? MEDIA_OCI_INDEX : MEDIA_DOCKER_LIST;
	OWN_JSON manifests = json_array();
	json_t *entry;
	size_t i;

	if (!oci && docker_check(list, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(list, "entries"), i, entry)
		if (json_array_append_new(manifests, descriptor_of(json_object_get(entry, "descriptor"), oci)) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "index");
	json_t *index = json_pack("{s:i, s:s, s:O, s:o*}", "schemaVersion", 2, "mediaType", type, "manifests", manifests,
				  "annotations", json_object_size(annotations) ? json_deep_copy(annotations) : NULL);
	if (!index)
		return err_new(e, E_NOMEM, ENOMEM, "index");
	*ret = index;
	*ret_type = type;
	return 0;
}
