/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a classic BPF program from its end to its start. Jumps only go forward, so every target
 * is known when a jump is written; one that is out of reach of the 8-bit offsets gets a BPF_JA
 * beside it, at once and without a second pass.
 */
#ifndef ONGGI_SPEC_BPF_OUT_H
#define ONGGI_SPEC_BPF_OUT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Position of an instruction, counted from the end of the program: the last one is 1. */
typedef uint32_t bpf_label;

enum { BPF_OUT_MAX = BPF_MAXINSNS, BPF_OUT_RETS = 16 };

struct bpf_out {
	uint32_t n;
	bool full; /* sticks: the program is too long */
	uint32_t rets_n;
	struct {
		uint32_t action;
		bpf_label at;
	} rets[BPF_OUT_RETS]; /* returns written last, to be shared */
	struct sock_filter code[BPF_OUT_MAX]; /* filled from the end */
};

/** bpf_out_ret - a return of @action within reach of the next jump. */
bpf_label bpf_out_ret(struct bpf_out *o, uint32_t action);
/** bpf_out_stmt - statement that goes on at @next. */
bpf_label bpf_out_stmt(struct bpf_out *o, uint16_t code, uint32_t k, bpf_label next);
/** bpf_out_jump - compare the accumulator with @k (BPF_JEQ, BPF_JGT, BPF_JGE). */
bpf_label bpf_out_jump(struct bpf_out *o, uint16_t op, uint32_t k, bpf_label yes, bpf_label no);

static inline bpf_label bpf_out_load(struct bpf_out *o, uint32_t offset, bpf_label next)
{
	return bpf_out_stmt(o, BPF_LD | BPF_W | BPF_ABS, offset, next);
}

#endif
