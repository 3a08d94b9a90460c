/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of files as a whole: owner, mode, times, extended attributes, carried over from one
 * file to another.
 */
#ifndef ONGGI_STORE_ATTR_H
#define ONGGI_STORE_ATTR_H

#include <stdbool.h>

#include "base/err.h"

/** attr_is_overlay - whether an extended attribute steers overlay itself. Such ones are never
 * taken from an image nor copied: a layer could forge redirects with them. */
bool attr_is_overlay(const char *name);
/** attr_copy - owner, extended attributes (but overlay's), mode, then times of @xfrom to @xto.
 * Both open for reading (no O_PATH). What the file system of @xto does not support is left out. */
int attr_copy(int xfrom, int xto, struct err *e);

#endif
