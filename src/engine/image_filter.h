/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters on images: {"KEY": ["VALUE", ..]} as docker sends them, compiled once.
 */
#ifndef ONGGI_ENGINE_IMAGE_FILTER_H
#define ONGGI_ENGINE_IMAGE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "store/image.h"

/* of two kinds of images */
enum image_filter_kind { KIND_ANY, KIND_ONLY, KIND_NOT };

struct image_filter {
	json_t *filters;            /* every value a list */
	enum image_filter_kind dangling;
	int64_t before_ns, since_ns, until_ns; /* created before, after, at the latest */
	const struct store *store;
	int64_t used_ns;            /* used last at the latest; INT64_MAX: any time */
	enum image_filter_kind read_only; /* those in image stores of others */
	int64_t keep_last;          /* newest images of each repository that are kept; -1: not asked for */
	const char *name;           /* one more "reference" */
};

/** image_filter_init - check and compile. @allowed: names of the filters that this command takes,
 * NULL-terminated. E_INVALID "invalid filter 'x'". To be ended with image_filter_done() in any
 * case. */
int image_filter_init(struct image_filter *f, const struct store *s, const json_t *filters,
		      const char *const *allowed, struct err *e);
void image_filter_done(struct image_filter *f);
/** image_filter_match - also takes those names out of @img that a "reference" does not match. */
bool image_filter_match(const struct image_filter *f, struct image *img);
/** image_created_ns - from the config; INT64_MIN when unknown. */
int64_t image_created_ns(const struct image *img);

#endif
