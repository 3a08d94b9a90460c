/* SPDX-License-Identifier: Apache-2.0
 *
 * What the flows of the engine share among themselves.
 */
#ifndef ONGGI_ENGINE_ENGINE_INT_H
#define ONGGI_ENGINE_ENGINE_INT_H

#include "base/arena.h"
#include "base/lock.h"
#include "engine/engine.h"
#include "store/container.h"

/* A container found, loaded and perhaps locked. */
struct handle {
	struct container c;
	struct container_state st;
	int lock;  /* -1: not locked */
	bool keep; /* restart by hand: --rm does not count */
};
#define HANDLE_NULL { .c = CONTAINER_NULL, .lock = -1 }
#define OWN_HANDLE  CLEANUP(handle_done) struct handle

enum handle_flags {
	HANDLE_LOCK = 1,   /* under the exclusive lock: the state holds until handle_done */
	HANDLE_NO_ADOPT = 2,
	HANDLE_FULL_ID = 4, /* @ref is an ID that the store has just listed: nothing to look up */
};
/** handle_open - resolve @ref, adopt what needs it, lock when asked, load record and state. */
int handle_open(struct engine *eng, const char *ref, unsigned flags, struct handle *ret, struct err *e);
/** engine_forget - let go of the container that was made last. */
void engine_forget(struct engine *eng);
/** handle_refresh - state again. */
int handle_refresh(struct engine *eng, struct handle *h, struct err *e);
void handle_done(struct handle *h);
/** handle_name - name without the slash. Borrowed. */
const char *handle_name(const struct handle *h);

/** engine_plan - mount plan of a container from its record; @flags of enum storage_plan_flags. */
int engine_plan(struct engine *eng, const struct container *c, unsigned flags, struct arena *a,
		struct mount_plan *ret, struct err *e);
/** engine_storage - the driver that @c was made with. */
int engine_storage(const struct engine *eng, const struct container *c, const struct storage_ops **ret,
		   struct err *e);
/** engine_layers_ready - have the layers of an image (@chain, lowest first) in the form that the engine's driver
 * needs; what is missing is made from the blobs, which takes as long as unpacking it did. */
int engine_layers_ready(struct engine *eng, const char *image_id, const char *const *chain, size_t n, struct err *e);
/** engine_layers_late - of an image that is not whole yet, have somebody show the layers that are missing, until the next
 * call or the end of @eng. 1: so it is | 0: the image is whole. */
int engine_layers_late(struct engine *eng, const char *image_id, const char *const *chain, size_t n, struct err *e);
/** engine_layer_prepare - make the writable layer of a new container, by the engine's driver. */
int engine_layer_prepare(struct engine *eng, const struct container *c, struct err *e);
/** engine_layers_again - have the layers of a new container once more, after its record is there; see form_mark.h. */
int engine_layers_again(struct engine *eng, const struct container *c, struct err *e);
int engine_layer_remove(struct engine *eng, const struct container *c, struct err *e);
/** engine_quota - how its layer is limited, from the record. */
struct quota;
int engine_quota(const struct container *c, struct quota *ret, struct err *e);
/** engine_plan_flags - of plan(), for containers that choose nothing themselves: the engine's --storage-opt. */
unsigned engine_plan_flags(const struct engine *eng);
/** engine_lowers - directories of the layers of its image, in @a. */
int engine_lowers(struct engine *eng, const struct container *c, struct arena *a, struct storage_lowers *ret,
		  struct err *e);
/** engine_changes - what it changed over them; end with storage_changes_done(). */
int engine_changes(struct engine *eng, const struct container *c, const struct storage_lowers *lowers,
		   struct storage_changes *ret, struct err *e);
/** engine_changed_bytes - size of that, 0 when it cannot be told. */
uint64_t engine_changed_bytes(struct engine *eng, const struct container *c);
/** files_in_run - hosts, hostname and resolv.conf of @c lie in its run-time folder: with --rm
 * nobody sees them after the run. */
bool files_in_run(const struct container *c);

/** exit_write - record an end that no monitor recorded: @code -1 unknown, or a failed start
 * (@started_ns kept from before). */
struct exit_record {
	struct proc_id id;
	int code, signal;
	bool oom_killed;
	const char *started_at, *finished_at; /* NULL: zero time */
	const char *error;
};
int exit_write(const struct container *c, const struct exit_record *x, struct err *e);

/** exited_locked - the work after an exit, under the lock, idempotent. @ret_delay_ms: -1 no
 * restart, else how long to wait before one; @stop: no restart whatever the policy says. */
int exited_locked(struct engine *eng, struct handle *h, bool stop, int64_t *ret_delay_ms,
		  struct err *e);
/** start_locked - make the process of a container that is not running. @client_fd: the monitor's
 * end of a foreground client's socket, -1: none (closed by the caller). */
struct start_opt {
	int client_fd;
	uint32_t client_flags;
	bool is_restart; /* by the policy: the manual-stop mark and the count stay */
	int64_t restart_delay_ms; /* how long the policy waited before this start */
};
/* afterwards h->st knows that it runs, and its init; not more */
int start_locked(struct engine *eng, struct handle *h, const struct start_opt *opt, struct err *e);
/** remove_locked - everything of a container that does not run. @volumes: anonymous ones too.
 * The lock file is gone afterwards. */
int remove_locked(struct engine *eng, struct handle *h, bool volumes, struct err *e);
/** adopt_locked - new monitor for a living process, exit work of a dead one that nobody handled,
 * new waiter for a restart; state refreshed. With --rm the container may be gone afterwards:
 * then h->c.dir_fd is -1. */
int adopt_locked(struct engine *eng, struct handle *h, struct err *e);
/** monitor_fill - what the monitor of @c is told at the start and at adoption, from the record and
 * @run (run.json). Strings live in @a. */
struct monitor_config;
int monitor_fill(struct engine *eng, const struct container *c, const json_t *run, struct arena *a,
		 struct monitor_config *ret, struct err *e);
/** is_abandoned - made by a `run --rm` that was killed before it could start it. Only true of a
 * container whose lock is held: whoever makes one keeps the lock until it runs, or marks it as
 * kept. */
bool is_abandoned(const struct handle *h);
/** abandoned_remove - remove the container called @name if it is abandoned. True: it was. */
bool abandoned_remove(struct engine *eng, const char *name);
/** runtime_leftover - run-time state and process of a start that was killed half-way. */
void runtime_leftover(struct engine *eng, const char *id);
/** stop_running - signal, wait, SIGKILL; parameters as engine_stop. The state is not refreshed. */
int stop_running(struct engine *eng, struct handle *h, int sig, int timeout_s, struct err *e);
/** restart_cancel - end the wait for a restart, under the lock; nothing when there is none. */
int restart_cancel(struct engine *eng, struct handle *h, struct err *e);
/** exit_await - wait until the run of @st has an exit record or nobody will write one any more.
 * @timeout_ms -1: for ever. 1: ended, 0: time is up. */
int exit_await(struct engine *eng, const struct container *c, const struct container_state *st,
	       int64_t timeout_ms, struct err *e);

/** create_handle - the create flow; the new container comes back locked. */
int create_handle(struct engine *eng, const json_t *body, const char *name, struct handle *ret,
		  struct err *e);
/** engine_cgroup_private - whether containers get a cgroup namespace of their own by default. */
bool engine_cgroup_private(void);
/** own_set - member of the engine's own part of the record ("Onggi"). Steals @v. */
int own_set(const struct container *c, const char *key, json_t *v);
json_t *own_get(const struct container *c, const char *key);

#endif
