/* SPDX-License-Identifier: Apache-2.0
 *
 * json_pack: values from a pattern. The pattern is ours, never from outside; what makes it fail is a
 * string that is not UTF-8, a NULL where a value belongs, or memory. After a fault the rest is still
 * walked through, so that the values that were given away are released.
 */
#include "format/json_int.h"

struct packer {
	const char *fmt;
	struct json_doc *doc;
	va_list args;
	int depth;
	bool failed;
};

enum { PACK_DEPTH = 32 };

static json_t *pack_value(struct packer *p, bool *ret_left_out);

static char next(struct packer *p)
{
	while (*p->fmt == ' ' || *p->fmt == ':' || *p->fmt == ',')
		p->fmt++;
	return *p->fmt;
}

/* '?' or '*' behind s, o or O */
static char optional(struct packer *p)
{
	return *p->fmt == '?' || *p->fmt == '*' ? *p->fmt++ : 0;
}

static json_t *pack_string(struct packer *p, bool *ret_left_out)
{
	const char *s = va_arg(p->args, const char *);
	char opt = optional(p);

	if (!s) {
		*ret_left_out = opt == '*';
		return opt == '?' ? json_null() : NULL;
	}
	size_t n = strlen(s);
	return json_is_utf8(s, n) ? json_string_in(p->doc, s, n) : NULL;
}

static json_t *pack_given(struct packer *p, bool share, bool *ret_left_out)
{
	json_t *v = va_arg(p->args, json_t *);
	char opt = optional(p);

	if (!v) {
		*ret_left_out = opt == '*';
		return opt == '?' ? json_null() : NULL;
	}
	return share ? json_incref(v) : v;
}

static json_t *pack_array(struct packer *p)
{
	json_t *a = (json_t *)json_array_in(p->doc);

	for (char c; (c = next(p)) != ']' && c;) {
		bool left_out = false;
		json_t *v = pack_value(p, &left_out);
		if (!left_out && json_array_append_new(a, v) < 0)
			p->failed = true;
	}
	return a;
}

static json_t *pack_object(struct packer *p)
{
	json_t *o = (json_t *)json_object_in(p->doc);

	while (next(p) == 's') {
		const char *key = va_arg(p->args, const char *);
		bool left_out = false;
		p->fmt++;
		json_t *v = next(p) ? pack_value(p, &left_out) : NULL;
		if (!left_out && json_object_set_new(o, key, v) < 0)
			p->failed = true;
	}
	return o;
}

static json_t *pack_nested(struct packer *p, bool object)
{
	json_t *v = NULL;

	if (++p->depth <= PACK_DEPTH)
		v = object ? pack_object(p) : pack_array(p);
	p->depth--;
	if (next(p) != (object ? '}' : ']'))
		p->failed = true;
	else
		p->fmt++;
	return v;
}

static json_t *pack_value(struct packer *p, bool *ret_left_out)
{
	json_t *v = NULL;

	switch (*p->fmt++) {
	case '{':
		v = pack_nested(p, true);
		break;
	case '[':
		v = pack_nested(p, false);
		break;
	case 's':
		v = pack_string(p, ret_left_out);
		break;
	case 'n':
		v = json_null();
		break;
	case 'b':
		v = json_boolean(va_arg(p->args, int) != 0);
		break;
	case 'i':
		v = json_integer_in(p->doc, va_arg(p->args, int));
		break;
	case 'I':
		v = json_integer_in(p->doc, va_arg(p->args, json_int_t));
		break;
	case 'f':
		v = json_real_in(p->doc, va_arg(p->args, double));
		break;
	case 'o':
	case 'O':
		v = pack_given(p, p->fmt[-1] == 'O', ret_left_out);
		break;
	default:
		p->fmt--; /* no such pattern: nothing behind it can be read */
		p->fmt += strlen(p->fmt);
		break;
	}
	if (!v && !*ret_left_out)
		p->failed = true;
	return v;
}

json_t *json_pack(const char *fmt, ...)
{
	struct packer p = { .fmt = fmt, .doc = json_doc_new(strlen(fmt) * 24) };
	bool left_out = false;

	if (p.doc)
		p.doc->live = 1;
	else
		p.failed = true; /* what follows has memory of its own and goes */
	va_start(p.args, fmt);
	json_t *v = next(&p) ? pack_value(&p, &left_out) : NULL;
	va_end(p.args);
	if (p.failed || next(&p)) {
		json_decref(v);
		v = NULL;
	}
	if (p.doc && --p.doc->live == 0)
		json_doc_free(p.doc);
	return v;
}
