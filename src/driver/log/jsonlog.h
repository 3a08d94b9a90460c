/* SPDX-License-Identifier: Apache-2.0
 *
 * One record of docker's json-file log format, to text and back.
 *
 *   {"log":"text\n","stream":"stdout","attrs":{"k":"v"},"time":"2024-01-02T03:04:05.6789Z"}\n
 *
 * The bytes are those that docker writes: < > & and control characters as \u00XX (only \n and \r
 * short), U+2028 and U+2029 escaped, a byte that is not UTF-8 as \ufffd. Members may come in any
 * order when read. No I/O, no allocation.
 */
#ifndef ONGGI_DRIVER_LOG_JSONLOG_H
#define ONGGI_DRIVER_LOG_JSONLOG_H

#include <stddef.h>
#include <stdint.h>

enum log_stream {
	LOG_STDOUT,
	LOG_STDERR,
	LOG_STREAM_N
};

enum {
	LOG_LINE_MAX = 16384 /* longer lines are split into several records, as docker does */
};

struct jsonlog_record {
	const char *text; /* the payload; a full line ends with \n */
	size_t n;
	enum log_stream stream;
	const char *attrs; /* JSON object text; NULL: none */
	size_t attrs_n;
	const char *time;  /* RFC 3339 text, not NUL-terminated */
	size_t time_n;
};

/** jsonlog_bound - most bytes that jsonlog_encode writes for @r. */
size_t jsonlog_bound(const struct jsonlog_record *r);
/** jsonlog_encode - the record with its final newline into @out. Returns the length. */
size_t jsonlog_encode(const struct jsonlog_record *r, char *out);
/** jsonlog_parse - one line without its newline. The text is decoded into @text, which has room
 * for @n bytes (decoding never grows); the other members point into @line. 0, or -EINVAL for
 * anything that is no record: half-written, no object, no time. */
int jsonlog_parse(const char *line, size_t n, char *text, struct jsonlog_record *ret);

#endif
