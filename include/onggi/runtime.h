/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: an OCI runtime as a library. What `orun` does on the command line, a program
 * does here in its own process: create, start, run, exec, kill, delete, state, list, pause, resume,
 * update, processes, figures and events of containers. See onggi-runtime(3).
 *
 *   struct onggi_runtime   where the state lies and how groups are made; many calls share one
 *   struct onggi_create    a request: one container to be made
 *   struct onggi_exec      a request: one more process in a running container
 *   struct onggi_checkpoint  a request: images of a container, to save or to go on from
 *   struct onggi_process   a process that was made, a child of the caller
 *   struct onggi_error     why a call failed
 *
 * Rules that hold for every function:
 *
 * - What can fail returns 0 (or what its comment says), or a negative errno. With @err, which may be
 *   NULL, it then gives an error that the caller frees; on success *err is NULL.
 * - Results (ret_...) are written on success only.
 * - Every _free takes NULL. Text and arrays that a call returns are freed with onggi_free, handles
 *   with their own _free.
 * - Strings and JSON text given to a call are copied. File descriptors given are borrowed: they stay
 *   the caller's and must be open until the request has been used.
 * - JSON text is UTF-8 of the documents of the OCI runtime-spec; it need not end with a zero byte.
 *
 * Threads: every function may be called from any thread. One onggi_runtime may be used by several
 * threads at once as soon as its settings are made; requests, processes and errors belong to one
 * thread at a time. Calls that make a process (create, run, exec, checkpoint, restore) take turns
 * inside a process, hooks included; all others run side by side. Containers are kept apart by a lock
 * in the state of each, which holds between processes too.
 *
 * Processes: the caller is the parent of what it makes, and reaps it: onggi_process_wait, or its own
 * waitpid. While a call runs SIGCHLD must not be ignored (SIG_IGN, SA_NOCLDWAIT) and nobody else may
 * reap unknown children, or the call cannot learn how its helpers ended. Signal handlers of the
 * program do not run in its children, and SIGPIPE is no concern.
 *
 * ABI: opaque structs and numbers that never change their meaning. What is added raises
 * ONGGI_RUNTIME_API; what would break a program raises the number in libonggi-runtime.so.N.
 */
#ifndef ONGGI_RUNTIME_H
#define ONGGI_RUNTIME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONGGI_RUNTIME_API 1
#define ONGGI_API	  __attribute__((visibility("default")))

struct onggi_runtime;
struct onggi_create;
struct onggi_exec;
struct onggi_process;
struct onggi_error;

/** onggi_runtime_api - ONGGI_RUNTIME_API of the library that is loaded. */
ONGGI_API unsigned onggi_runtime_api(void);
/** onggi_runtime_version - its version as text, "0.1.0". Static. */
ONGGI_API const char *onggi_runtime_version(void);
/** onggi_free - free text or an array that a function of this library returned. */
ONGGI_API void onggi_free(void *p);

/* ---- errors ------------------------------------------------------------------------------------ */

enum onggi_error_kind {
	ONGGI_ERROR_NONE = 0,
	ONGGI_ERROR_INVALID = 1,       /* an argument, a member of a document or a file is wrong */
	ONGGI_ERROR_NOT_FOUND = 2,     /* there is no such container, file, namespace ... */
	ONGGI_ERROR_CONFLICT = 3,      /* the id or a name is taken */
	ONGGI_ERROR_STATE = 4,         /* the container is in the wrong state for this */
	ONGGI_ERROR_DENIED = 5,        /* permission denied by kernel or policy */
	ONGGI_ERROR_BUSY = 6,          /* try again later */
	ONGGI_ERROR_IO = 7,            /* the operating system refused */
	ONGGI_ERROR_NO_SPACE = 8,      /* disk, inodes or quota are full */
	ONGGI_ERROR_NO_MEMORY = 9,
	ONGGI_ERROR_CORRUPT = 10,      /* stored data is not what it claims to be */
	ONGGI_ERROR_UNSUPPORTED = 11,  /* kernel, build or host lacks it */
	ONGGI_ERROR_TIMEOUT = 12,      /* no answer in time: a hook, systemd */
	ONGGI_ERROR_NETWORK = 13,      /* a peer cannot be reached or broke off */
	ONGGI_ERROR_EXEC_MISSING = 14, /* the command does not exist in the container */
	ONGGI_ERROR_EXEC_DENIED = 15,  /* the command cannot be executed */
	ONGGI_ERROR_CANCELLED = 16,    /* ended on request */
	ONGGI_ERROR_INTERNAL = 17      /* a fault of the library */
};

/** onggi_error_kind - what happened, for programs. ONGGI_ERROR_NONE for NULL. */
ONGGI_API enum onggi_error_kind onggi_error_kind(const struct onggi_error *e);
/** onggi_error_kind_name - the same as a word: "not-found". Static. */
ONGGI_API const char *onggi_error_kind_name(const struct onggi_error *e);
/** onggi_error_errno - the positive errno behind it; the call returned its negative. 0 for NULL. */
ONGGI_API int onggi_error_errno(const struct onggi_error *e);
/** onggi_error_message - what happened, for people: one line without a final dot, from the outermost
 * phrase to the cause, joined by ": ". Lives as long as @e; "" for NULL. */
ONGGI_API const char *onggi_error_message(const struct onggi_error *e);
/** onggi_error_phrase - phrase @i of the message, 0 is the outermost; NULL behind the last. Lives as
 * long as @e. A ": " inside double quotes does not part. */
ONGGI_API const char *onggi_error_phrase(const struct onggi_error *e, size_t i);
/** onggi_error_hint - what the user can do about it; "" when there is nothing to say. */
ONGGI_API const char *onggi_error_hint(const struct onggi_error *e);
/** onggi_error_exit_code - the exit status that engines give for it: 127 for a missing command, 126
 * for one that cannot be executed, else 125. 0 for NULL. */
ONGGI_API int onggi_error_exit_code(const struct onggi_error *e);
ONGGI_API void onggi_error_free(struct onggi_error *e);

/* ---- where and how ----------------------------------------------------------------------------- */

enum onggi_cgroup_manager {
	ONGGI_CGROUP_CGROUPFS = 0, /* directories below /sys/fs/cgroup; the default */
	ONGGI_CGROUP_SYSTEMD = 1,  /* scopes of systemd; cgroupsPath is SLICE:PREFIX:NAME */
	ONGGI_CGROUP_NONE = 2      /* make none: containers stay in the caller's groups */
};

enum onggi_rootless {
	ONGGI_ROOTLESS_AUTO = 0, /* yes for an effective user other than root; the default */
	ONGGI_ROOTLESS_NO = 1,
	ONGGI_ROOTLESS_YES = 2   /* what an ordinary user may not do is left out with a warning */
};

enum onggi_log_level {
	ONGGI_LOG_WARNING = 0, /* something was left out; the call goes on */
	ONGGI_LOG_DEBUG = 1    /* each step of a create with its time */
};

/** onggi_log_fn - takes messages while a call runs, in the thread of that call. @message is one line,
 * valid during the call. It must not call this library. */
typedef void onggi_log_fn(void *data, enum onggi_log_level level, const char *message);

/** onggi_runtime_new - the settings of orun: state in /run/orun, for an ordinary user in
 * $XDG_RUNTIME_DIR/orun; groups by cgroupfs; rootless by the user; no log. */
ONGGI_API int onggi_runtime_new(struct onggi_runtime **ret, struct onggi_error **err);
ONGGI_API void onggi_runtime_free(struct onggi_runtime *rt);
/** onggi_runtime_set_root - keep the state in @dir, made when missing. A tmpfs is right: nothing in it
 * is worth anything after a reboot. 0, -EINVAL, -ENOMEM. */
ONGGI_API int onggi_runtime_set_root(struct onggi_runtime *rt, const char *dir);
/** onggi_runtime_set_cgroup_manager, onggi_runtime_set_rootless - 0 or -EINVAL. */
ONGGI_API int onggi_runtime_set_cgroup_manager(struct onggi_runtime *rt, enum onggi_cgroup_manager manager);
ONGGI_API int onggi_runtime_set_rootless(struct onggi_runtime *rt, enum onggi_rootless rootless);
/** onggi_runtime_set_log - send messages up to @level to @fn; NULL: nowhere. 0 or -EINVAL. */
ONGGI_API int onggi_runtime_set_log(struct onggi_runtime *rt, onggi_log_fn *fn, void *data,
				    enum onggi_log_level level);

/* ---- create, start, run ------------------------------------------------------------------------ */

enum onggi_create_flags {
	ONGGI_CREATE_NO_PIVOT = 1,       /* no pivot_root: the root is a ramdisk */
	ONGGI_CREATE_NO_NEW_KEYRING = 2  /* the process keeps the caller's session keyring */
};

/** onggi_network_fn - sets up the network while a container is made: its namespaces exist and its ids
 * are mapped, its process does not run yet. @pid: the process; @netns: its network namespace,
 * borrowed, -1 when it has none of its own. Returns 0, or a negative errno that ends the create. It
 * must not call this library. */
typedef int onggi_network_fn(void *data, pid_t pid, int netns);

/** onggi_create_new - a request to make container @id from the directory @bundle, whose config.json is
 * read when the request is used. @id: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 255 bytes. */
ONGGI_API int onggi_create_new(const char *id, const char *bundle, struct onggi_create **ret,
			       struct onggi_error **err);
ONGGI_API void onggi_create_free(struct onggi_create *q);
/** onggi_create_set_config - take this OCI configuration, @n bytes, instead of config.json. Its
 * relative paths begin at the bundle. */
ONGGI_API int onggi_create_set_config(struct onggi_create *q, const char *json, size_t n,
				      struct onggi_error **err);
/** onggi_create_set_stdio - standard streams of a process without a terminal; -1 (the default): the
 * caller's own. 0 or -EINVAL. */
ONGGI_API int onggi_create_set_stdio(struct onggi_create *q, int in, int out, int errors);
/** onggi_create_set_console_socket - send the master of the terminal to the connected AF_UNIX socket
 * @fd. Without one (-1) onggi_process_terminal has it. 0 or -EINVAL. */
ONGGI_API int onggi_create_set_console_socket(struct onggi_create *q, int fd);
/** onggi_create_set_preserve_fds - descriptors 3 to 2+@n of the caller stay open in the container. They
 * all have to be open. All others are closed. 0 or -EINVAL. */
ONGGI_API int onggi_create_set_preserve_fds(struct onggi_create *q, unsigned n);
/** onggi_create_set_pid_file - write the PID to @path, whole or not at all. 0, -EINVAL, -ENOMEM. */
ONGGI_API int onggi_create_set_pid_file(struct onggi_create *q, const char *path);
/** onggi_create_set_flags - of enum onggi_create_flags. 0 or -EINVAL. */
ONGGI_API int onggi_create_set_flags(struct onggi_create *q, unsigned flags);
/** onggi_create_set_network - call @fn when the network can be set up. */
ONGGI_API void onggi_create_set_network(struct onggi_create *q, onggi_network_fn *fn, void *data);

/** onggi_runtime_create - make a container whose process waits for onggi_runtime_start. @ret may be
 * NULL. On failure nothing is left of it: no state, group, mount or process. The request can be used
 * again. ONGGI_ERROR_CONFLICT: the id is taken. */
ONGGI_API int onggi_runtime_create(const struct onggi_runtime *rt, const struct onggi_create *q,
				   struct onggi_process **ret, struct onggi_error **err);
/** onggi_runtime_start - execute the process of a created container; returns when it is executed and
 * the poststart hooks are through. Any process may start a container, not only the one that made it.
 * ONGGI_ERROR_EXEC_MISSING, ONGGI_ERROR_EXEC_DENIED: the command. */
ONGGI_API int onggi_runtime_start(const struct onggi_runtime *rt, const char *id, struct onggi_error **err);
/** onggi_runtime_run - create and start in one, which is faster. */
ONGGI_API int onggi_runtime_run(const struct onggi_runtime *rt, const struct onggi_create *q,
				struct onggi_process **ret, struct onggi_error **err);

/* ---- exec -------------------------------------------------------------------------------------- */

enum onggi_exec_flags {
	ONGGI_EXEC_TERMINAL = 1,      /* give the process a terminal, whatever its document says */
	ONGGI_EXEC_IGNORE_PAUSED = 2  /* also in a paused container: the process waits there */
};

/** onggi_exec_new - a request for one more process in container @id. It needs a process or args. */
ONGGI_API int onggi_exec_new(const char *id, struct onggi_exec **ret, struct onggi_error **err);
ONGGI_API void onggi_exec_free(struct onggi_exec *q);
/** onggi_exec_set_process - the process as an OCI process object of @n bytes. */
ONGGI_API int onggi_exec_set_process(struct onggi_exec *q, const char *json, size_t n,
				     struct onggi_error **err);
/** onggi_exec_set_args - the command, NULL-terminated. All else is as in the process given, else as in
 * the first process of the container, but without its terminal. 0, -EINVAL, -ENOMEM. */
ONGGI_API int onggi_exec_set_args(struct onggi_exec *q, const char *const *argv);
/** onggi_exec_set_cgroup - below the container's group: "PATH", or "CONTROLLER:PATH" on v1. It must
 * exist. 0, -EINVAL, -ENOMEM. */
ONGGI_API int onggi_exec_set_cgroup(struct onggi_exec *q, const char *cgroup);
/** as for create */
ONGGI_API int onggi_exec_set_stdio(struct onggi_exec *q, int in, int out, int errors);
ONGGI_API int onggi_exec_set_console_socket(struct onggi_exec *q, int fd);
ONGGI_API int onggi_exec_set_preserve_fds(struct onggi_exec *q, unsigned n);
ONGGI_API int onggi_exec_set_pid_file(struct onggi_exec *q, const char *path);
/** onggi_exec_set_flags - of enum onggi_exec_flags. 0 or -EINVAL. */
ONGGI_API int onggi_exec_set_flags(struct onggi_exec *q, unsigned flags);
/** onggi_runtime_exec - execute it; returns when it is executed. @ret may be NULL. */
ONGGI_API int onggi_runtime_exec(const struct onggi_runtime *rt, const struct onggi_exec *q,
				 struct onggi_process **ret, struct onggi_error **err);

/* ---- processes --------------------------------------------------------------------------------- */

/** onggi_process_pid - its PID here. */
ONGGI_API pid_t onggi_process_pid(const struct onggi_process *p);
/** onggi_process_pidfd - a descriptor that becomes readable when it ends. Borrowed from @p. */
ONGGI_API int onggi_process_pidfd(const struct onggi_process *p);
/** onggi_process_terminal - master of its terminal, -1 when it has none or a console socket got it.
 * Borrowed from @p. */
ONGGI_API int onggi_process_terminal(const struct onggi_process *p);
/** onggi_process_wait - wait for its end and reap it. *ret_status is its exit status, or 128 + signal.
 * Only its parent can: -ECHILD. Again after that: the same status. */
ONGGI_API int onggi_process_wait(struct onggi_process *p, int *ret_status, struct onggi_error **err);
/** onggi_process_free - closes its descriptors; the process goes on. */
ONGGI_API void onggi_process_free(struct onggi_process *p);

/* ---- what there is ----------------------------------------------------------------------------- */

enum onggi_status {
	ONGGI_STATUS_CREATING = 0,
	ONGGI_STATUS_CREATED = 1,
	ONGGI_STATUS_RUNNING = 2,
	ONGGI_STATUS_PAUSED = 3,
	ONGGI_STATUS_STOPPED = 4
};

/** onggi_runtime_status - status, and the PID of the first process: 0 when it has ended. Either of
 * @ret_status and @ret_pid may be NULL. ONGGI_ERROR_NOT_FOUND: there is no such container. */
ONGGI_API int onggi_runtime_status(const struct onggi_runtime *rt, const char *id,
				   enum onggi_status *ret_status, pid_t *ret_pid, struct onggi_error **err);
/** onggi_runtime_state - the state object of the runtime-spec as JSON text. */
ONGGI_API int onggi_runtime_state(const struct onggi_runtime *rt, const char *id, char **ret_json,
				  struct onggi_error **err);
/** onggi_runtime_list - ids of all containers, sorted, NULL-terminated: free with onggi_list_free. @ret_n
 * may be NULL. */
ONGGI_API int onggi_runtime_list(const struct onggi_runtime *rt, char ***ret, size_t *ret_n,
				 struct onggi_error **err);
ONGGI_API void onggi_list_free(char **ids);
/** onggi_runtime_pids - PIDs here of all processes of a container. */
ONGGI_API int onggi_runtime_pids(const struct onggi_runtime *rt, const char *id, pid_t **ret, size_t *ret_n,
				 struct onggi_error **err);
/** onggi_runtime_stats - figures of the container's groups as JSON text, the "data" of runc's events:
 * times in ns, sizes in bytes. */
ONGGI_API int onggi_runtime_stats(const struct onggi_runtime *rt, const char *id, char **ret_json,
				  struct onggi_error **err);

/** onggi_event_fn - one event. @type "stats": @json has the figures; "oom": a process was killed for
 * lack of memory, @json is NULL. Both valid during the call. Returns 0 to go on; else
 * onggi_runtime_events returns that value. It may call this library. */
typedef int onggi_event_fn(void *data, const char *type, const char *json);

/** onggi_runtime_events - tell of a container until it ends: figures at once and every @interval_ms (at
 * least 1), and each process killed for lack of memory. 0 when it has ended. */
ONGGI_API int onggi_runtime_events(const struct onggi_runtime *rt, const char *id, int interval_ms,
				   onggi_event_fn *fn, void *data, struct onggi_error **err);
/** onggi_runtime_features - the features document of the runtime-spec as JSON text. */
ONGGI_API int onggi_runtime_features(char **ret_json, struct onggi_error **err);

/* ---- changes ----------------------------------------------------------------------------------- */

enum onggi_kill_flags { ONGGI_KILL_ALL = 1 /* all processes of the container, not only the first */ };
enum onggi_delete_flags {
	ONGGI_DELETE_FORCE = 1 /* kill it first; a missing one is no error; half-made ones are swept */
};

/** onggi_runtime_kill - send @signal to a created, running or paused container. */
ONGGI_API int onggi_runtime_kill(const struct onggi_runtime *rt, const char *id, int signal, unsigned flags,
				 struct onggi_error **err);
/** onggi_runtime_delete - remove what create made. ONGGI_ERROR_STATE: it still runs. A process that is the
 * caller's child is reaped by it all the same: before or after. */
ONGGI_API int onggi_runtime_delete(const struct onggi_runtime *rt, const char *id, unsigned flags,
				   struct onggi_error **err);
/** onggi_runtime_pause, onggi_runtime_resume - freeze and thaw all processes of a container. */
ONGGI_API int onggi_runtime_pause(const struct onggi_runtime *rt, const char *id, struct onggi_error **err);
ONGGI_API int onggi_runtime_resume(const struct onggi_runtime *rt, const char *id, struct onggi_error **err);
/** onggi_runtime_update - set those limits that are in the OCI linux.resources object of @n bytes; all
 * others stay. */
ONGGI_API int onggi_runtime_update(const struct onggi_runtime *rt, const char *id, const char *json,
				   size_t n, struct onggi_error **err);

/* ---- checkpoint and restore -------------------------------------------------------------------- */

struct onggi_checkpoint; /* a request: images of CRIU, and how they are made and used */

enum onggi_checkpoint_flags {
	ONGGI_CHECKPOINT_TCP_ESTABLISHED = 1,    /* established TCP connections are saved and go on */
	ONGGI_CHECKPOINT_TCP_SKIP_IN_FLIGHT = 2, /* those not yet established are left out */
	ONGGI_CHECKPOINT_TCP_CLOSE = 4,          /* restore: they are closed */
	ONGGI_CHECKPOINT_EXT_UNIX_SK = 8,        /* UNIX sockets may have their peer outside */
	ONGGI_CHECKPOINT_SHELL_JOB = 16,         /* terminal and session may come from outside */
	ONGGI_CHECKPOINT_FILE_LOCKS = 32,
	ONGGI_CHECKPOINT_LINK_REMAP = 64,        /* open files without a name get one for the time being */
	ONGGI_CHECKPOINT_AUTO_DEDUP = 128,
	ONGGI_CHECKPOINT_LAZY_PAGES = 256,       /* memory follows after the restore */
	ONGGI_CHECKPOINT_LEAVE_RUNNING = 512,
	ONGGI_CHECKPOINT_PRE_DUMP = 1024,        /* memory only; the container goes on */
	ONGGI_CHECKPOINT_EMPTY_NETWORK = 2048    /* the network namespace comes back empty */
};

enum onggi_checkpoint_cgroups { /* the groups inside, see criu(8), --manage-cgroups */
	ONGGI_CHECKPOINT_CGROUPS_DEFAULT = 0,
	ONGGI_CHECKPOINT_CGROUPS_SOFT = 1,
	ONGGI_CHECKPOINT_CGROUPS_FULL = 2,
	ONGGI_CHECKPOINT_CGROUPS_STRICT = 3,
	ONGGI_CHECKPOINT_CGROUPS_IGNORE = 4
};

enum onggi_checkpoint_lock { /* how TCP connections are held meanwhile */
	ONGGI_CHECKPOINT_LOCK_DEFAULT = 0,
	ONGGI_CHECKPOINT_LOCK_IPTABLES = 1,
	ONGGI_CHECKPOINT_LOCK_NFTABLES = 2,
	ONGGI_CHECKPOINT_LOCK_SKIP = 3
};

/** onggi_runtime_set_criu - the program to use instead of criu in $PATH. 0, -EINVAL, -ENOMEM. */
ONGGI_API int onggi_runtime_set_criu(struct onggi_runtime *rt, const char *program);

/** onggi_checkpoint_new - @images: the directory of the images. */
ONGGI_API int onggi_checkpoint_new(const char *images, struct onggi_checkpoint **ret, struct onggi_error **err);
ONGGI_API void onggi_checkpoint_free(struct onggi_checkpoint *q);
/** onggi_checkpoint_set_... - 0, -EINVAL, -ENOMEM. The work directory has CRIU's logs, by default beside
 * the images; the parent has the images of a pre-dump, relative to these; a page server takes memory
 * instead of the directory; @fd gets a zero byte when the server of lazy pages is ready (-1: none);
 * profile ("TYPE:NAME") and context stand in the place of the saved ones at a restore. A request with
 * what only the other call can do is ONGGI_ERROR_INVALID: in-flight connections, leave running, pre-dump,
 * parent, page server and @fd are of a checkpoint, closed connections, profile and context of a restore. */
ONGGI_API int onggi_checkpoint_set_work_dir(struct onggi_checkpoint *q, const char *dir);
ONGGI_API int onggi_checkpoint_set_flags(struct onggi_checkpoint *q, unsigned flags);
ONGGI_API int onggi_checkpoint_set_cgroups(struct onggi_checkpoint *q, enum onggi_checkpoint_cgroups cgroups);
ONGGI_API int onggi_checkpoint_set_network_lock(struct onggi_checkpoint *q, enum onggi_checkpoint_lock lock);
ONGGI_API int onggi_checkpoint_set_parent(struct onggi_checkpoint *q, const char *dir);
ONGGI_API int onggi_checkpoint_set_page_server(struct onggi_checkpoint *q, const char *address, unsigned port);
ONGGI_API int onggi_checkpoint_set_status_fd(struct onggi_checkpoint *q, int fd);
ONGGI_API int onggi_checkpoint_set_lsm_profile(struct onggi_checkpoint *q, const char *profile);
ONGGI_API int onggi_checkpoint_set_lsm_mount_context(struct onggi_checkpoint *q, const char *context);

/** onggi_runtime_checkpoint - save a running or paused container. Unless it is to go on (leave running,
 * pre-dump) it ends and is deleted. On failure it goes on as before; the message quotes CRIU's log.
 * ONGGI_ERROR_NOT_FOUND without CRIU, ONGGI_ERROR_UNSUPPORTED when it is too old. */
ONGGI_API int onggi_runtime_checkpoint(const struct onggi_runtime *rt, const char *id,
				       const struct onggi_checkpoint *q, struct onggi_error **err);
/** onggi_runtime_restore - make a container that goes on where a checkpoint ended, from the bundle of
 * @create (preserved descriptors and flags mean nothing here). @ret may be NULL. On failure nothing
 * is left. */
ONGGI_API int onggi_runtime_restore(const struct onggi_runtime *rt, const struct onggi_create *create,
				    const struct onggi_checkpoint *q, struct onggi_process **ret,
				    struct onggi_error **err);

#ifdef __cplusplus
}
#endif

#endif
