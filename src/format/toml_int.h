/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the TOML reader: a cursor over the text, shared by keys and tables (toml.c) and
 * values (toml_value.c).
 */
#ifndef ONGGI_FORMAT_TOML_INT_H
#define ONGGI_FORMAT_TOML_INT_H

#include "base/buf.h"
#include "format/js.h"
#include "format/toml.h"

struct toml {
	const char *what, *p, *end;
	unsigned line, depth;
	struct err *e;
	json_t *closed; /* set of tables (by address) that may not be extended: inline ones */
	json_t *headed; /* set of tables that a [header] has named */
};

static inline int toml_peek(const struct toml *t, size_t ahead)
{
	return (size_t)(t->end - t->p) > ahead ? (unsigned char)t->p[ahead] : -1;
}

/** toml_bad - fail at the current line. */
int toml_bad(struct toml *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** toml_blanks - skip spaces and tabs; toml_space: also comments and line ends. */
void toml_blanks(struct toml *t);
int toml_space(struct toml *t);
/** toml_string - a string of any of the four kinds at the cursor. */
int toml_string(struct toml *t, struct buf *out);
/** toml_value - any value. */
int toml_value(struct toml *t, json_t **ret);
/** toml_pair - "key.key = value" into @table. */
int toml_pair(struct toml *t, json_t *table);
/** toml_mark - put a table into a set; toml_marked asks. */
int toml_mark(struct toml *t, json_t *set, const json_t *table);
bool toml_marked(const json_t *set, const json_t *table);

#endif
