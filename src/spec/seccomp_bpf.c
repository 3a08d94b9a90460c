/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy -> BPF. For each architecture the calls become spans of numbers, the spans a balanced
 * tree of comparisons, the argument conditions straight tests at its leaves.
 *
 * What a rule means is what libseccomp makes of it (tests/unit/test_seccomp.c compares): a rule
 * without conditions takes the place of all others of its call; among rules with conditions the
 * order is by argument, operator and value, not by place in the profile; 32-bit architectures
 * compare the low half only; a call of an architecture that is not listed kills the thread.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "spec/bpf_out.h"
#include "spec/seccomp_int.h"

#define X32_BIT    UINT32_C(0x40000000)
#define NUMBER_TOP UINT32_MAX

struct call {
	uint32_t nr, seq; /* seq: place in the profile */
	const struct seccomp_rule *rule;
};

struct chain { /* rules with conditions of one call, in the order of evaluation */
	const struct seccomp_rule **rules;
	size_t n;
	bool wide, big_endian;
};

struct span {
	uint32_t from;
	uint32_t action;
	const struct chain *chain; /* instead of action */
};

struct spans {
	struct span *v;
	size_t n, cap;
};

struct build {
	const struct seccomp_policy *p;
	struct arena *a;
	struct bpf_out *o;
	uint32_t fallback; /* the default action */
	struct call *calls;
	size_t calls_n, calls_cap;
	bool nomem;
};

/* --- numbers ------------------------------------------------------------------------------ */

static void call_add(struct build *b, uint32_t nr, uint32_t seq, const struct seccomp_rule *rule)
{
	struct call *v = arena_grow(b->a, b->calls, &b->calls_cap, b->calls_n + 1, sizeof *v);
	if (!v) {
		b->nomem = true;
		return;
	}
	b->calls = v;
	v[b->calls_n++] = (struct call){ nr, seq, rule };
}

static struct seccomp_rule *rule_new(struct build *b, uint32_t action, uint32_t conds)
{
	struct seccomp_rule *r = arena_get(b->a, sizeof *r);
	if (r)
		r->conds = arena_get(b->a, (conds + 1) * sizeof *r->conds);
	if (!r || !r->conds) {
		b->nomem = true;
		return NULL;
	}
	r->action = action;
	return r;
}

/* What is left of @r where arguments have 32 bits: low halves, without conditions on none. */
static const struct seccomp_rule *rule_for(struct build *b, const struct seccomp_rule *r, bool wide)
{
	bool same = true;
	for (uint32_t i = 0; i < r->conds_n; i++)
		same = same && !(r->conds[i].value >> 32) && (uint32_t)r->conds[i].mask;
	if (wide || same)
		return r;
	struct seccomp_rule *c = rule_new(b, r->action, r->conds_n);
	if (!c)
		return r;
	for (uint32_t i = 0; i < r->conds_n; i++) {
		struct seccomp_cond k = r->conds[i];
		k.mask &= NUMBER_TOP;
		k.value &= NUMBER_TOP;
		if (k.mask)
			c->conds[c->conds_n++] = k;
	}
	return c;
}

/* The same rule behind a multiplexer: its first argument is the code of the call. */
static const struct seccomp_rule *rule_behind(struct build *b, const struct seccomp_rule *r,
					      uint32_t code)
{
	struct seccomp_rule *c = rule_new(b, r->action, r->conds_n + 1);
	if (!c)
		return r;
	c->conds[c->conds_n++] =
		(struct seccomp_cond){ .op = OP_EQ, .mask = UINT64_MAX, .value = code };
	for (uint32_t i = 0; i < r->conds_n; i++)
		if (r->conds[i].arg != 0)
			c->conds[c->conds_n++] = r->conds[i];
	return c;
}

/* Returns the highest number that the profile names on @arch, -1 when none. */
static int64_t calls_collect(struct build *b, enum syscall_arch arch)
{
	const struct seccomp_policy *p = b->p;
	bool wide = syscall_arch_rows[arch].wide;
	int64_t top = -1;

	for (size_t i = 0; i < p->names_n; i++) {
		const struct seccomp_rule *r = &p->rules[p->names[i].rule];
		int64_t nr = syscall_number(p->names[i].row, arch);
		uint32_t mux_nr, code;
		if (nr > top)
			top = nr;
		if (r->action == b->fallback)
			continue; /* says what is said anyway */
		if (syscall_mux(p->names[i].row, arch, &mux_nr, &code) != MUX_NONE)
			call_add(b, mux_nr, (uint32_t)i,
				 rule_for(b, rule_behind(b, r, code), wide));
		if (nr >= 0)
			call_add(b, (uint32_t)nr, (uint32_t)i, rule_for(b, r, wide));
	}
	return top;
}

static int call_by_number(const void *va, const void *vb)
{
	const struct call *a = va, *b = vb;
	if (a->nr != b->nr)
		return a->nr < b->nr ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* --- rules with conditions ---------------------------------------------------------------- */

static int op_class(uint8_t op)
{
	switch ((enum seccomp_op)op) {
	case OP_MASKED_EQ:
	case OP_EQ:
	case OP_NE:
		return 3;
	case OP_LT:
	case OP_LE:
		return 2;
	case OP_GT:
	case OP_GE:
		return 1;
	case OP_N:
		break;
	}
	return 0;
}

/* Order of evaluation: higher argument first, equality before ranges, the narrower range first,
 * the shorter rule first; then the place in the profile (by the caller's stable insertion). */
static int rule_before(const struct seccomp_rule *a, const struct seccomp_rule *b)
{
	for (uint32_t i = 0; i < a->conds_n && i < b->conds_n; i++) {
		const struct seccomp_cond *x = &a->conds[i], *y = &b->conds[i];
		if (x->arg != y->arg)
			return x->arg > y->arg;
		if (op_class(x->op) != op_class(y->op))
			return op_class(x->op) > op_class(y->op);
		if (x->value != y->value)
			return op_class(x->op) == 2 ? x->value < y->value : x->value > y->value;
		if (x->op != y->op || x->mask != y->mask)
			return false;
	}
	return a->conds_n < b->conds_n;
}

static const struct chain *chain_make(struct build *b, const struct call *c, size_t n,
				      enum syscall_arch arch)
{
	struct chain *ch = arena_get(b->a, sizeof *ch);
	if (ch)
		ch->rules = arena_get(b->a, n * sizeof *ch->rules);
	if (!ch || !ch->rules) {
		b->nomem = true;
		return NULL;
	}
	ch->wide = syscall_arch_rows[arch].wide;
	ch->big_endian = syscall_arch_rows[arch].big_endian;
	for (size_t i = 0; i < n; i++) {
		size_t at = ch->n++;
		for (; at > 0 && rule_before(c[i].rule, ch->rules[at - 1]); at--)
			ch->rules[at] = ch->rules[at - 1];
		ch->rules[at] = c[i].rule;
	}
	return ch;
}

static bool cond_holds(const struct seccomp_cond *c, uint64_t v)
{
	switch ((enum seccomp_op)c->op) {
	case OP_NE:
		return v != c->value;
	case OP_LT:
		return v < c->value;
	case OP_LE:
		return v <= c->value;
	case OP_EQ:
		return v == c->value;
	case OP_GE:
		return v >= c->value;
	case OP_GT:
		return v > c->value;
	case OP_MASKED_EQ:
		return (v & c->mask) == c->value;
	case OP_N:
		break;
	}
	return false;
}

/* --- program ------------------------------------------------------------------------------ */

static uint32_t offset_of(const struct chain *ch, uint8_t arg, bool high)
{
	uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8u * arg;
	return at + (high != ch->big_endian ? 4 : 0);
}

static bpf_label emit_masked(struct build *b, const struct chain *ch, const struct seccomp_cond *c,
			     bool high, bpf_label yes, bpf_label no)
{
	uint32_t mask = (uint32_t)(high ? c->mask >> 32 : c->mask);
	uint32_t value = (uint32_t)(high ? c->value >> 32 : c->value);
	if (!mask)
		return yes;
	bpf_label l = bpf_out_jump(b->o, BPF_JEQ, value, yes, no);
	if (mask != NUMBER_TOP)
		l = bpf_out_stmt(b->o, BPF_ALU | BPF_AND | BPF_K, mask, l);
	return bpf_out_load(b->o, offset_of(ch, c->arg, high), l);
}

/* value > or >= (or, with yes and no swapped, <= or <) on 32 or 64 bits */
static bpf_label emit_greater(struct build *b, const struct chain *ch, const struct seccomp_cond *c,
			      uint16_t jump, bpf_label yes, bpf_label no)
{
	uint32_t high = (uint32_t)(c->value >> 32);
	bpf_label l = bpf_out_jump(b->o, jump, (uint32_t)c->value, yes, no);
	l = bpf_out_load(b->o, offset_of(ch, c->arg, false), l);
	if (!ch->wide)
		return l;
	l = bpf_out_jump(b->o, BPF_JEQ, high, l, no);
	l = bpf_out_jump(b->o, BPF_JGT, high, yes, l);
	return bpf_out_load(b->o, offset_of(ch, c->arg, true), l);
}

static bpf_label emit_cond(struct build *b, const struct chain *ch, const struct seccomp_cond *c,
			   bpf_label yes, bpf_label no)
{
	bpf_label l;
	switch ((enum seccomp_op)c->op) {
	case OP_GT:
		return emit_greater(b, ch, c, BPF_JGT, yes, no);
	case OP_GE:
		return emit_greater(b, ch, c, BPF_JGE, yes, no);
	case OP_LE:
		return emit_greater(b, ch, c, BPF_JGT, no, yes);
	case OP_LT:
		return emit_greater(b, ch, c, BPF_JGE, no, yes);
	case OP_NE:
		l = emit_masked(b, ch, c, false, no, yes);
		return ch->wide ? emit_masked(b, ch, c, true, l, yes) : l;
	case OP_EQ:
	case OP_MASKED_EQ:
		l = emit_masked(b, ch, c, false, yes, no);
		return ch->wide ? emit_masked(b, ch, c, true, l, no) : l;
	case OP_N:
		break;
	}
	return no;
}

static bpf_label emit_tree(struct build *b, const struct span *v, size_t n);

static int number_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* Many rules on one argument (the address families of socket): spans of its values. */
static bool chain_is_spans(const struct chain *ch)
{
	for (size_t i = 0; i < ch->n; i++) {
		const struct seccomp_cond *c = ch->rules[i]->conds;
		if (ch->rules[i]->conds_n != 1 || c->op == OP_MASKED_EQ || c->value >> 32 ||
		    c->arg != ch->rules[0]->conds[0].arg)
			return false;
	}
	return ch->n > 2;
}

static uint32_t chain_verdict(const struct build *b, const struct chain *ch, uint64_t v)
{
	for (size_t i = 0; i < ch->n; i++)
		if (cond_holds(ch->rules[i]->conds, v))
			return ch->rules[i]->action;
	return b->fallback;
}

static bpf_label emit_value_spans(struct build *b, const struct chain *ch)
{
	uint8_t arg = ch->rules[0]->conds[0].arg;
	uint32_t *cut = arena_get(b->a, (2 * ch->n + 1) * sizeof *cut);
	struct span *v = arena_get(b->a, (2 * ch->n + 1) * sizeof *v);
	size_t cuts = 1, n = 0;

	if (!cut || !v) {
		b->nomem = true;
		return bpf_out_ret(b->o, b->fallback);
	}
	for (size_t i = 0; i < ch->n; i++) {
		uint32_t value = (uint32_t)ch->rules[i]->conds[0].value;
		cut[cuts++] = value;
		if (value != NUMBER_TOP)
			cut[cuts++] = value + 1;
	}
	qsort(cut, cuts, sizeof *cut, number_order);
	for (size_t i = 0; i < cuts; i++) {
		uint32_t action = chain_verdict(b, ch, cut[i]);
		if (!n || v[n - 1].action != action)
			v[n++] = (struct span){ cut[i], action, NULL };
	}
	bpf_label l = bpf_out_load(b->o, offset_of(ch, arg, false), emit_tree(b, v, n));
	if (!ch->wide)
		return l;
	/* above 32 bits all comparisons with 32-bit values come out the same */
	l = bpf_out_jump(b->o, BPF_JEQ, 0, l,
			 bpf_out_ret(b->o, chain_verdict(b, ch, UINT64_C(1) << 32)));
	return bpf_out_load(b->o, offset_of(ch, arg, true), l);
}

static bpf_label emit_chain(struct build *b, const struct chain *ch)
{
	if (chain_is_spans(ch))
		return emit_value_spans(b, ch);
	bpf_label next = bpf_out_ret(b->o, b->fallback);
	for (size_t i = ch->n; i-- > 0;) {
		const struct seccomp_rule *r = ch->rules[i];
		bpf_label yes = bpf_out_ret(b->o, r->action);
		for (uint32_t k = r->conds_n; k-- > 0;)
			yes = emit_cond(b, ch, &r->conds[k], yes, next);
		next = yes;
	}
	return next;
}

static bpf_label emit_leaf(struct build *b, const struct span *s)
{
	return s->chain ? emit_chain(b, s->chain) : bpf_out_ret(b->o, s->action);
}

static bpf_label emit_tree(struct build *b, const struct span *v, size_t n)
{
	if (n == 1)
		return emit_leaf(b, v);
	/* one number between two spans of the same verdict */
	if (n == 3 && v[2].from == v[1].from + 1 && !v[0].chain && !v[2].chain &&
	    v[0].action == v[2].action) {
		bpf_label mid = emit_leaf(b, &v[1]);
		bpf_label rest = emit_leaf(b, &v[0]);
		return bpf_out_jump(b->o, BPF_JEQ, v[1].from, mid, rest);
	}
	size_t half = n / 2;
	bpf_label high = emit_tree(b, v + half, n - half);
	bpf_label low = emit_tree(b, v, half);
	/* a shared return may have gone out of reach; bpf_out_jump sees to it */
	return bpf_out_jump(b->o, BPF_JGE, v[half].from, high, low);
}

/* --- spans -------------------------------------------------------------------------------- */

static void span_add(struct build *b, struct spans *s, struct span add)
{
	if (s->n && !add.chain && !s->v[s->n - 1].chain && s->v[s->n - 1].action == add.action)
		return;
	if (s->n && s->v[s->n - 1].from == add.from)
		s->n--;
	if (s->n && !add.chain && !s->v[s->n - 1].chain && s->v[s->n - 1].action == add.action)
		return;
	struct span *v = arena_grow(b->a, s->v, &s->cap, s->n + 1, sizeof *v);
	if (!v) {
		b->nomem = true;
		return;
	}
	s->v = v;
	v[s->n++] = add;
}

/* All rules of one number -> one span. The first rule without conditions stands; it also takes
 * the place of rules with conditions before it. */
static void span_of_calls(struct build *b, struct spans *s, const struct call *c, size_t n,
			  enum syscall_arch arch)
{
	struct span add = { .from = c->nr };
	size_t plain = 0;
	while (plain < n && c[plain].rule->conds_n)
		plain++;
	if (plain < n)
		add.action = c[plain].rule->action;
	else
		add.chain = chain_make(b, c, n, arch);
	span_add(b, s, add);
	if (c->nr != NUMBER_TOP)
		span_add(b, s, (struct span){ c->nr + 1, b->fallback, NULL });
}

/* Spans of the numbers of @arch, from @base on. */
static void spans_collect(struct build *b, struct spans *s, enum syscall_arch arch)
{
	uint32_t base = arch == ARCH_X32 ? X32_BIT : 0;
	b->calls_n = 0;
	int64_t top = calls_collect(b, arch);
	if (b->calls_n)
		qsort(b->calls, b->calls_n, sizeof *b->calls, call_by_number);
	span_add(b, s, (struct span){ base, b->fallback, NULL });
	for (size_t i = 0, n; i < b->calls_n; i += n) {
		for (n = 1; i + n < b->calls_n && b->calls[i + n].nr == b->calls[i].nr; n++)
			;
		span_of_calls(b, s, &b->calls[i], n, arch);
	}
	/* Calls newer than the profile look as on a kernel without them, so that a libc falls back
	 * to older ones; EPERM would be taken for a real answer. */
	if (b->p->stub && top >= 0 && top < NUMBER_TOP)
		span_add(b, s, (struct span){ (uint32_t)top + 1, SECCOMP_RET_ERRNO | ENOSYS, NULL });
}

static bool is_s390(enum syscall_arch arch)
{
	return arch == ARCH_S390 || arch == ARCH_S390X;
}

/* x86_64 and x32 report one audit value and differ in bit 30 of the number. */
static void spans_x32(struct build *b, struct spans *s)
{
	uint32_t above = s->v[s->n - 1].action;
	if (b->p->archs[ARCH_X32]) {
		spans_collect(b, s, ARCH_X32);
		return;
	}
	span_add(b, s, (struct span){ X32_BIT, SECCOMP_RET_KILL_THREAD, NULL });
	if (b->p->stub && above == (SECCOMP_RET_ERRNO | ENOSYS)) {
		span_add(b, s, (struct span){ 0x80000000u, above, NULL });
		span_add(b, s, (struct span){ 0x80000000u | X32_BIT, SECCOMP_RET_KILL_THREAD, NULL });
	}
	/* -1 is what a tracer sets to skip a call */
	span_add(b, s, (struct span){ NUMBER_TOP, b->fallback, NULL });
}

static bpf_label emit_arch(struct build *b, enum syscall_arch arch)
{
	struct spans s = { 0 };
	spans_collect(b, &s, arch);
	if (arch == ARCH_X86_64 && !b->nomem)
		spans_x32(b, &s);
	if (b->nomem)
		return bpf_out_ret(b->o, b->fallback);
	bpf_label tree = emit_tree(b, s.v, s.n);
	/* Linux on s390 turns numbers above 255 that it does not know into 0. */
	if (b->p->stub && is_s390(arch))
		tree = bpf_out_jump(b->o, BPF_JEQ, 0,
				    bpf_out_ret(b->o, SECCOMP_RET_ERRNO | ENOSYS), tree);
	return bpf_out_load(b->o, (uint32_t)offsetof(struct seccomp_data, nr), tree);
}

static void emit_all(struct build *b)
{
	enum syscall_arch native = syscall_arch_native();
	bpf_label at[ARCH_N] = { 0 };

	for (int a = 0; a < ARCH_N; a++)
		if (b->p->archs[a] && a != (int)native && a != ARCH_X32 &&
		    syscall_arch_known((enum syscall_arch)a))
			at[a] = emit_arch(b, (enum syscall_arch)a);
	at[native] = emit_arch(b, native); /* last written, first reached */
	bpf_label l = bpf_out_ret(b->o, SECCOMP_RET_KILL_THREAD);
	for (int a = 0; a < ARCH_N; a++)
		if (at[a] && a != (int)native)
			l = bpf_out_jump(b->o, BPF_JEQ, syscall_arch_rows[a].audit, at[a], l);
	l = bpf_out_jump(b->o, BPF_JEQ, syscall_arch_rows[native].audit, at[native], l);
	bpf_out_load(b->o, (uint32_t)offsetof(struct seccomp_data, arch), l);
}

int seccomp_bpf_build(const struct seccomp_policy *p, struct arena *a, struct sock_filter **ret_code,
		      size_t *ret_n, struct err *e)
{
	struct build b = { .p = p, .a = a, .fallback = p->default_action };

	/* not zeroed: of its 32 KiB a usual program touches the last page */
	OWN_PTR struct bpf_out *o = malloc(sizeof *o);
	if (!o)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	o->n = o->rets_n = 0;
	o->full = false;
	b.o = o;
	emit_all(&b);
	if (b.nomem)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	if (b.o->full)
		return err_new(e, E_INVALID, E2BIG,
			       "the seccomp profile needs more than the %d instructions of a filter",
			       BPF_OUT_MAX);
	struct sock_filter *code = malloc(b.o->n * sizeof *code);
	if (!code)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	memcpy(code, b.o->code + BPF_OUT_MAX - b.o->n, b.o->n * sizeof *code);
	*ret_code = code;
	*ret_n = b.o->n;
	return 0;
}
