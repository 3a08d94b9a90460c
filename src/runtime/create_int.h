/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of create.c, in files of their own: create_clone.c (namespaces and the clone) and
 * create_talk.c (record, hooks, what the child says).
 */
#ifndef ONGGI_RUNTIME_CREATE_INT_H
#define ONGGI_RUNTIME_CREATE_INT_H

#include "runtime/container.h"

/* what a restore has in common with a create */
void create_init(struct container *c, const struct runtime_env *env, const struct runtime_create_req *req);
void create_done(struct container *c);
/** create_config - read and check the config. */
int create_config(struct container *c, struct err *e);
/** create_step_rdt, create_undo_rdt - the step that makes the class of Intel RDT; @ctx begins with a
 * struct container. */
int create_step_rdt(void *ctx, struct err *e);
void create_undo_rdt(void *ctx);
/** create_record - save the state of the living process c->pid, and the filter for exec. */
int create_record(struct container *c, struct err *e);
/** create_host_id - what an id of the container is on the host; UINT32_MAX: nothing. */
uint32_t create_host_id(const struct bundle_id_maps *maps, uint32_t id);
/** create_delegate - a container that sees only its own groups, and may write there, is to manage them. */
int create_delegate(struct container *c, struct err *e);
/** create_network - the namespaces of c->pid are there: tell whoever waits for that, move devices in. */
int create_network(struct container *c, struct err *e);
int create_pid_file(const struct container *c, struct err *e);
/** create_streams - where the standard streams lead that the process is given. */
int create_streams(struct container *c, struct err *e);

struct runtime_made {
	struct state state; /* not locked */
	struct cgroup *cg;  /* NULL: none */
};

/** create_namespaces_open - open the namespaces that have a path; decide who joins them. */
int create_namespaces_open(struct container *c, struct err *e);
/** create_clone - make the child; sets c->pid and c->pidfd. */
int create_clone(struct container *c, struct err *e);
int create_ids_write(struct container *c, struct err *e);
int create_oom_score(struct container *c, struct err *e);

void create_warn(const struct container *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** create_seccomp - compile the filter of the config. */
int create_seccomp(struct container *c, struct err *e);
/** create_seccomp_save - keep it for exec. */
int create_seccomp_save(const struct container *c, struct err *e);
/** create_seccomp_late - instead of create_seccomp: the filter is to come by create_seccomp_give. */
int create_seccomp_late(struct container *c, struct err *e);
/** create_seccomp_give - compile it, keep it for exec, then give it to the child. */
int create_seccomp_give(struct container *c, struct err *e);
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
