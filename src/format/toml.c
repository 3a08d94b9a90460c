/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML: lines, keys and tables. See toml.h.
 */
#include "format/toml.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "format/toml_int.h"

int toml_bad(struct toml *t, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* a message may be cut */
	va_end(ap);
	return err_new(t->e, E_INVALID, EINVAL, "%s: line %u: %s", t->what, t->line, text);
}

static int no_memory(struct toml *t)
{
	return err_new(t->e, E_NOMEM, ENOMEM, "%s", t->what);
}

/* tables are told apart by their address, which lives as long as the document */
static void address_key(const json_t *table, char out[24])
{
	(void)snprintf(out, 24, "%llx", (unsigned long long)(uintptr_t)table);
}

int toml_mark(struct toml *t, json_t *set, const json_t *table)
{
	char key[24];
	address_key(table, key);
	return json_object_set_new(set, key, json_true()) < 0 ? no_memory(t) : 0;
}

bool toml_marked(const json_t *set, const json_t *table)
{
	char key[24];
	address_key(table, key);
	return json_object_get(set, key) != NULL;
}

void toml_blanks(struct toml *t)
{
	while (toml_peek(t, 0) == ' ' || toml_peek(t, 0) == '\t')
		t->p++;
}

/* blanks and a comment, up to the line end, which stays */
static int line_rest(struct toml *t)
{
	toml_blanks(t);
	if (toml_peek(t, 0) == '#')
		for (int c; (c = toml_peek(t, 0)) >= 0 && c != '\n'; t->p++)
			if ((c < ' ' && c != '\t' && c != '\r') || c == 0x7f)
				return toml_bad(t, "control character in a comment");
	if (toml_peek(t, 0) == '\r' && toml_peek(t, 1) == '\n')
		t->p++;
	return 0;
}

int toml_space(struct toml *t)
{
	for (;;) {
		if (line_rest(t) < 0)
			return -t->e->eno;
		if (toml_peek(t, 0) != '\n')
			return 0;
		t->p++;
		t->line++;
	}
}

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int key_read(struct toml *t, struct buf *out)
{
	out->n = 0;
	toml_blanks(t);
	int c = toml_peek(t, 0);
	if (c == '"' || c == '\'') {
		if (toml_peek(t, 1) == c && toml_peek(t, 2) == c)
			return toml_bad(t, "a key on several lines");
		if (toml_string(t, out) < 0)
			return -t->e->eno;
		if (memchr(out->p ? out->p : "", 0, out->n))
			return toml_bad(t, "NUL byte in a key");
	} else {
		if (!is_bare(c))
			return toml_bad(t, "expected a key");
		for (; is_bare(toml_peek(t, 0)); t->p++)
			buf_putc(out, *t->p);
	}
	toml_blanks(t);
	return buf_failed(out) ? no_memory(t) : 0;
}

/* the table @key of @in, made when missing; of an array of tables the last one */
static int table_enter(struct toml *t, json_t *in, const char *key, json_t **ret)
{
	json_t *v = json_object_get(in, key);

	if (!v) {
		v = json_object();
		if (json_object_set_new(in, key, v) < 0)
			return no_memory(t);
	}
	if (json_is_array(v) && toml_marked(t->headed, v))
		v = json_array_get(v, json_array_size(v) - 1);
	if (!json_is_object(v) || toml_marked(t->closed, v))
		return toml_bad(t, "\"%.80s\" is no table that can be extended", key);
	*ret = v;
	return 0;
}

/* all but the last part of a dotted key; @last gets that */
static int path_enter(struct toml *t, json_t **table, struct buf *last)
{
	for (int depth = 0;; depth++) {
		if (depth == TOML_DEPTH_MAX)
			return toml_bad(t, "key of more than %d parts", TOML_DEPTH_MAX);
		if (key_read(t, last) < 0)
			return -t->e->eno;
		if (toml_peek(t, 0) != '.')
			return 0;
		t->p++;
		if (table_enter(t, *table, buf_str(last), table) < 0)
			return -t->e->eno;
	}
}

int toml_pair(struct toml *t, json_t *table)
{
	OWN_BUF key = { 0 };
	OWN_JSON v = NULL;
	json_t *top = table;

	if (path_enter(t, &table, &key) < 0)
		return -t->e->eno;
	if (table != top && toml_marked(t->headed, table))
		return toml_bad(t, "dotted key into a table that has a header");
	if (toml_peek(t, 0) != '=')
		return toml_bad(t, "expected \"=\" after \"%.80s\"", buf_str(&key));
	t->p++;
	toml_blanks(t);
	if (json_object_get(table, buf_str(&key)))
		return toml_bad(t, "\"%.80s\" is given twice", buf_str(&key));
	if (toml_value(t, &v) < 0)
		return -t->e->eno;
	return json_object_set(table, buf_str(&key), v) < 0 ? no_memory(t) : 0;
}

/* "[[a.b]]": one more table of an array */
static int array_header(struct toml *t, json_t *in, const char *key, json_t **ret)
{
	json_t *list = json_object_get(in, key);

	if (!list) {
		list = json_array();
		if (json_object_set_new(in, key, list) < 0 || toml_mark(t, t->headed, list) < 0)
			return no_memory(t);
	}
	if (!json_is_array(list) || !toml_marked(t->headed, list))
		return toml_bad(t, "\"%.80s\" is no array of tables", key);
	*ret = json_object();
	return json_array_append_new(list, *ret) < 0 ? no_memory(t) : 0;
}

static int header_read(struct toml *t, json_t *root, json_t **ret)
{
	OWN_BUF key = { 0 };
	json_t *in = root;
	bool array = toml_peek(t, 1) == '[';

	t->p += array ? 2 : 1;
	if (path_enter(t, &in, &key) < 0)
		return -t->e->eno;
	if (toml_peek(t, 0) != ']' || (array && toml_peek(t, 1) != ']'))
		return toml_bad(t, "expected \"]\"");
	t->p += array ? 2 : 1;
	if (array)
		return array_header(t, in, buf_str(&key), ret);
	if (json_is_array(json_object_get(in, buf_str(&key))))
		return toml_bad(t, "\"%.80s\" is an array", buf_str(&key));
	if (table_enter(t, in, buf_str(&key), ret) < 0)
		return -t->e->eno;
	if (toml_marked(t->headed, *ret))
		return toml_bad(t, "[%.80s] is given twice", buf_str(&key));
	return toml_mark(t, t->headed, *ret);
}

static int document_read(struct toml *t, json_t *root)
{
	json_t *table = root;

	for (;;) {
		if (toml_space(t) < 0)
			return -t->e->eno;
		if (t->p == t->end)
			return 0;
		int r = *t->p == '[' ? header_read(t, root, &table) : toml_pair(t, table);
		if (r < 0 || (r = line_rest(t)) < 0)
			return r;
		if (t->p < t->end && *t->p != '\n')
			return toml_bad(t, "more on the line than expected");
	}
}

int toml_parse(const char *text, size_t n, const char *what, json_t **ret, struct err *e)
{
	OWN_JSON root = json_object();
	OWN_JSON closed = json_object();
	OWN_JSON headed = json_object();
	struct err local;
	struct toml t = { .what = what, .p = text, .end = text + n, .line = 1, .e = e ? e : &local,
			  .closed = closed, .headed = headed };

	if (!root || !closed || !headed)
		return no_memory(&t);
	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		t.p += 3;
	int r = document_read(&t, root);
	if (r < 0)
		return r;
	*ret = ptr_take(&root);
	return 0;
}

int toml_load(int xdir, const char *name, size_t max, json_t **ret, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;

	int r = io_read_file(xdir, name, max, &text, &n, e);
	return r < 0 ? r : toml_parse(text, n, name, ret, e);
}
