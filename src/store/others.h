/* SPDX-License-Identifier: Apache-2.0
 *
 * Image stores of others: roots of other engines from which images are used in place, as podman's
 * additionalimagestores. They may be read-only, shared by many hosts, or be filled by the engine that owns them
 * right now. Nothing is ever written there, no lock and no mark: see docs/adr/0018.
 *
 *   ONGGI_IMAGE_STORES     their roots, absolute, separated by ":", first asked first
 *
 * What looks an object up by its name asks the own store first, then these: blob_open, snapshot_exists,
 * image_load, reference_get and what is made of them. What changes, collects or repairs has to do with the own store
 * alone; where both exist, the function for the own one ends in "_here". Of theirs only what bears the mark of having
 * reached the disk is used: it is whole, settled, and independent of this machine's boots.
 */
#ifndef ONGGI_STORE_OTHERS_H
#define ONGGI_STORE_OTHERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/store.h"

#define OTHERS_VARIABLE "ONGGI_IMAGE_STORES"

enum { OTHERS_MAX = 32 };

/** others_open - those of the environment, into @s whose roots are open. @spare: leave out what cannot be
 * used. E_NOT_FOUND, E_INVALID for what is no store, E_DENIED where others than root and the caller may write. */
int others_open(struct store *s, bool spare, struct err *e);
void others_close(struct store *s);
/** others_at - place number @i where something is looked for: 0 is @s itself. NULL after the last. */
const struct store *others_at(const struct store *s, size_t i);
/** others_has_file - whether relative @path is in the root of @s: one system call. */
bool others_has_file(const struct store *s, const char *path);

#endif
