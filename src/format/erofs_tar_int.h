/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the tar made of an EROFS image: the walk, and what overlay's attributes say.
 */
#ifndef ONGGI_FORMAT_EROFS_TAR_INT_H
#define ONGGI_FORMAT_EROFS_TAR_INT_H

#include "format/erofs_int.h"
#include "format/erofs_tar.h"
#include "format/tar.h"

enum { EROFS_EXTENTS_MAX = 65536 };

/* a directory on the way */
struct erofs_tar_frame {
	struct erofs_node dir;
	uint64_t read;                 /* bytes of it that were read */
	size_t path_n;                 /* of its name, with '/' */
	struct erofs_name *names;      /* of the block at hand, in @a */
	size_t n_names, next;
	struct arena a;
	bool whiteouts;                /* empty files with an attribute are whiteouts here */
	char last[EROFS_NAME_MAX + 1];
};

struct erofs_tar_seen {
	uint64_t nid;
	const char *path;              /* first name of a file; NULL: a directory */
	bool used;
};

/* attributes of one inode: what they mean to overlay, and the others */
struct erofs_overlay {
	bool opaque, whiteouts, whiteout;
	struct tar_xattr *rest;
	size_t n_rest;
};

/** erofs_overlay_read - in @a. E_UNSUPPORTED for what has its content elsewhere. */
int erofs_overlay_read(const struct erofs_image *m, const struct erofs_node *n, struct arena *a, struct erofs_overlay *ret,
		       struct err *e);

#endif
