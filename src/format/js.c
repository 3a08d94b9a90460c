/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values: see js.h.
 */
#include "format/js.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

int js_parse(const char *text, size_t n, const char *what, json_t **ret, struct err *e)
{
	json_error_t je;
	json_t *j = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_UNSIGNED_WRAPS, &je);

	if (!j)
		return err_new(e, je.no_memory ? E_NOMEM : E_INVALID, je.no_memory ? ENOMEM : EINVAL,
			       "%s: line %d column %d: %s", what, je.line, je.column, je.text);
	*ret = j;
	return 0;
}

int js_load(int xdir, const char *name, size_t max, json_t **ret, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;
	int r = io_read_file(xdir, name, max, &text, &n, e);
	if (r < 0)
		return r;
	return js_parse(text, n, name, ret, e);
}

int js_save(int xdir, const char *name, const json_t *j, mode_t mode, unsigned flags, struct err *e)
{
	OWN_STR text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "encode %s", name);
	return io_replace_file(xdir, name, text, strlen(text), mode, flags, e);
}

static const char *type_name(const json_t *j)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string",
		[JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
		[JSON_FALSE] = "boolean", [JSON_NULL] = "null",
	};
	return names[json_typeof(j)];
}

static int wrong(const char *path, const char *key, const char *want, const json_t *got, struct err *e)
{
	return err_new(e, E_INVALID, EINVAL, "%s%s%s: expected %s, got %s", path, *path ? "." : "", key,
		       want, type_name(got));
}

static json_t *member(const json_t *o, const char *key)
{
	json_t *j = json_object_get(o, key);
	return j && !json_is_null(j) ? j : NULL;
}

int js_get_str(const json_t *o, const char *path, const char *key, const char **ret, struct err *e)
{
	json_t *j = member(o, key);
	if (!j)
		return 0;
	if (!json_is_string(j))
		return wrong(path, key, "string", j, e);
	if (strlen(json_string_value(j)) != json_string_length(j))
		return err_new(e, E_INVALID, EINVAL, "%s%s%s: NUL byte in string", path, *path ? "." : "", key);
	*ret = json_string_value(j);
	return 1;
}

int js_get_int(const json_t *o, const char *path, const char *key, int64_t *ret, struct err *e)
{
	json_t *j = member(o, key);
	if (!j)
		return 0;
	if (!json_is_integer(j)) {
		/* Go writers may print 1e3 or 10.0 for an integer */
		if (json_is_real(j) && json_real_value(j) >= -9.2e18 && json_real_value(j) <= 9.2e18 &&
		    (double)(int64_t)json_real_value(j) == json_real_value(j)) {
			*ret = (int64_t)json_real_value(j);
			return 1;
		}
		return wrong(path, key, "integer", j, e);
	}
	*ret = json_integer_value(j);
	return 1;
}

int js_get_bool(const json_t *o, const char *path, const char *key, bool *ret, struct err *e)
{
	json_t *j = member(o, key);
	if (!j)
		return 0;
	if (!json_is_boolean(j))
		return wrong(path, key, "boolean", j, e);
	*ret = json_is_true(j);
	return 1;
}

int js_get_obj(const json_t *o, const char *path, const char *key, json_t **ret, struct err *e)
{
	json_t *j = member(o, key);
	if (!j)
		return 0;
	if (!json_is_object(j))
		return wrong(path, key, "object", j, e);
	*ret = j;
	return 1;
}

int js_get_arr(const json_t *o, const char *path, const char *key, json_t **ret, struct err *e)
{
	json_t *j = member(o, key);
	if (!j)
		return 0;
	if (!json_is_array(j))
		return wrong(path, key, "array", j, e);
	*ret = j;
	return 1;
}

json_t *js_at(const json_t *o, const char *dotted)
{
	char key[256];

	while (o && *dotted) {
		size_t n = strcspn(dotted, ".");
		if (n >= sizeof key)
			return NULL;
		memcpy(key, dotted, n);
		key[n] = 0;
		o = json_object_get(o, key);
		dotted += n + (dotted[n] == '.');
	}
	return (json_t *)o;
}

const char *js_str(const json_t *o, const char *dotted, const char *dflt)
{
	const json_t *j = js_at(o, dotted);
	return json_is_string(j) ? json_string_value(j) : dflt;
}

int64_t js_int(const json_t *o, const char *dotted, int64_t dflt)
{
	const json_t *j = js_at(o, dotted);
	return json_is_integer(j) ? json_integer_value(j) : dflt;
}

bool js_bool(const json_t *o, const char *dotted, bool dflt)
{
	const json_t *j = js_at(o, dotted);
	return json_is_boolean(j) ? json_is_true(j) : dflt;
}

bool js_has_string(const json_t *values, const char *s)
{
	size_t i;
	json_t *v;

	json_array_foreach(values, i, v)
		if (json_is_string(v) && !strcmp(json_string_value(v), s))
			return true;
	return false;
}

json_t *js_strings(char *const *list, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++)
		if (json_array_append_new(a, json_string(list[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	return a;
}
