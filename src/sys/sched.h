/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduling of the calling thread: policy, I/O priority, CPU affinity, memory policy.
 * CHILD_SAFE.
 */
#ifndef ONGGI_SYS_SCHED_H
#define ONGGI_SYS_SCHED_H

#include <stdint.h>

#include "base/err.h"

struct sched_setting {
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/** sched_setting_apply - sched_setattr(2). 0 or -errno. */
int sched_setting_apply(const struct sched_setting *s);
/** sched_io_priority - ioprio_set(2): class 1 RT, 2 BE, 3 IDLE. 0 or -errno. */
int sched_io_priority(int class, int priority);

enum { SCHED_CPUS_MAX = 8192 };
struct sched_mask {
	unsigned long bits[SCHED_CPUS_MAX / (8 * sizeof(unsigned long))];
};
/** sched_mask_parse - "0-3,7" into @ret. 0 or -EINVAL, -ERANGE. */
int sched_mask_parse(const char *list, struct sched_mask *ret);
/** sched_affinity - sched_setaffinity(2) of @pid (0: the caller). 0 or -errno. */
int sched_affinity(int pid, const struct sched_mask *m);
/** sched_memory_policy - set_mempolicy(2); @nodes may be NULL. 0 or -errno. */
int sched_memory_policy(int mode, unsigned flags, const struct sched_mask *nodes);

#endif
