/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of the container: read a chunk, log it, offer it to the clients.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/monitor_int.h"

static void stream_close(struct monitor *m, struct stream *s)
{
	if (s->polled)
		poll_drop(m, s->fd);
	s->polled = false;
	s->retry_at = 0;
	close(s->fd);
	s->fd = -1;
}

/* End of file of a FIFO is final: nobody has it open any more. A pty reports the same whenever no
 * process has the terminal open, which may change while the container lives. */
static void stream_ended(struct monitor *m, struct stream *s)
{
	if (!s->pty || m->exited) {
		stream_close(m, s);
		return;
	}
	if (s->polled)
		poll_drop(m, s->fd);
	s->polled = false;
	s->retry_at = mono_ms() + PTY_RETRY_MS;
}

static void log_chunk(struct monitor *m, unsigned i)
{
	char now[CLOCK_TEXT_MAX];

	if (!m->logging)
		return;
	clock_format(clock_now_ns(), now);
	line_split_feed(&m->streams[i].lines, &m->log, i == SRC_ERR ? LOG_STDERR : LOG_STDOUT,
			(const char *)m->chunk, m->chunk_n, now);
	log_file_flush(&m->log);
}

void output_ready(struct monitor *m, unsigned i)
{
	struct stream *s = &m->streams[i];
	ssize_t n;

	if (s->fd < 0 || m->waiting)
		return;
	n = read(s->fd, m->chunk, MONITOR_DATA_MAX);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (s->retry_at) {
			s->retry_at = 0;
			output_repoll(m);
		}
		return;
	}
	if (n <= 0) {
		stream_ended(m, s);
		return;
	}
	s->retry_at = 0;
	m->dirty = true;
	m->chunk_n = (size_t)n;
	m->chunk_type = i == SRC_ERR ? MONITOR_STDERR : MONITOR_STDOUT;
	log_chunk(m, i);
	client_spread(m);
	output_repoll(m);
}

void output_repoll(struct monitor *m)
{
	for (unsigned i = 0; i < SRC_STREAMS; i++) {
		struct stream *s = &m->streams[i];
		bool want = s->fd >= 0 && !s->retry_at && !m->waiting;

		if (want == s->polled)
			continue;
		/* out of the set while paused: a hang-up would be reported again and again */
		if (want)
			poll_set(m, s->fd, i, EPOLLIN, false);
		else
			poll_drop(m, s->fd);
		s->polled = want;
	}
}

bool output_open(const struct monitor *m)
{
	return m->streams[0].fd >= 0 || m->streams[1].fd >= 0;
}

void output_end(struct monitor *m)
{
	for (unsigned i = 0; i < SRC_STREAMS && m->logging; i++)
		line_split_end(&m->streams[i].lines, &m->log,
			       i == SRC_ERR ? LOG_STDERR : LOG_STDOUT);
	if (m->logging)
		log_file_close(&m->log);
}
