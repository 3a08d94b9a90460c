/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates, functions: Go's own and docker's, one row each. In headers of tables docker's
 * functions give their argument back, so that "{{upper .Names}}" still has a title.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "format/template_int.h"

bool template_truth(const json_t *v)
{
	if (!v)
		return false;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return json_object_size(v) > 0;
	case JSON_ARRAY:
		return json_array_size(v) > 0;
	case JSON_STRING:
		return json_string_length(v) > 0;
	case JSON_INTEGER:
		return json_integer_value(v) != 0;
	case JSON_REAL:
		return json_real_value(v) < 0 || json_real_value(v) > 0;
	case JSON_TRUE:
		return true;
	case JSON_FALSE:
	case JSON_NULL:
	default:
		return false;
	}
}

static int cmp_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_object(const json_t *v, struct buf *out)
{
	size_t n = json_object_size(v), i = 0;
	const char **keys = calloc(n + 1, sizeof *keys);
	const char *key;
	json_t *val;

	if (!keys) {
		out->failed = true;
		return;
	}
	json_object_foreach((json_t *)v, key, val)
		keys[i++] = key;
	qsort(keys, n, sizeof *keys, cmp_key);
	buf_puts(out, "map[");
	for (i = 0; i < n; i++) {
		buf_printf(out, "%s%s:", i ? " " : "", keys[i]);
		template_print(json_object_get(v, keys[i]), out);
	}
	buf_putc(out, ']');
	free(keys);
}

void template_print(const json_t *v, struct buf *out)
{
	if (!v || json_is_null(v))
		buf_puts(out, "<nil>");
	else if (json_is_string(v))
		buf_add(out, json_string_value(v), json_string_length(v));
	else if (json_is_integer(v))
		buf_printf(out, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		buf_printf(out, "%g", json_real_value(v));
	else if (json_is_boolean(v))
		buf_puts(out, json_is_true(v) ? "true" : "false");
	else if (json_is_array(v)) {
		buf_putc(out, '[');
		for (size_t i = 0; i < json_array_size(v); i++) {
			if (i)
				buf_putc(out, ' ');
			template_print(json_array_get(v, i), out);
		}
		buf_putc(out, ']');
	} else
		print_object(v, out);
}

static json_t *text_value(struct buf *b)
{
	return buf_failed(b) ? NULL : json_stringn_nocheck(b->p ? b->p : "", b->n);
}

struct call {
	const char *name;
	json_t **argv;
	size_t argc;
	struct err *e;
};

static const char *arg_str(struct call *c, size_t i)
{
	return json_is_string(c->argv[i]) ? json_string_value(c->argv[i]) : "";
}

static int bad(struct call *c, const char *what)
{
	return err_new(c->e, E_INVALID, EINVAL, "template: error calling %s: %s", c->name, what);
}

static int f_json(struct call *c, json_t **ret)
{
	OWN_STR text = json_dumps(c->argv[0], JSON_COMPACT | JSON_ENCODE_ANY);
	*ret = text ? json_string_nocheck(text) : NULL;
	return 0;
}

static int f_split(struct call *c, json_t **ret)
{
	const char *s = arg_str(c, 0), *sep = arg_str(c, 1);
	size_t n = strlen(sep);

	*ret = json_array();
	for (;;) {
		const char *at = n ? strstr(s, sep) : (*s ? s + 1 : NULL);
		if (!at || (!n && !*at)) {
			(void)json_array_append_new(*ret, json_string_nocheck(s));
			return 0;
		}
		(void)json_array_append_new(*ret, json_stringn_nocheck(s, (size_t)(at - s)));
		s = at + n;
	}
}

static int f_join(struct call *c, json_t **ret)
{
	OWN_BUF b = { 0 };
	if (!json_is_array(c->argv[0]))
		return bad(c, "first argument must be a list");
	for (size_t i = 0; i < json_array_size(c->argv[0]); i++) {
		if (i)
			buf_puts(&b, arg_str(c, 1));
		template_print(json_array_get(c->argv[0], i), &b);
	}
	*ret = text_value(&b);
	return 0;
}

static int f_case(struct call *c, json_t **ret)
{
	OWN_BUF b = { 0 };
	bool start = true;

	for (const char *s = arg_str(c, 0); *s; s++) {
		unsigned char ch = (unsigned char)*s;
		if (c->name[0] == 'u' || (c->name[0] == 't' && start))
			ch = (unsigned char)toupper(ch);
		else if (c->name[0] == 'l')
			ch = (unsigned char)tolower(ch);
		start = isspace(ch);
		buf_putc(&b, (char)ch);
	}
	*ret = text_value(&b);
	return 0;
}

static int f_pad(struct call *c, json_t **ret)
{
	OWN_BUF b = { 0 };
	json_int_t before = json_integer_value(c->argv[1]), after = json_integer_value(c->argv[2]);

	if (before < 0 || after < 0 || before > 4096 || after > 4096)
		return bad(c, "width out of range");
	if (*arg_str(c, 0)) /* docker pads only what is there */
		buf_printf(&b, "%*s%s%*s", (int)before, "", arg_str(c, 0), (int)after, "");
	*ret = text_value(&b);
	return 0;
}

static int f_truncate(struct call *c, json_t **ret)
{
	const char *s = arg_str(c, 0);
	json_int_t n = json_integer_value(c->argv[1]);
	size_t i = 0;

	/* counted in characters: continuation bytes belong to the one before */
	for (; s[i] && n > 0; n--)
		for (i++; (s[i] & 0xc0) == 0x80; i++)
			;
	*ret = json_stringn_nocheck(s, i);
	return 0;
}

static int f_print(struct call *c, json_t **ret)
{
	OWN_BUF b = { 0 };
	bool line = !strcmp(c->name, "println");

	for (size_t i = 0; i < c->argc; i++) {
		/* Print puts a blank between two operands when neither is a string */
		if (i && (line || (!json_is_string(c->argv[i]) && !json_is_string(c->argv[i - 1]))))
			buf_putc(&b, ' ');
		template_print(c->argv[i], &b);
	}
	if (line)
		buf_putc(&b, '\n');
	*ret = text_value(&b);
	return 0;
}

static void printf_one(struct buf *out, const char *spec, char verb, const json_t *v)
{
	OWN_BUF text = { 0 };
	char fmt[40];

	if (verb == 'q') {
		OWN_BUF plain = { 0 };
		template_print(v, &plain);
		buf_json_string(&text, plain.p ? plain.p : "", plain.n);
	} else if (strchr("dxXobc", verb) && json_is_integer(v)) {
		(void)snprintf(fmt, sizeof fmt, "%.20sll%c", spec, verb == 'b' ? 'd' : verb);
		buf_printf(out, fmt, (long long)json_integer_value(v));
		return;
	} else if (strchr("feEgG", verb) && json_is_number(v)) {
		(void)snprintf(fmt, sizeof fmt, "%.20s%c", spec, verb);
		buf_printf(out, fmt, json_number_value(v));
		return;
	} else if (strchr("vst", verb))
		template_print(v, &text);
	else {
		buf_printf(&text, "%%!%c(", verb);
		template_print(v, &text);
		buf_putc(&text, ')');
	}
	(void)snprintf(fmt, sizeof fmt, "%.20ss", spec);
	buf_printf(out, fmt, text.p ? text.p : "");
}

static int f_printf(struct call *c, json_t **ret)
{
	OWN_BUF b = { 0 };
	size_t next = 1;

	for (const char *s = arg_str(c, 0); *s; s++) {
		char spec[24] = "%";
		size_t n = 1;
		if (*s != '%' || s[1] == '%') {
			buf_putc(&b, *s);
			s += *s == '%';
			continue;
		}
		for (s++; *s && strchr("-+ #0123456789.", *s) && n < sizeof spec - 2; s++)
			spec[n++] = *s;
		spec[n] = 0;
		int width = 0, prec = 0;
		(void)sscanf(spec, "%%%*[-+ #0]%d.%d", &width, &prec); /* only to bound them */
		if (strlen(spec) > 12 || width > 4096 || prec > 4096)
			return bad(c, "width out of range");
		if (!*s)
			break;
		if (next >= c->argc)
			buf_printf(&b, "%%!%c(MISSING)", *s);
		else
			printf_one(&b, spec, *s, c->argv[next++]);
	}
	*ret = text_value(&b);
	return 0;
}

static int f_len(struct call *c, json_t **ret)
{
	json_t *v = c->argv[0];
	size_t n;

	if (json_is_string(v))
		n = json_string_length(v);
	else if (json_is_array(v))
		n = json_array_size(v);
	else if (json_is_object(v))
		n = json_object_size(v);
	else
		return bad(c, "len of a value that has no length");
	*ret = json_integer((json_int_t)n);
	return 0;
}

static int f_index(struct call *c, json_t **ret)
{
	json_t *v = c->argv[0];

	for (size_t i = 1; i < c->argc; i++) {
		if (json_is_array(v)) {
			json_int_t at = json_integer_value(c->argv[i]);
			if (!json_is_integer(c->argv[i]) || at < 0 || (size_t)at >= json_array_size(v))
				return bad(c, "index out of range");
			v = json_array_get(v, (size_t)at);
		} else if (json_is_object(v)) {
			v = json_is_string(c->argv[i]) ? json_object_get(v, arg_str(c, i)) : NULL;
			if (!v) { /* the zero value of the element type; text is what docker's maps hold */
				*ret = json_string("");
				return 0;
			}
		} else if (json_is_null(v))
			return bad(c, "index of untyped nil");
		else
			return bad(c, "can't index item");
	}
	*ret = json_incref(v);
	return 0;
}

static int f_slice(struct call *c, json_t **ret)
{
	json_t *v = c->argv[0];
	size_t n = json_is_string(v) ? json_string_length(v) : json_array_size(v);
	json_int_t from = c->argc > 1 ? json_integer_value(c->argv[1]) : 0;
	json_int_t to = c->argc > 2 ? json_integer_value(c->argv[2]) : (json_int_t)n;

	if ((!json_is_string(v) && !json_is_array(v)) || from < 0 || to < from || (size_t)to > n)
		return bad(c, "slice out of range");
	if (json_is_string(v))
		*ret = json_stringn_nocheck(json_string_value(v) + from, (size_t)(to - from));
	else {
		*ret = json_array();
		for (json_int_t i = from; i < to; i++)
			(void)json_array_append(*ret, json_array_get(v, (size_t)i));
	}
	return 0;
}

/* -1, 0, 1; *ret_ok false when the two cannot be compared */
static int compare(const json_t *a, const json_t *b, bool *ret_ok)
{
	*ret_ok = true;
	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t x = json_integer_value(a), y = json_integer_value(b);
		return x < y ? -1 : x > y;
	}
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		return x < y ? -1 : x > y;
	}
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	*ret_ok = json_is_boolean(a) && json_is_boolean(b);
	return json_is_true(a) - json_is_true(b);
}

static int f_compare(struct call *c, json_t **ret)
{
	bool ok, eq = false;
	int r = compare(c->argv[0], c->argv[1], &ok);
	const char *n = c->name;

	if (!strcmp(n, "eq") || !strcmp(n, "ne")) {
		if (!ok && !json_is_null(c->argv[0]) && !json_is_null(c->argv[1]))
			return bad(c, "incompatible types for comparison");
		for (size_t i = 1; i < c->argc && !eq; i++)
			eq = json_equal(c->argv[0], c->argv[i]) ||
			     (compare(c->argv[0], c->argv[i], &ok) == 0 && ok);
		*ret = json_boolean(n[0] == 'e' ? eq : !eq);
		return 0;
	}
	if (!ok)
		return bad(c, "incompatible types for comparison");
	*ret = json_boolean(!strcmp(n, "lt") ? r < 0 : !strcmp(n, "le") ? r <= 0 :
			    !strcmp(n, "gt") ? r > 0 : r >= 0);
	return 0;
}

static int f_logic(struct call *c, json_t **ret)
{
	if (!strcmp(c->name, "not")) {
		*ret = json_boolean(!template_truth(c->argv[0]));
		return 0;
	}
	bool is_and = c->name[0] == 'a';
	size_t i = 0;
	while (i + 1 < c->argc && template_truth(c->argv[i]) == is_and)
		i++;
	*ret = json_incref(c->argv[i]);
	return 0;
}

static int f_escape(struct call *c, json_t **ret)
{
	OWN_BUF in = { 0 };
	OWN_BUF out = { 0 };

	for (size_t i = 0; i < c->argc; i++)
		template_print(c->argv[i], &in);
	for (size_t i = 0; i < in.n; i++) {
		unsigned char ch = (unsigned char)in.p[i];
		if (c->name[0] == 'h' && strchr("<>&'\"", ch))
			buf_printf(&out, "&#%d;", ch);
		else if (c->name[0] == 'u' && !isalnum(ch) && !strchr("-_.~", ch))
			buf_printf(&out, ch == ' ' ? "+" : "%%%02X", ch);
		else if (c->name[0] == 'j' && strchr("\\'\"<>&=\n\r\t", ch))
			buf_printf(&out, "\\u%04X", ch);
		else
			buf_putc(&out, (char)ch);
	}
	*ret = text_value(&out);
	return 0;
}

static const struct function {
	const char *name;
	unsigned char min, max;
	bool docker; /* an identity in headers */
	int (*run)(struct call *c, json_t **ret);
} functions[] = {
	{ "and", 1, 255, false, f_logic },    { "eq", 2, 255, false, f_compare },
	{ "ge", 2, 2, false, f_compare },     { "gt", 2, 2, false, f_compare },
	{ "html", 1, 255, false, f_escape },  { "index", 1, 255, false, f_index },
	{ "join", 2, 2, true, f_join },       { "js", 1, 255, false, f_escape },
	{ "json", 1, 1, true, f_json },       { "le", 2, 2, false, f_compare },
	{ "len", 1, 1, false, f_len },        { "lower", 1, 1, true, f_case },
	{ "lt", 2, 2, false, f_compare },     { "ne", 2, 2, false, f_compare },
	{ "not", 1, 1, false, f_logic },      { "or", 1, 255, false, f_logic },
	{ "pad", 3, 3, true, f_pad },         { "print", 0, 255, false, f_print },
	{ "printf", 1, 255, false, f_printf }, { "println", 0, 255, false, f_print },
	{ "slice", 1, 3, false, f_slice },    { "split", 2, 2, true, f_split },
	{ "title", 1, 1, true, f_case },      { "truncate", 2, 2, true, f_truncate },
	{ "upper", 1, 1, true, f_case },      { "urlquery", 1, 255, false, f_escape },
};

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	return NULL;
}

bool template_is_function(const char *name)
{
	return find(name) != NULL;
}

int template_call(const char *name, json_t **argv, size_t argc, unsigned flags, json_t **ret,
		  struct err *e)
{
	const struct function *f = find(name);
	struct call c = { name, argv, argc, e };

	if (!f || argc < f->min || argc > f->max)
		return err_new(e, E_INVALID, EINVAL,
			       "template: wrong number of args for %s: want %s%d got %zu", name,
			       f && f->max > f->min ? "at least " : "", f ? f->min : 0, argc);
	if ((flags & TEMPLATE_HEADER) && f->docker) {
		*ret = json_incref(argv[0]);
		return 0;
	}
	*ret = NULL;
	int r = f->run(&c, ret);
	if (r < 0)
		return r;
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "template: out of memory");
}
