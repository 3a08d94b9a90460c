/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a json-file log: all its rotated files as one sequence of records, from a place found
 * without reading what lies before it.
 *
 *   name.2 -> name.1 -> name -> (end for now; call again after a change)
 *
 * --tail counts lines backwards in big blocks, --since searches by halving (records of one
 * stream are in order of time, but for steps of the clock, for which it starts a bit earlier). A
 * record that is half written stays unread until it is whole; a line that is no record is skipped.
 */
#ifndef ONGGI_DRIVER_LOG_LOGREAD_H
#define ONGGI_DRIVER_LOG_LOGREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/own.h"
#include "driver/log/jsonlog.h"
#include "driver/log/logfile.h"

enum {
	LOG_FILES_MAX = 1000,
	LOG_RECORD_MAX = 4 << 20, /* longer lines are skipped */
};

struct log_reader {
	int dir; /* borrowed */
	char name[LOG_FILE_NAME_MAX];
	int *files;    /* open, oldest first; the last is the current one */
	size_t n, at;  /* @at: being read */
	off_t pos;     /* in the file, behind what is in the buffer */
	char *buf, *text;
	size_t cap, start, end;
	bool skipping; /* inside a line that is too long */
	uint64_t skipped; /* lines that were no records */
};

struct log_read_from {
	int64_t tail;     /* last records; negative: all */
	int64_t since_ns; /* INT64_MIN: no limit */
};

/** log_reader_open - stand before the first record wanted. A log that does not exist yet is empty.
 * Records before since_ns may still come (the search is coarse): the caller compares. */
int log_reader_open(int xdir, const char *name, const struct log_read_from *from,
		    struct log_reader *ret, struct err *e);
/** log_reader_next - 1: @ret is the next record, valid until the next call; 0: no more for now. */
int log_reader_next(struct log_reader *r, struct jsonlog_record *ret, struct err *e);
void log_reader_close(struct log_reader *r);

#define OWN_LOG_READER CLEANUP(log_reader_close) struct log_reader

#endif
