/* SPDX-License-Identifier: Apache-2.0
 *
 * The last steps of a process that enters a container, the same for its first one and for exec:
 * limits, scheduling, LSM, standard streams, user, capabilities, directory, command, seccomp.
 */
#ifndef ONGGI_RUNTIME_LAUNCH_H
#define ONGGI_RUNTIME_LAUNCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/sync.h"
#include "spec/bundle.h"
#include "spec/seccomp.h"
#include "sys/capset.h"
#include "sys/idmap.h"
#include "sys/sched.h"

/* Filled by the parent (launch_plan and the caller), read only in the child. */
struct launch {
	const struct bundle_process *p;
	const char **env;      /* NULL-terminated; one more place after env_n for HOME */
	size_t env_n;
	const struct seccomp_filter *filter; /* NULL: none, or none yet */
	const struct filter_late *filter_late; /* where the filter will be, at SYNC_FILTERED; NULL: not late */
	const struct bundle_memory_policy *memory_policy; /* NULL: none */
	struct sched_mask memory_nodes;
	bool has_personality;
	unsigned long personality;
	bool keep_groups;      /* annotation run.oci.keep_original_groups */
	bool in_user;          /* in a user namespace: setgroups may be denied */
	bool apparmor, selinux; /* the kernel has them */
	int preserve_fds;
	unsigned null_streams; /* bit i: stream i is the host's /dev/null */
	int stub;              /* exec_stub.c in a sealed memory file; -1, -errno: direct exec */
	const char **stub_argv; /* its arguments, the command's from EXEC_STUB_ARGS on; NULL: not needed */
	dev_t exe_dev;         /* our own program */
	ino_t exe_ino;
	int sync;              /* warnings and the seccomp listener go here */
};

/* Of the child. */
struct launch_run {
	const struct launch *l;
	int proc;              /* trusted procfs, owned by the caller */
	enum sync_level *level; /* what the parent has told so far */
	int fifo;              /* start FIFO, -1: none */
	int status;            /* closes at the exec, or a failure is written to it */
	char label[4096];      /* what attr/exec is to get */
	struct capset spare;   /* sets to take once the filter is installed */
	bool spare_admin;      /* CAP_SYS_ADMIN is kept until the filter is installed */
	struct seccomp_filter late; /* the filter when it came late */
	const struct seccomp_filter *filter; /* the one to install, NULL: none */
	bool filter_installed;
	bool directory_again;  /* cwd could not be entered as root */
	char path[4096];       /* the command */
	char home[4096];
};

/** launch_plan_linux - take personality and memory policy from @b, which must outlive @l. */
int launch_plan_linux(struct launch *l, const struct bundle *b, struct err *e);
/** launch_selinux_active - may labels be given. */
bool launch_selinux_active(void);

#define LAUNCH_KEEP_GROUPS "run.oci.keep_original_groups"
/** launch_keeps_groups - whether @annotations (may be NULL) want the caller's supplementary groups kept. */
bool launch_keeps_groups(const json_t *annotations);
/** launch_plan - prepare the members of @l that follow from @p alone. */
int launch_plan(struct launch *l, const struct bundle_process *p, int preserve_fds,
		struct arena *a, struct err *e);
/** launch_seal - after launch_plan: the program that executes the command, in a sealed memory file, where our own must
 * be protected from it (CVE-2019-5736). */
int launch_seal(struct launch *l, struct arena *a, struct err *e);
/** launch_fds_check - descriptors 3 .. 3+n-1 are open and meant to be inherited. */
int launch_fds_check(int n, struct err *e);
/** launch_stdio - a 0, 1, 2 of the process: @slave of its terminal, which it then controls, or
 * @stdio (-1: leave ours). CHILD_SAFE. */
int launch_stdio(int slave, const int stdio[3], struct err *e);
/** launch_null - after launch_stdio, inside: open the streams of @l->null_streams anew as the
 * container's own /dev/null. That of the host belongs to a mount that a checkpoint cannot save. CHILD_SAFE. */
void launch_null(const struct launch *l);
/** launch_idmap - id maps of a config in the form that sys/idmap.h takes. */
int launch_idmap(const struct bundle_id_maps *uids, const struct bundle_id_maps *gids,
		 struct arena *a, struct idmap *ret, struct err *e);

/** launch_prepare - everything up to the point where only seccomp and exec are left; the process
 * waits for start after this. CHILD_SAFE. */
int launch_prepare(struct launch_run *r, struct err *e);
/** launch_exec - install the filter, drop the last capabilities, execute. Returns on failure
 * only. CHILD_SAFE. */
int launch_exec(struct launch_run *r, struct err *e);

/** launch_failed - the error of a failed exec of @path; @in_label: @path is the label that the kernel
 * did not take. */
int launch_failed(const char *path, int eno, bool in_label, struct err *e);
/** launch_failed_read - the same from what was read of the status descriptor; 0: it is no such. */
int launch_failed_read(const void *p, size_t n, struct err *e);

/* parts of launch_plan and launch_prepare, launch_user.c and launch_command.c */
int launch_user(struct launch_run *r, struct err *e);
int launch_directory(struct launch_run *r, bool last, struct err *e);
int launch_home(struct launch_run *r, struct err *e);
int launch_command(struct launch_run *r, struct err *e);
int launch_filter(struct launch_run *r, struct err *e);
int launch_labels_exec(const struct launch_run *r, struct err *e);
/** launch_done - parent: close what launch_plan opened. Takes an unplanned @l (zeroed). */
void launch_done(struct launch *l);

#endif
