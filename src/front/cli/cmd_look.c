/* SPDX-License-Identifier: Apache-2.0
 *
 * logs, top, port, diff, stats: looking at one container.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "engine/logs.h"
#include "engine/image.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "store/container.h"

int cmd_logs(struct cli *c, struct err *e)
{
	const json_t *r = c->req;
	char id[65];
	OWN_FD dir = -1;
	OWN_FD pidfd = -1;
	OWN_FD run_dir = -1;
	OWN_JSON info = NULL;

	if (engine_inspect(&c->eng, c->argv[0], false, &info, e) < 0 ||
	    container_resolve(&c->eng.store, c->argv[0], id, e) < 0 ||
	    engine_log_open(&c->eng, id, &dir, &pidfd, e) < 0)
		return -e->eno;
	struct err none = { 0 };
	if (container_run_dir(&c->eng.store, id, false, &run_dir, &none) < 0)
		run_dir = -1;
	struct logs_req q = {
		.dir = dir,
		.run_dir = run_dir,
		.driver = js_str(info, "HostConfig.LogConfig.Type", NULL),
		.tail = opt_str(r, "@tail", NULL),
		.since = opt_str(r, "@since", NULL),
		.until = opt_str(r, "@until", NULL),
		.follow = opt_bool(r, "@follow"),
		.timestamps = opt_bool(r, "@timestamps"),
		.details = opt_bool(r, "@details"),
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
	};
	return logs_run(&q, e);
}

int cmd_top(struct cli *c, struct err *e)
{
	OWN_JSON top = NULL;
	OWN_BUF args = { 0 };
	OWN_BUF raw = { 0 };
	OWN_BUF out = { 0 };
	json_t *row, *cell;
	size_t i, k;

	for (int n = 1; n < c->argc; n++)
		buf_printf(&args, "%s%s", n > 1 ? " " : "", c->argv[n]);
	if (engine_top(&c->eng, c->argv[0], args.n ? args.p : NULL, &top, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(top, "Titles"), k, cell)
		buf_printf(&raw, "%s%s", k ? "\t" : "", json_string_value(cell));
	buf_putc(&raw, '\n');
	json_array_foreach(json_object_get(top, "Processes"), i, row) {
		json_array_foreach(row, k, cell)
			buf_printf(&raw, "%s%s", k ? "\t" : "", json_string_value(cell));
		buf_putc(&raw, '\n');
	}
	if (buf_failed(&raw))
		return err_new(e, E_NOMEM, ENOMEM, "top: out of memory");
	table_align(buf_str(&raw), &out);
	fputs(buf_str(&out), stdout);
	return 0;
}

static void print_binding(const char *key, const json_t *b, bool with_key)
{
	const char *ip = js_str(b, "HostIp", "");
	if (with_key)
		printf("%s -> ", key);
	printf(strchr(ip, ':') ? "[%s]:%s\n" : "%s:%s\n", *ip ? ip : "0.0.0.0", js_str(b, "HostPort", ""));
}

int cmd_port(struct cli *c, struct err *e)
{
	OWN_JSON ports = NULL;
	const char *want = c->argc > 1 ? c->argv[1] : NULL, *key;
	char full[64];
	json_t *list, *b;
	size_t i;
	bool found = false;

	if (engine_port(&c->eng, c->argv[0], &ports, e) < 0)
		return -e->eno;
	if (want && !strchr(want, '/')) {
		(void)snprintf(full, sizeof full, "%.50s/tcp", want);
		want = full;
	}
	json_object_foreach(ports, key, list)
		json_array_foreach(list, i, b)
			if (!want || !strcmp(want, key)) {
				print_binding(key, b, !want);
				found = true;
			}
	if (want && !found)
		return err_new(e, E_NOT_FOUND, ENOENT, "no public port '%s' published for %s", want, c->argv[0]);
	return 0;
}

static const char *const change_names[] = { "changed", "added", "deleted" };

/* podman's object of --format json: kinds with something in them */
static int print_changes_json(const json_t *list, struct err *e)
{
	OWN_JSON o = json_object();
	json_t *d;
	size_t i;
	int bad = !o;

	json_array_foreach(list, i, d) {
		const char *kind = change_names[js_int(d, "Kind", 0) % 3];
		if (!json_object_get(o, kind))
			bad |= json_object_set_new(o, kind, json_array());
		bad |= json_array_append(json_object_get(o, kind), json_object_get(d, "Path"));
	}
	OWN_STR text = bad ? NULL : json_dumps(o, JSON_INDENT(5));
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "diff");
	puts(text);
	return 0;
}

static int print_changes(const struct cli *c, const json_t *list, struct err *e)
{
	const char *format = opt_str(c->req, "@format", NULL);
	json_t *d;
	size_t i;

	if (format && strcmp(format, "json") != 0)
		return err_new(e, E_USAGE, EINVAL, "\"%s\" is no format of diff: only json is", format);
	if (format || opt_bool(c->req, "@json"))
		return print_changes_json(list, e);
	json_array_foreach(list, i, d)
		printf("%c %s\n", "CAD"[js_int(d, "Kind", 0) % 3], js_str(d, "Path", ""));
	return 0;
}

int cmd_image_diff(struct cli *c, struct err *e)
{
	OWN_JSON list = NULL;

	if (engine_image_diff(&c->eng, c->argv[0], c->argc > 1 ? c->argv[1] : NULL, &list, e) < 0)
		return -e->eno;
	return print_changes(c, list, e);
}

/* of a container, and where there is none of that name of an image, as podman does it */
int cmd_diff(struct cli *c, struct err *e)
{
	OWN_JSON list = NULL;
	struct err image = { 0 };

	if (c->argc > 1)
		return cmd_image_diff(c, e);
	if (engine_diff(&c->eng, c->argv[0], &list, e) < 0) {
		if (e->kind != E_NOT_FOUND || engine_image_diff(&c->eng, c->argv[0], NULL, &list, &image) < 0)
			return -e->eno;
		err_clear(e);
	}
	return print_changes(c, list, e);
}

/* ---- stats ---- */

static const struct list_field stats_fields[] = {
	{ "Container", "CONTAINER" }, { "ID", "CONTAINER ID" }, { "Name", "NAME" },
	{ "CPUPerc", "CPU %" },       { "MemUsage", "MEM USAGE / LIMIT" }, { "MemPerc", "MEM %" },
	{ "NetIO", "NET I/O" },       { "BlockIO", "BLOCK I/O" }, { "PIDs", "PIDS" },
};
static const struct list_spec stats_spec = {
	stats_fields, ARRAY_LEN(stats_fields),
	"{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}", "ID"
};

static double pair_of_blkio(const json_t *s, const char *op)
{
	double sum = 0;
	json_t *list = js_at(s, "blkio_stats.io_service_bytes_recursive"), *r;
	size_t i;
	json_array_foreach(list, i, r)
		if (!strcasecmp(js_str(r, "op", ""), op))
			sum += (double)js_int(r, "value", 0);
	return sum;
}

static json_t *stats_row(const char *ref, const json_t *s, const json_t *before)
{
	json_t *row = json_object(), *net;
	struct buf b = { 0 };
	const char *key, *name = js_str(s, "name", "");
	double cpu = (double)(js_int(s, "cpu_stats.cpu_usage.total_usage", 0) -
			      js_int(before, "cpu_stats.cpu_usage.total_usage", 0));
	double sys = (double)(js_int(s, "cpu_stats.system_cpu_usage", 0) -
			      js_int(before, "cpu_stats.system_cpu_usage", 0));
	double cpus = (double)js_int(s, "cpu_stats.online_cpus", 1);
	double used = (double)js_int(s, "memory_stats.usage", 0), limit = (double)js_int(s, "memory_stats.limit", 0);
	double cache = (double)js_int(s, "memory_stats.stats.total_inactive_file",
				      js_int(s, "memory_stats.stats.inactive_file", 0));
	double rx = 0, tx = 0;

	used -= cache < used ? cache : 0; /* what the kernel could give back at once is not counted */
	json_object_foreach(json_object_get(s, "networks"), key, net) {
		rx += (double)js_int(net, "rx_bytes", 0);
		tx += (double)js_int(net, "tx_bytes", 0);
	}
	(void)json_object_set_new(row, "Container", json_string(ref));
	buf_printf(&b, "%.12s", js_str(s, "id", ""));
	list_set(row, "ID", &b);
	buf_puts(&b, *name == '/' ? name + 1 : name);
	list_set(row, "Name", &b);
	buf_printf(&b, "%.2f%%", before && sys > 0 && cpu > 0 ? cpu / sys * cpus * 100 : 0);
	list_set(row, "CPUPerc", &b);
	human_bytes(used, &b);
	buf_puts(&b, " / ");
	human_bytes(limit, &b);
	list_set(row, "MemUsage", &b);
	buf_printf(&b, "%.2f%%", limit > 0 ? used / limit * 100 : 0);
	list_set(row, "MemPerc", &b);
	human_size(rx, &b);
	buf_puts(&b, " / ");
	human_size(tx, &b);
	list_set(row, "NetIO", &b);
	human_size(pair_of_blkio(s, "read"), &b);
	buf_puts(&b, " / ");
	human_size(pair_of_blkio(s, "write"), &b);
	list_set(row, "BlockIO", &b);
	buf_printf(&b, "%lld", (long long)js_int(s, "pids_stats.current", 0));
	list_set(row, "PIDs", &b);
	return row;
}

/* names of the containers to show: the arguments, or all (running) ones */
static int stats_names(struct cli *c, json_t *names, struct err *e)
{
	OWN_JSON list = NULL;
	json_t *s;
	size_t i;

	for (int n = 0; n < c->argc; n++)
		(void)json_array_append_new(names, json_string(c->argv[n]));
	if (c->argc)
		return 0;
	struct engine_list q = { .all = opt_bool(c->req, "@all") };
	if (engine_list(&c->eng, &q, &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, s)
		(void)json_array_append(names, json_object_get(s, "Id"));
	return 0;
}

/* one sample of every container; @last holds the previous ones by name */
static int stats_round(struct cli *c, json_t *last, json_t **ret, struct err *e)
{
	OWN_JSON rows = json_array();
	OWN_JSON names = json_array();
	json_t *name;
	size_t i;

	if (stats_names(c, names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, name) {
		json_t *s = NULL;
		const char *ref = json_string_value(name);
		if (engine_stats(&c->eng, ref, &s, e) < 0) {
			if (!c->argc && e->kind == E_NOT_FOUND)
				continue; /* it went away meanwhile */
			return -e->eno;
		}
		(void)json_array_append_new(rows, stats_row(ref, s, json_object_get(last, ref)));
		(void)json_object_set_new(last, ref, s);
	}
	*ret = json_incref(rows);
	return 0;
}

int cmd_stats(struct cli *c, struct err *e)
{
	OWN_JSON last = json_object();
	bool once = opt_bool(c->req, "@no-stream"), tty = isatty(STDOUT_FILENO);
	struct list_opt opt = { opt_str(c->req, "@format", NULL), false, opt_bool(c->req, "@json") };
	struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	OWN_FD timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t ticks;

	if (timer < 0 || timerfd_settime(timer, 0, &second, NULL) < 0)
		return err_sys(e, errno, "timer");
	for (int round = 0;; round++) {
		OWN_JSON rows = NULL;
		if (stats_round(c, last, &rows, e) < 0)
			return -e->eno;
		/* a share of CPU time needs two samples */
		if (round || !once) {
			if (tty && !once && !opt.json)
				fputs("\033[H\033[2J", stdout);
			(void)fflush(stdout);
			if (list_print(&stats_spec, rows, &opt, e) < 0)
				return -e->eno;
		}
		if (once && round)
			return 0;
		if (read(timer, &ticks, sizeof ticks) < 0 && errno != EINTR)
			return err_sys(e, errno, "timer");
	}
}
