/* SPDX-License-Identifier: Apache-2.0
 *
 * Mount plan: what a storage driver wants mounted as a container's root, as data. The driver
 * never mounts; the runtime carries the plan out inside the right mount namespace, and rootless,
 * VM and sandbox back-ends consume the same plan.
 */
#ifndef ONGGI_SPEC_MOUNT_PLAN_H
#define ONGGI_SPEC_MOUNT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

/* One file system to make. Steps are carried out in order; a later step may name the target of an
 * earlier one as source (erofs below overlay). All strings live as long as the arena that the
 * plan was made in. */
struct mount_step {
	const char *fstype;        /* "overlay", "erofs", "bind" */
	const char *source;        /* device, image file or directory; NULL where the type has none */
	const char *const *lowers; /* overlay: lower directories, topmost first; absolute paths */
	size_t n_lowers;
	const char *const *datas;  /* overlay: data-only layers, topmost first; absolute paths (Linux 6.6) */
	size_t n_datas;
	bool over_last;            /* overlay: the file system of the step before is one more lower directory,
				      the lowest. It stays detached (Linux 6.15) */
	const char *upper, *work;  /* overlay: NULL for a read-only mount */
	const char *const *options; /* "key" or "key=value", given by fsconfig one by one */
	size_t n_options;
	const char *gain;           /* one more option, left out where the kernel does not know it; NULL */
	bool read_only;
	int fd;                     /* MOUNT_STEP_FD: a detached mount, made already; owned by the plan. -1: none */
};

/* fstype of a step whose mount is there already. */
#define MOUNT_STEP_FD "fd"


struct mount_plan {
	const struct mount_step *steps;
	size_t n_steps; /* the last step is the root */
};

/** mount_plan_done - close what its steps own. A zeroed one is fine. */
void mount_plan_done(struct mount_plan *plan);
#define OWN_MOUNT_PLAN CLEANUP(mount_plan_done) struct mount_plan

#endif
