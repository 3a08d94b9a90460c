/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the way of a layer: decompression, reading ahead, blob to snapshot, registration,
 * the collector. A store of its own in a temporary directory.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/io.h"
#include "driver/storage/storage.h"
#include "format/inflate.h"
#include "registry/ahead.h"
#include "registry/layer_apply.h"
#include "registry/mate.h"
#include "spec/manifest.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/snapshot.h"
#include "tar_make.h"

struct bed {
	char path[64];
	struct store store;
};

static int bed_make(void **state)
{
	struct bed *b = calloc(1, sizeof *b);
	char root[80], run[80];
	struct err e = { 0 };

	memcpy(b->path, "/tmp/onggi-image.XXXXXX", 24);
	assert_non_null(mkdtemp(b->path));
	(void)snprintf(root, sizeof root, "%s/root", b->path);
	(void)snprintf(run, sizeof run, "%s/run", b->path);
	assert_int_equal(store_open(root, run, &b->store, &e), 0);
	*state = b;
	return 0;
}

static int bed_free(void **state)
{
	struct bed *b = *state;
	struct err e = { 0 };

	store_close(&b->store);
	assert_int_equal(io_remove_tree(AT_FDCWD, b->path, &e), 0);
	free(b);
	return 0;
}

static void gzip_add(struct buf *out, const void *p, size_t n)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)p, .avail_in = (uInt)n };
	size_t max = n + 1000;
	OWN_STR to = malloc(max);

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (unsigned char *)to;
	z.avail_out = (uInt)max;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_add(out, to, max - z.avail_out);
	(void)deflateEnd(&z);
}

static void zstd_add(struct buf *out, const void *p, size_t n)
{
	size_t max = ZSTD_compressBound(n);
	OWN_STR to = malloc(max);

	buf_add(out, to, ZSTD_compress(to, max, p, n, 1));
}

/* through inflate and a reader ahead; bytes, or a negative errno */
static int64_t inflated(const struct buf *in, uint64_t max, struct err *e)
{
	struct ahead *ahead = NULL;
	struct inflate *inflate;
	struct source_mem m;
	const unsigned char *p;
	int64_t total = 0;
	size_t n;

	source_mem_init(&m, in->p, in->n);
	if (inflate_open(&m.source, max, &inflate, e) < 0)
		return -e->eno;
	assert_int_equal(ahead_open(inflate_source(inflate), &ahead, e), 0);
	int r;
	while ((r = source_next(ahead_source(ahead), &p, &n, e)) > 0)
		total += (int64_t)n;
	ahead_close(ahead);
	inflate_close(inflate);
	return r < 0 ? r : total;
}

static void decompression(void **state)
{
	static void (*const add[])(struct buf *, const void *, size_t) = { gzip_add, zstd_add };
	size_t n = 5 << 20;
	OWN_STR data = malloc(n);
	(void)state;

	for (size_t i = 0; i < n; i++)
		data[i] = (char)(i * i >> 7);
	for (size_t k = 0; k < ARRAY_LEN(add); k++) {
		OWN_BUF in = { 0 };
		struct err e = { 0 };
		add[k](&in, data, n);
		assert_int_equal(inflated(&in, 0, &e), n);
		size_t one = in.n;
		add[k](&in, data, n); /* a second member */
		assert_int_equal(inflated(&in, 0, &e), 2 * n);
		assert_true(inflated(&in, 2 * n - 1, &e) < 0 && e.kind == E_CORRUPT); /* a bomb */
		buf_add(&in, "\0\0\0\0", 4);
		assert_int_equal(inflated(&in, 0, &e), 2 * n);
		buf_puts(&in, "x");
		assert_true(inflated(&in, 0, &e) < 0 && e.kind == E_CORRUPT);
		in.n = one - 5;
		assert_true(inflated(&in, 0, &e) < 0 && e.kind == E_CORRUPT);
		in.n = one;
		in.p[one / 2] ^= 0x55;
		(void)inflated(&in, 0, &e); /* zstd without checksum may not notice; gzip must */
		if (k == 0)
			assert_true(e.kind == E_CORRUPT);
	}
}

/* zeros that are many times what went in: fine while they are few */
static void decompression_ratio(void **state)
{
	static void (*const add[])(struct buf *, const void *, size_t) = { gzip_add, zstd_add };
	size_t n = 4 << 20;
	OWN_STR data = calloc(1, n);
	(void)state;

	for (size_t k = 0; k < ARRAY_LEN(add); k++)
		for (int tight = 0; tight < 3; tight++) {
			OWN_BUF in = { 0 };
			struct inflate *inflate;
			struct source_mem m;
			const unsigned char *p;
			struct err e = { 0 };
			size_t got;
			int r;
			add[k](&in, data, n);
			source_mem_init(&m, in.p, in.n);
			assert_int_equal(inflate_open(&m.source, 0, &inflate, &e), 0);
			if (tight)
				inflate_limit_ratio(inflate, 100, tight == 1 ? 1 << 20 : n);
			while ((r = source_next(inflate_source(inflate), &p, &got, &e)) > 0)
				;
			inflate_close(inflate);
			assert_int_equal(r < 0, tight == 1);
			assert_true(!r || (e.kind == E_CORRUPT && strstr(e.chain, "expands far beyond")));
		}
}

/* a consumer that stops early, again and again */
static void ahead_is_closed_early(void **state)
{
	OWN_STR data = calloc(1, 4 << 20);
	(void)state;

	for (int i = 0; i < 50; i++) {
		struct ahead *ahead;
		struct source_mem m;
		const unsigned char *p;
		struct err e = { 0 };
		size_t n;
		source_mem_init(&m, data, 4 << 20);
		assert_int_equal(ahead_open(&m.source, &ahead, &e), 0);
		for (int k = 0; k < i % 5; k++)
			assert_int_equal(source_next(ahead_source(ahead), &p, &n, &e), 1);
		ahead_close(ahead);
	}
}

struct layer {
	char diff_id[DIGEST_TEXT_MAX], blob[DIGEST_TEXT_MAX], chain[DIGEST_TEXT_MAX];
	size_t size;
};

/* the blob of a tar, packed, in the store */
static void put_layer(struct bed *b, const struct buf *tar, const char *parent, struct layer *ret)
{
	OWN_BUF packed = { 0 };
	struct err e = { 0 };

	gzip_add(&packed, tar->p, tar->n);
	digest_sha256(tar->p, tar->n, ret->diff_id);
	digest_chain_id(parent, ret->diff_id, ret->chain);
	ret->size = packed.n;
	assert_int_equal(blob_write(&b->store, packed.p, packed.n, NULL, ret->blob, &e), 0);
}

static int unpack(struct bed *b, const struct layer *l, struct err *e)
{
	struct source_fd file;
	OWN_FD fd = -1;

	assert_int_equal(blob_open(&b->store, l->blob, &fd, NULL, e), 0);
	assert_int_equal(source_fd_init(&file, fd, UINT64_MAX, e), 0);
	const struct layer_store_req q = { .store = &b->store, .blob = &file.source, .diff_id = l->diff_id,
					   .chain_id = l->chain };
	int r = layer_store(&q, NULL, e);
	source_fd_done(&file);
	return r;
}

static void put_image(struct bed *b, const struct layer *layers, size_t n, const char *name,
		      char ret_id[DIGEST_TEXT_MAX])
{
	OWN_BUF config = { 0 };
	OWN_BUF manifest = { 0 };
	char config_digest[DIGEST_TEXT_MAX], manifest_digest[DIGEST_TEXT_MAX];
	struct err e = { 0 };

	buf_puts(&config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < n; i++)
		buf_printf(&config, "%s\"%s\"", i ? "," : "", layers[i].diff_id);
	buf_puts(&config, "]}}");
	assert_int_equal(blob_write(&b->store, config.p, config.n, NULL, config_digest, &e), 0);
	buf_printf(&manifest, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
		   "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[", config_digest, config.n);
	for (size_t i = 0; i < n; i++)
		buf_printf(&manifest, "%s{\"mediaType\":\"" MEDIA_OCI_LAYER_GZIP "\",\"digest\":\"%s\",\"size\":%zu}", i ? "," : "",
			   layers[i].blob, layers[i].size);
	buf_puts(&manifest, "]}");
	assert_int_equal(blob_write(&b->store, manifest.p, manifest.n, NULL, manifest_digest, &e), 0);
	const struct image_new new = { .manifest = manifest_digest, .references = &name, .n_references = 1 };
	assert_int_equal(image_register(&b->store, &new, ret_id, &e), 0);
}

static void wrong_diff_id_shows_nothing(void **state)
{
	struct bed *b = *state;
	OWN_BUF tar = { 0 };
	struct layer l;
	struct err e = { 0 };

	tar_make_file(&tar, "f", "x");
	put_layer(b, &tar, NULL, &l);
	l.diff_id[10] = l.diff_id[10] == 'a' ? 'b' : 'a';
	assert_true(unpack(b, &l, &e) < 0);
	assert_int_equal(e.kind, E_CORRUPT);
	assert_false(storage_layer_exists(&b->store, l.chain));
	assert_true(faccessat(b->store.root_fd, "snapshots", F_OK, 0) < 0);
}

static void settle_and_collect(void **state)
{
	struct bed *b = *state;
	OWN_BUF low = { 0 };
	OWN_BUF high = { 0 };
	struct layer l[2];
	struct err e = { 0 };
	char id[DIGEST_TEXT_MAX], path[200];
	struct stat st, other;
	struct image img;

	tar_make(&low, (struct tar_entry){ .type = TAR_DIR, .path = "./", .mode = 01755 }, NULL);
	tar_make(&low, (struct tar_entry){ .type = TAR_DIR, .path = "d/", .mode = 0710, .uid = 5 }, NULL);
	tar_make(&low, (struct tar_entry){ .type = TAR_FILE, .path = "d/f", .mode = 04711, .uid = 7 }, "low");
	tar_make_file(&high, "d/.wh.nothing", "");
	tar_make_file(&high, "d/.wh.gone", "");
	tar_make_link(&high, TAR_HARDLINK, "new/link", "d/f");
	tar_make_file(&low, "d/gone", "");
	put_layer(b, &low, NULL, &l[0]);
	put_layer(b, &high, l[0].chain, &l[1]);
	/* the upper one first: layers know nothing of each other */
	assert_int_equal(unpack(b, &l[1], &e), 0);
	assert_int_equal(unpack(b, &l[0], &e), 0);
	assert_int_equal(unpack(b, &l[0], &e), 0); /* once more: the first one stays */
	put_image(b, l, 2, "docker.io/library/x:1", id);
	(void)snprintf(path, sizeof path, "snapshots/%s/diff/d", l[1].chain + 7);
	assert_int_equal(fstatat(b->store.root_fd, path, &st, 0), 0);
	assert_true((st.st_mode & 07777) == 0710 && st.st_uid == 5);
	strncat(path, "/f", sizeof path - strlen(path) - 1);
	assert_int_equal(fstatat(b->store.root_fd, path, &st, 0), 0);
	assert_true((st.st_mode & 07777) == 04711 && st.st_uid == 7 && st.st_nlink == 2);
	(void)snprintf(path, sizeof path, "snapshots/%s/diff/new/link", l[1].chain + 7);
	assert_int_equal(fstatat(b->store.root_fd, path, &other, 0), 0);
	assert_true(st.st_ino == other.st_ino);
	(void)snprintf(path, sizeof path, "snapshots/%s/diff/d/nothing", l[1].chain + 7);
	assert_true(fstatat(b->store.root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0);
	(void)snprintf(path, sizeof path, "snapshots/%s/diff/d/gone", l[1].chain + 7);
	assert_int_equal(fstatat(b->store.root_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	(void)snprintf(path, sizeof path, "snapshots/%s/diff", l[1].chain + 7);
	assert_int_equal(fstatat(b->store.root_fd, path, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01755);
	/* names: tag, digest, ID, prefix */
	assert_int_equal(image_resolve(&b->store, "x:1", &img, &e), 0);
	assert_int_equal(image_references(&b->store, &img, &e), 0);
	assert_true(img.n_repo_tags == 1 && img.n_repo_digests == 1 && img.n_chain_ids == 2);
	assert_string_equal(img.repo_tags[0], "x:1");
	char found[DIGEST_TEXT_MAX];
	assert_int_equal(image_find(&b->store, img.repo_digests[0], found, &e), 0);
	assert_int_equal(image_find(&b->store, id, found, &e), 0);
	assert_int_equal(image_find(&b->store, id + 7, found, &e), 0);
	char prefix[13] = "";
	memcpy(prefix, id + 7, 12);
	assert_int_equal(image_find(&b->store, prefix, found, &e), 0);
	assert_string_equal(found, id);
	assert_true(image_find(&b->store, "x:2", found, &e) < 0 && e.kind == E_NOT_FOUND);
	image_done(&img);
	/* a mount plan: lowers topmost first */
	ARENA a = { 0 };
	struct mount_plan plan;
	const char *const chain[] = { l[0].chain, l[1].chain };
	assert_int_equal(storage_overlay.prepare(&b->store, "c1", chain, 2, &e), 0);
	assert_int_equal(storage_overlay.plan(&b->store, "c1", chain, 2, 0, &a, &plan, &e), 0);
	assert_true(plan.n_steps == 1 && plan.steps[0].n_lowers == 2);
	assert_non_null(strstr(plan.steps[0].lowers[0], l[1].chain + 7));
	assert_int_equal(stat(plan.steps[0].upper, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01755); /* the merged root is the image's */
	/* a leased layer stays, then everything goes */
	struct lease lease;
	struct image_removed gone = { .list = json_array() };
	assert_int_equal(lease_open(&b->store, &lease, &e), 0);
	assert_int_equal(lease_add_layer(&lease, l[0].chain, &e), 0);
	assert_int_equal(image_remove(&b->store, id, false, &gone, &e), 0);
	assert_true(storage_layer_exists(&b->store, l[0].chain) && !storage_layer_exists(&b->store, l[1].chain));
	assert_int_equal(json_array_size(gone.list), 4); /* two names, image, one layer */
	json_decref(gone.list);
	lease_close(&lease);
	assert_int_equal(image_collect(&b->store, NULL, &e), 0);
	assert_false(storage_layer_exists(&b->store, l[0].chain));
	assert_false(blob_exists(&b->store, l[0].blob));
}

static void blobs(void **state)
{
	static const char abc[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	struct bed *b = *state;
	struct blob_writer w;
	char got[DIGEST_TEXT_MAX];
	OWN_STR text = NULL;
	struct err e = { 0 };
	size_t n;

	/* a download in two goes */
	assert_int_equal(blob_writer_resume(&b->store, abc, &w, &e), 0);
	assert_int_equal(blob_writer_add(&w, "ab", 2, &e), 0);
	blob_writer_abort(&w);
	assert_int_equal(blob_writer_resume(&b->store, abc, &w, &e), 0);
	assert_int_equal(w.size_bytes, 2);
	assert_int_equal(blob_writer_add(&w, "c", 1, &e), 0);
	assert_int_equal(blob_writer_commit(&w, abc, 3, got, &e), 0);
	assert_string_equal(got, abc);
	assert_int_equal(blob_writer_resume(&b->store, abc, &w, &e), 1); /* there already */
	assert_int_equal(blob_read(&b->store, abc, 10, &text, &n, &e), 0);
	assert_memory_equal(text, "abc", 3);
	/* lies */
	assert_true(blob_write(&b->store, "abd", 3, abc, NULL, &e) < 0 && e.kind == E_CORRUPT);
	assert_true(blob_open(&b->store, "sha256:../../../../etc/passwd", &w.fd, NULL, &e) < 0);
	assert_true(blob_open(&b->store, "md5:00", &w.fd, NULL, &e) < 0);
	/* changed on disk */
	char path[128];
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", abc + 7);
	assert_int_equal(io_replace_file(b->store.root_fd, path, "abd", 3, 0400, 0, &e), 0);
	own_free_done(&text);
	assert_true(blob_read(&b->store, abc, 10, &text, &n, &e) < 0 && e.kind == E_CORRUPT);
}

/* ---- a mate changes nothing but the time ---- */

static uint32_t dice(uint32_t *state, uint32_t sides)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % sides;
}

/* a name of few, so that members meet often: a, a/b, a/b/c */
static void any_name(uint32_t *state, const char *letters, char out[32])
{
	uint32_t depth = 1 + dice(state, 3);

	*out = 0;
	for (uint32_t i = 0; i < depth; i++)
		(void)snprintf(out + strlen(out), 32 - strlen(out), "%s%c", i ? "/" : "",
			       letters[dice(state, (uint32_t)strlen(letters))]);
}

static void any_member(uint32_t *state, unsigned i, struct buf *tar)
{
	char name[32], other[32], body[16], path[64];

	/* l may be a link to any other, so that a file has more names than one */
	any_name(state, "abcdel", name);
	any_name(state, "abcde", other);
	(void)snprintf(body, sizeof body, "%u", i);
	switch (dice(state, 40)) {
	case 0:
		(void)snprintf(path, sizeof path, "%s/l", other);
		any_name(state, "abcde", other);
		tar_make_link(tar, TAR_SYMLINK, dice(state, 2) ? "l" : path, other);
		return;
	case 1:
		(void)snprintf(path, sizeof path, "%s/f%u", other, (unsigned)dice(state, 60));
		tar_make_link(tar, TAR_HARDLINK, name, path);
		return;
	case 2:
		(void)snprintf(path, sizeof path, "%s/.wh.x", name);
		tar_make_file(tar, path, "");
		return;
	case 3:
		tar_make(tar, (struct tar_entry){ .type = TAR_DIR, .path = name, .mode = 0700 + i % 64, .mtime.sec = i + 1 }, NULL);
		return;
	case 4:
		tar_make_file(tar, name, body);
		return;
	default:
		break;
	}
	/* the usual one: a file in a directory that may be anything by now */
	(void)snprintf(path, sizeof path, "%s/f%u", name, (unsigned)dice(state, 60));
	tar_make(tar, (struct tar_entry){ .type = TAR_FILE, .path = path, .mode = 0600 + i % 64, .mtime.sec = i + 1 }, body);
}

/* every name with all that can be told of it */
static void tell_tree(int xdir, const char *prefix, struct buf *out)
{
	struct dirent **names;
	int n = scandirat(xdir, ".", &names, NULL, alphasort);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		char text[64] = "", path[256];
		struct stat st;
		bool dots = !strcmp(name, ".") || !strcmp(name, "..");

		assert_int_equal(fstatat(xdir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
		(void)snprintf(path, sizeof path, "%s/%s", prefix, name);
		OWN_FD fd = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? openat(xdir, name, O_RDONLY | O_CLOEXEC) : -1;
		if (S_ISLNK(st.st_mode))
			assert_true(readlinkat(xdir, name, text, sizeof text - 1) > 0);
		else if (S_ISREG(st.st_mode))
			assert_true(read(fd, text, sizeof text - 1) >= 0);
		if (!dots) {
			bool opaque = S_ISDIR(st.st_mode) && fgetxattr(fd, "trusted.overlay.opaque", text, 2) > 0;
			buf_printf(out, "%s %o %lld %lu %s%s\n", path, (unsigned)st.st_mode,
				   S_ISCHR(st.st_mode) ? 0LL : (long long)st.st_mtime, /* a whiteout's is of no account */
				   S_ISDIR(st.st_mode) ? 0UL : (unsigned long)st.st_nlink, text, opaque ? " opaque" : "");
			if (S_ISDIR(st.st_mode)) {
				/* whatever way led to it, it got its attributes */
				assert_true(st.st_mtime < 1500000000);
				tell_tree(fd, path, out);
			}
		}
		free(names[i]);
	}
	free(names);
}

static void tell_layer(struct bed *b, const struct buf *tar, struct layer_mate *mate, struct buf *out, struct buf *loose)
{
	struct layer_stats stats;
	struct source_mem m;
	struct err e = { 0 };

	assert_int_equal(mkdirat(b->store.root_fd, "layer", 0755), 0);
	OWN_FD dir = openat(b->store.root_fd, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	source_mem_init(&m, tar->p, tar->n);
	const struct layer_apply_req q = { .tar = &m.source, .xdir = dir, .mate = mate };
	/* an archive may be refused, by both for the same reason */
	int r = layer_apply(&q, loose, &stats, &e);
	buf_printf(out, "%d %s\n", r, e.chain);
	if (!r) {
		buf_printf(out, "%lld %lld %lld\n", (long long)stats.size_bytes, (long long)stats.entries,
			   (long long)stats.whiteouts);
		tell_tree(dir, "", out);
	}
	assert_int_equal(io_remove_tree(b->store.root_fd, "layer", &e), 0);
}

static void mate_changes_nothing(void **state)
{
	struct bed *b = *state;
	unsigned good = 0;

	/* 17 makes folders by way of links that are replaced afterwards */
	static const uint32_t seeds[] = { 1, 2, 3, 4, 17 };

	for (size_t k = 0; k < ARRAY_LEN(seeds); k++) {
		OWN_BUF tar = { 0 };
		OWN_BUF alone = { 0 };
		OWN_BUF both = { 0 };
		OWN_BUF loose_alone = { 0 };
		OWN_BUF loose_both = { 0 };
		uint32_t dices = seeds[k] * 7919;
		struct mate mate;

		/* enough small files that it begins */
		for (unsigned i = 0; i < 520; i++) {
			char name[32];
			(void)snprintf(name, sizeof name, "many/%u", i);
			tar_make_file(&tar, name, "x");
		}
		for (unsigned i = 0; i < 1500; i++)
			any_member(&dices, i, &tar);
		tar_put_end(&tar);
		mate_init(&mate);
		tell_layer(b, &tar, NULL, &alone, &loose_alone);
		tell_layer(b, &tar, &mate.ask, &both, &loose_both);
		mate_done(&mate);
		assert_string_equal(buf_str(&alone), buf_str(&both));
		if (*buf_str(&alone) != '0')
			continue;
		good++;
		assert_int_equal(loose_alone.n, loose_both.n);
		assert_true(!loose_alone.n || !memcmp(loose_alone.p, loose_both.p, loose_alone.n));
	}
	assert_true(good > 1); /* the others are refused, by both alike */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decompression), cmocka_unit_test(decompression_ratio),
		cmocka_unit_test(ahead_is_closed_early),
		cmocka_unit_test_setup_teardown(wrong_diff_id_shows_nothing, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(mate_changes_nothing, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(settle_and_collect, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(blobs, bed_make, bed_free),
	};
	if (geteuid() != 0) {
		fputs("test_registry_layer: needs root\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
