/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values: plain values and arrays.
 */
#include <stdlib.h>

#include "base/own.h"
#include "format/json_int.h"

json_t *json_integer(json_int_t v)
{
	return json_integer_in(NULL, v);
}

json_t *json_real(double v)
{
	return json_real_in(NULL, v);
}

json_int_t json_integer_value(const json_t *j)
{
	return json_is_integer(j) ? ((const struct json_number *)j)->i : 0;
}

double json_real_value(const json_t *j)
{
	return json_is_real(j) ? ((const struct json_number *)j)->d : 0;
}

double json_number_value(const json_t *j)
{
	return json_is_integer(j) ? (double)json_integer_value(j) : json_real_value(j);
}

json_t *json_stringn_nocheck(const char *s, size_t n)
{
	return s ? json_string_in(NULL, s, n) : NULL;
}

json_t *json_string_nocheck(const char *s)
{
	return s ? json_string_in(NULL, s, strlen(s)) : NULL;
}

json_t *json_stringn(const char *s, size_t n)
{
	return s && json_is_utf8(s, n) ? json_string_in(NULL, s, n) : NULL;
}

json_t *json_string(const char *s)
{
	return s ? json_stringn(s, strlen(s)) : NULL;
}

json_t *json_sprintf(const char *fmt, ...)
{
	char small[256];
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	OWN_STR big = n >= (int)sizeof small ? malloc((size_t)n + 1) : NULL;
	if (big)
		(void)vsnprintf(big, (size_t)n + 1, fmt, again); /* measured above */
	va_end(again);
	va_end(ap);
	if (n < 0 || (n >= (int)sizeof small && !big))
		return NULL;
	return json_stringn(big ? big : small, (size_t)n);
}

const char *json_string_value(const json_t *j)
{
	return json_is_string(j) ? ((const struct json_string *)j)->text : NULL;
}

size_t json_string_length(const json_t *j)
{
	return json_is_string(j) ? ((const struct json_string *)j)->n : 0;
}

/* ---- arrays ---- */

json_t *json_array(void)
{
	return (json_t *)json_array_in(NULL);
}

size_t json_array_size(const json_t *j)
{
	const struct json_array *a = json_array_body(j);
	return a ? a->n : 0;
}

json_t *json_array_get(const json_t *j, size_t i)
{
	const struct json_array *a = json_array_body(j);
	return a && i < a->n ? a->v[i] : NULL;
}

static int array_reserve(struct json_array *a, size_t extra)
{
	size_t want = a->n + extra;

	if (want <= a->cap)
		return 0;
	if (want > JSON_SIZE_MAX)
		return -1;
	size_t cap = a->cap + a->cap / 2 + 4;
	if (cap < want)
		cap = want;
	json_t **v = json_grow(&a->j, a->v, a->n * sizeof *v, cap * sizeof *v);
	if (!v)
		return -1;
	a->v = v;
	a->cap = (uint32_t)cap;
	return 0;
}

int json_array_set_new(json_t *j, size_t i, json_t *v)
{
	struct json_array *a = json_array_body(j);

	if (!a || !v || v == j || i >= a->n) {
		json_decref(v);
		return -1;
	}
	json_t *old = a->v[i];
	a->v[i] = v;
	json_decref(old);
	return 0;
}

int json_array_insert_new(json_t *j, size_t i, json_t *v)
{
	struct json_array *a = json_array_body(j);

	if (!a || !v || v == j || i > a->n || array_reserve(a, 1) < 0) {
		json_decref(v);
		return -1;
	}
	memmove(a->v + i + 1, a->v + i, (a->n - i) * sizeof *a->v);
	a->v[i] = v;
	a->n++;
	return 0;
}

int json_array_append_new(json_t *j, json_t *v)
{
	return json_array_insert_new(j, json_array_size(j), v);
}

int json_array_remove(json_t *j, size_t i)
{
	struct json_array *a = json_array_body(j);

	if (!a || i >= a->n)
		return -1;
	json_t *old = a->v[i];
	memmove(a->v + i, a->v + i + 1, (a->n - i - 1) * sizeof *a->v);
	a->n--;
	json_decref(old);
	return 0;
}

int json_array_clear(json_t *j)
{
	struct json_array *a = json_array_body(j);

	if (!a)
		return -1;
	while (a->n)
		json_decref(a->v[--a->n]);
	return 0;
}

int json_array_extend(json_t *j, const json_t *other)
{
	struct json_array *a = json_array_body(j), *b = json_array_body(other);

	if (!a || !b || array_reserve(a, b->n) < 0)
		return -1;
	uint32_t n = b->n; /* an array may be appended to itself */
	for (uint32_t i = 0; i < n; i++)
		a->v[a->n++] = json_incref(b->v[i]);
	return 0;
}
