/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk whose power is cut. Its writes and flushes are written down, and any moment can be made again:
 * all that was written before the last flush, and of what was written after it some, in any order, some of
 * it torn, as a disk with a cache may leave it.
 *
 *   cutdisk serve IMAGE LOG FILE           IMAGE as the file FILE (to be mounted with -o loop); ends with umount
 *   cutdisk count LOG                      records so far: the moment that a command has ended at
 *   cutdisk points LOG FROM N SEED         N moments after record FROM, in their order: every second one just before a flush
 *   cutdisk replay LOG IMAGE MOMENT SEED SECTOR
 *                                          brings IMAGE, which is as it was when LOG began, to that moment; of a torn
 *                                          write each SECTOR bytes are there or not, 512 or 4096
 */
#include "cutdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct log {
	const char *p;
	size_t size;
};

static int fail(const char *what)
{
	fprintf(stderr, "cutdisk: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool log_open(const char *path, struct log *l)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	l->size = (size_t)st.st_size;
	l->p = l->size ? mmap(NULL, l->size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
	close(fd);
	return l->p != MAP_FAILED;
}

/* the record at @at, which moves on to the next one; false at the end, also of one that is not whole */
static bool log_next(const struct log *l, size_t *at, struct cut_record *ret, const char **ret_data)
{
	if (l->size - *at < sizeof *ret)
		return false;
	memcpy(ret, l->p + *at, sizeof *ret);
	if (l->size - *at - sizeof *ret < ret->n_bytes)
		return false;
	*ret_data = l->p + *at + sizeof *ret;
	*at += sizeof *ret + ret->n_bytes;
	return true;
}

/* splitmix64: the same numbers everywhere for the same seed */
static uint64_t draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t count(const struct log *l, size_t *ret_flushes)
{
	struct cut_record r;
	const char *data;
	size_t n = 0;

	*ret_flushes = 0;
	for (size_t at = 0; log_next(l, &at, &r, &data); n++)
		*ret_flushes += r.kind == CUT_FLUSH;
	return n;
}

static int by_number(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

static int points(const struct log *l, size_t from, size_t n, uint64_t seed)
{
	size_t flushes, all = count(l, &flushes), k = 0, i = 0;
	size_t *flush = malloc((flushes + 1) * sizeof *flush), *out = malloc((n + 1) * sizeof *out);
	struct cut_record r;
	const char *data;

	if (!flush || !out || all <= from) {
		errno = ERANGE;
		return fail("points");
	}
	for (size_t at = 0; log_next(l, &at, &r, &data); i++)
		if (r.kind == CUT_FLUSH && i >= from)
			flush[k++] = i;
	/* before a flush the most is open; anywhere: what is in the middle of much that is written */
	for (i = 0; i < n; i++)
		out[i] = i % 2 && k ? flush[draw(&seed) % k] : from + draw(&seed) % (all - from + 1);
	qsort(out, n, sizeof *out, by_number);
	for (i = 0; i < n; i++)
		printf("%zu\n", out[i]);
	free(flush);
	free(out);
	return 0;
}

/* @n bytes at @offset, or some sectors of them: power went while they were written */
static bool put(int image, const struct cut_record *r, const char *data, unsigned sector, uint64_t *seed)
{
	for (size_t done = 0; done < r->n_bytes;) {
		size_t n = sector && r->n_bytes - done > sector ? sector : r->n_bytes - done;
		if ((!sector || draw(seed) % 2) &&
		    pwrite(image, data + done, n, (off_t)(r->offset + done)) != (ssize_t)n)
			return false;
		done += n;
	}
	return true;
}

static int replay(const struct log *l, const char *path, size_t moment, uint64_t seed, unsigned sector)
{
	/* of what no flush covers, in eighths: nothing, little, half, much, all */
	static const unsigned odds[] = { 0, 1, 4, 7, 8 };
	int image = open(path, O_WRONLY | O_CLOEXEC);
	size_t at = 0, i = 0, safe = 0;
	struct cut_record r;
	const char *data;

	if (image < 0)
		return fail(path);
	seed ^= moment * 0x9e3779b97f4a7c15;
	unsigned kept = odds[draw(&seed) % 5];
	while (i < moment && log_next(l, &at, &r, &data))
		if (++i && r.kind == CUT_FLUSH)
			safe = i;
	for (at = 0, i = 0; i < moment && log_next(l, &at, &r, &data); i++) {
		unsigned torn = 0;
		if (r.kind != CUT_WRITE)
			continue;
		if (i >= safe) {
			if (draw(&seed) % 8 >= kept)
				continue;
			torn = draw(&seed) % 4 ? 0 : draw(&seed) % 2 ? sector : 4096;
		}
		if (!put(image, &r, data, torn, &seed))
			return fail("write");
	}
	return close(image) < 0 ? fail(path) : 0;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
	struct log l;
	size_t flushes;

	if (argc == 5 && !strcmp(argv[1], "serve"))
		return cut_serve(argv[2], argv[3], argv[4]);
	if (argc < 3) {
		fprintf(stderr, "usage: cutdisk serve|count|points|replay ...\n");
		return 1;
	}
	if (!log_open(argv[2], &l))
		return fail(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "count"))
		return printf("%zu\n", count(&l, &flushes)) < 0;
	if (argc == 6 && !strcmp(argv[1], "points"))
		return points(&l, number(argv[3]), number(argv[4]), number(argv[5]));
	if (argc == 7 && !strcmp(argv[1], "replay") && number(argv[6]))
		return replay(&l, argv[3], number(argv[4]), number(argv[5]), (unsigned)number(argv[6]));
	fprintf(stderr, "cutdisk: what is %s with %d words?\n", argv[1], argc - 2);
	return 1;
}
