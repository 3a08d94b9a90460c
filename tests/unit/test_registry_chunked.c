/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of layers that are compressed as zstd:chunked: the archive comes out again to the byte, and the table
 * tells where each file is in the blob.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "base/own.h"
#include "format/inflate.h"
#include "format/js.h"
#include "format/toc.h"
#include "registry/compress.h"
#include "../lib/pieces.h"
#include "tar_make.h"

/* bytes that do not compress, the same in every run */
static void noise(char *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		p[i] = (char)(seed >> 56);
	}
}

static void file(struct buf *out, const char *path, const void *p, size_t n)
{
	struct err e = { 0 };
	const struct tar_entry en = { .type = TAR_FILE, .path = path, .link = "", .mode = 04755, .size = n, .uid = 7,
				      .mtime = { -5, 500000000 } };

	assert_int_equal(tar_put_header(out, &en, &e), 0);
	buf_add(out, p, n);
	tar_put_padding(out, n);
}

static int pack(const struct buf *tar, size_t step, struct compressed *ret, struct err *e)
{
	struct pieces in = { { pieces_next, NULL }, (const unsigned char *)tar->p, tar->n, step };

	return compress_source(&in.source, COMPRESS_ZSTD_CHUNKED, 1, AT_FDCWD, ret, e);
}

static void whole(const struct compressed *c, const struct buf *tar)
{
	struct err e = { 0 };
	struct source_at f;
	struct inflate *in;
	const unsigned char *p;
	size_t n, at = 0;
	int r;

	assert_int_equal(source_at_init(&f, c->fd, 0, (uint64_t)c->size_bytes, &e), 0);
	assert_int_equal(inflate_open(&f.source, 0, &in, &e), 0);
	while ((r = source_next(inflate_source(in), &p, &n, &e)) > 0) {
		assert_true(n <= tar->n - at);
		assert_memory_equal(p, tar->p + at, n);
		at += n;
	}
	assert_int_equal(r, 0);
	assert_int_equal(at, tar->n);
	inflate_close(in);
	source_at_done(&f);
}

/* the table, by annotations; the footer says the same */
static void table(const struct compressed *c, struct toc *ret)
{
	struct err e = { 0 };
	struct toc_place p, by_tail = { 0 };
	unsigned char tail[TOC_TAIL_BYTES];
	OWN_STR text = NULL;
	size_t n;
	OWN_JSON notes = json_pack("{s:s, s:s}", TOC_NOTE_ZSTD_DIGEST, c->toc_digest, TOC_NOTE_ZSTD_POSITION, c->toc_position);

	assert_int_equal(toc_annotated(notes, (uint64_t)c->size_bytes, &p, &e), 1);
	assert_int_equal(pread(c->fd, tail, sizeof tail, c->size_bytes - (off_t)sizeof tail), sizeof tail);
	assert_int_equal(toc_locate(tail, sizeof tail, (uint64_t)c->size_bytes, &by_tail, &e), 1);
	assert_int_equal(by_tail.offset, p.offset);
	assert_int_equal(by_tail.length, p.length);
	assert_int_equal(by_tail.unpacked, p.unpacked);
	OWN_PTR unsigned char *packed = malloc(p.length);
	assert_int_equal(pread(c->fd, packed, p.length, (off_t)p.offset), p.length);
	assert_int_equal(toc_unpack(&p, packed, &text, &n, &e), 0);
	assert_int_equal(toc_parse(&p, text, n, ret, &e), 0);
}

/* each chunk is a frame of its own with the bytes of the file */
static void chunks(const struct compressed *c, const struct toc_entry *en, const char *body)
{
	uint64_t at = 0;

	for (size_t i = 0; i < en->n_chunks; i++) {
		const struct toc_chunk *k = &en->chunks[i];
		OWN_PTR char *packed = malloc(k->packed), *out = malloc(k->size + 1);
		char want[HASH_TEXT_MAX], got[80] = "sha256:";
		struct hash h;
		assert_int_equal(k->file_offset, at);
		assert_int_equal(pread(c->fd, packed, k->packed, (off_t)k->offset), k->packed);
		assert_int_equal(ZSTD_decompress(out, k->size + 1, packed, k->packed), k->size);
		assert_memory_equal(out, body + at, k->size);
		assert_true(k->has_digest);
		hash_init(&h, HASH_SHA256);
		hash_add(&h, out, k->size);
		hash_text(&h, want);
		for (size_t d = 0; d < 32; d++)
			(void)snprintf(got + 7 + 2 * d, 3, "%02x", k->sha256[d]);
		assert_string_equal(got, want);
		at += k->size;
	}
	assert_int_equal(at, en->size);
}

enum { LARGE = 1500000 };

static void files(void **state)
{
	static char large[LARGE], zeros[2 * (256 << 10)];
	static const size_t steps[] = { 1, 511, 512, 4096, 100000, SIZE_MAX };
	const struct tar_xattr attr = { "user.x", (const unsigned char *)"a\0b", 3 };
	struct err e = { 0 };
	OWN_BUF tar = { 0 };
	char first[DIGEST_TEXT_MAX] = "";

	(void)state;
	noise(large, sizeof large, 1);
	tar_make_dir(&tar, "./d/");
	file(&tar, "./d/large \"x\" \xc3\xa4", large, sizeof large);
	file(&tar, "d/empty", "", 0);
	file(&tar, "d/zeros", zeros, sizeof zeros);
	tar_make_link(&tar, TAR_HARDLINK, "d/hard", "d/zeros");
	tar_make_link(&tar, TAR_SYMLINK, "d/soft", "../x");
	tar_make(&tar, (struct tar_entry){ .type = TAR_CHAR, .path = "d/null", .link = "", .dev_major = 1, .dev_minor = 3 }, NULL);
	tar_make(&tar, (struct tar_entry){ .type = TAR_FILE, .path = "d/attr", .link = "", .xattrs = &attr, .n_xattrs = 1 }, "x");
	tar_put_end(&tar);
	for (int i = 0; i < 20; i++)
		tar_put_end(&tar); /* as GNU tar fills its last record */
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct compressed c = { .fd = -1 };
		OWN_TOC t = { 0 };
		assert_int_equal(pack(&tar, steps[i], &c, &e), 0);
		whole(&c, &tar);
		table(&c, &t);
		assert_int_equal(t.n_entries, 8);
		assert_string_equal(t.entries[1].name, "./d/large \"x\" \xc3\xa4");
		assert_int_equal(t.entries[1].mode, 04755);
		assert_int_equal(t.entries[1].uid, 7);
		assert_int_equal(t.entries[1].mtime_ns, -4500000000);
		assert_true(t.entries[1].n_chunks > 6 && t.entries[1].n_chunks < LARGE >> 14);
		chunks(&c, &t.entries[1], large);
		assert_int_equal(t.entries[2].n_chunks, 0);
		assert_int_equal(t.entries[3].n_chunks, 2); /* nothing in it asks for a cut, none follows the last */
		chunks(&c, &t.entries[3], zeros);
		assert_string_equal(t.entries[4].link, "d/zeros");
		assert_int_equal(t.entries[6].dev_minor, 3);
		assert_int_equal(t.entries[7].n_xattrs, 1);
		assert_int_equal(t.entries[7].xattrs[0].n, 3);
		chunks(&c, &t.entries[7], "x");
		/* how the archive comes changes nothing */
		if (!*first)
			memcpy(first, c.digest, sizeof first);
		assert_string_equal(c.digest, first);
		close(c.fd);
	}
}

/* of two versions of a file: how many chunks of the second one are in the first */
static void after_a_change_the_same_cuts_follow(void **state)
{
	static char one[LARGE], two[LARGE + 100];
	struct err e = { 0 };
	OWN_BUF a = { 0 }, b = { 0 };
	struct compressed ca = { .fd = -1 }, cb = { .fd = -1 };
	OWN_TOC ta = { 0 }, tb = { 0 };
	size_t known = 0;

	(void)state;
	noise(one, sizeof one, 2);
	memcpy(two, one, LARGE / 2);
	noise(two + LARGE / 2, 100, 3); /* a hundred bytes more in the middle */
	memcpy(two + LARGE / 2 + 100, one + LARGE / 2, LARGE / 2);
	file(&a, "f", one, sizeof one);
	file(&b, "f", two, sizeof two);
	assert_int_equal(pack(&a, SIZE_MAX, &ca, &e), 0);
	assert_int_equal(pack(&b, SIZE_MAX, &cb, &e), 0);
	table(&ca, &ta);
	table(&cb, &tb);
	for (size_t i = 0; i < tb.n_chunks; i++)
		for (size_t k = 0; k < ta.n_chunks; k++)
			known += !memcmp(tb.chunks[i].sha256, ta.chunks[k].sha256, 32);
	assert_true(tb.n_chunks - known <= 3);
	close(ca.fd);
	close(cb.fd);
}

static void what_no_table_can_tell(void **state)
{
	const struct tar_hunk hunk = { 4096, 1 };
	const struct tar_entry list[] = {
		{ .type = TAR_FILE, .path = "holes", .link = "", .size = 5000, .hunks = &hunk, .n_hunks = 1 },
		{ .type = TAR_DIR, .path = "latin \xe4", .link = "" },
		{ .type = TAR_SYMLINK, .path = "l", .link = "latin \xe4" },
		{ .type = TAR_DIR, .path = "owner", .link = "", .uid = 1ULL << 32 },
	};

	(void)state;
	for (size_t i = 0; i <= sizeof list / sizeof *list; i++) {
		struct compressed c = { .fd = -1 };
		struct err e = { 0 };
		OWN_BUF tar = { 0 };
		tar_make_file(&tar, "before", "x");
		if (i < sizeof list / sizeof *list) {
			assert_int_equal(tar_put_header(&tar, &list[i], &e), 0);
			if (list[i].hunks) {
				buf_putc(&tar, 'x');
				tar_put_padding(&tar, 1);
			}
		} else { /* an attribute that is a list of access in text: only others write it so */
			static const char record[] = "40 SCHILY.acl.access=user::rw-,other::r\n";
			struct tar_entry pax = { .type = TAR_FILE, .path = "pax", .link = "", .size = sizeof record - 1 };
			size_t at = tar.n;
			assert_int_equal(tar_put_header(&tar, &pax, &e), 0);
			unsigned char *h = (unsigned char *)tar.p + at;
			unsigned sum = 0;
			h[156] = 'x';
			memset(h + 148, ' ', 8);
			for (int k = 0; k < 512; k++)
				sum += h[k];
			(void)snprintf((char *)h + 148, 8, "%06o", sum);
			buf_add(&tar, record, sizeof record - 1);
			tar_put_padding(&tar, sizeof record - 1);
			tar_make_file(&tar, "listed", "x");
		}
		assert_int_equal(pack(&tar, 700, &c, &e), -EOPNOTSUPP);
		assert_int_equal(e.kind, E_UNSUPPORTED);
		assert_int_equal(c.fd, -1);
	}
}

/* one member after the other, of an archive that is nowhere whole */
struct members {
	struct source source;
	const struct buf *one;
	size_t left;
};

static int members_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct members *m = (struct members *)s;

	(void)e;
	*ret = (const unsigned char *)m->one->p;
	*ret_n = m->one->n;
	return m->left && m->left--;
}

static void more_than_a_table_holds(void **state)
{
	struct compressed c = { .fd = -1 };
	struct err e = { 0 };
	OWN_BUF one = { 0 };

	(void)state;
	tar_make_file(&one, "x", "");
	struct members in = { { members_next, NULL }, &one, TOC_ENTRIES_MAX + 1 };
	assert_int_equal(compress_source(&in.source, COMPRESS_ZSTD_CHUNKED, 1, AT_FDCWD, &c, &e), -EFBIG);
	assert_int_equal(e.kind, E_UNSUPPORTED);
	assert_int_equal(c.fd, -1);
}

static void what_is_broken(void **state)
{
	static const char body[3000];
	struct compressed c = { .fd = -1 };
	struct err e = { 0 };
	OWN_BUF tar = { 0 }, empty = { 0 };

	(void)state;
	file(&tar, "cut", body, sizeof body);
	tar.n -= 1024;
	assert_int_equal(pack(&tar, 700, &c, &e), -EBADMSG);
	assert_int_equal(e.kind, E_CORRUPT);
	assert_int_equal(c.fd, -1);
	err_clear(&e);
	/* no archive at all is one of nothing */
	OWN_TOC t = { 0 };
	tar_put_end(&empty);
	assert_int_equal(pack(&empty, 700, &c, &e), 0);
	whole(&c, &empty);
	table(&c, &t);
	assert_int_equal(t.n_entries, 0);
	close(c.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files), cmocka_unit_test(after_a_change_the_same_cuts_follow),
		cmocka_unit_test(what_no_table_can_tell), cmocka_unit_test(more_than_a_table_holds),
		cmocka_unit_test(what_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
