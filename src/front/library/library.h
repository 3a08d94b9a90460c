/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of libonggi-runtime: the public handles (include/onggi/runtime.h) around the requests of
 * runtime/runtime.h. It keeps copies, turns JSON text into values and back, and decides nothing.
 */
#ifndef ONGGI_FRONT_LIBRARY_LIBRARY_H
#define ONGGI_FRONT_LIBRARY_LIBRARY_H

#include <signal.h>

#include "base/step.h"
#include "format/js.h"
#include "onggi/runtime.h"
#include "runtime/runtime.h"

struct onggi_runtime {
	struct runtime_env env;
	struct way_observer trace;
	char *root, *criu;
	onggi_log_fn *log;
	void *log_data;
};

struct onggi_process {
	struct runtime_proc proc;
	int terminal;
	bool reaped;
	int status;
};

/* what create and exec have in common */
struct streams {
	int stdio[3];
	int console_socket;
	int preserve_fds;
	char *pid_file;
};
#define STREAMS_NONE { .stdio = { -1, -1, -1 }, .console_socket = -1 }

int streams_set_stdio(struct streams *s, int in, int out, int errors);
int streams_set_console_socket(struct streams *s, int fd);
int streams_set_preserve_fds(struct streams *s, unsigned n);
int streams_set_pid_file(struct streams *s, const char *path);

/** text_set - replace the heap string *@to by a copy of @from. 0, -EINVAL for NULL or "", -ENOMEM. */
int text_set(char **to, const char *from);

/** error_begin - at the head of every public function: *@err is NULL from here on. */
static inline void error_begin(struct onggi_error **err)
{
	if (err)
		*err = NULL;
}
/** error_give - make a public error of @e. Returns -e->eno. */
int error_give(const struct err *e, struct onggi_error **err);
/** error_null - the error for a NULL where there must be something. */
int error_null(const char *what, struct onggi_error **err);

/** call_begin, call_end - around every call into the runtime. SIGPIPE stays away from the program: a
 * FIFO or socket may have lost its other end. @clones: it makes a process, one at a time. */
struct call_guard {
	sigset_t mask;
	bool pending, clones;
};
void call_begin(struct call_guard *g, bool clones);
void call_end(struct call_guard *g);

/** create_carry_out - a request of create in the form of the runtime, given to @fn with @data. */
typedef int create_fn(const struct runtime_env *env, struct runtime_create_req *req, const void *data,
		      struct runtime_proc *proc, struct err *e);
int create_carry_out(const struct onggi_runtime *rt, const struct onggi_create *q, create_fn *fn,
		     const void *data, struct onggi_process **ret, struct onggi_error **err);

/** process_room - the memory of a handle, before a process is made that nobody could be told of. */
int process_room(struct onggi_process **ret, struct err *e);

/** json_give - @j as compact text. */
int json_give(const json_t *j, char **ret, struct err *e);

#endif
