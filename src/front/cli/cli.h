/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: commands as rows, one context per invocation.
 *
 *   argv -> global flags -> command row -> options -> run() -> engine flow -> printing -> exit code
 *
 * This is the only place that prints. Commands return an exit code, or a negative errno with the
 * error filled; cli_main prints it once.
 */
#ifndef ONGGI_FRONT_CLI_CLI_H
#define ONGGI_FRONT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "engine/engine.h"
#include "format/json.h"
#include "front/cli/opt.h"

struct command;

struct cli {
	const struct command *cmd;
	struct engine eng;      /* open unless the command has CMD_NO_ENGINE */
	json_t *req;            /* what the options gave */
	char **argv;            /* positional arguments */
	int argc;
	struct arena arena;
	const char *root, *run; /* --root, --run-dir */
	const char *storage_driver; /* --storage-driver */
	bool debug, trace, json_errors;
	bool quiet;             /* no warnings: --log-level error */
};

enum command_flags {
	CMD_STOP_AT_ARG = 1, /* flags after the first argument belong to the container's command */
	CMD_NO_ENGINE = 2,   /* does not open the store */
	CMD_EXIT_125 = 4,    /* errors exit with the code of their kind (run), else with 1 */
	CMD_HIDDEN = 8,      /* not in --help */
	CMD_OR_ALL = 32,     /* without arguments where --all is given */
	CMD_RAW_ARGS = 16,   /* checked by the rows, then handed on as typed (onggi-image) */
	CMD_SPARE_STORES = 64, /* goes on without image stores that cannot be used */
};

struct command {
	const char *name;      /* "run" or "volume ls" */
	const char *aliases;   /* "container run,..." or NULL */
	const char *usage;     /* after the name: "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
	const char *summary;
	const char *examples;  /* lines, NULL: none */
	struct opt_set sets[3];
	short min_args, max_args; /* -1: any number */
	unsigned flags;
	int (*run)(struct cli *c, struct err *e);
	const char *complete;  /* what the arguments are: "container", "image" ... */
};

extern const struct command command_table[];
extern const size_t command_count;

/** cli_main - the whole program: exit code. */
int cli_main(int argc, char **argv);

/** command_find - row for argv[0] or argv[0] argv[1]; *ret_words how many were used. NULL when
 * there is none. */
const struct command *command_find(int argc, char **argv, int *ret_words);
/** command_nearest - the command name closest to @word, NULL when none is close. */
const char *command_nearest(const char *word);
/** command_group_exists - whether @word is a management group such as "container". */
bool command_group_exists(const char *word);

/** cli_error - print an error once: "onggi: CHAIN" and "hint: ..." lines, or JSON. */
void cli_error(const struct cli *c, const struct err *e);

enum each_flags {
	EACH_PLAIN = 0,
	EACH_ECHO = 1,       /* print each argument when it is done */
	EACH_MISSING_OK = 2, /* an object that does not exist is told, yet no failure (rm -f) */
	EACH_SERIAL = 4,     /* one after the other: the action prints by itself */
};
/** cli_each - run @one for every positional argument, many at once; results and errors are printed
 * in the order of the arguments. Returns the exit code: 1 when any failed. */
int cli_each(struct cli *c, int (*one)(struct cli *c, const char *arg, struct err *e),
	     enum each_flags flags);

/** cli_all - for --all: @names (array of strings) take the place of the positional arguments, of which there must be none.
 * E_USAGE. */
int cli_all(struct cli *c, const json_t *names, struct err *e);

/** cli_filters - ["a=b", "a=c"] of @name as {"a": ["b", "c"]}; NULL without filters. Caller owns. */
int cli_filters(const struct cli *c, const char *at_name, json_t **ret, struct err *e);

/** help_command, help_group, help_all - print to stdout. */
void help_command(const struct command *cmd);
void help_group(const char *group);
void help_all(void);
/** usage_hint - "See 'onggi run --help'." for usage errors. */
void usage_hint(const struct command *cmd);

/* hidden: completion and man page out of the tables */
int complete_run(struct cli *c, struct err *e);
int manual_run(struct cli *c, struct err *e);

/** cli_export - the archive that @write makes of object argv[0], to the file of --output or to standard output, which
 * must be no terminal. */
int cli_export(struct cli *c, int (*write)(struct engine *eng, const char *name, int out_fd, struct err *e),
	       struct err *e);

#endif
