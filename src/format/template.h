/* SPDX-License-Identifier: Apache-2.0
 *
 * Go's text/template over JSON values, as far as --format of docker's commands needs it: fields,
 * variables, pipelines, parentheses, if/else/with/range/end, define-free, trim markers, comments,
 * Go's own functions (and or not eq ne lt le gt ge len index slice print printf println html js
 * urlquery) and docker's (json split join title lower upper pad truncate println table).
 *
 * Text -> template_parse (tree in an arena) -> template_exec (text into a buffer).
 */
#ifndef ONGGI_FORMAT_TEMPLATE_H
#define ONGGI_FORMAT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "format/json.h"

struct template;

enum template_flags {
	TEMPLATE_STRICT = 1, /* an unknown field is an error, not "<no value>" */
	TEMPLATE_HEADER = 2, /* data are column names: docker's functions give their argument back */
};

/** template_parse - parse @text. Errors are worded as Go's ("template: :1: unexpected ..."). The
 * tree lives in @a and borrows nothing. Nesting is limited to 100 levels. */
int template_parse(const char *text, struct arena *a, struct template **ret, struct err *e);

/** template_exec - carry @t out on @data (borrowed), appending to @out. */
int template_exec(const struct template *t, json_t *data, unsigned flags, struct buf *out,
		  struct err *e);

/** template_print - a value as Go's fmt prints it with %v: [a b], map[k:v], <nil>. */
void template_print(const json_t *v, struct buf *out);

#endif
