/* SPDX-License-Identifier: Apache-2.0
 *
 * Relay of an exec: see exec_relay.h.
 */
#include "engine/exec_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"

enum { BLOCK = 32768, DRAIN_MS = 100 };

void exec_relay_inside_close(struct exec_relay *r)
{
	for (int i = 0; i < 3; i++)
		own_fd_done(&r->inside[i]);
}

void exec_relay_done(struct exec_relay *r)
{
	exec_relay_inside_close(r);
	for (int i = 0; i < 3; i++)
		own_fd_done(&r->outside[i]);
}

int exec_relay_make(const bool want[3], struct exec_relay *ret, struct err *e)
{
	struct exec_relay r = { { -1, -1, -1 }, { -1, -1, -1 } };

	for (int i = 0; i < 3; i++) {
		int p[2];
		int ok;
		if (want[i]) {
			ok = pipe2(p, O_CLOEXEC);
			if (!ok) {
				r.inside[i] = p[i != 0];
				r.outside[i] = p[i == 0];
			}
		} else {
			r.inside[i] = open("/dev/null", (i ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
			ok = r.inside[i];
		}
		if (ok < 0) {
			int eno = errno;
			exec_relay_done(&r);
			return err_sys(e, eno, "exec: make pipes");
		}
	}
	if (r.outside[0] >= 0)
		(void)fcntl(r.outside[0], F_SETFL, O_NONBLOCK); /* its reader may never read */
	*ret = r;
	return 0;
}

struct relay {
	struct exec_relay *r;
	const int *stdio;
	char in[BLOCK];
	size_t in_from, in_to;
	bool in_end;
};

static void in_close(struct relay *s)
{
	own_fd_done(&s->r->outside[0]);
	s->in_end = true;
	s->in_from = s->in_to = 0;
}

static void in_step(struct relay *s, bool readable, bool writable)
{
	if (readable && s->in_from == s->in_to && !s->in_end) {
		ssize_t n = read(s->stdio[0], s->in, sizeof s->in);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		s->in_from = 0;
		s->in_to = n > 0 ? (size_t)n : 0;
		s->in_end = n <= 0;
		writable = true;
	}
	if (writable && s->in_from < s->in_to) {
		ssize_t n = write(s->r->outside[0], s->in + s->in_from, s->in_to - s->in_from);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			in_close(s);
		else if (n > 0)
			s->in_from += (size_t)n;
	}
	if (s->in_end && s->in_from == s->in_to)
		in_close(s);
}

/* false when our reader is gone */
static bool out_step(struct relay *s, int i)
{
	char block[BLOCK];
	ssize_t n = read(s->r->outside[i], block, sizeof block);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		own_fd_done(&s->r->outside[i]);
		return true;
	}
	return io_write_all(s->stdio[i], block, (size_t)n) >= 0;
}

static bool out_left(const struct relay *s)
{
	return s->r->outside[1] >= 0 || s->r->outside[2] >= 0;
}

int exec_relay_run(struct exec_relay *r, const int xstdio[3], int xpidfd, struct err *e)
{
	struct relay s = { .r = r, .stdio = xstdio, .in_end = r->outside[0] < 0 };
	bool ended = false;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;

	(void)sigaction(SIGPIPE, &ignore, &old); /* a process that closes its stdin is no fault */
	while (!ended || out_left(&s)) {
		bool pending = s.in_from < s.in_to;
		struct pollfd p[5] = {
			{ s.in_end || pending ? -1 : xstdio[0], POLLIN, 0 },
			{ pending ? r->outside[0] : -1, POLLOUT, 0 },
			{ r->outside[1], POLLIN, 0 },
			{ r->outside[2], POLLIN, 0 },
			{ ended ? -1 : xpidfd, POLLIN, 0 },
		};
		int n = poll(p, 5, ended ? DRAIN_MS : -1);
		if (n < 0 && errno != EINTR) {
			(void)sigaction(SIGPIPE, &old, NULL);
			return err_sys(e, errno, "exec: poll");
		}
		if (n == 0)
			break; /* a child of it keeps the pipes */
		if (n < 0)
			continue;
		if (r->outside[0] >= 0 && (p[0].revents || p[1].revents))
			in_step(&s, p[0].revents, p[1].revents);
		for (int i = 1; i < 3; i++)
			if (p[1 + i].revents && !out_step(&s, i))
				own_fd_done(&r->outside[i]);
		if (p[4].revents)
			ended = true;
	}
	(void)sigaction(SIGPIPE, &old, NULL);
	return 0;
}
