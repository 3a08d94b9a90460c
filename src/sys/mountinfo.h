/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc/PID/mountinfo as a list. Expensive on hosts with many mounts: never on the way of a run.
 */
#ifndef ONGGI_SYS_MOUNTINFO_H
#define ONGGI_SYS_MOUNTINFO_H

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct mountinfo_entry {
	int id;
	dev_t dev;
	const char *root;  /* what of the file system is mounted */
	const char *point; /* where, as seen from the root of the process */
	const char *type;
};

struct mountinfo {
	struct mountinfo_entry *v;
	size_t n;
};

/** mountinfo_parse - take the text apart, in place; lines that are none are skipped. The entries
 * point into @text. E_NOMEM only. */
int mountinfo_parse(char *text, struct arena *a, struct mountinfo *ret, struct err *e);
/** mountinfo_read - the mounts of process @pid, 0: of this one. All memory is of @a. */
int mountinfo_read(pid_t pid, struct arena *a, struct mountinfo *ret, struct err *e);

#endif
