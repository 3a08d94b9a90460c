/* SPDX-License-Identifier: Apache-2.0
 *
 * orun: the runtime's command line, in runc's words. It translates only: options -> request of
 * runtime.h -> output, exit status. One row per command in main.c, one file per family of commands.
 */
#ifndef ONGGI_FRONT_ORUN_ORUN_H
#define ONGGI_FRONT_ORUN_ORUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"
#include "front/orun/opt.h"
#include "runtime/runtime.h"

enum log_level { LOG_ERROR_, LOG_WARNING_, LOG_INFO_, LOG_DEBUG_ };

enum log_sink { LOG_FILE_, LOG_SYSLOG_, LOG_JOURNAL_ };

struct orun_log {
	int fd;             /* -1: standard error */
	enum log_sink sink;
	const char *name;   /* of this program in a daemon's log */
	bool json;
	enum log_level level;
};

/* one run of the program */
struct orun {
	struct arena arena;
	struct runtime_env env;
	struct orun_log log;
	struct way_observer trace; /* of --debug */
};

struct command;
struct call {
	const struct command *command;
	const void *opts;         /* the struct that the command's table filled */
	const char *const *args;  /* NULL-terminated */
	size_t n_args;
	int *ret_status;          /* exit status on success, 0 unless set */
};

enum command_flags {
	COMMAND_STOP_AT_FIRST = 1, /* options after the first argument are not ours */
	COMMAND_EXIT_255 = 2,      /* exit status of errors */
};

struct command {
	const char *name, *args, *help;
	int (*run)(struct orun *o, const struct call *c, struct err *e);
	const struct opt_row *rows;
	size_t n_rows, opts_size;
	unsigned min_args, max_args;
	unsigned flags;
};

extern const struct command orun_command_create, orun_command_run, orun_command_start, orun_command_state, orun_command_kill,
	orun_command_delete, orun_command_exec, orun_command_list, orun_command_ps, orun_command_pause, orun_command_resume,
	orun_command_update, orun_command_events, orun_command_features, orun_command_spec, orun_command_checkpoint,
	orun_command_restore;


/** orun_log_open - where messages go. @file NULL: standard error. "syslog:[NAME]" and
 * "journald:[NAME]" are the daemons of the host. */
int orun_log_open(struct orun_log *l, const char *file, const char *format, struct err *e);
/** orun_log_open_daemon - 1 when @target was one of the daemons, 0 when it is none of them.
 * orun_log_send - one message to it. */
int orun_log_open_daemon(struct orun_log *l, const char *target, struct err *e);
void orun_log_send(const struct orun_log *l, enum log_level level, const char *msg);
/** orun_log_write - one line to the log; errors, and without a log file warnings, plainly on standard
 * error. */
void orun_log_write(const struct orun_log *l, enum log_level level, const char *msg, const char *hint);

/** orun_print_json - a value and a newline on standard output. @indent 0: compact. */
int orun_print_json(const json_t *j, size_t indent, struct err *e);
int orun_print_text(const char *s, struct err *e);

/** orun_user_spec_parse - "UID[:GID]", both plain decimal numbers below 2^32-1 and nothing else
 * (CVE-2016-3697, CVE-2026-30892). *@ret_gid is unchanged without one. */
int orun_user_spec_parse(const char *s, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e);
/** orun_user_name - name of @uid in /etc/passwd of this host, else the number. */
void orun_user_name(unsigned uid, char *out, size_t size);

/** orun_spec_default - a config to start from; @rootless: for an unprivileged user. Caller owns. */
json_t *orun_spec_default(bool rootless);

/** orun_socket_connect - connect to the AF_UNIX socket at @path (of any length). */
int orun_socket_connect(const char *path, int *ret_fd, struct err *e);
/** orun_socket_send_fd - send one descriptor with @text as payload. */
int orun_socket_send_fd(int xsock, int xfd, const char *text, struct err *e);

/** orun_listen_fds - socket activation: how many descriptors from 3 on are meant for us. */
int orun_listen_fds(void);

/* A process of ours in the foreground. */
struct foreground;
/** foreground_begin - block and collect signals, before the process is made. @subreaper: reap
 * orphans of the container too. */
int foreground_begin(bool subreaper, struct foreground **ret, struct err *e);
/** foreground_size - give an OCI process object with a terminal the size of ours, so that it is
 * right from the first instruction on. Without a terminal of ours it stays as it is. */
int foreground_size(json_t *process, struct err *e);
/** foreground_wait - forward signals and terminal until @proc, made after foreground_begin, ends.
 * @console: pty master (taken) or -1. *@ret_status is its exit status, or 128 + signal. */
int foreground_wait(struct foreground *f, const struct runtime_proc *proc, int console, int *ret_status,
		    struct err *e);
void foreground_end(struct foreground *f);

/** orun_bundle_load - configuration of @bundle (NULL or "": here), from @config when that is given. @ret_path: of the
 * bundle, absolute and without links. Caller owns both, also after an error. */
int orun_bundle_load(const char *bundle, const char *config, char **ret_path, json_t **ret_config, struct err *e);
/** orun_terminal_check - runc's rules: a terminal of a detached container goes to a console socket, and only that does. */
int orun_terminal_check(bool terminal, bool detached, const char *console_socket, struct err *e);

#endif
