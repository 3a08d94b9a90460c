/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/base: errors, arena, buffer, clock, text, paths below a root, steps.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/step.h"
#include "base/text.h"

static void err_keeps_kind_and_chain(void **state)
{
	struct err e = { 0 };
	(void)state;
	assert_int_equal(err_sys(&e, ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(err_ctx(&e, "read config"), -ENOENT);
	assert_string_equal(e.chain, "read config: open x: no such file or directory");
	assert_int_equal(e.kind, E_NOT_FOUND);
	err_hint(&e, "first");
	err_hint(&e, "second");
	assert_string_equal(e.hint, "first");
	for (int k = 1; k < E_KINDS; k++)
		assert_int_equal(err_kind_parse(err_map_of((enum err_kind)k)->name), k);
}

static void arena_memory_is_zeroed_and_kept(void **state)
{
	ARENA a = { 0 };
	size_t cap = 0;
	int *v = NULL;
	(void)state;
	char *s = arena_printf(&a, "%d-%s", 7, "x");
	for (int i = 0; i < 10000; i++) {
		v = arena_grow(&a, v, &cap, (size_t)i + 1, sizeof *v);
		assert_non_null(v);
		v[i] = i;
	}
	assert_string_equal(s, "7-x");
	assert_int_equal(v[9999], 9999);
	assert_int_equal(((char *)arena_get(&a, 100000))[99999], 0);
}

static void buf_escapes_json(void **state)
{
	OWN_BUF b = { 0 };
	(void)state;
	buf_json_string(&b, "a\"\\\n\x01\xff\xc3\xa9", 8);
	assert_string_equal(buf_str(&b), "\"a\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\"");
}

static void clock_round_trips(void **state)
{
	char out[CLOCK_TEXT_MAX];
	int64_t ns;
	(void)state;
	assert_int_equal(clock_parse("2026-11-25T21:53:41.120Z", &ns), 0);
	clock_format(ns, out);
	assert_string_equal(out, "2026-11-25T21:53:41.12Z");
	assert_int_equal(clock_parse("2026-11-25T22:53:41.12+01:00", &ns), 0);
	clock_format(ns, out);
	assert_string_equal(out, "2026-11-25T21:53:41.12Z");
	clock_format(-1, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999999999Z");
	assert_int_equal(clock_parse("2026-13-25T21:53:41Z", &ns), -EINVAL);
	assert_int_equal(duration_parse("1h2m3.5s", &ns), 0);
	assert_int_equal(ns, 3723500000000);
	assert_int_equal(duration_parse("5", &ns), -EINVAL);
}

static void text_parses_strictly(void **state)
{
	int64_t v;
	uint32_t u;
	char id[65];
	(void)state;
	assert_int_equal(text_bytes("1.5g", &v), 0);
	assert_int_equal(v, 1610612736);
	assert_int_equal(text_bytes("64MiB", &v), 0);
	assert_int_equal(v, 67108864);
	assert_int_equal(text_bytes("64x", &v), -EINVAL);
	assert_int_equal(text_bytes("", &v), -EINVAL);
	assert_int_equal(text_uint32("4294967296", &u), -ERANGE);
	assert_int_equal(text_uint32("+1", &u), -EINVAL);
	assert_int_equal(text_uint32("1 ", &u), -EINVAL);
	assert_int_equal(text_int64("-9223372036854775808", &v), 0);
	assert_int_equal(v, INT64_MIN);
	assert_int_equal(text_random_id(id), 0);
	assert_true(text_is_hex(id, 64));
	assert_int_equal(text_distance("rnu", "run"), 1);
	assert_int_equal(text_distance("", "run"), 3);
}

static void paths_stay_below_the_root(void **state)
{
	char dir[] = "/tmp/onggi-unit-XXXXXX", out[64];
	struct err e = { 0 };
	struct stat st;
	int fd;
	(void)state;
	assert_non_null(mkdtemp(dir));
	OWN_FD root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("/etc", root, "out"), 0);
	assert_int_equal(symlinkat("../../../../../..", root, "up"), 0);
	/* a dangling link is made true inside the root: /out means ROOT/etc */
	assert_int_equal(path_mkdir_in(root, "/out/x", 0755, &fd, &e), 0);
	close(fd);
	assert_int_equal(fstatat(root, "etc/x", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(access("/etc/x", F_OK), -1);
	assert_int_equal(path_mkdir_in(root, "/up/out/a/b", 0700, &fd, &e), 0);
	close(fd);
	assert_int_equal(fstatat(root, "etc/a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(path_open_in(root, "out/passwd", O_RDONLY, 0, &fd, &e), -ENOENT);
	assert_int_equal(path_normalize("/a//b/../c/./", out, sizeof out), 0);
	assert_string_equal(out, "/a/c");
	assert_int_equal(path_normalize("/../..", out, sizeof out), 0);
	assert_string_equal(out, "/");
	assert_true(path_is_clean("a/b"));
	assert_false(path_is_clean("a/../b"));
	assert_false(path_is_clean("a/"));
	assert_int_equal(io_remove_tree(AT_FDCWD, dir, &e), 0);
	assert_int_equal(access(dir, F_OK), -1);
}

static void deep_trees_are_removed(void **state)
{
	char dir[] = "/tmp/onggi-unit-XXXXXX";
	struct err e = { 0 };
	(void)state;
	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		int sub = openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = sub;
	}
	close(fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir, &e), 0);
	assert_int_equal(access(dir, F_OK), -1);
}

static void files_are_replaced_atomically(void **state)
{
	char dir[] = "/tmp/onggi-unit-XXXXXX";
	struct err e = { 0 };
	char *text = NULL;
	int lock, other;
	(void)state;
	assert_non_null(mkdtemp(dir));
	OWN_FD d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_replace_file(d, "f", "one", 3, 0640, IO_DURABLE, &e), 0);
	assert_int_equal(io_replace_file(d, "f", "two", 3, 0640, IO_EXCLUSIVE, &e), -EEXIST);
	assert_int_equal(io_replace_file(d, "f", "two", 3, 0640, 0, &e), 0);
	assert_int_equal(io_read_file(d, "f", 10, &text, NULL, &e), 0);
	assert_string_equal(text, "two");
	free(text);
	assert_int_equal(io_read_file(d, "f", 2, &text, NULL, &e), -EFBIG);
	assert_int_equal(lock_take(d, "l", LOCK_EXCLUSIVE, &lock, &e), 0);
	assert_int_equal(lock_take(d, "l", LOCK_EXCLUSIVE | LOCK_NOWAIT, &other, &e), -EBUSY);
	close(lock);
	assert_int_equal(lock_take(d, "l", LOCK_SHARED | LOCK_NOWAIT, &other, &e), 0);
	close(other);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir, &e), 0);
}

static void copies_keep_holes(void **state)
{
	enum { SIZE = 64 << 20 };
	static const off_t places[] = { 0, 5 << 20, (40 << 20) + 123 };
	char dir[] = "/tmp/onggi-unit-XXXXXX", got[8];
	struct err e = { 0 };
	struct stat a, b;
	(void)state;
	assert_non_null(mkdtemp(dir));
	OWN_FD d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_FD in = openat(d, "in", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	OWN_FD out = openat(d, "out", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		assert_int_equal(pwrite(in, "content", 8, places[i]), 8);
	assert_int_equal(ftruncate(in, SIZE), 0);
	assert_int_equal(io_copy_file(in, out, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		assert_int_equal(pread(out, got, 8, places[i]), 8);
		assert_string_equal(got, "content");
	}
	assert_int_equal(fstat(in, &a), 0);
	assert_int_equal(fstat(out, &b), 0);
	assert_int_equal(b.st_size, SIZE);
	/* the same blocks, but for those of the file system's own records */
	assert_true(b.st_blocks <= a.st_blocks + 64);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir, &e), 0);
}

static void processes_have_identity(void **state)
{
	struct proc_id id;
	struct err e = { 0 };
	int fd;
	(void)state;
	assert_int_equal(proc_id_of(getpid(), &id, &e), 0);
	assert_true(proc_alive(&id));
	assert_int_equal(proc_pidfd(&id, &fd, &e), 0);
	close(fd);
	id.start_ticks++;
	assert_false(proc_alive(&id));
	assert_int_equal(proc_pidfd(&id, &fd, &e), -ESRCH);
}

static char trail[64];
static int act_ok(void *ctx, struct err *e)
{
	(void)ctx, (void)e;
	strcat(trail, "a");
	return 0;
}
static int act_bad(void *ctx, struct err *e)
{
	(void)ctx;
	return err_new(e, E_IO, EIO, "bad");
}
static void undo_one(void *ctx)
{
	(void)ctx;
	strcat(trail, "1");
}
static void undo_two(void *ctx)
{
	(void)ctx;
	strcat(trail, "2");
}

static void steps_undo_backwards(void **state)
{
	static const struct step table[] = { { "one", act_ok, undo_one },
					     { "two", act_ok, undo_two },
					     { "three", act_bad, NULL } };
	static const struct way w = WAY("test", table);
	struct err e = { 0 };
	(void)state;
	assert_int_equal(way_run(&w, NULL, NULL, &e), -EIO);
	assert_string_equal(trail, "aa21");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_keeps_kind_and_chain),
		cmocka_unit_test(arena_memory_is_zeroed_and_kept),
		cmocka_unit_test(buf_escapes_json),
		cmocka_unit_test(clock_round_trips),
		cmocka_unit_test(text_parses_strictly),
		cmocka_unit_test(paths_stay_below_the_root),
		cmocka_unit_test(deep_trees_are_removed),
		cmocka_unit_test(files_are_replaced_atomically),
		cmocka_unit_test(copies_keep_holes),
		cmocka_unit_test(processes_have_identity),
		cmocka_unit_test(steps_undo_backwards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
