/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop of the monitor: runs until the container has exited and its output is drained.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "monitor/monitor_int.h"

enum {
	EVENTS_AT_ONCE = 16
};

int64_t mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

void poll_set(struct monitor *m, int fd, unsigned source, uint32_t events, bool known)
{
	struct epoll_event ev = { .events = events, .data.u32 = source };

	/* fails only for descriptors that cannot be polled or without kernel memory; the stream is
	 * then served by the timers of the loop */
	(void)epoll_ctl(m->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
}

void poll_drop(struct monitor *m, int fd)
{
	(void)epoll_ctl(m->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void dispatch(struct monitor *m, uint32_t source, uint32_t events)
{
	switch (source) {
	case SRC_OUT:
	case SRC_ERR:
		output_ready(m, source);
		return;
	case SRC_STDIN:
		stdin_ready(m);
		return;
	case SRC_SIGNAL:
		exit_signal(m);
		return;
	case SRC_PIDFD:
		exit_pidfd(m);
		return;
	case SRC_LISTEN:
		client_accept(m);
		return;
	default:
		client_event(m, source - SRC_CLIENT, events);
		return;
	}
}

static int sooner(int a, int64_t b)
{
	if (b < 0)
		b = 0;
	return a < 0 || b < a ? (int)b : a;
}

/* Work that is due by time, and how long the loop may sleep. */
static int timers(struct monitor *m)
{
	int64_t now = mono_ms();
	int sleep_ms = client_stalls(m, now);

	for (unsigned i = 0; i < SRC_STREAMS; i++) {
		struct stream *s = &m->streams[i];
		if (s->fd < 0 || !s->retry_at)
			continue;
		if (s->retry_at <= now && !m->waiting)
			output_ready(m, i);
		if (s->fd >= 0 && s->retry_at)
			sleep_ms = sooner(sleep_ms, PTY_RETRY_MS);
	}
	if (m->exited)
		sleep_ms = sooner(sleep_ms, m->drain_until - now);
	if (m->dirty)
		sleep_ms = sooner(sleep_ms, IDLE_MS);
	return sleep_ms;
}

/* Give the pages of the buffers back, unless they hold something. */
static void settle(struct monitor *m)
{
	m->dirty = false;
	if (m->waiting || m->in_n || m->log.used || m->streams[0].lines.n || m->streams[1].lines.n)
		return;
	(void)madvise(m->map, m->map_n, MADV_DONTNEED);
}

static bool finished(const struct monitor *m)
{
	if (!m->exited)
		return false;
	return (m->status_known && !output_open(m) && !m->waiting) || mono_ms() >= m->drain_until;
}

int loop_once(struct monitor *m, int wait_ms)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n = epoll_wait(m->epoll, ev, EVENTS_AT_ONCE, wait_ms);

	for (int i = 0; i < n; i++)
		dispatch(m, ev[i].data.u32, ev[i].events);
	return n;
}

void monitor_loop(struct monitor *m)
{
	while (!finished(m)) {
		int wait_ms = timers(m);

		if (finished(m))
			break;
		if (!loop_once(m, wait_ms) && m->dirty && wait_ms == IDLE_MS)
			settle(m);
	}
}
