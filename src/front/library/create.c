/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: create, start and run.
 */
#include <stdlib.h>

#include "base/own.h"
#include "front/library/library.h"
#include "spec/limits.h"

struct onggi_create {
	char *id, *bundle;
	json_t *config;
	struct streams streams;
	unsigned flags;
	onggi_network_fn *network;
	void *network_data;
};

int onggi_create_new(const char *id, const char *bundle, struct onggi_create **ret, struct onggi_error **err)
{
	struct err e;

	error_begin(err);
	if (!id || !*id || !bundle || !*bundle || !ret)
		return error_null(!ret ? "ret" : !id || !*id ? "id" : "bundle", err);
	struct onggi_create *q = calloc(1, sizeof *q);
	if (q)
		q->streams = (struct streams)STREAMS_NONE;
	if (!q || text_set(&q->id, id) < 0 || text_set(&q->bundle, bundle) < 0) {
		onggi_create_free(q);
		(void)err_new(&e, E_NOMEM, ENOMEM, "out of memory");
		return error_give(&e, err);
	}
	*ret = q;
	return 0;
}

void onggi_create_free(struct onggi_create *q)
{
	if (!q)
		return;
	own_json_done(&q->config);
	free(q->streams.pid_file);
	free(q->bundle);
	free(q->id);
	free(q);
}

int onggi_create_set_config(struct onggi_create *q, const char *json, size_t n, struct onggi_error **err)
{
	json_t *config;
	struct err e;

	error_begin(err);
	if (!q || !json)
		return error_null(q ? "configuration" : "request", err);
	if (n > LIMIT_BUNDLE_BYTES)
		(void)err_new(&e, E_INVALID, EFBIG, "config.json: too large");
	else if (js_parse(json, n, "config.json", &config, &e) == 0) {
		own_json_done(&q->config);
		q->config = config;
		return 0;
	}
	return error_give(&e, err);
}

int onggi_create_set_stdio(struct onggi_create *q, int in, int out, int errors)
{
	return q ? streams_set_stdio(&q->streams, in, out, errors) : -EINVAL;
}

int onggi_create_set_console_socket(struct onggi_create *q, int fd)
{
	return q ? streams_set_console_socket(&q->streams, fd) : -EINVAL;
}

int onggi_create_set_preserve_fds(struct onggi_create *q, unsigned n)
{
	return q ? streams_set_preserve_fds(&q->streams, n) : -EINVAL;
}

int onggi_create_set_pid_file(struct onggi_create *q, const char *path)
{
	return q ? streams_set_pid_file(&q->streams, path) : -EINVAL;
}

int onggi_create_set_flags(struct onggi_create *q, unsigned flags)
{
	if (!q || flags & ~(unsigned)(ONGGI_CREATE_NO_PIVOT | ONGGI_CREATE_NO_NEW_KEYRING))
		return -EINVAL;
	q->flags = flags;
	return 0;
}

void onggi_create_set_network(struct onggi_create *q, onggi_network_fn *fn, void *data)
{
	q->network = fn;
	q->network_data = data;
}

static int network_call(void *data, pid_t pid, int netns_fd, struct err *e)
{
	const struct onggi_create *q = data;
	int r = q->network(q->network_data, pid, netns_fd);

	return r < 0 ? err_sys(e, -r, "network") : 0;
}

int create_carry_out(const struct onggi_runtime *rt, const struct onggi_create *q, create_fn *fn,
		     const void *data, struct onggi_process **ret, struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };
	struct onggi_process *p = NULL;

	error_begin(err);
	if (!rt || !q)
		return error_null(rt ? "request" : "runtime", err);
	if (process_room(&p, &e) < 0)
		return error_give(&e, err);
	struct runtime_create_req req = {
		.id = q->id,
		.bundle = q->bundle,
		.config = q->config,
		.stdio = { q->streams.stdio[0], q->streams.stdio[1], q->streams.stdio[2] },
		.console_socket = q->streams.console_socket,
		/* without a handle nobody could have it */
		.ret_console = q->streams.console_socket < 0 && ret ? &p->terminal : NULL,
		.preserve_fds = q->streams.preserve_fds,
		.pid_file = q->streams.pid_file,
		.no_pivot = q->flags & ONGGI_CREATE_NO_PIVOT,
		.no_new_keyring = q->flags & ONGGI_CREATE_NO_NEW_KEYRING,
		.ns_ready = q->network ? network_call : NULL,
		.ns_ready_data = (void *)q,
		.own_child = true,
	};
	call_begin(&g, true);
	int r = fn(&rt->env, &req, data, &p->proc, &e);
	call_end(&g);
	if (r < 0 || !ret)
		onggi_process_free(p);
	else
		*ret = p;
	return r < 0 ? error_give(&e, err) : 0;
}

static int create(const struct runtime_env *env, struct runtime_create_req *req, const void *run,
		  struct runtime_proc *proc, struct err *e)
{
	req->run = run;
	return runtime_create(env, req, proc, e);
}

int onggi_runtime_create(const struct onggi_runtime *rt, const struct onggi_create *q,
			 struct onggi_process **ret, struct onggi_error **err)
{
	return create_carry_out(rt, q, create, NULL, ret, err);
}

int onggi_runtime_run(const struct onggi_runtime *rt, const struct onggi_create *q,
		      struct onggi_process **ret, struct onggi_error **err)
{
	return create_carry_out(rt, q, create, "run", ret, err);
}
