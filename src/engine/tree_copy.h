/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy of a tree with owners, modes, times, extended attributes and special files.
 */
#ifndef ONGGI_ENGINE_TREE_COPY_H
#define ONGGI_ENGINE_TREE_COPY_H

#include "base/err.h"

/** tree_copy - what is in directory @xfrom into directory @xto (both borrowed, open for reading);
 * existing names are left alone. Links are copied, never followed. */
int tree_copy(int xfrom, int xto, struct err *e);

#endif
