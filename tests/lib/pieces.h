/* SPDX-License-Identifier: Apache-2.0
 *
 * A source for tests: bytes in memory, in pieces of one size, as they come from a network.
 */
#ifndef ONGGI_TESTS_PIECES_H
#define ONGGI_TESTS_PIECES_H

#include "format/source.h"

struct pieces {
	struct source source; /* .next = pieces_next */
	const unsigned char *p;
	size_t n, step;       /* bytes that are left, and of a piece */
};

static inline int pieces_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct pieces *p = (struct pieces *)s;

	(void)e;
	*ret = p->p;
	*ret_n = p->n < p->step ? p->n : p->step;
	p->p += *ret_n;
	p->n -= *ret_n;
	return *ret_n > 0;
}

#endif
