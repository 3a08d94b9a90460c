/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the tar reader, shared by tar_read.c (blocks, headers, bodies), tar_pax.c (extended
 * records) and tar_sparse.c (maps of holes).
 */
#ifndef ONGGI_FORMAT_TAR_INT_H
#define ONGGI_FORMAT_TAR_INT_H

#include "base/arena.h"
#include "format/tar.h"

enum { TAR_BLOCK_BYTES = 512, TAR_GLOBAL_MAX = 64 << 10 };

enum tar_dialect { TAR_V7, TAR_USTAR, TAR_GNU, TAR_STAR };

/* offsets in a header block */
enum {
	TAR_AT_NAME = 0,
	TAR_AT_MODE = 100,
	TAR_AT_UID = 108,
	TAR_AT_GID = 116,
	TAR_AT_SIZE = 124,
	TAR_AT_MTIME = 136,
	TAR_AT_SUM = 148,
	TAR_AT_TYPE = 156,
	TAR_AT_LINK = 157,
	TAR_AT_MAGIC = 257,
	TAR_AT_UNAME = 265,
	TAR_AT_GNAME = 297,
	TAR_AT_MAJOR = 329,
	TAR_AT_MINOR = 337,
	TAR_AT_PREFIX = 345,
	TAR_AT_GNU_SPARSE = 386, /* 4 pairs, then a flag and the real size */
	TAR_AT_STAR_MAGIC = 508,
};

struct tar_sparse {
	bool any;             /* a GNU.sparse record or an 'S' header was seen */
	int major, minor;     /* PAX form; 0.x when not given */
	bool has_real, has_offset;
	uint64_t real, offset; /* size with holes; the offset waiting for its length */
};

struct tar_reader {
	struct source *src;
	struct tar_limits lim;
	const unsigned char *p; /* rest of the chunk at hand */
	size_t n;
	uint64_t offset;
	bool ended;
	bool pending; /* @block was looked at ahead and comes next */
	unsigned char block[TAR_BLOCK_BYTES];
	uint64_t left, pad; /* of the current body */
	struct buf pax, global, long_path, long_link;
	struct arena a; /* of the current entry */
	char name[260], link[104], uname[36], gname[36];
	struct tar_entry en;
	struct tar_sparse sparse;
	struct tar_xattr *xattrs;
	size_t n_xattrs, cap_xattrs;
	struct tar_hunk *hunks;
	size_t n_hunks, cap_hunks;
	size_t hunk; /* being read, and how far */
	uint64_t hunk_done;
};

/** tar_bad - E_CORRUPT with the place in the archive. */
int tar_bad(const struct tar_reader *t, struct err *e, const char *what);
/** tar_block - the next 512 bytes. 1, 0 at the end of the source, negative. */
int tar_block(struct tar_reader *t, const unsigned char **ret, struct err *e);
/** tar_number - octal or base-256 field. -EINVAL when malformed or outside int64_t. */
int tar_number(const unsigned char *p, size_t n, int64_t *ret);

/** pax_check - check the form of all records and end each value with NUL in place. */
int pax_check(struct tar_reader *t, struct buf *b, size_t from, struct err *e);
/** pax_apply - carry the records of a checked buffer over into the current entry. */
int pax_apply(struct tar_reader *t, struct buf *b, struct err *e);

int tar_hunk_add(struct tar_reader *t, uint64_t offset, uint64_t length, struct err *e);
/** tar_sparse_gnu - map in an 'S' header block and the blocks after it. */
int tar_sparse_gnu(struct tar_reader *t, const unsigned char *h, struct err *e);
/** tar_sparse_body - the map that PAX 1.0 puts before the data. */
int tar_sparse_body(struct tar_reader *t, struct err *e);
/** tar_sparse_finish - check the map against sizes and fill the entry. */
int tar_sparse_finish(struct tar_reader *t, struct err *e);

#endif
