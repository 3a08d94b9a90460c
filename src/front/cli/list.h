/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists: rows as JSON objects printed as a table, by a Go template, as JSON, or only IDs.
 */
#ifndef ONGGI_FRONT_CLI_LIST_H
#define ONGGI_FRONT_CLI_LIST_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/json.h"

struct list_field {
	const char *name;   /* member of the row, as in templates */
	const char *header; /* title of its column */
};

struct list_spec {
	const struct list_field *fields;
	size_t n_fields;
	const char *table;  /* default template without "table " */
	const char *quiet;  /* field that -q prints */
};

struct list_opt {
	const char *format; /* --format; NULL: table */
	bool quiet;         /* -q */
	bool json;          /* --json: one array */
	bool no_heading;    /* of a table: rows only */
};

/** list_out - write @b to standard output; a reader that has gone is no error. */
int list_out(const struct buf *b, struct err *e);
/** list_print - print @rows (array of objects). */
int list_print(const struct list_spec *spec, json_t *rows, const struct list_opt *opt, struct err *e);
/** list_format_one - `inspect --format`: one object by a template, newline after it. "json" prints
 * it compactly. */
int list_format_one(const char *format, json_t *object, struct buf *out, struct err *e);

/** list_set - member @key of @row from the text of @b, which is emptied. */
void list_set(json_t *row, const char *key, struct buf *b);
/** list_set_labels - members "Labels" ("a=b,c=d") and "Label" (for {{.Label "a"}}). */
void list_set_labels(json_t *row, json_t *labels);
/** list_copy - text members of @from under their own names, "" where absent. */
void list_copy(json_t *row, const json_t *from, const char *const *names, size_t n);

/** table_align - lay out lines of tab-separated cells: columns padded to the widest cell plus
 * three blanks, at least ten wide, as docker prints them. */
void table_align(const char *text, struct buf *out);

/** human_size - "187MB", "4.26kB": powers of 1000, three digits. */
void human_size(double bytes, struct buf *out);
/** human_sum - the same with four digits, as docker shows what df and prune add up. */
void human_sum(double bytes, struct buf *out);
/** human_bytes - "1.5GiB": powers of 1024, four digits. */
void human_bytes(double bytes, struct buf *out);
/** human_duration - "About a minute", "3 hours", "2 weeks". */
void human_duration(long long seconds, struct buf *out);
/** human_ago - "3 hours ago" of a time in ns since 1970; "N/A" for INT64_MIN. */
void human_ago(long long ns, struct buf *out);
/** human_ports - docker's port column from a ContainerSummary's Ports array. */
void human_ports(const json_t *ports, struct buf *out);
/** human_ellipsis - @s cut to @width characters with an ellipsis at the end. */
void human_ellipsis(const char *s, size_t width, struct buf *out);

#endif
