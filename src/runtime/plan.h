/* SPDX-License-Identifier: Apache-2.0
 *
 * Carrying out a mount plan (spec/mount_plan.h) by descriptors: for a container's root in its own
 * mount namespace, and for looking into a stopped container.
 */
#ifndef ONGGI_RUNTIME_PLAN_H
#define ONGGI_RUNTIME_PLAN_H

#include "base/err.h"
#include "spec/mount_plan.h"

/** plan_mount - make the file systems of @plan. All but the last step are mounted at @at, a directory
 * that later steps name as their source; @at NULL: only plans
 * whose steps stay detached. The last one is the root:
 * @ret_fd, detached, owned by the caller. CHILD_SAFE: yes. */
int plan_mount(const struct mount_plan *plan, const char *at, int *ret_fd, struct err *e);

#endif
