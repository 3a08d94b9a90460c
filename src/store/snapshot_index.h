/* SPDX-License-Identifier: Apache-2.0
 *
 * The merged index of an image whose layers are archives: snapshots/TOP/erofs, an EROFS image of the
 * names in all layers, whose files' data lie in snapshots/HEX/tar. It belongs to the topmost layer,
 * is determined by the archives, and can be made again at any time.
 */
#ifndef ONGGI_STORE_SNAPSHOT_INDEX_H
#define ONGGI_STORE_SNAPSHOT_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/store.h"

/** snapshot_index_home - the store that has the index of the image with this topmost layer; NULL: none. */
const struct store *snapshot_index_home(const struct store *s, const char *chain_id);
/** snapshot_index_make - for @chain (lowest first), unless it is there. @durable: wait for the disk, so
 * that where it is it is whole even after a power cut. E_CORRUPT for layers that do not fit on each
 * other (a hard link to a file that is nowhere). */
int snapshot_index_make(const struct store *s, const char *const *chain, size_t n, bool durable, struct err *e);
/** snapshot_index_check - make it once more beside it and compare: 1 as it should be | 0 not. */
int snapshot_index_check(const struct store *s, const char *const *chain, size_t n, struct err *e);
/** snapshot_index_remove - a missing one is success. Who has it mounted keeps it. */
int snapshot_index_remove(const struct store *s, const char *chain_id, struct err *e);

#endif
