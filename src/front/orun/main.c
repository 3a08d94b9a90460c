/* SPDX-License-Identifier: Apache-2.0
 *
 * orun's main: global options, the table of commands, help, and the one place that prints an
 * error.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "front/orun/main.h"
#include "front/orun/orun.h"
#include "spec/bundle.h"

static const struct command *const commands[] = {
	&orun_command_checkpoint, &orun_command_create, &orun_command_delete,	 &orun_command_events, &orun_command_exec,
	&orun_command_features,   &orun_command_kill,   &orun_command_list,	 &orun_command_pause,  &orun_command_ps,
	&orun_command_restore,    &orun_command_resume, &orun_command_run,	 &orun_command_spec,	  &orun_command_start,
	&orun_command_state,	     &orun_command_update,
};

struct global_opts {
	const char *root, *log, *log_format, *log_level, *rootless, *criu, *cgroup_manager;
	bool debug, systemd_cgroup, help, version;
};

#define AT(m) offsetof(struct global_opts, m)
/* clang-format off */
static const struct opt_row global_rows[] = {
	{ "debug", 0, OPT_BOOL, AT(debug), NULL, "log what is done" },
	{ "log", 0, OPT_STR, AT(log), "FILE", "write log lines to this file, syslog:[NAME] or journald:[NAME] (default: standard error)" },
	{ "log-format", 0, OPT_STR, AT(log_format), "FORMAT", "text (default) or json" },
	{ "log-level", 0, OPT_STR, AT(log_level), "LEVEL", "error, warning (default), info or debug" },
	{ "root", 0, OPT_STR, AT(root), "DIR", "directory of run-time state (default: /run/orun or $XDG_RUNTIME_DIR/orun)" },
	{ "systemd-cgroup", 0, OPT_BOOL, AT(systemd_cgroup), NULL, "let systemd make the cgroups; cgroupsPath is slice:prefix:name" },
	{ "cgroup-manager", 0, OPT_STR, AT(cgroup_manager), "NAME", "cgroupfs (default), systemd or disabled" },
	{ "rootless", 0, OPT_STR, AT(rootless), "BOOL", "ignore missing permission for cgroups: true, false or auto (default)" },
	{ "criu", 0, OPT_STR, AT(criu), "PATH", "program for checkpoint and restore (default: criu in $PATH)" },
	{ "help", 'h', OPT_BOOL, AT(help), NULL, "print help" },
	{ "version", 'v', OPT_BOOL, AT(version), NULL, "print the version" },
};
/* clang-format on */

static const struct opt_table global_table = { global_rows, ARRAY_LEN(global_rows), true };

struct help_opt {
	bool help;
};
static const struct opt_row help_row = { "help", 'h', OPT_BOOL, 0, NULL, "print help" };

static int version_print(struct err *e)
{
	/* the first three lines in the form that callers of runc take apart */
	return orun_print_text("orun version " ONGGI_VERSION "\ncommit: " ONGGI_VERSION
			  "\nspec: " BUNDLE_VERSION_MAX "\n",
			  e);
}

static int help_print(struct err *e)
{
	OWN_BUF b = { 0 };

	buf_puts(&b, "NAME:\n   orun - Open Container Initiative runtime\n\nUSAGE:\n"
		     "   orun [global options] command [command options] [arguments...]\n\nVERSION:\n   "
		     ONGGI_VERSION "\n\nCOMMANDS:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		buf_printf(&b, "   %-12s %s\n", commands[i]->name, commands[i]->help);
	buf_puts(&b, "   help         print help of a command\n\nGLOBAL OPTIONS:\n");
	orun_opt_help(&global_table, &b);
	if (buf_failed(&b))
		return err_new(e, E_NOMEM, ENOMEM, "help: out of memory");
	return orun_print_text(buf_str(&b), e);
}

static int command_help_print(const struct command *c, struct err *e)
{
	struct opt_table t = { c->rows, c->n_rows, false }, h = { &help_row, 1, false };
	OWN_BUF b = { 0 };

	buf_printf(&b, "NAME:\n   orun %s - %s\n\nUSAGE:\n   orun %s [command options] %s\n\nOPTIONS:\n",
		   c->name, c->help, c->name, c->args);
	orun_opt_help(&t, &b);
	orun_opt_help(&h, &b);
	if (buf_failed(&b))
		return err_new(e, E_NOMEM, ENOMEM, "help: out of memory");
	return orun_print_text(buf_str(&b), e);
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void warn_log(const char *msg, void *data)
{
	const struct orun *o = data;
	orun_log_write(&o->log, LOG_WARNING_, msg, NULL);
}

static void step_log(void *data, const struct way *w, size_t index, uint64_t ns, int result)
{
	const struct orun *o = data;
	char text[256];

	(void)snprintf(text, sizeof text, "%s: step %zu of %zu, %s: %s after %llu us", w->name, index + 1, w->n,
		       w->steps[index].name, result < 0 ? "failed" : "done", (unsigned long long)ns / 1000);
	orun_log_write(&o->log, LOG_DEBUG_, text, NULL);
}

static int log_begin(struct orun *o, const struct global_opts *g, struct err *e)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_ERROR_ },  { "warning", LOG_WARNING_ }, { "warn", LOG_WARNING_ },
		{ "info", LOG_INFO_ },	  { "debug", LOG_DEBUG_ },
	};
	size_t i = 0;

	o->log.level = g->debug ? LOG_DEBUG_ : LOG_WARNING_;
	while (g->log_level && i < ARRAY_LEN(levels) && strcmp(levels[i].name, g->log_level))
		i++;
	if (i == ARRAY_LEN(levels))
		return err_new(e, E_USAGE, EINVAL, "invalid log level \"%s\"", g->log_level);
	if (g->log_level && !g->debug)
		o->log.level = levels[i].level;
	return orun_log_open(&o->log, g->log, g->log_format, e);
}

static int root_begin(struct orun *o, const struct global_opts *g, struct err *e)
{
	OWN_STR root = NULL;

	o->env.root = g->root;
	if (g->root && *g->root)
		return 0;
	if (runtime_root_default(&root, e) < 0)
		return -e->eno;
	o->env.root = arena_strdup(&o->arena, root);
	return o->env.root ? 0 : err_new(e, E_NOMEM, ENOMEM, "out of memory");
}

static int env_begin(struct orun *o, const struct global_opts *g, struct err *e)
{
	static const char *const rootless[] = { "auto", "false", "true" };
	size_t i = 0;

	o->env.warn = warn_log;
	o->env.warn_data = o;
	o->trace = (struct way_observer){ step_log, o };
	if (o->log.level >= LOG_DEBUG_)
		o->env.trace = &o->trace;
	o->env.criu = g->criu && *g->criu ? g->criu : NULL;
	o->env.systemd_cgroup = g->systemd_cgroup;
	if (g->cgroup_manager && !strcmp(g->cgroup_manager, "systemd"))
		o->env.systemd_cgroup = true;
	else if (g->cgroup_manager && !strcmp(g->cgroup_manager, "disabled"))
		o->env.no_cgroup = true;
	else if (g->cgroup_manager && strcmp(g->cgroup_manager, "cgroupfs"))
		return err_new(e, E_USAGE, EINVAL, "unknown cgroup manager \"%s\"", g->cgroup_manager);
	while (g->rootless && i < ARRAY_LEN(rootless) && strcmp(rootless[i], g->rootless))
		i++;
	if (i == ARRAY_LEN(rootless))
		return err_new(e, E_USAGE, EINVAL, "invalid value \"%s\" for --rootless", g->rootless);
	o->env.rootless = (int)i - 1;
	return root_begin(o, g, e);
}

static int args_check(const struct command *cmd, size_t n, struct err *e)
{
	if (n >= cmd->min_args && n <= cmd->max_args)
		return 0;
	if (cmd->min_args == cmd->max_args)
		(void)err_new(e, E_USAGE, EINVAL, "\"%s\" requires exactly %u argument(s)", cmd->name,
			      cmd->min_args);
	else if (n < cmd->min_args)
		(void)err_new(e, E_USAGE, EINVAL, "\"%s\" requires a minimum of %u argument(s)", cmd->name,
			      cmd->min_args);
	else
		(void)err_new(e, E_USAGE, EINVAL, "\"%s\" requires a maximum of %u argument(s)", cmd->name,
			      cmd->max_args);
	err_hint(e, "orun %s --help", cmd->name);
	return -EINVAL;
}

/* whether --help or -h stands among the command's own options */
static bool help_wanted(const struct command *cmd, char *const *argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++) {
		if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h") || !strcmp(*argv, "-help"))
			return true;
		if (**argv != '-' && cmd->flags & COMMAND_STOP_AT_FIRST)
			return false;
	}
	return false;
}

/* the first line of --debug, whatever the command */
static void command_log(const struct orun *o, const struct command *cmd, const struct opt_list *args)
{
	char text[512];

	if (o->log.level < LOG_DEBUG_)
		return;
	(void)snprintf(text, sizeof text, "orun " ONGGI_VERSION ": %s %.256s, root %.128s", cmd->name,
		       args->n ? args->v[0] : "", o->env.root); /* fits */
	orun_log_write(&o->log, LOG_DEBUG_, text, NULL);
}

static int command_call(struct orun *o, const struct command *cmd, char *const *argv, int *ret_status,
			struct err *e)
{
	struct opt_table t = { cmd->rows, cmd->n_rows, cmd->flags & COMMAND_STOP_AT_FIRST };
	struct opt_list args = { 0 };
	void *opts = arena_get(&o->arena, cmd->opts_size + 1);
	int r;

	if (!opts)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	if (help_wanted(cmd, argv))
		return command_help_print(cmd, e);
	if ((r = orun_opt_parse(&t, argv, &o->arena, opts, &args, e)) < 0) {
		err_hint(e, "orun %s --help", cmd->name);
		return r;
	}
	if ((r = args_check(cmd, args.n, e)) < 0)
		return r;
	command_log(o, cmd, &args);
	struct call c = { cmd, opts, args.v, args.n, ret_status };
	return cmd->run(o, &c, e);
}

static int main_help(char *const *argv, struct err *e)
{
	const struct command *cmd = *argv ? command_find(*argv) : NULL;
	if (*argv && !cmd)
		return err_new(e, E_USAGE, EINVAL, "No help topic for '%s'", *argv);
	return cmd ? command_help_print(cmd, e) : help_print(e);
}

/* @ret_status: exit status on success, @ret_failed: on failure */
static int main_run(struct orun *o, char *const *argv, int *ret_status, int *ret_failed, struct err *e)
{
	enum { UNKNOWN_COMMAND = 3 }; /* runc's */
	struct global_opts g = { 0 };
	struct opt_list args = { 0 };
	int r = orun_opt_parse(&global_table, argv, &o->arena, &g, &args, e);
	if (r < 0 || (r = log_begin(o, &g, e)) < 0)
		return r;
	if (g.version)
		return version_print(e);
	if (g.help || !args.n)
		return help_print(e);
	if (!strcmp(args.v[0], "help") || !strcmp(args.v[0], "h"))
		return main_help((char *const *)args.v + 1, e);
	const struct command *cmd = command_find(args.v[0]);
	if (!cmd) {
		*ret_failed = UNKNOWN_COMMAND;
		(void)err_new(e, E_USAGE, EINVAL, "No help topic for '%s'", args.v[0]);
		err_hint(e, "orun --help lists the commands");
		return -EINVAL;
	}
	if (cmd->flags & COMMAND_EXIT_255)
		*ret_failed = 255;
	if ((r = env_begin(o, &g, e)) < 0)
		return r;
	return command_call(o, cmd, (char *const *)args.v + 1, ret_status, e);
}

int orun_main(int argc, char **argv)
{
	struct orun o = { .env = { .rootless = -1 }, .log = { .fd = -1, .level = LOG_WARNING_ } };
	struct err e = { 0 };
	int status = 0, failed = 1;

	int r = main_run(&o, argc > 0 ? argv + 1 : argv, &status, &failed, &e);

	if (r < 0)
		orun_log_write(&o.log, LOG_ERROR_, e.chain, e.hint);
	own_fd_done(&o.log.fd);
	arena_done(&o.arena);
	return r < 0 ? failed : status;
}
