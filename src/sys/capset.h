/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability sets of the calling thread as bit masks, bit n = capability n. CHILD_SAFE.
 */
#ifndef ONGGI_SYS_CAPSET_H
#define ONGGI_SYS_CAPSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct capset {
	uint64_t effective, permitted, inheritable;
};

/** capset_get, capset_set - capget(2), capset(2). 0 or -errno. */
int capset_get(struct capset *ret);
int capset_set(const struct capset *c);
/** capset_bounding_keep - drop everything but @keep from the bounding set. 0 or -errno. */
int capset_bounding_keep(uint64_t keep);
/** capset_bounding_get - the bounding set as the kernel has it now. */
uint64_t capset_bounding_get(void);
/** capset_ambient_raise - raise each of @set; those that cannot be raised are returned in
 * @ret_refused. */
void capset_ambient_raise(uint64_t set, uint64_t *ret_refused);
/** capset_keep_on_setuid - SECBIT_KEEP_CAPS (until exec) on or off. 0 or -errno. */
int capset_keep_on_setuid(bool on);

#endif
