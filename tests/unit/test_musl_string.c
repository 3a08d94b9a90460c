/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/musl/string.c and sort.c, here under other names, against the C library's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

void *own_memcpy(void *restrict to, const void *restrict from, size_t n);
void *own_memmove(void *to, const void *from, size_t n);
int own_memcmp(const void *a, const void *b, size_t n);
void own_qsort(void *base, size_t n, size_t size, int (*order)(const void *, const void *));

#define memcpy	own_memcpy
#define memmove own_memmove
#define memcmp	own_memcmp
#define qsort	own_qsort
#include "musl/sort.c"
#include "musl/string.c"
#undef memcpy
#undef memmove
#undef memcmp
#undef qsort

enum { ROOM_BYTES = 6000 };

static void fill(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(seed = seed * 1103515245 + 12345 + (seed >> 16));
}

static void bytes_arrive(void **state)
{
	static unsigned char from[ROOM_BYTES], to[ROOM_BYTES], want[ROOM_BYTES];

	(void)state;
	fill(from, sizeof from, 1);
	for (size_t n = 0; n < 5000; n += n < 300 ? 1 : 97)
		for (size_t at = 0; at < 20; at += 7) {
			memset(to, 0xee, sizeof to);
			memset(want, 0xee, sizeof want);
			memcpy(want + at, from + 3, n);
			assert_ptr_equal(own_memcpy(to + at, from + 3, n), to + at);
			assert_int_equal(memcmp(to, want, sizeof to), 0);
		}
}

static void blocks_that_overlap(void **state)
{
	static const int shifts[] = { -200, -65, -64, -33, -16, -9, -1, 0, 1, 7, 8, 15, 31, 63, 64, 100, 300 };
	static unsigned char own[ROOM_BYTES], want[ROOM_BYTES];

	(void)state;
	for (size_t n = 0; n < 4500; n += n < 200 ? 1 : 131)
		for (size_t i = 0; i < ARRAY_LEN(shifts); i++) {
			fill(own, sizeof own, (unsigned)n);
			memcpy(want, own, sizeof own);
			memmove(want + 400 + shifts[i], want + 400, n);
			assert_ptr_equal(own_memmove(own + 400 + shifts[i], own + 400, n), own + 400 + shifts[i]);
			assert_int_equal(memcmp(own, want, sizeof own), 0);
		}
}

static void the_first_difference_counts(void **state)
{
	unsigned char a[100], b[100];

	(void)state;
	fill(a, sizeof a, 3);
	for (size_t n = 0; n <= sizeof a; n++) {
		memcpy(b, a, sizeof a);
		assert_int_equal(own_memcmp(a, b, n), 0);
		for (size_t i = 0; i < n; i++) {
			b[i] = (unsigned char)(a[i] + 1);
			if (i + 1 < n)
				b[i + 1] = (unsigned char)(a[i + 1] - 1);
			assert_true((own_memcmp(a, b, n) < 0) == (a[i] < b[i]));
			memcpy(b, a, sizeof a);
		}
	}
}

struct element {
	int key, before;
};

static int by_key(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	return (x->key > y->key) - (x->key < y->key);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 24);
}

static void equal_elements_keep_their_order(void **state)
{
	(void)state;
	for (size_t n = 0; n < 3000; n += n < 70 ? 1 : 211) {
		OWN_PTR struct element *v = calloc(n + 1, sizeof *v);
		assert_non_null(v);
		for (size_t i = 0; i < n; i++)
			v[i] = (struct element){ (int)(i * 7919 % 61), (int)i };
		v[n].key = -1; /* not part of it */
		own_qsort(v, n, sizeof *v, by_key);
		for (size_t i = 1; i < n; i++)
			assert_true(v[i - 1].key < v[i].key || (v[i - 1].key == v[i].key && v[i - 1].before < v[i].before));
		assert_int_equal(v[n].key, -1);
	}
	unsigned char own[50 * 24], want[50 * 24];
	fill(own, sizeof own, 9);
	memcpy(want, own, sizeof own);
	own_qsort(own, 50, 24, by_bytes);
	qsort(want, 50, 24, by_bytes);
	assert_memory_equal(own, want, sizeof own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive),
		cmocka_unit_test(blocks_that_overlap),
		cmocka_unit_test(the_first_difference_counts),
		cmocka_unit_test(equal_elements_keep_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
