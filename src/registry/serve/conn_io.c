/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a connection: see serve_int.h. Every wait has an end, which the kernel's timers keep: who sends or takes
 * nothing holds a connection for a minute, not for ever.
 */
#include <errno.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "registry/serve/serve_int.h"
#include "registry/serve/tls.h"

enum { LINGER_MS = 2000, LINGER_BYTES = 8 << 20, SENDFILE_MAX = 1 << 30, TLS_PIECE_BYTES = 64 << 10 };

static int lost(struct err *e, int eno)
{
	return err_new(e, E_NETWORK, eno ? eno : EPIPE, "connection lost");
}

/* 1: ready | 0: @until_ns has come */
static int wait_for(int fd, short events, int64_t until_ns)
{
	for (;;) {
		int64_t left = until_ns - clock_mono_ns();
		struct pollfd p = { .fd = fd, .events = events };
		if (left <= 0)
			return 0;
		int r = poll(&p, 1, (int)(left / 1000000) + 1);
		if (r > 0)
			return 1;
		if (r < 0 && errno != EINTR)
			return 0;
	}
}

int conn_secure(struct conn *c, struct err *e)
{
	int64_t until = clock_mono_ns() + HEAD_S * 1000000000LL;
	short events = 0;

	if (!c->s->tls)
		return 0;
	c->tls = tls_conn_new(c->s->tls, c->fd);
	if (!c->tls)
		return err_new(e, E_NOMEM, ENOMEM, "TLS");
	for (;;) {
		ssize_t n = tls_handshake(c->tls, &events);
		int eno = n ? errno : ECONNRESET;
		if (n > 0)
			return 0;
		if (eno == EAGAIN && wait_for(c->fd, events, until))
			continue;
		if (eno == EPROTOTYPE) { /* OpenSSL has read what it was; the answer goes out as plain as the question */
			tls_conn_free(c->tls);
			c->tls = NULL;
		}
		return eno == EAGAIN ? err_new(e, E_TIMEOUT, ETIMEDOUT, "TLS: the client says nothing") : lost(e, eno);
	}
}

int conn_fill(struct conn *c, int64_t until_ns, struct err *e)
{
	for (;;) {
		short events = POLLIN;
		ssize_t n = c->tls ? tls_recv(c->tls, c->in, CONN_BUFFER_BYTES, &events) :
				     recv(c->fd, c->in, CONN_BUFFER_BYTES, MSG_DONTWAIT);
		if (n >= 0) {
			c->in_at = 0;
			c->in_n = (size_t)n;
			return n > 0;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return lost(e, errno);
		if (!wait_for(c->fd, events, until_ns))
			return err_new(e, E_TIMEOUT, ETIMEDOUT, "the client sends nothing");
	}
}

/* after a call that could not send all: 0 to go on */
static int send_wait(struct conn *c, int eno, short events, struct err *e)
{
	if (eno == EINTR)
		return 0;
	if (eno != EAGAIN)
		return lost(e, eno);
	if (!wait_for(c->fd, events, clock_mono_ns() + STALL_S * 1000000000LL))
		return err_new(e, E_TIMEOUT, ETIMEDOUT, "the client takes nothing");
	return 0;
}

int conn_send(struct conn *c, const void *p, size_t n, struct err *e)
{
	while (n) {
		short events = POLLOUT;
		ssize_t r = c->tls ? tls_send(c->tls, p, n, &events) : send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (!r)
			return lost(e, 0);
		if (r < 0 && send_wait(c, errno, events, e) < 0)
			return -e->eno;
		if (r > 0) {
			p = (const char *)p + r;
			n -= (size_t)r;
		}
	}
	return 0;
}

/* what goes through TLS goes through us */
static int send_file_tls(struct conn *c, int xfd, uint64_t from, uint64_t n, struct err *e)
{
	char piece[TLS_PIECE_BYTES];

	while (n) {
		ssize_t r = pread(xfd, piece, n < sizeof piece ? (size_t)n : sizeof piece, (off_t)from);
		if (!r)
			return err_new(e, E_CORRUPT, EBADMSG, "a blob has become shorter");
		if (r < 0)
			return err_sys(e, errno, "read blob");
		if (conn_send(c, piece, (size_t)r, e) < 0)
			return -e->eno;
		from += (uint64_t)r;
		n -= (uint64_t)r;
		c->sent_bytes += (uint64_t)r;
	}
	return 0;
}

int conn_send_file(struct conn *c, int xfd, uint64_t from, uint64_t n, struct err *e)
{
	off_t at = (off_t)from;

	if (c->tls)
		return send_file_tls(c, xfd, from, n, e);
	while (n) {
		ssize_t r = sendfile(c->fd, xfd, &at, n < SENDFILE_MAX ? (size_t)n : SENDFILE_MAX);
		if (!r)
			return err_new(e, E_CORRUPT, EBADMSG, "a blob has become shorter");
		if (r < 0 && send_wait(c, errno, POLLOUT, e) < 0)
			return -e->eno;
		if (r > 0) {
			n -= (uint64_t)r;
			c->sent_bytes += (uint64_t)r;
		}
	}
	return 0;
}

/* A socket that is closed while bytes are unread sends a reset, which takes the reply with it at the client (RFC
 * 9112, 9.6): say that nothing more comes, and read for a moment what is on its way. */
void conn_end(struct conn *c)
{
	int64_t until = clock_mono_ns() + LINGER_MS * 1000000LL;
	struct err ignored = { 0 };
	size_t n = 0;

	if (c->tls)
		tls_bye(c->tls);
	if (shutdown(c->fd, SHUT_WR) < 0)
		return;
	while (n < LINGER_BYTES && clock_mono_ns() < until && conn_fill(c, until, &ignored) > 0)
		n += c->in_n;
}
