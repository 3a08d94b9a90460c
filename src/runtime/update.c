/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_update: new limits for a running container; members not given stay as they are.
 */
#include <errno.h>

#include "base/own.h"
#include "driver/rdt/rdt.h"
#include "runtime/state.h"

int runtime_rdt_update(const struct runtime_env *env, const char *id, const char *l3_cache_schema,
		       const char *mem_bw_schema, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	OWN_FD root = -1;
	enum runtime_status status;
	struct rdt rdt;
	int r = state_open(env, id, STATE_LOCKED, &s, e);

	if (r < 0 || (r = state_status(&s, &status, e)) < 0)
		return r;
	if (status == RUNTIME_STOPPED)
		return err_new(e, E_STATE, ESRCH, "container not running");
	if (rdt_root_open(&root, e) < 0)
		return err_ctx(e, "update %s", id);
	if (!s.rdt)
		return err_new(e, E_STATE, EINVAL, "update %s: the container has no linux.intelRdt", id);
	rdt_read(s.rdt, &rdt);
	r = rdt_update(root, &rdt, l3_cache_schema, mem_bw_schema, e);
	return r < 0 ? err_ctx(e, "update %s", id) : 0;
}

int runtime_update(const struct runtime_env *env, const char *id, const json_t *resources, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	struct cgroup *cg = NULL;
	enum runtime_status status;
	int r = state_open(env, id, STATE_LOCKED, &s, e);
	if (r < 0 || (r = state_status(&s, &status, e)) < 0)
		return r;
	if (status == RUNTIME_STOPPED)
		return err_new(e, E_STATE, ESRCH, "container not running");
	if (!json_object_size(resources))
		return 0; /* nothing for systemd, say, to hear of */
	r = state_cgroup(&s, &cg, e);
	if (r == 0)
		r = cgroup_set(cg, resources, e);
	cgroup_free(cg);
	return r < 0 ? err_ctx(e, "update %s", id) : 0;
}
