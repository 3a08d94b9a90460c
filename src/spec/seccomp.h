/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp: OCI linux.seccomp object -> BPF program (sorted ranges in a jump tree, one tree per
 * architecture, argument tests at the leaves), without libseccomp at run time; system call
 * numbers come from tables generated at build time. Compiled filters are cached on disk.
 */
#ifndef ONGGI_SYS_SECCOMP_H
#define ONGGI_SYS_SECCOMP_H

#include <jansson.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct seccomp_filter {
	struct sock_filter *code; /* heap, owned */
	size_t n;
	uint32_t flags;           /* SECCOMP_FILTER_FLAG_* */
	bool notify;              /* has SCMP_ACT_NOTIFY: install returns a listener */
};

/** seccomp_compile - compile @spec (OCI linux.seccomp). Unknown system calls are skipped. */
int seccomp_compile(const json_t *spec, struct seccomp_filter *ret, struct err *e);
/** seccomp_load - the same through the cache directory @cachedir (made when missing; NULL: no
 * cache). A cache entry holds the whole source text, so that a hash collision cannot lie. */
int seccomp_load(const json_t *spec, const char *cachedir, struct seccomp_filter *ret, struct err *e);
/** seccomp_install - install in the calling thread. CHILD_SAFE: yes.
 * Returns 0, a listener descriptor when @f->notify, or -errno. */
int seccomp_install(const struct seccomp_filter *f);
void seccomp_filter_done(struct seccomp_filter *f);
/** seccomp_default_profile - docker's default profile resolved for @caps (NULL-terminated names
 * of the bounding set) on this machine, as OCI linux.seccomp object. Caller owns. */
json_t *seccomp_default_profile(const char *const *caps);

#endif
