/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource limits: see rlimit.h.
 */
#include "sys/rlimit.h"

#include <errno.h>
#include <sys/resource.h>

int rlimit_set(int resource, uint64_t soft, uint64_t hard, bool *ret_clamped)
{
	struct rlimit want = { .rlim_cur = soft, .rlim_max = hard }, now;

	*ret_clamped = false;
	if (!setrlimit(resource, &want))
		return 0;
	if (errno != EPERM)
		return -errno;
	if (getrlimit(resource, &now) < 0)
		return -errno;
	if (want.rlim_max > now.rlim_max)
		want.rlim_max = now.rlim_max;
	if (want.rlim_cur > want.rlim_max)
		want.rlim_cur = want.rlim_max;
	if (setrlimit(resource, &want) < 0)
		return -errno;
	*ret_clamped = true;
	return 0;
}
