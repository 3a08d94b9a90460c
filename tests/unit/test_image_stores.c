/* SPDX-License-Identifier: Apache-2.0
 *
 * Image stores of others: which are opened, which store an object comes from, and what is not looked for there.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"
#include "store/others.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"

enum { STORES = 3, PATH_SPACE = 300 };

/* dir/0 is the own root, dir/1 and dir/2 are others' */
struct world {
	char dir[64];
	struct store s;
};

static void put(const struct world *w, int store, const char *path, const char *text)
{
	char full[PATH_SPACE], *slash;
	struct err e = { 0 };

	(void)snprintf(full, sizeof full, "%s/%d/%s", w->dir, store, path);
	slash = strrchr(full, '/');
	*slash = 0;
	assert_int_equal(io_mkdir_p(AT_FDCWD, full, 0700, &e), 0);
	*slash = '/';
	assert_int_equal(io_replace_file(AT_FDCWD, full, text, strlen(text), 0600, 0, &e), 0);
}

static void cut(const struct world *w, int store, const char *path)
{
	char full[PATH_SPACE];

	(void)snprintf(full, sizeof full, "%s/%d/%s", w->dir, store, path);
	assert_int_equal(unlink(full), 0);
}

static int opened(struct world *w, const char *list, struct err *e)
{
	char root[80], run[80];

	(void)snprintf(root, sizeof root, "%s/0", w->dir);
	(void)snprintf(run, sizeof run, "%s/run", w->dir);
	err_clear(e);
	assert_int_equal(setenv(OTHERS_VARIABLE, list, 1), 0);
	int r = store_open(root, run, &w->s, e);
	assert_int_equal(unsetenv(OTHERS_VARIABLE), 0);
	return r;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char list[2 * PATH_SPACE];
	struct err e = { 0 };

	strcpy(w->dir, "/tmp/onggi-unit.XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	for (int i = 0; i < STORES; i++)
		put(w, i, "images/.keep", "");
	(void)snprintf(list, sizeof list, "%s/1:%s/2", w->dir, w->dir);
	*state = w;
	return opened(w, list, &e);
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	store_close(&w->s);
	int r = io_remove_tree(AT_FDCWD, w->dir, &e);
	free(w);
	return r;
}

static void test_open(void **state)
{
	struct world *w = *state;
	char list[4 * PATH_SPACE], path[PATH_SPACE];
	struct err e = { 0 };

	assert_int_equal(w->s.n_others, 2);
	assert_ptr_equal(others_at(&w->s, 0), &w->s);
	assert_ptr_equal(others_at(&w->s, 2), &w->s.others[1]);
	assert_null(others_at(&w->s, 3));
	store_close(&w->s);
	assert_int_equal(w->s.n_others, 0);

	/* the own one, and one that is there already, count for nothing; so does an empty name */
	(void)snprintf(list, sizeof list, "%s/2::%s/0:%s/2/../1:%s/2", w->dir, w->dir, w->dir, w->dir);
	assert_int_equal(opened(w, list, &e), 0);
	assert_int_equal(w->s.n_others, 2);
	assert_non_null(strstr(w->s.others[0].root, "/2"));
	store_close(&w->s);
	assert_int_equal(opened(w, "", &e), 0);
	assert_int_equal(w->s.n_others, 0);
	store_close(&w->s);

	assert_true(opened(w, "relative/path", &e) < 0);
	assert_int_equal(e.kind, E_INVALID);
	(void)snprintf(list, sizeof list, "%s/1:%s/none", w->dir, w->dir);
	assert_true(opened(w, list, &e) < 0);
	assert_int_equal(e.kind, E_NOT_FOUND);
	assert_non_null(strstr(e.chain, "/none"));
	(void)snprintf(path, sizeof path, "%s/1", w->dir);
	assert_int_equal(chmod(path, 0720), 0);
	assert_true(opened(w, path, &e) < 0);
	assert_int_equal(e.kind, E_DENIED);
	assert_int_equal(chmod(path, 0711), 0);
	(void)snprintf(path, sizeof path, "%s/2/images", w->dir);
	assert_true(opened(w, path, &e) < 0);
	assert_int_equal(e.kind, E_INVALID);
	assert_non_null(strstr(e.chain, "not a store of onggi"));

	/* for what has to be done all the same: without it */
	assert_int_equal(setenv(OTHERS_VARIABLE, list, 1), 0);
	(void)snprintf(list, sizeof list, "%s/0", w->dir);
	(void)snprintf(path, sizeof path, "%s/run", w->dir);
	assert_int_equal(store_open_spared(list, path, &w->s, &e), 0);
	assert_int_equal(unsetenv(OTHERS_VARIABLE), 0);
	assert_int_equal(w->s.n_others, 1);
}

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A "sha256:" HEX

static void test_blobs(void **state)
{
	struct world *w = *state;
	char digest[DIGEST_TEXT_MAX], path[PATH_SPACE];
	OWN_STR text = NULL;
	struct blob_writer writer;
	struct err e = { 0 };

	digest_sha256("theirs", 6, digest);
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", digest_hex(digest));
	assert_false(blob_exists(&w->s, digest));
	put(w, 2, path, "theirs");
	assert_true(blob_exists(&w->s, digest));
	assert_false(blob_exists_here(&w->s, digest));
	assert_int_equal(blob_size(&w->s, digest), 6);
	assert_int_equal(blob_read(&w->s, digest, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "theirs");
	assert_int_equal(blob_can_be_trusted(&w->s, digest, 6, &e), 1); /* read, since it bears no mark */

	/* removal and marks are about the own store */
	assert_int_equal(blob_remove(&w->s, digest, &e), 0);
	assert_int_equal(blob_mark_synced(&w->s, digest, &e), 0);
	assert_true(blob_exists(&w->s, digest));
	assert_false(blob_is_synced(&w->s, digest));

	/* one that is damaged there is downloaded to here, and comes first then */
	put(w, 1, path, "theirz");
	assert_int_equal(blob_can_be_trusted(&w->s, digest, 6, &e), 0);
	assert_int_equal(blob_writer_resume(&w->s, digest, &writer, &e), 0);
	assert_int_equal(blob_writer_add(&writer, "theirs", 6, &e), 0);
	assert_int_equal(blob_writer_commit(&writer, digest, 6, NULL, &e), 0);
	assert_true(blob_exists_here(&w->s, digest));
	assert_int_equal(blob_can_be_trusted(&w->s, digest, 6, &e), 1);
	assert_int_equal(blob_writer_resume(&w->s, digest, &writer, &e), 1);
}

static void test_layers(void **state)
{
	struct world *w = *state;
	const char *const chain[] = { A };
	struct err e = { 0 };
	OWN_FD fd = -1;

	put(w, 1, "snapshots/" HEX "/meta.json", "{\"size\": 7, \"boot\": \"of another machine\"}");
	assert_null(snapshot_home(&w->s, A, STORE_DIFF));
	assert_int_equal(snapshot_size(&w->s, A), 7);
	/* only what has reached the disk counts there */
	put(w, 2, "snapshots/" HEX "/synced", "");
	assert_ptr_equal(snapshot_home(&w->s, A, STORE_DIFF), &w->s.others[1]);
	assert_null(snapshot_home(&w->s, A, STORE_TAR));
	assert_true(snapshot_is_ready(&w->s, chain, 1, STORE_DIFF));
	assert_true(snapshot_is_synced(&w->s, A, STORE_DIFF));
	assert_false(snapshot_exists_here(&w->s, A, STORE_DIFF));
	/* a file system that loses attributes */
	w->s.others[1].plain = true;
	assert_false(snapshot_exists(&w->s, A, STORE_DIFF));
	put(w, 2, "snapshots/" HEX "/tar.synced", "");
	assert_ptr_equal(snapshot_home(&w->s, A, STORE_TAR), &w->s.others[1]);
	assert_false(snapshot_is_ready(&w->s, chain, 1, STORE_TAR));
	put(w, 1, "snapshots/" HEX "/erofs", "");
	assert_ptr_equal(snapshot_index_home(&w->s, A), &w->s.others[0]);
	assert_true(snapshot_is_ready(&w->s, chain, 1, STORE_TAR));

	/* what is made of it is made here, and makes no layer of it */
	assert_int_equal(snapshot_file_open(&w->s, A, &fd, &e), 0);
	assert_int_equal(snapshot_file_name(&w->s, A, "meta", fd, false, &e), 0);
	char *marks[] = { (char[]){ A } };
	assert_int_equal(snapshot_mark_synced(&w->s, marks, 1, STORE_TAR, &e), 0);
	assert_false(snapshot_exists_here(&w->s, A, STORE_TAR));
	/* the own one comes first */
	put(w, 0, "snapshots/" HEX "/tar.synced", "");
	assert_ptr_equal(snapshot_home(&w->s, A, STORE_TAR), &w->s);
}

static void put_image(const struct world *w, int store, const char *config, const char *more, char id[DIGEST_TEXT_MAX])
{
	char path[PATH_SPACE], record[PATH_SPACE];

	digest_sha256(config, strlen(config), id);
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", digest_hex(id));
	put(w, store, path, config);
	(void)snprintf(path, sizeof path, "images/%s", digest_hex(id));
	(void)snprintf(record, sizeof record, "{\"manifest\": {\"digest\": \"%s\"}, \"layers\": []%s}", A, more);
	put(w, store, path, record);
}

static void put_name(const struct world *w, int store, const char *name, const char *id)
{
	char path[PATH_SPACE], text[2 * PATH_SPACE];

	(void)snprintf(path, sizeof path, "references/docker.io+library+%s", name);
	(void)snprintf(text, sizeof text, "{\"reference\": \"docker.io/library/%s\", \"image\": \"%s\", \"manifest\": \"\"}", name, id);
	put(w, store, path, text);
}

static int count_name(void *data, const struct reference_entry *r)
{
	(void)r;
	++*(int *)data;
	return 0;
}

static void test_images(void **state)
{
	struct world *w = *state;
	char first[DIGEST_TEXT_MAX], second[DIGEST_TEXT_MAX], hasty[DIGEST_TEXT_MAX], found[DIGEST_TEXT_MAX];
	struct err e = { 0 };
	struct image *images, img;
	int names = 0;
	size_t n;

	put_image(w, 1, "{\"os\": \"first\"}", "", first);
	put_image(w, 2, "{\"os\": \"first\"}", "", first);
	put_image(w, 2, "{\"os\": \"second\"}", "", second);
	put_image(w, 2, "{\"os\": \"hasty\"}", ", \"boot\": \"x\"", hasty); /* good on its own machine alone */
	put_name(w, 1, "one:1", first);
	put_name(w, 2, "one:1", second);
	put_name(w, 2, "two:1", second);
	assert_int_equal(image_list(&w->s, &images, &n, &e), 0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(images[i].n_repo_tags, 1);
		assert_string_equal(images[i].store, w->s.others[strcmp(images[i].id, first) ? 1 : 0].root);
		image_done(&images[i]);
	}
	free(images);
	assert_int_equal(image_find(&w->s, "one:1", found, &e), 0);
	assert_string_equal(found, first);
	char prefix[13];
	(void)snprintf(prefix, sizeof prefix, "%.12s", digest_hex(second));
	assert_int_equal(image_find(&w->s, prefix, found, &e), 0);
	assert_string_equal(found, second);
	assert_true(image_load(&w->s, hasty, &img, &e) < 0);
	assert_int_equal(e.kind, E_NOT_FOUND);
	err_clear(&e);
	assert_int_equal(reference_each(&w->s, count_name, &names, &e), 0);
	assert_int_equal(names, 0);
	assert_int_equal(reference_each_seen(&w->s, count_name, &names, &e), 0);
	assert_int_equal(names, 2);

	/* a name of our own; theirs cannot be removed */
	assert_int_equal(image_tag(&w->s, first, "docker.io/library/two:1", NULL, &e), 0);
	assert_int_equal(image_find(&w->s, "two:1", found, &e), 0);
	assert_string_equal(found, first);
	assert_true(reference_exists_here(&w->s, "docker.io/library/two:1"));
	assert_true(image_remove(&w->s, first, true, NULL, &e) < 0);
	assert_int_equal(e.kind, E_NOT_FOUND);
	err_clear(&e);

	/* the note that keeps what is made of it: with no container a collection takes it, and no name */
	assert_int_equal(image_load(&w->s, first, &img, &e), 0);
	assert_int_equal(image_borrow(&w->s, &img, &e), 0);
	image_done(&img);
	cut(w, 1, "references/docker.io+library+one:1");
	char path[PATH_SPACE];
	(void)snprintf(path, sizeof path, "images/%s", digest_hex(first));
	cut(w, 1, path);
	cut(w, 2, path);
	(void)snprintf(path, sizeof path, "images/" IMAGE_KEPT "%s", digest_hex(first));
	assert_true(others_has_file(&w->s, path));
	assert_int_equal(image_collect(&w->s, NULL, &e), 0);
	assert_false(others_has_file(&w->s, path));
	assert_true(reference_exists_here(&w->s, "docker.io/library/two:1"));
	assert_true(blob_exists(&w->s, first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blobs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_images, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
