/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields with one number: the table, its conversions, and writing them in an order that the kernel
 * takes.
 */
#include "driver/cgroup/knob.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"

/* --- conversions --------------------------------------------------------------------------- */

static int as_number(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
		     char out[KNOB_TEXT])
{
	(void)t;
	(void)snprintf(out, KNOB_TEXT, "%lld", (long long)v->v[id]); /* fits */
	return 1;
}

static int as_max(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
		  char out[KNOB_TEXT])
{
	if (v->v[id] >= 0)
		return as_number(v, id, t, out);
	memcpy(out, "max", 4);
	return 1;
}

/* "no" is where a fresh group starts */
static int as_flag(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
		   char out[KNOB_TEXT])
{
	(void)t;
	memcpy(out, v->v[id] ? "1" : "0", 2);
	return 1;
}

static int as_nothing_unless_true(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
				  char out[KNOB_TEXT])
{
	(void)t;
	(void)out;
	return v->v[id] ? -EOPNOTSUPP : 0;
}

uint64_t cg_weight_of_shares(uint64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

static int as_weight(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
		     char out[KNOB_TEXT])
{
	(void)t;
	(void)snprintf(out, KNOB_TEXT, "%llu",
		       (unsigned long long)cg_weight_of_shares((uint64_t)v->v[id])); /* fits */
	return 1;
}

uint64_t cg_io_weight_of_blkio(uint64_t weight)
{
	return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static int as_io_weight(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
			char out[KNOB_TEXT])
{
	(void)t;
	(void)snprintf(out, KNOB_TEXT, "default %llu",
		       (unsigned long long)cg_io_weight_of_blkio((uint64_t)v->v[id])); /* fits */
	return 1;
}

/* "QUOTA PERIOD"; the one that is not given stays as it is. */
static int as_cpu_max(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
		      char out[KNOB_TEXT])
{
	char now[KNOB_TEXT] = "";
	const char *period = "100000";

	if (id == KNOB_CPU_PERIOD && v->set[KNOB_CPU_QUOTA])
		return 0; /* written with the quota */
	if (cg_read(t, "cpu.max", now, sizeof now) > 0) {
		now[strcspn(now, "\n")] = 0;
		char *space = strchr(now, ' ');
		if (space) {
			*space = 0;
			period = space + 1;
		}
	}
	char quota[24] = "max";
	if (v->set[KNOB_CPU_QUOTA]) {
		if (v->v[KNOB_CPU_QUOTA] > 0)
			(void)snprintf(quota, sizeof quota, "%lld", (long long)v->v[KNOB_CPU_QUOTA]);
	} else if (*now) {
		(void)snprintf(quota, sizeof quota, "%.20s", now); /* a number of the kernel */
	}
	if (v->set[KNOB_CPU_PERIOD])
		(void)snprintf(out, KNOB_TEXT, "%s %lld", quota, (long long)v->v[KNOB_CPU_PERIOD]);
	else
		(void)snprintf(out, KNOB_TEXT, "%s %.20s", quota, period); /* all fit */
	return 1;
}

/* v1 counts memory + swap, v2 swap alone. */
static int as_swap_alone(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
			 char out[KNOB_TEXT])
{
	int64_t limit = v->v[KNOB_MEMORY_LIMIT], swap = v->v[id];
	uint64_t now;

	if (swap < 0) {
		memcpy(out, "max", 4);
		return 1;
	}
	if (!v->set[KNOB_MEMORY_LIMIT]) {
		if (cg_number(t, "memory.max", &now) < 0 || now == UINT64_MAX)
			return -EINVAL;
		limit = (int64_t)now;
	}
	if (limit < 0 || swap < limit)
		return -EINVAL;
	(void)snprintf(out, KNOB_TEXT, "%lld", (long long)(swap - limit)); /* fits */
	return 1;
}

/* --- table --------------------------------------------------------------------------------- */

#define ANY INT64_MIN, INT64_MAX

const struct cg_knob cg_knobs[KNOB_N] = {
	[KNOB_MEMORY_LIMIT] = { "memory.limit", CG_MEMORY,
		{ "memory.limit_in_bytes", NULL, as_number, NULL, "MemoryLimit" },
		{ "memory.max", NULL, as_max, NULL, "MemoryMax" }, -1, INT64_MAX, true, false },
	[KNOB_MEMORY_SWAP] = { "memory.swap", CG_MEMORY,
		{ "memory.memsw.limit_in_bytes", NULL, as_number, NULL, NULL },
		{ "memory.swap.max", NULL, as_swap_alone, NULL, "MemorySwapMax" }, -1, INT64_MAX, true, false },
	[KNOB_MEMORY_RESERVATION] = { "memory.reservation", CG_MEMORY,
		{ "memory.soft_limit_in_bytes", NULL, as_number, NULL, NULL },
		{ "memory.low", NULL, as_max, NULL, "MemoryLow" }, -1, INT64_MAX, true, false },
	[KNOB_MEMORY_SWAPPINESS] = { "memory.swappiness", CG_MEMORY,
		{ "memory.swappiness", NULL, as_number, NULL, NULL },
		{ NULL, NULL, NULL, NULL, NULL }, 0, 100, false, false },
	[KNOB_MEMORY_OOM_DISABLE] = { "memory.disableOOMKiller", CG_MEMORY,
		{ "memory.oom_control", NULL, as_flag, NULL, NULL },
		{ NULL, NULL, as_nothing_unless_true, NULL, NULL }, 0, 1, false, true },
	[KNOB_CPU_SHARES] = { "cpu.shares", CG_CPU,
		{ "cpu.shares", NULL, as_number, NULL, "CPUShares" },
		{ "cpu.weight", NULL, as_weight, NULL, "CPUWeight" }, 0, INT64_MAX, true, false },
	[KNOB_CPU_PERIOD] = { "cpu.period", CG_CPU,
		{ "cpu.cfs_period_us", NULL, as_number, NULL, NULL },
		{ "cpu.max", NULL, as_cpu_max, NULL, NULL }, 0, INT64_MAX, true, false },
	[KNOB_CPU_QUOTA] = { "cpu.quota", CG_CPU,
		{ "cpu.cfs_quota_us", NULL, as_number, NULL, "CPUQuotaPerSecUSec" },
		{ "cpu.max", NULL, as_cpu_max, NULL, "CPUQuotaPerSecUSec" }, ANY, true, false },
	[KNOB_CPU_BURST] = { "cpu.burst", CG_CPU,
		{ "cpu.cfs_burst_us", NULL, as_number, NULL, NULL },
		{ "cpu.max.burst", NULL, as_number, NULL, NULL }, 0, INT64_MAX, false, false },
	[KNOB_CPU_IDLE] = { "cpu.idle", CG_CPU,
		{ "cpu.idle", NULL, as_number, NULL, NULL },
		{ "cpu.idle", NULL, as_number, NULL, NULL }, 0, 1, false, false },
	[KNOB_CPU_RT_PERIOD] = { "cpu.realtimePeriod", CG_CPU,
		{ "cpu.rt_period_us", NULL, as_number, NULL, NULL },
		{ NULL, NULL, as_nothing_unless_true, NULL, NULL }, 0, INT64_MAX, true, false },
	[KNOB_CPU_RT_RUNTIME] = { "cpu.realtimeRuntime", CG_CPU,
		{ "cpu.rt_runtime_us", NULL, as_number, NULL, NULL },
		{ NULL, NULL, as_nothing_unless_true, NULL, NULL }, -1, INT64_MAX, true, false },
	[KNOB_PIDS_LIMIT] = { "pids.limit", CG_PIDS,
		{ "pids.max", NULL, as_max, NULL, "TasksMax" },
		{ "pids.max", NULL, as_max, NULL, "TasksMax" }, ANY, false, false },
	[KNOB_BLKIO_WEIGHT] = { "blockIO.weight", CG_BLKIO,
		{ "blkio.weight", "blkio.bfq.weight", as_number, as_number, "BlockIOWeight" },
		{ "io.bfq.weight", "io.weight", as_number, as_io_weight, "IOWeight" }, 0, 1000, true, false },
	[KNOB_BLKIO_LEAF_WEIGHT] = { "blockIO.leafWeight", CG_BLKIO,
		{ "blkio.leaf_weight", NULL, as_number, NULL, NULL },
		{ NULL, NULL, as_nothing_unless_true, NULL, NULL }, 0, 1000, true, false },
	[KNOB_NET_CLASS] = { "network.classID", CG_NET_CLS,
		{ "net_cls.classid", NULL, as_number, NULL, NULL },
		{ NULL, NULL, as_nothing_unless_true, NULL, NULL }, 0, UINT32_MAX, true, false },
};

/* --- reading ------------------------------------------------------------------------------- */

static int value_read(const json_t *o, const struct cg_knob *k, const char *key, int64_t *ret,
		      struct err *e)
{
	char at[48];
	bool flag = false;
	int r;

	(void)snprintf(at, sizeof at, "linux.resources.%.*s", (int)strcspn(k->field, "."), k->field);
	if (k->flag) {
		r = js_get_bool(o, at, key, &flag, e);
		*ret = flag;
	} else {
		r = js_get_int(o, at, key, ret, e);
	}
	if (r <= 0)
		return r;
	if (*ret < k->min || *ret > k->max)
		return err_new(e, E_INVALID, EINVAL, "%s.%s: %lld is not between %lld and %lld", at, key,
			       (long long)*ret, (long long)k->min, (long long)k->max);
	return !(k->zero_is_unset && *ret == 0);
}

static int values_parse(const json_t *resources, struct cg_values *v, struct err *e)
{
	for (int id = 0; id < KNOB_N; id++) {
		const struct cg_knob *k = &cg_knobs[id];
		char section[16];
		size_t n = strcspn(k->field, ".");
		json_t *o = NULL;
		memcpy(section, k->field, n);
		section[n] = 0;
		int r = js_get_obj(resources, "linux.resources", section, &o, e);
		if (r > 0)
			r = value_read(o, k, k->field + n + 1, &v->v[id], e);
		if (r < 0)
			return r;
		v->set[id] = r > 0;
	}
	return 0;
}

/* What contradicts itself whatever the host is. */
static int values_check(struct cg_values *v, struct err *e)
{
	int64_t limit = v->v[KNOB_MEMORY_LIMIT], swap = v->v[KNOB_MEMORY_SWAP];

	if (v->set[KNOB_MEMORY_LIMIT] && v->set[KNOB_MEMORY_SWAP] && swap >= 0 &&
	    (limit < 0 || swap < limit))
		return err_new(e, E_INVALID, EINVAL, "linux.resources.memory.swap: memory and swap "
			       "together (%lld) must be at least memory.limit (%lld)",
			       (long long)swap, (long long)limit);
	/* as runc: no limit of memory also means none of swap */
	if (v->set[KNOB_MEMORY_LIMIT] && limit < 0 && !v->set[KNOB_MEMORY_SWAP]) {
		v->v[KNOB_MEMORY_SWAP] = -1;
		v->set[KNOB_MEMORY_SWAP] = true;
	}
	if (v->set[KNOB_CPU_QUOTA] && v->v[KNOB_CPU_QUOTA] < 0)
		v->v[KNOB_CPU_QUOTA] = -1;
	if (v->set[KNOB_PIDS_LIMIT] && v->v[KNOB_PIDS_LIMIT] < 0)
		v->v[KNOB_PIDS_LIMIT] = -1;
	return 0;
}

int cg_values_read(const json_t *resources, struct cg_values *ret, struct err *e)
{
	*ret = (struct cg_values){ 0 };
	int r = values_parse(resources, ret, e);
	return r < 0 ? r : values_check(ret, e);
}

/* --- writing ------------------------------------------------------------------------------- */

enum { DONE = 0, AGAIN = 1 };

/* What may be missing without anybody losing anything. */
static bool harmless(enum cg_knob_id id, const struct cg_values *v, bool unified, int r)
{
	if (r != -ENOENT)
		return false;
	/* no swap accounting, which v2 only lacks where there is no swap */
	return (id == KNOB_MEMORY_SWAP && (v->v[id] < 0 || (unified && v->v[id] == v->v[KNOB_MEMORY_LIMIT]))) ||
	       (id == KNOB_CPU_BURST && v->v[id] == 0) || (id == KNOB_CPU_IDLE && v->v[id] == 0);
}

/* AGAIN: the kernel refused the value beside what other files say now; a later write of one of
 * them may make it possible (limit and memsw, quota, period and burst). */
static int knob_write(struct cgroup *cg, enum cg_knob_id id, const struct cg_values *v, bool last,
		      struct err *e)
{
	const struct cg_knob *k = &cg_knobs[id];
	char text[KNOB_TEXT], field[64];
	struct cg_tree *t = cg_tree_of(cg, k->ctrl);

	(void)snprintf(field, sizeof field, "linux.resources.%s", k->field); /* fits */
	if (!t)
		return cg_missing(cg, k->ctrl, field, e);
	const char *file = t->unified ? k->unified.file : k->legacy.file;
	const char *or_file = t->unified ? k->unified.or_file : k->legacy.or_file;
	cg_convert *convert = t->unified ? k->unified.convert : k->legacy.convert;
	int r = convert ? convert(v, id, t, text) : -EOPNOTSUPP;
	if (r == 0)
		return DONE;
	if (r == -EOPNOTSUPP && id == KNOB_MEMORY_SWAPPINESS) {
		cg_warn(cg, "%s is ignored: cgroup v2 has none", field);
		return DONE;
	}
	if (r == -EOPNOTSUPP)
		return cg_unsupported(cg, field, "cgroup v2 has no such limit", e);
	if (r < 0)
		return err_new(e, E_INVALID, EINVAL, "set %s: needs memory.limit, which must not be "
			       "above it", field);
	cg_undo_note(cg, t, file);
	r = cg_write_raw(t, file, text);
	if (r == -ENOENT && or_file) {
		cg_convert *other = t->unified ? k->unified.or_convert : k->legacy.or_convert;
		cg_undo_note(cg, t, or_file);
		if (other(v, id, t, text) > 0)
			r = cg_write_raw(t, or_file, text);
		file = or_file;
	}
	if (r >= 0 || harmless(id, v, t->unified, r))
		return DONE;
	if (r == -EINVAL && !last)
		return AGAIN;
	if (r == -EBUSY && id == KNOB_MEMORY_LIMIT) {
		err_new(e, E_BUSY, EBUSY, "set %s: more than %s bytes are in use and cannot be reclaimed",
			field, text);
		return -EBUSY;
	}
	return cg_write_failed(cg, t, field, file, text, r, e);
}

static int check_usage(struct cgroup *cg, const json_t *resources, const struct cg_values *v,
		       struct err *e)
{
	struct cg_tree *t = cg_tree_of(cg, CG_MEMORY);
	uint64_t usage;

	if (!js_bool(resources, "memory.checkBeforeUpdate", false) || !v->set[KNOB_MEMORY_LIMIT] ||
	    v->v[KNOB_MEMORY_LIMIT] < 0 || !t)
		return 0;
	if (cg_number(t, t->unified ? "memory.current" : "memory.usage_in_bytes", &usage) < 0)
		return 0;
	if (usage > (uint64_t)v->v[KNOB_MEMORY_LIMIT])
		return err_new(e, E_BUSY, EBUSY, "set linux.resources.memory.limit: %llu bytes are in use, "
			       "more than the new limit of %lld", (unsigned long long)usage,
			       (long long)v->v[KNOB_MEMORY_LIMIT]);
	return 0;
}

int cg_set_scalars(struct cgroup *cg, const json_t *resources, struct err *e)
{
	struct cg_values v;
	bool again[KNOB_N] = { false };
	int r = cg_values_read(resources, &v, e);

	if (r >= 0)
		r = check_usage(cg, resources, &v, e);
	if (r < 0)
		return r;
	if (js_at(resources, "memory.kernel") || js_at(resources, "memory.kernelTCP"))
		cg_warn(cg, "linux.resources.memory.kernel and kernelTCP are ignored: Linux has dropped them");
	for (int id = 0; id < KNOB_N; id++) {
		if (!v.set[id] || (cg->fresh && cg_knobs[id].flag && !v.v[id]))
			continue;
		r = knob_write(cg, (enum cg_knob_id)id, &v, false, e);
		if (r < 0)
			return r;
		again[id] = r == AGAIN;
	}
	for (int id = 0; id < KNOB_N; id++) {
		r = again[id] ? knob_write(cg, (enum cg_knob_id)id, &v, true, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
