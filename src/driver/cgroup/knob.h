/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of knobs: what a number of linux.resources becomes on each kind of hierarchy. A new
 * field is one row.
 */
#ifndef ONGGI_DRIVER_CGROUP_KNOB_H
#define ONGGI_DRIVER_CGROUP_KNOB_H

#include "driver/cgroup/cgroup_int.h"

enum cg_knob_id {
	KNOB_MEMORY_LIMIT,
	KNOB_MEMORY_SWAP,
	KNOB_MEMORY_RESERVATION,
	KNOB_MEMORY_SWAPPINESS,
	KNOB_MEMORY_OOM_DISABLE,
	KNOB_CPU_SHARES,
	KNOB_CPU_PERIOD,
	KNOB_CPU_QUOTA,
	KNOB_CPU_BURST,
	KNOB_CPU_IDLE,
	KNOB_CPU_RT_PERIOD,
	KNOB_CPU_RT_RUNTIME,
	KNOB_PIDS_LIMIT,
	KNOB_BLKIO_WEIGHT,
	KNOB_BLKIO_LEAF_WEIGHT,
	KNOB_NET_CLASS,
	KNOB_N
};

/* All numbers of one linux.resources object. */
struct cg_values {
	int64_t v[KNOB_N];
	bool set[KNOB_N];
};

enum { KNOB_TEXT = 64 };

/** A conversion writes the text for knob @id into @out. 1: written, 0: nothing to write,
 * -EINVAL: the values contradict each other, -EOPNOTSUPP: this kind of hierarchy has no such
 * thing. @t is where it goes, for conversions that need what is set already. */
typedef int cg_convert(const struct cg_values *v, enum cg_knob_id id, struct cg_tree *t,
		       char out[KNOB_TEXT]);

struct cg_knob {
	const char *field; /* in linux.resources, dotted */
	enum cg_ctrl ctrl;
	struct {
		const char *file; /* NULL: there is none */
		const char *or_file; /* where @file is missing */
		cg_convert *convert, *or_convert;
		const char *property; /* of a systemd unit; NULL: systemd has none */
	} legacy, unified;
	int64_t min, max;  /* allowed values */
	bool zero_is_unset;
	bool flag;         /* a boolean */
};

extern const struct cg_knob cg_knobs[KNOB_N];

/** cg_values_read - the numbers of @resources, checked for range and contradictions. */
int cg_values_read(const json_t *resources, struct cg_values *ret, struct err *e);

/** cg_weight_of_shares - v1 cpu.shares (2..262144) as v2 cpu.weight (1..10000): the curve through
 * both ends and 1024 -> 100. */
uint64_t cg_weight_of_shares(uint64_t shares);
/** cg_io_weight_of_blkio - v1 weight (10..1000) as v2 io.weight (1..10000). */
uint64_t cg_io_weight_of_blkio(uint64_t weight);

#endif
