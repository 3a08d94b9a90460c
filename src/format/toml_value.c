/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML: strings, numbers, dates, arrays, inline tables. See toml.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/toml_int.h"

static void utf8_put(struct buf *b, unsigned long c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
	} else if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
		buf_putc(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_putc(b, (char)(0x80 | (c & 63)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 63)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_putc(b, (char)(0x80 | (c & 63)));
	}
}

static int escape_unicode(struct toml *t, unsigned digits, struct buf *out)
{
	char hex[9] = "";

	for (unsigned i = 0; i < digits; i++) {
		int c = toml_peek(t, i);
		if (c < 0 || !strchr("0123456789abcdefABCDEF", c) || !c)
			return toml_bad(t, "malformed escape");
		hex[i] = (char)c;
	}
	unsigned long v = strtoul(hex, NULL, 16);
	if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return toml_bad(t, "escape is no character");
	t->p += digits;
	utf8_put(out, v);
	return 0;
}

/* after the backslash */
static int escape_read(struct toml *t, bool multi, struct buf *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = toml_peek(t, 0);
	const char *at = c > 0 ? strchr(from, c) : NULL;

	if (at) {
		t->p++;
		buf_putc(out, to[at - from]);
		return 0;
	}
	if (c == 'u' || c == 'U') {
		t->p++;
		return escape_unicode(t, c == 'u' ? 4 : 8, out);
	}
	if (!multi)
		return toml_bad(t, "malformed escape");
	/* a backslash before the line end swallows all blanks up to the next text */
	toml_blanks(t);
	if (toml_peek(t, 0) == '\r')
		t->p++;
	if (toml_peek(t, 0) != '\n')
		return toml_bad(t, "malformed escape");
	while ((c = toml_peek(t, 0)) == ' ' || c == '\t' || c == '\n' || c == '\r') {
		t->line += c == '\n';
		t->p++;
	}
	return 0;
}

/* up to two quotes may stand before the three that end a string of several lines */
static bool ends(struct toml *t, int quote, bool multi, struct buf *out)
{
	if (toml_peek(t, 0) != quote)
		return false;
	if (!multi) {
		t->p++;
		return true;
	}
	if (toml_peek(t, 1) != quote || toml_peek(t, 2) != quote)
		return false;
	for (int i = 0; i < 2 && toml_peek(t, 3) == quote; i++) {
		buf_putc(out, (char)quote);
		t->p++;
	}
	t->p += 3;
	return true;
}

int toml_string(struct toml *t, struct buf *out)
{
	int quote = toml_peek(t, 0);
	bool multi = toml_peek(t, 1) == quote && toml_peek(t, 2) == quote;

	t->p += multi ? 3 : 1;
	if (multi && toml_peek(t, 0) == '\r' && toml_peek(t, 1) == '\n')
		t->p++;
	if (multi && toml_peek(t, 0) == '\n') {
		t->p++;
		t->line++;
	}
	while (!ends(t, quote, multi, out)) {
		int c = toml_peek(t, 0);
		if (c < 0 || (!multi && c == '\n'))
			return toml_bad(t, "string without an end");
		if ((c < ' ' && c != '\t' && !(multi && (c == '\n' || c == '\r'))) || c == 0x7f)
			return toml_bad(t, "control character in a string");
		t->p++;
		t->line += c == '\n';
		if (c == '\\' && quote == '"') {
			if (escape_read(t, multi, out) < 0)
				return -t->e->eno;
		} else {
			buf_putc(out, (char)c);
		}
	}
	return buf_failed(out) ? err_new(t->e, E_NOMEM, ENOMEM, "%s", t->what) : 0;
}

static int array_read(struct toml *t, json_t **ret)
{
	OWN_JSON list = json_array();

	t->p++;
	for (;;) {
		OWN_JSON v = NULL;
		if (toml_space(t) < 0)
			return -t->e->eno;
		if (toml_peek(t, 0) == ']')
			break;
		if (toml_value(t, &v) < 0)
			return -t->e->eno;
		if (!list || json_array_append(list, v) < 0)
			return err_new(t->e, E_NOMEM, ENOMEM, "%s", t->what);
		if (toml_space(t) < 0)
			return -t->e->eno;
		if (toml_peek(t, 0) == ',')
			t->p++;
		else if (toml_peek(t, 0) != ']')
			return toml_bad(t, "expected \",\" or \"]\"");
	}
	t->p++;
	*ret = ptr_take(&list);
	return *ret ? 0 : err_new(t->e, E_NOMEM, ENOMEM, "%s", t->what);
}

static int inline_table_read(struct toml *t, json_t **ret)
{
	OWN_JSON table = json_object();

	if (!table)
		return err_new(t->e, E_NOMEM, ENOMEM, "%s", t->what);
	t->p++;
	toml_blanks(t);
	if (toml_peek(t, 0) != '}') {
		for (;;) {
			if (toml_pair(t, table) < 0)
				return -t->e->eno;
			toml_blanks(t);
			if (toml_peek(t, 0) == '}')
				break;
			if (toml_peek(t, 0) != ',')
				return toml_bad(t, "expected \",\" or \"}\"");
			t->p++;
		}
	}
	t->p++;
	if (toml_mark(t, t->closed, table) < 0)
		return -t->e->eno;
	*ret = ptr_take(&table);
	return 0;
}

static bool is_date(const char *s, size_t n)
{
	return (n >= 10 && s[4] == '-' && s[7] == '-') || (n >= 8 && s[2] == ':' && s[5] == ':');
}

/* underscores only between digits */
static bool underscores_drop(const char *s, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '_')
			*out++ = s[i];
		else if (!i || i + 1 == n || !strchr(digits, s[i - 1]) || !strchr(digits, s[i + 1]))
			return false;
	}
	*out = 0;
	return true;
}

static json_t *number_of(const char *s)
{
	const char *digits = s + (*s == '+' || *s == '-');
	char *end;
	long long v;

	if (!strcmp(digits, "inf") || !strcmp(digits, "nan"))
		return json_string(s);
	if (*digits < '0' || *digits > '9')
		return NULL;
	errno = 0;
	if (digits == s && s[0] == '0' && s[1] && strchr("xob", s[1])) {
		v = strtoll(s + 2, &end, s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2);
		return s[2] && s[2] != '-' && s[2] != '+' && s[2] != ' ' && !*end && !errno ? json_integer(v) : NULL;
	}
	if (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
		return NULL;
	if (digits[strspn(digits, "0123456789")] == 0) {
		v = strtoll(s, &end, 10);
		return errno ? NULL : json_integer(v);
	}
	const char *dot = strchr(digits, '.');
	if (digits[strspn(digits, "0123456789.eE+-")] ||
	    (dot && (dot[1] < '0' || dot[1] > '9' || dot[-1] < '0' || dot[-1] > '9')))
		return NULL;
	double d = strtod(s, &end);
	return *end ? NULL : json_real(d);
}

/* true, false, numbers, dates */
static int word_read(struct toml *t, json_t **ret)
{
	static const char chars[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-_.:";
	char word[80];
	size_t n = 0;

	while (toml_peek(t, n) > 0 && strchr(chars, toml_peek(t, n)))
		n++;
	/* "1979-05-27 07:32:00": one blank inside of a date */
	if (n == 10 && is_date(t->p, n) && toml_peek(t, 10) == ' ' && toml_peek(t, 11) >= '0' && toml_peek(t, 11) <= '9')
		for (n = 11; toml_peek(t, n) > 0 && strchr(chars, toml_peek(t, n));)
			n++;
	if (!n || n >= sizeof word)
		return toml_bad(t, "expected a value");
	if (is_date(t->p, n)) {
		*ret = json_stringn(t->p, n);
	} else if (n == 4 && !memcmp(t->p, "true", 4)) {
		*ret = json_true();
	} else if (n == 5 && !memcmp(t->p, "false", 5)) {
		*ret = json_false();
	} else {
		*ret = underscores_drop(t->p, n, word) ? number_of(word) : NULL;
		if (!*ret)
			return toml_bad(t, "malformed value \"%.*s\"", (int)n, t->p);
	}
	t->p += n;
	return *ret ? 0 : err_new(t->e, E_NOMEM, ENOMEM, "%s", t->what);
}

int toml_value(struct toml *t, json_t **ret)
{
	int c = toml_peek(t, 0), r;

	if (t->depth == TOML_DEPTH_MAX)
		return toml_bad(t, "more than %d arrays or tables in each other", TOML_DEPTH_MAX);
	t->depth++;
	if (c == '"' || c == '\'') {
		OWN_BUF text = { 0 };
		r = toml_string(t, &text);
		if (r == 0 && !(*ret = json_stringn(text.p ? text.p : "", text.n)))
			r = toml_bad(t, "string is not UTF-8");
	} else if (c == '[') {
		r = array_read(t, ret);
	} else if (c == '{') {
		r = inline_table_read(t, ret);
	} else {
		r = word_read(t, ret);
	}
	t->depth--;
	return r;
}
