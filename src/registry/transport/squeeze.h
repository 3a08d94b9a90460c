/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain layers of an image of the store as gzip ones, on their way to a folder (podman's --compress). They are in files
 * without names meanwhile; the store stays as it is.
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_SQUEEZE_H
#define ONGGI_REGISTRY_TRANSPORT_SQUEEZE_H

#include "registry/client.h"
#include "registry/compress.h"
#include "store/store.h"

/* Zeroed: nothing was squeezed. */
struct squeezed {
	struct compressed *list;
	size_t n;
};

/** squeeze_layers - compress every layer of manifest @m that is plain in @s; where there is one, @m becomes the manifest
 * of the new ones. E_CORRUPT: a blob has not the digest that it is called by. */
int squeeze_layers(const struct store *s, struct registry_manifest *m, struct squeezed *ret, struct err *e);
/** squeezed_find - NULL: no layer that was squeezed. */
const struct compressed *squeezed_find(const struct squeezed *q, const char *digest);
void squeezed_done(struct squeezed *q);

#endif
