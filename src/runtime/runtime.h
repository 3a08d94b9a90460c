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
	const char *criu;       /* program for checkpoint and restore; NULL: "criu" in $PATH */
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
	struct runtime_made **ret_made; /* NULL: not wanted */
};

struct runtime_made; /* a container that its creator is going to remove as well */

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
/** runtime_record - state.json as it is, without a look at the processes. Caller owns. */
int runtime_record(const struct runtime_env *env, const char *id, json_t **ret, struct err *e);
const char *runtime_status_name(enum runtime_status s);

enum runtime_kill_flags { RUNTIME_KILL_ALL = 1 };
/** runtime_kill - send @signal to the init process, or to all processes of the cgroup. */
int runtime_kill(const struct runtime_env *env, const char *id, int signal, unsigned flags,
		 struct err *e);

/** runtime_made_remove - what runtime_delete does for a container whose init the caller has seen the end
 * of, without finding and reading anything anew; 0 also when somebody else was quicker. Frees @made,
 * which may be NULL. */
int runtime_made_remove(const struct runtime_env *env, struct runtime_made *made, struct err *e);
/** runtime_made_free - let go of it: the container stays. */
void runtime_made_free(struct runtime_made *made);

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
/* Checkpoint and restore by CRIU. */
enum runtime_criu_flags {
	RUNTIME_CRIU_TCP_ESTABLISHED = 1 << 0, /* established TCP connections are saved and go on */
	RUNTIME_CRIU_TCP_SKIP_IN_FLIGHT = 1 << 1,
	RUNTIME_CRIU_TCP_CLOSE = 1 << 2,   /* restore: they are closed */
	RUNTIME_CRIU_EXT_UNIX_SK = 1 << 3, /* UNIX sockets with a peer outside */
	RUNTIME_CRIU_SHELL_JOB = 1 << 4,   /* a terminal and session from outside */
	RUNTIME_CRIU_FILE_LOCKS = 1 << 5,
	RUNTIME_CRIU_LINK_REMAP = 1 << 6,  /* open files without a name get one for the time being */
	RUNTIME_CRIU_AUTO_DEDUP = 1 << 7,
	RUNTIME_CRIU_LAZY_PAGES = 1 << 8,  /* memory is fetched after the restore, from a page server */
	RUNTIME_CRIU_LEAVE_RUNNING = 1 << 9,
	RUNTIME_CRIU_PRE_DUMP = 1 << 10,   /* memory only; the container goes on */
	RUNTIME_CRIU_EMPTY_NETWORK = 1 << 11, /* what is set up in the network namespace is not saved */
};

enum runtime_criu_cgroups { /* what becomes of the groups inside, see criu(8) --manage-cgroups */
	RUNTIME_CRIU_CGROUPS_DEFAULT, /* soft */
	RUNTIME_CRIU_CGROUPS_SOFT,
	RUNTIME_CRIU_CGROUPS_FULL,
	RUNTIME_CRIU_CGROUPS_STRICT,
	RUNTIME_CRIU_CGROUPS_IGNORE,
};

enum runtime_criu_lock { /* how TCP connections are held meanwhile */
	RUNTIME_CRIU_LOCK_DEFAULT,
	RUNTIME_CRIU_LOCK_IPTABLES,
	RUNTIME_CRIU_LOCK_NFTABLES,
	RUNTIME_CRIU_LOCK_SKIP,
};

struct runtime_criu_opts {
	const char *image_path; /* directory; made when missing by a checkpoint */
	const char *work_path;  /* for dump.log and restore.log; NULL: image_path */
	unsigned flags;         /* enum runtime_criu_flags */
	enum runtime_criu_cgroups cgroups;
	enum runtime_criu_lock network_lock;
};

struct runtime_checkpoint_req {
	const char *id;
	struct runtime_criu_opts criu;
	const char *parent_path;  /* images of a pre-dump, relative to image_path; NULL: none */
	const char *page_server;  /* address of a server for memory pages; NULL: into image_path */
	uint16_t page_server_port;
	int status_fd;            /* gets one zero byte when the lazy page server listens; -1: none */
};
/** runtime_checkpoint - save a running or paused container. Unless it is to go on (LEAVE_RUNNING,
 * PRE_DUMP) it ends, and is deleted as by runtime_delete. On failure it goes on as before. The error
 * quotes CRIU's log. E_NOT_FOUND without CRIU, E_UNSUPPORTED when it is too old. */
int runtime_checkpoint(const struct runtime_env *env, const struct runtime_checkpoint_req *req,
		       struct err *e);

struct runtime_restore_req {
	struct runtime_create_req create; /* preserve_fds, no_pivot, own_child mean nothing here */
	struct runtime_criu_opts criu;
	const char *lsm_profile;       /* "TYPE:NAME" in place of the saved one; NULL: that */
	const char *lsm_mount_context; /* SELinux context of mounts; NULL: the saved one */
};
/** runtime_restore - make a container that goes on where a checkpoint ended. Its process is a child
 * of the caller. Hooks prestart and createRuntime run once the namespaces are there; those of the
 * container's side do not, what they did is part of the images. On failure nothing is left. */
int runtime_restore(const struct runtime_env *env, const struct runtime_restore_req *req,
		    struct runtime_proc *ret, struct err *e);

/** runtime_update - set the members present in OCI linux.resources object @resources. */
int runtime_update(const struct runtime_env *env, const char *id, const json_t *resources,
		   struct err *e);
/** runtime_rdt_update - new schemata for the container's class of Intel RDT; each may be NULL. */
int runtime_rdt_update(const struct runtime_env *env, const char *id, const char *l3_cache_schema,
		       const char *mem_bw_schema, struct err *e);
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
