/* SPDX-License-Identifier: Apache-2.0
 *
 * Scope units over D-Bus.
 */
#include <errno.h>

#include "driver/cgroup/cgroup_int.h"

int cg_systemd_create(struct cgroup *cg, const struct cgroup_req *req, struct err *e)
{
	struct cg_scope scope;
	int r = cg_systemd_parse(req->path, req->id, req->rootless, &scope, e);

	(void)cg;
	if (r < 0)
		return r;
	err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the systemd cgroup driver cannot be used: %s",
		cg_systemd_running() ? "not built in" : "systemd does not run on this host");
	err_hint(e, "use the cgroupfs driver (without --systemd-cgroup)");
	return -EOPNOTSUPP;
}

int cg_systemd_enter(struct cgroup *cg, pid_t pid, struct err *e)
{
	(void)pid;
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "enter unit %s: systemd driver not built in", cg->unit);
}

int cg_systemd_remove(struct cgroup *cg, struct err *e)
{
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "stop unit %s: systemd driver not built in", cg->unit);
}
