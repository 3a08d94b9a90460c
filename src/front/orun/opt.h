/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of orun, one table row each, in the forms that callers of runc use: --flag=value,
 * --flag value, -flag value, -f value, --bool, --bool=false, "--". The engine's CLI has a parser
 * of its own whose rows carry JSON paths as well.
 */
#ifndef ONGGI_FRONT_ORUN_OPT_H
#define ONGGI_FRONT_ORUN_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum opt_kind {
	OPT_BOOL, /* bool */
	OPT_STR,  /* const char *; NULL: not given */
	OPT_INT,  /* struct opt_int */
	OPT_LIST, /* struct opt_list, may be given again */
	OPT_KIND_N
};

struct opt_int {
	bool given;
	int64_t v;
};

struct opt_list {
	const char **v;
	size_t n, cap;
};

struct opt_row {
	const char *name;
	char letter;       /* 0: none */
	enum opt_kind kind;
	size_t offset;     /* of the member in the struct that the table fills */
	const char *value; /* name of the value in --help; NULL for OPT_BOOL */
	const char *help;  /* NULL: accepted and not shown */
};

struct opt_table {
	const struct opt_row *rows;
	size_t n;
	bool stop_at_first; /* everything after the first argument belongs to somebody else */
};

/** orun_opt_parse - read @argv[0..argc-1] into the struct @out. Arguments that are no options go to
 * @ret_args. E_USAGE on anything wrong. Strings are borrowed from @argv. */
int orun_opt_parse(const struct opt_table *t, char *const *argv, struct arena *a, void *out,
	      struct opt_list *ret_args, struct err *e);
/** orun_opt_help - the rows as text. */
void orun_opt_help(const struct opt_table *t, struct buf *b);

#endif
