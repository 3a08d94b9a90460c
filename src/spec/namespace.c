/* SPDX-License-Identifier: Apache-2.0
 *
 * Table of namespaces: see namespace.h.
 */
#include "spec/namespace.h"

#include <errno.h>
#include <linux/sched.h>
#include <string.h>

const struct ns_row ns_table[NS_N] = {
	[NS_USER] = { "user", "user", "NEWUSER", CLONE_NEWUSER },
	[NS_MOUNT] = { "mount", "mnt", "NEWNS", CLONE_NEWNS },
	[NS_NETWORK] = { "network", "net", "NEWNET", CLONE_NEWNET },
	[NS_IPC] = { "ipc", "ipc", "NEWIPC", CLONE_NEWIPC },
	[NS_UTS] = { "uts", "uts", "NEWUTS", CLONE_NEWUTS },
	[NS_PID] = { "pid", "pid", "NEWPID", CLONE_NEWPID },
	[NS_CGROUP] = { "cgroup", "cgroup", "NEWCGROUP", CLONE_NEWCGROUP },
	[NS_TIME] = { "time", "time", "NEWTIME", CLONE_NEWTIME },
};

int ns_parse(const char *name)
{
	for (int k = 0; k < NS_N; k++)
		if (!strcmp(ns_table[k].name, name))
			return k;
	return -EINVAL;
}
