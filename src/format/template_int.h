/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates, inside: the tree that the parser makes and the executor walks.
 *
 *   template -> node list: text | action(pipe) | if/with/range(pipe, body, other)
 *   pipe     -> [variable :=] command | command | ...
 *   command  -> term term ...      (function or field with arguments)
 *   term     -> literal | . | $x | function | (pipe), each with a chain of .fields
 */
#ifndef ONGGI_FORMAT_TEMPLATE_INT_H
#define ONGGI_FORMAT_TEMPLATE_INT_H

#include "format/template.h"

enum term_kind { TERM_LITERAL, TERM_DOT, TERM_VARIABLE, TERM_FUNCTION, TERM_PIPE };

struct pipe;
struct term {
	enum term_kind kind;
	const char *name;       /* variable ("$x") or function */
	const char *literal;    /* JSON text of a literal; "null" for nil */
	struct pipe *pipe;
	const char **fields;    /* .A.B after the term */
	size_t n_fields;
};

struct command {
	struct term *terms;
	size_t n;
};

struct pipe {
	const char *vars[2];    /* "$x" or, in range, "$i", "$x"; NULL: none */
	bool declare;           /* := rather than = */
	struct command *commands;
	size_t n;
};

enum node_kind { NODE_TEXT, NODE_ACTION, NODE_IF, NODE_WITH, NODE_RANGE, NODE_BREAK, NODE_CONTINUE };

struct node {
	enum node_kind kind;
	const char *text;
	size_t text_n;
	struct pipe *pipe;
	struct node *body, *other; /* lists */
	struct node *next;
};

struct template {
	struct node *root;
};

/** template_call - run function @name on @argv. *ret is a new reference. */
int template_call(const char *name, json_t **argv, size_t argc, unsigned flags, json_t **ret,
		  struct err *e);
/** template_is_function - whether @name is a known function. */
bool template_is_function(const char *name);
/** template_truth - Go's truth of a value: not empty, not zero. */
bool template_truth(const json_t *v);

#endif
