/* SPDX-License-Identifier: Apache-2.0
 *
 * What images share: the layers that more than one of them has.
 */
#include "engine/image_shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "store/snapshot.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* every chain ID once per image that has it, in order */
static char **all_chains(const struct image *images, size_t n, size_t *ret_n)
{
	size_t total = 0, w = 0;

	for (size_t i = 0; i < n; i++)
		total += images[i].n_chain_ids;
	char **all = calloc(total + 1, sizeof *all);
	if (!all)
		return NULL;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < images[i].n_chain_ids; k++)
			all[w++] = images[i].chain_ids[k];
	qsort(all, w, sizeof *all, by_text);
	*ret_n = w;
	return all;
}

int image_shared_sizes(const struct store *s, const struct image *images, size_t n, int64_t *ret, struct err *e)
{
	size_t total = 0;
	OWN_PTR char **all = all_chains(images, n, &total);

	if (!all)
		return err_new(e, E_NOMEM, ENOMEM, "sizes of images");
	for (size_t i = 0; i < n; i++) {
		ret[i] = 0;
		for (size_t k = 0; k < images[i].n_chain_ids; k++) {
			char **at = bsearch(&images[i].chain_ids[k], all, total, sizeof *all, by_text);
			size_t pos = (size_t)(at - all);
			bool more = (pos > 0 && !by_text(&all[pos - 1], at)) || (pos + 1 < total && !by_text(&all[pos + 1], at));
			int64_t bytes = more ? snapshot_size(s, images[i].chain_ids[k]) : 0;
			if (bytes > 0) /* one that is lost takes no room */
				ret[i] += bytes;
		}
	}
	return 0;
}
