/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of mountpoints.h.
 */
#include "engine/mountpoints.h"

#include <stddef.h>
#include <string.h>

#include "base/own.h"

bool mountpoint_is_ours(const char *path)
{
	static const char *const names[] = {
		"dev", "dev/console", "dev/mqueue", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts",
		"etc/resolv.conf", "proc", "sbin/docker-init", "sys", "sys/fs", "sys/fs/cgroup",
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], path))
			return true;
	return false;
}
