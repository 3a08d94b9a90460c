/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between runtime and child: see sync.h.
 */
#include "runtime/sync.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/launch.h"
#include "sys/fdpass.h"

int sync_pair(int ret[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return err_sys(e, errno, "socket pair");
	return 0;
}

/* @n bytes with descriptors */
static int send_with(int xfd, const void *p, size_t n, const int *fds, size_t n_fds)
{
	ssize_t sent = fdpass_send(xfd, p, n, fds, n_fds);

	return sent == (ssize_t)n ? 0 : sent < 0 ? (int)sent : -EIO;
}

int sync_send(int xfd, enum sync_type type, int value, const struct err *err, int passed_fd)
{
	struct sync_msg m = { .type = type, .value = value };

	if (err)
		m.err = *err;
	if (passed_fd < 0) /* write, not sendmsg: one call that a seccomp filter surely allows */
		return write(xfd, &m, sizeof m) == sizeof m ? 0 : -errno;
	return send_with(xfd, &m, sizeof m, &passed_fd, 1);
}

int sync_warn(int xfd, const char *fmt, ...)
{
	struct err w = { .kind = E_NONE };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w.chain, sizeof w.chain, fmt, ap); /* cut is fine */
	va_end(ap);
	return sync_send(xfd, SYNC_WARN, 0, &w, -1);
}

int sync_wait(int xfd, enum sync_level *level, enum sync_level want)
{
	while (*level < want) {
		unsigned char b;
		ssize_t n = read(xfd, &b, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1)
			return n < 0 ? -errno : -EPIPE;
		if (b > *level)
			*level = (enum sync_level)b;
	}
	return 0;
}

int sync_give(int xfd, int tree)
{
	const unsigned char b = SYNC_NONE;

	return send_with(xfd, &b, 1, &tree, 1);
}

int sync_raise_with(int xfd, enum sync_level level, const int *fds, size_t n)
{
	unsigned char b = (unsigned char)level;

	return n > SYNC_FDS_MAX ? -E2BIG : n ? send_with(xfd, &b, 1, fds, n) : sync_raise(xfd, level);
}

/* one message of at most @n bytes and the descriptors with it, at most @max; its length, 0 at the end of
 * file */
static ssize_t receive_with(int xfd, void *p, size_t n, int *ret_fds, size_t max, size_t *ret_n)
{
	ssize_t got;

	/* ECONNRESET is said once, before what is still in the queue, when the child has ended with
	 * levels of ours unread */
	do
		got = fdpass_receive(xfd, p, n, ret_fds, max, ret_n, NULL);
	while (got == -ECONNRESET);
	return got;
}

int sync_wait_with(int xfd, enum sync_level *level, enum sync_level want, int ret_fds[SYNC_FDS_MAX])
{
	size_t n = 0;

	while (*level < want && !n) {
		unsigned char b;
		ssize_t got = receive_with(xfd, &b, 1, ret_fds, SYNC_FDS_MAX, &n);
		if (got <= 0)
			return got < 0 ? (int)got : -EPIPE;
		if (b > *level)
			*level = (enum sync_level)b;
	}
	return (int)n;
}

int sync_ask_tree(int xfd, enum sync_level *level, const char *path, int *ret_fd)
{
	struct err ask = { .kind = E_NONE };
	unsigned char b;

	if (snprintf(ask.chain, sizeof ask.chain, "%s", path) >= (int)sizeof ask.chain)
		return -ENAMETOOLONG;
	int r = sync_send(xfd, SYNC_TREE, 0, &ask, -1);
	/* levels that the parent reached meanwhile come first */
	while (r >= 0) {
		size_t fds;
		ssize_t n = receive_with(xfd, &b, 1, ret_fd, 1, &fds);
		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		if (fds)
			return 0;
		if (b > *level)
			*level = (enum sync_level)b;
	}
	return r;
}

int sync_raise(int xfd, enum sync_level level)
{
	unsigned char b = (unsigned char)level;

	return send(xfd, &b, 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* texts that end and numbers that mean something, whatever was read */
static void settle(struct err *e)
{
	e->chain[sizeof e->chain - 1] = e->hint[sizeof e->hint - 1] = 0;
	if (e->eno <= 0)
		e->eno = EIO;
	if ((unsigned)e->kind >= E_KINDS || e->kind == E_NONE)
		e->kind = E_INTERNAL;
}

int sync_error_read(const void *p, size_t n, struct err *e)
{
	if (n != sizeof *e)
		return launch_failed_read(p, n, e);
	memcpy(e, p, n);
	settle(e);
	return -e->eno;
}

int sync_receive(int xfd, struct sync_msg *ret, int *ret_fd)
{
	struct err err;
	size_t fds;
	ssize_t n = receive_with(xfd, ret, sizeof *ret, ret_fd, 1, &fds);

	if (!fds)
		*ret_fd = -1;
	if (n <= 0)
		return (int)n;
	/* from the program that executes the command: it cannot speak in structs of ours */
	if (launch_failed_read(ret, (size_t)n, &err) < 0) {
		*ret = (struct sync_msg){ .type = SYNC_ERROR, .err = err };
		return 1;
	}
	if (n != sizeof *ret)
		return -EPROTO;
	settle(&ret->err);
	return 1;
}
