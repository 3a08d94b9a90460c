/* SPDX-License-Identifier: Apache-2.0
 *
 * The client side of an attached container: copies between our stdio and the monitor (or a pty of
 * an exec), terminal in raw mode, detach keys, resize, signal proxy. Works on the descriptors
 * it is given and prints nothing of its own.
 *
 *   our stdin  --> detach keys --> STDIN frames  --> monitor --> container
 *   our stdout <------------------ STDOUT frames <--
 */
#ifndef ONGGI_ENGINE_ATTACH_H
#define ONGGI_ENGINE_ATTACH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "engine/detach_keys.h"
#include "spec/monitor.h"

enum attach_end {
	ATTACH_EXITED,   /* @exit is valid */
	ATTACH_DETACHED, /* the user pressed the detach keys */
	ATTACH_LOST,     /* the monitor went away without an exit frame: look at exit.json */
	ATTACH_END_N
};

struct attach_result {
	enum attach_end end;
	struct monitor_exit exit;
	uint64_t lost_bytes; /* output that was skipped because we were slow */
};

struct attach_req {
	int in, out, err;      /* our side, borrowed; -1: stream not wanted */
	bool tty;              /* the container has a terminal: raw mode, resize, no signal proxy */
	struct detach_keys detach;
	bool signal_proxy;     /* non-tty: hand signals to @on_signal instead of dying of them */
	void (*on_signal)(void *data, int signo); /* send it to the container; may be NULL */
	void *data;
	bool redraw; /* tty: make programs in the container draw their screen anew (`attach`) */
	bool owner; /* we clean up after the exit: CLEANUP is sent as soon as EXIT is seen */
};

/** attach_connect - connect to @xrun_dir/attach.sock (xrun_dir: RUN/containers/ID) and say HELLO.
 * @flags enum monitor_attach_flags. E_STATE when no monitor listens. */
int attach_connect(int xrun_dir, uint32_t flags, int *ret_fd, struct err *e);
/** attach_run - serve an attached client to its end over @xsock. Restores the terminal on every
 * path, fatal signals as well. When the reader of our output is gone, SIGPIPE is raised at the end;
 * who ignores it gets -EPIPE. The container goes on. */
int attach_run(int xsock, const struct attach_req *q, struct attach_result *ret, struct err *e);
/** attach_pty_run - the same over the pty master of our own child process (`exec -t`): until
 * @xpidfd is readable and the output is drained. @ret->exit stays unset: the caller waits. */
int attach_pty_run(int xmaster, int xpidfd, const struct attach_req *q, struct attach_result *ret,
		   struct err *e);
/** attach_cleaned - tell the monitor that the clean-up that CLEANUP promised is done. */
int attach_cleaned(int xsock, struct err *e);
/** attach_wait - block until the EXIT frame of a connection made with flags 0. */
int attach_wait(int xsock, struct attach_result *ret, struct err *e);

#endif
