/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms of an image: see image_platform.c.
 */
#ifndef ONGGI_STORE_IMAGE_PLATFORM_H
#define ONGGI_STORE_IMAGE_PLATFORM_H

#include "base/err.h"
#include "format/json.h"
#include "store/image.h"

/** image_for_platform - *@img stays when it is for @platform (NULL: any), else it becomes the image for it of the same
 * index. E_NOT_FOUND: none of it is here; *@img is as it was. */
int image_for_platform(const struct store *s, const char *platform, struct image *img, struct err *e);
/** image_resolve_platform - image_resolve, and where that image is not for @platform (NULL: any) the one for it of the
 * same index. E_NOT_FOUND in docker's words: none of it is here. */
int image_resolve_platform(const struct store *s, const char *ref, const char *platform, struct image *ret, struct err *e);
/** image_manifests - docker's ImageManifestSummary of every entry of the index that @img came from; NULL: it came from
 * none. Caller owns. */
int image_manifests(const struct store *s, const struct image *img, json_t **ret, struct err *e);

#endif
