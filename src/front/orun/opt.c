/* SPDX-License-Identifier: Apache-2.0
 *
 * Option parser of orun: see opt.h.
 */
#include "front/orun/opt.h"

#include <string.h>

#include "base/text.h"

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "options: out of memory");
}

static int list_add(struct opt_list *l, const char *s, struct arena *a, struct err *e)
{
	const char **v = arena_grow(a, l->v, &l->cap, l->n + 2, sizeof *v);
	if (!v)
		return nomem(e);
	l->v = v;
	v[l->n++] = s;
	v[l->n] = NULL;
	return 0;
}

static const struct opt_row *row_find(const struct opt_table *t, const char *name, size_t n)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct opt_row *r = &t->rows[i];
		if ((strlen(r->name) == n && !strncmp(r->name, name, n)) ||
		    (n == 1 && r->letter && r->letter == *name))
			return r;
	}
	return NULL;
}

static int bool_parse(const char *s, bool *ret)
{
	static const char *const yes[] = { "true", "1", "t", "T", "TRUE", "True" };
	static const char *const no[] = { "false", "0", "f", "F", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(s, yes[i]) || !strcmp(s, no[i])) {
			*ret = !strcmp(s, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

static int value_set(const struct opt_row *r, const char *value, struct arena *a, void *out, struct err *e)
{
	void *member = (char *)out + r->offset;
	struct opt_int *num = member;

	switch (r->kind) {
	case OPT_BOOL:
		*(bool *)member = true;
		if (value && bool_parse(value, member) < 0)
			return err_new(e, E_USAGE, EINVAL, "invalid boolean value \"%s\" for --%s", value,
				       r->name);
		break;
	case OPT_STR:
		*(const char **)member = value;
		break;
	case OPT_INT:
		if (text_int64(value, &num->v) < 0)
			return err_new(e, E_USAGE, EINVAL, "invalid value \"%s\" for --%s: no number", value,
				       r->name);
		num->given = true;
		break;
	case OPT_LIST:
		return list_add(member, value, a, e);
	case OPT_KIND_N:
		break;
	}
	return 0;
}

/* "-td": several one-letter options without a value */
static bool letters_set(const struct opt_table *t, const char *letters, void *out)
{
	for (const char *c = letters; *c; c++) {
		const struct opt_row *r = row_find(t, c, 1);
		if (!r || r->kind != OPT_BOOL)
			return false;
	}
	for (const char *c = letters; *c; c++)
		*(bool *)((char *)out + row_find(t, c, 1)->offset) = true;
	return true;
}

static int unknown(const struct opt_table *t, const char *word, size_t n, struct err *e)
{
	unsigned best = 3;
	const char *near = NULL;
	char name[64];

	(void)err_new(e, E_USAGE, EINVAL, "flag provided but not defined: -%.*s", (int)n, word);
	(void)snprintf(name, sizeof name, "%.*s", (int)n, word);
	for (size_t i = 0; i < t->n; i++) {
		unsigned d = text_distance(name, t->rows[i].name);
		if (t->rows[i].help && d < best) {
			best = d;
			near = t->rows[i].name;
		}
	}
	if (near)
		err_hint(e, "did you mean --%s?", near);
	return -EINVAL;
}

/* one option at @argv[0]; returns how many words it took */
static int option_read(const struct opt_table *t, char *const *argv, struct arena *a, void *out,
		       struct err *e)
{
	const char *word = argv[0] + (argv[0][1] == '-' ? 2 : 1);
	size_t n = strcspn(word, "=");
	const char *value = word[n] ? word + n + 1 : NULL;
	const struct opt_row *r = row_find(t, word, n);
	int used = 1;

	if (!r) {
		if (argv[0][1] != '-' && !value && letters_set(t, word, out))
			return 1;
		return unknown(t, word, n, e);
	}
	if (r->kind != OPT_BOOL && !value) {
		value = argv[1];
		used = 2;
		if (!value)
			return err_new(e, E_USAGE, EINVAL, "flag needs an argument: --%s", r->name);
	}
	int ret = value_set(r, value, a, out, e);
	return ret < 0 ? ret : used;
}

int orun_opt_parse(const struct opt_table *t, char *const *argv, struct arena *a, void *out,
	      struct opt_list *ret_args, struct err *e)
{
	bool options = true;
	int r;

	while (*argv) {
		const char *word = *argv;
		if (options && !strcmp(word, "--")) {
			options = false;
			argv++;
		} else if (options && word[0] == '-' && word[1]) {
			if ((r = option_read(t, argv, a, out, e)) < 0)
				return r;
			argv += r;
		} else {
			if ((r = list_add(ret_args, word, a, e)) < 0)
				return r;
			argv++;
			/* a "--" right after it is the caller's word for the same */
			if (t->stop_at_first && options) {
				options = false;
				if (*argv && !strcmp(*argv, "--"))
					argv++;
			}
		}
	}
	return 0;
}

void orun_opt_help(const struct opt_table *t, struct buf *b)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct opt_row *r = &t->rows[i];
		OWN_BUF left = { 0 };
		if (!r->help)
			continue;
		buf_printf(&left, "   --%s%s%s", r->name, r->value ? " " : "", r->value ? r->value : "");
		if (r->letter)
			buf_printf(&left, ", -%c%s%s", r->letter, r->value ? " " : "", r->value ? r->value : "");
		buf_printf(b, "%-36s %s\n", buf_str(&left) ? buf_str(&left) : "", r->help);
	}
}
