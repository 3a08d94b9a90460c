/* SPDX-License-Identifier: Apache-2.0
 *
 * The merged index of an image whose layers are archives: made once, compared, removed; and what is half or wrong
 * leaves nothing.
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
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"

#define LOW_HEX "1111111111111111111111111111111111111111111111111111111111111111"
#define LOW "sha256:" LOW_HEX
#define HIGH "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static const char *const chain[] = { LOW, HIGH };

struct world {
	char dir[64];
	struct store s;
};

/* one entry of an archive: header as of POSIX.1-1988, a block of content at the most */
static size_t entry(char *at, char type, const char *name, const char *target, const char *content)
{
	unsigned sum = 0;

	memset(at, 0, 1024);
	(void)snprintf(at, 100, "%s", name);
	memcpy(at + 100, "0000644", 8);
	memcpy(at + 108, "0000000", 8);
	memcpy(at + 116, "0000000", 8);
	(void)snprintf(at + 124, 12, "%011o", (unsigned)strlen(content));
	memcpy(at + 136, "00000000000", 12);
	memset(at + 148, ' ', 8);
	at[156] = type;
	(void)snprintf(at + 157, 100, "%s", target);
	memcpy(at + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)at[i];
	(void)snprintf(at + 148, 8, "%06o", sum);
	(void)snprintf(at + 512, 512, "%s", content);
	return *content ? 1024 : 512;
}

static void layer(const struct world *w, const char *id, char type, const char *name, const char *target,
		  const char *content)
{
	char path[SNAPSHOT_PATH_MAX], tar[SNAPSHOT_PATH_MAX + 8], block[4096] = "";
	struct err e = { 0 };

	assert_int_equal(snapshot_path(id, path, &e), 0);
	assert_int_equal(io_mkdir_p(w->s.root_fd, path, 0700, &e), 0);
	(void)snprintf(tar, sizeof tar, "%s/tar", path);
	size_t n = entry(block, type, name, target, content) + 1024;
	assert_int_equal(io_replace_file(w->s.root_fd, tar, block, n, 0400, 0, &e), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char root[80], run[80];
	struct err e = { 0 };

	assert_non_null(w);
	(void)snprintf(w->dir, sizeof w->dir, "/tmp/onggi-unit.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(root, sizeof root, "%s/root", w->dir);
	(void)snprintf(run, sizeof run, "%s/run", w->dir);
	assert_int_equal(store_open(root, run, &w->s, &e), 0);
	layer(w, LOW, '0', "f", "", "low");
	layer(w, HIGH, '0', "g", "", "high");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	store_close(&w->s);
	assert_int_equal(io_remove_tree(AT_FDCWD, w->dir, &e), 0);
	free(w);
	return 0;
}

static unsigned files_of(const struct world *w, const char *id, struct stat *ret_index)
{
	char path[SNAPSHOT_PATH_MAX];
	struct err e = { 0 };
	unsigned n = 0;

	assert_int_equal(snapshot_path(id, path, &e), 0);
	int fd = openat(w->s.root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fdopendir(fd);
	assert_non_null(d);
	for (struct dirent *en; (en = readdir(d));) {
		n += *en->d_name != '.';
		if (!strcmp(en->d_name, "erofs"))
			assert_int_equal(fstatat(fd, "erofs", ret_index, AT_SYMLINK_NOFOLLOW), 0);
	}
	return n;
}

static void test_made_once(void **state)
{
	const struct world *w = *state;
	struct stat first = { 0 }, again = { 0 };
	struct err e = { 0 };

	assert_int_equal(snapshot_index_make(&w->s, chain, 2, true, &e), 0);
	assert_int_equal(files_of(w, HIGH, &first), 2);
	assert_int_equal(first.st_mode & 07777, 0400);
	assert_true(first.st_size > 0);
	assert_int_equal(snapshot_index_make(&w->s, chain, 2, false, &e), 0);
	assert_int_equal(files_of(w, HIGH, &again), 2);
	assert_int_equal(first.st_ino, again.st_ino);
	/* it is the topmost layer's */
	assert_int_equal(files_of(w, LOW, &again), 1);
	/* an image without layers needs none */
	assert_int_equal(snapshot_index_make(&w->s, NULL, 0, true, &e), 0);
}

static void test_compared(void **state)
{
	const struct world *w = *state;
	char path[SNAPSHOT_PATH_MAX], name[SNAPSHOT_PATH_MAX + 8];
	struct err e = { 0 };

	assert_int_equal(snapshot_index_check(&w->s, chain, 2, &e), 0); /* there is none */
	assert_int_equal(snapshot_index_make(&w->s, chain, 2, false, &e), 0);
	assert_int_equal(snapshot_index_check(&w->s, chain, 2, &e), 1);
	assert_int_equal(snapshot_path(HIGH, path, &e), 0);
	(void)snprintf(name, sizeof name, "%s/erofs", path);
	assert_int_equal(fchmodat(w->s.root_fd, name, 0600, 0), 0);
	OWN_FD fd = openat(w->s.root_fd, name, O_RDWR | O_CLOEXEC);
	char byte = 'x';
	assert_int_equal(pwrite(fd, &byte, 1, 1100), 1);
	assert_int_equal(snapshot_index_check(&w->s, chain, 2, &e), 0);
	/* what is removed is made again, and is the same */
	assert_int_equal(snapshot_index_remove(&w->s, HIGH, &e), 0);
	assert_int_equal(snapshot_index_remove(&w->s, HIGH, &e), 0);
	assert_int_equal(snapshot_index_make(&w->s, chain, 2, false, &e), 0);
	assert_int_equal(snapshot_index_check(&w->s, chain, 2, &e), 1);
	/* nor is it that of another chain */
	const char *const alone[] = { HIGH };
	assert_int_equal(snapshot_index_check(&w->s, alone, 1, &e), 0);
	assert_int_equal(e.kind, E_NONE);
}

static void test_refused(void **state)
{
	const struct world *w = *state;
	const char *const bad[] = { "sha256:../../etc" }, *const gone[] = { LOW, HIGH };
	struct stat none = { 0 };
	struct err e = { 0 };

	layer(w, HIGH, '1', "link", "nowhere", "");
	assert_true(snapshot_index_make(&w->s, chain, 2, true, &e) < 0);
	assert_int_equal(e.kind, E_CORRUPT);
	assert_int_equal(files_of(w, HIGH, &none), 1);
	err_clear(&e);
	assert_true(snapshot_index_make(&w->s, bad, 1, true, &e) < 0);
	assert_int_equal(e.kind, E_INVALID);
	err_clear(&e);
	assert_int_equal(unlinkat(w->s.root_fd, "snapshots/" LOW_HEX "/tar", 0), 0);
	assert_true(snapshot_index_make(&w->s, gone, 2, true, &e) < 0);
	assert_int_equal(e.eno, ENOENT);
	assert_int_equal(files_of(w, HIGH, &none), 1);
}

static void test_first_name_counts(void **state)
{
	const struct world *w = *state;
	struct err e = { 0 };
	OWN_FD a = -1, b = -1;
	char text[8] = "";

	assert_int_equal(snapshot_file_open(&w->s, LOW, &a, &e), 0);
	assert_int_equal(snapshot_file_open(&w->s, LOW, &b, &e), 0);
	assert_int_equal(write(a, "a", 1), 1);
	assert_int_equal(write(b, "b", 1), 1);
	assert_int_equal(snapshot_file_name(&w->s, LOW, "meta", a, true, &e), 0);
	assert_int_equal(snapshot_file_name(&w->s, LOW, "meta", b, false, &e), 0);
	OWN_FD have = openat(w->s.root_fd, "snapshots/" LOW_HEX "/meta", O_RDONLY);
	assert_int_equal(read(have, text, sizeof text), 1);
	assert_string_equal(text, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_name_counts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
