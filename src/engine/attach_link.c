/* SPDX-License-Identifier: Apache-2.0
 *
 * The far end of an attach client: frames of the monitor, or a pty master. See attach_int.h.
 */
#include "engine/attach_int.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int attach_frame_send(int xsock, uint8_t type, uint32_t arg, const void *p, size_t n)
{
	struct monitor_frame h = { .type = type, .arg = arg };
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)p, n } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n ? 2 : 1 };
	ssize_t w;

	do {
		w = sendmsg(xsock, &msg, MSG_NOSIGNAL);
	} while (w < 0 && errno == EINTR);
	return w < 0 ? -errno : 0;
}

static void pend(struct attach *a, const struct sink *to, const uint8_t *p, size_t n)
{
	a->to = to;
	a->pending = p;
	a->pending_n = n;
}

static int on_frame(struct attach *a, const struct monitor_frame *h, const uint8_t *p, size_t n,
		    struct err *e)
{
	uint64_t lost;

	switch (h->type) {
	case MONITOR_READY:
	case MONITOR_CREDIT:
		a->credit = true;
		return 0;
	case MONITOR_STDOUT:
		pend(a, &a->out, p, n);
		return 0;
	case MONITOR_STDERR:
		pend(a, &a->err, p, n);
		return 0;
	case MONITOR_LOST:
		if (n == sizeof(lost)) {
			memcpy(&lost, p, n);
			a->ret->lost_bytes += lost;
		}
		return 0;
	case MONITOR_EXIT:
		if (n != sizeof(a->ret->exit))
			return err_new(e, E_CORRUPT, EPROTO, "exit frame of %zu bytes", n);
		memcpy(&a->ret->exit, p, n);
		a->ret->end = ATTACH_EXITED;
		a->done = true;
		if (a->q->owner) /* if it is gone already, it has cleaned up itself */
			(void)attach_frame_send(a->link, MONITOR_CLEANUP, 0, NULL, 0);
		return 0;
	case MONITOR_ERROR:
		return err_new(e, E_BUSY, EBUSY, "%.*s", (int)n, (const char *)p);
	default:
		return err_new(e, E_CORRUPT, EPROTO, "unknown frame %d from the monitor", h->type);
	}
}

static int socket_read(struct attach *a, struct err *e)
{
	struct monitor_frame h;
	ssize_t n = recv(a->link, a->packet, sizeof(a->packet), MSG_DONTWAIT);

	/* reset: the monitor closed before it read our last frame. That is told before what it sent,
	 * and only once: the frames up to EXIT are still to come. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET))
		return 0;
	if (n < 0)
		return err_sys(e, errno, "receive from the monitor");
	if (n <= 0) {
		a->ret->end = ATTACH_LOST;
		a->done = true;
		return 0;
	}
	if (n < (ssize_t)sizeof(h))
		return err_new(e, E_CORRUPT, EPROTO, "short frame from the monitor");
	memcpy(&h, a->packet, sizeof(h));
	return on_frame(a, &h, a->packet + sizeof(h), (size_t)n - sizeof(h), e);
}

int link_read(struct attach *a, struct err *e)
{
	ssize_t n;

	if (!a->is_pty)
		return socket_read(a, e);
	n = read(a->link, a->packet, MONITOR_DATA_MAX);
	if (n > 0) {
		pend(a, &a->out, a->packet, (size_t)n);
		return 0;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* EIO: no process has the terminal open any more */
	a->ret->end = ATTACH_EXITED;
	a->done = true;
	return 0;
}

int link_stdin(struct attach *a, size_t n, struct err *e)
{
	int r;

	a->credit = false;
	if (a->is_pty) {
		a->in_n = n;
		a->in_done = 0;
		return link_flush(a, e);
	}
	r = attach_frame_send(a->link, MONITOR_STDIN, 0, in_data(a), n);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET) /* gone: the next read tells */
		return err_sys(e, -r, "send to the monitor");
	return 0;
}

int link_flush(struct attach *a, struct err *e)
{
	(void)e;
	while (a->in_done < a->in_n) {
		ssize_t w = write(a->link, in_data(a) + a->in_done, a->in_n - a->in_done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EAGAIN)
			return 0;
		if (w < 0)
			break; /* hung up: reading tells */
		a->in_done += (size_t)w;
	}
	a->in_n = a->in_done = 0;
	a->credit = true;
	return 0;
}

void link_stdin_end(struct attach *a)
{
	a->in_open = false;
	if (!a->is_pty) /* gone: the next read tells */
		(void)attach_frame_send(a->link, MONITOR_STDIN_EOF, 0, NULL, 0);
}

void link_resize(struct attach *a, const struct monitor_winsize *ws)
{
	struct winsize w = { .ws_row = ws->rows, .ws_col = ws->cols };

	if (a->is_pty)
		(void)ioctl(a->link, TIOCSWINSZ, &w);
	else
		(void)attach_frame_send(a->link, MONITOR_RESIZE, 0, ws, sizeof(*ws));
}
