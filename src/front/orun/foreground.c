/* SPDX-License-Identifier: Apache-2.0
 *
 * A process in the foreground: signals that reach us go to it, the terminal is shown and fed, and
 * its exit status becomes ours.
 *
 *   stdin --> [in] --> pty master          all by one poll loop; nothing blocks on a peer that
 *   stdout <-- [out] <-- pty master        does not read
 *   signalfd --> pidfd_send_signal
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/own.h"
#include "front/orun/orun.h"
#include "sys/process.h"

/* bytes on their way from one descriptor to another */
struct stream {
	int from, to;
	bool from_open, to_open;
	size_t at, n;
	char buf[4096];
};

struct foreground {
	int signals;           /* signalfd */
	int pidfd;             /* borrowed */
	int console;           /* -1: none */
	pid_t pid;
	bool exited;
	int status;
	bool raw;
	struct termios saved;
	struct stream in, out;
};

int foreground_begin(bool subreaper, struct foreground **ret, struct err *e)
{
	sigset_t all;
	struct foreground *f = calloc(1, sizeof *f);

	if (!f)
		return err_new(e, E_NOMEM, ENOMEM, "foreground: out of memory");
	f->pidfd = f->console = -1;
	sigfillset(&all);
	f->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signals < 0 || sigprocmask(SIG_SETMASK, &all, NULL) < 0) {
		foreground_end(f);
		return err_sys(e, errno, "collect signals");
	}
	if (subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
		foreground_end(f);
		return err_sys(e, errno, "become subreaper");
	}
	*ret = f;
	return 0;
}

void foreground_end(struct foreground *f)
{
	if (!f)
		return;
	if (f->raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &f->saved); /* the terminal may be gone */
	own_fd_done(&f->signals);
	own_fd_done(&f->console);
	free(f);
}

static void resize(const struct foreground *f)
{
	struct winsize w;
	/* no size without a terminal of ours; the container's stays as the config gave it */
	if (f->console >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &w) == 0 && (w.ws_row || w.ws_col))
		(void)ioctl(f->console, TIOCSWINSZ, &w);
}

int foreground_size(json_t *process, struct err *e)
{
	struct winsize w;

	if (!json_is_true(json_object_get(process, "terminal")) || ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 ||
	    !w.ws_row || !w.ws_col)
		return 0;
	if (json_object_set_new(process, "consoleSize",
				json_pack("{s:i, s:i}", "height", w.ws_row, "width", w.ws_col)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "terminal size: out of memory");
	return 0;
}

/* ours and the orphans that came to us; after ours nobody is waited for any more */
static void reap(struct foreground *f)
{
	int status;
	pid_t pid;

	while (!f->exited && (pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == f->pid) {
			f->exited = true;
			f->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
}

static void signals_read(struct foreground *f)
{
	struct signalfd_siginfo si;

	while (!f->exited && read(f->signals, &si, sizeof si) == sizeof si) {
		int sig = (int)si.ssi_signo;
		if (sig == SIGCHLD)
			reap(f);
		else if (sig == SIGWINCH && f->console >= 0)
			resize(f);
		else if (sig != SIGURG && sig != SIGPIPE && !f->exited)
			(void)process_signal(f->pidfd, sig); /* it may have ended just now */
	}
}

static int console_begin(struct foreground *f, int console, struct err *e)
{
	struct termios t;

	f->console = console;
	f->in = (struct stream){ .from = STDIN_FILENO, .to = console, .from_open = true, .to_open = true };
	f->out = (struct stream){ .from = console, .to = STDOUT_FILENO, .from_open = true, .to_open = true };
	/* the master is ours alone: a full one must not block us */
	if (fcntl(console, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, errno, "prepare terminal");
	resize(f);
	if (tcgetattr(STDIN_FILENO, &f->saved) < 0)
		return 0; /* no terminal on our side: only copied */
	t = f->saved;
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t) < 0)
		return err_sys(e, errno, "prepare terminal");
	f->raw = true;
	return 0;
}

static short wants(const struct stream *s, int end)
{
	if (end == 0)
		return s->from_open && s->to_open && !s->n ? POLLIN : 0;
	return s->to_open && s->n ? POLLOUT : 0;
}

static void fill(struct stream *s)
{
	ssize_t n = read(s->from, s->buf, sizeof s->buf);
	if (n > 0) {
		s->at = 0;
		s->n = (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		s->from_open = false; /* EIO: the last slave was closed */
}

static void drain(struct stream *s)
{
	ssize_t n = write(s->to, s->buf + s->at, s->n);
	if (n > 0) {
		s->at += (size_t)n;
		s->n -= (size_t)n;
	} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
		s->to_open = false;
		s->n = 0;
	}
}

/* one turn; after the exit only what the terminal still holds is taken */
static int turn(struct foreground *f, struct err *e)
{
	struct pollfd p[] = {
		{ .fd = f->signals, .events = POLLIN },
		{ .fd = f->in.from, .events = wants(&f->in, 0) },
		{ .fd = f->console, .events = (short)(wants(&f->in, 1) | wants(&f->out, 0)) },
		{ .fd = f->out.to, .events = wants(&f->out, 1) },
	};
	if (f->console < 0)
		p[1].fd = p[2].fd = p[3].fd = -1;
	for (size_t i = 1; i < ARRAY_LEN(p); i++)
		if (!p[i].events)
			p[i].fd = -1; /* else a hang-up would wake us again and again */
	int n = poll(p, ARRAY_LEN(p), f->exited ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 1 : err_sys(e, errno, "wait for the process");
	if (p[0].revents)
		signals_read(f);
	if (p[1].fd >= 0 && p[1].revents)
		fill(&f->in);
	if (p[2].fd >= 0 && p[2].revents && wants(&f->in, 1))
		drain(&f->in);
	if (p[2].fd >= 0 && p[2].revents & (POLLIN | POLLHUP | POLLERR) && wants(&f->out, 0))
		fill(&f->out);
	if (p[3].fd >= 0 && p[3].revents)
		drain(&f->out);
	return n;
}

int foreground_wait(struct foreground *f, const struct runtime_proc *proc, int console, int *ret_status,
		    struct err *e)
{
	int r = 0;

	f->pid = proc->id.pid;
	f->pidfd = proc->pidfd;
	if (console >= 0 && console_begin(f, console, e) < 0)
		r = -e->eno;
	/* signals have been collected since before it was there: its end cannot be missed */
	while (r >= 0) {
		r = turn(f, e);
		/* poll found nothing more to move */
		if (f->exited && (r == 0 || f->console < 0))
			break;
	}
	if (r < 0)
		return r;
	*ret_status = f->status;
	return 0;
}
