/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of everything that comes from outside, in one place. Each is far above what honest
 * input needs and far below what hurts.
 */
#ifndef ONGGI_SPEC_LIMITS_H
#define ONGGI_SPEC_LIMITS_H

enum {
	LIMIT_BUNDLE_BYTES = 16 << 20,  /* config.json, process.json */
	LIMIT_STATE_BYTES = 32 << 20,   /* state.json of the runtime: holds parts of config.json */
	LIMIT_RESOURCES_BYTES = 1 << 20, /* update --resources */
	LIMIT_ID_BYTES = 255,           /* container id of the runtime: one file name */
	LIMIT_ID_MAPS = 340,            /* lines of /proc/PID/uid_map, user_namespaces(7) */
	LIMIT_ARGS = 1 << 20,           /* members of args, env */
	LIMIT_MOUNTS = 100000,          /* fs.mount-max */
	LIMIT_GROUPS = 65536,           /* NGROUPS_MAX */
	LIMIT_HOOKS = 1024,             /* hooks of one point */
	LIMIT_DEVICES = 65536,
};

#endif
