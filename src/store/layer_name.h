/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and attributes of entries of a layer, limits and sums, for those who unpack it and those who
 * only read it.
 */
#ifndef ONGGI_STORE_LAYER_NAME_H
#define ONGGI_STORE_LAYER_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "format/tar.h"

enum {
	LAYER_NAME_MAX = 255,
	LAYER_ACL_BYTES_MAX = 4 + 8 * 1024,
	LAYER_HOPS_MAX = 40, /* symbolic links on one path, as the kernel */
};

struct layer_limits { /* 0 = the default */
	uint64_t total_bytes; /* of all files: 1 TiB */
	uint64_t entries;     /* 16 million */
	unsigned depth;       /* components of one path: 1024 */
};

struct layer_stats {
	uint64_t size_bytes;  /* of files (each hard link set once) and symbolic links, as docker */
	uint64_t entries;
	uint64_t whiteouts;
	bool root_opaque;     /* hides everything below, see store/snapshot.h */
	unsigned skipped_xattrs, skipped_devices; /* not supported here: worth one warning */
};

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

/** layer_times - of access and of content, as utimensat() takes them. */
void layer_times(const struct tar_entry *en, struct timespec ret[2]);

/** acl_from_text - "user::rw-,user:lisa:rw-:500,..." to the kernel's binary attribute in @out
 * (size @max). Bytes, or -EINVAL, or -ENOENT for a user known by name only. */
ssize_t acl_from_text(const char *text, size_t n, unsigned char *out, size_t max);

#endif
