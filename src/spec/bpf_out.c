/* SPDX-License-Identifier: Apache-2.0
 *
 * See bpf_out.h.
 */
#include "spec/bpf_out.h"

enum {
	REACH = 255,  /* of a conditional jump */
	SLACK = 3,    /* instructions that may still come between target and jump */
};

static bpf_label emit(struct bpf_out *o, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (o->n == BPF_OUT_MAX) {
		o->full = true;
		return o->n;
	}
	o->n++;
	o->code[BPF_OUT_MAX - o->n] =
		(struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	return o->n;
}

static bpf_label jump_always(struct bpf_out *o, bpf_label to)
{
	return emit(o, BPF_JMP | BPF_JA, 0, 0, o->n - to);
}

bpf_label bpf_out_ret(struct bpf_out *o, uint32_t action)
{
	uint32_t i = 0;
	while (i < o->rets_n && o->rets[i].action != action)
		i++;
	if (i < o->rets_n && o->n - o->rets[i].at <= REACH - SLACK)
		return o->rets[i].at;
	bpf_label at = emit(o, BPF_RET | BPF_K, 0, 0, action);
	if (i == BPF_OUT_RETS)
		i = action % BPF_OUT_RETS;
	else if (i == o->rets_n)
		o->rets_n++;
	o->rets[i].action = action;
	o->rets[i].at = at;
	return at;
}

bpf_label bpf_out_stmt(struct bpf_out *o, uint16_t code, uint32_t k, bpf_label next)
{
	if (o->n != next)
		jump_always(o, next);
	return emit(o, code, 0, 0, k);
}

bpf_label bpf_out_jump(struct bpf_out *o, uint16_t op, uint32_t k, bpf_label yes, bpf_label no)
{
	if (yes == no)
		return yes;
	if (o->n - yes > REACH - 1)
		yes = jump_always(o, yes);
	if (o->n - no > REACH)
		no = jump_always(o, no);
	return emit(o, BPF_JMP | BPF_K | op, (uint8_t)(o->n - yes), (uint8_t)(o->n - no), k);
}
