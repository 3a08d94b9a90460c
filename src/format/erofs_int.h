/* SPDX-License-Identifier: Apache-2.0
 *
 * On-disk structures of EROFS, little-endian, as far as we write or read them; and the state of a writer.
 */
#ifndef ONGGI_FORMAT_EROFS_INT_H
#define ONGGI_FORMAT_EROFS_INT_H

#include "format/erofs.h"

enum {
	EROFS_MAGIC = 0xE0F5E1E2,
	EROFS_SUPER_AT = 1024,
	EROFS_BLOCK_BITS = 9,
	EROFS_BLOCK = 1 << EROFS_BLOCK_BITS,
	EROFS_SLOT = 32,                  /* unit of node numbers */
	EROFS_COMPAT_MTIME = 2,
	EROFS_INCOMPAT_CHUNKED = 4,
	EROFS_INCOMPAT_DEVICES = 8,
	EROFS_INCOMPAT_FRAGMENTS = 0x20,
	EROFS_INCOMPAT_PREFIXES = 0x40,
	EROFS_PLAIN = 0,                  /* data in blocks of the image */
	EROFS_INLINE = 2,                 /* data right behind the inode */
	EROFS_CHUNKS = 4,                 /* data by chunk indexes */
	EROFS_CHUNK_INDEXES = 0x20,
	EROFS_CHUNK_BITS_MAX = 31,
};

struct erofs_super {
	uint32_t magic, checksum, compat;
	uint8_t block_bits, ext_slots;
	uint16_t root_nid;
	uint64_t inodes, build_time;
	uint32_t build_time_ns, blocks, meta_block, xattr_block;
	uint8_t uuid[16], label[16];
	uint32_t incompat;
	uint16_t compression, extra_devices, device_slot;
	uint8_t dir_block_bits, xattr_prefixes;
	uint32_t xattr_prefix_start;
	uint64_t packed_nid;
	uint8_t reserved[24];
} __attribute__((packed));

struct erofs_device {
	uint8_t tag[64];
	uint32_t blocks, mapped_block;
	uint8_t reserved[56];
} __attribute__((packed));

struct erofs_inode {
	uint16_t format, xattr_count, mode, reserved;
	uint64_t size;
	uint32_t u; /* block address, device number or chunk format */
	uint32_t ino, uid, gid;
	uint64_t mtime;
	uint32_t mtime_ns, nlink;
	uint8_t reserved2[16];
} __attribute__((packed));

struct erofs_chunk {
	uint16_t advise, device;
	uint32_t block;
} __attribute__((packed));

struct erofs_dirent {
	uint64_t nid;
	uint16_t name_at;
	uint8_t type, reserved;
} __attribute__((packed));

struct erofs_xattr_head {
	uint32_t name_filter;
	uint8_t shared, reserved[7];
} __attribute__((packed));

struct erofs_xattr_entry {
	uint8_t name_n, index;
	uint16_t value_n;
} __attribute__((packed));

/* where one inode and its data go */
struct erofs_place {
	struct fsnode *node;
	struct fsnode *parent;   /* of a directory */
	uint64_t at;             /* of the inode, from the start of the image */
	uint32_t xattr_bytes;
	uint64_t data_bytes;     /* directory or symbolic link */
	uint64_t block;          /* of the data, when not inline; or of what was copied into the image */
	uint32_t chunk_bits;     /* log2 of blocks per chunk */
	uint64_t n_chunks;
	uint8_t layout;
	bool copied;             /* file whose data lie in the image, */
	uint64_t copy_from;      /* those from here on */
};

struct erofs_writer {
	const struct erofs_req *q;
	struct arena a;
	struct erofs_place *places; /* place i has node id i + 1; the root is the first */
	size_t n, cap;
	uint64_t end;            /* bytes laid out so far */
	unsigned char *image;    /* mapped */
};

struct erofs_image;
/** erofs_prefixes_read - long prefixes of names of attributes, of an image that is being opened. */
int erofs_prefixes_read(struct erofs_image *m, const struct erofs_super *s, struct err *e);

/** erofs_xattr_put - write them at @p. */
void erofs_xattr_put(const struct fsnode *n, unsigned char *p);
/** erofs_dir_bytes - size of the data of a directory; names are those of @list (@n, sorted, with "."
 * and ".."). */
uint64_t erofs_dir_bytes(const char *const *names, size_t n);

#endif
