/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the seccomp compiler: profile (JSON) -> rules (seccomp.c) -> calls of each
 * architecture -> spans of numbers -> BPF (seccomp_bpf.c).
 *
 *   rules      in profile order, one action and up to six conditions each
 *   call       (number, rule), sorted by number
 *   span       all numbers from .from up to the next span share one verdict
 *   program    arch test -> number tree -> argument tests -> return
 */
#ifndef ONGGI_SPEC_SECCOMP_INT_H
#define ONGGI_SPEC_SECCOMP_INT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/syscall_table.h"

enum seccomp_op { OP_NE, OP_LT, OP_LE, OP_EQ, OP_GE, OP_GT, OP_MASKED_EQ, OP_N };

struct seccomp_cond {
	uint8_t arg; /* 0-5 */
	uint8_t op;
	uint64_t mask; /* all ones but for OP_MASKED_EQ */
	uint64_t value;
};

enum { SECCOMP_ARGS = 6 };

struct seccomp_rule {
	uint32_t action; /* SECCOMP_RET_* with its data */
	uint32_t conds_n;
	struct seccomp_cond *conds; /* all must hold; one per argument, ascending */
};

struct seccomp_name { /* one name of one rule */
	int row;      /* of the system call table */
	uint32_t rule;
};

struct seccomp_policy {
	uint32_t default_action;
	bool archs[ARCH_N];
	bool stub; /* numbers above all named ones give ENOSYS, as for a kernel without them */
	struct seccomp_rule *rules;
	size_t rules_n, rules_cap;
	struct seccomp_name *names; /* in profile order */
	size_t names_n, names_cap;
};

/** seccomp_bpf_build - the program of @p. *@ret_code is on the heap. E_INVALID when the program
 * is longer than the kernel takes. */
int seccomp_bpf_build(const struct seccomp_policy *p, struct arena *a, struct sock_filter **ret_code,
		      size_t *ret_n, struct err *e);

#endif
