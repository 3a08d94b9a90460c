/* SPDX-License-Identifier: Apache-2.0
 *
 * Writer of EROFS images that hold metadata only: names and attributes in the image, the content of
 * the files where it lies already, in the tars of the layers. A tar's data begin at multiples of 512
 * bytes, so blocks of that size can point into it; such a file system is mounted from plain files
 * since Linux 6.12 (CONFIG_EROFS_FS_BACKED_BY_FILE), with one `device=` per tar.
 *
 * Format: Documentation/filesystems/erofs.rst of Linux and fs/erofs/erofs_fs.h.
 */
#ifndef ONGGI_FORMAT_EROFS_H
#define ONGGI_FORMAT_EROFS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/fstree.h"

enum { EROFS_SOURCES_MAX = 1024 }; /* layers of one image */

struct erofs_source {
	int xfd;              /* the tar */
	uint64_t size_bytes;
};

struct erofs_req {
	struct fstree *tree;  /* numbers of its nodes (id) are set */
	const struct erofs_source *sources; /* source N of an extent is sources[N - 1] */
	size_t n_sources;
	int fd;               /* empty file, open for reading and writing */
};

/** erofs_write - write the image. Data that begin elsewhere than at a block (sparse files) are copied
 * into it. E_INVALID for what the format cannot hold: names of more than 255 bytes, a file of more
 * than 16 TiB. */
int erofs_write(const struct erofs_req *q, struct err *e);

/** erofs_xattr_bytes - room that the attributes of @n take, 0 for none; E_INVALID when they are too large. */
int erofs_xattr_bytes(const struct fsnode *n, uint32_t *ret, struct err *e);

#endif
