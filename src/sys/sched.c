/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduling: see sched.h. libc has no wrappers for most of these calls.
 */
#include "sys/sched.h"

#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct sched_attr of the kernel, size 56 (Linux 5.3): glibc of old and new disagree on the name */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

int sched_setting_apply(const struct sched_setting *s)
{
	struct attr a = {
		.size = sizeof a,
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = s->priority,
		.runtime = s->runtime_ns,
		.deadline = s->deadline_ns,
		.period = s->period_ns,
		.util_max = 1024,
	};

	return syscall(SYS_sched_setattr, 0, &a, 0) < 0 ? -errno : 0;
}

int sched_io_priority(int class, int priority)
{
	enum { WHO_PROCESS = 1, CLASS_SHIFT = 13 };

	return syscall(SYS_ioprio_set, WHO_PROCESS, 0, class << CLASS_SHIFT | priority) < 0 ? -errno : 0;
}

static const char *number(const char *p, unsigned *ret)
{
	unsigned v = 0;
	const char *from = p;

	while (*p >= '0' && *p <= '9' && v < SCHED_CPUS_MAX)
		v = v * 10 + (unsigned)(*p++ - '0');
	*ret = v;
	return p == from ? NULL : p;
}

int sched_mask_parse(const char *list, struct sched_mask *ret)
{
	const unsigned bits = 8 * sizeof ret->bits[0];
	struct sched_mask m = { 0 };

	for (const char *p = list;;) {
		unsigned from, to;
		while (*p == ' ')
			p++;
		p = number(p, &from);
		if (!p)
			return -EINVAL;
		to = from;
		if (*p == '-' && !(p = number(p + 1, &to)))
			return -EINVAL;
		if (to >= SCHED_CPUS_MAX)
			return -ERANGE;
		if (to < from)
			return -EINVAL;
		for (unsigned i = from; i <= to; i++)
			m.bits[i / bits] |= 1UL << (i % bits);
		while (*p == ' ' || *p == '\n')
			p++;
		if (!*p)
			break;
		if (*p++ != ',')
			return -EINVAL;
	}
	*ret = m;
	return 0;
}

int sched_affinity(int pid, const struct sched_mask *m)
{
	return syscall(SYS_sched_setaffinity, pid, sizeof m->bits, m->bits) < 0 ? -errno : 0;
}

int sched_memory_policy(int mode, unsigned flags, const struct sched_mask *nodes)
{
	/* the kernel takes one bit less than the length given: set_mempolicy(2), BUGS; and refuses
	 * lengths above a page of bits only when bits beyond its own maximum are set */
	return syscall(SYS_set_mempolicy, mode | (int)flags, nodes ? nodes->bits : NULL,
		       nodes ? (unsigned long)1025 : 0UL) < 0 ?
		       -errno :
		       0;
}
