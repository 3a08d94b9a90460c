/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a json-file log: see logread.h. Where to start is in logseek.c.
 */
#include "driver/log/logread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/log/logseek.h"

enum {
	BUFFER_FIRST = 256 << 10,
	OPEN_TRIES = 20,
};

static int open_numbered(const struct log_reader *r, unsigned k)
{
	char name[LOG_FILE_NAME_MAX + 12];

	if (k)
		snprintf(name, sizeof(name), "%s.%u", r->name, k);
	else
		snprintf(name, sizeof(name), "%s", r->name);
	return openat(r->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static void files_close(struct log_reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		own_fd_done(&r->files[i]);
	r->n = r->at = 0;
}

/* Put the newest files that have no place in the sequence yet behind it: name.K-1 ... name, where
 * name.K is the last one we have (@last; -1: we have none, take all). */
static int files_append(struct log_reader *r, int last, struct err *e)
{
	int fds[LOG_FILES_MAX], *grown;
	unsigned k = 0;

	for (; k < LOG_FILES_MAX; k++) {
		fds[k] = open_numbered(r, k);
		if (fds[k] < 0)
			break;
		if (last >= 0 && same_file(fds[k], last)) {
			close(fds[k]);
			break;
		}
	}
	grown = realloc(r->files, (r->n + k + 1) * sizeof(*grown));
	if (!grown) {
		while (k)
			close(fds[--k]);
		return err_new(e, E_NOMEM, ENOMEM, "log files");
	}
	r->files = grown;
	while (k)
		r->files[r->n++] = fds[--k];
	return 0;
}

/* All files, oldest first. A rotation meanwhile would hide one: then once more. */
static int files_open(struct log_reader *r, struct err *e)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		int now;

		files_close(r);
		if (files_append(r, -1, e) < 0)
			return -e->eno;
		now = open_numbered(r, 0);
		if (now < 0) {
			if (errno != ENOENT)
				return err_sys(e, errno, "open log %s", r->name);
			if (!r->n)
				return 0;
			continue; /* between two renames */
		}
		bool same = r->n && same_file(now, r->files[r->n - 1]);
		close(now);
		if (same)
			return 0;
	}
	return 0; /* rotates faster than we open: take what we have */
}

int log_reader_open(int xdir, const char *name, const struct log_read_from *from,
		    struct log_reader *ret, struct err *e)
{
	struct log_reader r = { .dir = xdir, .cap = BUFFER_FIRST };

	if (strlen(name) >= sizeof(r.name))
		return err_new(e, E_INVALID, ENAMETOOLONG, "log file name");
	memcpy(r.name, name, strlen(name) + 1);
	r.buf = malloc(r.cap);
	r.text = malloc(r.cap);
	if (!r.buf || !r.text) {
		log_reader_close(&r);
		return err_new(e, E_NOMEM, ENOMEM, "log buffer");
	}
	if (files_open(&r, e) < 0 || log_seek(&r, from, e) < 0) {
		log_reader_close(&r);
		return -e->eno;
	}
	*ret = r;
	return 0;
}

void log_reader_close(struct log_reader *r)
{
	files_close(r);
	own_free_done(&r->files);
	own_free_done(&r->buf);
	own_free_done(&r->text);
}

static int grow(struct log_reader *r, struct err *e)
{
	char *p = realloc(r->buf, r->cap * 2);

	if (p)
		r->buf = p;
	free(r->text);
	r->text = malloc(r->cap * 2);
	if (!p || !r->text)
		return err_new(e, E_NOMEM, ENOMEM, "log buffer");
	r->cap *= 2;
	return 0;
}

/* More bytes of the current file into the buffer: their number, 0 at its end. @seen, how much of
 * the buffer was searched already, becomes 0 when the buffer starts anew. */
static ssize_t fill(struct log_reader *r, size_t *seen, struct err *e)
{
	int fd = r->files[r->at];
	struct stat st;
	ssize_t n;

	if (r->start) {
		memmove(r->buf, r->buf + r->start, r->end - r->start);
		r->end -= r->start;
		r->start = 0;
	}
	if (r->end == r->cap) {
		if (r->cap < LOG_RECORD_MAX) {
			if (grow(r, e) < 0)
				return -e->eno;
		} else {
			r->skipping = true;
			r->end = *seen = 0;
		}
	}
	n = pread(fd, r->buf + r->end, r->cap - r->end, r->pos);
	if (n < 0)
		return err_sys(e, errno, "read log %s", r->name);
	if (!n && !fstat(fd, &st) && st.st_size < r->pos) {
		/* emptied in place: rotation with a single file, or a user */
		r->pos = 0;
		r->start = r->end = *seen = 0;
		r->skipping = false;
		n = pread(fd, r->buf, r->cap, 0);
		if (n < 0)
			return err_sys(e, errno, "read log %s", r->name);
	}
	r->pos += n;
	r->end += (size_t)n;
	return n;
}

/* At the end of a file: 1 when there is more after it. */
static int next_file(struct log_reader *r, struct err *e)
{
	bool any = r->n > 0;
	size_t before = r->n, seen = 0;

	if (any && r->at + 1 == r->n) {
		OWN_FD now = open_numbered(r, 0);
		if (now < 0 || same_file(now, r->files[r->at]))
			return 0;
		/* it was renamed: what was written just before that comes first */
		ssize_t n = fill(r, &seen, e);
		if (n)
			return n < 0 ? (int)n : 1;
	}
	if (!any || r->at + 1 == r->n) {
		if (files_append(r, any ? r->files[r->at] : -1, e) < 0)
			return -e->eno;
		if (r->n == before)
			return 0;
		if (!any)
			return 1;
	}
	own_fd_done(&r->files[r->at]);
	r->at++;
	r->pos = 0;
	r->start = r->end = 0; /* a half record at the end of a finished file is lost */
	r->skipping = false;
	return 1;
}

/* The next whole line: 1 and the line, 0 none for now. */
static int next_line(struct log_reader *r, const char **ret, size_t *ret_n, struct err *e)
{
	size_t seen = 0;

	for (;;) {
		const char *p = r->buf + r->start;
		const char *nl = memchr(p + seen, '\n', r->end - r->start - seen);
		ssize_t n;

		if (nl) {
			*ret = p;
			*ret_n = (size_t)(nl - p);
			r->start += *ret_n + 1;
			if (!r->skipping)
				return 1;
			r->skipping = false;
			r->skipped++;
			seen = 0;
			continue;
		}
		seen = r->end - r->start;
		n = r->n ? fill(r, &seen, e) : 0;
		if (n < 0)
			return (int)n;
		if (n)
			continue;
		int more = next_file(r, e);
		if (more <= 0)
			return more;
		seen = 0;
	}
}

int log_reader_next(struct log_reader *r, struct jsonlog_record *ret, struct err *e)
{
	const char *line = NULL;
	size_t n = 0;
	int got;

	while ((got = next_line(r, &line, &n, e)) > 0) {
		if (!jsonlog_parse(line, n, r->text, ret))
			return 1;
		r->skipped++;
	}
	return got;
}
