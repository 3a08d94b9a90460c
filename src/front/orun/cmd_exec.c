/* SPDX-License-Identifier: Apache-2.0
 *
 * orun exec: the process object comes from a file, or from the container's own process with the
 * changes of the command line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "front/orun/orun.h"
#include "spec/capability.h"
#include "spec/limits.h"

struct exec_opts {
	const char *console_socket, *pidfd_socket, *cwd, *user, *process, *pid_file, *process_label,
		*apparmor;
	struct opt_list env, additional_gids, cap, cgroup;
	struct opt_int preserve_fds;
	bool tty, detach, no_new_privs, ignore_paused;
};

#define AT(m) offsetof(struct exec_opts, m)
/* clang-format off */
static const struct opt_row exec_rows[] = {
	{ "console-socket", 0, OPT_STR, AT(console_socket), "SOCKET", "AF_UNIX socket that receives the master of the terminal" },
	{ "pidfd-socket", 0, OPT_STR, AT(pidfd_socket), "SOCKET", "AF_UNIX socket that receives a pidfd of the process" },
	{ "cwd", 0, OPT_STR, AT(cwd), "DIR", "working directory in the container" },
	{ "env", 'e', OPT_LIST, AT(env), "NAME=VALUE", "set an environment variable" },
	{ "tty", 't', OPT_BOOL, AT(tty), NULL, "give the process a terminal" },
	{ "user", 'u', OPT_STR, AT(user), "UID[:GID]", "run as this user" },
	{ "additional-gids", 'g', OPT_LIST, AT(additional_gids), "GID", "one more group" },
	{ "process", 'p', OPT_STR, AT(process), "FILE", "OCI process object to run" },
	{ "detach", 'd', OPT_BOOL, AT(detach), NULL, "do not wait for the process" },
	{ "pid-file", 0, OPT_STR, AT(pid_file), "FILE", "write the process id to this file" },
	{ "process-label", 0, OPT_STR, AT(process_label), "LABEL", "SELinux label" },
	{ "apparmor", 0, OPT_STR, AT(apparmor), "PROFILE", "AppArmor profile" },
	{ "no-new-privs", 0, OPT_BOOL, AT(no_new_privs), NULL, "forbid gaining privileges" },
	{ "cap", 'c', OPT_LIST, AT(cap), "CAP", "add a capability" },
	{ "preserve-fds", 0, OPT_INT, AT(preserve_fds), "N", "pass N more descriptors from 3 on" },
	{ "cgroup", 0, OPT_LIST, AT(cgroup), "[CONTROLLER:]PATH", "run in this existing sub-cgroup (once per controller)" },
	{ "ignore-paused", 0, OPT_BOOL, AT(ignore_paused), NULL, "allow a paused container" },
};
/* clang-format on */

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "process: out of memory");
}

/* member object or array of @o, made when missing */
static json_t *member(json_t *o, const char *key, bool array)
{
	json_t *j = json_object_get(o, key);
	if (array ? json_is_array(j) : json_is_object(j))
		return j;
	if (json_object_set_new(o, key, array ? json_array() : json_object()) < 0)
		return NULL;
	return json_object_get(o, key);
}

static int user_set(json_t *p, const struct exec_opts *opts, struct err *e)
{
	json_t *user = member(p, "user", false);
	uint32_t uid = (uint32_t)js_int(user, "uid", 0), gid = (uint32_t)js_int(user, "gid", 0), g;
	json_t *groups;

	if (!user)
		return nomem(e);
	if (opts->user && orun_user_spec_parse(opts->user, &uid, &gid, e) < 0)
		return -EINVAL;
	json_object_set_new(user, "uid", json_integer(uid));
	json_object_set_new(user, "gid", json_integer(gid));
	for (size_t i = 0; i < opts->additional_gids.n; i++) {
		if (text_uint32(opts->additional_gids.v[i], &g) < 0)
			return err_new(e, E_USAGE, EINVAL, "invalid group id \"%s\"",
				       opts->additional_gids.v[i]);
		groups = member(user, "additionalGids", true);
		if (!groups || json_array_append_new(groups, json_integer(g)) < 0)
			return nomem(e);
	}
	return 0;
}

/* Never inheritable: that would outlive an exec of another user (CVE-2022-29162). */
static int caps_add(json_t *p, const struct opt_list *caps, struct err *e)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	json_t *all;

	if (!caps->n)
		return 0;
	all = member(p, "capabilities", false);
	for (size_t i = 0; i < caps->n; i++) {
		int cap = capability_parse(caps->v[i]);
		/* an unknown one is said to be ignored, as in the config */
		const char *name = cap < 0 ? caps->v[i] : capability_name(cap);
		for (size_t s = 0; s < ARRAY_LEN(sets); s++) {
			json_t *set = all ? member(all, sets[s], true) : NULL;
			if (!set || json_array_append_new(set, json_string(name)) < 0)
				return nomem(e);
		}
	}
	return 0;
}

static int process_change(json_t *p, const struct exec_opts *opts, const char *const *args, struct err *e)
{
	json_t *list = json_array(), *env = member(p, "env", true);
	int r = 0;

	for (size_t i = 0; args[i]; i++)
		r |= json_array_append_new(list, json_string(args[i]));
	r |= json_object_set_new(p, "args", list);
	for (size_t i = 0; i < opts->env.n; i++)
		r |= json_array_append_new(env, json_string(opts->env.v[i]));
	if (opts->cwd)
		r |= json_object_set_new(p, "cwd", json_string(opts->cwd));
	if (opts->apparmor)
		r |= json_object_set_new(p, "apparmorProfile", json_string(opts->apparmor));
	if (opts->process_label)
		r |= json_object_set_new(p, "selinuxLabel", json_string(opts->process_label));
	if (opts->no_new_privs)
		r |= json_object_set_new(p, "noNewPrivileges", json_true());
	r |= json_object_set_new(p, "terminal", json_boolean(opts->tty));
	if (r)
		return err_new(e, E_INVALID, EINVAL, "the command line holds text that is not UTF-8");
	r = user_set(p, opts, e);
	return r < 0 ? r : caps_add(p, &opts->cap, e);
}

/* as runc does, which says nothing */
static void ignored_warn(const struct orun *o, const struct call *c)
{
	const struct exec_opts *opts = c->opts;
	const struct {
		bool given;
		const char *what;
	} rows[] = {
		{ opts->cwd, "--cwd" },
		{ opts->user, "--user" },
		{ opts->env.n, "--env" },
		{ opts->additional_gids.n, "--additional-gids" },
		{ opts->cap.n, "--cap" },
		{ opts->process_label, "--process-label" },
		{ opts->apparmor, "--apparmor" },
		{ opts->no_new_privs, "--no-new-privs" },
		{ c->n_args > 1, "the command" },
	};
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].given) {
			(void)snprintf(text, sizeof text, "%s is ignored beside --process", rows[i].what); /* fits */
			orun_log_write(&o->log, LOG_WARNING_, text, NULL);
		}
}

static int process_make(struct orun *o, const struct call *c, json_t **ret, struct err *e)
{
	const struct exec_opts *opts = c->opts;
	OWN_JSON record = NULL;
	int r;

	if (opts->process) {
		ignored_warn(o, c);
		r = js_load(AT_FDCWD, opts->process, LIMIT_BUNDLE_BYTES, ret, e);
		if (r == 0 && opts->tty)
			json_object_set_new(*ret, "terminal", json_true());
		return r;
	}
	if (c->n_args < 2)
		return err_new(e, E_USAGE, EINVAL, "process args cannot be empty");
	if ((r = runtime_record(&o->env, c->args[0], &record, e)) < 0)
		return r;
	OWN_JSON p = json_deep_copy(js_at(record, "onggi.process"));
	if (!p)
		p = json_pack("{s:s}", "cwd", "/");
	if (!p)
		return nomem(e);
	if ((r = process_change(p, opts, c->args + 1, e)) < 0)
		return r;
	*ret = ptr_take(&p);
	return 0;
}

static int terminal_check(bool terminal, const struct exec_opts *opts, struct err *e)
{
	if (terminal && opts->detach && !opts->console_socket)
		return err_new(e, E_USAGE, EINVAL,
			       "cannot allocate tty if orun will detach without setting console socket");
	if (opts->console_socket && !(terminal && opts->detach))
		return err_new(e, E_USAGE, EINVAL,
			       "cannot use console socket if orun will not detach or allocate tty");
	return 0;
}

static int exec_request(struct orun *o, const struct call *c, struct runtime_exec_req *req, struct err *e)
{
	const struct exec_opts *opts = c->opts;
	struct runtime_proc proc = { .pidfd = -1 };
	struct foreground *f = NULL;
	OWN_FD sock = -1;
	int console = -1, r = 0;

	if (!opts->detach) {
		/* not a subreaper: what the process leaves behind belongs to the container's init */
		if ((r = foreground_begin(false, &f, e)) < 0)
			return r;
		if (js_bool(req->process, "terminal", false))
			req->ret_console = &console;
	}
	r = runtime_exec(&o->env, req, &proc, e);
	/* runc's words for everything about the command itself; engines look for them */
	if (r < 0 && (e->kind == E_EXEC_MISSING || e->kind == E_EXEC_DENIED))
		r = err_ctx(e, "exec failed: unable to start container process");
	if (r == 0 && opts->pidfd_socket && (r = orun_socket_connect(opts->pidfd_socket, &sock, e)) == 0)
		r = orun_socket_send_fd(sock, proc.pidfd, "pidfd", e);
	if (r == 0 && f)
		r = foreground_wait(f, &proc, console, c->ret_status, e);
	foreground_end(f);
	own_fd_done(&proc.pidfd);
	return r;
}

static int exec_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct exec_opts *opts = c->opts;
	OWN_JSON process = NULL;
	OWN_FD sock = -1;
	int r = process_make(o, c, &process, e);
	if (r < 0 || (!opts->detach && (r = foreground_size(process, e)) < 0) || (r = terminal_check(js_bool(process, "terminal", false), opts, e)) < 0)
		return r;
	if (opts->console_socket && (r = orun_socket_connect(opts->console_socket, &sock, e)) < 0)
		return r;
	if (opts->preserve_fds.v < 0 || opts->preserve_fds.v > 65536)
		return err_new(e, E_USAGE, EINVAL, "invalid value for --preserve-fds");
	struct runtime_exec_req req = {
		.id = c->args[0],
		.process = process,
		.stdio = { -1, -1, -1 },
		.console_socket = sock,
		.preserve_fds = (int)opts->preserve_fds.v + orun_listen_fds(),
		.pid_file = opts->pid_file,
		.cgroups = opts->cgroup.v,
		.ignore_paused = opts->ignore_paused,
	};
	return exec_request(o, c, &req, e);
}

const struct command orun_command_exec = {
	.name = "exec", .args = "CONTAINER COMMAND [ARG...] | --process FILE CONTAINER",
	.help = "execute one more process in a running container", .run = exec_run,
	.rows = exec_rows, .n_rows = ARRAY_LEN(exec_rows), .opts_size = sizeof(struct exec_opts),
	.min_args = 1, .max_args = 1U << 20, .flags = COMMAND_STOP_AT_FIRST | COMMAND_EXIT_255,
};
