/* SPDX-License-Identifier: Apache-2.0
 *
 * orun events: figures of a container's cgroup as JSON lines, once or at an interval, and notes
 * of processes killed for lack of memory.
 */
#include "base/clock.h"
#include "base/own.h"
#include "format/js.h"
#include "front/orun/orun.h"

struct events_opts {
	const char *interval;
	bool stats;
};

static const struct opt_row events_rows[] = {
	{ "interval", 0, OPT_STR, offsetof(struct events_opts, interval), "TIME", "time between figures (default: 5s)" },
	{ "stats", 0, OPT_BOOL, offsetof(struct events_opts, stats), NULL, "print the figures once and exit" },
};

static int line_print(void *data, const char *type, const json_t *figures, struct err *e)
{
	const struct call *c = data;
	OWN_JSON line = json_pack("{s:s, s:s, s:O*}", "type", type, "id", c->args[0], "data", figures);
	if (!line)
		return err_new(e, E_NOMEM, ENOMEM, "events: out of memory");
	return orun_print_json(line, 0, e);
}

static int events_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct events_opts *opts = c->opts;
	struct runtime_events_req q = { .id = c->args[0], .each = line_print, .data = (void *)c };
	int64_t interval = INT64_C(5000000000);
	OWN_JSON figures = NULL;

	if (opts->interval && (duration_parse(opts->interval, &interval) < 0 || interval <= 0 ||
			       interval / 1000000 > INT32_MAX))
		return err_new(e, E_USAGE, EINVAL, "invalid interval \"%s\"", opts->interval);
	q.interval_ms = interval < 1000000 ? 1 : (int)(interval / 1000000);
	if (!opts->stats)
		return runtime_events(&o->env, &q, e);
	int r = runtime_stats(&o->env, c->args[0], &figures, e);
	return r < 0 ? r : line_print((void *)c, "stats", figures, e);
}

const struct command orun_command_events = {
	.name = "events", .args = "CONTAINER", .help = "print figures and out-of-memory notes of a container",
	.run = events_run, .rows = events_rows, .n_rows = ARRAY_LEN(events_rows),
	.opts_size = sizeof(struct events_opts), .min_args = 1, .max_args = 1,
};
