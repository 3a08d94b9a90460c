/* SPDX-License-Identifier: Apache-2.0
 *
 * orun restore: like run, from the images of a checkpoint.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "format/js.h"
#include "front/orun/criu_opts.h"

struct restore_opts {
	struct criu_opts criu;
	const char *bundle, *pid_file, *console_socket, *lsm_profile, *lsm_mount_context;
	bool detach, no_subreaper, no_pivot;
};

#define AT(m) offsetof(struct restore_opts, m)
/* clang-format off */
static const struct opt_row restore_rows[] = {
	CRIU_ROWS(restore_opts),
	{ "tcp-close", 0, OPT_BOOL, CRIU_AT(restore_opts, tcp_close), NULL, "close established TCP connections" },
	{ "bundle", 'b', OPT_STR, AT(bundle), "DIR", "directory of the bundle (default: here)" },
	{ "detach", 'd', OPT_BOOL, AT(detach), NULL, "do not wait for the process" },
	{ "pid-file", 0, OPT_STR, AT(pid_file), "FILE", "write the process id to this file" },
	{ "console-socket", 0, OPT_STR, AT(console_socket), "SOCKET",
	  "AF_UNIX socket that receives the master of the terminal" },
	{ "no-subreaper", 0, OPT_BOOL, AT(no_subreaper), NULL, "do not reap orphans of the container" },
	{ "no-pivot", 0, OPT_BOOL, AT(no_pivot), NULL, "accepted: CRIU enters the root in its own way" },
	{ "lsm-profile", 0, OPT_STR, AT(lsm_profile), "TYPE:NAME", "profile in place of the saved one" },
	{ "lsm-mount-context", 0, OPT_STR, AT(lsm_mount_context), "CONTEXT",
	  "SELinux context of mounts in place of the saved one" },
};
/* clang-format on */

struct prepared {
	struct runtime_restore_req req;
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

static int prepare(struct orun *o, const struct call *c, struct prepared *p, struct err *e)
{
	const struct restore_opts *opts = c->opts;

	if (orun_bundle_load(opts->bundle, NULL, &p->bundle, &p->config, e) < 0)
		return -e->eno;
	p->terminal = js_bool(p->config, "process.terminal", false);
	if (orun_terminal_check(p->terminal, opts->detach, opts->console_socket, e) < 0)
		return -e->eno;
	if (opts->console_socket && orun_socket_connect(opts->console_socket, &p->console_socket, e) < 0)
		return -e->eno;
	p->req = (struct runtime_restore_req){
		.create = { .id = c->args[0],
			    .bundle = p->bundle,
			    .config = p->config,
			    .stdio = { -1, -1, -1 },
			    .console_socket = p->console_socket,
			    .pid_file = opts->pid_file },
		.lsm_profile = opts->lsm_profile && *opts->lsm_profile ? opts->lsm_profile : NULL,
		.lsm_mount_context = opts->lsm_mount_context && *opts->lsm_mount_context ? opts->lsm_mount_context :
											   NULL,
	};
	return criu_opts_take(o, &opts->criu, &p->req.criu, e);
}

static int foreground_restore(struct orun *o, const struct call *c, struct prepared *p, struct err *e)
{
	const struct restore_opts *opts = c->opts;
	struct runtime_proc proc = { .pidfd = -1 };
	struct foreground *f = NULL;
	struct err own = { 0 };
	int console = -1;

	if (foreground_begin(!opts->no_subreaper, &f, e) < 0)
		return -e->eno;
	p->req.create.ret_console = p->terminal ? &console : NULL;
	int r = runtime_restore(&o->env, &p->req, &proc, e);
	if (r < 0) {
		foreground_end(f);
		return r;
	}
	r = foreground_wait(f, &proc, console, c->ret_status, e);
	foreground_end(f);
	own_fd_done(&proc.pidfd);
	if (runtime_delete(&o->env, c->args[0], RUNTIME_DELETE_FORCE, &own) < 0 && r >= 0)
		orun_log_write(&o->log, LOG_WARNING_, own.chain, own.hint); /* the process did its work */
	return r;
}

static int restore_run(struct orun *o, const struct call *c, struct err *e)
{
	CLEANUP(prepared_done) struct prepared p = { .console_socket = -1 };
	const struct restore_opts *opts = c->opts;
	struct runtime_proc proc = { .pidfd = -1 };

	if (prepare(o, c, &p, e) < 0)
		return -e->eno;
	if (!opts->detach)
		return foreground_restore(o, c, &p, e);
	int r = runtime_restore(&o->env, &p.req, &proc, e);
	own_fd_done(&proc.pidfd);
	return r;
}

const struct command orun_command_restore = {
	.name = "restore", .args = "CONTAINER", .help = "continue a container from a checkpoint",
	.run = restore_run, .rows = restore_rows, .n_rows = ARRAY_LEN(restore_rows),
	.opts_size = sizeof(struct restore_opts), .min_args = 1, .max_args = 1,
};
