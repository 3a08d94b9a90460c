/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and attributes of entries of a layer, for those who unpack it and those who only read it.
 */
#ifndef ONGGI_REGISTRY_LAYER_NAME_H
#define ONGGI_REGISTRY_LAYER_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "format/tar.h"

enum { LAYER_ACL_BYTES_MAX = 4 + 8 * 1024 };

/** layer_printable - @path for errors, control characters escaped, cut to @n. */
void layer_printable(const char *path, char *out, size_t n);

/** layer_clean - lexically clean @path into @out: relative, no ".", "..", "//"; "" is the root.
 * Leading slashes are dropped. NULL, or why it is refused (".." that leaves the root, a component of
 * more than 255 bytes, more than @depth_max components). Look at buf_failed(@out). */
const char *layer_clean(const char *path, unsigned depth_max, struct buf *out);

/** layer_has_reserved_part - whether a directory of @path is called ".wh.". */
bool layer_has_reserved_part(const char *path);

struct layer_acl {
	unsigned char bytes[LAYER_ACL_BYTES_MAX];
};
/** layer_xattr - @x as the kernel takes it: text of access control lists translated into @acl. 1: to be
 * set | 0: not for an image to set, or a user known by name only | -EINVAL malformed. */
int layer_xattr(const struct tar_xattr *x, struct layer_acl *acl, struct tar_xattr *ret);

#endif
