/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_kill: a signal to the init process by pidfd, or to every process of the cgroup.
 */
#include <signal.h>

#include "runtime/state.h"
#include "sys/process.h"

/* On some hierarchies even SIGKILL waits until the group is thawed. */
static void thaw(const struct state *s)
{
	struct err own = { 0 };
	struct cgroup *cg = NULL;
	bool frozen = false;

	if (state_cgroup(s, &cg, &own) < 0)
		return;
	if (cgroup_is_frozen(cg, &frozen, &own) == 0 && frozen)
		(void)cgroup_freeze(cg, false, &own); /* the signal is sent; it is the best we can do */
	cgroup_free(cg);
}

static int kill_all(const struct state *s, int signal, struct err *e)
{
	struct err own = { 0 };
	struct cgroup *cg = NULL;
	int r = state_cgroup(s, &cg, &own);

	if (r == 0)
		r = cgroup_kill(cg, signal, &own);
	cgroup_free(cg);
	/* a stopped container whose cgroup is gone has nobody left: engines count on success */
	if (r < 0 && !(own.kind == E_NOT_FOUND && !proc_alive(&s->init))) {
		if (e)
			*e = own;
		return err_ctx(e, "signal all processes of %s", s->id);
	}
	if (signal == SIGKILL)
		thaw(s);
	return 0;
}

int runtime_kill(const struct runtime_env *env, const char *id, int signal, unsigned flags, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	OWN_FD fd = -1;
	int r = state_open(env, id, 0, &s, e);
	if (r < 0)
		return r;
	if (flags & RUNTIME_KILL_ALL && s.cgroup)
		return kill_all(&s, signal, e);
	r = state_init_pidfd(&s, &fd, e);
	if (r < 0)
		return r;
	/* without a PID namespace of its own nothing but the cgroup ties the processes together */
	if (signal == SIGKILL && !s.own_pids && s.cgroup)
		return kill_all(&s, signal, e);
	r = process_signal(fd, signal);
	if (r == -ESRCH)
		return err_new(e, E_STATE, ESRCH, "container not running");
	if (r < 0)
		return err_sys(e, -r, "signal container %s", id);
	if (signal == SIGKILL)
		thaw(&s);
	return 0;
}
