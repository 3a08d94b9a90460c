/* SPDX-License-Identifier: Apache-2.0
 *
 * Images in the store: references -> image -> layers -> snapshot chain.
 *
 * Nothing here assumes that a layer is a folder: a chain is named by chain IDs and only the
 * storage driver knows what lies behind one.
 */
#ifndef ONGGI_STORE_IMAGE_H
#define ONGGI_STORE_IMAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

/* One image, loaded. Free with image_done(). */
struct image {
	char id[72];            /* "sha256:HEX", digest of the config */
	char manifest[72];      /* digest of the manifest */
	json_t *config;         /* whole image config (architecture, config, rootfs, history) */
	json_t *record;         /* our record: {"manifest": descriptor, "index": descriptor or null,
				   "layers": [{"digest","size","mediaType","diff_id","chain_id"}],
				   "size": unpacked bytes, "created", "references": filled on load} */
	char **chain_ids;       /* "sha256:HEX", lowest first */
	size_t n_chain_ids;
	char **repo_tags;       /* familiar names "nginx:1.25", sorted */
	size_t n_repo_tags;
	char **repo_digests;    /* "nginx@sha256:..." */
	size_t n_repo_digests;
};

/** image_resolve - find by reference (with docker's defaults), ID or unique ID prefix.
 * E_NOT_FOUND "No such image: X" | E_CONFLICT for an ambiguous prefix. */
int image_resolve(const struct store *s, const char *name, struct image *ret, struct err *e);
void image_done(struct image *img);

/** image_list - all images; heap array, each to be freed with image_done(). */
int image_list(const struct store *s, struct image **ret, size_t *ret_n, struct err *e);

/** reference_set - point @reference (canonical form) at the image with manifest record. Replaces
 * atomically; the image that lost its last reference stays as dangling. */
int reference_set(const struct store *s, const char *reference, const char *image_id,
		  struct err *e);
int reference_remove(const struct store *s, const char *reference, struct err *e);

/** image_remove - remove record, snapshots and blobs that no other image or container needs.
 * The caller has checked references and containers. @ret_deleted: JSON array in docker's shape
 * [{"Untagged": ..}, {"Deleted": ..}], may be NULL. */
int image_remove(const struct store *s, const char *image_id, json_t *ret_deleted, struct err *e);

#endif
