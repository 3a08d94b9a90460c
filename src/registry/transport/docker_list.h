/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.json of docker's archives: the images it lists, and the manifest that such an image is given, since it
 * has none of its own. Pure: no files.
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_DOCKER_LIST_H
#define ONGGI_REGISTRY_TRANSPORT_DOCKER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "registry/client.h"
#include "registry/transport/files.h"
#include "spec/digest.h"
#include "spec/manifest.h"

struct docker_item {
	json_t *list;               /* the whole of it, owned: docker_item_done */
	const char *config;         /* name of its file in the archive; borrowed, as the others */
	json_t *layers;             /* array of such names, lowest first */
	json_t *tags;               /* array of text, or NULL */
	struct reference ref;       /* the name asked for, else the first it has; domain "" when none */
};

/** docker_list_find - the image that @where names: by a name, by number, or the only one. E_NOT_FOUND | E_USAGE
 * several, and none named | E_INVALID the name is none | E_CORRUPT. */
int docker_list_find(const char *text, size_t n, const struct files_where *where, struct docker_item *ret,
		     struct err *e);
void docker_item_done(struct docker_item *it);

struct docker_blob {
	char digest[DIGEST_TEXT_MAX];
	int64_t size;
};
/** docker_list_manifest - the manifest of an image of @n layers, whose media type also says whether it is OCI's or
 * docker's. With MEDIA_DOCKER_LAYER it has the very bytes that skopeo makes, which calls plain layers gzip. */
int docker_list_manifest(const struct docker_blob *config, const struct docker_blob *layers, size_t n,
			 const char *layer_type, struct registry_manifest *ret, struct err *e);
/** docker_list_convert - the manifest of the same blobs in the other form. E_UNSUPPORTED: docker has no such layers
 * (zstd), or it is no container image. */
int docker_list_convert(const struct manifest *m, bool oci, struct registry_manifest *ret, struct err *e);

#endif
