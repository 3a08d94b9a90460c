/* SPDX-License-Identifier: Apache-2.0
 *
 * orun update: new limits from a file, or from options, each row with its place in the OCI
 * resources object.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "front/orun/orun.h"
#include "spec/limits.h"

enum update_value {
	UPDATE_BLKIO_WEIGHT,
	UPDATE_CPU_PERIOD,
	UPDATE_CPU_QUOTA,
	UPDATE_CPU_BURST,
	UPDATE_CPU_SHARE,
	UPDATE_CPU_RT_PERIOD,
	UPDATE_CPU_RT_RUNTIME,
	UPDATE_CPUSET_CPUS,
	UPDATE_CPUSET_MEMS,
	UPDATE_CPU_IDLE,
	UPDATE_MEMORY,
	UPDATE_MEMORY_RESERVATION,
	UPDATE_MEMORY_SWAP,
	UPDATE_PIDS_LIMIT,
	UPDATE_VALUES
};

struct update_opts {
	const char *resources;
	const char *v[UPDATE_VALUES];
	const char *kernel_memory, *kernel_memory_tcp, *l3, *mb;
};

enum update_type { TYPE_INT, TYPE_BYTES, TYPE_TEXT };

static const struct {
	const char *object, *key;
	enum update_type type;
} places[UPDATE_VALUES] = {
	[UPDATE_BLKIO_WEIGHT] = { "blockIO", "weight", TYPE_INT },
	[UPDATE_CPU_PERIOD] = { "cpu", "period", TYPE_INT },
	[UPDATE_CPU_QUOTA] = { "cpu", "quota", TYPE_INT },
	[UPDATE_CPU_BURST] = { "cpu", "burst", TYPE_INT },
	[UPDATE_CPU_SHARE] = { "cpu", "shares", TYPE_INT },
	[UPDATE_CPU_RT_PERIOD] = { "cpu", "realtimePeriod", TYPE_INT },
	[UPDATE_CPU_RT_RUNTIME] = { "cpu", "realtimeRuntime", TYPE_INT },
	[UPDATE_CPUSET_CPUS] = { "cpu", "cpus", TYPE_TEXT },
	[UPDATE_CPUSET_MEMS] = { "cpu", "mems", TYPE_TEXT },
	[UPDATE_CPU_IDLE] = { "cpu", "idle", TYPE_INT },
	[UPDATE_MEMORY] = { "memory", "limit", TYPE_BYTES },
	[UPDATE_MEMORY_RESERVATION] = { "memory", "reservation", TYPE_BYTES },
	[UPDATE_MEMORY_SWAP] = { "memory", "swap", TYPE_BYTES },
	[UPDATE_PIDS_LIMIT] = { "pids", "limit", TYPE_INT },
};

#define AT(m) offsetof(struct update_opts, m)
#define VALUE(i) (offsetof(struct update_opts, v) + (i) * sizeof(const char *))
/* clang-format off */
static const struct opt_row update_rows[] = {
	{ "resources", 'r', OPT_STR, AT(resources), "FILE", "OCI resources object; - for standard input" },
	{ "blkio-weight", 0, OPT_STR, VALUE(UPDATE_BLKIO_WEIGHT), "N", "block I/O weight, 10 to 1000" },
	{ "cpu-period", 0, OPT_STR, VALUE(UPDATE_CPU_PERIOD), "US", "CPU period in microseconds" },
	{ "cpu-quota", 0, OPT_STR, VALUE(UPDATE_CPU_QUOTA), "US", "CPU time per period in microseconds" },
	{ "cpu-burst", 0, OPT_STR, VALUE(UPDATE_CPU_BURST), "US", "CPU time that may be saved up" },
	{ "cpu-share", 0, OPT_STR, VALUE(UPDATE_CPU_SHARE), "N", "CPU shares (relative weight)" },
	{ "cpu-rt-period", 0, OPT_STR, VALUE(UPDATE_CPU_RT_PERIOD), "US", "real-time period" },
	{ "cpu-rt-runtime", 0, OPT_STR, VALUE(UPDATE_CPU_RT_RUNTIME), "US", "real-time CPU time per period" },
	{ "cpuset-cpus", 0, OPT_STR, VALUE(UPDATE_CPUSET_CPUS), "LIST", "CPUs to use" },
	{ "cpuset-mems", 0, OPT_STR, VALUE(UPDATE_CPUSET_MEMS), "LIST", "memory nodes to use" },
	{ "cpu-idle", 0, OPT_STR, VALUE(UPDATE_CPU_IDLE), "0|1", "idle scheduling" },
	{ "memory", 0, OPT_STR, VALUE(UPDATE_MEMORY), "BYTES", "memory limit" },
	{ "memory-reservation", 0, OPT_STR, VALUE(UPDATE_MEMORY_RESERVATION), "BYTES", "soft memory limit" },
	{ "memory-swap", 0, OPT_STR, VALUE(UPDATE_MEMORY_SWAP), "BYTES", "memory and swap together; -1: unlimited" },
	{ "pids-limit", 0, OPT_STR, VALUE(UPDATE_PIDS_LIMIT), "N", "number of processes; -1: unlimited" },
	{ "l3-cache-schema", 0, OPT_STR, AT(l3), "SCHEMA", "Intel RDT cache schema" },
	{ "mem-bw-schema", 0, OPT_STR, AT(mb), "SCHEMA", "Intel RDT memory bandwidth schema" },
	{ "kernel-memory", 0, OPT_STR, AT(kernel_memory), "BYTES", "ignored: the kernel no longer has it" },
	{ "kernel-memory-tcp", 0, OPT_STR, AT(kernel_memory_tcp), "BYTES", "ignored: the kernel no longer has it" },
};
/* clang-format on */

static int value_set(json_t *res, enum update_value i, const char *text, struct err *e)
{
	json_t *object = json_object_get(res, places[i].object), *value = NULL;
	int64_t v;

	if (places[i].type == TYPE_TEXT)
		value = json_string(text);
	else if (!text_int64(text, &v) || (places[i].type == TYPE_BYTES && !text_bytes(text, &v)))
		value = json_integer(v);
	if (!value)
		return err_new(e, E_USAGE, EINVAL, "invalid value \"%s\" for %s.%s", text, places[i].object,
			       places[i].key);
	if (!object) {
		json_object_set_new(res, places[i].object, json_object());
		object = json_object_get(res, places[i].object);
	}
	json_object_set_new(object, places[i].key, value);
	return 0;
}

static int from_options(struct orun *o, const struct update_opts *opts, json_t **ret, struct err *e)
{
	OWN_JSON res = json_object();
	int r;

	if (opts->kernel_memory || opts->kernel_memory_tcp)
		orun_log_write(&o->log, LOG_WARNING_, "kernel memory settings are ignored and will be removed", NULL);
	for (int i = 0; i < UPDATE_VALUES; i++)
		if (opts->v[i] && (r = value_set(res, (enum update_value)i, opts->v[i], e)) < 0)
			return r;
	*ret = ptr_take(&res);
	return 0;
}

static int from_file(const char *file, json_t **ret, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;
	int r;

	if (!strcmp(file, "-")) {
		r = io_read_fd(STDIN_FILENO, LIMIT_RESOURCES_BYTES, &text, &n, e);
		if (r == 0)
			r = js_parse(text, n, "resources", ret, e);
	} else
		r = js_load(AT_FDCWD, file, LIMIT_RESOURCES_BYTES, ret, e);
	if (r == 0 && !json_is_object(*ret))
		return err_new(e, E_INVALID, EINVAL, "resources: expected object");
	return r;
}

/* as runc does, which says nothing */
static void ignored_warn(const struct orun *o, const struct update_opts *opts)
{
	bool given = opts->kernel_memory || opts->kernel_memory_tcp;

	for (int i = 0; i < UPDATE_VALUES; i++)
		given = given || opts->v[i];
	if (given)
		orun_log_write(&o->log, LOG_WARNING_, "the other options for limits are ignored beside --resources", NULL);
}

static int update_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct update_opts *opts = c->opts;
	OWN_JSON res = NULL;
	int r = opts->resources ? from_file(opts->resources, &res, e) : from_options(o, opts, &res, e);
	const bool rdt = opts->l3 || opts->mb;

	if (opts->resources)
		ignored_warn(o, opts);
	if (r == 0 && rdt)
		r = runtime_rdt_update(&o->env, c->args[0], opts->l3, opts->mb, e);
	if (r < 0 || (rdt && !json_object_size(res)))
		return r;
	return runtime_update(&o->env, c->args[0], res, e);
}

const struct command orun_command_update = {
	.name = "update", .args = "CONTAINER", .help = "change the limits of a running container",
	.run = update_run, .rows = update_rows, .n_rows = ARRAY_LEN(update_rows),
	.opts_size = sizeof(struct update_opts), .min_args = 1, .max_args = 1,
};
