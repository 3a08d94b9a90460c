/* SPDX-License-Identifier: Apache-2.0
 *
 * Reader of EROFS images, in user space: layers of images may be such. Everything that the image says is
 * taken for the word of a stranger: each offset, count and size is held against the image before it is used.
 *
 * Read: compact and extended inodes, data in blocks, behind the inode and by chunks, attributes behind the
 * inode and shared, long prefixes of their names. Refused with E_UNSUPPORTED that names it: compressed
 * data, further devices, 48-bit addresses, what is newer than this.
 *
 * Format: Documentation/filesystems/erofs.rst of Linux and fs/erofs/erofs_fs.h.
 */
#ifndef ONGGI_FORMAT_EROFS_READ_H
#define ONGGI_FORMAT_EROFS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/fstree.h"

enum {
	EROFS_HEAD_BYTES = 1024 + 4,   /* enough to know one */
	EROFS_NAME_MAX = 255,
	EROFS_TARGET_MAX = 64 << 10,   /* of a symbolic link */
};
#define EROFS_FROM_HOLE UINT64_MAX

/* an image that is not all there: asked before bytes of it are read */
struct erofs_need {
	int (*get)(void *data, uint64_t at, size_t n, struct err *e);
	void *data;
};

struct erofs_image {
	int xfd;
	struct erofs_need need;        /* get NULL: all is there */
	uint64_t size_bytes;
	unsigned block_bits;
	uint64_t meta_at, shared_at;   /* of inodes and of shared attributes */
	uint64_t root_nid;
	int64_t time_s;                /* of compact inodes */
	uint32_t time_ns;
	const uint64_t *devices;       /* where the data of device i + 1 begin in the image; 0: elsewhere */
	unsigned n_devices, device_mask;
	const char *const *prefixes;   /* long prefixes of names of attributes */
	unsigned n_prefixes;
	struct arena a;
};

/* one inode */
struct erofs_node {
	uint64_t nid, at, end;         /* of the inode, of what is behind it and its attributes */
	mode_t mode;                   /* with type */
	uint32_t uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint64_t size_bytes;
	uint32_t dev_major, dev_minor;
	uint32_t u, xattr_bytes;
	uint8_t layout;
	unsigned chunk_bits;           /* log2 of bytes */
};

/* one name in a directory, only for the time of the call */
struct erofs_name {
	const char *name;
	size_t n;
	uint64_t nid;
};

/** erofs_is_image - whether a file that begins with these @n bytes (EROFS_HEAD_BYTES are enough) is an EROFS image:
 * the magic number is there and the first block is no tar header. A function of the bytes alone. */
bool erofs_is_image(const unsigned char *p, size_t n);

/** erofs_open - read the superblock of the image in @xfd, which is borrowed. @need: NULL, or for what is not there yet. */
int erofs_open(int xfd, uint64_t size_bytes, const struct erofs_need *need, struct erofs_image *ret, struct err *e);
void erofs_close(struct erofs_image *m);
/** erofs_node_read - inode @nid. */
int erofs_node_read(const struct erofs_image *m, uint64_t nid, struct erofs_node *ret, struct err *e);
/** erofs_run - where the bytes of @n from @offset on lie in the image: at *@ret_from (EROFS_FROM_HOLE: they are
 * zeros), at least *@ret_n > 0 of them in one piece. @offset is below the size. */
int erofs_run(const struct erofs_image *m, const struct erofs_node *n, uint64_t offset, uint64_t *ret_from,
	      uint64_t *ret_n, struct err *e);
/** erofs_data - read @bytes of @n from @offset on, all of them below its size. */
int erofs_data(const struct erofs_image *m, const struct erofs_node *n, uint64_t offset, void *p, size_t bytes,
	       struct err *e);
/** erofs_xattrs - attributes of @n, in @a. */
int erofs_xattrs(const struct erofs_image *m, const struct erofs_node *n, struct arena *a, struct fsxattr **ret,
		 size_t *ret_n, struct err *e);

/** erofs_names - the names of one block of directory @n, of @bytes at @block as erofs_data() gave them. The
 * names of all blocks must ascend, which is how the kernel finds them, and so none is there twice: @last, of
 * EROFS_NAME_MAX + 1 bytes, is the one before ("" at first) and becomes the last one of this block.
 * E_CORRUPT also for names with '/' and empty ones. "." and ".." are among them. */
int erofs_names(const unsigned char *block, size_t bytes, char *last, struct arena *a, struct erofs_name **ret, size_t *ret_n,
		struct err *e);

/** erofs_get - @n bytes of the image at @at; E_CORRUPT outside of it. */
int erofs_get(const struct erofs_image *m, uint64_t at, void *p, size_t n, struct err *e);

#endif
