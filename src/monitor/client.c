/* SPDX-License-Identifier: Apache-2.0
 *
 * Attached clients of the monitor: accept, frames from them, output and control frames to them.
 * A client never makes the monitor wait: what its socket does not take is owed and sent when
 * epoll reports room. Who may hold the container's output is told in spec/monitor.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "monitor/monitor_int.h"

static int frame_send(int fd, uint8_t type, uint32_t arg, const void *p, size_t n)
{
	struct monitor_frame h = { .type = type, .arg = arg };
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)p, n } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n ? 2 : 1 };
	ssize_t w;

	do {
		w = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (w < 0 && errno == EINTR);
	return w < 0 ? -errno : 0;
}

static uint32_t wanted_events(const struct monitor *m, unsigned i)
{
	const struct client *c = &m->clients[i];
	bool blocked = m->in_n && (c->flags & MONITOR_WANT_STDIN) && m->in_from != (int)i;

	return (blocked ? 0 : EPOLLIN) | (c->want_out ? EPOLLOUT : 0);
}

void client_repoll(struct monitor *m)
{
	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		struct client *c = &m->clients[i];
		uint32_t want;

		if (c->fd < 0)
			continue;
		want = wanted_events(m, i);
		if (want == c->polled)
			continue;
		if (want)
			poll_set(m, c->fd, SRC_CLIENT + i, want, c->polled);
		else
			poll_drop(m, c->fd);
		c->polled = want;
	}
}

static void chunk_taken(struct monitor *m, unsigned i)
{
	struct client *c = &m->clients[i];

	if (c->stall_from)
		c->stalled_ms += mono_ms() - c->stall_from;
	c->stall_from = 0;
	m->waiting &= ~(1u << i);
	if (!m->waiting)
		output_repoll(m);
}

static void stdin_close(struct monitor *m)
{
	if (m->stdin_fd < 0)
		return;
	if (m->stdin_polled)
		poll_drop(m, m->stdin_fd);
	m->stdin_polled = false;
	close(m->stdin_fd);
	m->stdin_fd = -1;
}

/* End of what one client had to say: docker's StdinOnce. A terminal has no end of file of this
 * kind, its users type one. */
static void stdin_end(struct monitor *m)
{
	if (!m->cfg.stdin_once || has_pty(m))
		return;
	if (m->in_n)
		m->in_eof = true;
	else
		stdin_close(m);
}

void client_drop(struct monitor *m, unsigned i)
{
	struct client *c = &m->clients[i];

	if (c->polled)
		poll_drop(m, c->fd);
	close(c->fd);
	c->fd = -1;
	c->polled = 0;
	if (m->in_from == (int)i)
		m->in_from = -1;
	if (m->waiting & 1u << i)
		chunk_taken(m, i);
	if (c->used_stdin)
		stdin_end(m);
}

/* 0 sent or gone, -EAGAIN: no room. */
static int send_or_drop(struct monitor *m, unsigned i, uint8_t type, uint32_t arg,
			const void *p, size_t n)
{
	int r = frame_send(m->clients[i].fd, type, arg, p, n);

	if (r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM)
		return -EAGAIN;
	if (r < 0)
		client_drop(m, i);
	return 0;
}

static int pay_owed(struct monitor *m, unsigned i, unsigned bit)
{
	uint32_t ready = (has_pty(m) ? MONITOR_HAS_TTY : 0) |
			 (m->stdin_fd >= 0 ? MONITOR_HAS_STDIN : 0);
	struct client *c = &m->clients[i];
	int r = 0;

	if (c->fd < 0 || !(c->owed & bit))
		return 0;
	switch ((enum owed)bit) {
	case OWED_READY:
		r = send_or_drop(m, i, MONITOR_READY, ready, NULL, 0);
		break;
	case OWED_CREDIT:
		r = send_or_drop(m, i, MONITOR_CREDIT, 0, NULL, 0);
		break;
	case OWED_EXIT:
		r = send_or_drop(m, i, MONITOR_EXIT, 0, &m->exit, sizeof(m->exit));
		break;
	}
	if (!r)
		c->owed &= ~bit;
	return r;
}

static int tell_lost(struct monitor *m, unsigned i)
{
	struct client *c = &m->clients[i];

	if (c->fd < 0 || !c->lost)
		return 0;
	if (send_or_drop(m, i, MONITOR_LOST, 0, &c->lost, sizeof(c->lost)) < 0)
		return -EAGAIN;
	c->lost = 0;
	c->lagging = false;
	return 0;
}

static int flush_client(struct monitor *m, unsigned i)
{
	struct client *c = &m->clients[i];

	if (pay_owed(m, i, OWED_READY) < 0 || pay_owed(m, i, OWED_CREDIT) < 0 ||
	    tell_lost(m, i) < 0)
		return -EAGAIN;
	if (c->fd >= 0 && m->waiting & 1u << i) {
		if (send_or_drop(m, i, m->chunk_type, 0, m->chunk, m->chunk_n) < 0)
			return -EAGAIN;
		if (c->fd >= 0)
			chunk_taken(m, i);
	}
	return pay_owed(m, i, OWED_EXIT);
}

void client_flush(struct monitor *m, unsigned i)
{
	struct client *c = &m->clients[i];

	if (c->fd < 0)
		return;
	c->want_out = flush_client(m, i) < 0;
	client_repoll(m);
}

/* What is left in the pipes after the exit shall fit into the sockets: a client that pauses must
 * not delay the record. Both calls may be refused or cut down; then it loses its tail. */
void client_grow(struct monitor *m, unsigned i)
{
	static const int want_bytes = 1 << 20;
	int fd = m->clients[i].fd;

	if (fd < 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want_bytes, sizeof(want_bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want_bytes, sizeof(want_bytes));
	client_flush(m, i);
}

static bool wants_chunk(const struct monitor *m, const struct client *c)
{
	uint32_t bit = m->chunk_type == MONITOR_STDERR ? MONITOR_WANT_STDERR : MONITOR_WANT_STDOUT;

	return c->fd >= 0 && c->attached && c->flags & bit;
}

/* A client whose socket is empty has kept up: its time to hold the output starts anew. */
static void forgive(struct client *c)
{
	int queued;

	if (c->stalled_ms && !ioctl(c->fd, TIOCOUTQ, &queued) && !queued)
		c->stalled_ms = 0;
}

void client_spread(struct monitor *m)
{
	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		struct client *c = &m->clients[i];

		if (!wants_chunk(m, c))
			continue;
		if (c->lagging) {
			c->lost += m->chunk_n;
			continue;
		}
		forgive(c);
		if (!(c->owed & OWED_READY) &&
		    send_or_drop(m, i, m->chunk_type, 0, m->chunk, m->chunk_n) == 0)
			continue;
		m->waiting |= 1u << i;
		c->stall_from = mono_ms();
		c->want_out = true;
	}
	if (m->waiting)
		client_repoll(m);
}

int client_stalls(struct monitor *m, int64_t now)
{
	int64_t next = -1;

	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX && m->waiting; i++) {
		struct client *c = &m->clients[i];
		int64_t left;

		if (!(m->waiting & 1u << i) || c->flags & MONITOR_LOSSLESS)
			continue;
		left = MONITOR_STALL_MS - c->stalled_ms - (now - c->stall_from);
		if (left <= 0) {
			c->lagging = true;
			c->lost += m->chunk_n;
			chunk_taken(m, i);
		} else if (next < 0 || left < next) {
			next = left;
		}
	}
	return (int)next;
}

void client_add(struct monitor *m, int fd, uint32_t flags, bool attached)
{
	static const char full[] = "too many clients are attached";
	struct client *c;

	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		c = &m->clients[i];
		if (c->fd >= 0)
			continue;
		*c = (struct client){ .fd = fd, .flags = flags, .attached = attached };
		c->used_stdin = attached && flags & MONITOR_WANT_STDIN;
		c->owed = attached ? OWED_READY : 0;
		if (m->exited)
			client_grow(m, i);
		else
			client_flush(m, i);
		return;
	}
	(void)frame_send(fd, MONITOR_ERROR, 0, full, sizeof(full) - 1); /* it sees a hang-up else */
	close(fd);
}

void client_accept(struct monitor *m)
{
	int fd = accept4(m->cfg.listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		client_add(m, fd, 0, false);
}

/* Write what is buffered for the container's stdin. */
static void stdin_write(struct monitor *m)
{
	while (m->in_done < m->in_n && m->stdin_fd >= 0) {
		ssize_t w = write(m->stdin_fd, m->in + m->in_done, m->in_n - m->in_done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EAGAIN) {
			if (!m->stdin_polled)
				poll_set(m, m->stdin_fd, SRC_STDIN, EPOLLOUT, false);
			m->stdin_polled = true;
			return;
		}
		if (w < 0) {
			/* the container has closed it: the rest goes nowhere */
			if (!has_pty(m))
				stdin_close(m);
			break;
		}
		m->in_done += (size_t)w;
	}
	if (m->stdin_polled)
		poll_drop(m, m->stdin_fd);
	m->stdin_polled = false;
	m->in_n = m->in_done = 0;
	if (m->in_eof)
		stdin_close(m);
	m->in_eof = false;
	if (m->in_from >= 0) {
		unsigned from = (unsigned)m->in_from;

		m->in_from = -1;
		m->clients[from].owed |= OWED_CREDIT;
		client_flush(m, from);
	}
	client_repoll(m);
}

void stdin_ready(struct monitor *m)
{
	stdin_write(m);
}

static void set_size(struct monitor *m, uint16_t rows, uint16_t cols)
{
	struct winsize ws = { .ws_row = rows, .ws_col = cols };

	if (has_pty(m) && m->streams[0].fd >= 0)
		(void)ioctl(m->streams[0].fd, TIOCSWINSZ, &ws); /* fails on a pty that hung up */
}

static int on_hello(struct monitor *m, unsigned i, const struct monitor_frame *h, const void *p,
		    size_t n)
{
	static const char wrong[] = "onggi-monitor is of another version";
	struct monitor_hello hello;
	struct client *c = &m->clients[i];

	if (c->attached || n != sizeof(hello))
		return -EPROTO;
	if (h->arg != MONITOR_VERSION) {
		(void)frame_send(c->fd, MONITOR_ERROR, 0, wrong, sizeof(wrong) - 1);
		return -EPROTO;
	}
	memcpy(&hello, p, n);
	c->attached = true;
	c->flags = hello.flags;
	c->used_stdin = c->flags & MONITOR_WANT_STDIN;
	if (hello.rows && hello.cols)
		set_size(m, hello.rows, hello.cols);
	c->owed |= OWED_READY;
	client_flush(m, i);
	return 0;
}

static int on_stdin(struct monitor *m, unsigned i, const void *p, size_t n)
{
	if (!(m->clients[i].flags & MONITOR_WANT_STDIN) || m->in_n || !n)
		return -EPROTO; /* without credit */
	memcpy(m->in, p, n);
	m->dirty = true;
	m->in_n = n;
	m->in_done = 0;
	m->in_from = (int)i;
	stdin_write(m);
	if (m->in_n)
		client_repoll(m);
	return 0;
}

static int on_frame(struct monitor *m, unsigned i, const struct monitor_frame *h, const void *p,
		    size_t n)
{
	struct monitor_winsize ws;
	struct client *c = &m->clients[i];

	if (!c->attached && h->type != MONITOR_HELLO)
		return -EPROTO;
	switch (h->type) {
	case MONITOR_HELLO:
		return on_hello(m, i, h, p, n);
	case MONITOR_STDIN:
		return on_stdin(m, i, p, n);
	case MONITOR_STDIN_EOF:
		if (c->used_stdin)
			stdin_end(m);
		c->used_stdin = false;
		return 0;
	case MONITOR_RESIZE:
		if (n != sizeof(ws))
			return -EPROTO;
		memcpy(&ws, p, n);
		set_size(m, ws.rows, ws.cols);
		return 0;
	case MONITOR_CLEANUP:
		c->cleaning = true;
		return 0;
	case MONITOR_CLEANED:
		c->flags &= ~(uint32_t)MONITOR_OWNER;
		m->cleaned = m->exited && c->cleaning;
		return 0;
	default:
		return -EPROTO;
	}
}

void client_event(struct monitor *m, unsigned i, uint32_t events)
{
	struct client *c = &m->clients[i];
	struct monitor_frame h;
	ssize_t n;

	if (c->fd < 0)
		return;
	if (events & EPOLLOUT)
		client_flush(m, i);
	if (c->fd >= 0 && events & EPOLLIN) {
		n = recv(c->fd, m->packet, sizeof(h) + MONITOR_DATA_MAX, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < (ssize_t)sizeof(h) || n > (ssize_t)(sizeof(h) + MONITOR_DATA_MAX)) {
			client_drop(m, i); /* hang-up, or no frame of ours */
			return;
		}
		memcpy(&h, m->packet, sizeof(h));
		if (on_frame(m, i, &h, m->packet + sizeof(h), (size_t)n - sizeof(h)) < 0 &&
		    c->fd >= 0)
			client_drop(m, i);
	} else if (c->fd >= 0 && events & (EPOLLHUP | EPOLLERR)) {
		client_drop(m, i);
	}
}
