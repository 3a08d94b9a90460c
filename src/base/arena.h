/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: memory that lives as long as one request. Everything taken from it is freed at
 * once; there is no single free. `ARENA a = {0};` frees itself when it leaves scope.
 */
#ifndef ONGGI_BASE_ARENA_H
#define ONGGI_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/own.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *head;
};

/** arena_get - zeroed memory, aligned for any type; NULL when memory is out. */
void *arena_get(struct arena *a, size_t size);
/** arena_strdup, arena_strndup, arena_printf - strings in the arena; NULL when memory is out. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);
/** arena_grow - array in the arena with room for @want members, old ones copied.
 * @cap is read and updated. Returns the array, or NULL when memory is out. */
void *arena_grow(struct arena *a, void *old, size_t *cap, size_t want, size_t member_size);
/** arena_done - free everything; @a is empty and usable again. */
void arena_done(struct arena *a);

#define ARENA CLEANUP(arena_done) struct arena

#endif
