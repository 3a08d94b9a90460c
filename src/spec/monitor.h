/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-monitor: its configuration and the protocol of its attach socket. Data only, no I/O.
 *
 *   M (creates the container) --exec, config on a descriptor--> onggi-monitor ID
 *   client <==== AF_UNIX SOCK_SEQPACKET, one frame per packet ====> onggi-monitor
 *
 * Configuration: text, one "key=value" per line, no escapes, so no value holds a newline.
 *
 * Protocol: each packet is a struct monitor_frame header and its payload (at most
 * MONITOR_DATA_MAX bytes). A client that connects to RUN/containers/ID/attach.sock says HELLO
 * first. A client that was given to the monitor by its configuration is attached from the start
 * and says nothing.
 *
 *   client -> monitor            monitor -> client
 *   HELLO   arg=version,         READY   arg=enum monitor_ready, once, first
 *           payload attach       STDOUT, STDERR  payload bytes (a terminal has only STDOUT)
 *   STDIN   payload bytes        CREDIT  one more STDIN frame may be sent
 *   STDIN_EOF                    LOST    payload u64: so many bytes were skipped here
 *   RESIZE  payload winsize      EXIT    payload monitor_exit, last frame of all
 *   CLEANUP, CLEANED             ERROR   payload text; the monitor hangs up
 *
 * Stdin flows by credit: the client may send one STDIN frame after READY and one more per
 * CREDIT, so that RESIZE never waits behind data that the container does not read.
 *
 * Slow clients: a client with MONITOR_LOSSLESS (the foreground `run`) gets every byte; while its
 * socket is full the monitor does not read the container's output, as with a shell pipe. Any
 * other client may hold the output for MONITOR_STALL_MS in all since it last kept up; then it
 * skips data and is told how much by LOST. A client that is gone holds nothing.
 *
 * After EXIT a client with MONITOR_OWNER may take over what follows an exit: CLEANUP within
 * MONITOR_OWNER_MS, then CLEANED when done. If it does not, or hangs up before CLEANED, the monitor
 * runs the configured command itself. Both may do the work in a rare race: it has to be idempotent
 * under the container's lock.
 */
#ifndef ONGGI_SPEC_MONITOR_H
#define ONGGI_SPEC_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	MONITOR_VERSION = 1,
	MONITOR_DATA_MAX = 32768,   /* payload of one frame */
	MONITOR_CONFIG_MAX = 65536, /* bytes of the configuration text */
	MONITOR_CLIENTS_MAX = 32,   /* attached at the same time */
	MONITOR_OOM_MAX = 4,
	MONITOR_AFTER_MAX = 15,
	MONITOR_STALL_MS = 1000,
	MONITOR_OWNER_MS = 2000,
	MONITOR_DRAIN_MS = 2000, /* wait for output that others hold open after the exit */
};

enum monitor_frame_type {
	MONITOR_NONE = 0,
	/* from the client */
	MONITOR_HELLO = 1,
	MONITOR_STDIN,
	MONITOR_STDIN_EOF,
	MONITOR_RESIZE,
	MONITOR_CLEANUP, /* "I do what follows the exit" */
	MONITOR_CLEANED, /* "and it is done" */
	/* from the monitor */
	MONITOR_READY = 64,
	MONITOR_STDOUT,
	MONITOR_STDERR,
	MONITOR_CREDIT,
	MONITOR_LOST,
	MONITOR_EXIT,
	MONITOR_ERROR,
};

struct monitor_frame {
	uint8_t type; /* enum monitor_frame_type */
	uint8_t zero[3];
	uint32_t arg; /* HELLO: version; READY: enum monitor_ready; else 0 */
};

/* What a client wants; flags 0 = only the EXIT frame (`wait`). */
enum monitor_attach_flags {
	MONITOR_WANT_STDIN = 1,
	MONITOR_WANT_STDOUT = 2,
	MONITOR_WANT_STDERR = 4,
	MONITOR_LOSSLESS = 8,
	MONITOR_OWNER = 16,
};

struct monitor_hello {
	uint32_t flags; /* enum monitor_attach_flags */
	uint16_t rows, cols; /* 0: no resize */
};

enum monitor_ready {
	MONITOR_HAS_TTY = 1,
	MONITOR_HAS_STDIN = 2,
};

struct monitor_winsize {
	uint16_t rows, cols;
};

struct monitor_exit {
	int32_t exit_code; /* 0..255, 128+n for signal n; -1 unknown */
	int32_t signal;    /* 0: none */
	uint32_t oom_killed;
	uint32_t zero;
};

enum monitor_log {
	MONITOR_LOG_NONE,
	MONITOR_LOG_JSON_FILE,
	MONITOR_LOG_N
};

/* Text members are borrowed. Descriptors: -1 = none. */
struct monitor_config {
	const char *id;         /* container ID, for the process title */
	const char *dir;        /* ROOT/containers/ID: exit.json and the log go here */
	const char *run_dir;    /* RUN/containers/ID: exit.json goes here when the disk is full; NULL: nowhere */
	const char *started_at; /* RFC 3339, copied to exit.json */
	pid_t pid;              /* init of the container: a child of the monitor unless @adopt */
	uint64_t start_ticks;
	bool adopt;             /* not our child: wait by @pidfd; without one: status unknown */
	bool ephemeral;         /* --rm: exit.json need not survive a power loss */
	bool stdin_once;        /* StdinOnce: container stdin closes with the first client that ends it */
	int pidfd;
	int in, out, err;       /* write end of stdin, read ends of stdout and stderr (FIFOs) */
	int pty;                /* pty master instead of the three */
	int listen;             /* listening attach socket */
	int client;             /* connected socket of the foreground client */
	uint32_t client_flags;  /* enum monitor_attach_flags of @client */
	enum monitor_log log;
	const char *log_file;      /* name below @dir; NULL: container-json.log */
	int64_t log_max_size;      /* bytes; 0 = no rotation */
	uint32_t log_max_file;     /* files in all; 0 and 1: one, truncated when full */
	const char *log_attrs;     /* JSON object for "attrs" of each record, NULL: none */
	/* files with an "oom_kill N" line; N above the initial value at exit = OOM killed */
	struct {
		const char *path;
		uint64_t initial;
	} oom[MONITOR_OOM_MAX];
	size_t oom_n;
	const char *after[MONITOR_AFTER_MAX + 1]; /* argv run once after the exit, NULL-ended */
	size_t after_n;
};

/** monitor_config_init - everything absent: descriptors -1, the rest zero. */
void monitor_config_init(struct monitor_config *c);
/** monitor_config_parse - parse @text in place (it is cut up; @ret borrows it). E_INVALID names
 * the line. Unknown keys are refused: engine and monitor come from one build. */
int monitor_config_parse(char *text, struct monitor_config *ret, struct err *e);
/** monitor_config_format - the text of @c into @out (size @n). Returns its length, -E2BIG, or
 * -EINVAL when a value holds a newline. */
int monitor_config_format(const struct monitor_config *c, char *out, size_t n);

#endif
