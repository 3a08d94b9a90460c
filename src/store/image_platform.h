/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms of an image: see image_platform.c.
 */
#ifndef ONGGI_STORE_IMAGE_PLATFORM_H
#define ONGGI_STORE_IMAGE_PLATFORM_H

#include "base/err.h"
#include "format/json.h"
#include "spec/manifest.h"
#include "store/image.h"

/** image_for_platform - *@img stays when it is for @platform (NULL: any), else it becomes the image for it of the same
 * index. E_NOT_FOUND: none of it is here; *@img is as it was. */
int image_for_platform(const struct store *s, const char *platform, struct image *img, struct err *e);
/** image_resolve_platform - image_resolve, and where that image is not for @platform (NULL: any) the one for it of the
 * same index. E_NOT_FOUND in docker's words: none of it is here. */
int image_resolve_platform(const struct store *s, const char *ref, const char *platform, struct image *ret, struct err *e);
/** image_find_platform - the ID of that image, also where its record, manifest or config, or those of the image that @ref
 * stands for, are damaged: the index tells. */
int image_find_platform(const struct store *s, const char *ref, const char *platform, char ret_id[DIGEST_TEXT_MAX],
			struct err *e);
/** image_index - 1 and @ret the index that @img came from, to be freed by the caller | 0: from none, or that is not here. */
int image_index(const struct store *s, const struct image *img, struct manifest *ret);
/** image_by_manifest - the one of @images whose manifest has @digest; NULL: none. */
struct image *image_by_manifest(struct image *images, size_t n, const char *digest);
/** image_content_bytes - of the manifest @digest, its config and its layers, as far as these blobs are here; *ret_whole: all
 * are. */
int64_t image_content_bytes(const struct store *s, const char *digest, bool *ret_whole);
/** image_manifests - docker's ImageManifestSummary of every entry of the index that @img came from; NULL: it came from
 * none. Caller owns. */
int image_manifests(const struct store *s, const struct image *img, json_t **ret, struct err *e);

#endif
