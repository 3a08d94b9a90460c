/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp, the kernel's side: a compiled filter, how to install it in the calling thread and
 * which flags this kernel knows. What a filter means is spec/seccomp.h.
 */
#ifndef ONGGI_SYS_SECCOMP_H
#define ONGGI_SYS_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seccomp_filter {
	struct sock_filter *code; /* heap, owned */
	size_t n;                 /* instructions, 0: no filter */
	uint32_t flags;           /* SECCOMP_FILTER_FLAG_* asked for by the profile */
	bool notify;              /* uses the NOTIFY action: install returns a listener */
};

/** seccomp_install - install @f in the calling thread (with TSYNC: in all threads). The caller
 * has set no_new_privs or owns CAP_SYS_ADMIN. CHILD_SAFE: yes.
 * Returns 0, a listener descriptor (close-on-exec) when @f->notify, or -errno. */
int seccomp_install(const struct seccomp_filter *f);
/** seccomp_flag_supported - whether this kernel knows the SECCOMP_FILTER_FLAG_* @flag. */
bool seccomp_flag_supported(uint32_t flag);
/** seccomp_action_supported - whether this kernel knows the SECCOMP_RET_* @action. */
bool seccomp_action_supported(uint32_t action);
void seccomp_filter_done(struct seccomp_filter *f);

#endif
