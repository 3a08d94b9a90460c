/* SPDX-License-Identifier: Apache-2.0
 *
 * Linux capabilities by name. Sets of them are bit masks, bit n = capability n.
 */
#ifndef ONGGI_SPEC_CAPABILITY_H
#define ONGGI_SPEC_CAPABILITY_H

#include <stdint.h>

enum { CAPABILITY_N = 41 }; /* CAP_CHECKPOINT_RESTORE is the last one, Linux 5.9 */
#define CAPABILITY_ALL ((UINT64_C(1) << CAPABILITY_N) - 1)

/** capability_parse - number of "CAP_NET_ADMIN", "NET_ADMIN" or either in lower case; -EINVAL when
 * unknown. */
int capability_parse(const char *name);
/** capability_parse_oci - the same, but only the exact form of OCI configs, "CAP_NET_ADMIN". */
int capability_parse_oci(const char *name);
/** capability_name - "CAP_NET_ADMIN", NULL when @cap is out of range. */
const char *capability_name(int cap);

#endif
