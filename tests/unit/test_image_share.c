/* SPDX-License-Identifier: Apache-2.0
 *
 * Who uses the mount that containers of an image share: notes, users, the last one out, and what fails half-way. With a
 * mount namespace of its own where the tests may have one, else without anything mounted.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "store/image_share.h"
#include "sys/mountfd.h"

#define HEX "3333333333333333333333333333333333333333333333333333333333333333"
#define ROOT "erofs/" HEX "/root"

struct world {
	char dir[64];
	struct store s;
	int mounts; /* how often one was asked for */
	bool fails; /* and not given */
};

static void container(const struct world *w, const char *id)
{
	char path[64];

	(void)snprintf(path, sizeof path, "containers/%s", id);
	assert_int_equal(mkdirat(w->s.root_fd, path, 0700), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e = { 0 };

	assert_non_null(w);
	strcpy(w->dir, "/tmp/onggi-share.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->s.root_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->s.root_fd >= 0);
	assert_int_equal(io_mkdir_p(w->s.root_fd, "run", 0700, &e), 0);
	assert_int_equal(io_mkdir_p(w->s.root_fd, "containers", 0700, &e), 0);
	w->s.run_fd = openat(w->s.root_fd, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->s.run_fd >= 0);
	container(w, "a");
	container(w, "b");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };
	char place[160];

	(void)snprintf(place, sizeof place, "%s/run/" ROOT, w->dir);
	while (!umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	close(w->s.run_fd);
	close(w->s.root_fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, w->dir, &e), 0);
	free(w);
	return 0;
}

static bool is_there(const struct world *w, const char *path)
{
	return !faccessat(w->s.run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static bool is_mounted(const struct world *w)
{
	return libc_is_mount_root(w->s.run_fd, ROOT, AT_SYMLINK_NOFOLLOW) > 0;
}

static int mount_tmpfs(void *data, int *ret_fd, struct err *e)
{
	struct world *w = data;
	OWN_FD fs = -1;

	w->mounts++;
	if (w->fails)
		return err_new(e, E_IO, EIO, "no mount today");
	return mountfd_fs_open("tmpfs", &fs, e) < 0 ? -e->eno : mountfd_fs_mount(fs, "tmpfs", 0, ret_fd, e);
}

static int use(struct world *w, const char *id, struct err *e)
{
	return image_share_use(&w->s, id, HEX, mount_tmpfs, w, e);
}

static void leave(const struct world *w, const char *id)
{
	struct err e = { 0 };
	assert_int_equal(image_share_leave(&w->s, id, &e), 0);
}

static void note(const struct world *w, const char *id)
{
	struct err e = { 0 };
	assert_int_equal(image_share_note(&w->s, id, HEX, &e), 0);
}

static void test_note(void **state)
{
	const struct world *w = *state;
	struct err e = { 0 };
	char text[128] = "";

	note(w, "a");
	note(w, "a"); /* a second start */
	assert_int_equal(readlinkat(w->s.root_fd, "containers/a/image", text, sizeof text - 1), 64);
	assert_string_equal(text, HEX);
	assert_int_equal(image_share_note(&w->s, "none", HEX, &e), -ENOENT);
	assert_int_equal(e.kind, E_NOT_FOUND);
}

/* a container that never was a user, that has no note, or whose note is no name of an image */
static void test_leave_without_use(void **state)
{
	const struct world *w = *state;

	leave(w, "a");
	leave(w, "none");
	note(w, "a");
	leave(w, "a");
	assert_int_equal(symlinkat("../../elsewhere", w->s.root_fd, "containers/b/image"), 0);
	leave(w, "b");
	assert_false(is_there(w, "erofs"));
}

static void test_mount_fails(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	w->fails = true;
	note(w, "a");
	assert_int_equal(use(w, "a", &e), -EIO);
	assert_non_null(strstr(e.chain, "no mount today"));
	assert_int_equal(w->mounts, 1);
	/* nothing was used */
	assert_false(is_there(w, "erofs/" HEX));
	leave(w, "a");
}

/* what a reboot leaves of the users is nothing; what a kill leaves is a user without a mount, or a mount without */
static void test_left_over(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	w->fails = true;
	assert_int_equal(io_mkdir_p(w->s.run_fd, "erofs/" HEX "/users", 0700, &e), 0);
	OWN_FD other = openat(w->s.run_fd, "erofs/" HEX "/users/b", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(other >= 0);
	assert_int_equal(use(w, "a", &e), -EIO);
	/* somebody else is noted still: it stays for that one */
	assert_true(is_there(w, "erofs/" HEX "/users/b"));
	assert_false(is_there(w, "erofs/" HEX "/users/a"));
	note(w, "b");
	leave(w, "b");
	assert_false(is_there(w, "erofs/" HEX));
}

static void test_shared(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	if (use(w, "a", &e) < 0) {
		assert_false(is_there(w, "erofs/" HEX));
		skip(); /* not allowed here */
	}
	assert_true(is_mounted(w));
	note(w, "a");
	note(w, "b");
	assert_int_equal(use(w, "b", &e), 0);
	assert_int_equal(use(w, "b", &e), 0);
	assert_int_equal(w->mounts, 1);
	leave(w, "a");
	leave(w, "a");
	assert_true(is_mounted(w));
	leave(w, "b");
	assert_false(is_mounted(w));
	assert_false(is_there(w, "erofs/" HEX));
	/* and once more from the beginning */
	assert_int_equal(use(w, "a", &e), 0);
	assert_int_equal(w->mounts, 2);
	leave(w, "a");
	assert_false(is_there(w, "erofs/" HEX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_note, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leave_without_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mount_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
	};

	/* mounts of the tests are seen by nobody else, and end with them; not allowed: none are made */
	if (!unshare(CLONE_NEWNS))
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
