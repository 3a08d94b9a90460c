/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags of `onggi manifest`: see manifest_flags.h.
 */
#include "front/cli/manifest_flags.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"

/* "a,b" and "c" as docker's lists: three values. *ret stays NULL when the flag was not given. */
static int words_read(const json_t *given, json_t **ret, struct err *e)
{
	json_t *v;
	size_t i;

	json_array_foreach(given, i, v) {
		const char *p = json_string_value(v);
		if (!*ret)
			*ret = json_array();
		for (size_t n; p; p = p[n] ? p + n + 1 : NULL) {
			n = strcspn(p, ",");
			if (json_array_append_new(*ret, json_stringn(p, n)) < 0)
				return err_new(e, E_INVALID, EINVAL, "features: invalid value");
		}
	}
	return 0;
}

int manifest_flags_read(const json_t *req, struct manifest_flags *ret, struct err *e)
{
	*ret = (struct manifest_flags){
		.edit = { .os = opt_str(req, "@os", NULL), .arch = opt_str(req, "@arch", NULL),
			  .variant = opt_str(req, "@variant", NULL), .os_version = opt_str(req, "@os-version", NULL),
			  .annotations = json_object_get(req, "@annotation") },
	};
	if (words_read(json_object_get(req, "@os-features"), &ret->os_features, e) < 0 ||
	    words_read(json_object_get(req, "@features"), &ret->features, e) < 0)
		return -e->eno;
	ret->edit.os_features = ret->os_features;
	ret->edit.features = ret->features;
	return 0;
}

void manifest_flags_done(struct manifest_flags *f)
{
	json_decref(f->os_features);
	json_decref(f->features);
}

int manifest_name(const char *name, char ret[REFERENCE_TEXT_MAX], struct err *e)
{
	struct reference ref;

	if (reference_parse_tagged(name, &ref, e) < 0)
		return err_ctx(e, "%.200s", name);
	if (*ref.digest)
		return err_new(e, E_INVALID, EINVAL, "%s: the name of a list has no digest", name);
	reference_canonical(&ref, ret);
	return 0;
}

int manifest_member_name(const char *text, char ret[REFERENCE_TEXT_MAX], struct err *e)
{
	struct reference ref;

	if (digest_is_valid(text)) {
		(void)snprintf(ret, REFERENCE_TEXT_MAX, "%s", text);
		return 0;
	}
	if (reference_parse_tagged(text, &ref, e) < 0)
		return err_ctx(e, "%.200s", text);
	if (*ref.digest)
		(void)snprintf(ret, REFERENCE_TEXT_MAX, "%s", ref.digest);
	else
		reference_canonical(&ref, ret);
	return 0;
}
