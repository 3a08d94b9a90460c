/* SPDX-License-Identifier: Apache-2.0
 *
 * Options as rows. One row per flag: name, letter, type, and the place of its value in the request
 * ("HostConfig.Memory": docker's create body). The parser makes the request from the rows; --help,
 * the man page and the completion are printed from the same rows.
 *
 *   argv --opt_parse--> request (JSON object) + positional arguments
 */
#ifndef ONGGI_FRONT_CLI_OPT_H
#define ONGGI_FRONT_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"

enum opt_type {
	OPT_BOOL,     /* --x, --x=false */
	OPT_STRING,
	OPT_INT,
	OPT_BYTES,    /* 64m, 1.5g */
	OPT_CPUS,     /* 1.5 -> nano CPUs */
	OPT_DURATION, /* 1m30s -> nanoseconds */
	OPT_LIST,     /* repeatable: array of strings */
	OPT_MAP,      /* repeatable KEY=VALUE: object */
	OPT_CUSTOM,   /* the row's own @put */
	OPT_REFUSED,  /* known to docker, not here: @help says why */
	OPT_TYPE_N
};

enum opt_flags {
	OPT_HIDDEN = 1,   /* works, but is not shown by --help (old spellings) */
	OPT_INVERT = 2,   /* boolean stored inverted (--no-healthcheck style) */
	OPT_ONE_LIST = 4, /* a single value stored as array of one (--entrypoint) */
	OPT_OBJECTS = 8,  /* list stored as object {"VALUE": {}} (--expose) */
};

struct opt;
/** opt_put - convert @value and store it in @request; E_USAGE or E_INVALID on a bad value. */
typedef int opt_put(json_t *request, const struct opt *o, const char *value, struct err *e);

struct opt {
	const char *name;   /* without dashes */
	char letter;        /* 0: none */
	enum opt_type type;
	unsigned flags;
	const char *path;   /* dotted place in the request; "@name" for what only the CLI uses */
	const char *meta;   /* type word of --help ("list", "bytes"); NULL: from the type */
	const char *help;
	opt_put *put;
	const char *complete; /* completion: "container", "image", "volume", "network", "file", or
				 words separated by blanks */
};

struct opt_set {
	const struct opt *rows;
	size_t n;
};

struct opt_result {
	json_t *request;  /* owned: object with every value given */
	char **argv;      /* positional arguments; points into the caller's argv */
	int argc;
	bool help;        /* --help was given */
};

enum opt_parse_flags { OPT_STOP_AT_ARG = 1 }; /* flags after the first argument are not ours */

/** opt_parse - parse @argv[0..argc) (no program name) by the rows of @sets (searched in order).
 * E_USAGE in docker's words: "unknown flag: --x", "unknown shorthand flag: 'x' in -x",
 * "flag needs an argument: --x", `invalid argument "x" for "-m, --memory" flag: ...`, with the
 * nearest flag as hint. @a holds the positional array. */
int opt_parse(const struct opt_set *sets, size_t n_sets, int argc, char **argv, unsigned flags,
	      struct arena *a, struct opt_result *ret, struct err *e);

/** opt_store - put @value (reference taken) at @path of @request, making objects on the way. */
int opt_store(json_t *request, const char *path, json_t *value, struct err *e);
/** opt_append - append to the array at @path, made when missing. */
int opt_append(json_t *request, const char *path, json_t *value, struct err *e);
/** opt_set_key - set @key in the object at @path, made when missing. */
int opt_set_key(json_t *request, const char *path, const char *key, json_t *value, struct err *e);

/** opt_bool, opt_str, opt_int - what a "@name" row got; @dflt when it was not given. */
bool opt_bool(const json_t *request, const char *at_name);
const char *opt_str(const json_t *request, const char *at_name, const char *dflt);
long long opt_int(const json_t *request, const char *at_name, long long dflt);

#endif
