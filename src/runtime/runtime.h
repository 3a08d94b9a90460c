/* SPDX-License-Identifier: Apache-2.0
 *
 * The OCI runtime as a library: what `orun` and the engine call. One container is one folder of
 * run-time state, ROOT/ID/state.json, and the processes of its namespaces.
 *
 * create: parse config -> make state -> cgroup -> clone3 child with the namespaces -> [ns_ready]
 *         -> child: mounts, pivot_root, devices, security -> child waits for start
 * start:  release the child -> exec
 */
#ifndef ONGGI_RUNTIME_RUNTIME_H
#define ONGGI_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/proc.h"
#include "base/step.h"
#include "format/json.h"
#include "spec/mount_plan.h"

/* Where and how; one per process, read only. */
struct runtime_env {
	const char *root;       /* directory of run-time state; made when missing */
	bool systemd_cgroup;
	bool no_cgroup;         /* make none: the container stays in the caller's groups */
	int rootless;           /* -1 auto, 0 no, 1 yes */
	void (*warn)(const char *msg, void *data); /* degraded but going on; may be NULL */
	void *warn_data;
	const struct way_observer *trace; /* told after each step of a create; NULL: nobody */
};

struct runtime_create_req {
	const char *id;
	const char *bundle;       /* directory; relative paths of the config start here */
	const json_t *config;     /* the OCI config; NULL: read BUNDLE/config.json */
	const struct mount_plan *rootfs_plan; /* NULL: root.path is a ready directory */
	int stdio[3];             /* for the process when it has no terminal; -1: ours */
	int console_socket;       /* connected AF_UNIX socket to send the pty master to; -1: none */
	int *ret_console;         /* instead of a socket: take the master here; NULL: no */
	int preserve_fds;         /* 3 .. 3+n-1 stay open in the container */
	const char *pid_file;     /* NULL: none */
	bool no_pivot, no_new_keyring;
	/* Namespaces exist and ids are mapped; the child is mounting at the same time and will not
	 * exec before start. @netns_fd borrowed, -1 when the container has no network namespace of
	 * its own. The engine sets up the network here. */
	int (*ns_ready)(void *data, pid_t pid, int netns_fd, struct err *e);
	void *ns_ready_data;
	bool run;                 /* create and start in one: no exec.fifo is made */
	bool own_child;           /* the process stays our child: the caller waits for it */
};

struct runtime_proc {
	struct proc_id id;
	int pidfd; /* owned by the caller; -1 when not wanted */
};

enum runtime_status {
	RUNTIME_CREATING,
	RUNTIME_CREATED,
	RUNTIME_RUNNING,
	RUNTIME_PAUSED,
	RUNTIME_STOPPED,
	RUNTIME_STATUS_N
};

struct runtime_state {
	char id[256];
	struct proc_id init;
	enum runtime_status status;
	char bundle[4096];
	json_t *json; /* the whole state.json, owned: runtime_state_done() */
};

/** runtime_create - make a container, its process waiting for runtime_start (unless @req->run).
 * On failure nothing is left: no state, cgroup, mount or process. Errors of the command itself
 * have kind E_EXEC_MISSING or E_EXEC_DENIED. */
int runtime_create(const struct runtime_env *env, const struct runtime_create_req *req,
		   struct runtime_proc *ret, struct err *e);
int runtime_start(const struct runtime_env *env, const char *id, struct err *e);
int runtime_state(const struct runtime_env *env, const char *id, struct runtime_state *ret,
		  struct err *e);
void runtime_state_done(struct runtime_state *s);
const char *runtime_status_name(enum runtime_status s);

enum runtime_kill_flags { RUNTIME_KILL_ALL = 1 };
/** runtime_kill - send @signal to the init process, or to all processes of the cgroup. */
int runtime_kill(const struct runtime_env *env, const char *id, int signal, unsigned flags,
		 struct err *e);

enum runtime_delete_flags { RUNTIME_DELETE_FORCE = 1 };
int runtime_delete(const struct runtime_env *env, const char *id, unsigned flags, struct err *e);

struct runtime_exec_req {
	const char *id;
	const json_t *process; /* OCI process object */
	int stdio[3];
	int console_socket;
	int *ret_console;
	int preserve_fds;
	const char *pid_file;
	const char *const *cgroups; /* "path", or several "controllers:path" below the container's
				     * groups, NULL-terminated; NULL: those themselves */
	bool ignore_paused;
};
/** runtime_exec - one more process in a running container; it is a child of the caller. */
int runtime_exec(const struct runtime_env *env, const struct runtime_exec_req *req,
		 struct runtime_proc *ret, struct err *e);

int runtime_pause(const struct runtime_env *env, const char *id, struct err *e);
int runtime_resume(const struct runtime_env *env, const char *id, struct err *e);
/** runtime_update - set the members present in OCI linux.resources object @resources. */
int runtime_update(const struct runtime_env *env, const char *id, const json_t *resources,
		   struct err *e);
/** runtime_pids - host PIDs of all processes; heap array owned by the caller. */
int runtime_pids(const struct runtime_env *env, const char *id, pid_t **ret, size_t *ret_n,
		 struct err *e);
/** runtime_list - ids of all containers below ROOT; heap array of heap strings. */
int runtime_list(const struct runtime_env *env, char ***ret, size_t *ret_n, struct err *e);
/** runtime_stats - figures of the container's cgroup (cgroup_stats). Caller owns. */
int runtime_stats(const struct runtime_env *env, const char *id, json_t **ret, struct err *e);

struct runtime_events_req {
	const char *id;
	int interval_ms; /* between figures, at least 1 */
	/* @type "stats": @figures of runtime_stats, borrowed; "oom": NULL. Not 0 ends the watch. */
	int (*each)(void *data, const char *type, const json_t *figures, struct err *e);
	void *data;
};
/** runtime_events - figures and notes of processes killed for lack of memory until the container
 * ends: 0. What @each returned, when that was not 0. */
int runtime_events(const struct runtime_env *env, const struct runtime_events_req *q, struct err *e);
/** runtime_root_default - directory of run-time state when none is given: /run/orun, for an ordinary
 * user $XDG_RUNTIME_DIR/orun, which is made. Heap, caller owns. */
int runtime_root_default(char **ret, struct err *e);
/** runtime_features - the features document of the runtime-spec. Caller owns. */
int runtime_features(json_t **ret, struct err *e);

#endif
