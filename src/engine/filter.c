/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters of list and prune, in the forms that docker's API takes.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/logs.h"
#include "engine/look.h"
#include "format/js.h"

int filter_check(const json_t *filters, const char *const *names, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)filters, key, v) {
		size_t i = 0;
		while (names[i] && strcmp(names[i], key))
			i++;
		if (!names[i])
			return err_new(e, E_INVALID, EINVAL, "invalid filter '%s'", key);
		if (!json_is_array(v) && !json_is_object(v))
			return err_new(e, E_INVALID, EINVAL, "invalid filter '%s': expected an array", key);
	}
	return 0;
}

json_t *filter_values(const json_t *filters, const char *name)
{
	json_t *v = json_object_get(filters, name), *list;
	const char *key;
	json_t *on;

	if (json_is_array(v))
		return json_incref(v);
	if (!json_is_object(v))
		return NULL;
	list = json_array();
	json_object_foreach(v, key, on)
		if (!json_is_false(on))
			json_array_append_new(list, json_string(key));
	return list;
}

bool filter_labels(const json_t *filters, const char *name, const json_t *labels)
{
	OWN_JSON want = filter_values(filters, name);
	size_t i;
	json_t *v;

	json_array_foreach(want, i, v) {
		const char *s = json_string_value(v);
		size_t n = s ? strcspn(s, "=") : 0;
		OWN_JSON key = json_stringn(s ? s : "", n);
		const json_t *have = json_object_get(labels, json_string_value(key));
		if (!have || (s[n] && strcmp(json_string_value(have) ? json_string_value(have) : "", s + n + 1)))
			return false;
	}
	return true;
}

int filter_time(const char *s, int64_t *ret_ns, struct err *e)
{
	return logs_time_parse(s, clock_now_ns(), ret_ns, e);
}
