/* SPDX-License-Identifier: Apache-2.0
 *
 * The process object of a bundle, also alone for exec: see bundle.h.
 */
#include <linux/sched.h>
#include <string.h>
#include <sys/resource.h>

#include "spec/bundle_int.h"
#include "spec/capability.h"
#include "spec/limits.h"

static const struct {
	const char *name;
	int resource;
} rlimit_table[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

static int rlimit_read(struct reader *r, const struct where *w, const json_t *o, void *ret)
{
	struct bundle_rlimit *l = ret;
	const char *type = "";
	int n;

	if ((n = read_str(r, w, o, "type", &type)) < 0 || (n = read_u64(r, w, o, "soft", &l->soft)) < 0 ||
	    (n = read_u64(r, w, o, "hard", &l->hard)) < 0)
		return n;
	for (size_t i = 0; i < ARRAY_LEN(rlimit_table); i++)
		if (!strcmp(rlimit_table[i].name, type)) {
			l->resource = rlimit_table[i].resource;
			l->name = rlimit_table[i].name;
		}
	if (!l->name)
		return where_fail(r, w, "type", "unknown limit \"%s\"", type);
	if (l->soft > l->hard)
		return where_fail(r, w, "soft", "%s: soft limit is above the hard limit", type);
	return 0;
}

static int rlimits_read(struct reader *r, const struct where *w, const json_t *o,
			struct bundle_process *p)
{
	static const struct object_reader how = { sizeof(struct bundle_rlimit), ARRAY_LEN(rlimit_table) * 4,
						  rlimit_read };
	struct where list = { w, "rlimits", 0 };
	const void *v = NULL;
	uint32_t seen = 0;
	int n = read_objects(r, w, o, "rlimits", &how, &v, &p->n_rlimits);
	p->rlimits = v;
	for (size_t i = 0; n >= 0 && i < p->n_rlimits; i++) {
		struct where at = { &list, NULL, i };
		uint32_t bit = UINT32_C(1) << p->rlimits[i].resource;
		if (seen & bit)
			return where_fail(r, &at, "type", "%s is given twice", p->rlimits[i].name);
		seen |= bit;
	}
	return n;
}

static int caps_read(struct reader *r, const struct where *up, const json_t *o,
		     struct bundle_process *p)
{
	static const char *const sets[BUNDLE_CAPSETS] = {
		[BUNDLE_CAP_BOUNDING] = "bounding",
		[BUNDLE_CAP_EFFECTIVE] = "effective",
		[BUNDLE_CAP_INHERITABLE] = "inheritable",
		[BUNDLE_CAP_PERMITTED] = "permitted",
		[BUNDLE_CAP_AMBIENT] = "ambient",
	};
	struct where w = { up, "capabilities", 0 };
	json_t *caps;
	int n = read_obj(r, up, o, "capabilities", &caps);
	if (n <= 0)
		return n;
	p->has_caps = true;
	for (int s = 0; s < BUNDLE_CAPSETS; s++) {
		struct bundle_strv names = { 0 };
		n = read_strv(r, &w, caps, sets[s], &names);
		for (size_t i = 0; n >= 0 && i < names.n; i++) {
			int cap = capability_parse_oci(names.v[i]);
			if (cap >= 0)
				p->caps[s] |= UINT64_C(1) << cap;
			else /* the spec: an unknown capability is a warning, not a failure */
				n = where_warn(r, &w, sets[s], "unknown capability \"%s\" ignored",
					       names.v[i]);
		}
		if (n < 0)
			return n;
	}
	return 1;
}

static int user_read(struct reader *r, const struct where *up, const json_t *o,
		     struct bundle_process *p)
{
	struct where w = { up, "user", 0 }, list = { &w, "additionalGids", 0 };
	json_t *user, *arr;
	int64_t umask;
	int n = read_obj(r, up, o, "user", &user);
	if (n <= 0)
		return n;
	if ((n = read_id(r, &w, user, "uid", &p->uid)) < 0 || (n = read_id(r, &w, user, "gid", &p->gid)) < 0 ||
	    (n = read_int(r, &w, user, "umask", (struct int_range){ 0, 0777 }, &umask)) < 0)
		return n;
	if (n) {
		p->has_umask = true;
		p->umask = (uint32_t)umask;
	}
	n = read_arr(r, &w, user, "additionalGids", LIMIT_GROUPS, &arr);
	if (n <= 0)
		return n;
	uint32_t *g = arena_get(r->arena, (json_array_size(arr) + 1) * sizeof *g);
	if (!g)
		return read_nomem(r);
	for (size_t i = 0; i < json_array_size(arr); i++) {
		struct where at = { &list, NULL, i };
		const json_t *v = json_array_get(arr, i);
		if (!json_is_integer(v))
			return where_fail(r, &at, NULL, "expected integer");
		if (json_integer_value(v) < 0 || json_integer_value(v) >= UINT32_MAX)
			return where_fail(r, &at, NULL, "%lld is no group id",
					  (long long)json_integer_value(v));
		g[p->n_groups++] = (uint32_t)json_integer_value(v);
	}
	p->groups = g;
	return 1;
}

static size_t key_hash(const char *s)
{
	size_t h = 5381;
	for (; *s && *s != '='; s++)
		h = h * 33 ^ (unsigned char)*s;
	return h;
}

/* Drop all but the last of each variable, keeping the order of those that stay. A hash, because
 * Kubernetes gives a container seven variables per service of its namespace. */
static int env_unique(struct reader *r, struct bundle_strv *env)
{
	size_t size = 16, w = env->n;

	while (size < env->n * 2)
		size *= 2;
	const char **seen = arena_get(r->arena, size * sizeof *seen);
	const char **v = arena_get(r->arena, (env->n + 1) * sizeof *v);
	if (!seen || !v)
		return read_nomem(r);
	for (size_t i = env->n; i-- > 0;) {
		size_t len = strcspn(env->v[i], "=") + 1, h = key_hash(env->v[i]) & (size - 1);
		while (seen[h] && strncmp(seen[h], env->v[i], len))
			h = (h + 1) & (size - 1);
		if (seen[h])
			continue;
		seen[h] = env->v[i];
		v[--w] = env->v[i];
	}
	env->v = v + w;
	env->n -= w;
	return 0;
}

static int env_read(struct reader *r, const struct where *w, const json_t *o, struct bundle_process *p)
{
	struct where list = { w, "env", 0 };
	int n = read_strv(r, w, o, "env", &p->env);
	if (n < 0)
		return n;
	for (size_t i = 0; i < p->env.n; i++) {
		const char *eq = strchr(p->env.v[i], '=');
		struct where at = { &list, NULL, i };
		if (!eq || eq == p->env.v[i])
			return where_fail(r, &at, NULL, "\"%s\" is not of the form NAME=VALUE",
					  p->env.v[i]);
	}
	n = env_unique(r, &p->env);
	for (size_t i = 0; n >= 0 && i < p->env.n; i++) {
		if (!strncmp(p->env.v[i], "PATH=", 5))
			p->path = p->env.v[i] + 5;
		else if (!strncmp(p->env.v[i], "HOME=", 5) && p->env.v[i][5])
			p->has_home = true;
	}
	return n;
}

struct word_row {
	const char *name;
	uint64_t value;
};

static const struct word_row sched_policies[] = {
	{ "SCHED_OTHER", SCHED_NORMAL }, { "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },	 { "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", 4 /* reserved by the kernel, never merged */ },
	{ "SCHED_IDLE", SCHED_IDLE },	 { "SCHED_DEADLINE", SCHED_DEADLINE },
};

static const struct word_row sched_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};

static const struct word_row io_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

static bool word_find(const struct word_row *rows, size_t n, const char *name, uint64_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].name, name)) {
			*ret = rows[i].value;
			return true;
		}
	return false;
}

static int scheduler_rules(struct reader *r, const struct where *w, const struct bundle_scheduler *s)
{
	if (s->nice && s->policy != SCHED_NORMAL && s->policy != SCHED_BATCH)
		return where_fail(r, w, "nice", "only for SCHED_OTHER and SCHED_BATCH");
	if (s->priority && s->policy != SCHED_FIFO && s->policy != SCHED_RR)
		return where_fail(r, w, "priority", "only for SCHED_FIFO and SCHED_RR");
	if ((s->runtime_ns || s->deadline_ns || s->period_ns) && s->policy != SCHED_DEADLINE)
		return where_fail(r, w, s->runtime_ns ? "runtime" : s->deadline_ns ? "deadline" : "period",
				  "only for SCHED_DEADLINE");
	return 0;
}

static int scheduler_read(struct reader *r, const struct where *up, const json_t *o,
			  struct bundle_scheduler *s)
{
	struct where w = { up, "scheduler", 0 };
	struct bundle_strv flags = { 0 };
	const char *policy = "";
	int64_t nice = 0, prio = 0;
	uint64_t v;
	json_t *j;
	int n = read_obj(r, up, o, "scheduler", &j);
	if (n <= 0)
		return n;
	if ((n = read_str(r, &w, j, "policy", &policy)) < 0 ||
	    (n = read_int(r, &w, j, "nice", (struct int_range){ -20, 19 }, &nice)) < 0 ||
	    (n = read_int(r, &w, j, "priority", (struct int_range){ 0, 99 }, &prio)) < 0 ||
	    (n = read_u64(r, &w, j, "runtime", &s->runtime_ns)) < 0 ||
	    (n = read_u64(r, &w, j, "deadline", &s->deadline_ns)) < 0 ||
	    (n = read_u64(r, &w, j, "period", &s->period_ns)) < 0 ||
	    (n = read_strv(r, &w, j, "flags", &flags)) < 0)
		return n;
	if (!word_find(sched_policies, ARRAY_LEN(sched_policies), policy, &v))
		return where_fail(r, &w, "policy", "unknown policy \"%s\"", policy);
	s->set = true;
	s->policy = (uint32_t)v;
	s->nice = (int32_t)nice;
	s->priority = (uint32_t)prio;
	for (size_t i = 0; i < flags.n; i++) {
		if (!word_find(sched_flags, ARRAY_LEN(sched_flags), flags.v[i], &v))
			return where_fail(r, &w, "flags", "unknown flag \"%s\"", flags.v[i]);
		s->flags |= v;
	}
	return scheduler_rules(r, &w, s);
}

static int io_priority_read(struct reader *r, const struct where *up, const json_t *o,
			    struct bundle_process *p)
{
	struct where w = { up, "ioPriority", 0 };
	const char *class = "";
	int64_t prio = 0;
	uint64_t v;
	json_t *j;
	int n = read_obj(r, up, o, "ioPriority", &j);
	if (n <= 0)
		return n;
	if ((n = read_str(r, &w, j, "class", &class)) < 0 ||
	    (n = read_int(r, &w, j, "priority", (struct int_range){ 0, 7 }, &prio)) < 0)
		return n;
	if (!word_find(io_classes, ARRAY_LEN(io_classes), class, &v))
		return where_fail(r, &w, "class", "unknown class \"%s\"", class);
	p->has_io_priority = true;
	p->io_priority_class = (int)v;
	p->io_priority = (int)prio;
	return 0;
}

static int console_read(struct reader *r, const struct where *up, const json_t *o,
			struct bundle_process *p)
{
	struct where w = { up, "consoleSize", 0 };
	struct int_range range = { 0, UINT16_MAX };
	int64_t rows = 0, cols = 0;
	json_t *j;
	int n = read_obj(r, up, o, "consoleSize", &j);
	if (n <= 0)
		return n;
	if ((n = read_int(r, &w, j, "height", range, &rows)) < 0 ||
	    (n = read_int(r, &w, j, "width", range, &cols)) < 0)
		return n;
	p->console_rows = (uint16_t)rows;
	p->console_cols = (uint16_t)cols;
	return 0;
}

static int affinity_read(struct reader *r, const struct where *up, const json_t *o,
			 struct bundle_process *p)
{
	struct where w = { up, "execCPUAffinity", 0 };
	json_t *j;
	int n = read_obj(r, up, o, "execCPUAffinity", &j);
	if (n <= 0)
		return n;
	if ((n = read_str(r, &w, j, "initial", &p->cpu_affinity_initial)) < 0 ||
	    (n = read_str(r, &w, j, "final", &p->cpu_affinity_final)) < 0)
		return n;
	if (p->cpu_affinity_initial && (n = read_cpu_list(r, &w, "initial", p->cpu_affinity_initial)) < 0)
		return n;
	if (p->cpu_affinity_final && (n = read_cpu_list(r, &w, "final", p->cpu_affinity_final)) < 0)
		return n;
	return 0;
}

int process_read(struct reader *r, const struct where *w, const json_t *o, struct bundle_process *p)
{
	int64_t adj;
	int n;

	if ((n = read_bool(r, w, o, "terminal", &p->terminal)) < 0 ||
	    (n = read_str(r, w, o, "cwd", &p->cwd)) < 0 || (n = read_strv(r, w, o, "args", &p->args)) < 0 ||
	    (n = console_read(r, w, o, p)) < 0 || (n = env_read(r, w, o, p)) < 0 ||
	    (n = user_read(r, w, o, p)) < 0 || (n = rlimits_read(r, w, o, p)) < 0 ||
	    (n = caps_read(r, w, o, p)) < 0 ||
	    (n = read_bool(r, w, o, "noNewPrivileges", &p->no_new_privileges)) < 0 ||
	    (n = read_str(r, w, o, "apparmorProfile", &p->apparmor_profile)) < 0 ||
	    (n = read_str(r, w, o, "selinuxLabel", &p->selinux_label)) < 0 ||
	    (n = scheduler_read(r, w, o, &p->scheduler)) < 0 || (n = io_priority_read(r, w, o, p)) < 0 ||
	    (n = affinity_read(r, w, o, p)) < 0 ||
	    (n = read_int(r, w, o, "oomScoreAdj", (struct int_range){ -1000, 1000 }, &adj)) < 0)
		return n;
	if (n) {
		p->has_oom_score_adj = true;
		p->oom_score_adj = (int)adj;
	}
	if (!p->args.n)
		return where_fail(r, w, "args", "must not be empty");
	if (!p->cwd)
		return where_fail(r, w, "cwd", "must not be empty");
	if (*p->cwd != '/')
		return where_fail(r, w, "cwd", "\"%s\" is not an absolute path", p->cwd);
	return 0;
}

int bundle_process_parse(const json_t *process, const char *path, struct arena *a,
			 struct bundle_process *ret, struct bundle_strv *warnings, struct err *e)
{
	struct err own = { 0 };
	struct reader r = { .arena = a, .e = e ? e : &own };
	struct where w = { NULL, path, 0 };
	struct bundle_process p = { 0 };

	if (!json_is_object(process))
		return where_fail(&r, *path ? &w : NULL, NULL, "expected object");
	int n = process_read(&r, *path ? &w : NULL, process, &p);
	if (n < 0)
		return n;
	*ret = p;
	if (warnings && r.warnings)
		*warnings = (struct bundle_strv){ r.warnings, r.n_warnings };
	return 0;
}
