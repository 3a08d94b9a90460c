/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks: programs of the config that run at one point of a container's life, with the state as
 * JSON on their standard input. Used by the runtime itself and by the child inside the
 * container's namespaces.
 */
#ifndef ONGGI_RUNTIME_HOOKS_H
#define ONGGI_RUNTIME_HOOKS_H

#include <stddef.h>

#include "base/err.h"
#include "spec/bundle.h"

struct hooks_run {
	enum bundle_hook_point point;
	const struct bundle_hooks *hooks;
	const char *state;   /* OCI state as JSON text */
	const char *cwd;     /* NULL: the caller's */
};

/** hooks_run - run the hooks in order; each must exit with 0 within its timeout, or it is killed.
 * The error quotes the last words of the hook's output. CHILD_SAFE: yes. */
int hooks_run(const struct hooks_run *h, struct err *e);

#endif
