/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_delete: end what is left of a container, remove its cgroup and state, run the poststop
 * hooks. Only what create made is removed.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "base/own.h"
#include "driver/rdt/rdt.h"
#include "format/js.h"
#include "runtime/create_int.h"
#include "runtime/delete.h"
#include "runtime/hooks.h"
#include "runtime/state.h"
#include "sys/process.h"

enum { DIE_WAIT_MS = 10000 };

static void warn(const struct runtime_env *env, const struct err *e, const char *what)
{
	char text[sizeof e->chain + 64];

	if (!env->warn)
		return;
	(void)snprintf(text, sizeof text, "%s: %s", what, e->chain);
	env->warn(text, env->warn_data);
}

/* kill the init process and wait until it is gone */
static int init_end(const struct runtime_env *env, const struct state *s, struct err *e)
{
	struct err own = { 0 };
	OWN_FD fd = -1;

	if (state_init_pidfd(s, &fd, &own) < 0) {
		if (own.kind == E_STATE)
			return 0;
		if (e)
			*e = own;
		return -own.eno;
	}
	int r = runtime_kill(env, s->id, SIGKILL, 0, &own);
	if (r < 0 && own.kind != E_STATE && own.kind != E_NOT_FOUND) {
		if (e)
			*e = own;
		return r;
	}
	struct pollfd p = { .fd = fd, .events = POLLIN };
	do
		r = poll(&p, 1, DIE_WAIT_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return err_new(e, E_TIMEOUT, ETIMEDOUT, "container init still running");
	return r < 0 ? err_sys(e, errno, "wait for container init") : 0;
}

/* @cg is opened, owned; NULL: there is none */
static int cgroup_end(const struct runtime_env *env, struct cgroup *cg, struct err *e)
{
	struct err own = { 0 };
	int r = 0;

	/* a kill that finds nobody is not free: thawing a group of v1 alone patches kernel code */
	if (cg && cgroup_remove_idle(cg) < 0) {
		/* those that shared no PID namespace with init outlive it */
		if (cgroup_kill(cg, SIGKILL, &own) < 0 && own.kind != E_NOT_FOUND)
			warn(env, &own, "kill the processes of the cgroup");
		err_clear(&own);
		r = cgroup_remove(cg, &own);
	}
	cgroup_free(cg);
	if (r < 0 && own.kind != E_NOT_FOUND) {
		if (e)
			*e = own;
		return err_ctx(e, "remove cgroup");
	}
	return 0;
}

static int cgroup_of(const struct state *s, struct cgroup **ret, struct err *e)
{
	struct err own;

	*ret = NULL;
	if (!s->cgroup || cgroup_open(s->cgroup, ret, &own) >= 0 || own.kind == E_NOT_FOUND)
		return 0;
	if (e)
		*e = own;
	return err_ctx(e, "remove cgroup");
}

/* Failures are logged and the others still run: the container is gone, nothing can be undone. */
static void poststop(const struct runtime_env *env, const struct state *s)
{
	ARENA a = { 0 };
	struct err own = { 0 };
	struct bundle_hooks all;
	OWN_JSON state = NULL;

	if (state_late_hooks(s, BUNDLE_HOOK_POSTSTOP, &a, &all, &own) < 0 ||
	    (all.n && state_oci_json(s, "stopped", 0, &state, &own) < 0)) {
		warn(env, &own, "poststop hooks");
		return;
	}
	OWN_STR text = state ? json_dumps(state, JSON_COMPACT) : NULL;
	for (size_t i = 0; text && i < all.n; i++) {
		struct bundle_hooks one = { all.v + i, 1 };
		struct hooks_run run = { .point = BUNDLE_HOOK_POSTSTOP, .hooks = &one, .state = text };
		if (hooks_run(&run, &own) < 0)
			warn(env, &own, "poststop hook");
	}
}

/* A class that cannot be removed keeps nothing of the container alive: said, and gone on. */
static void rdt_end(const struct runtime_env *env, const struct state *s)
{
	struct err own = { 0 };
	OWN_FD root = -1;
	struct rdt r;

	if (!s->rdt)
		return;
	rdt_read(s->rdt, &r);
	if (rdt_root_open(&root, &own) < 0 || rdt_remove(root, &r, &own) < 0)
		warn(env, &own, "delete");
}

/* nothing of it runs any more: remove what create made */
static int ended(const struct runtime_env *env, struct state *s, struct cgroup *cg, struct err *e)
{
	int r = cgroup_end(env, cg, e);

	if (r == 0)
		rdt_end(env, s);
	if (r < 0 || (r = state_remove(s, e)) < 0)
		return r;
	poststop(env, s);
	return 0;
}

int delete_locked(const struct runtime_env *env, struct state *s, unsigned flags, struct err *e)
{
	enum runtime_status status;
	struct cgroup *cg;
	int r = state_status(s, &status, e);
	if (r < 0)
		return r;
	/* engines delete created containers too, so runc and crun allow it */
	if (status != RUNTIME_STOPPED && status != RUNTIME_CREATED && !(flags & RUNTIME_DELETE_FORCE)) {
		(void)err_new(e, E_STATE, EBUSY, "cannot delete container %s that is not stopped: %s", s->id,
			      runtime_status_name(status));
		err_hint(e, "kill it first, or delete --force");
		return -EBUSY;
	}
	if (status != RUNTIME_STOPPED && (r = init_end(env, s, e)) < 0)
		return r;
	if ((r = cgroup_of(s, &cg, e)) < 0)
		return r;
	return ended(env, s, cg, e);
}

int runtime_made_remove(const struct runtime_env *env, struct runtime_made *made, struct err *e)
{
	struct err own = { 0 };
	int r;

	if (!made)
		return 0;
	r = state_relock(&made->state, &own);
	if (r == 0)
		r = ended(env, &made->state, ptr_take(&made->cg), &own);
	else if (own.kind == E_NOT_FOUND)
		r = 0;
	runtime_made_free(made);
	if (r < 0 && e)
		*e = own;
	return r;
}

void runtime_made_free(struct runtime_made *made)
{
	if (!made)
		return;
	state_close(&made->state);
	cgroup_free(made->cg);
	free(made);
}

int runtime_delete(const struct runtime_env *env, const char *id, unsigned flags, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	struct err own = { 0 };
	int r = state_open(env, id, STATE_LOCKED, &s, &own);
	if (r == 0)
		return delete_locked(env, &s, flags, e);
	if (flags & RUNTIME_DELETE_FORCE && own.kind == E_NOT_FOUND)
		return state_sweep(env, id, e) < 0 ? err_ctx(e, "delete %s", id) : 0;
	if (e)
		*e = own;
	return r;
}
