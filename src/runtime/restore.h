/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of runtime_restore: a create in which CRIU takes the place of the child.
 *
 *   restore.c         the steps, CRIU's notifications
 *   restore_mounts.c  the root that CRIU restores into, and what is bound there
 */
#ifndef ONGGI_RUNTIME_RESTORE_H
#define ONGGI_RUNTIME_RESTORE_H

#include "runtime/checkpoint.h"
#include "runtime/container.h"

#define RESTORE_ROOT "criu-root" /* below ROOT/ID */

struct restore {
	struct container c;      /* first: the steps share functions with create */
	const struct runtime_restore_req *req;
	struct criu_request request;
	int images, work;
	int fds[CRIU_FDS_MAX];
	size_t n_fds;
	const char *root;        /* ROOT/ID/criu-root, absolute */
	bool hooks_done;
};

/** restore_root_enter - in the process that becomes CRIU: a mount namespace in which the root file
 * system is mounted at r->root, and has the places of all mounts. CHILD_SAFE. */
int restore_root_enter(void *restore, struct err *e);
/** restore_mounts - tell CRIU what is bound where. After restore_root_enter. */
int restore_mounts(struct restore *r, struct err *e);

#endif
