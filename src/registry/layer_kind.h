/* SPDX-License-Identifier: Apache-2.0
 *
 * What a layer is by its bytes, where nobody says it: archives without a manifest.
 */
#ifndef ONGGI_REGISTRY_LAYER_KIND_H
#define ONGGI_REGISTRY_LAYER_KIND_H

#include <stdint.h>

/** layer_erofs_type - the media type of the layer in @size_bytes at @at of @xfd, when it is an EROFS image; NULL: it is none, or
 * packed in a way for which there is no type. */
const char *layer_erofs_type(int xfd, uint64_t at, uint64_t size_bytes);

#endif
