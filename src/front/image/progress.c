/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress lines: see progress.h.
 */
#include "front/image/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"

enum { DRAW_EVERY_NS = 100 * 1000 * 1000 };

struct progress_row {
	char name[16], text[128];
	enum transfer_state state;
	int64_t done, total;
	int64_t since_ns, since_bytes; /* where the present state began */
};

static const struct {
	const char *text;
	const char *color; /* SGR, NULL: none */
	bool plain;        /* worth a line when the output is no terminal */
	bool bar, final;
} states[TRANSFER_STATE_N] = {
	[TRANSFER_NOTE] = { "", NULL, true, false, false },
	[PULL_LAYER_QUEUED] = { "Pulling fs layer", NULL, true, false, false },
	[PULL_LAYER_WAITING] = { "Waiting", NULL, true, false, false },
	[PULL_LAYER_DOWNLOADING] = { "Downloading", NULL, false, true, false },
	[PULL_LAYER_REUSED] = { "Reusing", NULL, true, false, false },
	[PULL_LAYER_WHOLE] = { "Downloading whole", "33", true, false, false },
	[PULL_LAYER_DOWNLOADED] = { "Download complete", NULL, true, false, false },
	[PULL_LAYER_EXTRACTING] = { "Extracting", NULL, false, true, false },
	[PULL_LAYER_DONE] = { "Pull complete", "32", true, false, true },
	[PULL_LAYER_EXISTS] = { "Already exists", "32", true, false, true },
	[PUSH_LAYER_QUEUED] = { "Preparing", NULL, true, false, false },
	[PUSH_LAYER_COMPRESSING] = { "Compressing", NULL, false, true, false },
	[PUSH_LAYER_SENDING] = { "Pushing", NULL, false, true, false },
	[PUSH_LAYER_DONE] = { "Pushed", "32", true, false, true },
	[PUSH_LAYER_EXISTS] = { "Layer already exists", "32", true, false, true },
	[PUSH_LAYER_MOUNTED] = { "Mounted", "32", true, false, true },
	[PUSH_LAYER_SKIPPED] = { "Skipped foreign layer", NULL, true, false, true },
	[TRANSFER_RETRY] = { "Retrying", "33", true, false, false },
};

void progress_init(struct progress *p, FILE *out)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	*p = (struct progress){ .out = out };
	p->terminal = isatty(fileno(out)) && !(term && !strcmp(term, "dumb"));
	p->color = p->terminal && !(no_color && *no_color);
}

void progress_size(int64_t bytes, char out[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double v = (double)bytes;
	size_t u = 0;

	for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1000;
	(void)snprintf(out, 32, "%.4g%s", v, units[u]);
}

static struct progress_row *row_of(struct progress *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->rows[i].name, name))
			return &p->rows[i];
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		struct progress_row *more = realloc(p->rows, cap * sizeof *more);
		if (!more)
			return NULL; /* then this layer is not shown */
		p->rows = more;
		p->cap = cap;
	}
	struct progress_row *r = &p->rows[p->n++];
	*r = (struct progress_row){ 0 };
	(void)snprintf(r->name, sizeof r->name, "%s", name); /* 12 digits */
	return r;
}

/* " [=====>    ]  1.2MB/3.4MB  5.6MB/s  7s" */
static void bar_put(struct buf *b, const struct progress_row *r, unsigned columns)
{
	/* beside name, state, amounts, rate and time, which take at most 70 columns */
	unsigned width = columns >= 120 ? 50 : columns >= 80 ? columns - 70 : 0;
	int64_t total = r->total > 0 ? r->total : 1, done = r->done < total ? r->done : total;
	char have[32], all[32], rate_text[32];
	double s = (double)(clock_mono_ns() - r->since_ns) / 1e9;

	if (width) {
		unsigned fill = (unsigned)((double)width * (double)done / (double)total);
		buf_puts(b, " [");
		for (unsigned i = 0; i < width; i++)
			buf_putc(b, i < fill ? '=' : i == fill ? '>' : ' ');
		buf_putc(b, ']');
	}
	progress_size(r->done, have);
	progress_size(r->total, all);
	buf_printf(b, "  %s/%s", have, all);
	double rate = s > 0.5 ? (double)(r->done - r->since_bytes) / s : 0;
	if (rate < 1 || r->done >= r->total)
		return;
	progress_size((int64_t)rate, rate_text);
	double left = (double)(r->total - r->done) / rate;
	buf_printf(b, "  %s/s", rate_text);
	if (left >= 1 && left < 360000) {
		unsigned t = (unsigned)left;
		t >= 60 ? buf_printf(b, "  %um%02us", t / 60, t % 60) : buf_printf(b, "  %us", t);
	}
}

static void row_put(const struct progress *p, struct buf *b, const struct progress_row *r, unsigned columns)
{
	OWN_BUF line = { 0 };
	const char *color = p->color ? states[r->state].color : NULL;

	buf_printf(&line, "%s: %s", r->name, *r->text ? r->text : states[r->state].text);
	if (states[r->state].bar && r->total > 0)
		bar_put(&line, r, columns);
	if (line.n >= columns) /* a wrapped line would break the count of lines */
		line.n = columns - 1;
	if (color)
		buf_printf(b, "\033[%sm", color);
	buf_add(b, line.p, line.n);
	buf_puts(b, color ? "\033[0m\033[K\n" : "\033[K\n");
}

/* all rows when they fit, else those that move and a count of the rest */
static void draw(struct progress *p)
{
	struct winsize w = { 0 };
	OWN_BUF b = { 0 };
	unsigned lines = 0;

	(void)ioctl(fileno(p->out), TIOCGWINSZ, &w); /* unknown: the usual size */
	unsigned rows = w.ws_row > 3 ? w.ws_row : 24, columns = w.ws_col > 20 ? w.ws_col : 80;
	bool all = p->n < rows;
	size_t hidden = 0;

	if (p->drawn)
		buf_printf(&b, "\033[%uA", p->drawn);
	for (size_t i = 0; i < p->n; i++) {
		if (!all && (states[p->rows[i].state].final || lines + 2 >= rows)) {
			hidden++;
			continue;
		}
		row_put(p, &b, &p->rows[i], columns);
		lines++;
	}
	if (hidden) {
		buf_printf(&b, "(%zu of %zu layers not shown)\033[K\n", hidden, p->n);
		lines++;
	}
	buf_puts(&b, "\033[J");
	if (!buf_failed(&b)) {
		(void)fwrite(b.p, 1, b.n, p->out);
		(void)fflush(p->out);
		p->drawn = lines;
	}
	p->drawn_ns = clock_mono_ns();
}

static void note(struct progress *p, const char *text)
{
	/* the rows so far stay above; new ones begin below */
	if (p->terminal && p->n)
		draw(p);
	p->n = 0;
	p->drawn = 0;
	fprintf(p->out, "%s\n", text);
	(void)fflush(p->out);
}

/* the words of an event, where they are more than its state's */
static const char *words(const struct transfer_event *ev, char out[160])
{
	char done[32], all[32];

	if (ev->state == PULL_LAYER_REUSED) {
		progress_size(ev->done_bytes, done);
		progress_size(ev->total_bytes, all);
		(void)snprintf(out, 160, "Reusing %s of %s from layers that are here", done, all);
		return out;
	}
	if (ev->state == PULL_LAYER_WHOLE) {
		(void)snprintf(out, 160, "Downloading whole: %.120s", ev->text);
		return out;
	}
	return ev->text;
}

void progress_event(void *data, const struct transfer_event *ev)
{
	struct progress *p = data;
	char made[160];

	if (ev->state == TRANSFER_NOTE) {
		note(p, ev->text);
		return;
	}
	if (!p->terminal) {
		if (states[ev->state].plain) {
			const char *text = words(ev, made);
			fprintf(p->out, "%s: %s\n", ev->layer, text ? text : states[ev->state].text);
			(void)fflush(p->out);
		}
		return;
	}
	struct progress_row *r = row_of(p, ev->layer);
	if (!r)
		return;
	bool changed = r->state != ev->state;
	if (changed) {
		r->since_ns = clock_mono_ns();
		r->since_bytes = ev->done_bytes;
	}
	r->state = ev->state;
	r->done = ev->done_bytes;
	r->total = ev->total_bytes;
	const char *text = words(ev, made);
	(void)snprintf(r->text, sizeof r->text, "%s", text ? text : ""); /* cut to a line */
	if ((changed && ev->state != PULL_LAYER_QUEUED && ev->state != PUSH_LAYER_QUEUED) || clock_mono_ns() - p->drawn_ns > DRAW_EVERY_NS)
		draw(p);
}

void progress_done(struct progress *p)
{
	if (p->terminal && p->n)
		draw(p);
	free(p->rows);
	*p = (struct progress){ .out = p->out };
}
