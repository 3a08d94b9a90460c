/* SPDX-License-Identifier: Apache-2.0
 *
 * See fdpass.h.
 */
#include "sys/fdpass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* room for descriptors, aligned as their header wants it */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
};

ssize_t fdpass_send(int xsock, const void *p, size_t n, const int *fds, size_t n_fds)
{
	union control control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (n_fds > FDPASS_MAX)
		return -E2BIG;
	if (n_fds) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof *fds);
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof *fds);
	}
	do
		sent = sendmsg(xsock, &h, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* those of one header; what does not fit is closed */
static void take(const struct cmsghdr *c, int *ret_fds, size_t max, size_t *ret_n)
{
	size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof *ret_fds;

	for (size_t i = 0; i < k; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		if (*ret_n < max)
			ret_fds[(*ret_n)++] = fd;
		else
			(void)close(fd); /* nobody waits for it */
	}
}

ssize_t fdpass_receive(int xsock, void *p, size_t n, int *ret_fds, size_t max, size_t *ret_n_fds, bool *ret_cut)
{
	union control control;
	struct iovec iov = { p, n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
	ssize_t got;

	*ret_n_fds = 0;
	do {
		h.msg_controllen = CMSG_SPACE((max < FDPASS_MAX ? max : FDPASS_MAX) * sizeof *ret_fds);
		got = recvmsg(xsock, &h, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take(c, ret_fds, max, ret_n_fds);
	/* the kernel leaves out what our table of descriptors has no room for (or a security module refuses) */
	if (h.msg_flags & MSG_CTRUNC && *ret_n_fds < max) {
		while (*ret_n_fds)
			(void)close(ret_fds[--*ret_n_fds]); /* one alone is of no use */
		return -EMFILE;
	}
	if (ret_cut)
		*ret_cut = h.msg_flags & MSG_TRUNC;
	return got;
}
