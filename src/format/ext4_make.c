/* SPDX-License-Identifier: Apache-2.0
 *
 * A new ext4: see ext4_make.h.
 *
 *   group of 32768 blocks:  [super block, descriptors]  block map, inode map, inode table | free
 *                           in groups 0, 1 and powers of 3, 5, 7
 *   group 0 moreover:       | root directory, lost+found, journal | free
 *
 * Maps of groups in which nothing is used are not written: the descriptor says so (checksummed by
 * feature gdt_csum), and that the inode table is zero already.
 */
#include "format/ext4_make.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"

enum {
	BLOCK = 4096, GROUP = 32768, /* blocks of a group: bits of one block */
	INODE = 256, INODES_A_BLOCK = BLOCK / INODE, DESC = 32, DESCS_A_BLOCK = BLOCK / DESC,
	ROOT_INO = 2, JOURNAL_INO = 8, FIRST_INO = 11, /* the last is lost+found */
	OURS = 8,              /* inodes for folders around the user's */
	TINY_FREE = 16,        /* blocks that a last group has at least beside its own */
	KEPT_MAX = 4096,       /* blocks that the kernel keeps back for itself: 2 % and at most so many */
	INODE_UNINIT = 1, BLOCK_UNINIT = 2, INODE_ZEROED = 4,
	EXTENTS_FLAG = 0x80000,
};

struct layout {
	uint32_t blocks, groups, desc_blocks, inodes_a_group, table_blocks, journal_blocks;
	uint32_t first_free; /* of group 0 */
};

static void put16(uint8_t *p, uint32_t v)
{
	const uint16_t le = htole16((uint16_t)v);
	memcpy(p, &le, sizeof le);
}

static void put32(uint8_t *p, uint32_t v)
{
	const uint32_t le = htole32(v);
	memcpy(p, &le, sizeof le);
}

static void put32_big(uint8_t *p, uint32_t v)
{
	const uint32_t be = htobe32(v);
	memcpy(p, &be, sizeof be);
}

/* CRC-16 of polynomial 0x8005, reflected, as the kernel's crc16() */
static uint16_t crc16(uint16_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = (uint16_t)(crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1);
	}
	return crc;
}

static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

static bool has_super(uint32_t group)
{
	return group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

static uint32_t own_blocks(const struct layout *l, uint32_t group)
{
	return (has_super(group) ? 1 + l->desc_blocks : 0) + 2 + l->table_blocks;
}

static uint32_t group_blocks(const struct layout *l, uint32_t group)
{
	return group + 1 < l->groups ? GROUP : l->blocks - group * GROUP;
}

static uint32_t journal_blocks(uint64_t blocks)
{
	return blocks < 32768 ? 1024 : blocks < 262144 ? 4096 : 16384;
}

/* Each group more takes blocks for itself, so that one more may be needed; never less. */
static int layout_make(const struct ext4_make *m, struct layout *l, struct err *e)
{
	const uint64_t want = (m->bytes + BLOCK - 1) / BLOCK;
	/* small ones are full of small files */
	const uint64_t inodes = (m->inodes ? m->inodes : want / (want < 131072 ? 1 : 4)) + FIRST_INO + OURS;
	uint64_t blocks = 0, all = want;

	if (m->bytes > EXT4_MAKE_BYTES_MAX)
		return err_new(e, E_INVALID, EFBIG, "more than %llu TiB in one file system",
			       (unsigned long long)(EXT4_MAKE_BYTES_MAX >> 40));
	l->journal_blocks = journal_blocks(want);
	while (all > blocks) {
		blocks = all;
		l->groups = (uint32_t)((blocks + GROUP - 1) / GROUP);
		l->desc_blocks = (l->groups + DESCS_A_BLOCK - 1) / DESCS_A_BLOCK;
		uint64_t each = (inodes + l->groups - 1) / l->groups;
		if (each > GROUP && m->inodes)
			return err_new(e, E_INVALID, EINVAL, "%llu inodes have no room in so many bytes",
				       (unsigned long long)m->inodes);
		each = each > GROUP ? GROUP : each;
		l->inodes_a_group = (uint32_t)((each + INODES_A_BLOCK - 1) / INODES_A_BLOCK * INODES_A_BLOCK);
		l->table_blocks = l->inodes_a_group / INODES_A_BLOCK;
		all = want + 2 + l->journal_blocks + (blocks / 50 < KEPT_MAX ? blocks / 50 : KEPT_MAX);
		for (uint32_t g = 0; g < l->groups; g++)
			all += own_blocks(l, g);
		uint64_t last = (uint64_t)(l->groups - 1) * GROUP + own_blocks(l, l->groups - 1) + TINY_FREE;
		all = all < last ? last : all;
	}
	l->blocks = (uint32_t)blocks;
	l->first_free = own_blocks(l, 0) + 2 + l->journal_blocks;
	return 0;
}

static int put(int xfd, uint64_t block, uint32_t offset, const void *p, size_t n, struct err *e)
{
	int r = io_write_all_at(xfd, p, n, (off_t)(block * BLOCK + offset));

	return r < 0 ? err_sys(e, -r, "write file system") : 0;
}

static void bits_set(uint8_t *map, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		map[from / 8] |= (uint8_t)(1U << (from % 8));
}

/* where the maps of a group begin */
static uint64_t maps_of(const struct layout *l, uint32_t group)
{
	return (uint64_t)group * GROUP + (has_super(group) ? 1 + l->desc_blocks : 0);
}

static uint32_t group_used(const struct layout *l, uint32_t group)
{
	return group ? own_blocks(l, group) : l->first_free;
}

static void descriptor(const struct layout *l, const struct ext4_make *m, uint32_t group, uint8_t d[DESC])
{
	const uint64_t maps = maps_of(l, group);
	const uint32_t inodes = l->inodes_a_group - (group ? 0 : FIRST_INO);
	uint8_t number[4];

	put32(d, (uint32_t)maps);
	put32(d + 4, (uint32_t)maps + 1);
	put32(d + 8, (uint32_t)maps + 2);
	put16(d + 12, group_blocks(l, group) - group_used(l, group));
	put16(d + 14, inodes);
	put16(d + 16, group ? 0 : 2); /* directories */
	/* the map of the last one has an end that is not there */
	put16(d + 18, INODE_ZEROED | (group ? INODE_UNINIT : 0) | (group && group + 1 < l->groups ? BLOCK_UNINIT : 0));
	put16(d + 28, inodes); /* never used so far */
	put32(number, group);
	uint16_t crc = crc16(0xffff, m->uuid, sizeof m->uuid);
	crc = crc16(crc, number, sizeof number);
	put16(d + 30, crc16(crc, d, 30));
}

static int maps_write(int xfd, const struct layout *l, uint32_t group, struct err *e)
{
	uint8_t map[BLOCK] = { 0 };

	bits_set(map, 0, group_used(l, group));
	bits_set(map, group_blocks(l, group), GROUP);
	if (put(xfd, maps_of(l, group), 0, map, sizeof map, e) < 0)
		return -e->eno;
	if (group)
		return 0;
	memset(map, 0, sizeof map);
	bits_set(map, 0, FIRST_INO);
	bits_set(map, l->inodes_a_group, GROUP);
	return put(xfd, maps_of(l, 0) + 1, 0, map, sizeof map, e);
}

/* one run of blocks, in the inode itself */
static void extent(uint8_t *p, uint32_t start, uint32_t n)
{
	put16(p, 0xf30a);
	put16(p + 2, 1);
	put16(p + 4, 4);
	put16(p + 16, n);
	put32(p + 20, start);
}

static int inode_write(int xfd, const struct layout *l, const struct ext4_make *m, uint32_t number, uint32_t mode,
		       uint32_t links, uint32_t start, uint32_t n, struct err *e)
{
	const uint64_t table = maps_of(l, 0) + 2;
	uint8_t i[INODE] = { 0 };

	put16(i, mode);
	put32(i + 4, n * BLOCK);
	for (int k = 8; k <= 16; k += 4) /* times of access, inode, content */
		put32(i + k, m->now);
	put16(i + 26, links);
	put32(i + 28, n * (BLOCK / 512));
	put32(i + 32, EXTENTS_FLAG);
	extent(i + 40, start, n);
	put16(i + 128, 32); /* bytes in use beyond the first 128 */
	put32(i + 144, m->now);
	return put(xfd, table, (number - 1) * INODE, i, sizeof i, e);
}

static uint8_t *entry(uint8_t *p, uint32_t number, const char *name, uint32_t length)
{
	put32(p, number);
	put16(p + 4, length);
	p[6] = (uint8_t)strlen(name);
	p[7] = 2; /* directory */
	memcpy(p + 8, name, strlen(name));
	return p + length;
}

static int files_write(int xfd, const struct layout *l, const struct ext4_make *m, struct err *e)
{
	const uint32_t root = own_blocks(l, 0), journal = root + 2;
	uint8_t b[BLOCK] = { 0 };

	if (inode_write(xfd, l, m, ROOT_INO, 0040000 | (m->mode & 07777), 3, root, 1, e) < 0 ||
	    inode_write(xfd, l, m, FIRST_INO, 0040700, 2, root + 1, 1, e) < 0 ||
	    inode_write(xfd, l, m, JOURNAL_INO, 0100600, 1, journal, l->journal_blocks, e) < 0)
		return -e->eno;
	(void)entry(entry(entry(b, ROOT_INO, ".", 12), ROOT_INO, "..", 12), FIRST_INO, "lost+found", BLOCK - 24);
	if (put(xfd, root, 0, b, sizeof b, e) < 0)
		return -e->eno;
	memset(b, 0, sizeof b);
	(void)entry(entry(b, FIRST_INO, ".", 12), ROOT_INO, "..", BLOCK - 12);
	if (put(xfd, root + 1, 0, b, sizeof b, e) < 0)
		return -e->eno;
	/* journal: nothing in it */
	uint8_t j[1024] = { 0 };
	put32_big(j, 0xc03b3998);
	put32_big(j + 4, 4); /* super block, second form */
	put32_big(j + 12, BLOCK);
	put32_big(j + 16, l->journal_blocks);
	put32_big(j + 20, 1);
	put32_big(j + 24, 1);
	memcpy(j + 48, m->uuid, sizeof m->uuid);
	put32_big(j + 64, 1);
	return put(xfd, journal, 0, j, sizeof j, e);
}

static void super_block(const struct layout *l, const struct ext4_make *m, uint8_t s[1024])
{
	uint64_t left = l->blocks;

	for (uint32_t g = 0; g < l->groups; g++)
		left -= group_used(l, g);
	put32(s, l->groups * l->inodes_a_group);
	put32(s + 4, l->blocks);
	put32(s + 12, (uint32_t)left);
	put32(s + 16, l->groups * l->inodes_a_group - FIRST_INO);
	put32(s + 24, 2); /* blocks, and clusters, of 1024 << 2 */
	put32(s + 28, 2);
	put32(s + 32, GROUP);
	put32(s + 36, GROUP);
	put32(s + 40, l->inodes_a_group);
	put32(s + 48, m->now);
	put16(s + 54, 0xffff); /* no check by count of mounts */
	put16(s + 56, 0xef53);
	put16(s + 58, 1); /* clean */
	put16(s + 60, 2); /* after an error: read-only */
	put32(s + 64, m->now);
	put32(s + 76, 1);
	put32(s + 84, FIRST_INO);
	put16(s + 88, INODE);
	put32(s + 92, 0x4 | 0x8 | 0x20); /* has_journal, ext_attr, dir_index */
	put32(s + 96, 0x2 | 0x40);       /* filetype, extents */
	/* sparse_super, large_file, huge_file, gdt_csum, dir_nlink, extra_isize */
	put32(s + 100, 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40);
	memcpy(s + 104, m->uuid, sizeof m->uuid);
	put32(s + 224, JOURNAL_INO);
	memcpy(s + 236, m->uuid, sizeof m->uuid); /* seed of the hash of names: half MD4 */
	s[252] = 1;
	s[253] = 1; /* the journal's inode is kept here, too */
	put32(s + 256, 0x4 | 0x8); /* user_xattr, acl */
	put32(s + 264, m->now);
	extent(s + 268, own_blocks(l, 0) + 2, l->journal_blocks);
	put32(s + 268 + 64, l->journal_blocks * BLOCK);
	put16(s + 348, 32);
	put16(s + 350, 32);
	put32(s + 352, 2); /* hash of unsigned characters */
}

int ext4_make(int xfd, const struct ext4_make *m, uint64_t *ret_bytes, struct err *e)
{
	struct layout l = { 0 };
	uint8_t s[1024] = { 0 };

	if (layout_make(m, &l, e) < 0)
		return -e->eno;
	OWN_PTR uint8_t *descs = calloc(l.desc_blocks, BLOCK);
	if (!descs)
		return err_new(e, E_NOMEM, ENOMEM, "make file system");
	for (uint32_t g = 0; g < l.groups; g++)
		descriptor(&l, m, g, descs + (size_t)g * DESC);
	if (ftruncate(xfd, (off_t)l.blocks * BLOCK) < 0)
		return err_sys(e, errno, "make file system");
	super_block(&l, m, s);
	for (uint32_t g = 0; g < l.groups; g++) {
		uint64_t at = (uint64_t)g * GROUP;
		if (!has_super(g))
			continue;
		put16(s + 90, g);
		if (put(xfd, at, g ? 0 : 1024, s, sizeof s, e) < 0 ||
		    put(xfd, at + 1, 0, descs, (size_t)l.desc_blocks * BLOCK, e) < 0)
			return -e->eno;
	}
	if (maps_write(xfd, &l, 0, e) < 0 || (l.groups > 1 && maps_write(xfd, &l, l.groups - 1, e) < 0) ||
	    files_write(xfd, &l, m, e) < 0)
		return -e->eno;
	*ret_bytes = (uint64_t)l.blocks * BLOCK;
	return 0;
}
