/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: one more process in a running container. It is a child of the command that asks; no
 * daemon and no monitor stand between.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "engine/attach.h"
#include "engine/engine_int.h"
#include "engine/exec_relay.h"
#include "engine/oci.h"
#include "engine/rootfs.h"
#include "format/js.h"
#include "sys/process.h"

enum { PASSWD_MAX = 16 << 20 };

/* a file of the running container; NULL when there is none */
static int read_in(int root, const char *path, char **ret, struct err *e)
{
	OWN_FD fd = -1;
	struct stat st;

	if (path_open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e) < 0)
		return e->eno == ENOENT || e->eno == ENOTDIR || e->eno == ELOOP ? 0 : -e->eno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return io_read_fd(fd, PASSWD_MAX, ret, NULL, e);
}

static int user(const struct handle *h, const json_t *config, struct arena *a, struct user_info *ret,
		struct err *e)
{
	OWN_FD root = -1;
	OWN_STR passwd = NULL;
	OWN_STR group = NULL;
	const char *spec = js_str(config, "User", "");
	const json_t *extra = js_at(h->c.record, "HostConfig.GroupAdd");
	size_t n = json_array_size(extra);
	const char **names = arena_get(a, (n + 1) * sizeof *names);

	if (!names)
		return err_new(e, E_NOMEM, ENOMEM, "exec");
	for (size_t i = 0; i < n; i++)
		names[i] = json_string_value(json_array_get(extra, i));
	if (rootfs_open_init(&h->st.init, &root, e) < 0 || read_in(root, "etc/passwd", &passwd, e) < 0 ||
	    read_in(root, "etc/group", &group, e) < 0)
		return -e->eno;
	return user_resolve(*spec ? spec : js_str(h->c.record, "Config.User", ""), passwd, group, names, a, ret, e);
}

static int check(const struct handle *h, const json_t *config, struct err *e)
{
	const char *dir = js_str(config, "WorkingDir", "");
	size_t i;
	json_t *v;

	if (!json_array_size(json_object_get(config, "Cmd")))
		return err_new(e, E_INVALID, EINVAL, "No exec command specified");
	if (*dir && *dir != '/')
		return err_new(e, E_INVALID, EINVAL, "the working directory '%s' is invalid, it needs to be an absolute path", dir);
	json_array_foreach(json_object_get(config, "Env"), i, v)
		if (!json_is_string(v) || !*json_string_value(v) || *json_string_value(v) == '=')
			return err_new(e, E_INVALID, EINVAL, "invalid environment variable");
	if (h->st.status == CONTAINER_RESTARTING)
		return err_new(e, E_STATE, EBUSY, "Container %s is restarting, wait until the container is running",
			       h->c.id);
	if (h->st.status != CONTAINER_RUNNING)
		return err_new(e, E_STATE, EINVAL, "container %s is not running", h->c.id);
	if (h->st.paused)
		return err_new(e, E_STATE, EBUSY, "Container %s is paused, unpause the container before exec", h->c.id);
	return 0;
}

static int wait_code(pid_t pid)
{
	int status;
	if (process_wait(pid, &status) < 0)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_tty(struct engine *eng, struct runtime_exec_req *q, const struct engine_exec *req,
		   int *ret_code, struct err *e)
{
	struct runtime_proc p = { .pidfd = -1 };
	OWN_FD master = -1;
	struct attach_result r = { 0 };
	struct attach_req a = {
		.in = js_bool(req->config, "AttachStdin", false) ? req->stdio[0] : -1,
		.out = js_bool(req->config, "AttachStdout", true) ? req->stdio[1] : -1,
		.err = -1,
		.tty = true,
	};

	if (detach_keys_parse(js_str(req->config, "DetachKeys", NULL), &a.detach, e) < 0)
		return -e->eno;
	q->ret_console = &master;
	if (runtime_exec(&eng->runtime, q, &p, e) < 0)
		return -e->eno;
	OWN_FD pidfd = p.pidfd;
	if (attach_pty_run(master, pidfd, &a, &r, e) < 0)
		return -e->eno;
	*ret_code = r.end == ATTACH_DETACHED ? 0 : wait_code(p.id.pid);
	return 0;
}

static int run_pipes(struct engine *eng, struct runtime_exec_req *q, const struct engine_exec *req,
		     int *ret_code, struct err *e)
{
	struct runtime_proc p = { .pidfd = -1 };
	CLEANUP(exec_relay_done) struct exec_relay r = { { -1, -1, -1 }, { -1, -1, -1 } };
	const bool want[3] = {
		!req->detach && js_bool(req->config, "AttachStdin", false),
		!req->detach && js_bool(req->config, "AttachStdout", true),
		!req->detach && js_bool(req->config, "AttachStderr", true),
	};

	if (exec_relay_make(want, &r, e) < 0)
		return -e->eno;
	for (int i = 0; i < 3; i++)
		q->stdio[i] = r.inside[i];
	if (runtime_exec(&eng->runtime, q, &p, e) < 0)
		return -e->eno;
	OWN_FD pidfd = p.pidfd;
	exec_relay_inside_close(&r);
	if (req->detach)
		return 0; /* it belongs to whoever adopts orphans */
	if (exec_relay_run(&r, req->stdio, pidfd, e) < 0)
		return -e->eno;
	*ret_code = wait_code(p.id.pid);
	return 0;
}

/* detached with a terminal: somebody has to hold the master, or the process is hung up */
static int run_held(struct engine *eng, struct runtime_exec_req *q, struct err *e)
{
	int pair[2];
	struct err why = { 0 };

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "exec: pipe");
	OWN_FD rd = pair[0], wr = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "exec: fork");
	if (pid == 0) {
		struct runtime_proc p = { .pidfd = -1 };
		char block[4096];
		int master = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
		(void)setsid();
		q->ret_console = &master;
		if (runtime_exec(&eng->runtime, q, &p, &why) < 0) {
			(void)io_write_all(wr, &why, sizeof why);
			_exit(1);
		}
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		close(wr);
		while (read(master, block, sizeof block) > 0)
			;
		_exit(0);
	}
	own_fd_done(&wr);
	if (io_read_full(rd, &why, sizeof why) == (ssize_t)sizeof why) {
		(void)waitpid(pid, NULL, 0);
		*e = why;
		return -e->eno;
	}
	return 0;
}

int engine_exec(struct engine *eng, const char *ref, const struct engine_exec *req, int *ret_exit_code,
		struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	ARENA a = { 0 };
	OWN_JSON process = NULL;
	struct user_info u;
	int code = 0, r;

	if (handle_open(eng, ref, 0, &h, e) < 0 || check(&h, req->config, e) < 0 ||
	    user(&h, req->config, &a, &u, e) < 0 ||
	    oci_exec_process(&h.c, req->config, &u, &process, e) < 0)
		return -e->eno;
	struct runtime_exec_req q = {
		.id = h.c.id, .process = process, .stdio = { -1, -1, -1 }, .console_socket = -1,
	};
	if (!js_bool(req->config, "Tty", false))
		r = run_pipes(eng, &q, req, &code, e);
	else if (req->detach)
		r = run_held(eng, &q, e);
	else
		r = run_tty(eng, &q, req, &code, e);
	if (r < 0)
		return r;
	if (ret_exit_code)
		*ret_exit_code = code;
	return 0;
}
