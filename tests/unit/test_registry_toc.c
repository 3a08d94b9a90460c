/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of tables of contents: what annotations and footers say, what entries and chunks come out, and what is
 * refused. Whole blobs of each form are among the seeds of the fuzzer and in the flow tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "format/js.h"
#include "format/toc.h"
#include "tar_make.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define ONES D("1111")
#define TWOS D("2222")

static const char zstd_text[] =
	"{\"version\":1,\"entries\":["
	"{\"name\":\"\",\"type\":\"dir\",\"mode\":493},"
	"{\"name\":\"a/\",\"type\":\"dir\",\"mode\":16877,\"uid\":7,\"modtime\":\"1970-01-01T01:00:01.5+01:00\"},"
	"{\"name\":\"a/b\",\"type\":\"reg\",\"size\":100,\"offset\":50,\"endOffset\":90,\"chunkSize\":60,"
	"\"chunkDigest\":\"" ONES "\",\"digest\":\"" TWOS "\",\"xattrs\":{\"user.x\":\"AAE=\"}},"
	"{\"name\":\"a/b\",\"type\":\"chunk\",\"offset\":70,\"chunkOffset\":60,\"chunkSize\":40},"
	"{\"name\":\"c\",\"type\":\"reg\",\"size\":5,\"offset\":100,\"endOffset\":110,\"digest\":\"" TWOS "\"},"
	"{\"name\":\"e\",\"type\":\"reg\"},"
	"{\"name\":\"l\",\"type\":\"symlink\",\"linkName\":\"a/b\"}]}";

static int parse(enum toc_kind kind, const char *text, struct toc *ret)
{
	struct toc_place p = { .kind = kind, .end = 1000 };
	struct err e = { 0 };

	return toc_parse(&p, text, strlen(text), ret, &e);
}

static void zstd_chunks(void **state)
{
	OWN_TOC t = { 0 };

	(void)state;
	assert_int_equal(parse(TOC_ZSTD_CHUNKED, zstd_text, &t), 0);
	assert_int_equal(t.n_entries, 6);
	assert_int_equal(t.n_chunks, 3);
	assert_int_equal(t.entries[0].mode, 0755);
	const struct toc_entry *en = t.entries + 1;
	assert_int_equal(en[0].type, TOC_DIR);
	assert_int_equal(en[0].mode, 0755);
	assert_int_equal(en[0].uid, 7);
	assert_int_equal(en[0].mtime_ns, 1500000000);
	assert_int_equal(en[1].n_chunks, 2);
	assert_int_equal(en[1].chunks[0].packed, 20);
	assert_int_equal(en[1].chunks[1].packed, 20);
	assert_int_equal(en[1].chunks[1].size, 40);
	assert_true(en[1].chunks[0].has_digest && en[1].chunks[0].sha256[31] == 0x11);
	assert_false(en[1].chunks[1].has_digest);
	assert_int_equal(en[1].n_xattrs, 1);
	assert_string_equal(en[1].xattrs[0].name, "user.x");
	assert_memory_equal(en[1].xattrs[0].value, "\0\1", 2);
	/* a file of one chunk: the file's digest is the chunk's */
	assert_true(en[2].chunks[0].has_digest && en[2].chunks[0].sha256[0] == 0x22);
	assert_int_equal(en[2].chunks[0].packed, 10);
	assert_int_equal(en[3].n_chunks, 0);
	assert_string_equal(en[4].link, "a/b");
}

/* lengths are up to the next member, several files may be in one */
static void estargz_chunks(void **state)
{
	static const char text[] =
		"{\"version\":1,\"entries\":["
		"{\"name\":\"b\",\"type\":\"reg\",\"size\":100,\"offset\":50,\"chunkSize\":60,\"chunkDigest\":\"" ONES "\"},"
		"{\"name\":\"b\",\"type\":\"chunk\",\"offset\":70,\"chunkOffset\":60},"
		"{\"name\":\"c\",\"type\":\"reg\",\"size\":5,\"offset\":300,\"chunkDigest\":\"" TWOS "\"},"
		"{\"name\":\"d\",\"type\":\"reg\",\"size\":6,\"offset\":300,\"innerOffset\":5}]}";
	OWN_TOC t = { 0 };

	(void)state;
	assert_int_equal(parse(TOC_ESTARGZ, text, &t), 0);
	assert_int_equal(t.chunks[0].packed, 20);
	assert_int_equal(t.chunks[1].packed, 230);
	assert_int_equal(t.chunks[1].size, 40);
	assert_int_equal(t.chunks[2].packed, 700);
	assert_int_equal(t.chunks[3].packed, 700);
	assert_int_equal(t.chunks[3].inner, 5);
	assert_true(t.entries[1].has_digest && t.entries[1].sha256[0] == 0x22);
}

/* the text above with @from once as @to is refused */
static void refused(const char *from, const char *to)
{
	char text[2000];
	const char *at = strstr(zstd_text, from);
	OWN_TOC t = { 0 };

	assert_non_null(at);
	(void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - zstd_text), zstd_text, to, at + strlen(from));
	if (parse(TOC_ZSTD_CHUNKED, text, &t) >= 0)
		fail_msg("taken: %s instead of %s", to, from);
}

static void lies_are_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "\"version\":1", "\"version\":2" },
		{ "\"type\":\"dir\"", "\"type\":\"door\"" },
		{ "\"type\":\"dir\"", "\"type\":\"chunk\"" },
		{ "\"name\":\"e\"", "\"name\":\"\"" },
		{ "\"uid\":7", "\"uid\":-7" },
		{ "\"uid\":7", "\"uid\":\"7\"" },
		{ "\"size\":100", "\"size\":101" },                         /* chunks that are not the file */
		{ "\"size\":100", "\"size\":60" },
		{ "\"size\":100", "\"size\":9223372036854775807" },
		{ "\"offset\":50", "\"offset\":70" },                       /* a chunk of no bytes */
		{ "\"offset\":70", "\"offset\":40" },                       /* backwards */
		{ "\"endOffset\":90", "\"endOffset\":101" },                /* into the next file */
		{ "\"endOffset\":90", "\"endOffset\":70" },
		{ "\"endOffset\":110", "\"endOffset\":1001" },              /* beyond the contents */
		{ "\"offset\":100", "\"offset\":1000" },
		{ "\"chunkOffset\":60", "\"chunkOffset\":61" },
		{ "\"name\":\"a/b\",\"type\":\"chunk\"", "\"name\":\"c\",\"type\":\"chunk\"" },
		{ ONES, "sha256:11" },
		{ ONES, "sha512:11" },
		{ "AAE=", "A" },
		{ "\"linkName\":\"a/b\"", "\"linkName\":\"\"" },
		{ "+01:00", "" },
		{ "]}", "]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		refused(rows[i][0], rows[i][1]);
}

static void annotations(void **state)
{
	static const struct {
		const char *digest, *position;
		int want;
	} rows[] = {
		{ ONES, "100:50:70:1", 1 },    { ONES, "", -EBADMSG },         { "sha256:1", "100:50:70:1", -EBADMSG },
		{ ONES, "100:50:70", -EBADMSG }, { ONES, "100:50:70:1:1", -EBADMSG }, { ONES, "100:50:70:2", -EBADMSG },
		{ ONES, "100:901:70:1", -EBADMSG }, { ONES, "18446744073709551615:2:70:1", -EBADMSG },
		{ ONES, "100:50:99999999999:1", -EFBIG }, { ONES, "4:50:70:1", -EBADMSG }, { ONES, "100:0:70:1", -EBADMSG },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct toc_place p = { 0 };
		struct err e = { 0 };
		OWN_JSON j = json_pack("{ss,ss}", "io.github.containers.zstd-chunked.manifest-checksum", rows[i].digest,
				       "io.github.containers.zstd-chunked.manifest-position", rows[i].position);
		assert_int_equal(toc_annotated(j, 1000, &p, &e), rows[i].want);
		if (rows[i].want == 1)
			assert_true(p.offset == 100 && p.length == 50 && p.unpacked == 70 && p.end == 92 &&
				    p.kind == TOC_ZSTD_CHUNKED && !strcmp(p.digest, ONES));
	}
	struct toc_place p = { 0 };
	struct err e = { 0 };
	OWN_JSON j = json_pack("{ss}", "containerd.io/snapshot/stargz/toc.digest", ONES);
	assert_int_equal(toc_annotated(j, 1000, &p, &e), 1);
	assert_true(p.kind == TOC_ESTARGZ && !p.length);
	assert_int_equal(toc_annotated(NULL, 1000, &p, &e), 0);
}

/* an estargz of nothing but its table, then what may be wrong with it */
static void estargz_whole(void **state)
{
	static const unsigned char footer[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0" "0000000000000000STARGZ"
					      "\x01\0\0\xff\xff\0\0\0\0\0\0\0";
	static const char table[] = "{\"version\":1,\"entries\":[]}";
	unsigned char blob[2000] = "header..";
	OWN_BUF tar = { 0 };
	OWN_STR text = NULL;
	struct toc_place p = { 0 };
	struct err e = { 0 };
	struct hash h;
	size_t n;

	(void)state;
	tar_make_file(&tar, "stargz.index.json", table);
	tar_put_end(&tar);
	z_stream z = { .next_in = (unsigned char *)tar.p, .avail_in = (uInt)tar.n, .next_out = blob + 8,
		       .avail_out = sizeof blob - 8 };
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t size = 8 + z.total_out;
	(void)deflateEnd(&z);
	memcpy(blob + size, footer, sizeof footer);
	memcpy(blob + size + 16, "0000000000000008", 16);
	size += 51;
	assert_int_equal(toc_locate(blob + size - TOC_TAIL_BYTES, TOC_TAIL_BYTES, size, &p, &e), 1);
	assert_true(p.kind == TOC_ESTARGZ && p.offset == 8 && p.end == 8 && p.length == size - 51 - 8);
	assert_int_equal(toc_unpack(&p, blob + p.offset, &text, &n, &e), 0);
	assert_string_equal(text, table);
	hash_init(&h, HASH_SHA256);
	hash_add(&h, table, strlen(table));
	hash_text(&h, p.digest);
	free(ptr_take(&text));
	assert_int_equal(toc_unpack(&p, blob + p.offset, &text, &n, &e), 0);
	p.digest[70] ^= 1;
	free(ptr_take(&text));
	assert_int_equal(toc_unpack(&p, blob + p.offset, &text, &n, &e), -EBADMSG);
	/* the manifest speaks of the other form */
	struct toc_place other = { .kind = TOC_ZSTD_CHUNKED, .digest = ONES };
	assert_int_equal(toc_locate(blob + size - TOC_TAIL_BYTES, TOC_TAIL_BYTES, size, &other, &e), -EBADMSG);
	memcpy(blob + size - 51 + 16, "00000000000fffff", 16);
	assert_int_equal(toc_locate(blob + size - TOC_TAIL_BYTES, TOC_TAIL_BYTES, size, &p, &e), -EBADMSG);
	blob[size - 51 + 16] = 'g';
	assert_int_equal(toc_locate(blob + size - TOC_TAIL_BYTES, TOC_TAIL_BYTES, size, &p, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zstd_chunks),  cmocka_unit_test(estargz_chunks), cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(annotations), cmocka_unit_test(estargz_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
