/* SPDX-License-Identifier: Apache-2.0
 *
 * memcpy, memmove and memcmp for the static programs: musl's start a string instruction for a handful of
 * bytes, and compare one byte at a time. Short blocks are moved by a few loads, all of them before the
 * first store, so that one body serves blocks that overlap as well.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char wide __attribute__((vector_size(16)));

enum { BLOCK = 64, LONG = 2048 };

#define LOAD(type, at)                                \
	({                                            \
		type v_;                              \
		__builtin_memcpy(&v_, (at), sizeof v_); \
		v_;                                   \
	})
#define STORE(at, v)                                   \
	do {                                           \
		__typeof__(v) s_ = (v);                \
		__builtin_memcpy((at), &s_, sizeof s_); \
	} while (0)

#define MOVE_ENDS(type)                                               \
	do {                                                          \
		type first_ = LOAD(type, s), last_ = LOAD(type, s + n - sizeof(type)); \
		STORE(d, first_);                                     \
		STORE(d + n - sizeof(type), last_);                   \
	} while (0)

static inline __attribute__((always_inline)) void move_short(unsigned char *d, const unsigned char *s, size_t n)
{
	if (n >= 32) {
		wide a = LOAD(wide, s), b = LOAD(wide, s + 16);
		wide y = LOAD(wide, s + n - 32), z = LOAD(wide, s + n - 16);
		STORE(d, a);
		STORE(d + 16, b);
		STORE(d + n - 32, y);
		STORE(d + n - 16, z);
	} else if (n >= 16) {
		MOVE_ENDS(wide);
	} else if (n >= 8) {
		MOVE_ENDS(uint64_t);
	} else if (n >= 4) {
		MOVE_ENDS(uint32_t);
	} else if (n >= 2) {
		MOVE_ENDS(uint16_t);
	} else if (n) {
		*d = *s;
	}
}

static void move_block(unsigned char *d, const unsigned char *s)
{
	wide a = LOAD(wide, s), b = LOAD(wide, s + 16), y = LOAD(wide, s + 32), z = LOAD(wide, s + 48);

	STORE(d, a);
	STORE(d + 16, b);
	STORE(d + 32, y);
	STORE(d + 48, z);
}

static void move_up(unsigned char *d, const unsigned char *s, size_t n)
{
	for (; n > BLOCK; d += BLOCK, s += BLOCK, n -= BLOCK)
		move_block(d, s);
	move_short(d, s, n);
}

static void move_down(unsigned char *d, const unsigned char *s, size_t n)
{
	for (; n > BLOCK; n -= BLOCK)
		move_block(d + n - BLOCK, s + n - BLOCK);
	move_short(d, s, n);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if (n <= BLOCK) {
		move_short(d, s, n);
		return to;
	}
#ifdef __x86_64__
	/* the processor's own loop is the quickest for what is long */
	if (n >= LONG) {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
		return to;
	}
#endif
	move_up(d, s, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	uintptr_t d = (uintptr_t)to, s = (uintptr_t)from;

	if (n <= BLOCK)
		move_short(to, from, n);
	else if (d - s >= n && s - d >= n)
		memcpy(to, from, n);
	else if (d < s)
		move_up(to, from, n);
	else
		move_down(to, from, n);
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	while (n >= 8 && LOAD(uint64_t, p) == LOAD(uint64_t, q)) {
		p += 8;
		q += 8;
		n -= 8;
	}
	while (n && *p == *q) {
		p++;
		q++;
		n--;
	}
	return n ? *p - *q : 0;
}
