/* SPDX-License-Identifier: Apache-2.0
 *
 * Modes of a container's namespaces: "", "host", "private", "none", "shareable", "container:X",
 * and for networks the name of one.
 */
#ifndef ONGGI_SPEC_CONTAINER_MODE_H
#define ONGGI_SPEC_CONTAINER_MODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum container_mode {
	CONTAINER_MODE_PRIVATE,   /* its own namespace, the default */
	CONTAINER_MODE_HOST,
	CONTAINER_MODE_JOIN,      /* "container:X" */
	CONTAINER_MODE_NONE,      /* network: loopback only; ipc: private without /dev/shm */
	CONTAINER_MODE_SHAREABLE, /* ipc */
	CONTAINER_MODE_NETWORK,   /* network: bridge or a user network */
	CONTAINER_MODE_N
};

enum container_mode_kind {
	MODE_OF_NETWORK,
	MODE_OF_PID,
	MODE_OF_IPC,
	MODE_OF_UTS,
	MODE_OF_USERNS,
	MODE_OF_CGROUPNS,
	MODE_OF_N
};

/** container_mode_parse - @ret_peer (may be NULL): what follows "container:", or the network's
 * name ("bridge" for "default" and ""). Borrowed. */
int container_mode_parse(enum container_mode_kind kind, const char *s, enum container_mode *ret,
			 const char **ret_peer, struct err *e);
/** container_mode_of - the same for a checked value: no error possible. */
enum container_mode container_mode_of(enum container_mode_kind kind, const char *s,
				      const char **ret_peer);

#endif
