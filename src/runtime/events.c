/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_stats and runtime_events: figures of a container's cgroup, once or at an interval, and notes
 * of processes killed for lack of memory.
 */
#include <errno.h>
#include <poll.h>

#include "base/own.h"
#include "driver/rdt/rdt.h"
#include "format/js.h"
#include "runtime/state.h"

static int group_open(const struct runtime_env *env, const char *id, struct state *s, struct cgroup **ret,
		      struct err *e)
{
	enum runtime_status status;

	if (state_open(env, id, 0, s, e) < 0 || state_status(s, &status, e) < 0)
		return -e->eno;
	if (status == RUNTIME_STOPPED)
		return err_new(e, E_STATE, ESRCH, "container with id %s is not running", s->id);
	return state_cgroup(s, ret, e);
}

/* the figures of the groups, and of Intel RDT where the container has a class */
static int stats(const struct state *s, const struct cgroup *cg, json_t **ret, struct err *e)
{
	OWN_JSON data = NULL;
	OWN_FD root = -1;
	json_t *own = NULL;
	struct rdt rdt;

	if (cgroup_stats(cg, &data, e) < 0)
		return -e->eno;
	if (s->rdt) {
		rdt_read(s->rdt, &rdt);
		if (rdt_root_open(&root, e) < 0 || rdt_stats(root, &rdt, &own, e) < 0)
			return -e->eno;
		if (json_object_set_new(data, "intel_rdt", own) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "events: out of memory");
	}
	*ret = ptr_take(&data);
	return 0;
}

int runtime_stats(const struct runtime_env *env, const char *id, json_t **ret, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	struct cgroup *cg = NULL;
	int r = group_open(env, id, &s, &cg, e);

	if (r >= 0)
		r = stats(&s, cg, ret, e);
	cgroup_free(cg);
	return r;
}

static int figures(const struct state *s, const struct cgroup *cg, const struct runtime_events_req *q,
		   struct err *e)
{
	OWN_JSON data = NULL;
	int r = stats(s, cg, &data, e);

	return r < 0 ? r : q->each(q->data, "stats", data, e);
}

/* The kernel's count is compared between the figures: no event is lost, and it works on every
 * hierarchy. */
static int follow(const struct state *s, const struct cgroup *cg, const struct runtime_events_req *q,
		  struct err *e)
{
	struct err own = { 0 };
	uint64_t seen = 0, now;
	OWN_FD fd = -1;
	int r = state_init_pidfd(s, &fd, e);
	if (r < 0)
		return r;
	bool counts = cgroup_oom_count(cg, &seen, &own) == 0;
	for (;;) {
		if ((r = figures(s, cg, q, e)))
			return r;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ended = poll(&p, 1, q->interval_ms);
		if (ended < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for events");
		if (counts && cgroup_oom_count(cg, &now, &own) == 0)
			for (; seen < now; seen++)
				if ((r = q->each(q->data, "oom", NULL, e)))
					return r;
		if (ended > 0)
			return 0;
	}
}

int runtime_events(const struct runtime_env *env, const struct runtime_events_req *q, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	struct cgroup *cg = NULL;
	int r = group_open(env, q->id, &s, &cg, e);

	if (r >= 0)
		r = follow(&s, cg, q, e);
	cgroup_free(cg);
	return r;
}
