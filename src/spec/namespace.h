/* SPDX-License-Identifier: Apache-2.0
 *
 * The eight kinds of namespaces: names in OCI configs, clone flags, files in /proc/PID/ns.
 */
#ifndef ONGGI_SPEC_NAMESPACE_H
#define ONGGI_SPEC_NAMESPACE_H

enum ns_kind { /* in the order in which they must be joined: user first */
	NS_USER,
	NS_MOUNT,
	NS_NETWORK,
	NS_IPC,
	NS_UTS,
	NS_PID,
	NS_CGROUP,
	NS_TIME,
	NS_N
};

struct ns_row {
	const char *name;  /* "network", as in config.json */
	const char *proc;  /* "net": file in /proc/PID/ns; for children "pid" and "time" differ */
	const char *runc;  /* "NEWNET": key in state.json */
	int clone_flag;    /* CLONE_NEW* */
};

extern const struct ns_row ns_table[NS_N];

/** ns_parse - kind of a name in config.json, -EINVAL when unknown. */
int ns_parse(const char *name);

#endif
