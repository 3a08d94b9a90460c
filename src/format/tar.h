/* SPDX-License-Identifier: Apache-2.0
 *
 * Tar: a streaming reader for every dialect found in images (v7, ustar, PAX with global headers,
 * GNU long names, GNU and PAX sparse, base-256 numbers, signed checksums) and a writer (ustar,
 * PAX where ustar is too small). Pure parsing: names are bytes as found; what they may do to a
 * file system is decided by whoever applies them.
 */
#ifndef ONGGI_FORMAT_TAR_H
#define ONGGI_FORMAT_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/source.h"

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCK,
	TAR_DIR,
	TAR_FIFO,
	TAR_TYPE_N
};

struct tar_time {
	int64_t sec;
	uint32_t nsec; /* 0..999999999, counts upwards for negative seconds too */
};

/* access control lists in star's text form, to be translated by whoever applies them */
#define TAR_XATTR_ACL_ACCESS_TEXT  "SCHILY.acl.access"
#define TAR_XATTR_ACL_DEFAULT_TEXT "SCHILY.acl.default"

struct tar_xattr {
	const char *name;           /* "user.x", without "SCHILY.xattr." */
	const unsigned char *value; /* any bytes */
	size_t n;
};

struct tar_hunk {
	uint64_t offset, length; /* data of a sparse file */
};

/* One member. All pointers live until the next tar_next(). */
struct tar_entry {
	enum tar_type type;
	const char *path; /* as stored, NUL-terminated, no NUL inside */
	const char *link; /* target of links, "" otherwise */
	uint64_t size;    /* of the file when extracted (with holes) */
	mode_t mode;      /* permission bits only, 07777 */
	uint64_t uid, gid;
	const char *uname, *gname;
	struct tar_time mtime, atime;
	bool has_atime;
	uint32_t dev_major, dev_minor;
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
	const struct tar_hunk *hunks; /* NULL: not sparse */
	size_t n_hunks;
};

/* 0 in a member = the default */
struct tar_limits {
	size_t path_bytes;   /* one path or link target: 64 KiB */
	size_t header_bytes; /* one PAX header or GNU long name: 1 MiB */
	size_t hunks;        /* sparse map: 65536 */
	size_t xattrs;       /* per entry: 256 */
};

struct tar_reader;

/** tar_open - read a tar from @src (borrowed). */
int tar_open(struct source *src, const struct tar_limits *limits, struct tar_reader **ret,
	     struct err *e);
void tar_close(struct tar_reader *t);
/** tar_next - go to the next member, skipping what is left of the current body.
 * 1: *ret is set | 0: end of archive (the source may hold more: zeros, padding) | negative.
 * An archive that ends without the two zero blocks at a header boundary is accepted, as GNU tar
 * does; one that ends inside a member is E_CORRUPT. */
int tar_next(struct tar_reader *t, const struct tar_entry **ret, struct err *e);
/** tar_body - next piece of the current member's data, with its offset in the file. 1, 0 or
 * negative. Holes are not returned. */
int tar_body(struct tar_reader *t, const unsigned char **ret, size_t *ret_n, uint64_t *ret_offset,
	     struct err *e);
/** tar_offset - bytes of the archive consumed so far (start of the current body after
 * tar_next). */
uint64_t tar_offset(const struct tar_reader *t);

/** tar_is_header - whether the 512 bytes at @h have the sum that the header of a member has. */
bool tar_is_header(const unsigned char *h);

/** tar_put_header - append the header block(s) of @en to @out: ustar, with a PAX header before it
 * where names, numbers, fractions of a second, xattrs or holes need one. The caller appends en->size
 * bytes of body (of a sparse file: those of its hunks) for a TAR_FILE, then tar_put_padding(). */
int tar_put_header(struct buf *out, const struct tar_entry *en, struct err *e);
/** tar_put_padding - zeros up to the next block of 512 after a body of @size bytes. */
void tar_put_padding(struct buf *out, uint64_t size);
/** tar_put_end - the two zero blocks. */
void tar_put_end(struct buf *out);

#endif
