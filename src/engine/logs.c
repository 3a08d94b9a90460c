/* SPDX-License-Identifier: Apache-2.0
 *
 * `logs`: see logs.h.
 */
#include "engine/logs.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/text.h"
#include "driver/log/logread.h"
#include "engine/logs_details.h"
#include "format/js.h"

enum {
	OUT_BATCH = 64 << 10,
	/* how often to look whether the container is still there, when nothing happens: its end
	 * is told by exit.json unless the monitor was killed */
	LOOK_MS = 2000,
	STATE_MAX = 1 << 20,
};

/* The run of a container whose log we follow. */
struct run_id {
	struct proc_id process, monitor;
};

struct logs {
	const struct logs_req *q;
	struct log_reader reader;
	int64_t since, until; /* INT64_MIN, INT64_MAX: no limit */
	struct buf out[LOG_STREAM_N];
	bool inside[LOG_STREAM_N]; /* the last record was the beginning of a longer line */
	bool ended; /* by until, or nobody reads */
};

static int stream_fd(const struct logs *l, enum log_stream s)
{
	return s == LOG_STDERR ? l->q->err : l->q->out;
}

static int flush_stream(struct logs *l, enum log_stream s, struct err *e)
{
	struct buf *b = &l->out[s];
	int r;

	if (buf_failed(b))
		return err_new(e, E_NOMEM, ENOMEM, "log output");
	r = b->n ? io_write_all(stream_fd(l, s), b->p, b->n) : 0;
	b->n = 0;
	if (r == -EPIPE) {
		l->ended = true;
		return 0;
	}
	return r < 0 ? err_sys(e, -r, "write log") : 0;
}

static int flush(struct logs *l, struct err *e)
{
	for (int s = 0; s < LOG_STREAM_N; s++) {
		if (flush_stream(l, (enum log_stream)s, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* Nine digits always, so that columns are aligned, as docker does. */
static void add_time(struct buf *b, int64_t ns)
{
	char t[CLOCK_TEXT_MAX];
	size_t n, dot;

	clock_format(ns, t);
	n = strlen(t) - 1; /* without Z */
	dot = strcspn(t, ".");
	if (dot >= n)
		buf_printf(b, "%.*s.000000000Z ", (int)n, t);
	else
		buf_printf(b, "%.*s%.*sZ ", (int)n, t, (int)(9 - (n - dot - 1)), "000000000");
}

static int print_record(struct logs *l, const struct jsonlog_record *rec, int64_t t, struct err *e)
{
	enum log_stream other = rec->stream == LOG_STDERR ? LOG_STDOUT : LOG_STDERR;
	struct buf *b = &l->out[rec->stream];

	if (stream_fd(l, rec->stream) < 0)
		return 0;
	/* both may be one terminal: keep the order */
	if (l->out[other].n && flush_stream(l, other, e) < 0)
		return -e->eno;
	if (!l->inside[rec->stream]) {
		if (l->q->timestamps)
			add_time(b, t);
		if (l->q->details)
			logs_details_add(b, rec->attrs, rec->attrs_n);
	}
	buf_add(b, rec->text, rec->n);
	l->inside[rec->stream] = rec->n >= LOG_LINE_MAX && rec->text[rec->n - 1] != '\n';
	return b->n >= OUT_BATCH || buf_failed(b) ? flush_stream(l, rec->stream, e) : 0;
}

static bool record_time(const struct jsonlog_record *rec, int64_t *ret)
{
	char t[64];

	if (rec->time_n >= sizeof(t))
		return false;
	memcpy(t, rec->time, rec->time_n);
	t[rec->time_n] = 0;
	return !clock_parse(t, ret);
}

/* All that is there now. */
static int print_available(struct logs *l, struct err *e)
{
	struct jsonlog_record rec;
	bool need_time = l->q->timestamps || l->since != INT64_MIN || l->until != INT64_MAX;
	int64_t t = 0;
	int r = 0;

	while (!l->ended && (r = log_reader_next(&l->reader, &rec, e)) > 0) {
		if (need_time && !record_time(&rec, &t))
			continue;
		if (l->since != INT64_MIN && t < l->since)
			continue;
		if (t > l->until) {
			l->ended = true;
			break;
		}
		if (print_record(l, &rec, t, e) < 0)
			return -e->eno;
	}
	return r < 0 ? r : flush(l, e);
}

static bool load_id(int dir, const char *file, const char *pid, const char *ticks,
		    struct proc_id *ret, json_t **ret_doc)
{
	struct err e = { 0 };

	if (!*ret_doc && (dir < 0 || js_load(dir, file, STATE_MAX, ret_doc, &e) < 0))
		return false;
	ret->pid = (pid_t)js_int(*ret_doc, pid, 0);
	ret->start_ticks = (uint64_t)js_int(*ret_doc, ticks, 0);
	return ret->pid > 0;
}

static bool run_load(const struct logs_req *q, struct run_id *ret)
{
	OWN_JSON doc = NULL;

	if (!load_id(q->run_dir, "run.json", "pid", "start_ticks", &ret->process, &doc))
		return false;
	(void)load_id(q->run_dir, "run.json", "monitor_pid", "monitor_start_ticks", &ret->monitor,
		      &doc); /* not there: no monitor */
	return true;
}

static bool same_id(const struct proc_id *a, const struct proc_id *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks;
}

/* Whether the run is over and all its output is in the log. */
static bool run_over(const struct logs_req *q, const struct run_id *id)
{
	OWN_JSON doc = NULL;
	struct proc_id exited;
	struct run_id now;

	if (load_id(q->dir, "exit.json", "pid", "start_ticks", &exited, &doc) &&
	    same_id(&exited, &id->process))
		return true;
	if (!run_load(q, &now) || !same_id(&now.process, &id->process))
		return true;
	return !proc_alive(&now.process) && !proc_alive(&now.monitor);
}

static int watch_open(const struct logs_req *q, int *ret, struct err *e)
{
	const uint32_t mask = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
			      IN_DELETE_SELF;
	const int dirs[] = { q->dir, q->run_dir };
	OWN_FD fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[32];

	if (fd < 0)
		return err_sys(e, errno, "inotify");
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", dirs[i]);
		/* without a watch (limit of the user) the timer still finds all */
		if (dirs[i] >= 0)
			(void)inotify_add_watch(fd, path, mask);
	}
	*ret = fd_take(&fd);
	return 0;
}

static int wait_ms(const struct logs *l)
{
	int64_t left = l->until == INT64_MAX ? LOOK_MS : (l->until - clock_now_ns()) / 1000000 + 1;

	return left < 0 ? 0 : left < LOOK_MS ? (int)left : LOOK_MS;
}

static int follow(struct logs *l, const struct run_id *id, int watch, struct err *e)
{
	char events[4096];

	while (!l->ended) {
		struct pollfd p[] = { { watch, POLLIN, 0 }, { l->q->out, 0, 0 },
				      { l->q->err, 0, 0 } };
		bool over = run_over(l->q, id);

		if (print_available(l, e) < 0)
			return -e->eno;
		if (over || clock_now_ns() > l->until)
			return 0;
		if (poll(p, 3, wait_ms(l)) < 0 && errno != EINTR)
			return err_sys(e, errno, "poll");
		if ((p[1].revents | p[2].revents) & POLLERR)
			return 0; /* nobody reads any more */
		while (read(watch, events, sizeof(events)) > 0)
			;
	}
	return 0;
}

static int check(const struct logs_req *q, struct logs *l, struct log_read_from *from, struct err *e)
{
	int64_t now = clock_now_ns();

	if (q->driver && strcmp(q->driver, "json-file") != 0) {
		err_new(e, E_UNSUPPORTED, ENOTSUP, "configured logging driver \"%s\" does not support reading",
			q->driver);
		err_hint(e, "run the container with --log-driver json-file to have its output kept");
		return -ENOTSUP;
	}
	if (q->since && *q->since && logs_time_parse(q->since, now, &l->since, e) < 0)
		return err_ctx(e, "--since");
	if (q->until && *q->until && logs_time_parse(q->until, now, &l->until, e) < 0)
		return err_ctx(e, "--until");
	from->since_ns = l->since;
	if (!q->tail || text_int64(q->tail, &from->tail) < 0)
		from->tail = -1;
	return 0;
}

int logs_run(const struct logs_req *q, struct err *e)
{
	struct logs l = { .q = q, .since = INT64_MIN, .until = INT64_MAX };
	struct log_read_from from;
	struct run_id id;
	OWN_FD watch = -1;
	bool running;
	int r;

	if (check(q, &l, &from, e) < 0)
		return -e->eno;
	/* the watch before the first read: nothing falls between */
	running = q->follow && run_load(q, &id);
	if (running && watch_open(q, &watch, e) < 0)
		return -e->eno;
	if (log_reader_open(q->dir, q->log_file ? q->log_file : "container-json.log", &from, &l.reader,
			    e) < 0)
		return -e->eno;
	r = print_available(&l, e);
	if (!r && running)
		r = follow(&l, &id, watch, e);
	log_reader_close(&l.reader);
	for (int s = 0; s < LOG_STREAM_N; s++)
		buf_done(&l.out[s]);
	return r;
}
