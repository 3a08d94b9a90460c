/* SPDX-License-Identifier: Apache-2.0
 *
 * CRIU as a subprocess: `criu swrk 3`, one request, notifications on the way, one answer.
 *
 *   we  -- request -------------------------->  criu swrk
 *   we  <- notify "setup-namespaces", pid ----
 *   we  -- notify, success ------------------>       ...
 *   we  <- answer, success or errno ----------
 *
 * CRIU looks up directories that a request names by descriptor in /proc/PEER/fd, where PEER is who
 * made the socket. So the process that becomes CRIU makes it and sends our end back: the directories
 * are then of its own mount namespace, in which it may have to mount something.
 *
 * What went wrong stands in CRIU's log only: a failure quotes its last errors.
 */
#ifndef ONGGI_RUNTIME_CRIU_H
#define ONGGI_RUNTIME_CRIU_H

#include "runtime/criu_rpc.h"
#include "runtime/runtime.h"

enum {
	CRIU_VERSION_MIN = 31500,          /* status-ready, external PID namespaces */
	CRIU_VERSION_LSM = 31600,
	CRIU_FIRST_FD = 4,                 /* criu_call.fds start here in the CRIU process */
	CRIU_FDS_MAX = 16,                 /* with the two directories */
};

/* Whoever is called back gets .data; a negative result ends the call. */
struct criu_call {
	const struct runtime_env *env;
	struct criu_request *request;
	const int *stdio;         /* of the CRIU process and so of what it restores; -1: ours. NULL: none,
				    * what it says there is quoted when it fails */
	const int *fds;           /* borrowed: CRIU_FIRST_FD and up in the CRIU process */
	size_t n_fds;
	const char *images, *work; /* directories, opened there as well; NULL: none. criu_call sets
				    * request->images_fd and work_fd */
	/* the process is there, and waits for its request */
	int (*spawned)(void *data, pid_t criu, struct err *e);
	/* in that process, before it becomes CRIU. CHILD_SAFE */
	int (*enter)(void *data, struct err *e);
	/* a notification; @fd came along with it, borrowed, -1: none */
	int (*notify)(void *data, const struct criu_response *r, int fd, struct err *e);
	void *data;
	int log_fd;               /* directory of the log, to quote from; -1: no log */
	const char *log_dir;      /* its name, for the hint */
};

/** criu_find - path of the program: env->criu, or "criu" in $PATH. E_NOT_FOUND with a hint. */
int criu_find(const struct runtime_env *env, char *out, size_t n, struct err *e);
/** criu_call - one request and its answer. */
int criu_call(const struct criu_call *c, struct criu_response *ret, struct err *e);
struct criu_need {
	uint32_t version; /* 31500 is 3.15 */
	const char *what; /* what needs it */
};
/** criu_require - E_UNSUPPORTED unless the installed CRIU is new enough for the @n @needs. One call. */
int criu_require(const struct runtime_env *env, const struct criu_need *needs, size_t n, struct err *e);
enum criu_can {
	CRIU_CAN_TRACK_MEMORY = 1, /* changes between two dumps */
	CRIU_CAN_LAZY_PAGES = 2,   /* serve memory after the restore */
};
/** criu_features - E_UNSUPPORTED unless CRIU and the kernel can do all of @want (enum criu_can). One call, 0: none. */
int criu_features(const struct runtime_env *env, unsigned want, struct err *e);
/** criu_log_quote - the last errors of CRIU's log @xlog into @out; "" when there are none. */
void criu_log_quote(int xlog, char *out, size_t n);

#endif
