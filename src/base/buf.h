/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing byte buffer on the heap. Always NUL-terminated after a successful add. A failed
 * allocation sticks: later adds do nothing and buf_failed() tells, so one check at the end is
 * enough.
 */
#ifndef ONGGI_BASE_BUF_H
#define ONGGI_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

struct buf {
	char *p;
	size_t n, cap;
	bool failed;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** buf_json_string - add @s as a quoted JSON string; bytes that are not UTF-8 become U+FFFD. */
void buf_json_string(struct buf *b, const char *s, size_t n);
/** buf_str - the text so far, "" when empty; NULL after a failed allocation. Borrowed. */
const char *buf_str(const struct buf *b);
/** buf_take - hand the text over (free with free()); the buffer is empty again. */
char *buf_take(struct buf *b);
static inline bool buf_failed(const struct buf *b)
{
	return b->failed;
}
void buf_done(struct buf *b);

#define OWN_BUF CLEANUP(buf_done) struct buf

#endif
