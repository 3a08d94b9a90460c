/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of create.c, in files of their own: create_clone.c (namespaces and the clone) and
 * create_talk.c (record, hooks, what the child says).
 */
#ifndef ONGGI_RUNTIME_CREATE_INT_H
#define ONGGI_RUNTIME_CREATE_INT_H

#include "runtime/container.h"

/** create_namespaces_open - open the namespaces that have a path; decide who joins them. */
int create_namespaces_open(struct container *c, struct err *e);
/** create_clone - make the child; sets c->pid and c->pidfd. */
int create_clone(struct container *c, struct err *e);
int create_ids_write(struct container *c, struct err *e);
int create_oom_score(struct container *c, struct err *e);

void create_warn(const struct container *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** create_seccomp - compile the filter of the config. */
int create_seccomp(struct container *c, struct err *e);
/** create_describe - (re)make the record from what is known now. */
int create_describe(struct container *c, struct err *e);
/** create_hooks - run hooks of the runtime's side. */
int create_hooks(struct container *c, enum bundle_hook_point p, const char *status, struct err *e);
/** create_listen - take the child's messages until @last; for a run, SYNC_CREATED and then the
 * end of file, which is its exec. */
int create_listen(struct container *c, enum sync_type last, struct err *e);
/** create_broken - the child is gone: its own error if it left one, else @r. */
int create_broken(struct container *c, int r, struct err *e);

#endif
