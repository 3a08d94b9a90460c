/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in a log to start reading: see logseek.h.
 */
#include "driver/log/logseek.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	BLOCK = 256 << 10,     /* of backward reading */
	NARROW = 64 << 10,     /* a search ends here and goes on line by line */
	CLOCK_SLACK = 64 << 10 /* start so much earlier: the clock may have stepped back */
};

static int size_of(int fd, off_t *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat log");
	*ret = st.st_size;
	return 0;
}

/* Offset of the @want-th line from the end, of whole lines; @want is lowered by the lines there
 * are. Reaches 0 of @want when the place is in this file. */
static int tail_in_file(struct log_reader *r, int fd, int64_t *want, off_t *ret, struct err *e)
{
	off_t end = 0;
	bool last = true; /* the newline that ends the last line starts no line */

	if (size_of(fd, &end, e) < 0)
		return -e->eno;
	while (end > 0) {
		size_t n = end < BLOCK ? (size_t)end : BLOCK;
		ssize_t got = pread(fd, r->buf, n, end - (off_t)n);

		if (got < 0)
			return err_sys(e, errno, "read log");
		if ((size_t)got < n) {
			*ret = 0; /* emptied meanwhile */
			return 0;
		}
		for (const char *p = r->buf + n; (p = memrchr(r->buf, '\n', (size_t)(p - r->buf)));) {
			if (!last && !--*want) {
				*ret = end - (off_t)n + (p - r->buf) + 1;
				return 0;
			}
			last = false;
		}
		end -= (off_t)n;
	}
	if (!last)
		--*want; /* the first line has no newline before it */
	*ret = 0;
	return 0;
}

static int seek_tail(struct log_reader *r, int64_t tail, struct err *e)
{
	if (!r->n)
		return 0;
	if (!tail) {
		r->at = r->n - 1;
		return size_of(r->files[r->at], &r->pos, e);
	}
	for (r->at = r->n; r->at-- > 0;) {
		if (tail_in_file(r, r->files[r->at], &tail, &r->pos, e) < 0)
			return -e->eno;
		if (!tail)
			return 0;
	}
	r->at = 0;
	r->pos = 0;
	return 0;
}

/* Time of the first record at or behind @at that is whole. -ENOENT: there is none before the
 * end. @ret_at: where its line starts. */
static int time_at(struct log_reader *r, int fd, off_t at, int64_t *ret, off_t *ret_at)
{
	size_t have = 0, skip = 0;

	while (have < r->cap) {
		ssize_t n = pread(fd, r->buf + have, r->cap - have, at + (off_t)have);

		if (n <= 0)
			return -ENOENT;
		have += (size_t)n;
		/* @at is in the middle of a line, unless it is 0 */
		while (skip < have) {
			struct jsonlog_record rec;
			char time[64];
			const char *nl = memchr(r->buf + skip, '\n', have - skip);

			if (!nl)
				break;
			if ((skip || !at) &&
			    !jsonlog_parse(r->buf + skip, (size_t)(nl - r->buf) - skip, r->text, &rec) &&
			    rec.time_n < sizeof(time)) {
				memcpy(time, rec.time, rec.time_n);
				time[rec.time_n] = 0;
				*ret_at = at + (off_t)skip;
				if (!clock_parse(time, ret))
					return 0;
			}
			skip = (size_t)(nl - r->buf) + 1;
		}
	}
	return -ENOENT;
}

/* Lower bound of @since in one file: a place with only older records before it. */
static int since_in_file(struct log_reader *r, int fd, int64_t since, off_t *ret, struct err *e)
{
	off_t lo = 0, hi, line;
	int64_t t;

	if (size_of(fd, &hi, e) < 0)
		return -e->eno;
	while (hi - lo > NARROW) {
		off_t mid = lo + (hi - lo) / 2;

		if (!time_at(r, fd, mid, &t, &line) && line < hi && t < since)
			lo = line;
		else
			hi = mid;
	}
	/* back by the slack, to the start of a line */
	lo = lo > CLOCK_SLACK ? lo - CLOCK_SLACK : 0;
	*ret = lo && !time_at(r, fd, lo, &t, &line) ? line : 0;
	return 0;
}

static int seek_since(struct log_reader *r, int64_t since, struct err *e)
{
	int64_t t;
	off_t line;

	/* the last file that begins before @since, with all later ones */
	r->at = 0;
	for (size_t i = r->n; i-- > 1;) {
		if (!time_at(r, r->files[i], 0, &t, &line) && t < since) {
			r->at = i;
			break;
		}
	}
	return r->n ? since_in_file(r, r->files[r->at], since, &r->pos, e) : 0;
}

int log_seek(struct log_reader *r, const struct log_read_from *from, struct err *e)
{
	size_t at = 0;
	off_t pos = 0;

	if (from->tail >= 0 && seek_tail(r, from->tail, e) < 0)
		return -e->eno;
	if (from->since_ns != INT64_MIN) {
		at = r->at;
		pos = r->pos;
		if (seek_since(r, from->since_ns, e) < 0)
			return -e->eno;
		if (from->tail >= 0 && (at > r->at || (at == r->at && pos > r->pos))) {
			r->at = at;
			r->pos = pos;
		}
	}
	return 0;
}
