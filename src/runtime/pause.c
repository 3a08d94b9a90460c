/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_pause and runtime_resume: the freezer of the container's cgroup.
 */
#include "runtime/state.h"

static int freeze(const struct state *s, bool frozen, struct err *e)
{
	struct cgroup *cg = NULL;
	int r = state_cgroup(s, &cg, e);
	if (r == 0)
		r = cgroup_freeze(cg, frozen, e);
	cgroup_free(cg);
	return r < 0 ? err_ctx(e, frozen ? "pause %s" : "resume %s", s->id) : 0;
}

int runtime_pause(const struct runtime_env *env, const char *id, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	enum runtime_status status;
	int r = state_open(env, id, STATE_LOCKED, &s, e);
	if (r < 0 || (r = state_status(&s, &status, e)) < 0)
		return r;
	if (status != RUNTIME_RUNNING && status != RUNTIME_CREATED)
		return err_new(e, E_STATE, EBUSY, "container not running or created: %s",
			       runtime_status_name(status));
	return freeze(&s, true, e);
}

int runtime_resume(const struct runtime_env *env, const char *id, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	enum runtime_status status;
	int r = state_open(env, id, STATE_LOCKED, &s, e);
	if (r < 0 || (r = state_status(&s, &status, e)) < 0)
		return r;
	if (status != RUNTIME_PAUSED)
		return err_new(e, E_STATE, EBUSY, "container not paused");
	return freeze(&s, false, e);
}
