/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON objects: an array of members in order. Most have few members, which are looked through one by
 * one; a big one has an index of hashes keyed by the kernel's random bytes of this process (SipHash
 * of one and three rounds), so that nobody can choose names that fall together.
 */
#include <stdlib.h>
#include <sys/auxv.h>

#include "format/json_int.h"

static uint64_t left(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = left(v[1], 13) ^ v[0];
	v[0] = left(v[0], 32);
	v[2] += v[3];
	v[3] = left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = left(v[1], 17) ^ v[2];
	v[2] = left(v[2], 32);
}

static uint32_t hash(const char *s, size_t n)
{
	uint64_t k[2] = { 0 }, v[4], word, end = (uint64_t)n << 56;
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (random)
		memcpy(k, random, sizeof k);
	v[0] = k[0] ^ 0x736f6d6570736575;
	v[1] = k[1] ^ 0x646f72616e646f6d;
	v[2] = k[0] ^ 0x6c7967656e657261;
	v[3] = k[1] ^ 0x7465646279746573;
	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&word, s, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < n; i++)
		end |= (uint64_t)(unsigned char)s[i] << 8 * i;
	v[3] ^= end;
	sip_round(v);
	v[0] ^= end;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return (uint32_t)(word ^ word >> 32);
}

static bool is_named(const struct json_member *m, const char *key, size_t n)
{
	return m->key_n == n && m->value && memcmp(m->key, key, n) == 0;
}

static struct json_member *member_by_index(const struct json_object *o, const char *key, size_t n, uint32_t h)
{
	for (uint32_t i = h & o->index_mask; o->index[i]; i = (i + 1) & o->index_mask) {
		struct json_member *m = &o->v[o->index[i] - 1];
		if (m->hash == h && is_named(m, key, n))
			return m;
	}
	return NULL;
}

struct json_member *json_member_of(const struct json_object *o, const char *key, size_t n)
{
	if (o->index)
		return member_by_index(o, key, n, hash(key, n));
	for (uint32_t i = 0; i < o->n; i++)
		if (is_named(&o->v[i], key, n))
			return &o->v[i];
	return NULL;
}

static void index_put(struct json_object *o, uint32_t place)
{
	uint32_t i = o->v[place].hash & o->index_mask;

	while (o->index[i])
		i = (i + 1) & o->index_mask;
	o->index[i] = place + 1;
}

/* A new index with room for @cap members. Without memory the object is looked through one by one. */
static void index_make(struct json_object *o, size_t cap)
{
	size_t size = 64;

	while (size < 2 * cap)
		size *= 2;
	bool known = o->index != NULL;
	uint32_t *index = json_grow(&o->j, NULL, 0, size * sizeof *index);
	if (!o->j.at)
		free(o->index);
	o->index = index;
	if (!index)
		return;
	memset(index, 0, size * sizeof *index);
	o->index_mask = (uint32_t)size - 1;
	for (uint32_t i = 0; i < o->n; i++) {
		if (!known)
			o->v[i].hash = hash(o->v[i].key, o->v[i].key_n);
		index_put(o, i);
	}
}

/* the removed members go */
static void close_up(struct json_object *o)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < o->n; i++) {
		if (o->v[i].value)
			o->v[n++] = o->v[i];
		else if (!o->j.at)
			free((char *)o->v[i].key);
	}
	o->n = n;
	o->removed = 0;
}

static int reserve_one(struct json_object *o)
{
	size_t cap = o->cap;

	if (o->n < cap)
		return 0;
	if (o->removed)
		close_up(o);
	if (o->n >= cap / 2) {
		cap += cap / 2 + 4;
		struct json_member *v =
			cap > JSON_SIZE_MAX ? NULL : json_grow(&o->j, o->v, o->n * sizeof *v, cap * sizeof *v);
		if (!v)
			return -1; /* the index may be of before, but no member has moved up without removal */
		o->v = v;
		o->cap = (uint32_t)cap;
	}
	if (o->index)
		index_make(o, cap);
	return 0;
}

static char *key_copy(const struct json_object *o, const char *key, size_t n)
{
	struct json_doc *d = json_doc_of(&o->j);

	if (d)
		return json_doc_text(d, key, n);
	char *p = malloc(n + 1);
	if (p) {
		memcpy(p, key, n);
		p[n] = 0;
	}
	return p;
}

static int member_add(struct json_object *o, const char *key, size_t n, json_t *v)
{
	if (n >= JSON_SIZE_MAX || reserve_one(o) < 0)
		return -1;
	char *copy = key_copy(o, key, n);
	if (!copy)
		return -1;
	struct json_member *m = &o->v[o->n++];
	*m = (struct json_member){ .key = copy, .value = v, .key_n = (uint32_t)n };
	if (o->index) {
		m->hash = hash(key, n);
		index_put(o, o->n - 1);
	} else if (o->n > JSON_INDEX_FROM) {
		index_make(o, o->cap);
	}
	return 0;
}

int json_object_put(struct json_object *o, const char *key, size_t n, json_t *v)
{
	struct json_member *m = json_member_of(o, key, n);

	if (m) {
		json_t *old = m->value;
		m->value = v;
		json_decref(old);
		return 0;
	}
	if (member_add(o, key, n, v) < 0) {
		json_decref(v);
		return -1;
	}
	return 0;
}

static void seal_one(struct json_object *o, const struct json_member *m)
{
	uint32_t h = o->index ? hash(m->key, m->key_n) : 0;
	struct json_member *old = o->index ? member_by_index(o, m->key, m->key_n, h)
					   : json_member_of(o, m->key, m->key_n);
	if (old) {
		json_decref(old->value);
		old->value = m->value;
		return;
	}
	o->v[o->n] = *m;
	o->v[o->n++].hash = h;
	if (o->index)
		index_put(o, o->n - 1);
}

int json_object_seal(struct json_object *o, const struct json_member *v, size_t n)
{
	if (!n)
		return 0;
	if (n > JSON_SIZE_MAX || !(o->v = json_grow(&o->j, NULL, 0, n * sizeof *v)))
		return -1;
	o->cap = (uint32_t)n;
	if (n > JSON_INDEX_FROM)
		index_make(o, n);
	for (size_t i = 0; i < n; i++)
		seal_one(o, &v[i]);
	return 0;
}

json_t *json_object(void)
{
	return (json_t *)json_object_in(NULL);
}

size_t json_object_size(const json_t *j)
{
	const struct json_object *o = json_object_body(j);
	return o ? o->n - o->removed : 0;
}

json_t *json_object_get(const json_t *j, const char *key)
{
	const struct json_object *o = json_object_body(j);
	const struct json_member *m = o && key ? json_member_of(o, key, strlen(key)) : NULL;
	return m ? m->value : NULL;
}

int json_object_set_new(json_t *j, const char *key, json_t *v)
{
	struct json_object *o = json_object_body(j);
	size_t n = key ? strlen(key) : 0;

	if (!o || !v || v == j || !key || !json_is_utf8(key, n)) {
		json_decref(v);
		return -1;
	}
	return json_object_put(o, key, n, v);
}

int json_object_del(json_t *j, const char *key)
{
	struct json_object *o = json_object_body(j);
	struct json_member *m = o && key ? json_member_of(o, key, strlen(key)) : NULL;

	if (!m)
		return -1;
	json_t *old = m->value;
	m->value = NULL; /* its place stays until the next growth, so that loops and index hold */
	o->removed++;
	json_decref(old);
	return 0;
}

int json_object_clear(json_t *j)
{
	struct json_object *o = json_object_body(j);

	if (!o)
		return -1;
	for (uint32_t i = 0; i < o->n; i++) {
		json_t *old = o->v[i].value;
		o->v[i].value = NULL;
		json_decref(old);
	}
	close_up(o);
	if (o->index)
		memset(o->index, 0, ((size_t)o->index_mask + 1) * sizeof *o->index);
	return 0;
}

const char *json_object_next(const json_t *j, size_t *at)
{
	const struct json_object *o = json_object_body(j);

	for (; o && *at < o->n; ++*at)
		if (o->v[*at].value)
			return o->v[*at].key;
	return NULL;
}

json_t *json_object_value_at(const json_t *j, size_t at)
{
	return ((const struct json_object *)j)->v[at].value;
}

static int update(json_t *j, const json_t *other, bool replace)
{
	struct json_object *o = json_object_body(j), *from = json_object_body(other);

	if (!o || !from)
		return -1;
	for (uint32_t i = 0; o != from && i < from->n; i++) {
		const struct json_member *m = &from->v[i];
		if (!m->value || m->value == j || (!replace && json_member_of(o, m->key, m->key_n)))
			continue;
		if (json_object_put(o, m->key, m->key_n, json_incref(m->value)) < 0)
			return -1;
	}
	return 0;
}

int json_object_update(json_t *j, const json_t *other)
{
	return update(j, other, true);
}

int json_object_update_missing(json_t *j, const json_t *other)
{
	return update(j, other, false);
}
