/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: exec.
 */
#include <stdlib.h>

#include "base/own.h"
#include "front/library/library.h"
#include "spec/limits.h"

struct onggi_exec {
	char *id, *cgroup;
	json_t *process, *args;
	struct streams streams;
	unsigned flags;
};

int onggi_exec_new(const char *id, struct onggi_exec **ret, struct onggi_error **err)
{
	struct err e;

	error_begin(err);
	if (!id || !*id || !ret)
		return error_null(ret ? "id" : "ret", err);
	struct onggi_exec *q = calloc(1, sizeof *q);
	if (q)
		q->streams = (struct streams)STREAMS_NONE;
	if (!q || text_set(&q->id, id) < 0) {
		onggi_exec_free(q);
		(void)err_new(&e, E_NOMEM, ENOMEM, "out of memory");
		return error_give(&e, err);
	}
	*ret = q;
	return 0;
}

void onggi_exec_free(struct onggi_exec *q)
{
	if (!q)
		return;
	own_json_done(&q->process);
	own_json_done(&q->args);
	free(q->streams.pid_file);
	free(q->cgroup);
	free(q->id);
	free(q);
}

int onggi_exec_set_process(struct onggi_exec *q, const char *json, size_t n, struct onggi_error **err)
{
	json_t *process;
	struct err e;

	error_begin(err);
	if (!q || !json)
		return error_null(q ? "process" : "request", err);
	if (n > LIMIT_BUNDLE_BYTES)
		(void)err_new(&e, E_INVALID, EFBIG, "process: too large");
	else if (js_parse(json, n, "process", &process, &e) == 0) {
		own_json_done(&q->process);
		q->process = process;
		return 0;
	}
	return error_give(&e, err);
}

int onggi_exec_set_args(struct onggi_exec *q, const char *const *argv)
{
	OWN_JSON list = json_array();

	if (!q || !argv || !*argv)
		return -EINVAL;
	if (!list)
		return -ENOMEM;
	for (; *argv; argv++) {
		json_t *word = json_string(*argv);
		if (!word)
			return -EINVAL; /* not UTF-8 */
		if (json_array_append_new(list, word) < 0)
			return -ENOMEM;
	}
	own_json_done(&q->args);
	q->args = ptr_take(&list);
	return 0;
}

int onggi_exec_set_cgroup(struct onggi_exec *q, const char *cgroup)
{
	return q ? text_set(&q->cgroup, cgroup) : -EINVAL;
}

int onggi_exec_set_stdio(struct onggi_exec *q, int in, int out, int errors)
{
	return q ? streams_set_stdio(&q->streams, in, out, errors) : -EINVAL;
}

int onggi_exec_set_console_socket(struct onggi_exec *q, int fd)
{
	return q ? streams_set_console_socket(&q->streams, fd) : -EINVAL;
}

int onggi_exec_set_preserve_fds(struct onggi_exec *q, unsigned n)
{
	return q ? streams_set_preserve_fds(&q->streams, n) : -EINVAL;
}

int onggi_exec_set_pid_file(struct onggi_exec *q, const char *path)
{
	return q ? streams_set_pid_file(&q->streams, path) : -EINVAL;
}

int onggi_exec_set_flags(struct onggi_exec *q, unsigned flags)
{
	if (!q || flags & ~(unsigned)(ONGGI_EXEC_TERMINAL | ONGGI_EXEC_IGNORE_PAUSED))
		return -EINVAL;
	q->flags = flags;
	return 0;
}

/* the first process of the container, without its command and its terminal */
static int process_of_container(const struct onggi_runtime *rt, const char *id, json_t **ret, struct err *e)
{
	struct runtime_state s;

	if (runtime_state(&rt->env, id, &s, e) < 0)
		return -e->eno;
	const json_t *known = js_at(s.json, "onggi.process");
	OWN_JSON p = known ? json_deep_copy(known) : json_pack("{s:s}", "cwd", "/");
	runtime_state_done(&s);
	if (!p || json_object_set_new(p, "terminal", json_false()) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "process: out of memory");
	*ret = ptr_take(&p);
	return 0;
}

static int process_make(const struct onggi_runtime *rt, const struct onggi_exec *q, json_t **ret,
			struct err *e)
{
	OWN_JSON p = NULL;

	if (q->process)
		p = json_copy(q->process);
	else if (!q->args)
		return err_new(e, E_INVALID, EINVAL, "process args cannot be empty");
	else if (process_of_container(rt, q->id, &p, e) < 0)
		return -e->eno;
	if (!p || (q->args && json_object_set(p, "args", q->args) < 0) ||
	    (q->flags & ONGGI_EXEC_TERMINAL && json_object_set_new(p, "terminal", json_true()) < 0))
		return json_is_object(p) ? err_new(e, E_NOMEM, ENOMEM, "process: out of memory") :
					   err_new(e, E_INVALID, EINVAL, "process: expected object");
	*ret = ptr_take(&p);
	return 0;
}

static int exec_locked(const struct onggi_runtime *rt, const struct onggi_exec *q, struct onggi_process *p,
		       bool takes_terminal, struct err *e)
{
	const char *const cgroups[] = { q->cgroup, NULL };
	OWN_JSON process = NULL;

	if (process_make(rt, q, &process, e) < 0)
		return -e->eno;
	const struct runtime_exec_req req = {
		.id = q->id,
		.process = process,
		.stdio = { q->streams.stdio[0], q->streams.stdio[1], q->streams.stdio[2] },
		.console_socket = q->streams.console_socket,
		.ret_console = takes_terminal && q->streams.console_socket < 0 ? &p->terminal : NULL,
		.preserve_fds = q->streams.preserve_fds,
		.pid_file = q->streams.pid_file,
		.cgroups = q->cgroup ? cgroups : NULL,
		.ignore_paused = q->flags & ONGGI_EXEC_IGNORE_PAUSED,
	};
	return runtime_exec(&rt->env, &req, &p->proc, e);
}

int onggi_runtime_exec(const struct onggi_runtime *rt, const struct onggi_exec *q,
		       struct onggi_process **ret, struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };
	struct onggi_process *p;

	error_begin(err);
	if (!rt || !q)
		return error_null(rt ? "request" : "runtime", err);
	if (process_room(&p, &e) < 0)
		return error_give(&e, err);
	call_begin(&g, true);
	int r = exec_locked(rt, q, p, ret, &e);
	call_end(&g);
	if (r < 0 || !ret)
		onggi_process_free(p);
	else
		*ret = p;
	return r < 0 ? error_give(&e, err) : 0;
}
