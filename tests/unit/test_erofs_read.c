/* SPDX-License-Identifier: Apache-2.0
 *
 * EROFS images as tars: what our writer writes, and what only others do (holes, compact inodes, blocks of
 * another size) in an image made by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/erofs.h"
#include "format/erofs_int.h"
#include "format/erofs_tar.h"
#include "format/tar.h"

enum { IMAGE_BYTES = 16384, HAND_BLOCK = 4096 };

static void put_bytes(int fd, uint64_t at, const void *p, size_t n)
{
	assert_int_equal(pwrite(fd, p, n, (off_t)at), n);
}

/* root (nid 40): "file", compact, three chunks of 4096 of which the second is a hole, the third 100 bytes long */
static int by_hand(void)
{
	const struct erofs_super s = { .magic = EROFS_MAGIC, .block_bits = 12, .root_nid = 40, .build_time = 77,
				       .incompat = EROFS_INCOMPAT_CHUNKED, .blocks = 4 };
	static const unsigned char root[32] = { [0] = EROFS_INLINE << 1, [4] = 0xed, [5] = 0x41, [6] = 2, [8] = 43 };
	static const unsigned char dirents[43] = { [0] = 40, [8] = 36, [10] = 2, [12] = 40, [20] = 37, [22] = 2,
						   [24] = 43, [32] = 39, [34] = 1, [36] = '.', '.', '.', 'f', 'i', 'l', 'e' };
	static const unsigned char file[32] = { [0] = EROFS_CHUNKS << 1, [4] = 0xa4, [5] = 0x81, [6] = 1, [8] = 100, [9] = 0x20,
						[16] = 0, [24] = 5, [26] = 6 };
	static const uint32_t chunks[3] = { 2, UINT32_MAX, 3 };
	char text[HAND_BLOCK];
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, IMAGE_BYTES), 0);
	put_bytes(fd, EROFS_SUPER_AT, &s, sizeof s);
	put_bytes(fd, 40 * 32, root, sizeof root);
	put_bytes(fd, 41 * 32, dirents, sizeof dirents);
	put_bytes(fd, 43 * 32, file, sizeof file);
	put_bytes(fd, 44 * 32, chunks, sizeof chunks);
	memset(text, 'a', sizeof text);
	put_bytes(fd, 2 * HAND_BLOCK, text, sizeof text);
	memset(text, 'b', sizeof text);
	put_bytes(fd, 3 * HAND_BLOCK, text, sizeof text);
	return fd;
}

static void holes_and_compact_inodes(void **state)
{
	const struct tar_entry *en;
	const unsigned char *p;
	struct fsextent *list;
	struct tar_reader *r;
	struct erofs_tar t;
	struct err e = { 0 };
	uint64_t at, sum = 0;
	ARENA a = { 0 };
	size_t n;
	int fd = by_hand();

	(void)state;
	assert_int_equal(erofs_tar_open(&t, fd, IMAGE_BYTES, &e), 0);
	assert_int_equal(tar_open(&t.source, NULL, &r, &e), 0);
	assert_int_equal(tar_next(r, &en, &e), 1);
	assert_int_equal(en->type, TAR_DIR);
	assert_int_equal(tar_next(r, &en, &e), 1);
	assert_string_equal(en->path, "file");
	assert_int_equal(en->size, 2 * HAND_BLOCK + 100);
	assert_int_equal(en->mode, 0644);
	assert_int_equal(en->uid, 5);
	assert_int_equal(en->gid, 6);
	assert_int_equal(en->mtime.sec, 77);
	assert_int_equal(en->n_hunks, 2);
	assert_int_equal(en->hunks[1].offset, 2 * HAND_BLOCK);
	assert_int_equal(en->hunks[1].length, 100);
	assert_int_equal(erofs_tar_extents(&t, tar_offset(r), 7, &a, &list, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(list[0].from, 2 * HAND_BLOCK);
	assert_int_equal(list[1].from, 3 * HAND_BLOCK);
	assert_int_equal(list[1].length, 100);
	assert_int_equal(list[1].source, 7);
	for (; tar_body(r, &p, &n, &at, &e) > 0; sum += n)
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], at + i < HAND_BLOCK ? 'a' : 'b');
	assert_int_equal(sum, HAND_BLOCK + 100);
	assert_int_equal(tar_next(r, &en, &e), 0);
	tar_close(r);
	erofs_tar_close(&t);
	close(fd);
}

/* two files, the inode of one in front of the other's: both tables are nearly the whole image */
static void tables_in_tables(void **state)
{
	static const unsigned char dirents[] = { [0] = 51, [8] = 24, [10] = 1, [12] = 50, [20] = 25, [22] = 1, [24] = 'f', 'g' };
	static const unsigned char root[32] = { [0] = EROFS_INLINE << 1, [4] = 0xed, [5] = 0x41, [6] = 2, [8] = sizeof dirents };
	static const unsigned char file[32] = { [0] = EROFS_CHUNKS << 1, [4] = 0xa4, [5] = 0x81, [6] = 1, [10] = 0xe1 };
	const struct tar_entry *en;
	struct tar_reader *r;
	struct erofs_tar t;
	struct err e = { 0 };
	int fd = by_hand();

	(void)state;
	put_bytes(fd, 40 * 32, root, sizeof root);
	put_bytes(fd, 41 * 32, dirents, sizeof dirents);
	put_bytes(fd, 50 * 32, file, sizeof file);
	put_bytes(fd, 51 * 32, file, sizeof file);
	for (uint64_t at = 52 * 32; at < IMAGE_BYTES; at += 4)
		put_bytes(fd, at, "\xff\xff\xff\xff", 4);
	assert_int_equal(erofs_tar_open(&t, fd, IMAGE_BYTES, &e), 0);
	assert_int_equal(tar_open(&t.source, NULL, &r, &e), 0);
	assert_int_equal(tar_next(r, &en, &e), 1);
	assert_int_equal(tar_next(r, &en, &e), 1);
	assert_string_equal(en->path, "f");
	assert_int_equal(en->n_hunks, 1); /* nothing but a hole */
	assert_int_equal(tar_next(r, &en, &e), -EBADMSG);
	assert_non_null(strstr(e.chain, "tables of chunks overlap"));
	tar_close(r);
	erofs_tar_close(&t);
	close(fd);
}

/* names and attributes as they were put in, and the same bytes when their data are passed over */
static void what_we_write(void **state)
{
	static const struct fsxattr x = { "user.colour", (const unsigned char *)"blue", 4 };
	static const struct fsextent at_0 = { 0, 600, 0, 1 };
	struct erofs_source data = { memfd_create("data", MFD_CLOEXEC), 1024 };
	int fd = memfd_create("image", MFD_CLOEXEC);
	const struct tar_entry *en;
	const char *const names[] = { "./", "dir/", "dir/again", "dir/dev" };
	struct erofs_image m;
	struct erofs_node root;
	struct fstree tree;
	struct tar_reader *r;
	struct erofs_tar t;
	struct stat st;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ftruncate(data.xfd, 1024), 0);
	assert_int_equal(fstree_init(&tree, &e), 0);
	struct fsnode *dir = fstree_node(&tree, S_IFDIR | 0700), *dev = fstree_node(&tree, S_IFCHR | 0600),
		      *file = fstree_node(&tree, S_IFREG | 04755);
	dev->dev_major = 10;
	dev->dev_minor = 70000;
	*file = (struct fsnode){ .mode = file->mode, .uid = 70000, .mtime_s = -5, .size_bytes = 600, .extents = &at_0, .n_extents = 1,
				 .xattrs = &x, .n_xattrs = 1 };
	assert_int_equal(fstree_put(&tree, tree.root, "dir", 3, dir, 1, &e), 0);
	assert_int_equal(fstree_put(&tree, dir, "dev", 3, dev, 1, &e), 0);
	assert_int_equal(fstree_put(&tree, dir, "again", 5, file, 1, &e), 0);
	assert_int_equal(fstree_put(&tree, tree.root, "other", 5, file, 1, &e), 0);
	assert_int_equal(erofs_write(&(struct erofs_req){ &tree, &data, 1, fd }, &e), 0);
	fstree_done(&tree);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(erofs_open(fd, (uint64_t)st.st_size, NULL, &m, &e), 0);
	assert_int_equal(erofs_node_read(&m, m.root_nid, &root, &e), 0);
	assert_true(S_ISDIR(root.mode));
	erofs_close(&m);
	assert_int_equal(erofs_tar_open(&t, fd, (uint64_t)st.st_size, &e), 0);
	assert_int_equal(tar_open(&t.source, NULL, &r, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		/* the data are on another device: the name of the file is told */
		if (i == 2) {
			assert_true(tar_next(r, &en, &e) < 0);
			assert_non_null(strstr(e.chain, "entry dir/again"));
			assert_int_equal(e.kind, E_UNSUPPORTED);
			break;
		}
		assert_int_equal(tar_next(r, &en, &e), 1);
		assert_string_equal(en->path, names[i]);
	}
	tar_close(r);
	erofs_tar_close(&t);
	close(fd);
	close(data.xfd);
}

static void what_is_one(void **state)
{
	unsigned char head[EROFS_HEAD_BYTES] = { 0 };
	const uint32_t magic = EROFS_MAGIC;
	OWN_BUF tar = { 0 };
	struct tar_entry en = { .type = TAR_FILE, .path = "a", .size = EROFS_HEAD_BYTES };
	struct err e = { 0 };

	(void)state;
	assert_false(erofs_is_image(head, sizeof head));
	memcpy(head + EROFS_SUPER_AT, &magic, sizeof magic);
	assert_true(erofs_is_image(head, sizeof head));
	assert_false(erofs_is_image(head, sizeof head - 1));
	/* an archive whose first file has the number at that place is an archive */
	assert_int_equal(tar_put_header(&tar, &en, &e), 0);
	memcpy(head, tar.p, 512);
	assert_false(erofs_is_image(head, sizeof head));
}

static void peeking_changes_nothing(void **state)
{
	const char text[] = "0123456789";
	struct source_mem m;
	struct source_peek k;
	const unsigned char *p;
	struct err e = { 0 };
	size_t n;

	(void)state;
	source_mem_init(&m, text, 10);
	source_peek_init(&k, &m.source);
	assert_int_equal(source_peek(&k, 4, &p, &n, &e), 0);
	assert_int_equal(n, 10);
	assert_int_equal(source_next(&k.source, &p, &n, &e), 1);
	assert_int_equal(n, 10);
	assert_int_equal(source_next(&k.source, &p, &n, &e), 0);
	source_mem_init(&m, text, 10);
	source_peek_init(&k, &m.source);
	assert_int_equal(source_peek(&k, 400, &p, &n, &e), 0);
	assert_int_equal(n, 10);
	assert_memory_equal(p, text, 10);
	assert_int_equal(source_next(&k.source, &p, &n, &e), 1);
	assert_int_equal(n, 10);
	assert_memory_equal(p, text, 10);
	assert_int_equal(source_next(&k.source, &p, &n, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_and_compact_inodes),
		cmocka_unit_test(tables_in_tables),
		cmocka_unit_test(what_we_write),
		cmocka_unit_test(what_is_one),
		cmocka_unit_test(peeking_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
