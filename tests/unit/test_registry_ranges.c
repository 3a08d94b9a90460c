/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of pieces that come ahead: who has which piece, what is taken, given back, read; many fetchers at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "registry/range_window.h"

enum { PIECE = 1000 };

static void window(struct range_window *w, int64_t size, int64_t at, uint32_t n)
{
	struct err e = { 0 };
	int dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	assert_int_equal(range_window_init(w, dir, size, at, PIECE, n, &e), 0);
	close(dir);
}

/* byte @at of the blob */
static unsigned char byte(int64_t at)
{
	return (unsigned char)(at * 7 + at / 251);
}

static void bytes(unsigned char *p, int64_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte(at + (int64_t)i);
}

static int add(struct range_window *w, int64_t i, int64_t off, size_t n)
{
	unsigned char p[PIECE];
	struct err e = { 0 };

	bytes(p, i * PIECE + off, n);
	int r = range_window_add(w, i, p, n, &e);
	if (r < 0)
		assert_int_equal(e.kind, E_CANCELLED);
	return r;
}

static void reads(struct range_window *w, int64_t at, ssize_t want)
{
	unsigned char p[2 * PIECE], right[2 * PIECE];
	struct err e = { 0 };

	assert_int_equal(range_window_read(w, at, p, sizeof p, &e), want);
	bytes(right, at, (size_t)want);
	assert_memory_equal(p, right, (size_t)want);
}

static void pieces_in_order(void **state)
{
	struct range_window w;
	int64_t i;

	(void)state;
	window(&w, 3500, 200, 4);
	for (int64_t want = 1; want <= 3; want++) {
		assert_true(range_window_claim(&w, &i));
		assert_int_equal(i, want);
	}
	assert_false(range_window_claim(&w, &i)); /* no more of the blob */
	assert_int_equal(range_window_end(&w, 3), 3500);
	reads(&w, 200, 0); /* the reader's own */
	for (i = 1; i <= 3; i++) {
		assert_int_equal(add(&w, i, 0, i < 3 ? PIECE : 500), 0);
		range_window_return(&w, i);
	}
	assert_false(range_window_take(&w, 1000));
	reads(&w, 1000, 1000);
	reads(&w, 2000, 1000);
	reads(&w, 3000, 500);
	range_window_done(&w);
}

static void room_is_limited(void **state)
{
	struct range_window w;
	int64_t i;

	(void)state;
	window(&w, 100 * PIECE, 0, 2);
	assert_true(range_window_claim(&w, &i));
	assert_int_equal(i, 1);
	assert_true(range_window_take(&w, 1500)); /* claimed, no byte yet: the reader was faster */
	assert_int_equal(add(&w, 1, 0, 10), -ECANCELED);
	range_window_return(&w, 1);
	assert_true(range_window_claim(&w, &i));
	assert_int_equal(i, 2);
	assert_true(range_window_take(&w, 7000)); /* far behind what was claimed */
	assert_int_equal(add(&w, 2, 0, 10), -ECANCELED);
	assert_true(range_window_claim(&w, &i));
	assert_int_equal(i, 8);
	range_window_stop(&w);
	assert_int_equal(add(&w, 8, 0, 10), -ECANCELED);
	assert_false(range_window_claim(&w, &i));
	assert_false(range_window_await(&w, 8));
	range_window_done(&w);
}

static void broken_pieces(void **state)
{
	struct range_window w;
	int64_t i;

	(void)state;
	window(&w, 10 * PIECE, 0, 4);
	assert_true(range_window_claim(&w, &i) && range_window_claim(&w, &i));
	assert_int_equal(add(&w, 1, 0, 300), 0);
	assert_int_equal(add(&w, 1, 300, 100), 0);
	assert_false(range_window_take(&w, 1000));
	range_window_return(&w, 1);
	reads(&w, 1000, 400);
	reads(&w, 1400, 0);
	assert_true(range_window_take(&w, 1400));
	reads(&w, 1700, 0); /* the reader's stream broke as well: it goes on by itself */
	range_window_return(&w, 2);
	reads(&w, 2000, 0);
	assert_true(range_window_await(&w, 1));
	range_window_done(&w);
}

/* many of them and a reader at once; some pieces are given back half done */
static sem_t begun;

static void *fetcher(void *data)
{
	struct range_window *w = data;
	int64_t i;

	while (range_window_claim(w, &i)) {
		int64_t n = range_window_end(w, i) - i * PIECE, until = i % 7 ? n : n / 2;
		for (int64_t off = 0; off < until; off += 100)
			if (add(w, i, off, (size_t)(until - off < 100 ? until - off : 100)) < 0)
				break;
			else
				sem_post(&begun);
		range_window_return(w, i);
		if (i % 7 == 0 && !range_window_await(w, i))
			break;
	}
	return NULL;
}

static void many_at_once(void **state)
{
	enum { FETCHERS = 6, SIZE = 400 * PIECE + 123 };
	unsigned char p[4096], right[4096];
	pthread_t threads[FETCHERS];
	struct range_window w;
	struct err e = { 0 };
	int64_t at = 0, fetched = 0;

	(void)state;
	window(&w, SIZE, 0, 9);
	assert_int_equal(sem_init(&begun, 0, 0), 0);
	for (size_t t = 0; t < FETCHERS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, fetcher, &w), 0);
	sem_wait(&begun);
	while (at < SIZE) {
		ssize_t n = range_window_read(&w, at, p, sizeof p, &e);
		assert_true(n >= 0);
		bytes(right, at, (size_t)n);
		assert_memory_equal(p, right, (size_t)n);
		if (!n) { /* by itself, as far as it may */
			int64_t end = range_window_end(&w, at / PIECE);
			for (; at < end && range_window_take(&w, at); at += n)
				n = end - at < 50 ? end - at : 50;
			continue;
		}
		at += n;
		fetched += n;
	}
	assert_int_equal(at, SIZE);
	assert_true(fetched > 0);
	range_window_stop(&w);
	for (size_t t = 0; t < FETCHERS; t++)
		pthread_join(threads[t], NULL);
	range_window_done(&w);
	sem_destroy(&begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_in_order),
		cmocka_unit_test(room_is_limited),
		cmocka_unit_test(broken_pieces),
		cmocka_unit_test(many_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
