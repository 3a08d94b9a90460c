/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource limits of the calling process. CHILD_SAFE.
 */
#ifndef ONGGI_SYS_RLIMIT_H
#define ONGGI_SYS_RLIMIT_H

#include <stdbool.h>
#include <stdint.h>

/** rlimit_set - set soft and hard limit, UINT64_MAX = unlimited. Where the hard limit may not be
 * raised (no CAP_SYS_RESOURCE) both are cut to the present hard limit and @ret_clamped is true.
 * 0 or -errno. */
int rlimit_set(int resource, uint64_t soft, uint64_t hard, bool *ret_clamped);

#endif
