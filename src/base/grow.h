/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists that grow one by one.
 */
#ifndef ONGGI_BASE_GROW_H
#define ONGGI_BASE_GROW_H

#include <stdlib.h>

/** grow_one - @list, of @n used and *cap allocated elements of @size bytes, with room for one more: moved perhaps, and then
 * twice as large. NULL: no memory, and all is as it was. */
static inline void *grow_one(void *list, size_t n, size_t *cap, size_t size)
{
	const size_t more = *cap ? 2 * *cap : 64;

	if (n < *cap)
		return list;
	void *grown = reallocarray(list, more, size);
	if (grown)
		*cap = more;
	return grown;
}

#endif
