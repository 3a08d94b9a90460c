/* SPDX-License-Identifier: Apache-2.0
 *
 * Several connections for one blob: see ranges.h.
 */
#include "registry/ranges.h"

#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/clock.h"
#include "base/own.h"
#include "registry/range_window.h"

enum {
	FETCHERS_MAX = 16,
	READ_BYTES = 256 << 10,
	ROOM_FACTOR = 4, /* what is still to come and its unpacked form */
};

struct fetcher {
	struct ranges *all;
	struct http *http;
	pthread_t thread;
};

struct ranges {
	const struct ranges_req *req;
	struct registry_sink *out;
	struct range_window window;
	bool room;                  /* on the disk, for a window */
	bool open;                  /* there is one */
	bool over;                  /* the stream has come to where a fetcher is */
	struct fetcher fetchers[FETCHERS_MAX];
	unsigned n_fetchers;        /* started */
	atomic_uint active;         /* and not ended */
	atomic_uint came;           /* ranges that came whole */
	int64_t since_ns, since_cpu_ns, since_bytes; /* where the pace is measured from */
};

static int64_t cpu_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* cannot fail on Linux */
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pace_begin(struct ranges *x, int64_t now_ns)
{
	x->since_ns = now_ns;
	x->since_cpu_ns = cpu_ns();
	x->since_bytes = x->out->at_bytes;
}

/* whether the blob takes long for the network's sake; looked at once in each delay */
static bool is_slow(struct ranges *x)
{
	const int64_t delay_ns = (int64_t)x->req->config->range_delay_ms * 1000000, now_ns = clock_mono_ns();
	const int64_t took_ns = now_ns - x->since_ns, got = x->out->at_bytes - x->since_bytes;

	if (took_ns < delay_ns)
		return false;
	if (!delay_ns)
		return true;
	double left_ns = (double)(x->req->size - x->out->at_bytes) / (double)(got > 0 ? got : 1) * (double)took_ns;
	bool busy = 2 * (cpu_ns() - x->since_cpu_ns) > took_ns; /* this thread is what the network waits for */
	pace_begin(x, now_ns);
	return !busy && left_ns > (double)delay_ns;
}

struct piece_sink {
	struct range_window *window;
	int64_t i;
};

static int piece_add(void *data, const void *p, size_t n, struct err *e)
{
	struct piece_sink *s = data;

	return range_window_add(s->window, s->i, p, n, e);
}

/* one range. False: this fetcher is of no more use. */
static bool fetch(struct fetcher *f, int64_t i)
{
	static const struct registry_retry never = { .never = true };
	struct ranges *x = f->all;
	const struct ranges_req *q = x->req;
	struct piece_sink to = { &x->window, i };
	struct registry_sink sink = { .add = piece_add, .data = &to, .at_bytes = i * x->window.piece_bytes };
	struct err e = { 0 };

	int r = registry_blob_range(q->registry, f->http, q->digest, range_window_end(&x->window, i), &sink, &never, &e);
	range_window_return(&x->window, i);
	if (r == 0) {
		atomic_fetch_add(&x->came, 1);
		return true;
	}
	if (e.kind == E_CANCELLED) /* the reader has taken it, or all is over */
		return true;
	if (e.kind == E_UNSUPPORTED || e.kind == E_BUSY || e.kind == E_AUTH || e.kind == E_CORRUPT)
		atomic_store(&q->budget->refused, true);
	/* a connection that broke in the middle: when the reader has made that good there may be others */
	return sink.at_bytes > i * x->window.piece_bytes && (e.kind == E_NETWORK || e.kind == E_TIMEOUT) &&
	       range_window_await(&x->window, i);
}

static void *fetcher_main(void *data)
{
	struct fetcher *f = data;
	struct ranges *x = f->all;
	int64_t i;

	while (!atomic_load(&x->req->budget->refused) && range_window_claim(&x->window, &i) && fetch(f, i))
		;
	atomic_fetch_sub(&x->active, 1);
	atomic_fetch_add(&x->req->budget->left, 1);
	return NULL;
}

static bool fetcher_start(struct ranges *x)
{
	struct fetcher *f = &x->fetchers[x->n_fetchers];
	struct err ignored = { 0 };

	if (atomic_fetch_sub(&x->req->budget->left, 1) <= 0) {
		atomic_fetch_add(&x->req->budget->left, 1);
		return false;
	}
	f->all = x;
	bool started = http_open(&f->http, &ignored) == 0;
	atomic_fetch_add(&x->active, 1);
	if (started && pthread_create(&f->thread, NULL, fetcher_main, f)) {
		http_close(f->http);
		started = false;
	}
	if (started) {
		x->n_fetchers++;
		return true;
	}
	atomic_fetch_sub(&x->active, 1);
	atomic_fetch_add(&x->req->budget->left, 1);
	return false;
}

static unsigned fetchers_max(const struct registry_config *c)
{
	return c->ranges < FETCHERS_MAX ? c->ranges : FETCHERS_MAX;
}

/* on a disk that is nearly full the blob itself goes first; seen from its beginning */
static bool has_room(const struct ranges_req *q, int64_t left_bytes)
{
	const int64_t window_bytes = 2 * (int64_t)fetchers_max(q->config) * q->config->range_bytes;
	struct statvfs v;

	return fstatvfs(q->dir_fd, &v) == 0 &&
	       (int64_t)(v.f_bavail * v.f_frsize) > ROOM_FACTOR * left_bytes + window_bytes;
}

/* as many fetchers as there may be and have something to do */
static void fetchers_start(struct ranges *x)
{
	const struct registry_config *c = x->req->config;
	const int64_t ahead = x->req->size - x->out->at_bytes - c->range_bytes;
	const unsigned max = fetchers_max(c);
	struct err ignored = { 0 };

	if (atomic_load(&x->req->budget->refused) || ahead < 2 * (int64_t)c->range_bytes)
		return;
	if (!x->open && x->room)
		x->open = range_window_init(&x->window, x->req->dir_fd, x->req->size, x->out->at_bytes, c->range_bytes,
					    2 * max, &ignored) == 0;
	while (x->open && x->n_fetchers < max && (int64_t)x->n_fetchers * c->range_bytes < ahead && fetcher_start(x))
		;
}

static void fetchers_stop(struct ranges *x)
{
	if (!x->open)
		return;
	range_window_stop(&x->window);
	for (unsigned i = 0; i < x->n_fetchers; i++)
		http_stop(x->fetchers[i].http);
	for (unsigned i = 0; i < x->n_fetchers; i++) {
		pthread_join(x->fetchers[i].thread, NULL);
		http_close(x->fetchers[i].http);
	}
	range_window_done(&x->window);
}

static int out_add(struct ranges *x, const void *p, size_t n, struct err *e)
{
	if (x->out->add(x->out->data, p, n, e) < 0)
		return -(e->eno ? e->eno : EIO);
	x->out->at_bytes += (int64_t)n;
	return 0;
}

/* of the stream: up to where a fetcher is */
static int stream_add(void *data, const void *bytes, size_t n, struct err *e)
{
	struct ranges *x = data;
	const char *p = bytes;

	if (is_slow(x))
		fetchers_start(x);
	if (!x->open)
		return out_add(x, p, n, e);
	while (n) {
		int64_t at = x->out->at_bytes, left = range_window_end(&x->window, at / x->window.piece_bytes) - at;
		size_t take = (int64_t)n < left ? n : (size_t)left;
		if (!range_window_take(&x->window, at)) {
			x->over = true;
			return err_new(e, E_CANCELLED, ECANCELED, "the rest comes by ranges");
		}
		if (out_add(x, p, take, e) < 0)
			return -e->eno;
		p += take;
		n -= take;
	}
	return 0;
}

/* from where the sink is: one piece while there are fetchers, else to the end */
static int stream(struct ranges *x, struct err *e)
{
	const struct ranges_req *q = x->req;
	struct registry_sink sink = { .add = stream_add, .data = x, .at_bytes = x->out->at_bytes };
	bool piece = atomic_load(&x->active) > 0 && !atomic_load(&q->budget->refused);
	int r;

	x->over = false;
	if (piece) {
		int64_t end = range_window_end(&x->window, sink.at_bytes / x->window.piece_bytes);
		r = registry_blob_range(q->registry, q->http, q->digest, end, &sink, q->retry, e);
	} else {
		r = registry_blob_get(q->registry, q->http, q->digest, q->size, &sink, q->retry, e);
	}
	bool refused = piece && (e->kind == E_UNSUPPORTED || e->kind == E_CORRUPT); /* what it sends is not what was asked for */
	if (r < 0 && (x->over || refused)) {
		if (!x->over)
			atomic_store(&q->budget->refused, true);
		err_clear(e);
		r = 0;
	}
	return r;
}

/* what has come by ranges, or else the stream */
static int step(struct ranges *x, unsigned char *buf, struct err *e)
{
	if (x->open) {
		if (is_slow(x))
			fetchers_start(x);
		ssize_t n = range_window_read(&x->window, x->out->at_bytes, buf, READ_BYTES, e);
		if (n)
			return n < 0 ? -e->eno : out_add(x, buf, (size_t)n, e);
	}
	return stream(x, e);
}

int ranges_get(const struct ranges_req *q, struct registry_sink *sink, unsigned *ret_ranges, struct err *e)
{
	OWN_PTR unsigned char *buf = malloc(READ_BYTES);
	struct ranges x = { .req = q, .out = sink, .room = has_room(q, q->size - sink->at_bytes) };
	int r = 0;

	if (!buf)
		return err_new(e, E_NOMEM, ENOMEM, "read buffer");
	pace_begin(&x, clock_mono_ns());
	while (r == 0 && sink->at_bytes < q->size)
		r = step(&x, buf, e);
	fetchers_stop(&x);
	*ret_ranges = atomic_load(&x.came);
	return r;
}
