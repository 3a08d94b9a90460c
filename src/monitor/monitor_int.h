/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside onggi-monitor: one struct, one epoll loop, fixed buffers.
 *
 *   FIFOs or pty --read--> chunk --+--> line_split -> log_file     (output.c)
 *                                  +--> every client's socket      (client.c)
 *   client STDIN --> stdin buffer --> FIFO or pty                  (client.c)
 *   SIGCHLD or pidfd --> status --> drain -> exit.json -> EXIT -> after   (exit.c)
 *
 * There is one chunk of output at a time: it is read only when every client that may hold it
 * has taken the one before. The kernel's socket buffers are the only queues, so nothing grows
 * with traffic. All buffers are one mapping whose pages go back to the kernel when it is quiet.
 */
#ifndef ONGGI_MONITOR_MONITOR_INT_H
#define ONGGI_MONITOR_MONITOR_INT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver/log/logfile.h"
#include "spec/monitor.h"

/* What an epoll event belongs to. */
enum source {
	SRC_OUT,
	SRC_ERR,
	SRC_STDIN,
	SRC_SIGNAL,
	SRC_PIDFD,
	SRC_LISTEN,
	SRC_CLIENT, /* + index */
};

enum {
	SRC_STREAMS = 2,
	IDLE_MS = 1000,    /* quiet for so long: give pages back */
	PTY_RETRY_MS = 200, /* a terminal that nobody has open: look again */
};

/* One stream of output; a terminal has only the first. */
struct stream {
	int fd;
	bool polled;       /* in the epoll set */
	bool pty;
	int64_t retry_at;  /* hung-up pty: when to look again; 0: not hung up */
	struct line_split lines;
};

/* What a client still has to be told when its socket has room. */
enum owed {
	OWED_READY = 1,
	OWED_CREDIT = 2,
	OWED_EXIT = 4,
};

struct client {
	int fd; /* -1: free slot */
	uint32_t flags;
	bool attached;      /* HELLO seen, or given by the configuration */
	bool lagging;       /* skips data until its socket has room */
	uint32_t polled;    /* events asked for; 0: not in the epoll set */
	bool want_out;      /* something waits for room in the socket */
	bool used_stdin;    /* its hang-up ends the container's stdin */
	bool cleaning;      /* CLEANUP seen */
	unsigned owed;
	int64_t stall_from; /* holds the output since; 0: does not */
	int64_t stalled_ms; /* in all since it last kept up */
	uint64_t lost;      /* bytes skipped and not told yet */
};

struct monitor {
	struct monitor_config cfg;
	int epoll, signal, dir;
	int stdin_fd;       /* -1 when closed; of a pty a second descriptor of the master */
	bool stdin_polled;
	struct stream streams[SRC_STREAMS];
	struct client clients[MONITOR_CLIENTS_MAX];

	uint8_t *chunk; /* output on its way to clients */
	size_t chunk_n;
	uint8_t chunk_type;
	uint32_t waiting; /* bit per client that has not got the chunk */

	uint8_t *in; /* stdin on its way to the container */
	size_t in_n, in_done;
	int in_from;     /* client that gets the credit */
	bool in_eof;     /* close stdin when the buffer is empty */

	uint8_t *packet; /* a frame being received */
	struct log_file log;
	bool logging;

	void *map; /* all buffers above */
	size_t map_n;
	bool dirty; /* pages of the mapping may be in use */

	bool exited, status_known;
	bool cleaned; /* the foreground client has done what follows the exit */
	int wait_code, wait_status; /* of waitid: CLD_EXITED and code, or a signal */
	int64_t exited_at, drain_until; /* wall clock ns; monotonic ms */
	struct monitor_exit exit;
	int oom_score_adj; /* to restore for the command after the exit */
	bool oom_score_set;
};

static inline bool has_pty(const struct monitor *m)
{
	return m->cfg.pty >= 0;
}

int64_t mono_ms(void);

/* start.c */
/** monitor_start - from the configuration text to a ready loop. Takes over all descriptors. */
int monitor_start(struct monitor *m, char *config, struct err *e);
/* loop.c */
void monitor_loop(struct monitor *m);
/** loop_once - wait up to @wait_ms (-1: for ever) and handle what came. Returns the number. */
int loop_once(struct monitor *m, int wait_ms);
void poll_set(struct monitor *m, int fd, unsigned source, uint32_t events, bool known);
void poll_drop(struct monitor *m, int fd);
/* output.c */
void output_ready(struct monitor *m, unsigned stream);
/** output_repoll - listen to the container again once no client holds a chunk, or stop. */
void output_repoll(struct monitor *m);
bool output_open(const struct monitor *m);
void output_end(struct monitor *m);
/* client.c */
/** client_repoll - ask epoll for what each client may do now. */
void client_repoll(struct monitor *m);
void client_accept(struct monitor *m);
void client_add(struct monitor *m, int fd, uint32_t flags, bool attached);
void client_event(struct monitor *m, unsigned index, uint32_t events);
/** client_grow - let the socket of @index hold the rest of the output. */
void client_grow(struct monitor *m, unsigned index);
void client_drop(struct monitor *m, unsigned index);
/** client_spread - offer the chunk to all clients; sets m->waiting. */
void client_spread(struct monitor *m);
/** client_flush - what client @index is owed, then the chunk if it waits for it. */
void client_flush(struct monitor *m, unsigned index);
/** client_stalls - take the chunk from clients that held it too long. Returns the ms until the next
 * one is due, -1 for none. */
int client_stalls(struct monitor *m, int64_t now);
void stdin_ready(struct monitor *m);
/* exit.c */
void exit_signal(struct monitor *m);
void exit_pidfd(struct monitor *m);
/** exit_lost - the process is gone and nobody can tell how: status unknown. */
void exit_lost(struct monitor *m);
/** monitor_finish - after the loop: record, EXIT frames, owner, command. Does not return. */
void monitor_finish(struct monitor *m) __attribute__((noreturn));

#endif
