/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the tar reader and writer, hashes and sources.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/hash.h"
#include "format/tar.h"
#include "tar_make.h"

/* hands out @max bytes at a time, so that headers are cut at every place */
struct drip {
	struct source source;
	const unsigned char *p;
	size_t n, max;
};

static int drip_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct drip *d = (struct drip *)s;
	(void)e;
	*ret = d->p;
	*ret_n = d->n < d->max ? d->n : d->max;
	d->p += *ret_n;
	d->n -= *ret_n;
	return *ret_n > 0;
}

static void round_trip(void **state)
{
	const struct tar_xattr xattrs[] = { { "user.a=b", (const unsigned char *)"x\0y", 3 },
					    { "security.capability", (const unsigned char *)"\1", 1 } };
	char path[600], link[300];
	(void)state;

	memset(path, 'p', sizeof path);
	for (size_t i = 60; i < sizeof path; i += 61)
		path[i] = '/';
	path[sizeof path - 1] = 0;
	memset(link, 'l', sizeof link);
	link[sizeof link - 1] = 0;
	const struct tar_entry in[] = {
		{ .type = TAR_FILE, .path = "plain", .size = 3, .mode = 04755, .uid = 1, .gid = 2,
		  .mtime = { 12, 0 }, .uname = "u", .gname = "g" },
		{ .type = TAR_FILE, .path = path, .size = 0, .mode = 0644, .uid = 4000000000, .gid = 3000000,
		  .mtime = { -2, 750000000 }, .has_atime = true, .atime = { 5, 1 } },
		{ .type = TAR_SYMLINK, .path = "s", .link = link, .mode = 0777, .mtime = { 1LL << 40, 0 } },
		{ .type = TAR_CHAR, .path = "c", .mode = 0600, .dev_major = 5, .dev_minor = 4000000 },
		{ .type = TAR_DIR, .path = "d/", .mode = 01777, .xattrs = xattrs, .n_xattrs = 2 },
	};
	for (size_t piece = 1; piece < 1200; piece += piece < 20 ? 1 : 97) {
		OWN_BUF tar = { 0 };
		struct err e = { 0 };
		for (size_t i = 0; i < ARRAY_LEN(in); i++) {
			assert_int_equal(tar_put_header(&tar, &in[i], &e), 0);
			if (in[i].size)
				buf_puts(&tar, "abc");
			tar_put_padding(&tar, in[i].size);
		}
		tar_put_end(&tar);
		assert_int_equal(tar.n % 512, 0);
		struct drip d = { { drip_next }, (unsigned char *)tar.p, tar.n, piece };
		struct tar_reader *t;
		assert_int_equal(tar_open(&d.source, NULL, &t, &e), 0);
		for (size_t i = 0; i < ARRAY_LEN(in); i++) {
			const struct tar_entry *en;
			assert_int_equal(tar_next(t, &en, &e), 1);
			assert_int_equal(en->type, in[i].type);
			assert_string_equal(en->path, in[i].path);
			assert_string_equal(en->link, in[i].link ? in[i].link : "");
			assert_int_equal(en->size, in[i].size);
			assert_int_equal(en->mode, in[i].mode);
			assert_int_equal(en->uid, in[i].uid);
			assert_int_equal(en->gid, in[i].gid);
			assert_true(en->mtime.sec == in[i].mtime.sec && en->mtime.nsec == in[i].mtime.nsec);
			assert_int_equal(en->has_atime, in[i].has_atime);
			assert_int_equal(en->dev_minor, in[i].dev_minor);
			assert_int_equal(en->n_xattrs, in[i].n_xattrs);
			for (size_t k = 0; k < en->n_xattrs; k++) {
				assert_string_equal(en->xattrs[k].name, xattrs[k].name);
				assert_int_equal(en->xattrs[k].n, xattrs[k].n);
				assert_memory_equal(en->xattrs[k].value, xattrs[k].value, xattrs[k].n);
			}
		}
		const struct tar_entry *en;
		assert_int_equal(tar_next(t, &en, &e), 0);
		assert_int_equal(tar_next(t, &en, &e), 0);
		tar_close(t);
	}
}

/* read one archive to its end; the kind of the error, 0 when it is sound */
static enum err_kind verdict(const char *p, size_t n)
{
	const struct tar_limits lim = { .header_bytes = 65536, .hunks = 100 };
	const struct tar_entry *en;
	struct tar_reader *t;
	struct source_mem m;
	struct err e = { 0 };
	int r;

	source_mem_init(&m, p, n);
	assert_int_equal(tar_open(&m.source, &lim, &t, &e), 0);
	while ((r = tar_next(t, &en, &e)) > 0)
		;
	tar_close(t);
	return r < 0 ? e.kind : E_NONE;
}

static void fix_sum(char *h)
{
	unsigned sum = 0;
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + 148, 8, "%06o", sum);
}

static void damaged(void **state)
{
	OWN_BUF tar = { 0 };
	(void)state;

	tar_make_file(&tar, "f", "hello");
	assert_int_equal(verdict(tar.p, tar.n), E_NONE); /* no end mark */
	assert_int_equal(verdict(tar.p, 512), E_CORRUPT);
	assert_int_equal(verdict(tar.p, 514), E_CORRUPT);
	assert_int_equal(verdict(tar.p, 700), E_NONE); /* only padding is missing */
	assert_int_equal(verdict(tar.p, 100), E_CORRUPT);
	assert_int_equal(verdict("", 0), E_NONE);
	tar.p[0] ^= 1;
	assert_int_equal(verdict(tar.p, tar.n), E_CORRUPT);
	tar.p[0] ^= 1;
	/* numbers: negative size and owner in base 256, rubbish in octal, a type nobody knows */
	static const struct {
		int at;
		const char *bytes;
		size_t n;
	} rows[] = {
		{ 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb", 12 },
		{ 124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 },
		{ 108, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 },
		{ 108, "12x4567", 7 },
		{ 156, "?", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char copy[1024];
		memcpy(copy, tar.p, sizeof copy);
		memcpy(copy + rows[i].at, rows[i].bytes, rows[i].n);
		fix_sum(copy);
		assert_int_equal(verdict(copy, sizeof copy), E_CORRUPT);
	}
	/* one block of zeros, then more */
	OWN_BUF gap = { 0 };
	tar_put_end(&gap);
	gap.n = 512;
	buf_add(&gap, tar.p, tar.n);
	assert_int_equal(verdict(gap.p, gap.n), E_CORRUPT);
}

static void base256_and_signed_sum(void **state)
{
	OWN_BUF tar = { 0 };
	const struct tar_entry *en;
	struct tar_reader *t;
	struct source_mem m;
	struct err e = { 0 };
	int sum = 8 * ' ';
	(void)state;

	tar_make_file(&tar, "\xc3\xa9", "");
	memcpy(tar.p + 108, "\x80\0\0\0\xff\xff\xff\xfe", 8);
	memcpy(tar.p + 136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf6", 12);
	memset(tar.p + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : (signed char)tar.p[i];
	(void)snprintf(tar.p + 148, 8, "%06o", (unsigned)sum);
	source_mem_init(&m, tar.p, tar.n);
	assert_int_equal(tar_open(&m.source, NULL, &t, &e), 0);
	assert_int_equal(tar_next(t, &en, &e), 1);
	assert_true(en->uid == 4294967294);
	assert_true(en->mtime.sec == -10);
	tar_close(t);
}

static void put_pax(struct buf *tar, char type, const char *records, size_t n)
{
	struct err e = { 0 };
	struct tar_entry en = { .type = TAR_FILE, .path = "pax", .size = n, .mode = 0644 };
	size_t at = tar->n;

	assert_int_equal(tar_put_header(tar, &en, &e), 0);
	tar->p[at + 156] = type;
	fix_sum(tar->p + at);
	buf_add(tar, records, n);
	tar_put_padding(tar, n);
}

static void pax_malformed(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		enum err_kind kind;
	} rows[] = {
		{ "9 a=bcde\n", 9, E_NONE },
		{ "10 path=x\n", 10, E_NONE },
		{ "99 path=x\n", 10, E_CORRUPT },       /* longer than what is there */
		{ "10 path=xy", 10, E_CORRUPT },        /* no line end */
		{ "x path=x\n", 9, E_CORRUPT },
		{ "11 path=a\0\n", 11, E_CORRUPT },     /* NUL in a name */
		{ "9 uid=-1\n", 9, E_CORRUPT },
		{ "10 uid=1x\n", 10, E_CORRUPT },
		{ "12 mtime=1e\n", 12, E_CORRUPT },
		{ "5 =a\n", 5, E_CORRUPT },
		{ "25 GNU.sparse.map=0,1,2\n\n", 25, E_CORRUPT },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_BUF tar = { 0 };
		put_pax(&tar, 'x', rows[i].text, rows[i].n);
		tar_make_file(&tar, "f", "");
		assert_int_equal(verdict(tar.p, tar.n), rows[i].kind);
	}
	/* a header that describes nothing; one that is too large */
	OWN_BUF tar = { 0 };
	put_pax(&tar, 'x', "10 path=x\n", 10);
	tar_put_end(&tar);
	assert_int_equal(verdict(tar.p, tar.n), E_CORRUPT);
	OWN_BUF big = { 0 };
	OWN_STR blank = calloc(1, 70000);
	put_pax(&big, 'x', blank, 70000);
	assert_int_equal(verdict(big.p, big.n), E_CORRUPT);
}

static void pax_global_and_local(void **state)
{
	OWN_BUF tar = { 0 };
	const struct tar_entry *en;
	struct tar_reader *t;
	struct source_mem m;
	struct err e = { 0 };
	(void)state;

	put_pax(&tar, 'g', "9 uid=77\n27 SCHILY.xattr.user.g=old\n", 36);
	tar_make_file(&tar, "a", "");
	put_pax(&tar, 'x', "9 uid=78\n27 SCHILY.xattr.user.g=new\n", 36);
	tar_make_file(&tar, "b", "");
	tar_make_file(&tar, "c", "");
	source_mem_init(&m, tar.p, tar.n);
	assert_int_equal(tar_open(&m.source, NULL, &t, &e), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tar_next(t, &en, &e), 1);
		assert_int_equal(en->uid, i == 1 ? 78 : 77);
		assert_int_equal(en->n_xattrs, 1);
		assert_memory_equal(en->xattrs[0].value, i == 1 ? "new" : "old", 3);
	}
	tar_close(t);
}

/* directories and links with a size: a body is skipped where there is one, and only there */
static void body_of_links(void **state)
{
	(void)state;
	for (int with_body = 0; with_body < 2; with_body++) {
		OWN_BUF tar = { 0 };
		const struct tar_entry *en;
		struct tar_reader *t;
		struct source_mem m;
		struct err e = { 0 };
		tar_make_file(&tar, "a", "body");
		size_t at = tar.n;
		tar_make_link(&tar, TAR_HARDLINK, "b", "a");
		memcpy(tar.p + at + 124, "00000000004", 11);
		fix_sum(tar.p + at);
		if (with_body) {
			buf_puts(&tar, "body");
			tar_put_padding(&tar, 4);
		}
		tar_make_file(&tar, "c", "x");
		source_mem_init(&m, tar.p, tar.n);
		assert_int_equal(tar_open(&m.source, NULL, &t, &e), 0);
		for (const char *name = "abc"; *name; name++) {
			assert_int_equal(tar_next(t, &en, &e), 1);
			assert_int_equal(en->path[0], *name);
		}
		assert_int_equal(tar_next(t, &en, &e), 0);
		tar_close(t);
	}
}

static void sparse_maps(void **state)
{
	static const struct {
		const char *map;
		enum err_kind kind;
	} rows[] = {
		{ "0,1,10,3", E_NONE },
		{ "0,4", E_NONE },
		{ "0,3,2,1", E_CORRUPT },                /* overlap */
		{ "10,3,0,1", E_CORRUPT },               /* backwards */
		{ "90,10", E_CORRUPT },                  /* more data than there is */
		{ "98,4", E_CORRUPT },                   /* leaves the file */
		{ "0,1", E_CORRUPT },                    /* data left over */
		{ "9223372036854775807,4", E_CORRUPT },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_BUF tar = { 0 };
		char text[200];
		int n = snprintf(text, sizeof text, "22 GNU.sparse.size=99\n%zu GNU.sparse.map=%s\n",
				 strlen(rows[i].map) + 19, rows[i].map);
		memcpy(text, "22 GNU.sparse.size=99\n", 22);
		put_pax(&tar, 'x', text, (size_t)n);
		tar_make_file(&tar, "f", "abcd");
		assert_int_equal(verdict(tar.p, tar.n), rows[i].kind);
	}
}

static void hashes(void **state)
{
	static const struct {
		enum hash_algo algo;
		const char *in, *out;
	} rows[] = {
		{ HASH_SHA256, "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ HASH_SHA256, "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ HASH_SHA512, "abc",
		  "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a"
		  "3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	};
	unsigned char long_text[1000];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[HASH_TEXT_MAX];
		struct hash h;
		hash_init(&h, rows[i].algo);
		hash_add(&h, rows[i].in, strlen(rows[i].in));
		hash_text(&h, out);
		assert_string_equal(out, rows[i].out);
	}
	/* with and without the CPU's instructions, cut at any place */
	for (size_t i = 0; i < sizeof long_text; i++)
		long_text[i] = (unsigned char)(i * 7);
	for (size_t cut = 0; cut < sizeof long_text; cut += 13) {
		char a[HASH_TEXT_MAX], b[HASH_TEXT_MAX];
		struct hash x, y;
		hash_init(&x, HASH_SHA256);
		hash_init(&y, HASH_SHA256);
		y.has_sha = false;
		hash_add(&x, long_text, sizeof long_text);
		hash_add(&y, long_text, cut);
		hash_add(&y, long_text + cut, sizeof long_text - cut);
		hash_text(&x, a);
		hash_text(&y, b);
		assert_string_equal(a, b);
	}
}

static void source_digest_checks(void **state)
{
	static const char abc[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const struct {
		const char *digest;
		int64_t size;
		enum err_kind kind;
	} rows[] = {
		{ abc, 3, E_NONE },  { abc, -1, E_NONE },   { NULL, 3, E_NONE },
		{ abc, 4, E_CORRUPT }, { abc, 2, E_CORRUPT },
		{ "sha256:0000000000000000000000000000000000000000000000000000000000000000", 3, E_CORRUPT },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct source_digest d;
		struct source_mem m;
		struct err e = { 0 };
		source_mem_init(&m, "abc", 3);
		assert_int_equal(source_digest_init(&d, &m.source, rows[i].digest, rows[i].size, &e), 0);
		int r = source_drain(&d.source, NULL, &e);
		assert_int_equal(r < 0 ? e.kind : E_NONE, rows[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damaged),
		cmocka_unit_test(base256_and_signed_sum),
		cmocka_unit_test(pax_malformed),
		cmocka_unit_test(pax_global_and_local),
		cmocka_unit_test(body_of_links),
		cmocka_unit_test(sparse_maps),
		cmocka_unit_test(hashes),
		cmocka_unit_test(source_digest_checks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
