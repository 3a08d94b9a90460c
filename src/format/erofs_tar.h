/* SPDX-License-Identifier: Apache-2.0
 *
 * An EROFS image as the tar that it could have been made of: a source of bytes for whoever takes layers as
 * archives, so that one set of checks and rules holds for both. Names come in the order of the image, a
 * directory before what is in it; the same image gives the same bytes.
 *
 * What overlay keeps in a file system becomes what OCI keeps in an archive: a device 0:0 (and, in a directory
 * that says so, an empty file with overlay.whiteout) is ".wh.NAME", overlay.opaque is ".wh..wh..opq". Other
 * attributes of overlay are left out, and what would need them is refused (redirect, metacopy). Sockets
 * are left out, as tar cannot hold any.
 */
#ifndef ONGGI_FORMAT_EROFS_TAR_H
#define ONGGI_FORMAT_EROFS_TAR_H

#include "base/buf.h"
#include "format/erofs_read.h"
#include "format/source.h"

struct erofs_tar_frame;
struct erofs_tar_seen;

struct erofs_tar {
	struct source source;
	struct erofs_image image;
	unsigned char *block;          /* directory at hand, or a piece of a file */
	struct erofs_tar_frame *stack; /* directories on the way to the one at hand */
	size_t depth, cap_stack;
	struct erofs_tar_seen *seen;   /* inodes that have been there, by number; cap a power of two */
	size_t n_seen, cap_seen, seen_bytes;
	uint64_t chunks;               /* entries of tables of chunks that were looked at */
	struct arena paths;            /* of those */
	struct buf path;
	struct buf out;                /* headers to be given next */
	bool given, ended;             /* out is with the reader; the end was written */
	uint64_t at;                   /* bytes given so far */
	uint64_t body_at;              /* where the body of @node begins */
	struct erofs_node node;        /* file at hand */
	uint64_t offset, left, pad;    /* in it; bytes of its body and of its padding that are still to come */
	bool sparse;                   /* holes are left out of the body */
};

/** erofs_tar_open - the image in @xfd (borrowed) of @size_bytes. */
int erofs_tar_open(struct erofs_tar *t, int xfd, uint64_t size_bytes, struct err *e);
/** erofs_tar_open_part - of an image that is not all there. */
int erofs_tar_open_part(struct erofs_tar *t, int xfd, uint64_t size_bytes, const struct erofs_need *need, struct err *e);
void erofs_tar_close(struct erofs_tar *t);
/** erofs_tar_extents - where in the image the file is whose body begins at @body_at of the tar: the last one whose header
 * was read. In @a, as of source @source. */
int erofs_tar_extents(struct erofs_tar *t, uint64_t body_at, unsigned source, struct arena *a, struct fsextent **ret,
		      size_t *ret_n, struct err *e);

#endif
