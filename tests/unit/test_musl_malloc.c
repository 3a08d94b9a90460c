/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/musl/malloc.c, here under other names beside the allocator of the tests.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <malloc.h>

#define malloc		   own_malloc
#define calloc		   own_calloc
#define realloc		   own_realloc
#define free		   own_free
#define aligned_alloc	   own_aligned_alloc
#define posix_memalign	   own_posix_memalign
#define memalign	   own_memalign
#define malloc_usable_size own_malloc_usable_size

void *own_malloc(size_t n);
void *own_calloc(size_t m, size_t n);
void *own_realloc(void *p, size_t n);
void own_free(void *p);
void *own_aligned_alloc(size_t align, size_t n);
int own_posix_memalign(void **ret, size_t align, size_t n);
void *own_memalign(size_t align, size_t n);
size_t own_malloc_usable_size(void *p);

#include "musl/malloc.c"

static void kinds_are_big_enough(void **state)
{
	(void)state;
	for (size_t n = 0; n <= (size_t)SPAN_PAGES_MAX * PAGE; n++) {
		unsigned kind = kind_of(n);
		assert_true(kind < KINDS && size_of(kind) >= n);
		assert_true(kind == 0 || size_of(kind - 1) < n);
		assert_int_equal(kind_of(size_of(kind)), kind);
	}
}

static uint64_t rnd(uint64_t *s)
{
	*s = *s * 6364136223846793005 + 1442695040888963407;
	return *s >> 33;
}

static size_t random_size(uint64_t *s)
{
	static const size_t most[] = { 32, 200, 1000, 5000, 40000, 300000 };
	return rnd(s) % most[rnd(s) % (sizeof most / sizeof most[0])];
}

struct block {
	unsigned char *p;
	size_t n;
	unsigned char fill;
};

static void block_verify(const struct block *b)
{
	for (size_t k = 0; k < b->n; k++)
		if (b->p[k] != b->fill)
			fail_msg("byte %zu of %zu has changed", k, b->n);
}

static void block_fill(struct block *b, uint64_t *s)
{
	b->fill = (unsigned char)rnd(s);
	memset(b->p, b->fill, b->n);
}

/* every block keeps its bytes while others come, grow and go */
static void blocks_do_not_touch(void **state)
{
	struct block v[300] = { 0 };
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct block *b = &v[rnd(&seed) % 300];
		size_t n = random_size(&seed);
		block_verify(b);
		if (b->p && rnd(&seed) % 3 == 0) {
			b->p = realloc(b->p, n);
			assert_non_null(b->p);
			b->n = n < b->n ? n : b->n;
			block_verify(b);
		} else {
			bool clear = rnd(&seed) % 2;
			free(b->p);
			b->p = clear ? calloc(1, n) : malloc(n);
			assert_non_null(b->p);
			b->fill = 0;
			b->n = n;
			if (clear)
				block_verify(b);
		}
		b->n = n;
		assert_true(((uintptr_t)b->p & 15) == 0 && malloc_usable_size(b->p) >= n);
		block_fill(b, &seed);
	}
	for (size_t i = 0; i < 300; i++) {
		block_verify(&v[i]);
		free(v[i].p);
	}
	/* what has been freed is used again: no new pages */
	size_t regions = heap.n_regions, used = heap.region[regions - 1].used;
	for (int i = 0; i < 1000; i++) {
		void *p = malloc(100), *q = malloc(3000), *r = malloc(9000);
		free(p);
		free(q);
		free(r);
	}
	assert_true(heap.n_regions == regions && heap.region[regions - 1].used <= used + 8);
}

static void odd_requests(void **state)
{
	volatile size_t huge = SIZE_MAX; /* not for the compiler to see */
	void *p = NULL;
	(void)state;
	assert_null(malloc(huge));
	assert_null(malloc(huge / 2));
	assert_null(calloc(huge / 2, 3));
	p = malloc(0);
	assert_non_null(p);
	assert_null(realloc(p, huge));
	free(p);
	free(NULL);
	assert_int_equal(malloc_usable_size(NULL), 0);
	p = aligned_alloc(4096, 5000);
	assert_true(p && !((uintptr_t)p & 4095));
	free(p);
	assert_int_equal(posix_memalign(&p, 64, 10), 0);
	assert_true(p && !((uintptr_t)p & 63));
	free(p);
	assert_null(aligned_alloc(8192, 1));
	assert_null(aligned_alloc(24, 1));
	p = malloc(1 << 20);
	memset(p, 7, 1 << 20);
	p = realloc(p, 3 << 20);
	assert_int_equal(((char *)p)[(1 << 20) - 1], 7);
	p = realloc(p, 10);
	assert_int_equal(((char *)p)[9], 7);
	free(p);
}

static void twice(void)
{
	char *p = malloc(40);
	free(p);
	free(p);
}

static void inside(void)
{
	free((char *)malloc(100) + 16);
}

static void inside_span(void)
{
	free((char *)malloc(20000) + 4096);
}

static void not_ours(void)
{
	static char page[8192];
	free((char *)(((uintptr_t)page + 4095) & ~(uintptr_t)4095) + 32);
}

static void written_after(void)
{
	char *p = malloc(48), *q = malloc(48);
	free(p);
	free(q);
	memset(q, 'A', 48);
	p = malloc(48);
	q = malloc(48);
	_exit(p && q);
}

static void misuse_ends_the_program(void **state)
{
	static void (*const wrong[])(void) = { twice, inside, inside_span, not_ours, written_after };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int status;
		pid_t pid = fork();
		if (!pid) {
			signal(SIGABRT, SIG_DFL);
			wrong[i]();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("%zu: status %x", i, status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_big_enough),
		cmocka_unit_test(blocks_do_not_touch),
		cmocka_unit_test(odd_requests),
		cmocka_unit_test(misuse_ends_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
