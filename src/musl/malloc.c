/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for the static programs, in the place of musl's, which asks the kernel for pages and gives them
 * back some fifty times in the life of one container. A command lives for milliseconds: here pages
 * are taken once and reused, never returned; only big blocks (above 128 kB) are mappings of their own.
 *
 *   region | kind of each page (2 bytes) | page | page | ...      512 kB, then twice the last
 *   page   | blocks of one size; sizes above a page take whole pages
 *
 * What a page is for is known outside of it, so that a write beyond a block changes no sizes. A free block
 * holds the next one of its list, mixed with a secret, and a mark that tells a second free; whatever
 * does not fit ends the program. Not for programs with threads: these have none.
 */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

enum {
	PAGE = 4096, /* unit of the tables; the kernel's pages may be bigger */
	SMALL_MAX = PAGE,
	SPAN_PAGES_MAX = 32,
	SMALL_KINDS = 28, /* 16, 32 ... 128, then four for each doubling up to SMALL_MAX */
	KINDS = SMALL_KINDS + 15,
	RUN_PAGES = 4, /* blocks above RUN_FROM bytes share that many pages */
	RUN_FROM = 512,
	REGIONS = 16,
	REGION_FIRST = 512 << 10, /* below the size of a huge page, which would be filled at the first touch */
	BIG_HEAD = 32,
	NO_KIND = 0xff,
};

struct page {
	uint8_t kind; /* NO_KIND: not the start of anything */
	uint8_t at;   /* how many pages of the same run are before it */
};

struct region {
	unsigned char *start; /* the table of pages comes first */
	size_t pages, used;
};

struct free_block {
	uintptr_t next; /* mixed, see mix() */
	uintptr_t mark;
};

/* in front of a mapping of its own */
struct big {
	uintptr_t mark;
	size_t size;   /* of the mapping */
	size_t unused[2];
};

static struct {
	uintptr_t secret;
	struct region region[REGIONS];
	size_t n_regions;
	void *free[KINDS];
	unsigned char *fresh[SMALL_KINDS]; /* blocks of the last run that were never used */
	size_t fresh_n[SMALL_KINDS];
} heap;

static unsigned kind_of(size_t n)
{
	if (n <= 128)
		return n ? (unsigned)(n - 1) / 16 : 0;
	if (n <= SMALL_MAX) {
		unsigned top = 63 - (unsigned)__builtin_clzll(n - 1); /* 7: 129 .. 256 */
		return 8 + (top - 7) * 4 + (unsigned)((n - 1) >> (top - 2) & 3);
	}
	size_t pages = (n + PAGE - 1) / PAGE; /* 2 .. 8 one by one, then four for each doubling */
	if (pages <= 8)
		return SMALL_KINDS + (unsigned)pages - 2;
	unsigned top = 63 - (unsigned)__builtin_clzll(pages - 1);
	return SMALL_KINDS + 7 + (top - 3) * 4 + (unsigned)((pages - 1) >> (top - 2) & 3);
}

static size_t size_of(unsigned kind)
{
	if (kind < 8)
		return (kind + 1) * 16;
	if (kind < SMALL_KINDS)
		return (size_t)(5 + (kind - 8) % 4) << ((kind - 8) / 4 + 5);
	kind -= SMALL_KINDS;
	return kind < 7 ? (kind + 2) * (size_t)PAGE : ((size_t)(5 + (kind - 7) % 4) << ((kind - 7) / 4 + 1)) * PAGE;
}

static uintptr_t mix(const void *at, uintptr_t v)
{
	return v ^ heap.secret ^ (uintptr_t)at >> 12;
}

static struct page *page_table(const struct region *r)
{
	return (struct page *)r->start;
}

static bool region_new(size_t pages)
{
	size_t size = REGION_FIRST << heap.n_regions;
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (heap.n_regions == REGIONS)
		return false;
	while (size / PAGE < pages * 2)
		size *= 2;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	struct region *r = &heap.region[heap.n_regions++];
	*r = (struct region){ .start = p, .pages = size / PAGE };
	r->used = (r->pages * sizeof(struct page) + PAGE - 1) / PAGE;
	memset(page_table(r), NO_KIND, r->used * sizeof(struct page));
	if (random && !heap.secret)
		memcpy(&heap.secret, random, sizeof heap.secret);
	return true;
}

static unsigned char *pages_take(unsigned kind, size_t n)
{
	struct region *r = heap.n_regions ? &heap.region[heap.n_regions - 1] : NULL;

	if (!r || r->pages - r->used < n) {
		if (!region_new(n))
			return NULL;
		r = &heap.region[heap.n_regions - 1];
	}
	struct page *t = page_table(r) + r->used;
	unsigned char *p = r->start + r->used * PAGE;
	for (size_t i = 0; i < n; i++)
		t[i] = (struct page){ i && kind >= SMALL_KINDS ? NO_KIND : (uint8_t)kind, (uint8_t)i };
	r->used += n;
	return p;
}

/* the start of the run that holds @p, and what it is for; NULL: not in a region. A pointer to no block ends
 * the program. */
static const void *block_check(const void *p, unsigned *ret_kind)
{
	for (size_t i = 0; i < heap.n_regions; i++) {
		const struct region *r = &heap.region[i];
		size_t at = (size_t)((const unsigned char *)p - r->start), page = at / PAGE;
		if ((const unsigned char *)p < r->start || page >= r->used)
			continue;
		struct page t = page_table(r)[page];
		size_t from = (page - t.at) * PAGE;
		if (t.kind == NO_KIND || (at - from) % size_of(t.kind) != 0)
			abort();
		*ret_kind = t.kind;
		return p;
	}
	return NULL;
}

static void *fresh_block(unsigned kind)
{
	size_t size = size_of(kind);

	if (kind >= SMALL_KINDS)
		return pages_take(kind, size / PAGE);
	if (!heap.fresh_n[kind]) {
		size_t pages = size > RUN_FROM ? RUN_PAGES : 1;
		unsigned char *p = pages_take(kind, pages);
		if (!p)
			return NULL;
		heap.fresh[kind] = p;
		heap.fresh_n[kind] = pages * PAGE / size;
	}
	void *p = heap.fresh[kind];
	heap.fresh[kind] += size;
	heap.fresh_n[kind]--;
	return p;
}

static void *used_block(unsigned kind)
{
	struct free_block *b = heap.free[kind];
	unsigned next_kind;

	if (!b)
		return NULL;
	void *next = (void *)mix(b, b->next);
	if (b->mark != mix(b, kind) || (next && (!block_check(next, &next_kind) || next_kind != kind)))
		abort(); /* written to after it was freed */
	b->next = b->mark = 0;
	heap.free[kind] = next;
	return b;
}

static void *big_new(size_t n)
{
	size_t size = (n + BIG_HEAD + PAGE - 1) & ~(size_t)(PAGE - 1);

	if (n > PTRDIFF_MAX - 2 * PAGE)
		return NULL;
	struct big *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return NULL;
	*b = (struct big){ .mark = mix(b, size), .size = size };
	return (unsigned char *)b + BIG_HEAD;
}

static struct big *big_of(const void *p)
{
	struct big *b = (struct big *)((uintptr_t)p - BIG_HEAD);

	if (((uintptr_t)b & (PAGE - 1)) != 0 || b->mark != mix(b, b->size))
		abort();
	return b;
}

static void *take(size_t n, bool clear)
{
	unsigned kind = 0;
	void *p = NULL;

	if (n <= (size_t)SPAN_PAGES_MAX * PAGE) {
		kind = kind_of(n);
		p = used_block(kind);
		if (p && clear)
			memset(p, 0, n);
		if (!p)
			p = fresh_block(kind);
	} else {
		if (!heap.n_regions && !region_new(1)) /* makes the secret */
			return NULL;
		p = big_new(n);
	}
	if (!p)
		errno = ENOMEM;
	return p;
}

void *malloc(size_t n)
{
	return take(n, false);
}

void *calloc(size_t m, size_t n)
{
	size_t size;

	if (__builtin_mul_overflow(m, n, &size)) {
		errno = ENOMEM;
		return NULL;
	}
	return take(size, true);
}

void free(void *p)
{
	unsigned kind;
	int eno = errno;

	if (!p)
		return;
	if (!block_check(p, &kind)) {
		struct big *b = big_of(p);
		(void)munmap(b, b->size); /* fails only when it would split a mapping without memory for that */
		errno = eno;
		return;
	}
	struct free_block *b = p;
	if (b->mark == mix(b, kind))
		abort(); /* freed twice */
	b->next = mix(b, (uintptr_t)heap.free[kind]);
	b->mark = mix(b, kind);
	heap.free[kind] = b;
}

size_t malloc_usable_size(void *p)
{
	unsigned kind;

	if (!p)
		return 0;
	return block_check(p, &kind) ? size_of(kind) : big_of(p)->size - BIG_HEAD;
}

static void *big_resize(struct big *b, size_t n)
{
	size_t size = (n + BIG_HEAD + PAGE - 1) & ~(size_t)(PAGE - 1);

	if (n > PTRDIFF_MAX - 2 * PAGE)
		return NULL;
	b = mremap(b, b->size, size, MREMAP_MAYMOVE);
	if (b == MAP_FAILED)
		return NULL;
	*b = (struct big){ .mark = mix(b, size), .size = size };
	return (unsigned char *)b + BIG_HEAD;
}

void *realloc(void *p, size_t n)
{
	unsigned kind;

	if (!p)
		return malloc(n);
	bool small = block_check(p, &kind) != NULL;
	size_t have = small ? size_of(kind) : big_of(p)->size - BIG_HEAD;
	if (!small && n > (size_t)SPAN_PAGES_MAX * PAGE) {
		void *q = big_resize(big_of(p), n);
		if (!q)
			errno = ENOMEM;
		return q;
	}
	if (small && n <= have && (n > have / 2 || have <= 64))
		return p;
	void *q = malloc(n);
	if (!q)
		return NULL;
	memcpy(q, p, n < have ? n : have);
	free(p);
	return q;
}

/* Blocks of a page and more begin at one, but for mappings of their own. Nothing here wants more. */
void *aligned_alloc(size_t align, size_t n)
{
	if (align & (align - 1) || align > PAGE || (align > 16 && n > (size_t)SPAN_PAGES_MAX * PAGE)) {
		errno = EINVAL;
		return NULL;
	}
	return malloc(align > 16 && n <= SMALL_MAX ? SMALL_MAX : n);
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	int eno = errno;
	void *p = aligned_alloc(align, n);

	if (!p) {
		int r = errno;
		errno = eno;
		return r;
	}
	*ret = p;
	return 0;
}

void *memalign(size_t align, size_t n)
{
	return aligned_alloc(align, n);
}
