/* SPDX-License-Identifier: Apache-2.0
 *
 * Go's expressions as POSIX's: see tag_pattern.h and https://github.com/google/re2/wiki/Syntax.
 *
 *   (?:x)            (x)          \d \w \s, \D \W \S outside of brackets   [0-9], [^0-9] ...
 *   \. \+ \- ...     the character itself          x*? x+? x??              the same: only whether it fits counts
 */
#include "registry/tag_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"

static int unknown(const char *pattern, const char *at, struct err *e)
{
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "expression %.100s: %.3s is not known here", pattern, at);
}

/* the set behind \d, \w, \s in any case; NULL: another letter */
static const char *class_of(char c)
{
	switch (c | 0x20) {
	case 'd':
		return "0-9";
	case 'w':
		return "0-9A-Za-z_";
	case 's':
		return "\t\n\f\r ";
	default:
		return NULL;
	}
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* "[...]" from *@at on, which ends behind it. In POSIX a backslash is a plain member, so none goes over. */
static int bracket(const char *pattern, const char **at, struct buf *out, struct err *e)
{
	const char *s = *at + 1;

	buf_puts(out, "[");
	if (*s == '^')
		buf_add(out, s++, 1);
	if (*s == ']')
		return unknown(pattern, *at, e);
	for (; *s && *s != ']'; s++) {
		if (*s == '[')
			return unknown(pattern, s, e); /* classes by name, and a bracket as a member */
		if (*s != '\\') {
			buf_add(out, s, 1);
			continue;
		}
		const char *set = s[1] >= 'a' ? class_of(s[1]) : NULL;
		if (set)
			buf_puts(out, set);
		else if (s[1] == '.' || s[1] == '+' || s[1] == '_' || s[1] == '$' || s[1] == '*' || s[1] == '/')
			buf_add(out, s + 1, 1);
		else
			return unknown(pattern, s, e);
		s++;
	}
	if (!*s)
		return err_new(e, E_INVALID, EINVAL, "expression %.100s: a bracket is not closed", pattern);
	buf_puts(out, "]");
	*at = s + 1;
	return 0;
}

static int escape(const char *pattern, const char *s, struct buf *out, struct err *e)
{
	const char *set = class_of(s[1]);

	if (set)
		buf_printf(out, s[1] < 'a' ? "[^%s]" : "[%s]", set);
	else if (!s[1] || is_word(s[1]))
		return unknown(pattern, s, e);
	else
		buf_printf(out, "[%c]", s[1]);
	return 0;
}

/* How much regcomp() will make of it: it writes what is repeated as often as that. Go limits the same, and refuses a
 * repetition of a repetition. */
enum { DEPTH_MAX = 32, COUNT_MAX = 1000, WEIGHT_MAX = 20000 };

struct weight {
	unsigned long sum[DEPTH_MAX], last; /* of each open group, of the last item */
	unsigned depth;
	bool empty;    /* nothing that could be repeated */
	bool repeated; /* it is a repetition already */
};

static int bad(const char *pattern, const char *why, struct err *e)
{
	return err_new(e, E_INVALID, EINVAL, "expression %.100s: %s", pattern, why);
}

static void weigh_item(struct weight *w, unsigned long n)
{
	w->sum[w->depth] += n;
	w->last = n;
	w->empty = w->repeated = false;
}

static int weigh_open(const char *pattern, struct weight *w, struct err *e)
{
	if (++w->depth == DEPTH_MAX)
		return bad(pattern, "groups are nested too deeply", e);
	w->sum[w->depth] = 0;
	w->empty = true;
	return 0;
}

static int weigh_close(const char *pattern, struct weight *w, struct err *e)
{
	if (!w->depth)
		return bad(pattern, "unexpected )", e);
	unsigned long inner = w->sum[w->depth--];
	weigh_item(w, inner + 1);
	return 0;
}

/* "{n}", "{n,}", "{n,m}": how often at most it is written, and its length; 0: something else */
static unsigned long count_of(const char *s, size_t *ret_n)
{
	char *end;
	unsigned long from = strtoul(s + 1, &end, 10), to = from;

	if (s[1] < '0' || s[1] > '9')
		return 0;
	if (*end == ',' && end[1] >= '0' && end[1] <= '9')
		to = strtoul(end + 1, &end, 10);
	else if (*end == ',')
		to = from + 1, end++;
	if (*end != '}' || from > COUNT_MAX || to > COUNT_MAX)
		return 0;
	*ret_n = (size_t)(end + 1 - s);
	return to > from ? to : from + 1;
}

/* "*", "+", "?", "{...}" at @s; *ret_n bytes of it are taken, *ret_lazy: it only says how, which does not count here */
static int weigh_repeat(const char *pattern, const char *s, struct weight *w, size_t *ret_n, bool *ret_lazy, struct err *e)
{
	*ret_n = 1;
	unsigned long times = *s == '{' ? count_of(s, ret_n) : *s == '+' ? 2 : 1;

	*ret_lazy = w->repeated && !w->empty && *s == '?';
	if (!times)
		return unknown(pattern, s, e);
	if (w->empty)
		return bad(pattern, "nothing to repeat", e);
	if (*ret_lazy) {
		w->empty = true; /* no more of them */
		return 0;
	}
	if (w->repeated)
		return bad(pattern, "invalid nested repetition operator", e);
	w->sum[w->depth] += w->last * (times - 1);
	w->last *= times;
	w->repeated = true;
	return w->sum[w->depth] > WEIGHT_MAX ? bad(pattern, "it is too large", e) : 0;
}

/* what is neither a bracket nor an escape nor the beginning of a group */
static int plain(const char *pattern, const char **at, struct weight *w, struct buf *out, struct err *e)
{
	const char *s = *at;
	size_t n = 1;
	bool lazy = false;
	int r = 0;

	if (strchr("*+?{", *s))
		r = weigh_repeat(pattern, s, w, &n, &lazy, e);
	else if (*s == ')')
		r = weigh_close(pattern, w, e);
	else if (strchr("|^$", *s))
		w->empty = true;
	else
		weigh_item(w, 1);
	if (!lazy)
		buf_add(out, s, n);
	*at = s + n;
	return r;
}

static int translate(const char *pattern, struct buf *out, struct err *e)
{
	struct weight w = { .empty = true };

	for (const char *s = pattern; *s;) {
		if (*s == '[') {
			weigh_item(&w, 1);
			if (bracket(pattern, &s, out, e) < 0)
				return -e->eno;
		} else if (*s == '\\') {
			/* alone in a bracket these two mean something; no tag has them */
			if (s[1] == '^' || s[1] == '\\')
				return unknown(pattern, s, e);
			if (escape(pattern, s, out, e) < 0)
				return -e->eno;
			weigh_item(&w, 1);
			s += 2;
		} else if (*s == '(') {
			if (s[1] == '?' && s[2] != ':')
				return unknown(pattern, s, e);
			if (weigh_open(pattern, &w, e) < 0)
				return -e->eno;
			buf_puts(out, "(");
			s += s[1] == '?' ? 3 : 1;
		} else if (plain(pattern, &s, &w, out, e) < 0) {
			return -e->eno;
		}
	}
	if (w.depth)
		return bad(pattern, "a group is not closed", e);
	return buf_failed(out) ? err_new(e, E_NOMEM, ENOMEM, "expression") : 0;
}

int tag_pattern_open(const char *pattern, regex_t *ret, struct err *e)
{
	OWN_BUF text = { 0 };
	char why[128];

	if (strlen(pattern) > TAG_PATTERN_MAX)
		return err_new(e, E_INVALID, E2BIG, "expression of more than %d bytes", TAG_PATTERN_MAX);
	if (translate(pattern, &text, e) < 0)
		return -e->eno;
	int r = regcomp(ret, text.p ? text.p : "", REG_EXTENDED | REG_NOSUB);
	if (!r)
		return 0;
	(void)regerror(r, ret, why, sizeof why);
	return err_new(e, E_INVALID, EINVAL, "expression %.100s: %s", pattern, why);
}

bool tag_pattern_fits(const regex_t *p, const char *tag)
{
	return regexec(p, tag, 0, NULL, 0) == 0;
}

void tag_pattern_close(regex_t *p)
{
	regfree(p);
}
