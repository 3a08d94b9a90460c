/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp profiles: OCI linux.seccomp object -> BPF program (sorted ranges in a jump tree, one
 * tree per architecture, argument tests at the leaves), without libseccomp at run time; system
 * call numbers come from tables generated at build time. Pure: data in, data out.
 */
#ifndef ONGGI_SPEC_SECCOMP_H
#define ONGGI_SPEC_SECCOMP_H

#include <stdbool.h>

#include "base/err.h"
#include "format/json.h"
#include "sys/seccomp.h"

/** seccomp_compile - compile @spec (OCI linux.seccomp). Unknown system calls are skipped; wrong
 * fields are E_INVALID naming the JSON path. Flags that the kernel lacks are E_UNSUPPORTED. */
int seccomp_compile(const json_t *spec, struct seccomp_filter *ret, struct err *e);
/** seccomp_profile_resolve - turn a profile in docker's form (archMap, includes, excludes with
 * caps, arches, minKernel) into an OCI linux.seccomp object for the bounding set @caps
 * (NULL-terminated names, "CAP_CHOWN") on this machine. A profile that is OCI already comes back
 * as it is. Caller owns @ret; it is NULL for a profile that asks for no filter (no action, no
 * calls). */
int seccomp_profile_resolve(const json_t *profile, const char *const *caps, json_t **ret,
			    struct err *e);
/** seccomp_default_profile - docker's default profile resolved for @caps (as above) on this
 * machine, as OCI linux.seccomp object. Caller owns; NULL when memory is out. */
json_t *seccomp_default_profile(const char *const *caps);
/** seccomp_features - the linux.seccomp member of the features document: enabled, actions,
 * operators, archs, knownFlags, supportedFlags. Caller owns. */
json_t *seccomp_features(void);

#endif
