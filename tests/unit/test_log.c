/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/driver/log: records, splitting of lines, rotation, full disk, reading back.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/log/logfile.h"
#include "driver/log/logread.h"

static const char day[] = "2024-01-02T03:04:05.678Z";

static size_t encode(const char *text, size_t n, char *out)
{
	struct jsonlog_record r = { .text = text, .n = n, .stream = LOG_STDERR, .time = day,
				    .time_n = sizeof(day) - 1 };
	size_t len = jsonlog_encode(&r, out);

	assert_true(len <= jsonlog_bound(&r));
	out[len] = 0;
	return len;
}

static void records_are_those_of_docker(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "hello\n", "hello\\n" },
		{ "a\tb\x1b[0m\r\n", "a\\u0009b\\u001b[0m\\r\\n" },
		{ "<&>\"\\/", "\\u003c\\u0026\\u003e\\\"\\\\/" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xff\xc3(\xe2\x82", "\\ufffd\\ufffd(\\ufffd\\ufffd" },
		{ "\xed\xa0\x80\xc0\xaf", "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\x7f", "\\u2028\\u2029\xe2\x80\xaa\x7f" },
	};
	char out[512], want[512];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		encode(rows[i].in, strlen(rows[i].in), out);
		snprintf(want, sizeof(want), "{\"log\":\"%s\",\"stream\":\"stderr\",\"time\":\"%s\"}\n",
			 rows[i].out, day);
		assert_string_equal(out, want);
	}
}

static void records_round_trip(void **state)
{
	char in[256], out[2048], text[2048];
	struct jsonlog_record r;
	(void)state;

	for (int c = 0; c < 128; c++)
		in[c] = (char)c;
	size_t n = encode(in, 128, out);
	assert_int_equal(jsonlog_parse(out, n - 1, text, &r), 0);
	assert_int_equal(r.n, 128);
	assert_memory_equal(r.text, in, 128);
	assert_int_equal(r.stream, LOG_STDERR);
	assert_memory_equal(r.time, day, sizeof(day) - 1);
	/* a record that is cut anywhere is none */
	for (size_t k = 0; k < n - 1; k++)
		assert_int_equal(jsonlog_parse(out, k, text, &r), -EINVAL);
}

static void foreign_records_are_read(void **state)
{
	static const char line[] = " { \"time\" : \"2024-01-02T03:04:05Z\", \"x\":[1,{\"y\":\"}\"},null],"
				   "\"attrs\":{\"a\":\"b\"},\"log\":\"\\ud83d\\ude00\\t\\u0041\\ud800\\/\" } ";
	char text[256];
	struct jsonlog_record r;
	(void)state;

	assert_int_equal(jsonlog_parse(line, sizeof(line) - 1, text, &r), 0);
	assert_int_equal(r.n, 4 + 1 + 1 + 3 + 1);
	assert_memory_equal(r.text, "\xf0\x9f\x98\x80\tA\xef\xbf\xbd/", r.n);
	assert_int_equal(r.attrs_n, 9);
	assert_int_equal(r.stream, LOG_STDOUT);
	static const char *const bad[] = { "", "{", "{}", "[]", "{\"log\":\"x\"}", "{\"log\":\"\\q\",\"time\":\"t\"}",
					   "{\"log\":\"\\u12\",\"time\":\"t\"}", "{\"time\":\"t\"}x" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(jsonlog_parse(bad[i], strlen(bad[i]), text, &r), -EINVAL);
}

/* ---- writing ---- */

struct bed {
	char path[64];
	int dir;
	struct log_file f;
	char *buf;
};

static int bed_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	strcpy(b->path, "/tmp/onggi-log.XXXXXX");
	if (!mkdtemp(b->path))
		return -1;
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->f.dir = b->dir;
	strcpy(b->f.name, "l");
	b->f.cap = LOG_BUFFER_MIN;
	b->f.buf = b->buf = malloc(b->f.cap);
	*state = b;
	return 0;
}

static int bed_down(void **state)
{
	struct bed *b = *state;
	struct err e = { 0 };
	int r;

	log_file_close(&b->f);
	close(b->dir);
	r = io_remove_tree(AT_FDCWD, b->path, &e);
	free(b->buf);
	free(b);
	return r;
}

static off_t file_size(struct bed *b, const char *name)
{
	struct stat st;

	return fstatat(b->dir, name, &st, 0) ? -1 : st.st_size;
}

static void add_numbers(struct bed *b, int from, int to)
{
	char t[32];

	for (int i = from; i < to; i++) {
		snprintf(t, sizeof(t), "line %d\n", i);
		log_file_add(&b->f, LOG_STDOUT, t, strlen(t), day);
	}
	log_file_flush(&b->f);
}

/* Read it all back: number of records, the first line, the last one. */
static int read_back(struct bed *b, int64_t tail, char first[64], char last[64])
{
	struct log_read_from from = { .tail = tail, .since_ns = INT64_MIN };
	OWN_LOG_READER r = { 0 };
	struct jsonlog_record rec;
	struct err e = { 0 };
	int n = 0;

	assert_int_equal(log_reader_open(b->dir, "l", &from, &r, &e), 0);
	while (log_reader_next(&r, &rec, &e) > 0) {
		snprintf(last, 64, "%.*s", (int)(rec.n < 60 ? rec.n : 60), rec.text);
		if (!n++)
			strcpy(first, last);
	}
	return n;
}

static void long_lines_are_split(void **state)
{
	struct bed *b = *state;
	struct line_split l = { .held = malloc(LOG_LINE_MAX) };
	size_t big = 2 * LOG_LINE_MAX + 100;
	char *text = malloc(big + 2), first[64], last[64];
	struct err e = { 0 };

	memset(text, 'x', big);
	text[big] = '\n';
	assert_int_equal(log_file_open(&b->f, &e), 0);
	/* in pieces that never end where a record does; docker splits at the same places */
	for (size_t at = 0; at < big + 1;) {
		size_t n = big + 1 - at < 777 ? big + 1 - at : 777;
		line_split_feed(&l, &b->f, LOG_STDOUT, text + at, n, at ? "2030-01-01T00:00:00Z" : day);
		at += n;
	}
	line_split_feed(&l, &b->f, LOG_STDOUT, "end", 3, day);
	line_split_end(&l, &b->f, LOG_STDOUT);
	log_file_flush(&b->f);
	struct log_read_from from = { .tail = -1, .since_ns = INT64_MIN };
	OWN_LOG_READER r = { 0 };
	struct jsonlog_record rec;
	static const size_t want[] = { LOG_LINE_MAX, LOG_LINE_MAX, 101, 3 };
	assert_int_equal(log_reader_open(b->dir, "l", &from, &r, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(log_reader_next(&r, &rec, &e), 1);
		assert_int_equal(rec.n, want[i]);
		assert_memory_equal(rec.time, day, rec.time_n); /* that of the line's beginning */
	}
	assert_int_equal(log_reader_next(&r, &rec, &e), 0);
	assert_int_equal(read_back(b, 1, first, last), 1);
	assert_string_equal(last, "end");
	free(text);
	free(l.held);
}

static void files_rotate_as_docker_names_them(void **state)
{
	struct bed *b = *state;
	char first[64], last[64];
	struct err e = { 0 };

	b->f.max_size = 1000;
	b->f.max_file = 3;
	assert_int_equal(log_file_open(&b->f, &e), 0);
	add_numbers(b, 0, 200);
	assert_true(file_size(b, "l") > 0 && file_size(b, "l") < 1100);
	assert_true(file_size(b, "l.1") >= 1000 && file_size(b, "l.1") < 1100);
	assert_true(file_size(b, "l.2") >= 1000);
	assert_int_equal(file_size(b, "l.3"), -1);
	int n = read_back(b, -1, first, last);
	assert_true(n > 30 && n < 50);
	assert_string_equal(last, "line 199\n");
	assert_int_equal(read_back(b, 20, first, last), 20);
	assert_string_equal(first, "line 180\n");
	assert_int_equal(read_back(b, 100000, first, last), n);
	assert_int_equal(read_back(b, 0, first, last), 0);
}

static void one_file_is_emptied(void **state)
{
	struct bed *b = *state;
	char first[64], last[64];
	struct err e = { 0 };

	b->f.max_size = 1000;
	b->f.max_file = 1;
	assert_int_equal(log_file_open(&b->f, &e), 0);
	add_numbers(b, 0, 200);
	assert_int_equal(file_size(b, "l.1"), -1);
	assert_true(file_size(b, "l") < 1100);
	read_back(b, -1, first, last);
	assert_string_equal(last, "line 199\n");
}

static void full_disk_keeps_whole_records(void **state)
{
	struct bed *b = *state;
	struct rlimit old, small;
	char first[64], last[64];
	struct err e = { 0 };

	/* the limit of file size acts as a disk of 500 bytes: a short write, then an error */
	assert_int_equal(log_file_open(&b->f, &e), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 500, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	add_numbers(b, 0, 20);
	add_numbers(b, 20, 30);
	setrlimit(RLIMIT_FSIZE, &old);
	int kept = read_back(b, -1, first, last);
	assert_true(kept > 3 && kept < 10);
	assert_int_equal(b->f.dropped, 30 - kept);
	add_numbers(b, 30, 31);
	assert_int_equal(read_back(b, -1, first, last), kept + 2);
	assert_string_equal(last, "line 30\n");
	assert_int_equal(b->f.dropped, 30 - kept);
	read_back(b, 2, first, last);
	snprintf(last, sizeof(last), "onggi: %d log records lost here", 30 - kept);
	assert_memory_equal(first, last, strlen(last));
}

static void crash_leaves_no_broken_neighbour(void **state)
{
	struct bed *b = *state;
	char first[64], last[64];
	struct err e = { 0 };
	int fd = openat(b->dir, "l", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	dprintf(fd, "{\"log\":\"half");
	close(fd);
	assert_int_equal(log_file_open(&b->f, &e), 0);
	add_numbers(b, 0, 2);
	assert_int_equal(read_back(b, -1, first, last), 2);
	assert_string_equal(first, "line 0\n");
}

/* ---- reading ---- */

static void reader_follows_over_rotation(void **state)
{
	struct bed *b = *state;
	struct log_read_from from = { .tail = 0, .since_ns = INT64_MIN };
	OWN_LOG_READER r = { 0 };
	struct jsonlog_record rec;
	struct err e = { 0 };
	char want[32];
	int next = 0;

	/* before the file exists */
	assert_int_equal(log_reader_open(b->dir, "l", &from, &r, &e), 0);
	assert_int_equal(log_reader_next(&r, &rec, &e), 0);
	b->f.max_size = 1000;
	b->f.max_file = 5;
	assert_int_equal(log_file_open(&b->f, &e), 0);
	for (int round = 0; round < 40; round++) {
		/* up to 3 rotations between two looks */
		int n = round % 4 * 11 + 1;
		add_numbers(b, next, next + n);
		for (int i = 0; i < n; i++) {
			assert_int_equal(log_reader_next(&r, &rec, &e), 1);
			snprintf(want, sizeof(want), "line %d\n", next + i);
			assert_int_equal(rec.n, strlen(want));
			assert_memory_equal(rec.text, want, rec.n);
		}
		assert_int_equal(log_reader_next(&r, &rec, &e), 0);
		next += n;
	}
}

static void reader_waits_for_the_rest_of_a_record(void **state)
{
	struct bed *b = *state;
	struct log_read_from from = { .tail = -1, .since_ns = INT64_MIN };
	OWN_LOG_READER r = { 0 };
	struct jsonlog_record rec;
	struct err e = { 0 };
	char out[256];
	size_t n = encode("text\n", 5, out);
	int fd = openat(b->dir, "l", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_int_equal(log_reader_open(b->dir, "l", &from, &r, &e), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(write(fd, out + i, 1), 1);
		assert_int_equal(log_reader_next(&r, &rec, &e), i == n - 1);
	}
	/* emptied by somebody: starts over */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, "{}\n", 3), 3);
	assert_int_equal(write(fd, out, n), (ssize_t)n);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(log_reader_next(&r, &rec, &e), 0);
	assert_int_equal(write(fd, out, n), (ssize_t)n);
	assert_int_equal(log_reader_next(&r, &rec, &e), 1);
	close(fd);
}

/* Offset of --since: close before the first record that is wanted, in files of many sizes. */
static void since_is_found_by_halving(void **state)
{
	struct bed *b = *state;
	struct err e = { 0 };
	char t[64], when[CLOCK_TEXT_MAX];
	const int64_t start = 1700000000LL * 1000000000;

	b->f.max_size = 1 << 20;
	b->f.max_file = 4;
	assert_int_equal(log_file_open(&b->f, &e), 0);
	for (int i = 0; i < 30000; i++) {
		snprintf(t, sizeof(t), "%d\n", i);
		clock_format(start + i * 1000000LL, when);
		log_file_add(&b->f, LOG_STDOUT, t, strlen(t), when);
	}
	log_file_flush(&b->f);
	for (int want = 0; want < 30010; want += 997) {
		struct log_read_from from = { .tail = -1, .since_ns = start + want * 1000000LL };
		OWN_LOG_READER r = { 0 };
		struct jsonlog_record rec;
		int before = 0, got = -1;

		assert_int_equal(log_reader_open(b->dir, "l", &from, &r, &e), 0);
		while (log_reader_next(&r, &rec, &e) > 0) {
			got = atoi(rec.text);
			if (got >= want)
				break;
			before++;
		}
		assert_true(before < 3000);
		if (want < 30000)
			assert_int_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_those_of_docker),
		cmocka_unit_test(records_round_trip),
		cmocka_unit_test(foreign_records_are_read),
		cmocka_unit_test_setup_teardown(long_lines_are_split, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(files_rotate_as_docker_names_them, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(one_file_is_emptied, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(full_disk_keeps_whole_records, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(crash_leaves_no_broken_neighbour, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(reader_follows_over_rotation, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(reader_waits_for_the_rest_of_a_record, bed_up, bed_down),
		cmocka_unit_test_setup_teardown(since_is_found_by_halving, bed_up, bed_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
