/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives of images: load (docker-archive old and new, OCI layout), save (both in one tar), import
 * (a root file system), all through the same blobs, layers and registration as a pull.
 */
#ifndef ONGGI_REGISTRY_ARCHIVE_H
#define ONGGI_REGISTRY_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "format/json.h"
#include "spec/reference.h"
#include "store/store.h"

struct archive_load_req {
	const struct store *store;
	int xfd;              /* the archive, compressed or not; read to its end */
	const char *platform; /* of an index; NULL: the host's */
	const char *name;     /* canonical reference for a single image without one; NULL: none */
	bool hasty;           /* leave out syncing: good until the next boot, see image_new */
	/* told of each image; @replaced: ID that lost the name, "" for none. @familiar "" when it has
	 * no name. */
	void (*loaded)(void *data, const char *familiar, const char *image_id, const char *replaced);
	void *data;
};
/** archive_load - every image of the archive. E_CORRUPT for what is no image archive or breaks its
 * own digests; nothing is registered before all its parts are verified and unpacked. */
int archive_load(const struct archive_load_req *q, struct err *e);

struct archive_save_req {
	const struct store *store;
	const char *const *names; /* references, IDs; a name without tag stands for all its tags */
	size_t n_names;
	const char *platform;     /* must be the image's; NULL: any */
	int xfd;
};
/** archive_save - OCI layout with manifest.json and repositories, as docker 25 writes it. The same
 * images give the same bytes. */
int archive_save(const struct archive_save_req *q, struct err *e);

struct archive_import_req {
	const struct store *store;
	int xfd;                    /* tar of a root file system, compressed or not */
	const char *reference;      /* canonical; NULL: none */
	const char *message;
	const char *platform;
	const char *const *changes; /* Dockerfile instructions */
	size_t n_changes;
};
int archive_import(const struct archive_import_req *q, char ret_id[DIGEST_TEXT_MAX], struct err *e);

#endif
