/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a json-file log: whole records, rotation as docker names the files, and a disk that
 * fills up. Nothing here ever waits for anyone but the disk, or grows.
 *
 *   bytes -> line_split (16 KiB) -> record -> buffer of the caller -> one write per batch
 *   container-json.log -> .1 -> .2 ... up to max_file files in all
 *
 * A write that the disk refuses is cut back to the last whole record and counted; when the disk
 * takes data again, one record on stderr says how many were lost.
 */
#ifndef ONGGI_DRIVER_LOG_LOGFILE_H
#define ONGGI_DRIVER_LOG_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "driver/log/jsonlog.h"

enum {
	LOG_FILE_NAME_MAX = 200,
	/* room for the largest possible record, so that each record can be encoded at once */
	LOG_BUFFER_MIN = LOG_LINE_MAX * 6 + 65536 + 4096,
};

/* Cuts one stream into records. */
struct line_split {
	char *held;  /* LOG_LINE_MAX bytes of the caller: a line that is not finished */
	size_t n;
	bool open; /* a record of this line went out already, without its end */
	char time[CLOCK_TEXT_MAX]; /* of the first byte of the line: all its records carry it */
};

struct log_file {
	int dir, fd; /* dir borrowed */
	char name[LOG_FILE_NAME_MAX];
	int64_t max_size;  /* bytes, 0: no rotation */
	uint32_t max_file; /* files in all */
	const char *attrs; /* JSON object, borrowed; NULL: none */
	size_t attrs_n;
	char *buf;         /* of the caller, @cap >= LOG_BUFFER_MIN */
	size_t cap, used, records; /* waiting for log_file_flush */
	int64_t size;      /* of the file, without the buffer */
	uint64_t dropped;  /* records lost in all */
	uint64_t dropped_untold;
	int last_errno;
};

/** log_file_open - open or make @f->name below @f->dir (mode 0640) for appending; the caller has
 * filled dir, name, max_*, attrs, buf and cap. A half record that a crash left is closed by a
 * newline. On failure @f is usable: it drops all and counts. */
int log_file_open(struct log_file *f, struct err *e);
/** log_file_add - one record into the buffer; rotates and flushes as needed. */
void log_file_add(struct log_file *f, enum log_stream s, const char *text, size_t n,
		  const char *time);
/** log_file_flush - write what is buffered. */
void log_file_flush(struct log_file *f);
void log_file_close(struct log_file *f);

/** line_split_feed - cut @n bytes that came at @time; whole lines go to @f at once. */
void line_split_feed(struct line_split *l, struct log_file *f, enum log_stream s, const char *p,
		     size_t n, const char *time);
/** line_split_end - end of the stream: a line without its newline becomes a record. */
void line_split_end(struct line_split *l, struct log_file *f, enum log_stream s);

#endif
