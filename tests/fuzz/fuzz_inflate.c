/* SPDX-License-Identifier: Apache-2.0
 *
 * needs registry
 * Compressed streams of all kinds, in pieces of a size that the first byte chooses.
 */
#include <stdint.h>
#include <stdlib.h>

#include "format/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
	struct source source;
	const uint8_t *p;
	size_t n, max;
};

static int next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct pieces *d = (struct pieces *)s;
	(void)e;
	*ret = d->p;
	*ret_n = d->n < d->max ? d->n : d->max;
	d->p += *ret_n;
	d->n -= *ret_n;
	return *ret_n > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inflate *in;
	struct err e = { 0 };

	if (size < 2)
		return 0;
	struct pieces d = { { next }, data + 1, size - 1, (size_t)data[0] * 4 + 1 };
	if (inflate_open(&d.source, 16 << 20, &in, &e) < 0)
		return 0;
	(void)source_drain(inflate_source(in), NULL, &e);
	inflate_close(in);
	return 0;
}
