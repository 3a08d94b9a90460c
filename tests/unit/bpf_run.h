/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the seccomp tests: a classic BPF interpreter for what seccomp programs use, and
 * profiles from text.
 */
#ifndef ONGGI_TESTS_BPF_RUN_H
#define ONGGI_TESTS_BPF_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "format/js.h"

/* docker's default bounding set */
#define DOCKER_CAPS                                                                             \
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", \
		"CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", \
		"CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE", NULL

/* @ret_nr: whether the number of the call was looked at */
static inline uint32_t bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *d,
			       bool *ret_nr)
{
	uint32_t acc = 0;

	*ret_nr = false;
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &code[pc];
		bool yes = false;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k % 4 == 0 && i->k < sizeof *d);
			memcpy(&acc, (const char *)d + i->k, sizeof acc);
			*ret_nr = *ret_nr || i->k == offsetof(struct seccomp_data, nr);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = acc == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = acc >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = acc > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = acc & i->k;
			break;
		default:
			fail_msg("instruction %x", i->code);
		}
		pc += yes ? i->jt : i->jf;
	}
	fail_msg("fell off the end");
	return 0;
}

static inline json_t *parse(const char *text)
{
	struct err e = { 0 };
	json_t *j = NULL;
	if (js_parse(text, strlen(text), "test", &j, &e) < 0)
		fail_msg("%s", e.chain);
	return j;
}

#endif
