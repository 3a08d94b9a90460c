/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_pids: host PIDs of all processes of a container.
 */
#include <stdlib.h>

#include "runtime/state.h"

int runtime_pids(const struct runtime_env *env, const char *id, pid_t **ret, size_t *ret_n, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	struct err own = { 0 };
	struct cgroup *cg = NULL;
	bool alive;
	int r = state_open(env, id, 0, &s, e);
	if (r < 0)
		return r;
	alive = proc_alive(&s.init);
	r = state_cgroup(&s, &cg, &own);
	if (r == 0)
		r = cgroup_pids(cg, ret, ret_n, &own);
	cgroup_free(cg);
	if (r == 0)
		return 0;
	if (own.kind != E_NOT_FOUND) {
		if (e)
			*e = own;
		return err_ctx(e, "processes of %s", id);
	}
	/* no cgroup (rootless, or stopped and gone): only the init process is known */
	pid_t *v = malloc(sizeof *v);
	if (!v)
		return err_new(e, E_NOMEM, ENOMEM, "processes of %s: out of memory", id);
	*v = s.init.pid;
	*ret = v;
	*ret_n = alive;
	return 0;
}
