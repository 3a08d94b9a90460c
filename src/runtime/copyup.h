/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy of a directory's content, for tmpfs mounts that begin with what the image has there.
 */
#ifndef ONGGI_RUNTIME_COPYUP_H
#define ONGGI_RUNTIME_COPYUP_H

#include "base/err.h"

/** copyup_tree - copy everything below directory @xfrom (may be O_PATH) into @xto, keeping types,
 * owners, modes, times and extended attributes. Never crosses a mount point. CHILD_SAFE. */
int copyup_tree(int xfrom, int xto, struct err *e);

#endif
