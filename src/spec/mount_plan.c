/* SPDX-License-Identifier: Apache-2.0
 *
 * Mount plans: see mount_plan.h.
 */
#include "spec/mount_plan.h"

#include <string.h>
#include <unistd.h>

void mount_plan_done(struct mount_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (!strcmp(plan->steps[i].fstype, MOUNT_STEP_FD) && plan->steps[i].fd >= 0)
			close(plan->steps[i].fd);
	*plan = (struct mount_plan){ 0 };
}
