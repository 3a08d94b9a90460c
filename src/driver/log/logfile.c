/* SPDX-License-Identifier: Apache-2.0
 *
 * The writing side of a json-file log: see logfile.h.
 */
#include "driver/log/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"

enum {
	LOG_MODE = 0640
};

static uint64_t count_records(const char *p, size_t n)
{
	uint64_t k = 0;

	for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
		k++;
	return k;
}

static int open_current(struct log_file *f, int extra_flags)
{
	struct stat st;
	char last = '\n';

	f->fd = openat(f->dir, f->name,
		       O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | extra_flags, LOG_MODE);
	if (f->fd < 0)
		return -errno;
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(f->fd);
		f->fd = -1;
		return -EINVAL;
	}
	(void)fchmod(f->fd, LOG_MODE); /* the umask is not ours; a refusal leaves a stricter mode */
	f->size = st.st_size;
	if (st.st_size > 0 && pread(f->fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
	    write(f->fd, "\n", 1) == 1)
		f->size++;
	return 0;
}

int log_file_open(struct log_file *f, struct err *e)
{
	int r;

	f->used = f->records = 0;
	f->dropped = f->dropped_untold = 0;
	f->fd = -1;
	r = open_current(f, 0);
	if (r < 0) {
		f->last_errno = -r;
		return err_sys(e, -r, "open log %s", f->name);
	}
	return 0;
}

static void numbered(const struct log_file *f, uint32_t k, char out[LOG_FILE_NAME_MAX + 12])
{
	if (k)
		snprintf(out, LOG_FILE_NAME_MAX + 12, "%s.%u", f->name, k);
	else
		snprintf(out, LOG_FILE_NAME_MAX + 12, "%s", f->name);
}

/* name.N-2 -> name.N-1, ..., name -> name.1; with a single file it is emptied. Renames that fail
 * (missing files, full directory) do not stop the log. */
static void rotate(struct log_file *f)
{
	char from[LOG_FILE_NAME_MAX + 12], to[LOG_FILE_NAME_MAX + 12];
	struct stat st;

	if (f->fd >= 0 && !fstat(f->fd, &st)) {
		f->size = st.st_size; /* somebody may have emptied it */
		if (f->size < f->max_size)
			return;
	}
	if (f->max_file < 2) {
		if (f->fd >= 0 && !ftruncate(f->fd, 0))
			f->size = 0;
		return;
	}
	for (uint32_t k = f->max_file - 1; k > 0; k--) {
		numbered(f, k - 1, from);
		numbered(f, k, to);
		(void)renameat(f->dir, from, f->dir, to);
	}
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	(void)open_current(f, 0); /* tried again at the next write */
}

static void drop(struct log_file *f, const char *p, size_t n, int eno)
{
	uint64_t k = count_records(p, n);

	f->dropped += k;
	f->dropped_untold += k;
	f->last_errno = eno;
}

/* Write whole records; what does not fit is cut off at the last whole one. 0 or -errno. */
static int write_records(struct log_file *f, const char *p, size_t n)
{
	struct stat st;
	ssize_t w;
	size_t keep;
	int eno;

	if (f->fd < 0 && open_current(f, 0) < 0)
		return -EIO;
	do {
		w = write(f->fd, p, n);
	} while (w < 0 && errno == EINTR);
	if (w == (ssize_t)n) {
		f->size += w;
		return 0;
	}
	eno = w < 0 ? errno : ENOSPC;
	if (w < 0)
		w = 0;
	keep = (size_t)w;
	while (keep && p[keep - 1] != '\n')
		keep--;
	if (keep < (size_t)w && !fstat(f->fd, &st) &&
	    ftruncate(f->fd, st.st_size - (w - (ssize_t)keep)) < 0)
		keep = (size_t)w; /* a half record stays: the reader skips it */
	f->size += (int64_t)keep;
	drop(f, p + keep, n - keep, eno);
	return -eno;
}

/* "N log records lost here", once the disk takes data again. */
static int tell_dropped(struct log_file *f)
{
	char text[160], out[1200], now[CLOCK_TEXT_MAX];
	struct jsonlog_record r = { .text = text, .stream = LOG_STDERR, .time = now };
	uint64_t untold = f->dropped_untold;
	int w;

	snprintf(text, sizeof(text), "onggi: %llu log records lost here: %s\n",
		 (unsigned long long)untold, libc_error_text(f->last_errno));
	r.n = strlen(text);
	clock_format(clock_now_ns(), now);
	r.time_n = strlen(now);
	w = write_records(f, out, jsonlog_encode(&r, out));
	if (w < 0) {
		f->dropped--; /* the notice itself is none of the container's records */
		f->dropped_untold = untold;
		return w;
	}
	f->dropped_untold = 0;
	return 0;
}

void log_file_flush(struct log_file *f)
{
	if (!f->used)
		return;
	if (f->dropped_untold && tell_dropped(f) < 0)
		drop(f, f->buf, f->used, f->last_errno);
	else
		(void)write_records(f, f->buf, f->used); /* counted there */
	f->used = f->records = 0;
}

void log_file_add(struct log_file *f, enum log_stream s, const char *text, size_t n,
		  const char *time)
{
	struct jsonlog_record r = {
		.text = text, .n = n, .stream = s, .attrs = f->attrs, .attrs_n = f->attrs_n,
		.time = time, .time_n = strlen(time),
	};

	/* docker's rule: a file that has reached the limit takes no more */
	if (f->max_size > 0 && f->size + (int64_t)f->used >= f->max_size) {
		log_file_flush(f);
		if (f->size >= f->max_size)
			rotate(f);
	}
	if (f->cap - f->used < jsonlog_bound(&r))
		log_file_flush(f);
	f->used += jsonlog_encode(&r, f->buf + f->used);
	f->records++;
}

void log_file_close(struct log_file *f)
{
	log_file_flush(f);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static void hold(struct line_split *l, const char *p, size_t n)
{
	memcpy(l->held + l->n, p, n);
	l->n += n;
}

void line_split_feed(struct line_split *l, struct log_file *f, enum log_stream s, const char *p,
		     size_t n, const char *time)
{
	while (n) {
		size_t room = LOG_LINE_MAX - l->n; /* never 0: a full line is passed on at once */
		const char *nl = memchr(p, '\n', n < room ? n : room);
		size_t take = nl ? (size_t)(nl - p) + 1 : n < room ? n : room;

		if (!l->n && !l->open)
			memcpy(l->time, time, strlen(time) + 1);
		if (!nl && take < room) {
			hold(l, p, take);
			return;
		}
		if (l->n) {
			hold(l, p, take);
			log_file_add(f, s, l->held, l->n, l->time);
			l->n = 0;
		} else {
			log_file_add(f, s, p, take, l->time);
		}
		l->open = !nl;
		p += take;
		n -= take;
	}
}

void line_split_end(struct line_split *l, struct log_file *f, enum log_stream s)
{
	if (l->n)
		log_file_add(f, s, l->held, l->n, l->time);
	l->n = 0;
	l->open = false;
}
