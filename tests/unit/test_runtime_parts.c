/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the runtime that need no container: messages between parent and child, the stored
 * seccomp filter, CPU lists, mount places, copy-up, hooks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "runtime/copyup.h"
#include "runtime/exec_stub.h"
#include "runtime/filter.h"
#include "runtime/hooks.h"
#include "runtime/launch.h"
#include "runtime/sync.h"
#include "sys/fdpass.h"
#include "sys/sched.h"

static char dir_path[] = "/tmp/onggi-parts.XXXXXX";
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir_path))
		return -1;
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct err e;
	(void)state;
	close(dir);
	return io_remove_tree(AT_FDCWD, dir_path, &e);
}

static void cpu_lists(void **state)
{
	struct sched_mask m;
	(void)state;
	assert_int_equal(sched_mask_parse("0-2,5", &m), 0);
	assert_int_equal(m.bits[0], 0x27);
	assert_int_equal(sched_mask_parse(" 1024 , 3\n", &m), 0);
	assert_int_equal(m.bits[16], 1);
	static const char *const bad[] = { "", ",", "1,", "2-1", "a", "1-", "-1", "1 2" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sched_mask_parse(bad[i], &m), -EINVAL);
	assert_int_equal(sched_mask_parse("8192", &m), -ERANGE);
	assert_int_equal(sched_mask_parse("99999999999999999999", &m), -ERANGE);
}

/* the error of a child that leaves levels of ours unread is still heard, before the end */
static void sync_error_is_not_lost(void **state)
{
	struct exec_stub_failed f = { .magic = EXEC_STUB_MAGIC, .eno = ENOENT, .path = "/bin/x" };
	struct err e = { .kind = E_DENIED, .eno = EPERM, .chain = "why" };
	struct sync_msg m;
	int pair[2], fd;
	(void)state;

	assert_int_equal(sync_pair(pair, &e), 0);
	assert_int_equal(sync_raise(pair[0], SYNC_ENTERED), 0);
	assert_int_equal(sync_raise(pair[0], SYNC_GO), 0);
	assert_int_equal(sync_warn(pair[1], "w %d", 1), 0);
	assert_int_equal(sync_send(pair[1], SYNC_ERROR, 0, &e, -1), 0);
	assert_int_equal(write(pair[1], &f, sizeof f), sizeof f);
	close(pair[1]);
	assert_int_equal(sync_receive(pair[0], &m, &fd), 1);
	assert_int_equal(m.type, SYNC_WARN);
	assert_string_equal(m.err.chain, "w 1");
	assert_int_equal(sync_receive(pair[0], &m, &fd), 1);
	assert_int_equal(m.type, SYNC_ERROR);
	assert_string_equal(m.err.chain, "why");
	assert_int_equal(fd, -1);
	assert_int_equal(sync_receive(pair[0], &m, &fd), 1);
	assert_int_equal(m.type, SYNC_ERROR);
	assert_int_equal(m.err.kind, E_EXEC_MISSING);
	assert_string_equal(m.err.chain, "exec /bin/x: no such file or directory");
	assert_int_equal(sync_receive(pair[0], &m, &fd), 0);
	close(pair[0]);
}

/* more than is wanted is closed; what is wanted and has no place in the table is an error, and nothing stays open */
static void descriptors_without_room(void **state)
{
	const int two[2] = { dir, dir };
	int pair[2], got[2];
	struct rlimit old, tight;
	struct err e;
	size_t n;
	char b;
	(void)state;

	assert_int_equal(sync_pair(pair, &e), 0);
	int next = dup(dir);
	assert_true(next >= 0);
	close(next);
	assert_int_equal(fdpass_send(pair[0], "x", 1, two, 2), 1);
	assert_int_equal(fdpass_receive(pair[1], &b, 1, got, 1, &n, NULL), 1);
	assert_int_equal(n, 1);
	assert_int_equal(got[0], next);
	assert_int_equal(dup(dir), next + 1); /* the second was closed */
	close(next + 1);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int room = 0; room < 2; room++) {
		tight = (struct rlimit){ (rlim_t)(next + room), old.rlim_max };
		assert_int_equal(fdpass_send(pair[0], "y", 1, two, 2), 1);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		ssize_t r = fdpass_receive(pair[1], &b, 1, got, 2, &n, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(r, -EMFILE);
		assert_int_equal(n, 0);
		assert_int_equal(dup(dir), next);
		close(next);
	}
	close(pair[0]);
	close(pair[1]);
}

static void sync_levels_and_descriptors(void **state)
{
	enum sync_level level = SYNC_NONE;
	struct sync_msg m;
	struct err e;
	int pair[2], fd;
	(void)state;

	assert_int_equal(sync_pair(pair, &e), 0);
	assert_int_equal(sync_raise(pair[0], SYNC_GO), 0);
	assert_int_equal(sync_wait(pair[1], &level, SYNC_MAPPED), 0);
	assert_int_equal(level, SYNC_GO);
	assert_int_equal(sync_wait(pair[1], &level, SYNC_ENTERED), 0);
	assert_int_equal(sync_send(pair[1], SYNC_CONSOLE, 0, NULL, dir), 0);
	assert_int_equal(sync_receive(pair[0], &m, &fd), 1);
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	close(pair[0]);
	level = SYNC_NONE;
	assert_int_equal(sync_wait(pair[1], &level, SYNC_GO), -EPIPE);
	close(pair[1]);
}

static void filter_round_trip(void **state)
{
	struct sock_filter code[] = { { 0x20, 0, 0, 0 }, { 0x06, 0, 0, 0x7fff0000 } };
	const struct seccomp_filter f = { code, 2, 3, true };
	const struct filter_listener to = { "/run/l", "meta" };
	struct seccomp_filter got;
	struct filter_listener got_to;
	struct err e;
	ARENA a = { 0 };
	(void)state;

	assert_int_equal(filter_read(dir, &a, &got, &got_to, &e), 0);
	assert_int_equal(filter_save(dir, &f, &to, &e), 0);
	assert_int_equal(filter_read(dir, &a, &got, &got_to, &e), 1);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.flags, 3);
	assert_true(got.notify);
	assert_memory_equal(got.code, code, sizeof code);
	assert_string_equal(got_to.path, "/run/l");
	assert_string_equal(got_to.metadata, "meta");
	seccomp_filter_done(&got);
	OWN_FD fd = openat(dir, STATE_SECCOMP, O_WRONLY | O_CLOEXEC);
	for (int cut = 1; cut < 30; cut += 7) {
		assert_int_equal(ftruncate(fd, cut), 0);
		assert_int_equal(filter_read(dir, &a, &got, &got_to, &e), -EBADMSG);
		assert_int_equal(e.kind, E_CORRUPT);
	}
}

static void dangling_links_stay_inside(void **state)
{
	struct err e;
	struct stat st;
	int fd;
	(void)state;

	assert_int_equal(mkdirat(dir, "root", 0755), 0);
	OWN_FD root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("/there/deep", root, "abs"), 0);
	assert_int_equal(symlinkat("../../up", root, "rel"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(path_mkdir_in(root, "/abs/x", 0755, &fd, &e), 0);
	close(fd);
	assert_int_equal(fstatat(root, "there/deep/x", &st, 0), 0);
	assert_int_equal(path_mkdir_in(root, "rel", 0700, &fd, &e), 0);
	close(fd);
	assert_int_equal(fstatat(root, "up", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(fstatat(dir, "up", &st, 0) < 0);
	assert_true(path_mkdir_in(root, "loop/x", 0755, &fd, &e) < 0);
}

static void copy_up(void **state)
{
	struct err e;
	struct stat st;
	char text[8];
	(void)state;

	assert_int_equal(mkdirat(dir, "from", 0755), 0);
	assert_int_equal(mkdirat(dir, "from/d", 0751), 0);
	assert_int_equal(mkdirat(dir, "to", 0755), 0);
	assert_int_equal(io_replace_file(dir, "from/d/f", "abc", 3, 0640, 0, &e), 0);
	assert_int_equal(symlinkat("/nowhere", dir, "from/l"), 0);
	assert_int_equal(mkfifoat(dir, "from/p", 0600), 0);
	OWN_FD from = openat(dir, "from", O_PATH | O_DIRECTORY | O_CLOEXEC);
	OWN_FD to = openat(dir, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(copyup_tree(from, to, &e), 0);
	assert_int_equal(fstatat(to, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0751);
	assert_int_equal(fstatat(to, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(readlinkat(to, "l", text, sizeof text), 8);
	assert_int_equal(fstatat(to, "p", &st, 0), 0);
	assert_true(S_ISFIFO(st.st_mode));
}

static void hook_outcomes(void **state)
{
	static const char *const sh_args[] = { "sh", "-c", "cat >&2; exit 3", NULL };
	static const char *const no_env[] = { NULL };
	struct bundle_hook k = { .path = "/bin/sh", .args = { sh_args, 3 }, .env = { no_env, 0 } };
	const struct bundle_hooks one = { &k, 1 };
	const struct hooks_run h = { .point = BUNDLE_HOOK_POSTSTOP, .hooks = &one, .state = "{\"id\":1}" };
	struct err e;
	(void)state;

	assert_true(hooks_run(&h, &e) < 0);
	assert_string_equal(e.chain, "poststop hook #0 /bin/sh: exit status 3, output: {\"id\":1}");
	static const char *const ok_args[] = { "sh", "-c", "exit 0", NULL };
	k.args = (struct bundle_strv){ ok_args, 3 };
	assert_int_equal(hooks_run(&h, &e), 0);
	static const char *const slow_args[] = { "sh", "-c", "exec sleep 100", NULL };
	k.args = (struct bundle_strv){ slow_args, 3 };
	static const char *const path_env[] = { "PATH=/bin:/usr/bin", NULL };
	k.env = (struct bundle_strv){ path_env, 1 };
	k.timeout_s = 1;
	assert_int_equal(hooks_run(&h, &e), -ETIMEDOUT);
	k.path = "/no/such";
	assert_true(hooks_run(&h, &e) < 0);
	assert_non_null(strstr(e.chain, "No such file or directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test(sync_error_is_not_lost),
		cmocka_unit_test(sync_levels_and_descriptors),
		cmocka_unit_test(descriptors_without_room),
		cmocka_unit_test(filter_round_trip),
		cmocka_unit_test(dangling_links_stay_inside),
		cmocka_unit_test(copy_up),
		cmocka_unit_test(hook_outcomes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
