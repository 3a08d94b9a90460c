/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values: copies and comparison.
 */
#include "format/json_int.h"

json_t *json_copy(const json_t *j)
{
	json_t *copy;

	if (json_is_object(j)) {
		copy = json_object();
		if (copy && json_object_update(copy, j) == 0)
			return copy;
	} else if (json_is_array(j)) {
		copy = json_array();
		if (copy && json_array_extend(copy, j) == 0)
			return copy;
	} else {
		return j ? json_incref((json_t *)j) : NULL; /* plain values never change */
	}
	json_decref(copy);
	return NULL;
}

static json_t *copy_in(struct json_doc *d, const json_t *j);

static json_t *copy_array(struct json_doc *d, const struct json_array *from)
{
	struct json_array *a = json_array_in(d);

	if (!a || (from->n && !(a->v = json_doc_get(d, from->n * sizeof *a->v))))
		return NULL;
	a->cap = from->n;
	while (a->n < from->n) {
		json_t *v = copy_in(d, from->v[a->n]);
		if (!v)
			return NULL;
		a->v[a->n++] = v;
	}
	return &a->j;
}

static json_t *copy_object(struct json_doc *d, const struct json_object *from)
{
	struct json_object *o = json_object_in(d);
	uint32_t n = from->n - from->removed;

	if (!o || (n && !(o->v = json_doc_get(d, n * sizeof *o->v))))
		return NULL;
	o->cap = n;
	for (uint32_t i = 0; i < from->n; i++) {
		const struct json_member *m = &from->v[i];
		if (!m->value)
			continue;
		const char *key = json_doc_text(d, m->key, m->key_n);
		json_t *v = key ? copy_in(d, m->value) : NULL;
		if (!v)
			return NULL;
		o->v[o->n++] = (struct json_member){ .key = key, .value = v, .key_n = m->key_n };
	}
	return &o->j; /* a big one gets its index with the next member */
}

static json_t *copy_in(struct json_doc *d, const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return copy_object(d, (const struct json_object *)j);
	case JSON_ARRAY:
		return copy_array(d, (const struct json_array *)j);
	case JSON_STRING:
		return json_string_in(d, json_string_value(j), json_string_length(j));
	case JSON_INTEGER:
		return json_integer_in(d, json_integer_value(j));
	case JSON_REAL:
		return json_real_in(d, json_real_value(j));
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return (json_t *)j; /* the three that are never freed */
}

json_t *json_deep_copy(const json_t *j)
{
	if (!j || j->refs == JSON_REFS_STATIC)
		return (json_t *)j;
	struct json_doc *d = json_doc_new(JSON_PIECE_MIN);
	json_t *copy = d ? copy_in(d, j) : NULL;
	if (!copy)
		json_doc_free(d); /* all that there is lies in it */
	return copy;
}

static bool equal_objects(const struct json_object *a, const struct json_object *b)
{
	if (a->n - a->removed != b->n - b->removed)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct json_member *m = &a->v[i];
		const struct json_member *other = m->value ? json_member_of(b, m->key, m->key_n) : m;
		if (!other || (m->value && !json_equal(m->value, other->value)))
			return false;
	}
	return true;
}

static bool equal_arrays(const struct json_array *a, const struct json_array *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!json_equal(a->v[i], b->v[i]))
			return false;
	return true;
}

bool json_equal(const json_t *a, const json_t *b)
{
	if (!a || !b || json_typeof(a) != json_typeof(b))
		return false;
	if (a == b)
		return true;
	switch (json_typeof(a)) {
	case JSON_OBJECT:
		return equal_objects((const struct json_object *)a, (const struct json_object *)b);
	case JSON_ARRAY:
		return equal_arrays((const struct json_array *)a, (const struct json_array *)b);
	case JSON_STRING:
		return json_string_length(a) == json_string_length(b) &&
		       memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
	case JSON_INTEGER:
		return json_integer_value(a) == json_integer_value(b);
	case JSON_REAL:
		return json_real_value(a) == json_real_value(b);
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return true;
}
