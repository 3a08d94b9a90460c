/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: what is there and what changes it, by id.
 */
#include <stdlib.h>

#include "base/own.h"
#include "front/library/library.h"
#include "runtime/state.h"
#include "spec/limits.h"

typedef int by_id_fn(const struct runtime_env *env, const char *id, struct err *e);

static int by_id(const struct onggi_runtime *rt, const char *id, by_id_fn *fn, struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id)
		return error_null(rt ? "id" : "runtime", err);
	call_begin(&g, false);
	int r = fn(&rt->env, id, &e);
	call_end(&g);
	return r < 0 ? error_give(&e, err) : 0;
}

int onggi_runtime_start(const struct onggi_runtime *rt, const char *id, struct onggi_error **err)
{
	return by_id(rt, id, runtime_start, err);
}

int onggi_runtime_pause(const struct onggi_runtime *rt, const char *id, struct onggi_error **err)
{
	return by_id(rt, id, runtime_pause, err);
}

int onggi_runtime_resume(const struct onggi_runtime *rt, const char *id, struct onggi_error **err)
{
	return by_id(rt, id, runtime_resume, err);
}

int onggi_runtime_kill(const struct onggi_runtime *rt, const char *id, int signal, unsigned flags,
		       struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id)
		return error_null(rt ? "id" : "runtime", err);
	if (flags & ~(unsigned)ONGGI_KILL_ALL || signal < 0 || signal > SIGRTMAX) {
		(void)err_new(&e, E_INVALID, EINVAL, "signal %d, flags %#x: no such", signal, flags);
		return error_give(&e, err);
	}
	call_begin(&g, false);
	int r = runtime_kill(&rt->env, id, signal, flags & ONGGI_KILL_ALL ? RUNTIME_KILL_ALL : 0, &e);
	call_end(&g);
	return r < 0 ? error_give(&e, err) : 0;
}

int onggi_runtime_delete(const struct onggi_runtime *rt, const char *id, unsigned flags,
			 struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id)
		return error_null(rt ? "id" : "runtime", err);
	if (flags & ~(unsigned)ONGGI_DELETE_FORCE) {
		(void)err_new(&e, E_INVALID, EINVAL, "flags %#x: no such", flags);
		return error_give(&e, err);
	}
	call_begin(&g, false);
	int r = runtime_delete(&rt->env, id, flags & ONGGI_DELETE_FORCE ? RUNTIME_DELETE_FORCE : 0, &e);
	call_end(&g);
	return r < 0 ? error_give(&e, err) : 0;
}

static int update(const struct onggi_runtime *rt, const char *id, const char *json, size_t n, struct err *e)
{
	OWN_JSON resources = NULL;

	if (n > LIMIT_RESOURCES_BYTES)
		return err_new(e, E_INVALID, EFBIG, "resources: too large");
	if (js_parse(json, n, "resources", &resources, e) < 0)
		return -e->eno;
	if (!json_is_object(resources))
		return err_new(e, E_INVALID, EINVAL, "resources: expected object");
	return runtime_update(&rt->env, id, resources, e);
}

int onggi_runtime_update(const struct onggi_runtime *rt, const char *id, const char *json, size_t n,
			 struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id || !json)
		return error_null(!rt ? "runtime" : id ? "resources" : "id", err);
	call_begin(&g, false);
	int r = update(rt, id, json, n, &e);
	call_end(&g);
	return r < 0 ? error_give(&e, err) : 0;
}

int onggi_runtime_status(const struct onggi_runtime *rt, const char *id, enum onggi_status *ret_status,
			 pid_t *ret_pid, struct onggi_error **err)
{
	static const enum onggi_status numbers[RUNTIME_STATUS_N] = {
		[RUNTIME_CREATING] = ONGGI_STATUS_CREATING, [RUNTIME_CREATED] = ONGGI_STATUS_CREATED,
		[RUNTIME_RUNNING] = ONGGI_STATUS_RUNNING,   [RUNTIME_PAUSED] = ONGGI_STATUS_PAUSED,
		[RUNTIME_STOPPED] = ONGGI_STATUS_STOPPED,
	};
	struct err e = { .kind = E_NONE };
	struct runtime_state s;

	error_begin(err);
	if (!rt || !id)
		return error_null(rt ? "id" : "runtime", err);
	if (runtime_state(&rt->env, id, &s, &e) < 0)
		return error_give(&e, err);
	if (ret_status)
		*ret_status = numbers[s.status];
	if (ret_pid)
		*ret_pid = s.status == RUNTIME_STOPPED ? 0 : s.init.pid;
	runtime_state_done(&s);
	return 0;
}

static int state_text(const struct onggi_runtime *rt, const char *id, char **ret, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	OWN_JSON j = NULL;
	enum runtime_status status;

	if (state_open(&rt->env, id, 0, &s, e) < 0 || state_status(&s, &status, e) < 0)
		return -e->eno;
	if (state_oci_json(&s, runtime_status_name(status), status == RUNTIME_STOPPED ? 0 : s.init.pid, &j, e) < 0)
		return -e->eno;
	return json_give(j, ret, e);
}

int onggi_runtime_state(const struct onggi_runtime *rt, const char *id, char **ret_json,
			struct onggi_error **err)
{
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id || !ret_json)
		return error_null(!rt ? "runtime" : id ? "ret" : "id", err);
	return state_text(rt, id, ret_json, &e) < 0 ? error_give(&e, err) : 0;
}

void onggi_list_free(char **ids)
{
	for (size_t i = 0; ids && ids[i]; i++)
		free(ids[i]);
	free(ids);
}

int onggi_runtime_list(const struct onggi_runtime *rt, char ***ret, size_t *ret_n, struct onggi_error **err)
{
	struct err e = { .kind = E_NONE };
	char **ids = NULL;
	size_t n = 0;

	error_begin(err);
	if (!rt || !ret)
		return error_null(rt ? "ret" : "runtime", err);
	if (runtime_list(&rt->env, &ids, &n, &e) < 0)
		return error_give(&e, err);
	char **ended = reallocarray(ids, n + 1, sizeof *ids);
	if (!ended) {
		while (n)
			free(ids[--n]);
		free(ids);
		(void)err_new(&e, E_NOMEM, ENOMEM, "list: out of memory");
		return error_give(&e, err);
	}
	ended[n] = NULL;
	*ret = ended;
	if (ret_n)
		*ret_n = n;
	return 0;
}

int onggi_runtime_pids(const struct onggi_runtime *rt, const char *id, pid_t **ret, size_t *ret_n,
		       struct onggi_error **err)
{
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id || !ret || !ret_n)
		return error_null(!rt ? "runtime" : id ? "ret" : "id", err);
	return runtime_pids(&rt->env, id, ret, ret_n, &e) < 0 ? error_give(&e, err) : 0;
}

int onggi_runtime_stats(const struct onggi_runtime *rt, const char *id, char **ret_json,
			struct onggi_error **err)
{
	struct err e = { .kind = E_NONE };
	OWN_JSON figures = NULL;

	error_begin(err);
	if (!rt || !id || !ret_json)
		return error_null(!rt ? "runtime" : id ? "ret" : "id", err);
	return runtime_stats(&rt->env, id, &figures, &e) < 0 || json_give(figures, ret_json, &e) < 0 ?
		       error_give(&e, err) :
		       0;
}

struct watch {
	onggi_event_fn *fn;
	void *data;
	int stopped; /* what the caller returned to end it */
};

static int event_pass(void *data, const char *type, const json_t *figures, struct err *e)
{
	struct watch *w = data;
	OWN_STR text = NULL;

	if (figures && json_give(figures, &text, e) < 0)
		return -e->eno;
	w->stopped = w->fn(w->data, type, text);
	return w->stopped;
}

int onggi_runtime_events(const struct onggi_runtime *rt, const char *id, int interval_ms, onggi_event_fn *fn,
			 void *data, struct onggi_error **err)
{
	struct err e = { .kind = E_NONE };
	struct watch w = { .fn = fn, .data = data };
	const struct runtime_events_req q = { id, interval_ms, event_pass, &w };

	error_begin(err);
	if (!rt || !id || !fn)
		return error_null(!rt ? "runtime" : id ? "function" : "id", err);
	if (interval_ms < 1) {
		(void)err_new(&e, E_INVALID, EINVAL, "interval %d ms: at least 1", interval_ms);
		return error_give(&e, err);
	}
	int r = runtime_events(&rt->env, &q, &e);
	if (w.stopped)
		return w.stopped;
	return r < 0 ? error_give(&e, err) : 0;
}

int onggi_runtime_features(char **ret_json, struct onggi_error **err)
{
	struct err e = { .kind = E_NONE };
	OWN_JSON f = NULL;

	error_begin(err);
	if (!ret_json)
		return error_null("ret", err);
	return runtime_features(&f, &e) < 0 || json_give(f, ret_json, &e) < 0 ? error_give(&e, err) : 0;
}
