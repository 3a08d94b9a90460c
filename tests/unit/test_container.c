/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers in the store: names, resolution, derived state, half-made ones; users; the OCI
 * configuration of a record.
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

#include "base/io.h"
#include "base/lock.h"
#include "engine/oci.h"
#include "engine/user.h"
#include "format/js.h"
#include "spec/bundle.h"
#include "store/container.h"
#include "store/form_mark.h"
#include "store/volume.h"

struct world {
	char dir[64];
	struct store s;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e;
	char root[80], run[80];

	strcpy(w->dir, "/tmp/onggi-unit.XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	(void)snprintf(root, sizeof root, "%s/root", w->dir);
	(void)snprintf(run, sizeof run, "%s/run", w->dir);
	*state = w;
	return store_open(root, run, &w->s, &e);
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err e;
	store_close(&w->s);
	int r = io_remove_tree(AT_FDCWD, w->dir, &e);
	free(w);
	return r;
}

/* a container with a record, its lock let go */
static void make(struct world *w, const char *name, char id[65])
{
	CLEANUP(container_done) struct container c = CONTAINER_NULL;
	OWN_FD lock = -1;
	struct err e;

	assert_int_equal(container_make(&w->s, &c, &lock, &e), 0);
	assert_int_equal(container_name_claim(&w->s, name, c.id, &e), 0);
	c.record = json_pack("{ss ss}", "Id", c.id, "Name", name);
	assert_int_equal(container_save(&c, 0, &e), 0);
	memcpy(id, c.id, 65);
}

static void test_names(void **state)
{
	struct world *w = *state;
	char a[65], b[65], found[65], prefix[14];
	struct err e;

	make(w, "one", a);
	make(w, "two", b);
	assert_int_equal(container_resolve(&w->s, "one", found, &e), 0);
	assert_string_equal(found, a);
	assert_int_equal(container_resolve(&w->s, "/two", found, &e), 0);
	assert_string_equal(found, b);
	assert_int_equal(container_resolve(&w->s, a, found, &e), 0);
	(void)snprintf(prefix, sizeof prefix, "%.12s", b);
	assert_int_equal(container_resolve(&w->s, prefix, found, &e), 0);
	assert_string_equal(found, b);
	assert_true(container_resolve(&w->s, "three", found, &e) < 0);
	assert_int_equal(e.kind, E_NOT_FOUND);
	assert_string_equal(e.chain, "No such container: three");
	assert_true(container_resolve(&w->s, "../x", found, &e) < 0);
	assert_true(container_resolve(&w->s, "", found, &e) < 0);

	assert_true(container_name_claim(&w->s, "one", b, &e) < 0);
	assert_int_equal(e.kind, E_CONFLICT);
	assert_non_null(strstr(e.chain, "The container name \"/one\" is already in use by container"));
	container_name_release(&w->s, "one", b); /* not its owner: stays */
	assert_int_equal(container_resolve(&w->s, "one", found, &e), 0);
	container_name_release(&w->s, "/one", a);
	assert_true(container_resolve(&w->s, "one", found, &e) < 0);
	assert_int_equal(container_unmake(&w->s, a, &e), 0);
	assert_true(container_resolve(&w->s, a, found, &e) < 0);
}

static void test_half_made(void **state)
{
	struct world *w = *state;
	struct container c = CONTAINER_NULL;
	int lock = -1;
	char id[65];
	struct err e;

	/* its maker lives: the name is taken */
	assert_int_equal(container_make(&w->s, &c, &lock, &e), 0);
	assert_int_equal(container_name_claim(&w->s, "half", c.id, &e), 0);
	assert_true(container_name_claim(&w->s, "half", "0", &e) < 0);
	/* it was killed: the next one gets the name */
	close(lock);
	container_done(&c);
	make(w, "half", id);
	assert_int_equal(container_unmake(&w->s, id, &e), 0);
}

static void write_run(struct world *w, const char *id, pid_t pid, pid_t monitor)
{
	OWN_FD dir = -1;
	struct proc_id a = { pid, 1 }, b = { monitor, 1 };
	struct err e;

	(void)proc_id_of(pid, &a, &e);
	(void)proc_id_of(monitor, &b, &e);
	OWN_JSON j = json_pack("{si sI si sI ss}", "pid", pid, "start_ticks", (json_int_t)a.start_ticks,
			       "monitor_pid", monitor, "monitor_start_ticks", (json_int_t)b.start_ticks,
			       "started_at", "2026-01-01T00:00:00Z");
	assert_int_equal(container_run_dir(&w->s, id, true, &dir, &e), 0);
	assert_int_equal(js_save(dir, "run.json", j, 0600, 0, &e), 0);
}

static enum container_status status(struct world *w, const char *id, struct container_state *st)
{
	struct err e;
	assert_int_equal(container_state_load(&w->s, id, st, &e), 0);
	return st->status;
}

static void test_state(void **state)
{
	struct world *w = *state;
	struct container_state st;
	char id[65], path[96];
	struct err e;

	make(w, "st", id);
	assert_int_equal(status(w, id, &st), CONTAINER_CREATED);
	container_state_done(&st);

	write_run(w, id, getpid(), getppid());
	assert_int_equal(status(w, id, &st), CONTAINER_RUNNING);
	assert_false(st.orphan);
	container_state_done(&st);

	write_run(w, id, getpid(), 999999999);
	assert_int_equal(status(w, id, &st), CONTAINER_RUNNING);
	assert_true(st.orphan);
	container_state_done(&st);

	/* dead, but its monitor is about to say how */
	write_run(w, id, 999999999, getpid());
	assert_int_equal(status(w, id, &st), CONTAINER_RUNNING);
	container_state_done(&st);

	write_run(w, id, 999999999, 999999998);
	assert_int_equal(status(w, id, &st), CONTAINER_EXITED);
	assert_true(st.unhandled);
	assert_int_equal(st.exit_code, -1);
	container_state_done(&st);

	(void)snprintf(path, sizeof path, "containers/%s/exit.json", id);
	OWN_JSON x = json_pack("{si si si sb ss ss}", "pid", 999999999, "start_ticks", 1, "exit_code", 3,
			       "oom_killed", 1, "started_at", "2026-01-01T00:00:00Z", "finished_at",
			       "2026-01-01T00:00:09Z");
	assert_int_equal(js_save(w->s.root_fd, path, x, 0600, 0, &e), 0);
	assert_int_equal(status(w, id, &st), CONTAINER_EXITED);
	assert_true(st.unhandled && st.oom_killed && st.exit_code == 3);
	container_state_done(&st);

	(void)snprintf(path, sizeof path, "containers/%s/run.json", id);
	(void)unlinkat(w->s.run_fd, path, 0);
	assert_int_equal(status(w, id, &st), CONTAINER_EXITED);
	assert_true(!st.unhandled && st.exit_code == 3 && st.finished_ns - st.started_ns == 9000000000);
	container_state_done(&st);
}

static void test_volumes(void **state)
{
	struct world *w = *state;
	OWN_JSON a = NULL;
	OWN_JSON b = NULL;
	OWN_JSON list = NULL;
	bool fresh;
	struct err e;
	struct volume_spec spec = { .name = "data" };

	assert_int_equal(volume_create(&w->s, &spec, &a, &fresh, &e), 0);
	assert_true(fresh);
	assert_int_equal(volume_create(&w->s, &spec, &b, &fresh, &e), 0);
	assert_false(fresh);
	assert_true(json_equal(a, b));
	assert_int_equal(volume_list(&w->s, &list, &e), 0);
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(volume_remove(&w->s, "data", 0, &e), 0);
	assert_true(volume_remove(&w->s, "data", 0, &e) < 0);
	assert_string_equal(e.chain, "get data: no such volume");
	assert_int_equal(volume_remove(&w->s, "data", VOLUME_REMOVE_FORCE, &e), 0);
	spec.name = "../x";
	OWN_JSON c = NULL;
	assert_true(volume_create(&w->s, &spec, &c, NULL, &e) < 0);
	spec.name = "ok";
	/* the record of a plugin's volume: where it lies is for the plugin to say, its options are its own */
	spec.driver = "nfs";
	spec.scope = "global";
	OWN_JSON options = json_pack("{ss}", "anything", "1");
	spec.options = options;
	assert_int_equal(volume_create(&w->s, &spec, &c, NULL, &e), 0);
	assert_string_equal(json_string_value(json_object_get(c, "Driver")), "nfs");
	assert_string_equal(json_string_value(json_object_get(c, "Scope")), "global");
	OWN_JSON d = NULL;
	assert_int_equal(volume_inspect(&w->s, "ok", &d, &e), 0);
	assert_string_equal(json_string_value(json_object_get(d, "Mountpoint")), "");
}

static void test_users(void **state)
{
	(void)state;
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nbroken\nwww:x:33:34::/var/www:\nnoid:x:a:b::/:\n";
	static const char group[] = "root:x:0:\nwheel:x:10:root,www\nadm:x:4:www\nwww:x:34:\n";
	ARENA a = { 0 };
	struct user_info u;
	struct err e;

	assert_int_equal(user_resolve("", passwd, group, NULL, &a, &u, &e), 0);
	assert_true(u.uid == 0 && u.gid == 0 && u.n_groups == 1 && u.groups[0] == 10);
	assert_string_equal(u.home, "/root");
	assert_int_equal(user_resolve("www", passwd, group, NULL, &a, &u, &e), 0);
	assert_true(u.uid == 33 && u.gid == 34 && u.n_groups == 2);
	assert_int_equal(user_resolve("33", passwd, group, NULL, &a, &u, &e), 0);
	assert_true(u.gid == 34 && u.n_groups == 2);
	assert_int_equal(user_resolve("www:wheel", passwd, group, NULL, &a, &u, &e), 0);
	assert_true(u.gid == 10 && u.n_groups == 0);
	assert_int_equal(user_resolve("1000:77", passwd, group, (const char *const[]){ "adm", "5", NULL }, &a, &u, &e),
			 0);
	assert_true(u.uid == 1000 && u.gid == 77 && u.n_groups == 2 && u.groups[1] == 5);
	assert_string_equal(u.home, "/");
	assert_int_equal(user_resolve("5", NULL, NULL, NULL, &a, &u, &e), 0);
	assert_true(user_resolve("nobody", passwd, group, NULL, &a, &u, &e) < 0);
	assert_string_equal(e.chain, "unable to find user nobody: no matching entries in passwd file");
	assert_true(user_resolve("www:nogroup", passwd, group, NULL, &a, &u, &e) < 0);
	assert_true(user_resolve("4294967295", passwd, group, NULL, &a, &u, &e) < 0);
	assert_true(user_resolve("noid", passwd, group, NULL, &a, &u, &e) < 0);
}

static json_t *config_of(const char *host_config, const char *config, const char *mounts)
{
	struct err e;
	char text[4096];
	struct container c = CONTAINER_NULL;
	struct user_info u = { .home = "/root" };
	json_t *ret = NULL;
	ARENA a = { 0 };
	struct bundle b;

	(void)snprintf(text, sizeof text, "{\"Id\":\"x\",\"Path\":\"sh\",\"Args\":[\"-c\",\"true\"],\"Config\":{%s},"
		       "\"HostConfig\":{%s}}", config, host_config);
	memset(c.id, 'a', 64);
	assert_int_equal(js_parse(text, strlen(text), "record", &c.record, &e), 0);
	OWN_JSON m = json_loads(mounts, 0, NULL);
	struct oci_req q = { .c = &c, .dir = "/root/c", .run_dir = "/run/c", .files_dir = "/root/c", .user = &u,
			     .hostname = "hh", .mounts = m };
	if (oci_config(&q, &ret, &e) < 0)
		fail_msg("%s", e.chain);
	if (bundle_parse(ret, &a, &b, &e) < 0)
		fail_msg("the runtime would refuse it: %s", e.chain);
	container_done(&c);
	return ret;
}

static size_t mount_index(const json_t *config, const char *destination)
{
	size_t i;
	json_t *m;
	json_array_foreach(json_object_get(config, "mounts"), i, m)
		if (!strcmp(js_str(m, "destination", ""), destination))
			return i;
	return SIZE_MAX;
}

static void test_oci(void **state)
{
	(void)state;
	OWN_JSON c = config_of("\"NetworkMode\":\"bridge\",\"Memory\":67108864,\"NanoCpus\":500000000,\"PidsLimit\":9",
			       "\"Tty\":true,\"Env\":[\"A=1\",\"PATH=/x\",\"TERM\"]",
			       "[{\"destination\":\"/etc/x\",\"type\":\"bind\",\"source\":\"/s\",\"options\":[\"rbind\"]},"
			       "{\"destination\":\"/etc\",\"type\":\"bind\",\"source\":\"/s\",\"options\":[\"rbind\"]},"
			       "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[]}]");
	OWN_STR env = json_dumps(js_at(c, "process.env"), JSON_COMPACT);
	assert_string_equal(env, "[\"PATH=/x\",\"HOSTNAME=hh\",\"A=1\",\"HOME=/root\"]");
	assert_true(js_bool(c, "process.terminal", false));
	assert_int_equal(js_int(c, "linux.resources.memory.limit", 0), 67108864);
	assert_int_equal(js_int(c, "linux.resources.memory.swap", 0), 134217728);
	assert_int_equal(js_int(c, "linux.resources.cpu.quota", 0), 50000);
	assert_int_equal(js_int(c, "linux.resources.pids.limit", 0), 9);
	assert_string_equal(js_str(c, "hostname", ""), "hh");
	/* parents first, the user's /dev/shm instead of ours */
	assert_true(mount_index(c, "/etc") < mount_index(c, "/etc/x"));
	assert_true(mount_index(c, "/etc") < mount_index(c, "/etc/hosts"));
	assert_string_equal(js_str(json_array_get(json_object_get(c, "mounts"), mount_index(c, "/dev/shm")), "source",
				   ""), "t");
	assert_int_equal(json_array_size(js_at(c, "process.capabilities.bounding")), 14);
	assert_int_equal(json_array_size(js_at(c, "linux.namespaces")), 6);
	assert_non_null(js_at(c, "linux.seccomp"));
}

static void test_oci_open(void **state)
{
	(void)state;
	OWN_JSON c = config_of("\"NetworkMode\":\"host\",\"PidMode\":\"host\",\"IpcMode\":\"host\",\"UTSMode\":\"host\","
			       "\"CgroupnsMode\":\"host\",\"Privileged\":true", "", "[]");
	assert_int_equal(json_array_size(js_at(c, "linux.namespaces")), 1);
	assert_null(js_at(c, "linux.seccomp"));
	assert_null(js_at(c, "linux.maskedPaths"));
	assert_null(json_object_get(c, "hostname"));
	OWN_JSON d = config_of("\"NetworkMode\":\"none\",\"CapDrop\":[\"ALL\"],\"CapAdd\":[\"CHOWN\"],"
			       "\"MaskedPaths\":[],\"Ulimits\":[{\"Name\":\"core\",\"Soft\":-1,\"Hard\":-1}],"
			       "\"SecurityOpt\":[\"no-new-privileges\",\"seccomp=unconfined\"]", "", "[]");
	assert_int_equal(json_array_size(js_at(d, "process.capabilities.effective")), 1);
	assert_int_equal(json_array_size(js_at(d, "linux.maskedPaths")), 0);
	assert_true(js_bool(d, "process.noNewPrivileges", false));
	assert_null(js_at(d, "linux.seccomp"));
}

static void test_form_mark(void **state)
{
	struct world *w = *state;
	struct form_mark none, then;
	struct err e;

	form_mark_get(&w->s, &none);
	assert_true(form_mark_stands(&w->s, &none));
	assert_int_equal(form_mark_begin(&w->s, &e), 0);
	assert_false(form_mark_stands(&w->s, &none));
	/* while it is on nothing stands, also what was seen since */
	form_mark_get(&w->s, &then);
	assert_false(form_mark_stands(&w->s, &then));
	assert_int_equal(form_mark_end(&w->s, &e), 0);
	assert_false(form_mark_stands(&w->s, &none));
	assert_false(form_mark_stands(&w->s, &then));
	form_mark_get(&w->s, &then);
	assert_true(form_mark_stands(&w->s, &then));
	/* a whole one in between */
	assert_int_equal(form_mark_begin(&w->s, &e), 0);
	assert_int_equal(form_mark_end(&w->s, &e), 0);
	assert_false(form_mark_stands(&w->s, &then));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_made, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_volumes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_form_mark, setup, teardown),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_oci),
		cmocka_unit_test(test_oci_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
