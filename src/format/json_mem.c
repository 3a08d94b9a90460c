/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values: memory and plain values; see json_int.h for how they lie.
 */
#include <math.h>
#include <stdlib.h>

#include "format/json_int.h"

struct json_piece {
	struct json_doc *doc;
	struct json_piece *next;
	size_t used, size; /* both with this head */
};

static size_t rounded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

struct json_doc *json_doc_new(size_t bytes)
{
	size_t head = sizeof(struct json_piece) + sizeof(struct json_doc);
	size_t size = head + rounded(bytes < JSON_PIECE_MIN   ? JSON_PIECE_MIN
				     : bytes > JSON_PIECE_MAX ? JSON_PIECE_MAX
							      : bytes);
	struct json_piece *p = malloc(size);
	if (!p)
		return NULL;
	struct json_doc *d = (struct json_doc *)(p + 1);
	*p = (struct json_piece){ .doc = d, .used = head, .size = size };
	*d = (struct json_doc){ .head = p };
	return d;
}

void json_doc_free(struct json_doc *d)
{
	struct json_piece *p = d ? d->head : NULL;

	while (p) {
		struct json_piece *next = p->next;
		free(p); /* the last one holds *d */
		p = next;
	}
}

/* a piece of its own for something big, behind the one that is filled; else a new one to be filled */
static struct json_piece *piece_new(struct json_doc *d, size_t bytes)
{
	size_t size = d->head->size * 2;
	bool own = bytes > JSON_PIECE_MAX / 2;

	if (size > JSON_PIECE_MAX)
		size = JSON_PIECE_MAX;
	if (own || size < bytes + sizeof(struct json_piece))
		size = bytes + sizeof(struct json_piece);
	struct json_piece *p = malloc(size);
	if (!p)
		return NULL;
	*p = (struct json_piece){ .doc = d, .used = sizeof *p, .size = size };
	struct json_piece **place = own ? &d->head->next : &d->head;
	p->next = *place;
	*place = p;
	return p;
}

static void *piece_get(struct json_doc *d, size_t bytes, struct json_piece **ret)
{
	struct json_piece *p = d->head;

	bytes = rounded(bytes);
	if (p->size - p->used < bytes && !(p = piece_new(d, bytes)))
		return NULL;
	void *m = (char *)p + p->used;
	p->used += bytes;
	*ret = p;
	return m;
}

void *json_doc_get(struct json_doc *d, size_t bytes)
{
	struct json_piece *p;
	return piece_get(d, bytes, &p);
}

char *json_doc_text(struct json_doc *d, const char *s, size_t n)
{
	char *p = json_doc_get(d, n + 1);
	if (p) {
		memcpy(p, s, n);
		p[n] = 0;
	}
	return p;
}

struct json_doc *json_doc_of(const json_t *j)
{
	if (!j->at)
		return NULL;
	return ((const struct json_piece *)((const char *)j - (size_t)j->at * 8))->doc;
}

void *json_make(struct json_doc *d, json_type type, size_t bytes)
{
	struct json_piece *p = NULL;
	json_t *j = d ? piece_get(d, bytes, &p) : malloc(bytes);

	if (!j)
		return NULL;
	j->refs = 1;
	j->type = type & 15;
	j->at = d ? (uint32_t)(((char *)j - (char *)p) / 8) & 0xfffffff : 0;
	if (d)
		d->live++;
	return j;
}

void *json_grow(const json_t *j, void *old, size_t old_n, size_t want_n)
{
	struct json_doc *d = json_doc_of(j);

	if (!d)
		return realloc(old, want_n);
	void *p = json_doc_get(d, want_n);
	if (p && old_n)
		memcpy(p, old, old_n);
	return p;
}

static void array_release(struct json_array *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		json_decref(a->v[i]);
	if (!a->j.at)
		free(a->v);
}

static void object_release(struct json_object *o)
{
	for (uint32_t i = 0; i < o->n; i++) {
		json_decref(o->v[i].value);
		if (!o->j.at)
			free((char *)o->v[i].key);
	}
	if (o->j.at)
		return;
	free(o->v);
	free(o->index);
}

/* as deep as the value is; what is read has at most JSON_DEPTH_MAX levels */
void json_free(json_t *j)
{
	if (json_is_array(j))
		array_release((struct json_array *)j);
	else if (json_is_object(j))
		object_release((struct json_object *)j);

	struct json_doc *d = json_doc_of(j);
	if (!d)
		free(j);
	else if (--d->live == 0)
		json_doc_free(d);
}

static const json_t value_true = { JSON_REFS_STATIC, JSON_TRUE, 0 };
static const json_t value_false = { JSON_REFS_STATIC, JSON_FALSE, 0 };
static const json_t value_null = { JSON_REFS_STATIC, JSON_NULL, 0 };

/* never written to: their count says so */
json_t *json_true(void)
{
	return (json_t *)&value_true;
}

json_t *json_false(void)
{
	return (json_t *)&value_false;
}

json_t *json_null(void)
{
	return (json_t *)&value_null;
}

json_t *json_integer_in(struct json_doc *d, json_int_t v)
{
	struct json_number *p = json_make(d, JSON_INTEGER, sizeof *p);
	if (!p)
		return NULL;
	p->i = v;
	return &p->j;
}

json_t *json_real_in(struct json_doc *d, double v)
{
	struct json_number *p = isfinite(v) ? json_make(d, JSON_REAL, sizeof *p) : NULL;
	if (!p)
		return NULL;
	p->d = v;
	return &p->j;
}

json_t *json_string_in(struct json_doc *d, const char *s, size_t n)
{
	struct json_string *p = n < JSON_SIZE_MAX ? json_make(d, JSON_STRING, sizeof *p + n + 1) : NULL;
	if (!p)
		return NULL;
	p->n = (uint32_t)n;
	memcpy(p->text, s, n);
	p->text[n] = 0;
	return &p->j;
}

struct json_array *json_array_in(struct json_doc *d)
{
	struct json_array *a = json_make(d, JSON_ARRAY, sizeof *a);
	if (!a)
		return NULL;
	a->n = a->cap = 0;
	a->v = NULL;
	return a;
}

struct json_object *json_object_in(struct json_doc *d)
{
	struct json_object *o = json_make(d, JSON_OBJECT, sizeof *o);
	if (!o)
		return NULL;
	o->n = o->cap = o->removed = o->index_mask = 0;
	o->v = NULL;
	o->index = NULL;
	return o;
}
