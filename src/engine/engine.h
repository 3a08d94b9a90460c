/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: one function per flow, whatever front end asks. Bodies and replies have the shapes
 * of docker's REST API; names of containers are what users type (ID, name, prefix).
 *
 * Nothing here prints or exits. Warnings go through the call-back of the engine. Every change of
 * a container is made under its own lock; there is no global one.
 */
#ifndef ONGGI_ENGINE_ENGINE_H
#define ONGGI_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/step.h"
#include "driver/network/network.h"
#include "driver/storage/storage.h"
#include "format/json.h"
#include "runtime/runtime.h"
#include "store/store.h"

struct handle;

struct engine_options {
	const char *root, *run;    /* NULL: ONGGI_ROOT, ONGGI_RUN, defaults */
	bool spare_stores;         /* go on without image stores that cannot be used */
	const char *storage_driver; /* of new containers; NULL: ONGGI_STORAGE_DRIVER, overlay */
	const char *storage_opt;   /* "OPTION=VALUE[,...]" of new containers; NULL: ONGGI_STORAGE_OPT */
	void (*warn)(const char *msg, void *data); /* may be NULL */
	void *warn_data;
	const struct way_observer *observer;       /* --trace; may be NULL */
};

struct engine {
	struct store store;
	struct runtime_env runtime;
	struct network_env network;
	const struct storage_ops *storage; /* of new containers */
	const char *storage_opt;   /* their defaults (spec/storage_opt.h); NULL: none */
	struct engine_options opt;
	int late_fd;               /* -1, or keeps layers that are on their way from going (store/lazy.h) */
	const char *late_image;    /* ID of an image to be used under any name: it is not whole yet; NULL */
	char *paths;               /* one block behind the strings of the environments */
	struct handle *fresh;      /* what engine_create made last, still locked: the start that
				    * usually follows need not look for it again */
};

/** engine_open - open the store and fill the environments; cheap, reads no object. */
int engine_open(const struct engine_options *opt, struct engine *ret, struct err *e);
void engine_close(struct engine *eng);
/** engine_warn - tell the front end something that is degraded but goes on. */
void engine_warn(const struct engine *eng, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- life of a container ---- */

/** engine_create - validate @body (POST /containers/create), merge the image's configuration,
 * write the record.
 * @name NULL: made up   @ret_id 64 digits
 * An unknown image is E_NOT_FOUND "No such image: X". Warnings of docker's kind go to warn. */
int engine_create(struct engine *eng, const json_t *body, const char *name, char ret_id[65],
		  struct err *e);

/* How a front end takes part in a start or in a running container. */
struct engine_attach {
	bool in, out, err;         /* which streams */
	bool no_logs;              /* (attach) only what comes from now on; true for all but --logs */
	bool sig_proxy;            /* pass signals of this process on */
	const char *detach_keys;   /* NULL: ctrl-p,ctrl-q */
	int stdio[3];              /* where the streams go to and come from; usually 0, 1, 2 */
};

enum engine_attach_end {
	ENGINE_ENDED,     /* the container exited: exit_code is valid */
	ENGINE_DETACHED,  /* the user pressed the detach keys, or only stdin was closed */
};

struct engine_result {
	enum engine_attach_end end;
	int exit_code;
};

/** engine_start - start a created or exited container; a running one is success.
 * @attach NULL: detached, returns when the process runs. Else it returns when the container has
 * ended or the user has detached, with @ret filled; the work after the exit is done.
 * A command that cannot be started: E_EXEC_MISSING (127), E_EXEC_DENIED (126); others 128 in
 * State.ExitCode; a container of --rm is removed again. */
int engine_start(struct engine *eng, const char *ref, const struct engine_attach *attach,
		 struct engine_result *ret, struct err *e);
/** engine_attach - attach to a running container. E_STATE when it does not run. */
int engine_attach(struct engine *eng, const char *ref, const struct engine_attach *attach,
		  struct engine_result *ret, struct err *e);

/** engine_stop - @signal 0: the container's own   @timeout_s INT32_MIN: the container's own,
 * negative: never kill. A stopped container is success. */
int engine_stop(struct engine *eng, const char *ref, int signal, int timeout_s, struct err *e);
int engine_restart(struct engine *eng, const char *ref, int signal, int timeout_s, struct err *e);
/** engine_kill - E_STATE "... is not running" when it does not run. */
int engine_kill(struct engine *eng, const char *ref, int signal, struct err *e);
int engine_pause(struct engine *eng, const char *ref, struct err *e);
int engine_unpause(struct engine *eng, const char *ref, struct err *e);
int engine_rename(struct engine *eng, const char *ref, const char *new_name, struct err *e);

enum engine_wait_condition { ENGINE_WAIT_NOT_RUNNING, ENGINE_WAIT_NEXT_EXIT, ENGINE_WAIT_REMOVED };
/** engine_wait - @ret_exit_code: of the exit that ended the wait. */
int engine_wait(struct engine *eng, const char *ref, enum engine_wait_condition cond,
		int *ret_exit_code, struct err *e);

enum engine_remove_flags {
	ENGINE_REMOVE_FORCE = 1,    /* kill a running one; a missing one is still an error */
	ENGINE_REMOVE_VOLUMES = 2,  /* with its anonymous volumes */
};
int engine_remove(struct engine *eng, const char *ref, unsigned flags, struct err *e);

/** engine_exited - the work after an exit: network, run-time state, restart policy, --rm. Waits
 * out the restart policy's delay (any stop, kill or rm ends the wait). Called by the monitor's
 * "internal-exited", harmless when there is nothing to do. @id is a full ID. */
int engine_exited(struct engine *eng, const char *id, struct err *e);
/** engine_adopt - new monitor for a living container whose monitor died; handle an exit that
 * nobody handled. Every flow calls it by itself. */
int engine_adopt(struct engine *eng, const char *id, struct err *e);

/** engine_update - @body of POST /containers/{id}/update: limits and restart policy. */
int engine_update(struct engine *eng, const char *ref, const json_t *body, struct err *e);

/* ---- exec ---- */

struct engine_exec {
	const json_t *config;       /* body of POST /containers/{id}/exec: AttachStdin/out/err, Tty,
				       Env, Cmd, Privileged, User, WorkingDir, DetachKeys */
	bool detach;
	int stdio[3];
};
/** engine_exec - run a command in a running container. @ret_exit_code only when attached. */
int engine_exec(struct engine *eng, const char *ref, const struct engine_exec *req,
		int *ret_exit_code, struct err *e);

/* ---- looking ---- */

/** engine_inspect - docker's inspect object. Caller owns. @size adds SizeRw and SizeRootFs. */
int engine_inspect(struct engine *eng, const char *ref, bool size, json_t **ret, struct err *e);

struct engine_list {
	bool all;                   /* not only running ones */
	bool size;
	int limit;                  /* the newest n, of any status; 0: no limit */
	const json_t *filters;      /* {"status": ["exited"], "label": [...]}; NULL: none */
};
/** engine_list - array of ContainerSummary objects, newest first, with one member more:
 * "CreatedNs". An unknown filter is E_INVALID. Caller owns. */
int engine_list(struct engine *eng, const struct engine_list *req, json_t **ret, struct err *e);

/** engine_top - {"Titles": [...], "Processes": [[...], ...]}; @ps_args NULL: "-ef". */
int engine_top(struct engine *eng, const char *ref, const char *ps_args, json_t **ret,
	       struct err *e);
/** engine_port - {"80/tcp": [{"HostIp","HostPort"}]} of a running container. */
int engine_port(struct engine *eng, const char *ref, json_t **ret, struct err *e);
/** engine_diff - array of {"Path", "Kind": 0 changed, 1 added, 2 deleted}. */
int engine_diff(struct engine *eng, const char *ref, json_t **ret, struct err *e);
/** engine_stats - one sample in the shape of GET /containers/{id}/stats. */
int engine_stats(struct engine *eng, const char *ref, json_t **ret, struct err *e);
/** engine_log_open - directory that holds container-json.log[.N], for the log reader. @ret_pidfd
 * (-1 when not running) becomes readable when the container ends; may be NULL. */
int engine_log_open(struct engine *eng, const char *ref, int *ret_dirfd, int *ret_pidfd,
		    struct err *e);
/** engine_info, engine_version - GET /info, GET /version. Caller owns. */
int engine_info(struct engine *eng, json_t **ret, struct err *e);
int engine_version(struct engine *eng, json_t **ret, struct err *e);
/** engine_df - GET /system/df: Images, Containers, Volumes, BuildCache. */
int engine_df(struct engine *eng, json_t **ret, struct err *e);

/* ---- cp ---- */

struct engine_path_stat {
	char name[256];
	uint64_t size;
	uint32_t mode;              /* st_mode */
	int64_t mtime_ns;
	char link_target[4096];     /* of a symbolic link, resolved inside the container; or "" */
};
/** engine_archive_stat - E_NOT_FOUND when @path does not exist in the container. */
int engine_archive_stat(struct engine *eng, const char *ref, const char *path,
			struct engine_path_stat *ret, struct err *e);
/** engine_archive_get - tar stream of @path, its base name as root, into @out_fd. */
int engine_archive_get(struct engine *eng, const char *ref, const char *path, int out_fd,
		       struct err *e);

enum engine_archive_flags {
	ENGINE_ARCHIVE_NO_OVERWRITE = 1, /* no directory over a file or the other way round */
	ENGINE_ARCHIVE_COPY_UIDGID = 2,  /* keep the owners of the stream */
};
/** engine_archive_put - unpack the tar stream @in_fd into the existing directory @path. */
int engine_archive_put(struct engine *eng, const char *ref, const char *path, int in_fd,
		       unsigned flags, struct err *e);
/** engine_copy_out, engine_copy_in - `cp` between the host and a container, docker's rules for
 * what exists and what ends in "/" or "/.". Host path "-" is a tar stream on @stream_fd. */
struct engine_copy {
	const char *ref, *container_path, *host_path;
	int stream_fd;
	bool follow_link;           /* -L: follow links in the source */
	bool archive;               /* -a: keep uid and gid */
};
int engine_copy_out(struct engine *eng, const struct engine_copy *req, struct err *e);
int engine_copy_in(struct engine *eng, const struct engine_copy *req, struct err *e);
/** engine_export - tar stream of the whole file system. */
int engine_export(struct engine *eng, const char *ref, int out_fd, struct err *e);

/* ---- volumes and clean-up ---- */

/** engine_volume_list - {"Volumes": [...]} filtered by name, label, dangling, driver. */
int engine_volume_list(struct engine *eng, const json_t *filters, json_t **ret, struct err *e);
/** engine_*_prune - filters until, label (volumes: label, all). @ret: {"ContainersDeleted" or
 * "VolumesDeleted": [...], "SpaceReclaimed": bytes}. Caller owns. */
int engine_container_prune(struct engine *eng, const json_t *filters, json_t **ret, struct err *e);
int engine_volume_prune(struct engine *eng, const json_t *filters, json_t **ret, struct err *e);
/** engine_sweep - undo or complete what killed commands left half-made. */
int engine_sweep(struct engine *eng, struct err *e);

#endif
