/* SPDX-License-Identifier: Apache-2.0
 *
 * qsort for the static programs: a merge sort that keeps equal elements in their order, as glibc's does;
 * musl's does not, and is slower for the sizes that occur here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { RUN = 8, ROOM = 2048 };

struct sort {
	int (*order)(const void *, const void *);
	size_t size;
};

/* @n elements, few of them, in place; @one has room for one */
static void sort_run(const struct sort *s, char *v, size_t n, char *one)
{
	for (size_t i = 1; i < n; i++) {
		char *p = v + i * s->size, *to = p;
		while (to > v && s->order(to - s->size, p) > 0)
			to -= s->size;
		if (to == p)
			continue;
		memcpy(one, p, s->size);
		memmove(to + s->size, to, (size_t)(p - to));
		memcpy(to, one, s->size);
	}
}

/* a: a_n elements from @from on, b: the b_n after them */
static void merge(const struct sort *s, const char *from, size_t a_n, size_t b_n, char *out)
{
	const char *a = from, *a_end = a + a_n * s->size, *b = a_end, *b_end = b + b_n * s->size;

	while (a < a_end && b < b_end) {
		bool second = s->order(a, b) > 0;
		memcpy(out, second ? b : a, s->size);
		out += s->size;
		if (second)
			b += s->size;
		else
			a += s->size;
	}
	memcpy(out, a, (size_t)(a_end - a));
	out += a_end - a;
	memcpy(out, b, (size_t)(b_end - b));
}

static void sort_merge(const struct sort *s, char *v, size_t n, char *room)
{
	char *from = v, *to = room;

	for (size_t i = 0; i < n; i += RUN)
		sort_run(s, v + i * s->size, n - i < RUN ? n - i : RUN, room);
	for (size_t run = RUN; run < n; run *= 2) {
		for (size_t i = 0; i < n; i += 2 * run) {
			size_t a_n = n - i < run ? n - i : run;
			size_t b_n = n - i - a_n < run ? n - i - a_n : run;
			merge(s, from + i * s->size, a_n, b_n, to + i * s->size);
		}
		char *other = from;
		from = to;
		to = other;
	}
	if (from != v)
		memcpy(v, from, n * s->size);
}

void qsort(void *base, size_t n, size_t size, int (*order)(const void *, const void *))
{
	struct sort s = { order, size };
	size_t bytes = n * size; /* of an array that is there: no overflow */
	char small[ROOM];

	if (n < 2 || !size)
		return;
	char *big = bytes > ROOM ? malloc(bytes) : NULL;
	if (bytes <= ROOM || big)
		sort_merge(&s, base, n, big ? big : small);
	else if (size <= ROOM)
		sort_run(&s, base, n, small); /* slowly, without memory */
	else
		abort();
	free(big);
}
