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

int sync_pair(int ret[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return err_sys(e, errno, "socket pair");
	return 0;
}

int sync_send(int xfd, enum sync_type type, int value, const struct err *err, int passed_fd)
{
	struct sync_msg m = { .type = type, .value = value };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &m, sizeof m };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (err)
		m.err = *err;
	if (passed_fd < 0) /* write, not sendmsg: one call that a seccomp filter surely allows */
		return write(xfd, &m, sizeof m) == sizeof m ? 0 : -errno;
	h.msg_control = &control;
	h.msg_controllen = sizeof control;
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &passed_fd, sizeof passed_fd);
	return sendmsg(xfd, &h, MSG_NOSIGNAL) == sizeof m ? 0 : -errno;
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

int sync_raise(int xfd, enum sync_level level)
{
	unsigned char b = (unsigned char)level;

	return send(xfd, &b, 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int sync_receive(int xfd, struct sync_msg *ret, int *ret_fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { ret, sizeof *ret };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof control };
	struct err err;
	ssize_t n;

	*ret_fd = -1;
	/* ECONNRESET is said once, before what is still in the queue, when the child has ended with
	 * levels of ours unread */
	do
		n = recvmsg(xfd, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n <= 0)
		return n < 0 ? -errno : 0;
	/* from the program that executes the command: it cannot speak in structs of ours */
	if (launch_failed_read(ret, (size_t)n, &err) < 0) {
		*ret = (struct sync_msg){ .type = SYNC_ERROR, .err = err };
		return 1;
	}
	if (n != sizeof *ret)
		return -EPROTO;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
	ret->err.chain[sizeof ret->err.chain - 1] = 0;
	ret->err.hint[sizeof ret->err.hint - 1] = 0;
	return 1;
}
