/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates, executor: walks the tree with one data value and a stack of variables.
 */
#include <string.h>

#include "format/js.h"
#include "format/template_int.h"

enum { VARS_MAX = 64, ARGS_MAX = 16 };

struct exec {
	json_t *root;
	unsigned flags;
	struct buf *out;
	struct err *e;
	struct {
		const char *name;
		json_t *value; /* owned */
	} vars[VARS_MAX];
	size_t n_vars;
	int loop; /* 1: break asked for, 2: continue */
};

static int eval_pipe(struct exec *x, const struct pipe *p, json_t *dot, json_t **ret);

static int set_var(struct exec *x, const char *name, bool declare, json_t *v)
{
	if (!declare)
		for (size_t i = x->n_vars; i-- > 0;)
			if (!strcmp(x->vars[i].name, name)) {
				json_decref(x->vars[i].value);
				x->vars[i].value = json_incref(v);
				return 0;
			}
	if (!declare)
		return err_new(x->e, E_INVALID, EINVAL, "template: undefined variable \"%s\"", name);
	if (x->n_vars == VARS_MAX)
		return err_new(x->e, E_INVALID, E2BIG, "template: more than %d variables", VARS_MAX);
	x->vars[x->n_vars].name = name;
	x->vars[x->n_vars++].value = json_incref(v);
	return 0;
}

static void pop_vars(struct exec *x, size_t to)
{
	while (x->n_vars > to)
		json_decref(x->vars[--x->n_vars].value);
}

/* walk .A.B; consumes the reference @v */
static int eval_fields(struct exec *x, const struct term *t, json_t *v, json_t **ret)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		json_t *next = json_is_object(v) ? json_object_get(v, t->fields[i]) : NULL;
		if (!next && (json_is_null(v) ? i > 0 && (x->flags & TEMPLATE_STRICT) :
						!json_is_object(v) || (x->flags & TEMPLATE_STRICT))) {
			json_decref(v);
			return err_new(x->e, E_INVALID, EINVAL,
				       "template: executing at <.%s>: can't evaluate field %s",
				       t->fields[i], t->fields[i]);
		}
		next = next ? json_incref(next) : json_null();
		json_decref(v);
		v = next;
	}
	*ret = v;
	return 0;
}

static int eval_term(struct exec *x, const struct term *t, json_t *dot, json_t **ret)
{
	json_t *v = NULL;

	switch (t->kind) {
	case TERM_LITERAL: {
		json_error_t je;
		v = json_loads(t->literal, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
		if (!v)
			return err_new(x->e, E_INVALID, EINVAL, "template: bad literal %s", t->literal);
		break;
	}
	case TERM_DOT:
		v = json_incref(dot);
		break;
	case TERM_VARIABLE:
		if (!strcmp(t->name, "$"))
			v = json_incref(x->root);
		for (size_t i = x->n_vars; !v && i-- > 0;)
			if (!strcmp(x->vars[i].name, t->name))
				v = json_incref(x->vars[i].value);
		if (!v)
			return err_new(x->e, E_INVALID, EINVAL, "template: undefined variable \"%s\"", t->name);
		break;
	case TERM_FUNCTION: {
		int r = template_call(t->name, NULL, 0, x->flags, &v, x->e);
		if (r < 0)
			return r;
		break;
	}
	case TERM_PIPE: {
		int r = eval_pipe(x, t->pipe, dot, &v);
		if (r < 0)
			return r;
		break;
	}
	default:
		return err_new(x->e, E_INTERNAL, EINVAL, "template: unknown term");
	}
	return eval_fields(x, t, v, ret);
}

/* a field with arguments is docker's method, such as {{.Label "key"}}: look the key up */
static int call_method(struct exec *x, json_t *v, json_t *key, json_t **ret)
{
	if (x->flags & TEMPLATE_HEADER) {
		*ret = json_incref(key);
		return 0;
	}
	if (!json_is_object(v) || !json_is_string(key))
		return err_new(x->e, E_INVALID, EINVAL, "template: can't give argument to non-function");
	json_t *got = json_object_get(v, json_string_value(key));
	*ret = got ? json_incref(got) : json_string("");
	return 0;
}

/* @last: value piped in from the command before, NULL for the first; borrowed */
static int eval_command(struct exec *x, const struct command *c, json_t *dot, json_t *last, json_t **ret)
{
	json_t *args[ARGS_MAX];
	size_t n = 0;
	int r = 0;
	bool function = c->terms[0].kind == TERM_FUNCTION;

	if (c->n > ARGS_MAX - 1)
		return err_new(x->e, E_INVALID, E2BIG, "template: too many arguments");
	for (size_t i = function; i < c->n && r >= 0; i++) {
		r = eval_term(x, &c->terms[i], dot, &args[n]);
		if (r >= 0)
			n++;
	}
	if (r >= 0 && last)
		args[n++] = json_incref(last);
	if (r < 0)
		;
	else if (function)
		r = template_call(c->terms[0].name, args, n, x->flags, ret, x->e);
	else if (n == 1)
		*ret = json_incref(args[0]);
	else if (n == 2 && c->terms[0].n_fields)
		r = call_method(x, args[0], args[1], ret);
	else
		r = err_new(x->e, E_INVALID, EINVAL, "template: can't give argument to non-function");
	while (n)
		json_decref(args[--n]);
	return r;
}

static int eval_pipe(struct exec *x, const struct pipe *p, json_t *dot, json_t **ret)
{
	OWN_JSON v = NULL;

	for (size_t i = 0; i < p->n; i++) {
		json_t *next = NULL;
		int r = eval_command(x, &p->commands[i], dot, v, &next);
		if (r < 0)
			return r;
		json_decref(v);
		v = next;
	}
	*ret = ptr_take(&v);
	return 0;
}

static int walk(struct exec *x, const struct node *n, json_t *dot);

static int range_once(struct exec *x, const struct node *n, json_t *key, json_t *value)
{
	size_t mark = x->n_vars;
	int r = 0;

	if (n->pipe->vars[1])
		r = set_var(x, n->pipe->vars[0], n->pipe->declare, key);
	if (r >= 0 && n->pipe->vars[0])
		r = set_var(x, n->pipe->vars[n->pipe->vars[1] ? 1 : 0], n->pipe->declare, value);
	if (r >= 0)
		r = walk(x, n->body, value);
	pop_vars(x, mark);
	if (x->loop == 2)
		x->loop = 0;
	return r;
}

static int cmp_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int range_object(struct exec *x, const struct node *n, json_t *v)
{
	size_t count = json_object_size(v), i = 0;
	OWN_PTR const char **keys = calloc(count + 1, sizeof *keys);
	const char *key;
	json_t *val;
	int r = 0;

	if (!keys)
		return err_new(x->e, E_NOMEM, ENOMEM, "template: out of memory");
	json_object_foreach(v, key, val)
		keys[i++] = key;
	qsort(keys, count, sizeof *keys, cmp_key); /* Go visits maps in key order */
	for (i = 0; i < count && r >= 0 && x->loop != 1; i++) {
		OWN_JSON k = json_string_nocheck(keys[i]);
		r = range_once(x, n, k, json_object_get(v, keys[i]));
	}
	return r;
}

static int walk_range(struct exec *x, const struct node *n, json_t *dot)
{
	OWN_JSON v = NULL;
	int r = eval_pipe(x, n->pipe, dot, &v);
	if (r < 0)
		return r;
	if (!template_truth(v))
		return walk(x, n->other, dot);
	if (json_is_array(v))
		for (size_t i = 0; i < json_array_size(v) && r >= 0 && x->loop != 1; i++) {
			OWN_JSON k = json_integer((json_int_t)i);
			r = range_once(x, n, k, json_array_get(v, i));
		}
	else if (json_is_object(v))
		r = range_object(x, n, v);
	else
		return err_new(x->e, E_INVALID, EINVAL, "template: range can't iterate over the value");
	x->loop = 0;
	return r;
}

static int walk_one(struct exec *x, const struct node *n, json_t *dot)
{
	OWN_JSON v = NULL;
	size_t mark = x->n_vars;
	int r;

	switch (n->kind) {
	case NODE_TEXT:
		buf_add(x->out, n->text, n->text_n);
		return 0;
	case NODE_RANGE:
		return walk_range(x, n, dot);
	case NODE_BREAK:
	case NODE_CONTINUE:
		x->loop = n->kind == NODE_BREAK ? 1 : 2;
		return 0;
	case NODE_ACTION:
	case NODE_IF:
	case NODE_WITH:
	default:
		break;
	}
	r = eval_pipe(x, n->pipe, dot, &v);
	if (r >= 0 && n->pipe->vars[0])
		r = set_var(x, n->pipe->vars[0], n->pipe->declare, v);
	if (r < 0)
		return r;
	if (n->kind == NODE_ACTION) {
		if (!n->pipe->vars[0]) {
			if (json_is_null(v))
				buf_puts(x->out, "<no value>");
			else
				template_print(v, x->out);
		}
		return 0;
	}
	if (template_truth(v))
		r = walk(x, n->body, n->kind == NODE_WITH ? v : dot);
	else
		r = walk(x, n->other, dot);
	pop_vars(x, mark);
	return r;
}

static int walk(struct exec *x, const struct node *n, json_t *dot)
{
	for (; n && !x->loop; n = n->next) {
		int r = walk_one(x, n, dot);
		if (r < 0)
			return r;
	}
	return 0;
}

int template_exec(const struct template *t, json_t *data, unsigned flags, struct buf *out, struct err *e)
{
	struct exec x = { .root = data, .flags = flags, .out = out, .e = e };
	int r = walk(&x, t->root, data);
	pop_vars(&x, 0);
	if (r >= 0 && buf_failed(out))
		return err_new(e, E_NOMEM, ENOMEM, "template: out of memory");
	return r;
}
