/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of an attach client: see attach.h. Output that we cannot write yet stops reading from
 * the far end, and stdin waits for credit, so neither direction ever blocks the other.
 */
#include "engine/attach.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "engine/attach_int.h"
#include "engine/tty.h"

enum {
	/* after the end of an exec'ed process: its last output may still be on its way through
	 * the terminal, while its children may keep that open for ever */
	PTY_QUIET_MS = 100,
};

enum slot {
	SLOT_LINK,
	SLOT_IN,
	SLOT_OUT,
	SLOT_SIGNAL,
	SLOT_PIDFD,
	SLOT_N
};

int attach_connect(int xrun_dir, uint32_t flags, int *ret_fd, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct monitor_hello hello = { .flags = flags };
	OWN_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return err_sys(e, errno, "make socket");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/attach.sock", xrun_dir);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return err_new(e, E_STATE, errno, "no monitor is listening");
		return err_sys(e, errno, "connect to the monitor");
	}
	r = attach_frame_send(fd, MONITOR_HELLO, MONITOR_VERSION, &hello, sizeof(hello));
	/* a monitor that is full or of another version has closed already: its reason is to be read */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return err_sys(e, -r, "send to the monitor");
	*ret_fd = fd_take(&fd);
	return 0;
}

static int write_pending(struct attach *a, struct err *e)
{
	while (a->to) {
		ssize_t w = sink_write(a->to, a->pending, a->pending_n);

		if (w < 0)
			return err_sys(e, (int)-w, "write output");
		if (!w)
			return 0;
		a->pending += w;
		a->pending_n -= (size_t)w;
		if (!a->pending_n)
			a->to = NULL;
	}
	return 0;
}

static int read_stdin(struct attach *a, struct err *e)
{
	ssize_t n = read(a->q->in, a->typed, sizeof(a->typed) - DETACH_KEYS_MAX);
	bool detach = false;
	size_t len;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) { /* an error of our stdin ends it as well: EIO of a terminal that is gone */
		if (a->held) {
			memcpy(in_data(a), a->q->detach.key, a->held);
			len = a->held;
			a->held = 0;
			return link_stdin(a, len, e);
		}
		link_stdin_end(a);
		return 0;
	}
	if (a->q->tty) {
		len = detach_filter(&a->q->detach, &a->held, a->typed, (size_t)n, in_data(a), &detach);
	} else {
		len = (size_t)n;
		memcpy(in_data(a), a->typed, len);
	}
	if (len && link_stdin(a, len, e) < 0)
		return -e->eno;
	if (detach) {
		a->ret->end = ATTACH_DETACHED;
		a->done = true;
	}
	return 0;
}

static void send_size(struct attach *a, bool redraw)
{
	struct monitor_winsize ws;

	if (tty_size(a->q->out, &ws) < 0 && tty_size(a->q->in, &ws) < 0)
		return;
	if (redraw) {
		struct monitor_winsize other = { ws.rows + 1, ws.cols + 1 };
		link_resize(a, &other);
	}
	link_resize(a, &ws);
}

static int on_signal(struct attach *a, struct err *e)
{
	int sig;

	while ((sig = sigproxy_read(&a->sig))) {
		if (sig == SIGWINCH) {
			send_size(a, false);
		} else if (!a->q->tty) {
			if (a->q->on_signal)
				a->q->on_signal(a->q->data, sig);
		} else {
			tty_leave();
			sigproxy_die(sig); /* comes back only from SIGTSTP */
			if (isatty(a->q->in) && a->in_open && tty_enter(a->q->in, e) < 0)
				return -e->eno;
			send_size(a, false);
		}
	}
	return 0;
}

/* A pty whose process has ended: done once nothing comes any more. */
static void pty_quiet(struct attach *a)
{
	int64_t now = clock_mono_ns() / 1000000;

	if (a->ended_at && !a->to && now - a->ended_at >= PTY_QUIET_MS) {
		a->ret->end = ATTACH_EXITED;
		a->done = true;
	}
}

static int turn(struct attach *a, struct err *e)
{
	struct pollfd p[SLOT_N] = {
		[SLOT_LINK] = { a->to ? -1 : a->link, POLLIN, 0 },
		[SLOT_IN] = { a->in_open && a->credit ? a->q->in : -1, POLLIN, 0 },
		[SLOT_OUT] = { a->to ? a->to->fd : -1, POLLOUT, 0 },
		[SLOT_SIGNAL] = { a->sig.fd, POLLIN, 0 },
		[SLOT_PIDFD] = { a->ended_at ? -1 : a->pidfd, POLLIN, 0 },
	};

	if (a->in_n) { /* of a pty that is full */
		p[SLOT_LINK].fd = a->link;
		p[SLOT_LINK].events = (short)(POLLOUT | (a->to ? 0 : POLLIN));
	}
	if (poll(p, SLOT_N, a->ended_at ? PTY_QUIET_MS : -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "poll");
	if (p[SLOT_SIGNAL].revents && on_signal(a, e) < 0)
		return -e->eno;
	if (p[SLOT_PIDFD].revents)
		a->ended_at = clock_mono_ns() / 1000000;
	if (p[SLOT_OUT].revents && write_pending(a, e) < 0)
		return -e->eno;
	if (a->in_n && p[SLOT_LINK].revents && link_flush(a, e) < 0)
		return -e->eno;
	if (!a->to && p[SLOT_LINK].revents & (POLLIN | POLLHUP | POLLERR)) {
		if (link_read(a, e) < 0 || write_pending(a, e) < 0)
			return -e->eno;
		if (a->ended_at && a->is_pty)
			a->ended_at = clock_mono_ns() / 1000000;
	}
	if (!a->done && p[SLOT_IN].revents && read_stdin(a, e) < 0)
		return -e->eno;
	if (a->is_pty && !a->done)
		pty_quiet(a);
	return 0;
}

static unsigned signal_flags(const struct attach_req *q)
{
	if (q->tty)
		return SIGPROXY_DEADLY | SIGPROXY_WINCH;
	return q->signal_proxy ? SIGPROXY_ALL : 0;
}

/* SIGPIPE must not end us with the terminal still raw. It stays pending, and does what the caller
 * wants of it once the mask is back: `run | head` ends quietly, a server that ignores it gets
 * the error. */
static void block_sigpipe(sigset_t *ret_old)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGPIPE);
	(void)sigprocmask(SIG_BLOCK, &s, ret_old);
}

static int run(struct attach *a, struct err *e)
{
	const struct attach_req *q = a->q;
	sigset_t old;
	int r = 0;

	a->sig.fd = -1;
	a->in_open = q->in >= 0;
	a->ret->end = ATTACH_LOST;
	a->ret->lost_bytes = 0;
	block_sigpipe(&old);
	sink_open(q->out, &a->out);
	sink_open(q->err, &a->err);
	if (signal_flags(q))
		r = sigproxy_open(signal_flags(q), &a->sig, e);
	if (!r && q->tty && a->in_open && isatty(q->in))
		r = tty_enter(q->in, e);
	if (!r && q->tty)
		send_size(a, q->redraw);
	while (!r && !a->done)
		r = turn(a, e);
	tty_leave();
	sink_close(&a->out);
	sink_close(&a->err);
	sigproxy_close(&a->sig);
	(void)sigprocmask(SIG_SETMASK, &old, NULL); /* the mask was valid before */
	return r;
}

int attach_run(int xsock, const struct attach_req *q, struct attach_result *ret, struct err *e)
{
	OWN_PTR struct attach *a = calloc(1, sizeof(*a));

	if (!a)
		return err_new(e, E_NOMEM, ENOMEM, "attach");
	a->q = q;
	a->ret = ret;
	a->link = xsock;
	a->pidfd = -1;
	return run(a, e);
}

int attach_pty_run(int xmaster, int xpidfd, const struct attach_req *q, struct attach_result *ret,
		   struct err *e)
{
	OWN_PTR struct attach *a = calloc(1, sizeof(*a));
	int fl = fcntl(xmaster, F_GETFL);

	if (!a)
		return err_new(e, E_NOMEM, ENOMEM, "attach");
	if (fl < 0 || fcntl(xmaster, F_SETFL, fl | O_NONBLOCK) < 0)
		return err_sys(e, errno, "terminal of the process");
	a->q = q;
	a->ret = ret;
	a->link = xmaster;
	a->pidfd = xpidfd;
	a->is_pty = a->credit = true;
	return run(a, e);
}

int attach_cleaned(int xsock, struct err *e)
{
	int r = attach_frame_send(xsock, MONITOR_CLEANED, 0, NULL, 0);

	if (r == -EPIPE || r == -ECONNRESET)
		return 0; /* it has not waited for us */
	return r < 0 ? err_sys(e, -r, "send to the monitor") : 0;
}

int attach_wait(int xsock, struct attach_result *ret, struct err *e)
{
	struct attach_req q = { .in = -1, .out = -1, .err = -1 };

	return attach_run(xsock, &q, ret, e);
}
