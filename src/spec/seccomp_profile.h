/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape of the default profile's table (seccomp_default.c), which seccomp_profile.c resolves.
 */
#ifndef ONGGI_SPEC_SECCOMP_PROFILE_H
#define ONGGI_SPEC_SECCOMP_PROFILE_H

#include <stdint.h>

#include "spec/seccomp_int.h"

struct profile_row {
	const char *names;        /* separated by blanks */
	const char *cap;          /* only with this capability; NULL: whatever */
	const char *unless_cap;   /* only without it */
	const char *archs;        /* only on these machines, docker's names, separated by blanks */
	const char *unless_archs; /* not on these */
	int eno;                  /* give this errno instead of allowing */
	struct {
		uint8_t set, index, op;
		uint64_t value, two;
	} cond;
};

struct profile_archs {
	enum syscall_arch arch, more[2];
	unsigned more_n;
};

extern const struct profile_row seccomp_default_rows[];
extern const unsigned seccomp_default_rows_n;
extern const struct profile_archs seccomp_default_archs[];
extern const unsigned seccomp_default_archs_n;
/* OCI names of enum seccomp_op */
extern const char *const seccomp_operators[OP_N];

#endif
