/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the runtime's state folders: claim, lock, record, status, sweep.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "format/js.h"
#include "runtime/state.h"

static const char config_text[] =
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"annotations\":{\"k\":\"v\"},"
	"\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"env\":[\"A=b\"]},"
	"\"hooks\":{\"prestart\":[{\"path\":\"/p\"}],\"poststop\":[{\"path\":\"/h\",\"timeout\":2}]},"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"network\",\"path\":\"/n\"}]}}";

struct fixture {
	char root[64];
	struct runtime_env env;
	struct arena arena;
	json_t *config;
	struct bundle b;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e = { 0 };
	(void)snprintf(f->root, sizeof f->root, "/tmp/onggi-state.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->env.root = f->root;
	assert_int_equal(js_parse(config_text, strlen(config_text), "config", &f->config, &e), 0);
	assert_int_equal(bundle_parse(f->config, &f->arena, &f->b, &e), 0);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	assert_int_equal(io_remove_tree(AT_FDCWD, f->root, &e), 0);
	json_decref(f->config);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static void describe(struct fixture *f, struct state *s, const struct proc_id *init, bool creating)
{
	struct err e = { 0 };
	const struct state_new n = { .bundle = "/b", .rootfs = "/b/rootfs", .config = f->config,
				     .parsed = &f->b, .init = *init, .creating = creating };
	if (state_describe(s, &n, &e) < 0 || state_save(s, &e) < 0)
		fail_msg("%s", e.chain);
}

static void a_claimed_id_is_taken(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	OWN_STATE a = STATE_EMPTY;
	OWN_STATE b = STATE_EMPTY;
	assert_int_equal(state_reserve(&f->env, "c", &a, &e), 0);
	assert_int_equal(state_reserve(&f->env, "c", &b, &e), -EEXIST);
	assert_int_equal(e.kind, E_CONFLICT);
	assert_non_null(strstr(e.chain, "container with id exists: c"));
	assert_true(state_open(&f->env, "c", 0, &b, &e) < 0);
	assert_string_equal(e.chain, "container does not exist");
	/* its creator lives: not to be swept */
	assert_int_equal(state_sweep(&f->env, "c", &e), -EBUSY);
	state_unreserve(&a);
	assert_int_equal(state_sweep(&f->env, "c", &e), 0);
	assert_int_equal(state_reserve(&f->env, "c", &b, &e), 0);
}

static void what_a_dead_creator_left_is_swept(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	for (int round = 0; round < 2; round++) {
		pid_t pid = fork();
		if (!pid) {
			struct state s = STATE_EMPTY;
			int fd;
			if (state_reserve(&f->env, "c", &s, &e) < 0 || state_fifo_make(&s, &fd, &e) < 0)
				_exit(1);
			_exit(0); /* without a word, as if killed */
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		if (round) {
			assert_int_equal(state_sweep(&f->env, "c", &e), 1);
		} else {
			OWN_STATE s = STATE_EMPTY;
			assert_int_equal(state_reserve(&f->env, "c", &s, &e), 0);
			state_unreserve(&s);
		}
	}
	/* and delete --force does it, together with a folder that has not even a lock */
	assert_int_equal(mkdirat(AT_FDCWD, f->root, 0700), -1);
	OWN_FD root = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "d", 0700), 0);
	assert_true(runtime_delete(&f->env, "d", 0, &e) < 0);
	assert_int_equal(runtime_delete(&f->env, "d", RUNTIME_DELETE_FORCE, &e), 0);
	assert_true(faccessat(root, "d", F_OK, 0) < 0);
}

static void the_record_is_read_back(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	OWN_STATE s = STATE_EMPTY;
	OWN_STATE t = STATE_EMPTY;
	struct proc_id self;
	struct bundle_hooks hooks;
	enum runtime_status status;
	int fd;
	assert_int_equal(proc_id_of(getpid(), &self, &e), 0);
	assert_int_equal(state_reserve(&f->env, "c", &s, &e), 0);
	assert_int_equal(state_fifo_make(&s, &fd, &e), 0);
	describe(f, &s, &self, true);
	assert_int_equal(state_open(&f->env, "c", 0, &t, &e), 0);
	assert_true(t.init.pid == self.pid && t.init.start_ticks == self.start_ticks);
	assert_string_equal(t.bundle, "/b");
	assert_string_equal(t.rootfs, "/b/rootfs");
	assert_string_equal(t.oci_version, "1.0.2");
	assert_string_equal(json_string_value(json_object_get(t.annotations, "k")), "v");
	assert_non_null(json_object_get(t.process, "env"));
	assert_null(json_object_get(t.process, "args"));
	assert_null(json_object_get(t.hooks, "prestart"));
	assert_true(t.own_pids && t.creating);
	assert_int_equal(state_late_hooks(&t, BUNDLE_HOOK_POSTSTOP, &f->arena, &hooks, &e), 0);
	assert_true(hooks.n == 1 && hooks.v[0].timeout_s == 2);
	assert_int_equal(state_late_hooks(&t, BUNDLE_HOOK_POSTSTART, &f->arena, &hooks, &e), 0);
	assert_int_equal(hooks.n, 0);
	assert_int_equal(state_status(&t, &status, &e), 0);
	assert_int_equal(status, RUNTIME_CREATING);
	/* the moment of creation stays */
	char created[64];
	(void)snprintf(created, sizeof created, "%s", s.created);
	describe(f, &s, &self, false);
	assert_string_equal(s.created, created);
	assert_int_equal(state_status(&s, &status, &e), 0);
	assert_int_equal(status, RUNTIME_CREATED);
	assert_int_equal(unlinkat(s.dir_fd, STATE_EXEC_FIFO, 0), 0);
	assert_int_equal(state_status(&s, &status, &e), 0);
	assert_int_equal(status, RUNTIME_RUNNING);
	OWN_JSON oci = NULL;
	assert_int_equal(state_oci_json(&s, "running", 7, &oci, &e), 0);
	assert_int_equal(json_integer_value(json_object_get(oci, "pid")), 7);
	close(fd);
}

static void a_reused_pid_is_no_init(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	OWN_STATE s = STATE_EMPTY;
	struct proc_id self;
	enum runtime_status status;
	int fd;
	assert_int_equal(proc_id_of(getpid(), &self, &e), 0);
	self.start_ticks--;
	assert_int_equal(state_reserve(&f->env, "c", &s, &e), 0);
	describe(f, &s, &self, false);
	assert_int_equal(state_status(&s, &status, &e), 0);
	assert_int_equal(status, RUNTIME_STOPPED);
	assert_true(state_init_pidfd(&s, &fd, &e) < 0);
	assert_string_equal(e.chain, "container not running");
	state_close(&s);
	assert_true(runtime_kill(&f->env, "c", SIGTERM, 0, &e) < 0);
	assert_true(runtime_pause(&f->env, "c", &e) < 0);
	char **ids;
	size_t n;
	assert_int_equal(runtime_list(&f->env, &ids, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(ids[0], "c");
	free(ids[0]);
	free(ids);
	assert_int_equal(runtime_delete(&f->env, "c", 0, &e), 0);
	assert_int_equal(runtime_delete(&f->env, "c", 0, &e), -ENOENT);
}

static void the_lock_goes_with_its_owner(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	OWN_STATE s = STATE_EMPTY;
	struct proc_id self;
	int gate[2];
	assert_int_equal(proc_id_of(getpid(), &self, &e), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	assert_int_equal(state_reserve(&f->env, "c", &s, &e), 0);
	describe(f, &s, &self, false);
	/* a child with a copy of the lock must not keep it when we let go */
	pid_t pid = fork();
	if (!pid) {
		char c;
		close(gate[1]);
		_exit(read(gate[0], &c, 1) != 0);
	}
	state_close(&s);
	OWN_STATE t = STATE_EMPTY;
	assert_int_equal(state_open(&f->env, "c", STATE_LOCKED, &t, &e), 0);
	close(gate[0]);
	close(gate[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* a foreign file in the folder does not stop its removal */
	assert_int_equal(mkdirat(t.dir_fd, "extra", 0700), 0);
	assert_int_equal(state_remove(&t, &e), 0);
	assert_true(faccessat(t.root_fd, "c", F_OK, 0) < 0);
}

static void ids(void **state)
{
	static const char *const good[] = { "a", "0", "a.b", "_x-y+z", "-a", "A9" };
	static const char *const bad[] = { "", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa4", "a:b", "a*" };
	char longest[257];
	struct err e = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(state_id_check(good[i], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(state_id_check(bad[i], &e) < 0);
	memset(longest, 'a', 256);
	longest[256] = 0;
	assert_true(state_id_check(longest, &e) < 0);
	longest[255] = 0;
	assert_int_equal(state_id_check(longest, &e), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_claimed_id_is_taken),   TEST(what_a_dead_creator_left_is_swept),
		TEST(the_record_is_read_back), TEST(a_reused_pid_is_no_init),
		TEST(the_lock_goes_with_its_owner), TEST(ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
