/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON writer. Strings go out as UTF-8, only what must be escaped is.
 */
#include <stdlib.h>

#include "base/own.h"
#include "base/text.h"
#include "format/json_int.h"

struct writer {
	struct buf out;
	unsigned flags;
	int depth;
};

static bool write_value(struct writer *w, const json_t *j);

static void escape(struct buf *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;
	char pair[2] = { '\\', at ? to[at - from] : 0 };

	if (at)
		buf_add(out, pair, 2);
	else
		buf_printf(out, "\\u%04X", c);
}

static bool write_text(struct writer *w, const char *s, size_t n)
{
	const char *end = s + n;

	buf_putc(&w->out, '"');
	for (;;) {
		size_t plain = json_plain(s, end), len;
		buf_add(&w->out, s, plain);
		s += plain;
		if (s == end)
			break;
		if (!(len = text_utf8_len(s, (size_t)(end - s))))
			return false;
		if (len == 1)
			escape(&w->out, (unsigned char)*s);
		else
			buf_add(&w->out, s, len);
		s += len;
	}
	buf_putc(&w->out, '"');
	return true;
}

static void write_integer(struct writer *w, json_int_t v)
{
	char text[24], *p = text + sizeof text;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	buf_add(&w->out, p, (size_t)(text + sizeof text - p));
}

/* as short as C prints 17 digits, always with a point or an exponent: a real stays a real */
static void write_real(struct writer *w, double d)
{
	char text[40];
	int n = snprintf(text, sizeof text, "%.17g", d);
	char *e = strchr(text, 'e'), *p = e ? e + 1 : NULL;

	if (e) { /* 1e+07 is written 1e7 */
		char *from = p + (*p == '+' || *p == '-');
		p += *p == '-';
		while (*from == '0' && from[1])
			from++;
		memmove(p, from, strlen(from) + 1);
		n = (int)strlen(text);
	}
	buf_add(&w->out, text, (size_t)n);
	if (!e && !strchr(text, '.'))
		buf_puts(&w->out, ".0");
}

/* before a value of an open container, and before its end (@last) */
static void write_break(struct writer *w, bool first, bool last)
{
	unsigned indent = w->flags & JSON_INDENT(31);

	if (!first && !last)
		buf_putc(&w->out, ',');
	if (indent) {
		buf_putc(&w->out, '\n');
		for (unsigned i = 0; i < indent * (unsigned)(w->depth - last); i++)
			buf_putc(&w->out, ' ');
	} else if (!first && !last && !(w->flags & JSON_COMPACT)) {
		buf_putc(&w->out, ' ');
	}
}

static bool write_array(struct writer *w, const struct json_array *a)
{
	if (!a->n) {
		buf_puts(&w->out, "[]");
		return true;
	}
	buf_putc(&w->out, '[');
	for (uint32_t i = 0; i < a->n; i++) {
		write_break(w, i == 0, false);
		if (!write_value(w, a->v[i]))
			return false;
	}
	write_break(w, false, true);
	buf_putc(&w->out, ']');
	return true;
}

static int member_order(const void *a, const void *b)
{
	const struct json_member *x = *(const struct json_member *const *)a;
	const struct json_member *y = *(const struct json_member *const *)b;
	return strcmp(x->key, y->key);
}

static bool write_member(struct writer *w, const struct json_member *m, bool first)
{
	write_break(w, first, false);
	if (!write_text(w, m->key, m->key_n))
		return false;
	buf_puts(&w->out, w->flags & JSON_COMPACT ? ":" : ": ");
	return write_value(w, m->value);
}

static bool write_sorted(struct writer *w, const struct json_object *o)
{
	OWN_PTR const struct json_member **v = malloc(o->n * sizeof *v);
	size_t n = 0;

	if (!v)
		return false;
	for (uint32_t i = 0; i < o->n; i++)
		if (o->v[i].value)
			v[n++] = &o->v[i];
	qsort(v, n, sizeof *v, member_order);
	for (size_t i = 0; i < n; i++)
		if (!write_member(w, v[i], i == 0))
			return false;
	return true;
}

static bool write_members(struct writer *w, const struct json_object *o)
{
	bool first = true;

	if (w->flags & JSON_SORT_KEYS)
		return write_sorted(w, o);
	for (uint32_t i = 0; i < o->n; i++) {
		if (!o->v[i].value)
			continue;
		if (!write_member(w, &o->v[i], first))
			return false;
		first = false;
	}
	return true;
}

static bool write_object(struct writer *w, const struct json_object *o)
{
	if (o->n == o->removed) {
		buf_puts(&w->out, "{}");
		return true;
	}
	buf_putc(&w->out, '{');
	if (!write_members(w, o))
		return false;
	write_break(w, false, true);
	buf_putc(&w->out, '}');
	return true;
}

static bool write_value(struct writer *w, const json_t *j)
{
	static const char *const words[] = {
		[JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null",
	};
	bool ok = true;

	switch (json_typeof(j)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		/* also what was made to hold itself ends here */
		if (++w->depth > JSON_DEPTH_MAX)
			return false;
		ok = json_is_object(j) ? write_object(w, (const struct json_object *)j)
				       : write_array(w, (const struct json_array *)j);
		w->depth--;
		break;
	case JSON_STRING:
		ok = write_text(w, ((const struct json_string *)j)->text, json_string_length(j));
		break;
	case JSON_INTEGER:
		write_integer(w, json_integer_value(j));
		break;
	case JSON_REAL:
		write_real(w, json_real_value(j));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		buf_puts(&w->out, words[json_typeof(j)]);
		break;
	}
	return ok && !buf_failed(&w->out);
}

char *json_dumps(const json_t *j, unsigned flags)
{
	struct writer w = { .flags = flags };
	char *text = NULL;

	if (!j || (!(flags & JSON_ENCODE_ANY) && !json_is_object(j) && !json_is_array(j)))
		return NULL;
	if (write_value(&w, j))
		text = buf_take(&w.out);
	buf_done(&w.out);
	return text;
}

int json_dumpf(const json_t *j, FILE *f, unsigned flags)
{
	OWN_STR text = json_dumps(j, flags);
	return text && fputs(text, f) >= 0 ? 0 : -1;
}
