/* SPDX-License-Identifier: Apache-2.0
 *
 * What images share.
 */
#ifndef ONGGI_ENGINE_IMAGE_SHARED_H
#define ONGGI_ENGINE_IMAGE_SHARED_H

#include <stdint.h>

#include "base/err.h"
#include "store/image.h"

/** image_shared_sizes - ret[i]: bytes of those layers of images[i], unpacked, that another one of the @n images has too. */
int image_shared_sizes(const struct store *s, const struct image *images, size_t n, int64_t *ret, struct err *e);

#endif
