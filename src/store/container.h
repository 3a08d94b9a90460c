/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers in the store: one folder per container, the record as docker's inspect shows it, a
 * lock per container, a claim per name. Status is derived from run.json and exit.json, never
 * stored (docs/architecture.md).
 *
 *   mkdir + lock -> claim name -> ... -> config.json last: a folder without config.json whose
 *   lock is free is half-made and swept.
 */
#ifndef ONGGI_STORE_CONTAINER_H
#define ONGGI_STORE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"
#include "format/json.h"
#include "store/store.h"

enum { CONTAINER_ID_LEN = 64, CONTAINER_RECORD_MAX = 8 << 20 };

enum container_status {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_RESTARTING,
	CONTAINER_EXITED,
	CONTAINER_DEAD,
	CONTAINER_STATUS_N
};

/* One container, loaded. Zero-initialise .dir_fd with -1; free with container_done(). */
struct container {
	char id[CONTAINER_ID_LEN + 1];
	int dir_fd;      /* ROOT/containers/ID */
	json_t *record;  /* config.json: Id, Created, Path, Args, Config, HostConfig, Image, Name ... */
};
#define CONTAINER_NULL { .dir_fd = -1 }

/* What is known of the process: run.json, restart.json and exit.json together. */
struct container_state {
	enum container_status status; /* a paused container is RUNNING here */
	bool paused;
	struct proc_id init;          /* pid 0: none */
	struct proc_id monitor;
	bool orphan;                  /* the process lives, its monitor does not */
	bool unhandled;               /* run.json is there but the process is dead, or a reboot took both */
	bool exit_aside;              /* exit was found in the run-time folder: the disk was full */
	int exit_code;                /* -1: unknown */
	bool oom_killed;
	int64_t started_ns, finished_ns; /* INT64_MIN: never */
	json_t *run, *exit;           /* the documents, NULL when absent; owned */
};

/** container_resolve - ID of the container named by ID, name (with or without leading slash) or
 * unique ID prefix, in this order. E_NOT_FOUND "No such container: X". */
int container_resolve(const struct store *s, const char *ref, char ret_id[65], struct err *e);
/** container_load - record of @id; E_NOT_FOUND when it does not exist (any more). */
int container_load(const struct store *s, const char *id, struct container *ret, struct err *e);
void container_done(struct container *c);
/** container_save - write the record back; @flags of enum io_replace_flags. */
int container_save(const struct container *c, unsigned flags, struct err *e);
/** container_ids - all IDs that have a record; heap array of 65-byte strings. */
int container_ids(const struct store *s, char (**ret)[65], size_t *ret_n, struct err *e);
/** container_lock - lock of every change of state; @mode of enum lock_mode. */
int container_lock(const struct store *s, const char *id, int mode, int *ret_fd, struct err *e);
/** container_state_load - derive the state; never waits for a lock. */
int container_state_load(const struct store *s, const char *id, struct container_state *ret,
			 struct err *e);
/** container_started_set - note durably that a run began at @when; NULL: it did not after all. */
int container_started_set(const struct container *c, const char *when, struct err *e);
void container_state_done(struct container_state *st);
const char *container_status_name(enum container_status st);

/** container_make - folder of a new container, locked; @ret->record stays NULL. The random ID is
 * made here. */
int container_make(const struct store *s, struct container *ret, int *ret_lock, struct err *e);
/** container_run_dir - RUN/containers/ID, made when @make. */
int container_run_dir(const struct store *s, const char *id, bool make, int *ret_fd, struct err *e);
/** container_volumes_note - say that the volumes @names (array; NULL or empty: none) go with the
 * container as long as it is half-made: before the record is there, or after it has gone. */
int container_volumes_note(const struct container *c, const json_t *names, struct err *e);
/** container_unmake - remove the folder, the run-time folder, and the volumes that were noted; the
 * name is the caller's. */
int container_unmake(const struct store *s, const char *id, struct err *e);

/** container_name_claim - E_CONFLICT in docker's words when another container has @name. */
int container_name_claim(const struct store *s, const char *name, const char *id, struct err *e);
/** container_name_release - let go of @name if it is still @id's. */
void container_name_release(const struct store *s, const char *name, const char *id);
/** container_sweep - remove half-made containers. Returns how many. */
int container_sweep(const struct store *s, struct err *e);

#endif
