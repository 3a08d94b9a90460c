/* SPDX-License-Identifier: Apache-2.0
 *
 * orun kill, delete, pause, resume.
 */
#include <regex.h>
#include <signal.h>
#include <stdlib.h>

#include "base/own.h"
#include "front/orun/orun.h"
#include "spec/signal.h"

struct life_opts {
	bool all, regex, force;
};

static const struct opt_row kill_rows[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct life_opts, all), NULL, "signal all processes of the container" },
	{ "regex", 'r', OPT_BOOL, offsetof(struct life_opts, regex), NULL,
	  "all containers whose id matches the regular expression" },
};

static const struct opt_row delete_rows[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct life_opts, force), NULL,
	  "kill a running container first; a missing one is no error" },
	{ "regex", 'r', OPT_BOOL, offsetof(struct life_opts, regex), NULL,
	  "all containers whose id matches the regular expression" },
};

typedef int each_fn(struct orun *o, const char *id, unsigned flags, int arg, struct err *e);

/* go on with the others when one fails; the first error is the result */
static int each_match(struct orun *o, const char *pattern, each_fn *fn, unsigned flags, int arg,
		      struct err *e)
{
	char **ids = NULL;
	size_t n = 0;
	regex_t re;
	int r, result = 0;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return err_new(e, E_USAGE, EINVAL, "invalid regular expression \"%s\"", pattern);
	r = runtime_list(&o->env, &ids, &n, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct err own = { 0 };
		if (regexec(&re, ids[i], 0, NULL, 0))
			continue;
		if (fn(o, ids[i], flags, arg, &own) < 0 && result == 0) {
			*e = own;
			result = -own.eno;
		}
	}
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	regfree(&re);
	return r < 0 ? r : result;
}

static int kill_one(struct orun *o, const char *id, unsigned flags, int signal, struct err *e)
{
	return runtime_kill(&o->env, id, signal, flags, e);
}

static int delete_one(struct orun *o, const char *id, unsigned flags, int unused, struct err *e)
{
	(void)unused; /* shape of each_fn */
	return runtime_delete(&o->env, id, flags, e);
}

static int kill_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct life_opts *opts = c->opts;
	unsigned flags = opts->all ? RUNTIME_KILL_ALL : 0;
	int sig = c->n_args > 1 ? signal_parse(c->args[1]) : SIGTERM;

	if (sig < 0)
		return err_new(e, E_USAGE, EINVAL, "unknown signal \"%s\"", c->args[1]);
	if (opts->regex)
		return each_match(o, c->args[0], kill_one, flags, sig, e);
	return kill_one(o, c->args[0], flags, sig, e);
}

static int delete_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct life_opts *opts = c->opts;
	unsigned flags = opts->force ? RUNTIME_DELETE_FORCE : 0;

	if (opts->regex)
		return each_match(o, c->args[0], delete_one, flags, 0, e);
	return delete_one(o, c->args[0], flags, 0, e);
}

static int pause_run(struct orun *o, const struct call *c, struct err *e)
{
	return runtime_pause(&o->env, c->args[0], e);
}

static int resume_run(struct orun *o, const struct call *c, struct err *e)
{
	return runtime_resume(&o->env, c->args[0], e);
}

const struct command orun_command_kill = {
	.name = "kill", .args = "CONTAINER [SIGNAL]",
	.help = "send a signal (default TERM) to the init process of a container", .run = kill_run,
	.rows = kill_rows, .n_rows = ARRAY_LEN(kill_rows), .opts_size = sizeof(struct life_opts),
	.min_args = 1, .max_args = 2,
};

const struct command orun_command_delete = {
	.name = "delete", .args = "CONTAINER", .help = "remove what is left of a stopped container",
	.run = delete_run, .rows = delete_rows, .n_rows = ARRAY_LEN(delete_rows),
	.opts_size = sizeof(struct life_opts), .min_args = 1, .max_args = 1,
};

const struct command orun_command_pause = {
	.name = "pause", .args = "CONTAINER", .help = "freeze all processes of a container", .run = pause_run,
	.min_args = 1, .max_args = 1,
};

const struct command orun_command_resume = {
	.name = "resume", .args = "CONTAINER", .help = "thaw the processes of a paused container",
	.run = resume_run, .min_args = 1, .max_args = 1,
};
