/* SPDX-License-Identifier: Apache-2.0
 *
 * Collector of the image store: who uses an image, what is needed, removal of the rest.
 */
#ifndef ONGGI_STORE_IMAGE_GC_H
#define ONGGI_STORE_IMAGE_GC_H

#include "store/image.h"

/* prefix in images/ of the record of an image that was removed by force while a stopped container
 * used it: no list shows it, the container goes on, the collector ends it */
#define IMAGE_KEPT "kept-"

/** image_gc_lock - the exclusive lock locks/gc. */
int image_gc_lock(const struct store *s, int *ret_fd, struct err *e);
/** image_mark - set of everything needed: an object whose keys are "bDIGEST" and "lCHAINID".
 * Under the lock. Caller owns. */
int image_mark(const struct store *s, json_t **ret, struct err *e);
/** image_mark_leased - the same of what leases protect alone. */
int image_mark_leased(const struct store *s, json_t **ret, struct err *e);
/** need_has - whether @kind ('b' blob, 'l' layer) @digest is in the set. */
bool need_has(const json_t *set, char kind, const char *digest);
/** image_users - containers whose record names the image, and one more where it is mounted; @ret_first (may be
 * NULL) gets the ID of a container if there is one. */
int image_users(const struct store *s, const char *image_id, char ret_first[65], size_t *ret_n,
		struct err *e);
/** image_drop_leased - close the lease, then remove what it protected and nothing else needs: the
 * rest of a load, or all of one that failed. */
int image_drop_leased(struct lease *l, struct err *e);
/** image_sweep_tmp - remove temporary files and folders whose makers are gone, and snapshots that
 * were hidden. Cheap when there are none; every image command does it at its end. */
int image_sweep_tmp(const struct store *s, struct err *e);

#endif
