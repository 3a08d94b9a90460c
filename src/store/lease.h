/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases protect what a pull, load or build in progress needs from removal of images.
 *
 *   leases/RANDOM   one line per object, locked by its owner; an unlocked one is stale
 *   locks/gc        shared: for the moment of adding to a lease or registering an image;
 *                   exclusive: while unused objects are found and taken out of sight
 *
 * The order that makes it safe: add to the lease first, then look whether the object exists.
 */
#ifndef ONGGI_STORE_LEASE_H
#define ONGGI_STORE_LEASE_H

#include "base/err.h"
#include "store/store.h"

struct lease {
	const struct store *store;
	int fd;
	char name[96];
};

/** lease_open - a new empty lease of this process. */
int lease_open(const struct store *s, struct lease *ret, struct err *e);
/** lease_add_blob, lease_add_layer - protect a digest or a chain ID, existing or to come. Thread
 * safe. */
int lease_add_blob(struct lease *l, const char *digest, struct err *e);
int lease_add_layer(struct lease *l, const char *chain_id, struct err *e);
/** lease_close - give everything up. NULL and closed leases are fine. */
void lease_close(struct lease *l);

#endif
