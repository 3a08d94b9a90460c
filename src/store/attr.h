/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of files as a whole: owner, mode, times, extended attributes, carried over from one
 * file to another.
 */
#ifndef ONGGI_STORE_ATTR_H
#define ONGGI_STORE_ATTR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/** attr_is_overlay - whether an extended attribute steers overlay itself. Such ones are never
 * taken from an image nor copied: a layer could forge redirects with them. */
bool attr_is_overlay(const char *name);
/** attr_copy - owner, extended attributes (but overlay's), mode, then times of @xfrom to @xto.
 * Both open for reading (no O_PATH). What the file system of @xto does not support is left out. */
int attr_copy(int xfrom, int xto, struct err *e);
/** attr_copy_special - a link, device or pipe as a whole: @from_name below @xfrom_dir, of which @st is, to the new
 * @name below @to_dir. Sockets are left out: they mean nothing without their server. */
int attr_copy_special(int xfrom_dir, const char *from_name, int xto_dir, const char *name, const struct stat *st,
		      struct err *e);
/** attr_compare - 0 when the extended attributes (but overlay's) of two files of any kind are the same, 1 when
 * not. Links are not followed. */
int attr_compare(const char *a, const char *b);

#endif
