/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates, parser: text -> tree. A hand-written lexer over one cursor; recursive descent, depth
 * limited, since templates come from users (and later from REST clients).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "format/template_int.h"

enum { DEPTH_MAX = 100 };

struct parser {
	const char *p;     /* cursor */
	const char *start;
	struct arena *a;
	struct err *e;
	int depth;
};

static int fail(struct parser *s, const char *what)
{
	int line = 1;
	for (const char *q = s->start; q < s->p; q++)
		line += *q == '\n';
	return err_new(s->e, E_INVALID, EINVAL, "template: :%d: %s", line, what);
}

static int nomem(struct parser *s)
{
	return err_new(s->e, E_NOMEM, ENOMEM, "template: out of memory");
}

static void blanks(struct parser *s)
{
	while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')
		s->p++;
}

/* at "}}" or " -}}" */
static bool at_end(struct parser *s)
{
	blanks(s);
	return !strncmp(s->p, "}}", 2) || !strncmp(s->p, "-}}", 3);
}

static size_t word_len(const char *p)
{
	size_t n = 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_' || (unsigned char)p[n] >= 0x80)
		n++;
	return n;
}

static int parse_pipe(struct parser *s, struct pipe **ret);

/* "..." with Go escapes, `...` raw, 'c' as its number; gives JSON text */
static int parse_quoted(struct parser *s, const char **ret)
{
	OWN_BUF text = { 0 };
	OWN_BUF json = { 0 };
	char quote = *s->p++;

	while (*s->p && *s->p != quote) {
		if (quote == '`' || *s->p != '\\') {
			buf_putc(&text, *s->p++);
			continue;
		}
		s->p++;
		static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
		const char *at = *s->p ? strchr(from, *s->p) : NULL;
		unsigned code;
		int used = 0;
		if (at) {
			buf_putc(&text, to[at - from]);
			s->p++;
		} else if (*s->p == 'x' && sscanf(s->p + 1, "%2x%n", &code, &used) == 1 && used == 2) {
			buf_putc(&text, (char)code);
			s->p += 3;
		} else
			return fail(s, "invalid escape in string");
	}
	if (!*s->p)
		return fail(s, "unterminated quoted string");
	s->p++;
	if (quote == '\'')
		buf_printf(&json, "%u", text.n ? (unsigned char)text.p[0] : 0);
	else
		buf_json_string(&json, text.n ? text.p : "", text.n);
	*ret = buf_failed(&json) ? NULL : arena_strdup(s->a, buf_str(&json));
	return *ret ? 0 : nomem(s);
}

static int parse_number(struct parser *s, const char **ret)
{
	size_t n = *s->p == '-' || *s->p == '+';
	bool plus = *s->p == '+';
	while (isdigit((unsigned char)s->p[n]) || s->p[n] == '.' || s->p[n] == 'e')
		n++;
	*ret = arena_strndup(s->a, s->p + plus, n - plus);
	s->p += n;
	return *ret ? 0 : nomem(s);
}

static int parse_fields(struct parser *s, struct term *t)
{
	size_t cap = 0;
	while (*s->p == '.' && word_len(s->p + 1)) {
		size_t n = word_len(s->p + 1);
		t->fields = arena_grow(s->a, t->fields, &cap, t->n_fields + 1, sizeof *t->fields);
		if (!t->fields || !(t->fields[t->n_fields++] = arena_strndup(s->a, s->p + 1, n)))
			return nomem(s);
		s->p += n + 1;
	}
	return 0;
}

static int parse_term(struct parser *s, struct term *t)
{
	size_t n;

	*t = (struct term){ 0 };
	if (*s->p == '"' || *s->p == '`' || *s->p == '\'') {
		t->kind = TERM_LITERAL;
		return parse_quoted(s, &t->literal);
	}
	if (isdigit((unsigned char)*s->p) || ((*s->p == '-' || *s->p == '+') && isdigit((unsigned char)s->p[1]))) {
		t->kind = TERM_LITERAL;
		return parse_number(s, &t->literal);
	}
	if (*s->p == '(') {
		s->p++;
		t->kind = TERM_PIPE;
		if (parse_pipe(s, &t->pipe) < 0)
			return -s->e->eno;
		blanks(s);
		if (*s->p != ')')
			return fail(s, "unclosed left paren");
		s->p++;
		return parse_fields(s, t);
	}
	if (*s->p == '.') {
		t->kind = TERM_DOT;
		if (!word_len(s->p + 1))
			s->p++;
		return parse_fields(s, t);
	}
	if (*s->p == '$') {
		n = word_len(s->p + 1) + 1;
		t->kind = TERM_VARIABLE;
		t->name = arena_strndup(s->a, s->p, n);
		s->p += n;
		return t->name ? parse_fields(s, t) : nomem(s);
	}
	n = word_len(s->p);
	if (!n) {
		char what[64];
		(void)snprintf(what, sizeof what, "unexpected \"%c\" in operand", *s->p);
		return fail(s, *s->p ? what : "unclosed action");
	}
	char *word = arena_strndup(s->a, s->p, n);
	if (!word)
		return nomem(s);
	s->p += n;
	if (!strcmp(word, "true") || !strcmp(word, "false") || !strcmp(word, "nil")) {
		t->kind = TERM_LITERAL;
		t->literal = word[0] == 'n' ? "null" : word;
		return 0;
	}
	t->kind = TERM_FUNCTION;
	t->name = word;
	if (!template_is_function(word)) {
		char what[128];
		(void)snprintf(what, sizeof what, "function \"%.60s\" not defined", word);
		return fail(s, what);
	}
	return 0;
}

static int parse_command(struct parser *s, struct command *c)
{
	size_t cap = 0;
	for (;;) {
		blanks(s);
		if (at_end(s) || *s->p == '|' || *s->p == ')')
			break;
		c->terms = arena_grow(s->a, c->terms, &cap, c->n + 1, sizeof *c->terms);
		if (!c->terms)
			return nomem(s);
		if (parse_term(s, &c->terms[c->n]) < 0)
			return -s->e->eno;
		c->n++;
	}
	return c->n ? 0 : fail(s, "missing value for command");
}

/* "$x :=", "$i, $x :=", "$x =" */
static int parse_variables(struct parser *s, struct pipe *p)
{
	const char *save = s->p;
	const char *names[2] = { NULL, NULL };

	for (int i = 0; i < 2 && *s->p == '$'; i++) {
		size_t n = word_len(s->p + 1) + 1;
		names[i] = arena_strndup(s->a, s->p, n);
		if (!names[i])
			return nomem(s);
		s->p += n;
		blanks(s);
		if (*s->p != ',')
			break;
		s->p++;
		blanks(s);
	}
	bool declare = !strncmp(s->p, ":=", 2);
	if (!names[0] || (!declare && (*s->p != '=' || s->p[1] == '='))) {
		s->p = save;
		return 0;
	}
	s->p += declare ? 2 : 1;
	p->vars[0] = names[0];
	p->vars[1] = names[1];
	p->declare = declare;
	return 0;
}

static int parse_pipe(struct parser *s, struct pipe **ret)
{
	struct pipe *p = arena_get(s->a, sizeof *p);
	size_t cap = 0;

	if (!p)
		return nomem(s);
	if (++s->depth > DEPTH_MAX)
		return fail(s, "too deeply nested");
	blanks(s);
	if (parse_variables(s, p) < 0)
		return -s->e->eno;
	for (;;) {
		p->commands = arena_grow(s->a, p->commands, &cap, p->n + 1, sizeof *p->commands);
		if (!p->commands)
			return nomem(s);
		p->commands[p->n] = (struct command){ 0 };
		if (parse_command(s, &p->commands[p->n]) < 0)
			return -s->e->eno;
		p->n++;
		blanks(s);
		if (*s->p != '|')
			break;
		s->p++;
	}
	s->depth--;
	*ret = p;
	return 0;
}

/* the cursor stands at the end of an action: step over it and, after "-}}", over blanks */
static int close_action(struct parser *s)
{
	if (!at_end(s))
		return fail(s, "unexpected characters in action");
	bool trim = *s->p == '-';
	s->p += trim ? 3 : 2;
	if (trim)
		blanks(s);
	return 0;
}

static bool keyword(struct parser *s, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(s->p, word, n) || word_len(s->p) != n)
		return false;
	s->p += n;
	return true;
}

enum stop { STOP_EOF, STOP_END, STOP_ELSE, STOP_ELSE_IF, STOP_ELSE_WITH };

static int parse_list(struct parser *s, struct node **ret, enum stop *ret_stop);

static int parse_block(struct parser *s, struct node *n)
{
	enum stop stop;

	if (++s->depth > DEPTH_MAX)
		return fail(s, "too deeply nested");
	if (parse_pipe(s, &n->pipe) < 0 || close_action(s) < 0 || parse_list(s, &n->body, &stop) < 0)
		return -s->e->eno;
	if (stop == STOP_ELSE_IF || stop == STOP_ELSE_WITH) {
		struct node *other = arena_get(s->a, sizeof *other);
		if (!other)
			return nomem(s);
		other->kind = stop == STOP_ELSE_IF ? NODE_IF : NODE_WITH;
		n->other = other;
		s->depth--;
		return parse_block(s, other);
	}
	if (stop == STOP_ELSE && parse_list(s, &n->other, &stop) < 0)
		return -s->e->eno;
	s->depth--;
	return stop == STOP_END ? 0 : fail(s, "unexpected EOF");
}

/* an action, the cursor after "{{"; *ret stays NULL for a comment or when *ret_stop is set */
static int parse_action(struct parser *s, struct node **ret, enum stop *ret_stop)
{
	blanks(s);
	if (!strncmp(s->p, "/*", 2)) {
		const char *end = strstr(s->p, "*/");
		if (!end)
			return fail(s, "unclosed comment");
		s->p = end + 2;
		return close_action(s);
	}
	if (keyword(s, "end")) {
		*ret_stop = STOP_END;
		return close_action(s);
	}
	if (keyword(s, "else")) {
		blanks(s);
		*ret_stop = keyword(s, "if") ? STOP_ELSE_IF : keyword(s, "with") ? STOP_ELSE_WITH : STOP_ELSE;
		return *ret_stop == STOP_ELSE ? close_action(s) : 0;
	}
	struct node *n = arena_get(s->a, sizeof *n);
	if (!n)
		return nomem(s);
	*ret = n;
	if (keyword(s, "if"))
		n->kind = NODE_IF;
	else if (keyword(s, "with"))
		n->kind = NODE_WITH;
	else if (keyword(s, "range"))
		n->kind = NODE_RANGE;
	else if (keyword(s, "break") || keyword(s, "continue")) {
		n->kind = s->p[-1] == 'k' ? NODE_BREAK : NODE_CONTINUE;
		return close_action(s);
	} else {
		n->kind = NODE_ACTION;
		if (parse_pipe(s, &n->pipe) < 0)
			return -s->e->eno;
		return close_action(s);
	}
	return parse_block(s, n);
}

static int parse_list(struct parser *s, struct node **ret, enum stop *ret_stop)
{
	struct node **tail = ret;

	*ret_stop = STOP_EOF;
	for (;;) {
		const char *open = strstr(s->p, "{{");
		size_t n = open ? (size_t)(open - s->p) : strlen(s->p);
		bool trim = open && open[2] == '-' && strchr(" \t\r\n", open[3]) && open[3];
		if (trim)
			while (n && strchr(" \t\r\n", s->p[n - 1]))
				n--;
		if (n) {
			struct node *text = arena_get(s->a, sizeof *text);
			if (!text || !(text->text = arena_strndup(s->a, s->p, n)))
				return nomem(s);
			text->kind = NODE_TEXT;
			text->text_n = n;
			*tail = text;
			tail = &text->next;
		}
		if (!open) {
			s->p += strlen(s->p);
			return 0;
		}
		s->p = open + (trim ? 3 : 2);
		struct node *node = NULL;
		enum stop stop = STOP_EOF;
		if (parse_action(s, &node, &stop) < 0)
			return -s->e->eno;
		if (stop != STOP_EOF) {
			*ret_stop = stop;
			return 0;
		}
		if (node) {
			*tail = node;
			tail = &node->next;
		}
	}
}

int template_parse(const char *text, struct arena *a, struct template **ret, struct err *e)
{
	struct parser s = { .p = text, .start = text, .a = a, .e = e };
	struct template *t = arena_get(a, sizeof *t);
	enum stop stop;

	if (!t)
		return nomem(&s);
	if (parse_list(&s, &t->root, &stop) < 0)
		return -e->eno;
	if (stop != STOP_EOF)
		return fail(&s, stop == STOP_END ? "unexpected {{end}}" : "unexpected {{else}}");
	*ret = t;
	return 0;
}
