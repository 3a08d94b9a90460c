/* SPDX-License-Identifier: Apache-2.0
 *
 * orun create, run, start.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "format/js.h"
#include "front/orun/orun.h"

struct create_opts {
	const char *bundle, *config, *console_socket, *pidfd_socket, *pid_file;
	struct opt_int preserve_fds;
	bool no_pivot, no_new_keyring;
	bool detach, keep, no_subreaper;
};

#define AT(m) offsetof(struct create_opts, m)
/* clang-format off */
#define CREATE_ROWS                                                                                 \
	{ "bundle", 'b', OPT_STR, AT(bundle), "DIR", "directory of the bundle (default: here)" },    \
	{ "config", 'f', OPT_STR, AT(config), "FILE", "configuration (default: BUNDLE/config.json)" }, \
	{ "console-socket", 0, OPT_STR, AT(console_socket), "SOCKET",                               \
	  "AF_UNIX socket that receives the master of the terminal" },                              \
	{ "pidfd-socket", 0, OPT_STR, AT(pidfd_socket), "SOCKET",                                   \
	  "AF_UNIX socket that receives a pidfd of the init process" },                             \
	{ "pid-file", 0, OPT_STR, AT(pid_file), "FILE", "write the process id to this file" },      \
	{ "no-pivot", 0, OPT_BOOL, AT(no_pivot), NULL, "do not use pivot_root (root on a ramdisk)" }, \
	{ "no-new-keyring", 0, OPT_BOOL, AT(no_new_keyring), NULL, "keep the caller's session keyring" }, \
	{ "preserve-fds", 0, OPT_INT, AT(preserve_fds), "N",                                        \
	  "pass N more descriptors from 3 on (after those of $LISTEN_FDS)" }

static const struct opt_row create_rows[] = { CREATE_ROWS };
static const struct opt_row run_rows[] = {
	CREATE_ROWS,
	{ "detach", 'd', OPT_BOOL, AT(detach), NULL, "do not wait for the process" },
	{ "keep", 0, OPT_BOOL, AT(keep), NULL, "do not delete the container after it has ended" },
	{ "no-subreaper", 0, OPT_BOOL, AT(no_subreaper), NULL, "do not reap orphans of the container" },
};
/* clang-format on */

/* sd_listen_fds(3): tell the process in the container about the sockets that it is given */
static int activation_add(json_t *config, int n, struct err *e)
{
	json_t *env = js_at(config, "process.env"), *process = json_object_get(config, "process");

	if (!n || !json_is_object(process))
		return 0;
	if (!env && json_object_set_new(process, "env", json_array()) == 0)
		env = json_object_get(process, "env");
	if (!json_is_array(env))
		return 0; /* the parser says what is wrong */
	if (json_array_append_new(env, json_sprintf("LISTEN_FDS=%d", n)) < 0 ||
	    json_array_append_new(env, json_string("LISTEN_PID=1")) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "environment: out of memory");
	return 0;
}

struct prepared {
	struct runtime_create_req req;
	char *bundle;
	json_t *config;
	int console_socket;
	bool terminal;
};

static void prepared_done(struct prepared *p)
{
	free(p->bundle);
	own_json_done(&p->config);
	own_fd_done(&p->console_socket);
}

static int prepare(const struct call *c, bool detached, struct prepared *p, struct err *e)
{
	const struct create_opts *opts = c->opts;
	int r, sockets = orun_listen_fds();

	if ((r = orun_bundle_load(opts->bundle, opts->config, &p->bundle, &p->config, e)) < 0)
		return r;
	p->terminal = js_bool(p->config, "process.terminal", false);
	if ((r = orun_terminal_check(p->terminal, detached, opts->console_socket, e)) < 0 ||
	    (r = activation_add(p->config, sockets, e)) < 0)
		return r;
	if (opts->console_socket && (r = orun_socket_connect(opts->console_socket, &p->console_socket, e)) < 0)
		return r;
	if (opts->preserve_fds.v < 0 || opts->preserve_fds.v > 65536)
		return err_new(e, E_USAGE, EINVAL, "invalid value for --preserve-fds");
	p->req = (struct runtime_create_req){
		.id = c->args[0],
		.bundle = p->bundle,
		.config = p->config,
		.stdio = { -1, -1, -1 },
		.console_socket = p->console_socket,
		.preserve_fds = (int)opts->preserve_fds.v + sockets,
		.pid_file = opts->pid_file,
		.no_pivot = opts->no_pivot,
		.no_new_keyring = opts->no_new_keyring,
	};
	return 0;
}

static int pidfd_send(const struct create_opts *opts, int xpidfd, struct err *e)
{
	OWN_FD sock = -1;
	int r;

	if (!opts->pidfd_socket)
		return 0;
	if ((r = orun_socket_connect(opts->pidfd_socket, &sock, e)) < 0)
		return r;
	return orun_socket_send_fd(sock, xpidfd, "pidfd", e);
}

/* a container that was made and yet cannot be handed over is taken back */
static int give_up(struct orun *o, const char *id, const struct err *e)
{
	struct err own = { 0 };
	(void)runtime_delete(&o->env, id, RUNTIME_DELETE_FORCE, &own); /* the first error counts */
	return -e->eno;
}

/* runc's words for everything about the command itself; engines look for them */
static int command_failed(struct err *e)
{
	if (e->kind == E_EXEC_MISSING || e->kind == E_EXEC_DENIED)
		return err_ctx(e, "unable to start container process");
	return -e->eno;
}

static int create_run(struct orun *o, const struct call *c, struct err *e)
{
	CLEANUP(prepared_done) struct prepared p = { .console_socket = -1 };
	struct runtime_proc proc = { .pidfd = -1 };
	int r = prepare(c, true, &p, e);
	if (r < 0)
		return r;
	if (runtime_create(&o->env, &p.req, &proc, e) < 0)
		return command_failed(e);
	r = pidfd_send(c->opts, proc.pidfd, e);
	own_fd_done(&proc.pidfd);
	return r < 0 ? give_up(o, p.req.id, e) : 0;
}

static int foreground_run(struct orun *o, const struct call *c, struct prepared *p, struct err *e)
{
	const struct create_opts *opts = c->opts;
	struct runtime_proc proc = { .pidfd = -1 };
	struct runtime_made *made = NULL;
	struct foreground *f = NULL;
	struct err own = { 0 };
	int console = -1;
	int r = foreground_begin(!opts->no_subreaper, &f, e);
	if (r < 0)
		return r;
	p->req.own_child = true;
	p->req.ret_made = &made;
	if ((r = foreground_size(json_object_get(p->config, "process"), e)) < 0) {
		foreground_end(f);
		return r;
	}
	p->req.ret_console = p->terminal ? &console : NULL;
	r = runtime_create(&o->env, &p->req, &proc, e);
	if (r < 0) {
		foreground_end(f);
		return command_failed(e);
	}
	r = pidfd_send(opts, proc.pidfd, e);
	if (r == 0)
		r = foreground_wait(f, &proc, console, c->ret_status, e);
	foreground_end(f);
	own_fd_done(&proc.pidfd);
	if (r < 0 || opts->keep) {
		runtime_made_free(made);
		return r < 0 ? give_up(o, p->req.id, e) : 0;
	}
	if ((made ? runtime_made_remove(&o->env, made, &own) :
		    runtime_delete(&o->env, p->req.id, RUNTIME_DELETE_FORCE, &own)) < 0)
		orun_log_write(&o->log, LOG_WARNING_, own.chain, own.hint); /* the process did its work */
	return 0;
}

static int run_run(struct orun *o, const struct call *c, struct err *e)
{
	CLEANUP(prepared_done) struct prepared p = { .console_socket = -1 };
	const struct create_opts *opts = c->opts;
	struct runtime_proc proc = { .pidfd = -1 };
	int r = prepare(c, opts->detach, &p, e);
	if (r < 0)
		return r;
	p.req.run = true;
	if (!opts->detach)
		return foreground_run(o, c, &p, e);
	if (runtime_create(&o->env, &p.req, &proc, e) < 0)
		return command_failed(e);
	r = pidfd_send(opts, proc.pidfd, e);
	own_fd_done(&proc.pidfd);
	return r < 0 ? give_up(o, p.req.id, e) : 0;
}

static int start_run(struct orun *o, const struct call *c, struct err *e)
{
	return runtime_start(&o->env, c->args[0], e) < 0 ? command_failed(e) : 0;
}

const struct command orun_command_create = {
	.name = "create", .args = "CONTAINER", .help = "create a container", .run = create_run,
	.rows = create_rows, .n_rows = ARRAY_LEN(create_rows), .opts_size = sizeof(struct create_opts),
	.min_args = 1, .max_args = 1,
};

const struct command orun_command_run = {
	.name = "run", .args = "CONTAINER", .help = "create and run a container", .run = run_run,
	.rows = run_rows, .n_rows = ARRAY_LEN(run_rows), .opts_size = sizeof(struct create_opts),
	.min_args = 1, .max_args = 1,
};

const struct command orun_command_start = {
	.name = "start", .args = "CONTAINER", .help = "start the process of a created container",
	.run = start_run, .min_args = 1, .max_args = 1,
};
