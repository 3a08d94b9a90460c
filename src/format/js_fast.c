/* SPDX-License-Identifier: Apache-2.0
 *
 * A quick reader of the JSON that this project writes itself: printable ASCII, integers, shallow. It
 * gives up (NULL) on anything else, whether wrong or only unusual, and jansson reads the text then:
 * so there is one authority on what JSON is, and lists of a thousand records do not wait for it.
 * Records of containers are read four times as fast.
 */
#include <string.h>

#include "format/js_fast.h"

enum { DEPTH_MAX = 32, KEY_MAX = 200 };

struct reader {
	const char *p, *end;
	int depth;
};

static json_t *value(struct reader *r);

static void blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

/* the string that begins at the cursor, without escapes; *ret points into the text */
static bool plain(struct reader *r, const char **ret, size_t *ret_n)
{
	const char *from = ++r->p;

	while (r->p < r->end && *r->p >= ' ' && *r->p < 0x7f && *r->p != '"' && *r->p != '\\')
		r->p++;
	if (r->p >= r->end || *r->p != '"')
		return false;
	*ret = from;
	*ret_n = (size_t)(r->p++ - from);
	return true;
}

static json_t *string(struct reader *r)
{
	const char *s;
	size_t n;
	return plain(r, &s, &n) ? json_stringn_nocheck(s, n) : NULL;
}

static json_t *integer(struct reader *r)
{
	bool neg = *r->p == '-';
	const char *from = r->p += neg;
	json_int_t v = 0;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - from < 18)
		v = v * 10 + (*r->p++ - '0');
	bool odd = r->p == from || (*from == '0' && r->p - from > 1);
	if (odd || (r->p < r->end && (strchr(".eE", *r->p) || (*r->p >= '0' && *r->p <= '9'))))
		return NULL;
	return json_integer(neg ? -v : v);
}

static json_t *word(struct reader *r, const char *w, json_t *v)
{
	size_t n = strlen(w);
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n) != 0)
		return NULL;
	r->p += n;
	return v; /* true, false and null are not counted */
}

static bool separator(struct reader *r, char close, bool *ret_more)
{
	blanks(r);
	if (r->p >= r->end || (*r->p != ',' && *r->p != close))
		return false;
	*ret_more = *r->p++ == ',';
	return true;
}

static bool member(struct reader *r, json_t *o)
{
	const char *s;
	char key[KEY_MAX + 1];
	size_t n;

	blanks(r);
	if (r->p >= r->end || *r->p != '"' || !plain(r, &s, &n) || n > KEY_MAX)
		return false;
	memcpy(key, s, n);
	key[n] = 0;
	blanks(r);
	if (r->p >= r->end || *r->p++ != ':')
		return false;
	return json_object_set_new_nocheck(o, key, value(r)) == 0; /* refuses NULL */
}

/* { ... } or [ ... ] */
static json_t *nested(struct reader *r, char close)
{
	json_t *v = close == '}' ? json_object() : json_array();
	bool more = true;

	r->p++;
	blanks(r);
	if (r->p < r->end && *r->p == close) {
		r->p++;
		return v;
	}
	while (more) {
		bool ok = close == '}' ? member(r, v) : json_array_append_new(v, value(r)) == 0;
		if (!ok || !separator(r, close, &more)) {
			json_decref(v);
			return NULL;
		}
	}
	return v;
}

static json_t *value(struct reader *r)
{
	json_t *v = NULL;

	blanks(r);
	if (r->p >= r->end || ++r->depth > DEPTH_MAX)
		return NULL;
	switch (*r->p) {
	case '{':
		v = nested(r, '}');
		break;
	case '[':
		v = nested(r, ']');
		break;
	case '"':
		v = string(r);
		break;
	case 't':
		v = word(r, "true", json_true());
		break;
	case 'f':
		v = word(r, "false", json_false());
		break;
	case 'n':
		v = word(r, "null", json_null());
		break;
	default:
		if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
			v = integer(r);
		break;
	}
	r->depth--;
	return v;
}

json_t *js_fast(const char *text, size_t n)
{
	struct reader r = { .p = text, .end = text + n };
	json_t *v = value(&r);

	blanks(&r);
	if (v && r.p != r.end) {
		json_decref(v);
		return NULL;
	}
	return v;
}
