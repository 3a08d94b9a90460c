/* SPDX-License-Identifier: Apache-2.0
 *
 * Non-blocking writes to descriptors of others: see sink.h.
 */
#include "engine/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void sink_open(int xfd, struct sink *ret)
{
	char path[32];
	struct stat st;
	int fd;

	*ret = (struct sink){ .fd = xfd };
	if (xfd < 0 || fstat(xfd, &st) < 0)
		return;
	ret->plain = S_ISREG(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", xfd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	ret->fd = fd;
	ret->own = true;
}

ssize_t sink_write(const struct sink *s, const void *p, size_t n)
{
	struct pollfd pf = { .fd = s->fd, .events = POLLOUT };
	ssize_t w;

	if (s->fd < 0)
		return (ssize_t)n;
	if (!s->own && !s->plain) {
		/* after POLLOUT a pipe takes PIPE_BUF bytes without blocking */
		if (poll(&pf, 1, 0) <= 0)
			return 0;
		n = n < PIPE_BUF ? n : PIPE_BUF;
	}
	w = write(s->fd, p, n);
	if (w >= 0)
		return w;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

void sink_close(struct sink *s)
{
	if (s->own)
		close(s->fd);
	s->fd = -1;
	s->own = false;
}
