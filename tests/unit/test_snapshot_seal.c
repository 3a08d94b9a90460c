/* SPDX-License-Identifier: Apache-2.0
 *
 * Seals: the words of the wish, notes that fit no file, and what is opened to be mounted. Works with and without
 * fs-verity below /tmp: sealed files themselves are for tests/guest/verity.bats.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "store/snapshot.h"
#include "store/snapshot_seal.h"

#define HEX "1111111111111111111111111111111111111111111111111111111111111111"
#define LAYER "sha256:" HEX
#define PLACE "snapshots/" HEX

struct world {
	char dir[64];
	struct store s;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char root[80], run[80];
	struct err e = { 0 };

	assert_non_null(w);
	unsetenv(SEAL_VARIABLE);
	(void)snprintf(w->dir, sizeof w->dir, "/tmp/onggi-unit.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(root, sizeof root, "%s/root", w->dir);
	(void)snprintf(run, sizeof run, "%s/run", w->dir);
	assert_int_equal(store_open(root, run, &w->s, &e), 0);
	assert_int_equal(io_mkdir_p(w->s.root_fd, PLACE, 0700, &e), 0);
	assert_int_equal(io_replace_file(w->s.root_fd, PLACE "/tar", "content", 7, 0400, 0, &e), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	unsetenv(SEAL_VARIABLE);
	store_close(&w->s);
	assert_int_equal(io_remove_tree(AT_FDCWD, w->dir, &e), 0);
	free(w);
	return 0;
}

static void test_wish(void **state)
{
	static const struct {
		const char *text;
		enum seal_wish wish;
	} rows[] = { { "", SEAL_AUTO }, { "auto", SEAL_AUTO }, { "on", SEAL_ON }, { "off", SEAL_OFF } };
	enum seal_wish got = SEAL_OFF;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seal_wish(&got, &e), 0);
	assert_int_equal(got, SEAL_AUTO);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		setenv(SEAL_VARIABLE, rows[i].text, 1);
		assert_int_equal(seal_wish(&got, &e), 0);
		assert_int_equal(got, rows[i].wish);
	}
	setenv(SEAL_VARIABLE, "ON", 1);
	assert_int_equal(seal_wish(&got, &e), -EINVAL);
	assert_int_equal(e.kind, E_INVALID);
}

static void test_without_note(void **state)
{
	const struct world *w = *state;
	struct err e = { 0 }, why;
	OWN_FD tar = openat(w->s.root_fd, PLACE "/tar", O_RDONLY | O_CLOEXEC);
	int fd = 7;

	assert_int_equal(seal_state(&w->s, LAYER, "tar", tar, &why, &e), SEAL_NONE);
	assert_int_equal(seal_open(&w->s, &w->s, LAYER, "tar", &fd, &e), 0);
	assert_int_equal(fd, -1); /* mounted by its name */
	setenv(SEAL_VARIABLE, "on", 1);
	assert_true(seal_open(&w->s, &w->s, LAYER, "tar", &fd, &e) < 0);
	assert_int_equal(e.kind, E_UNSUPPORTED);
	assert_string_equal(e.hint, "onggi system check --repair");
	/* a store of others is not ours to seal */
	const struct store mine = { .root_fd = -1 };
	err_clear(&e);
	assert_int_equal(seal_open(&mine, &w->s, LAYER, "tar", &fd, &e), 0);
	assert_int_equal(seal_open(&w->s, &w->s, LAYER, "erofs", &fd, &e), -ENOENT);
	assert_int_equal(seal_open(&w->s, &w->s, "sha256:x", "tar", &fd, &e), -EINVAL);
	assert_int_equal(seal_forget(&w->s, LAYER, "tar", &e), 0);
}

static void refused(const struct world *w, const char *note)
{
	struct err e = { 0 }, why;
	OWN_FD tar = openat(w->s.root_fd, PLACE "/tar", O_RDONLY | O_CLOEXEC);
	int fd = -1;

	assert_int_equal(io_replace_file(w->s.root_fd, PLACE "/tar.verity", note, strlen(note), 0400, 0, &e), 0);
	int r = seal_state(&w->s, LAYER, "tar", tar, &why, &e);
	assert_true(r == SEAL_LOST || r == SEAL_UNABLE);
	assert_true(*why.chain != 0);
	assert_int_equal(seal_open(&w->s, &w->s, LAYER, "tar", &fd, &e), -EUCLEAN);
	assert_int_equal(e.kind, E_CORRUPT);
	assert_string_equal(e.hint, "onggi system check --repair");
	assert_int_equal(fd, -1);
}

static void test_notes_of_another(void **state)
{
	const struct world *w = *state;
	struct err e = { 0 };
	int fd;

	refused(w, "sha256:" HEX "\n");
	refused(w, "");
	refused(w, "\n");
	setenv(SEAL_VARIABLE, "off", 1);
	refused(w, "sha256:" HEX "\n");
	assert_int_equal(seal_forget(&w->s, LAYER, "tar", &e), 0);
	assert_int_equal(seal_open(&w->s, &w->s, LAYER, "tar", &fd, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_note, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes_of_another, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
