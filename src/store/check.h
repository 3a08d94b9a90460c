/* SPDX-License-Identifier: Apache-2.0
 *
 * Check of the image store: every blob against its digest, every link from references over images to
 * blobs and snapshots, containers to their images. Runs beside everything else: what goes away while it looks is
 * no damage. Repairing takes the collector's lock for each single removal only.
 */
#ifndef ONGGI_STORE_CHECK_H
#define ONGGI_STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct check_fault {
	const char *kind;    /* "blob", "layer", "image", "reference", "list", "container" */
	const char *name;    /* digest, ID or reference */
	const char *problem;
	const char *mended;  /* what was done; NULL: nothing */
	const char *store;   /* root of the image store of others that it is in; NULL: the own one */
};

struct check_req {
	const struct store *store;
	bool quick;   /* sizes, links and seals only, no blob or archive is read (but to seal it again) */
	bool repair;  /* remove blobs that are not what their name says (useless to everybody, and in the way of the
		       * next pull) and references to images that are not there */
	bool others;  /* the image stores of others, too, as they are: nothing is repaired there */
	bool lossy;   /* with @repair: also images that are not whole and that no container uses */
	void (*found)(void *data, const struct check_fault *f); /* in the order of finding */
	void *data;
};

struct check_result {
	uint64_t blobs, bytes, images, references, containers; /* looked at */
	uint64_t sealed; /* archives and indexes whose fs-verity is what was noted */
	uint64_t faults, mended;
};

/** store_check - 0 also when faults were found; negative when the check itself failed. */
int store_check(const struct check_req *req, struct check_result *ret, struct err *e);

#endif
