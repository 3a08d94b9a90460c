/* SPDX-License-Identifier: Apache-2.0
 *
 * HostConfig.SecurityOpt: "no-new-privileges", "seccomp=...", "apparmor=...", "label=...",
 * "systempaths=unconfined", "writable-cgroups=true".
 */
#ifndef ONGGI_SPEC_SECURITY_OPT_H
#define ONGGI_SPEC_SECURITY_OPT_H

#include <stdbool.h>

#include "base/err.h"
#include "format/json.h"

struct security_opt {
	bool no_new_privileges;
	const char *seccomp;      /* NULL: default; "unconfined", "builtin", JSON text or a path */
	const char *apparmor;     /* NULL: default */
	bool label_disable;
	const char *label_user, *label_role, *label_type, *label_level; /* NULL: not given */
	bool systempaths_unconfined;
	bool writable_cgroups;
};

/** security_opt_parse - strings are borrowed from @list (may be NULL). E_INVALID
 * 'invalid --security-opt 2: "x"'. */
int security_opt_parse(const json_t *list, struct security_opt *ret, struct err *e);

#endif
