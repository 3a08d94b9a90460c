/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists: see list.h. A table is a template whose cells are separated by tabs; the header is the
 * same template carried out on the column titles.
 */
#include "front/cli/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/io.h"
#include "format/js.h"
#include "format/template.h"

enum { COLUMNS_MAX = 64, COLUMN_MIN = 10, COLUMN_GAP = 3 };

/* characters, not bytes; wide characters count as one, as in docker's tab writer */
static size_t width_of(const char *s, size_t n)
{
	size_t w = 0;
	for (size_t i = 0; i < n; i++)
		w += (s[i] & 0xc0) != 0x80;
	return w;
}

void table_align(const char *text, struct buf *out)
{
	size_t width[COLUMNS_MAX] = { 0 };

	for (const char *l = text; *l;) {
		size_t n = strcspn(l, "\n"), col = 0;
		for (const char *c = l; c < l + n && col < COLUMNS_MAX; col++) {
			const char *tab = memchr(c, '\t', (size_t)(l + n - c));
			if (!tab)
				break; /* the last cell of a line does not widen its column */
			size_t w = width_of(c, (size_t)(tab - c)) + COLUMN_GAP;
			if (w > width[col])
				width[col] = w;
			c = tab + 1;
		}
		l += n + (l[n] == '\n');
	}
	for (const char *l = text; *l;) {
		size_t n = strcspn(l, "\n"), col = 0;
		for (const char *c = l; c < l + n || (n && c == l); col++) {
			const char *tab = memchr(c, '\t', (size_t)(l + n - c));
			size_t len = (size_t)((tab ? tab : l + n) - c);
			buf_add(out, c, len);
			if (!tab)
				break;
			size_t want = col < COLUMNS_MAX ? width[col] : len + COLUMN_GAP;
			if (want < COLUMN_MIN)
				want = COLUMN_MIN;
			for (size_t w = width_of(c, len); w < want; w++)
				buf_putc(out, ' ');
			c = tab + 1;
		}
		buf_putc(out, '\n');
		l += n + (l[n] == '\n');
	}
}

/* "\t" and "\n" typed as two characters, as users write them in a shell */
static char *unescape(struct arena *a, const char *s)
{
	char *out = arena_get(a, strlen(s) + 1), *w = out;
	if (!out)
		return NULL;
	for (; *s; s++) {
		if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n'))
			*w++ = *++s == 't' ? '\t' : '\n';
		else
			*w++ = *s;
	}
	*w = 0;
	return out;
}

int list_out(const struct buf *b, struct err *e)
{
	if (buf_failed(b))
		return err_new(e, E_NOMEM, ENOMEM, "output: out of memory");
	int r = io_write_all(STDOUT_FILENO, b->p ? b->p : "", b->n);
	return r < 0 && r != -EPIPE ? err_sys(e, -r, "write output") : 0;
}

static int print_json(json_t *rows, bool one_document, struct err *e)
{
	OWN_BUF out = { 0 };
	size_t i;
	json_t *row;

	if (one_document) {
		OWN_STR text = json_dumps(rows, JSON_INDENT(2));
		if (!text)
			return err_new(e, E_NOMEM, ENOMEM, "output: out of memory");
		buf_printf(&out, "%s\n", text);
		return list_out(&out, e);
	}
	json_array_foreach(rows, i, row) {
		OWN_STR text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
		if (text)
			buf_printf(&out, "%s\n", text);
	}
	return list_out(&out, e);
}

/* the names that a template of this list may use */
static void hint_fields(const struct list_spec *spec, struct err *e)
{
	OWN_BUF b = { 0 };
	for (size_t i = 0; i < spec->n_fields; i++)
		buf_printf(&b, " .%s", spec->fields[i].name);
	err_hint(e, "fields of this list:%s", b.p ? b.p : "");
}

static int run_template(const struct template *t, json_t *data, unsigned flags, struct buf *out,
			struct err *e)
{
	int r = template_exec(t, data, flags, out, e);
	if (r < 0)
		return err_ctx(e, "format");
	buf_putc(out, '\n');
	return 0;
}

int list_print(const struct list_spec *spec, json_t *rows, const struct list_opt *opt, struct err *e)
{
	ARENA a = { 0 };
	OWN_BUF raw = { 0 };
	struct template *t;
	const char *format = opt->format ? opt->format : "table";
	bool table = !strncmp(format, "table", 5) && (!format[5] || format[5] == ' ');
	size_t i;
	json_t *row;

	if (opt->json || (!strcmp(format, "json") && !opt->quiet))
		return print_json(rows, opt->json, e);
	if (opt->quiet && table) {
		json_array_foreach(rows, i, row)
			buf_printf(&raw, "%s\n", js_str(row, spec->quiet, ""));
		return list_out(&raw, e);
	}
	if (table)
		format = format[5] && format[6] ? format + 6 : spec->table;
	char *text = unescape(&a, format);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "format: out of memory");
	if (template_parse(text, &a, &t, e) < 0) {
		e->kind = E_USAGE;
		hint_fields(spec, e);
		return err_ctx(e, "template parsing error");
	}
	if (table && !opt->no_heading) {
		OWN_JSON header = json_object();
		for (i = 0; i < spec->n_fields; i++)
			(void)json_object_set_new(header, spec->fields[i].name,
						  json_string(spec->fields[i].header));
		if (run_template(t, header, TEMPLATE_STRICT | TEMPLATE_HEADER, &raw, e) < 0) {
			hint_fields(spec, e);
			return -e->eno;
		}
	}
	json_array_foreach(rows, i, row)
		if (run_template(t, row, TEMPLATE_STRICT, &raw, e) < 0) {
			hint_fields(spec, e);
			return -e->eno;
		}
	if (!table)
		return list_out(&raw, e);
	OWN_BUF out = { 0 };
	if (buf_failed(&raw))
		return err_new(e, E_NOMEM, ENOMEM, "output: out of memory");
	table_align(buf_str(&raw), &out);
	return list_out(&out, e);
}

int list_format_one(const char *format, json_t *object, struct buf *out, struct err *e)
{
	ARENA a = { 0 };
	struct template *t;

	if (!strcmp(format, "json")) {
		OWN_STR text = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!text)
			return err_new(e, E_NOMEM, ENOMEM, "format: out of memory");
		buf_printf(out, "%s\n", text);
		return 0;
	}
	char *text = unescape(&a, format);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "format: out of memory");
	if (template_parse(text, &a, &t, e) < 0) {
		e->kind = E_USAGE;
		return err_ctx(e, "template parsing error");
	}
	return run_template(t, object, 0, out, e);
}

void list_set(json_t *row, const char *key, struct buf *b)
{
	(void)json_object_set_new(row, key, json_string_nocheck(b->p ? b->p : ""));
	buf_done(b);
}

void list_set_labels(json_t *row, json_t *labels)
{
	struct buf b = { 0 };
	const char *k;
	json_t *v;

	json_object_foreach(labels, k, v)
		buf_printf(&b, "%s%s=%s", b.n ? "," : "", k, json_string_value(v) ? json_string_value(v) : "");
	list_set(row, "Labels", &b);
	(void)json_object_set_new(row, "Label", json_is_object(labels) ? json_incref(labels) : json_object());
}

void list_copy(json_t *row, const json_t *from, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)json_object_set_new(row, names[i], json_string(js_str(from, names[i], "")));
}
