/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_features: what this driver can work with, for the features document of the runtime-spec.
 * A property of the program, not of the host.
 */
#include "driver/cgroup/cgroup.h"

json_t *cgroup_features(void)
{
	return json_pack("{s:b, s:b, s:b, s:b, s:b}", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 1, "rdma", 1);
}
