/* SPDX-License-Identifier: Apache-2.0
 *
 * Run-time state of one container: the folder ROOT/ID.
 *
 *   ROOT/ID/state.json  0600  what is known (below); replaced atomically, read without a lock
 *   ROOT/ID/exec.fifo         there from before the first state.json until start: "created"
 *   ROOT/ID/lock              OFD lock of whoever changes the container
 *   ROOT/ID/seccomp           compiled filter for exec, written by create when there is one
 *
 * mkdir ROOT/ID claims the id. The creator keeps the lock until create is over: a folder without
 * state.json whose lock is free was left by a creator that died, and delete --force clears it.
 *
 * state.json has the names of libcontainer (id, init_process_pid, init_process_start, created,
 * cgroup_paths, namespace_paths, config.rootfs, config.labels ...) and one object of ours:
 *   "onggi": { "bundle", "owner", "oci_version", "annotations", "cgroup" (cgroup_record),
 *              "process" (OCI process without args), "hooks" (OCI hooks poststart, poststop),
 *              "creating" }
 *
 * Start handshake: the parent makes exec.fifo and opens it read-write before the clone (a reader
 * that never sees an end of file), the child reads one byte from it. start writes that byte through
 * O_WRONLY | O_NONBLOCK (ENXIO: nobody holds the other end, the init process is gone), waits until
 * the exec has closed the other end, and removes the fifo. exec.fifo there and the process alive =
 * created.
 */
#ifndef ONGGI_RUNTIME_STATE_H
#define ONGGI_RUNTIME_STATE_H

#include "driver/cgroup/cgroup.h"
#include "runtime/runtime.h"
#include "spec/bundle.h"

#define STATE_FILE      "state.json"
#define STATE_EXEC_FIFO "exec.fifo"
#define STATE_SECCOMP   "seccomp"

struct state {
	char id[256];
	int dir_fd;      /* ROOT/ID */
	int root_fd;     /* ROOT */
	int lock_fd;     /* -1: not locked by us */
	json_t *doc;     /* state.json, owned; NULL before state_describe */
	/* decoded from doc, borrowed from it */
	struct proc_id init;
	const char *bundle, *rootfs, *created, *owner, *oci_version;
	const json_t *annotations; /* NULL: none */
	const json_t *process;     /* OCI process without args; NULL: none */
	const json_t *hooks;       /* OCI hooks object; NULL: none */
	const json_t *cgroup;      /* for cgroup_open; NULL: none */
	const json_t *rdt;         /* for rdt_read; NULL: none */
	bool rootless;
	bool creating;             /* create has not finished */
	bool filtered;             /* there is a seccomp filter, see filter.h */
	bool bare;                 /* nothing was made in the folder but state.json and the lock */
	bool removed;              /* nobody can wait for the lock any more but to learn that */
	bool own_pids;             /* its own new PID namespace: killing init ends all */
};

#define STATE_EMPTY { .dir_fd = -1, .root_fd = -1, .lock_fd = -1 }

/** state_id_check - [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 255 bytes. */
int state_id_check(const char *id, struct err *e);

/** state_reserve - claim @id: make ROOT/ID and take its lock. E_CONFLICT when taken. A folder that a
 * dead creator left without state.json is swept first. */
int state_reserve(const struct runtime_env *env, const char *id, struct state *ret, struct err *e);
/** state_note_cgroup - write into the lock file which group is being made, for whoever sweeps the
 * folder should we die before the first state.json. */
int state_note_cgroup(struct state *s, const struct cgroup *cg, struct err *e);
/** state_unreserve - give a claimed id up (failed create): remove the folder, let go of it. */
void state_unreserve(struct state *s);

/* What create knows; everything is copied into the document. */
struct state_new {
	const char *bundle;         /* absolute path */
	const char *rootfs;         /* absolute path */
	const json_t *config;       /* the OCI config */
	const struct bundle *parsed; /* of the same config */
	uid_t owner;                /* who makes it */
	struct proc_id init;
	const struct cgroup *cgroup; /* NULL: none */
	const struct rdt *rdt;      /* NULL: none */
	bool rootless;
	const char *const *streams; /* three, where they lead; NULL: a terminal */
	bool creating;              /* saved early, for hooks that ask for the state */
};
/** state_describe - build s->doc and the decoded members from @n; call again when the process is
 * known. Does not write. */
int state_describe(struct state *s, const struct state_new *n, struct err *e);
/** state_save - write state.json. */
int state_save(struct state *s, struct err *e);

enum state_open_flags {
	STATE_LOCKED = 1, /* wait for the lock, then read: for everything that changes something */
};
/** state_open - read ROOT/ID/state.json. E_NOT_FOUND "container does not exist" without a folder or
 * (not locked) without a whole record. */
int state_open(const struct runtime_env *env, const char *id, unsigned flags, struct state *ret,
	       struct err *e);
/** state_remove - remove the folder of a container whose lock is held. */
int state_remove(struct state *s, struct err *e);
/** state_sweep - remove what a dead creator of @id left without state.json. 1: swept; 0: there is no
 * such folder; E_BUSY when its creator lives; E_STATE when there is a state.json. */
int state_sweep(const struct runtime_env *env, const char *id, struct err *e);
/** state_unlock, state_relock - let go of the lock for a while. E_NOT_FOUND: the container was deleted
 * meanwhile. */
void state_unlock(struct state *s);
int state_relock(struct state *s, struct err *e);
/** state_close - let go of lock and memory. The lock is released even when a child still holds a
 * copy of the descriptor. Takes half-built and empty states. */
void state_close(struct state *s);

/** state_status - derived, never stored. */
int state_status(const struct state *s, enum runtime_status *ret, struct err *e);
/** state_init_pidfd - pidfd of the init process; E_STATE "container not running" when gone. */
int state_init_pidfd(const struct state *s, int *ret_fd, struct err *e);
/** state_cgroup - open the container's cgroup from the record. E_NOT_FOUND without one. */
int state_cgroup(const struct state *s, struct cgroup **ret, struct err *e);

/** state_fifo_make - make exec.fifo and open it read-write, close-on-exec. The child reads one byte
 * from it before it executes the process. */
int state_fifo_make(struct state *s, int *ret_fd, struct err *e);
/** state_oci_json - the OCI state object (hooks, `state`): ociVersion, id, status, pid, bundle,
 * annotations; pid left out when @pid is 0. Caller owns the result. */
int state_oci_json(const struct state *s, const char *status, pid_t pid, json_t **ret,
		   struct err *e);

/** state_late_hooks - poststart or poststop hooks of the record, into @a. None: n is 0. */
int state_late_hooks(const struct state *s, enum bundle_hook_point p, struct arena *a,
		     struct bundle_hooks *ret, struct err *e);
/** state_exec_linux - what an exec takes from the config's linux: personality and memory policy. The
 * strings lie in @s. */
int state_exec_linux(const struct state *s, struct arena *a, struct bundle *ret, struct err *e);

static inline void own_state_done(struct state *s)
{
	state_close(s);
}
#define OWN_STATE CLEANUP(own_state_done) struct state

#endif
