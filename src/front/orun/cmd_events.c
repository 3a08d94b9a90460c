/* SPDX-License-Identifier: Apache-2.0
 *
 * orun events: figures of a container's cgroup as JSON lines, once or at an interval, and notes
 * of processes killed for lack of memory.
 */
#include <poll.h>

#include "base/clock.h"
#include "base/own.h"
#include "format/js.h"
#include "front/orun/orun.h"
#include "runtime/state.h"

struct events_opts {
	const char *interval;
	bool stats;
};

static const struct opt_row events_rows[] = {
	{ "interval", 0, OPT_STR, offsetof(struct events_opts, interval), "TIME", "time between figures (default: 5s)" },
	{ "stats", 0, OPT_BOOL, offsetof(struct events_opts, stats), NULL, "print the figures once and exit" },
};

static int line_print(const char *type, const char *id, json_t *data, struct err *e)
{
	OWN_JSON line = json_pack("{s:s, s:s, s:o*}", "type", type, "id", id, "data", data);
	if (!line)
		return err_new(e, E_NOMEM, ENOMEM, "events: out of memory");
	return orun_print_json(line, 0, e);
}

static int stats_print(const struct cgroup *cg, const char *id, struct err *e)
{
	json_t *data = NULL;
	int r = cgroup_stats(cg, &data, e);
	return r < 0 ? r : line_print("stats", id, data, e);
}

/* Until the container ends. The kernel's count is compared between the figures: no event is lost,
 * and it works on every hierarchy. */
static int follow(const struct state *s, const struct cgroup *cg, int interval_ms, struct err *e)
{
	struct err own = { 0 };
	uint64_t seen = 0, now;
	OWN_FD fd = -1;
	int r = state_init_pidfd(s, &fd, e);
	if (r < 0)
		return r;
	bool counts = cgroup_oom_count(cg, &seen, &own) == 0;
	for (;;) {
		if ((r = stats_print(cg, s->id, e)) < 0)
			return r;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		r = poll(&p, 1, interval_ms);
		if (r < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for events");
		if (counts && cgroup_oom_count(cg, &now, &own) == 0)
			for (; seen < now; seen++)
				if (line_print("oom", s->id, NULL, e) < 0)
					return -e->eno;
		if (r > 0)
			return 0;
	}
}

static int events_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct events_opts *opts = c->opts;
	OWN_STATE s = STATE_EMPTY;
	struct cgroup *cg = NULL;
	enum runtime_status status;
	int64_t interval = INT64_C(5000000000);
	int r;

	if (opts->interval && (duration_parse(opts->interval, &interval) < 0 || interval <= 0 ||
			       interval / 1000000 > INT32_MAX))
		return err_new(e, E_USAGE, EINVAL, "invalid interval \"%s\"", opts->interval);
	if ((r = state_open(&o->env, c->args[0], 0, &s, e)) < 0 || (r = state_status(&s, &status, e)) < 0)
		return r;
	if (status == RUNTIME_STOPPED)
		return err_new(e, E_STATE, ESRCH, "container with id %s is not running", s.id);
	if ((r = state_cgroup(&s, &cg, e)) < 0)
		return r;
	r = opts->stats ? stats_print(cg, s.id, e) :
			  follow(&s, cg, interval < 1000000 ? 1 : (int)(interval / 1000000), e);
	cgroup_free(cg);
	return r;
}

const struct command orun_command_events = {
	.name = "events", .args = "CONTAINER", .help = "print figures and out-of-memory notes of a container",
	.run = events_run, .rows = events_rows, .n_rows = ARRAY_LEN(events_rows),
	.opts_size = sizeof(struct events_opts), .min_args = 1, .max_args = 1,
};
