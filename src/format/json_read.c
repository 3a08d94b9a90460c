/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON reader: one pass over the text, values straight into a document's memory. What an open object
 * or array has so far waits on a stack; when it closes its members are laid down in one block of the
 * right size. Recursive, one small frame for each level, and the levels are limited.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/own.h"
#include "base/text.h"
#include "format/json_int.h"

enum { NAMES = 64, NAME_MAX_SHARED = 40, NEAR = 24 };

struct reader {
	const char *text, *p, *end;
	struct json_doc *doc;
	unsigned flags;
	int depth;
	struct json_member *stack;
	size_t n, cap;
	json_error_t *error;
	bool failed;
	/* names that came lately: lists of objects have the same ones again and again */
	struct {
		const char *p;
		uint32_t n;
	} names[NAMES];
};

static json_t *read_value(struct reader *r);

/* the first fault counts; @at is where the reader looked */
static void *fail(struct reader *r, const char *at, const char *what)
{
	json_error_t *je = r->error;
	const char *line = r->text;
	int n = 0;

	if (r->failed || !je)
		return NULL;
	*je = (json_error_t){ .line = 1, .column = 1 };
	r->failed = true;
	for (const char *p = r->text; p < at; p++)
		if (*p == '\n') {
			je->line++;
			line = p + 1;
		}
	for (const char *p = line; p < at; p++)
		je->column += ((unsigned char)*p & 0xc0) != 0x80;
	while (n < NEAR && at + n < r->end && at[n] > ' ' && at[n] < 0x7f)
		n++;
	(void)snprintf(je->text, sizeof je->text, n ? "%s near '%.*s'" : "%s", what, n, at); /* fits */
	return NULL;
}

static void *no_memory(struct reader *r)
{
	(void)fail(r, r->p, "out of memory");
	if (r->error)
		r->error->no_memory = true;
	return NULL;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

static bool next_is(struct reader *r, char c)
{
	if (r->p >= r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* ---- strings ---- */

/* The string that begins at the cursor (at its quote): *ret_n bytes from *ret on, as they stand in the
 * text; the cursor is behind it. */
static bool string_find(struct reader *r, const char **ret, size_t *ret_n, bool *ret_escaped)
{
	const char *p = r->p + 1;

	*ret = p;
	*ret_escaped = false;
	for (;;) {
		p += json_plain(p, r->end);
		if (p >= r->end)
			return fail(r, r->p, "string without an end");
		if (*p == '"')
			break;
		size_t len = text_utf8_len(p, (size_t)(r->end - p));
		if (*p == '\\') {
			*ret_escaped = true;
			len = 2; /* what follows is looked at later; a quote does not end the string */
		} else if ((unsigned char)*p < 0x20) {
			return fail(r, p, "control character in a string");
		} else if (!len) {
			return fail(r, p, "no UTF-8");
		}
		p += len;
	}
	*ret_n = (size_t)(p - *ret);
	r->p = p + 1;
	return true;
}

static int hex4(const char *p, const char *end)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int c = p + i < end ? p[i] | 0x20 : 0;
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		/* | 0x20 makes digits of control characters, but those have been refused */
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static char *put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* \uXXXX at @p, two of them for a character above U+FFFF; returns how many bytes, 0 when wrong */
static size_t unicode_escape(struct reader *r, const char *p, const char *end, char **out)
{
	int c = hex4(p + 2, end), low;
	size_t used = 6;

	if (c >= 0xd800 && c < 0xdc00) {
		low = p + 7 < end && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
		c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00)) : -1;
		used = 12;
	} else if (c >= 0xdc00 && c < 0xe000) {
		c = -1;
	}
	if (c < 0 || (c == 0 && !(r->flags & JSON_ALLOW_NUL))) {
		(void)fail(r, p, c < 0 ? "wrong \\u escape" : "NUL in a string");
		return 0;
	}
	*out = put_utf8(*out, (unsigned)c);
	return used;
}

/* the escapes of @n bytes at @p resolved into @out, which is never longer; -1 when one is wrong */
static ssize_t unescape(struct reader *r, const char *p, size_t n, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *end = p + n, *at;
	char *start = out;

	while (p < end) {
		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		if (p[1] == 'u') {
			size_t used = unicode_escape(r, p, end, &out);
			if (!used)
				return -1;
			p += used;
			continue;
		}
		if (!(at = p[1] ? strchr(from, p[1]) : NULL)) {
			(void)fail(r, p, "unknown escape");
			return -1;
		}
		*out++ = to[at - from];
		p += 2;
	}
	return out - start;
}

static json_t *read_string(struct reader *r)
{
	const char *s;
	size_t n;
	bool escaped;

	if (!string_find(r, &s, &n, &escaped))
		return NULL;
	json_t *j = json_string_in(r->doc, s, n);
	if (!j)
		return no_memory(r);
	if (escaped) {
		struct json_string *v = (struct json_string *)j;
		ssize_t len = unescape(r, s, n, v->text);
		v->text[len < 0 ? 0 : len] = 0;
		v->n = len < 0 ? 0 : (uint32_t)len;
		if (len < 0) {
			json_decref(j);
			return NULL;
		}
	}
	return j;
}

/* the name of a member, kept in the document */
static const char *read_name(struct reader *r, uint32_t *ret_n)
{
	const char *s;
	size_t n;
	bool escaped;

	if (!string_find(r, &s, &n, &escaped))
		return NULL;
	*ret_n = (uint32_t)n;
	size_t slot = n ? (n * 31 + (unsigned char)s[0] * 7 + (unsigned char)s[n - 1]) % NAMES : 0;
	bool shared = n <= NAME_MAX_SHARED && !escaped;
	if (shared && r->names[slot].p && r->names[slot].n == n && !memcmp(r->names[slot].p, s, n))
		return r->names[slot].p;
	char *name = json_doc_text(r->doc, s, n);
	if (!name)
		return no_memory(r);
	if (shared) {
		r->names[slot].p = name;
		r->names[slot].n = (uint32_t)n;
	}
	if (escaped) {
		ssize_t len = unescape(r, s, n, name);
		if (len < 0)
			return NULL;
		name[len] = 0;
		if (strlen(name) != (size_t)len)
			return fail(r, s, "NUL in the name of a member");
		*ret_n = (uint32_t)len;
	}
	return name;
}

/* ---- numbers ---- */

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static json_t *read_real(struct reader *r, const char *from, size_t n)
{
	char small[64];
	OWN_STR big = n >= sizeof small ? malloc(n + 1) : NULL;
	char *s = n < sizeof small ? small : big;

	if (!s)
		return no_memory(r);
	memcpy(s, from, n);
	s[n] = 0;
	double d = strtod(s, NULL);
	if (!isfinite(d))
		return fail(r, from, "number out of range");
	json_t *j = json_real_in(r->doc, d);
	return j ? j : no_memory(r);
}

static json_t *read_integer(struct reader *r, const char *from, const char *end)
{
	bool negative = *from == '-', over = false;
	uint64_t v = 0, max = negative ? (uint64_t)1 << 63 : r->flags & JSON_UNSIGNED_WRAPS ? UINT64_MAX : INT64_MAX;

	for (const char *p = from + negative; p < end; p++) {
		over |= __builtin_mul_overflow(v, (uint64_t)10, &v);
		over |= __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
	}
	if (over || v > max)
		return fail(r, from, "integer out of range");
	json_t *j = json_integer_in(r->doc, (json_int_t)(negative ? 0 - v : v));
	return j ? j : no_memory(r);
}

static json_t *read_number(struct reader *r)
{
	const char *from = r->p, *p = from + (*from == '-'), *q = digits(p, r->end);
	bool real = false;

	if (q == p || (*p == '0' && q - p > 1))
		return fail(r, from, q == p ? "no value" : "number with a leading zero");
	if (q < r->end && *q == '.') {
		real = true;
		p = q + 1;
		q = digits(p, r->end);
		if (q == p)
			return fail(r, from, "number without digits after the point");
	}
	if (q < r->end && (*q == 'e' || *q == 'E')) {
		real = true;
		p = q + 1;
		p += p < r->end && (*p == '+' || *p == '-');
		q = digits(p, r->end);
		if (q == p)
			return fail(r, from, "number without an exponent");
	}
	r->p = q;
	return real ? read_real(r, from, (size_t)(q - from)) : read_integer(r, from, q);
}

/* ---- objects and arrays ---- */

static bool push(struct reader *r, struct json_member m)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct json_member *v = realloc(r->stack, cap * sizeof *v);
		if (!v) {
			json_decref(m.value);
			return no_memory(r);
		}
		r->stack = v;
		r->cap = cap;
	}
	r->stack[r->n++] = m;
	return true;
}

static bool read_member(struct reader *r)
{
	struct json_member m = { 0 };

	skip_blanks(r);
	if (r->p >= r->end || *r->p != '"')
		return fail(r, r->p, "expected the name of a member");
	if (!(m.key = read_name(r, &m.key_n)))
		return false;
	skip_blanks(r);
	if (!next_is(r, ':'))
		return fail(r, r->p, "expected ':'");
	m.value = read_value(r);
	return m.value && push(r, m);
}

static bool read_element(struct reader *r)
{
	struct json_member m = { .value = read_value(r) };
	return m.value && push(r, m);
}

/* what has been read since @from becomes the content of a new object or array */
static json_t *close_value(struct reader *r, bool object, size_t from)
{
	size_t n = r->n - from;

	if (object) {
		struct json_object *o = json_object_in(r->doc);
		if (!o || json_object_seal(o, n ? r->stack + from : NULL, n) < 0) {
			json_decref((json_t *)o);
			return no_memory(r);
		}
		r->n = from;
		return &o->j;
	}
	struct json_array *a = json_array_in(r->doc);
	if (a && n && n <= JSON_SIZE_MAX)
		a->v = json_doc_get(r->doc, n * sizeof *a->v);
	if (!a || (n && !a->v)) {
		json_decref((json_t *)a);
		return no_memory(r);
	}
	for (size_t i = 0; i < n; i++)
		a->v[i] = r->stack[from + i].value;
	a->n = a->cap = (uint32_t)n;
	r->n = from;
	return &a->j;
}

static json_t *read_container(struct reader *r, bool object)
{
	const char close = object ? '}' : ']';
	size_t from = r->n;
	bool more;

	if (++r->depth > JSON_DEPTH_MAX)
		return fail(r, r->p, "too many levels");
	r->p++;
	skip_blanks(r);
	more = !next_is(r, close);
	while (more) {
		if (!(object ? read_member(r) : read_element(r)))
			return NULL;
		skip_blanks(r);
		more = next_is(r, ',');
		if (!more && !next_is(r, close))
			return fail(r, r->p, object ? "expected ',' or '}'" : "expected ',' or ']'");
	}
	r->depth--;
	return close_value(r, object, from);
}

static json_t *read_word(struct reader *r, const char *word, json_t *v)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return fail(r, r->p, "no value");
	r->p += n;
	return v;
}

static json_t *read_value(struct reader *r)
{
	skip_blanks(r);
	if (r->p >= r->end)
		return fail(r, r->p, "text ends too early");
	switch (*r->p) {
	case '{':
	case '[':
		return read_container(r, *r->p == '{');
	case '"':
		return read_string(r);
	case 't':
		return read_word(r, "true", json_true());
	case 'f':
		return read_word(r, "false", json_false());
	case 'n':
		return read_word(r, "null", json_null());
	default:
		if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
			return read_number(r);
		return fail(r, r->p, "no value");
	}
}

static json_t *read_document(struct reader *r)
{
	skip_blanks(r);
	if (!(r->flags & JSON_DECODE_ANY) && r->p < r->end && *r->p != '{' && *r->p != '[')
		return fail(r, r->p, "expected an object or an array");
	json_t *j = read_value(r);
	skip_blanks(r);
	if (j && r->p != r->end) {
		json_decref(j);
		return fail(r, r->p, "text behind the end of the document");
	}
	return j;
}

json_t *json_loadb(const char *text, size_t n, unsigned flags, json_error_t *ret_error)
{
	json_error_t unused;
	struct reader r = { .text = text, .p = text, .end = text + n, .flags = flags };

	r.error = ret_error ? ret_error : &unused;
	if (n > JSON_SIZE_MAX)
		return fail(&r, text, "text too long");
	if (!(r.doc = json_doc_new(n * 2)))
		return no_memory(&r);
	r.doc->live = 1; /* the reader's own hold */
	json_t *j = read_document(&r);
	while (r.n)
		json_decref(r.stack[--r.n].value);
	free(r.stack);
	if (--r.doc->live == 0) /* nothing of it is in use: a fault, or a value that needs no memory */
		json_doc_free(r.doc);
	return j;
}

json_t *json_loads(const char *text, unsigned flags, json_error_t *ret_error)
{
	return json_loadb(text ? text : "", text ? strlen(text) : 0, flags, ret_error);
}
