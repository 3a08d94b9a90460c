/* SPDX-License-Identifier: Apache-2.0
 *
 * OCI linux.seccomp -> policy: reads and checks the object, then has seccomp_bpf.c write the
 * program.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "spec/seccomp.h"
#include "spec/seccomp_profile.h"

#define AT "linux.seccomp"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct {
	const char *name;
	uint32_t action;
	bool takes_errno;
} actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
};

const char *const seccomp_operators[OP_N] = {
	[OP_NE] = "SCMP_CMP_NE", [OP_LT] = "SCMP_CMP_LT", [OP_LE] = "SCMP_CMP_LE",
	[OP_EQ] = "SCMP_CMP_EQ", [OP_GE] = "SCMP_CMP_GE", [OP_GT] = "SCMP_CMP_GT",
	[OP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

static const struct {
	const char *name;
	uint32_t flag;
} flags[] = {
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

struct parse {
	struct seccomp_policy p;
	struct arena *a;
	bool notify;
};

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "out of memory");
}

/* @key: "action" or "defaultAction"; @errno_key the member with its errno. */
static int read_action(const json_t *o, const char *at, const char *key, const char *errno_key,
		       uint32_t *ret, struct err *e)
{
	const char *name = NULL;
	int64_t eno = EPERM;
	size_t i = 0;

	int r = js_get_str(o, at, key, &name, e);
	if (r < 0)
		return r;
	if (!name || !*name)
		return err_new(e, E_INVALID, EINVAL, "%s.%s: missing", at, key);
	while (i < ARRAY_LEN(actions) && strcmp(actions[i].name, name))
		i++;
	if (i == ARRAY_LEN(actions))
		return err_new(e, E_INVALID, EINVAL, "%s.%s: unknown action \"%s\"", at, key, name);
	r = js_get_int(o, at, errno_key, &eno, e);
	if (r < 0)
		return r;
	if (r && !actions[i].takes_errno)
		return err_new(e, E_INVALID, EINVAL, "%s.%s: not possible with %s", at, errno_key, name);
	if (eno < 0 || eno > UINT16_MAX)
		return err_new(e, E_INVALID, EINVAL, "%s.%s: %lld is not an errno", at, errno_key,
			       (long long)eno);
	*ret = actions[i].action | (actions[i].takes_errno ? (uint32_t)eno : 0);
	return 0;
}

/* Numbers up to 2^64-1; beyond 2^63 the JSON reader may deliver a real. */
static int read_value(const json_t *o, const char *at, const char *key, uint64_t *ret, struct err *e)
{
	const json_t *j = json_object_get(o, key);
	if (!j || json_is_null(j))
		return 0;
	if (json_is_integer(j))
		*ret = (uint64_t)json_integer_value(j);
	else if (json_is_real(j) && json_real_value(j) >= 0 && json_real_value(j) < 0x1p64)
		*ret = (uint64_t)json_real_value(j);
	else if (json_is_real(j) && json_real_value(j) <= 0x1p64 && json_real_value(j) > 0)
		*ret = UINT64_MAX;
	else
		return err_new(e, E_INVALID, EINVAL, "%s.%s: expected a 64-bit number", at, key);
	return 0;
}

static int read_cond(const json_t *o, const char *at, struct seccomp_cond *ret, struct err *e)
{
	const char *op = NULL;
	int64_t index = 0;
	uint64_t value = 0, two = 0;
	uint8_t i = 0;

	if (!json_is_object(o))
		return err_new(e, E_INVALID, EINVAL, "%s: expected object", at);
	if (js_get_int(o, at, "index", &index, e) < 0 || js_get_str(o, at, "op", &op, e) < 0 ||
	    read_value(o, at, "value", &value, e) < 0 || read_value(o, at, "valueTwo", &two, e) < 0)
		return -EINVAL;
	if (index < 0 || index >= SECCOMP_ARGS)
		return err_new(e, E_INVALID, EINVAL, "%s.index: %lld, a system call has arguments 0 to 5",
			       at, (long long)index);
	while (i < OP_N && (!op || strcmp(seccomp_operators[i], op)))
		i++;
	if (i == OP_N)
		return err_new(e, E_INVALID, EINVAL, "%s.op: unknown operator \"%s\"", at, op ? op : "");
	ret->arg = (uint8_t)index;
	ret->op = i;
	ret->mask = i == OP_MASKED_EQ ? value : UINT64_MAX;
	ret->value = (i == OP_MASKED_EQ ? two : value) & ret->mask;
	return 0;
}

/* A rule with room for one condition per argument. */
static struct seccomp_rule *rule_add(struct parse *s, uint32_t action, bool conds)
{
	struct seccomp_policy *p = &s->p;
	struct seccomp_rule *v = arena_grow(s->a, p->rules, &p->rules_cap, p->rules_n + 1, sizeof *v);
	struct seccomp_cond *c = conds ? arena_get(s->a, SECCOMP_ARGS * sizeof *c) : NULL;
	if (!v || (conds && !c))
		return NULL;
	p->rules = v;
	v[p->rules_n] = (struct seccomp_rule){ .action = action, .conds = c };
	return &v[p->rules_n++];
}

/* A condition that every value meets (an empty mask) is none. */
static void cond_add(struct seccomp_rule *r, struct seccomp_cond c)
{
	uint32_t at = r->conds_n;
	if (c.op == OP_MASKED_EQ && !c.mask)
		return;
	for (; at > 0 && r->conds[at - 1].arg > c.arg; at--)
		r->conds[at] = r->conds[at - 1];
	r->conds[at] = c;
	r->conds_n++;
}

/* The rules of one entry: one, or one for each condition when an argument has two (as runc:
 * profiles written for it rely on "or"). */
static int read_rules(struct parse *s, const json_t *o, const char *at, uint32_t action,
		      struct err *e)
{
	json_t *args = NULL, *item;
	size_t i;
	bool seen[SECCOMP_ARGS] = { false }, any = false;

	if (js_get_arr(o, at, "args", &args, e) < 0)
		return -EINVAL;
	size_t n = json_array_size(args);
	struct seccomp_cond *c = arena_get(s->a, (n + 1) * sizeof *c);
	if (!c)
		return nomem(e);
	json_array_foreach(args, i, item) {
		char where[96];
		snprintf(where, sizeof where, "%s.args[%zu]", at, i);
		if (read_cond(item, where, &c[i], e) < 0)
			return -EINVAL;
		any = any || seen[c[i].arg];
		seen[c[i].arg] = true;
	}
	struct seccomp_rule *r = NULL;
	for (i = 0; i < n || !r; i++) {
		if (!r || any)
			r = rule_add(s, action, n > 0);
		if (!r)
			return nomem(e);
		if (i < n)
			cond_add(r, c[i]);
	}
	return 0;
}

static int read_names(struct parse *s, const json_t *o, const char *at, size_t first, struct err *e)
{
	struct seccomp_policy *p = &s->p;
	json_t *names = NULL, *item;
	size_t i;

	if (js_get_arr(o, at, "names", &names, e) < 0)
		return -EINVAL;
	if (!json_array_size(names))
		return err_new(e, E_INVALID, EINVAL, "%s.names: at least one name is needed", at);
	size_t want = p->names_n + json_array_size(names) * (p->rules_n - first);
	struct seccomp_name *v = arena_grow(s->a, p->names, &p->names_cap, want, sizeof *v);
	if (!v)
		return nomem(e);
	p->names = v;
	json_array_foreach(names, i, item) {
		const char *name = json_string_value(item);
		if (!name || !*name)
			return err_new(e, E_INVALID, EINVAL, "%s.names[%zu]: expected a name", at, i);
		/* the listener is handed over by write(2) after the filter is in force */
		if (p->rules[first].action == SECCOMP_RET_USER_NOTIF && !strcmp(name, "write"))
			return err_new(e, E_INVALID, EINVAL,
				       "%s: SCMP_ACT_NOTIFY cannot be used for the write syscall", at);
		int row = syscall_find(name);
		for (size_t k = first; row >= 0 && k < p->rules_n; k++)
			v[p->names_n++] = (struct seccomp_name){ row, (uint32_t)k };
	}
	return 0;
}

static int read_syscalls(struct parse *s, const json_t *spec, struct err *e)
{
	json_t *calls = NULL, *item;
	size_t i;

	if (js_get_arr(spec, AT, "syscalls", &calls, e) < 0)
		return -EINVAL;
	json_array_foreach(calls, i, item) {
		char at[64];
		uint32_t action;
		size_t first = s->p.rules_n;
		snprintf(at, sizeof at, AT ".syscalls[%zu]", i);
		if (!json_is_object(item))
			return err_new(e, E_INVALID, EINVAL, "%s: expected object", at);
		int r = read_action(item, at, "action", "errnoRet", &action, e);
		if (r < 0)
			return r;
		s->notify = s->notify || action == SECCOMP_RET_USER_NOTIF;
		r = read_rules(s, item, at, action, e);
		if (r < 0)
			return r;
		r = read_names(s, item, at, first, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_archs(struct parse *s, const json_t *spec, struct err *e)
{
	json_t *archs = NULL, *item;
	size_t i;

	if (js_get_arr(spec, AT, "architectures", &archs, e) < 0)
		return -EINVAL;
	json_array_foreach(archs, i, item) {
		const char *name = json_string_value(item);
		int a = name ? syscall_arch_parse(name) : -1;
		if (a < 0)
			return err_new(e, E_INVALID, EINVAL, AT ".architectures[%zu]: unknown "
				       "architecture \"%s\"", i, name ? name : "");
		s->p.archs[a] = true;
	}
	return 0;
}

static int read_flags(const json_t *spec, uint32_t *ret, struct err *e)
{
	json_t *list = NULL, *item;
	size_t i;

	if (js_get_arr(spec, AT, "flags", &list, e) < 0)
		return -EINVAL;
	json_array_foreach(list, i, item) {
		const char *name = json_string_value(item);
		size_t k = 0;
		while (k < ARRAY_LEN(flags) && (!name || strcmp(flags[k].name, name)))
			k++;
		if (k == ARRAY_LEN(flags))
			return err_new(e, E_INVALID, EINVAL, AT ".flags[%zu]: unknown flag \"%s\"", i,
				       name ? name : "");
		if (!seccomp_flag_supported(flags[k].flag))
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
				       AT ".flags[%zu]: this kernel has no %s", i, name);
		*ret |= flags[k].flag;
	}
	return 0;
}

static int check_listener(const struct parse *s, const json_t *spec, struct err *e)
{
	const char *path = NULL, *meta = NULL;

	if (s->p.default_action == SECCOMP_RET_USER_NOTIF)
		return err_new(e, E_INVALID, EINVAL,
			       AT ": SCMP_ACT_NOTIFY cannot be used as default action");
	if (js_get_str(spec, AT, "listenerPath", &path, e) < 0 ||
	    js_get_str(spec, AT, "listenerMetadata", &meta, e) < 0)
		return -EINVAL;
	if (meta && *meta && !(path && *path))
		return err_new(e, E_INVALID, EINVAL, AT ".listenerMetadata: needs listenerPath");
	if (s->notify && !(path && *path))
		return err_new(e, E_INVALID, EINVAL, AT ".listenerPath: needed by SCMP_ACT_NOTIFY");
	return 0;
}

/* A profile that lets unknown calls through needs no stub for them. */
static bool needs_stub(uint32_t default_action)
{
	uint32_t kind = default_action & SECCOMP_RET_ACTION_FULL;
	return kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE;
}

int seccomp_compile(const json_t *spec, struct seccomp_filter *ret, struct err *e)
{
	ARENA a = { 0 };
	struct parse s = { .a = &a };
	struct seccomp_filter f = { 0 };

	if (!json_is_object(spec))
		return err_new(e, E_INVALID, EINVAL, AT ": expected object");
	int r = read_action(spec, AT, "defaultAction", "defaultErrnoRet", &s.p.default_action, e);
	if (r < 0)
		return r;
	s.p.stub = needs_stub(s.p.default_action);
	r = read_archs(&s, spec, e);
	if (r >= 0)
		r = read_flags(spec, &f.flags, e);
	if (r >= 0)
		r = read_syscalls(&s, spec, e);
	if (r >= 0)
		r = check_listener(&s, spec, e);
	if (r < 0)
		return e->eno ? -e->eno : r;
	r = seccomp_bpf_build(&s.p, &a, &f.code, &f.n, e);
	if (r < 0)
		return r;
	f.notify = s.notify;
	*ret = f;
	return 0;
}

static json_t *names_of(const char *const *first, size_t n, size_t stride)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < n; i++) {
		const char *const *name = (const void *)((const char *)first + i * stride);
		if (json_array_append_new(list, json_string(*name)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *seccomp_features(void)
{
	json_t *supported = json_array();
	for (size_t i = 0; supported && i < ARRAY_LEN(flags); i++)
		if (seccomp_flag_supported(flags[i].flag))
			(void)json_array_append_new(supported, json_string(flags[i].name)); /* see below */
	json_t *actions_list = names_of(&actions[0].name, ARRAY_LEN(actions), sizeof actions[0]);
	json_t *ops = names_of(seccomp_operators, OP_N, sizeof seccomp_operators[0]);
	json_t *known = names_of(&flags[0].name, ARRAY_LEN(flags), sizeof flags[0]);
	json_t *archs = json_array();
	for (int i = 0; archs && i < ARCH_N; i++)
		if (syscall_arch_known((enum syscall_arch)i))
			(void)json_array_append_new(archs, json_string(syscall_arch_rows[i].oci));
	/* json_pack refuses NULL members, so any failure above ends here */
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions", actions_list,
			 "operators", ops, "archs", archs, "knownFlags", known, "supportedFlags",
			 supported);
}
