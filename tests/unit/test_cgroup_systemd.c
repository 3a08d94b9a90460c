/* SPDX-License-Identifier: Apache-2.0
 *
 * The systemd driver against a made-up user manager on a socket: what is asked, and what becomes
 * of the answers. The calls are kept as text: "member signature|strings and numbers of the body".
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"
#include "driver/cgroup/dbus.h"
#include "format/js.h"

struct fake {
	char dir[64];
	pid_t pid;
	int seen; /* pipe: one line per call */
};

static void say(int fd, enum dbus_type type, uint32_t reply_to, const char *member, const char *error,
		const struct buf *body)
{
	OWN_BUF b = { 0 };
	const char head[4] = { 'l', (char)type, 0, 1 };
	buf_add(&b, head, 4);
	dbus_put_u32(&b, (uint32_t)body->n);
	dbus_put_u32(&b, 77);
	size_t at = dbus_array_begin(&b, 8);
	if (reply_to) {
		dbus_put_align(&b, 8);
		buf_putc(&b, 5);
		dbus_put_signature(&b, "u");
		dbus_put_u32(&b, reply_to);
	}
	for (int field = 3; field < 5; field++) {
		const char *text = field == 3 ? member : error;
		if (!text)
			continue;
		dbus_put_align(&b, 8);
		buf_putc(&b, (char)field);
		dbus_put_signature(&b, "s");
		dbus_put_string(&b, text);
	}
	dbus_array_end(&b, at, 8);
	dbus_put_align(&b, 8);
	buf_add(&b, body->p, body->n);
	(void)io_write_all(fd, b.p, b.n); /* the other side tells */
}

/* How often @text stands in @p. */
static bool holds(const char *p, size_t n, const char *text)
{
	return memmem(p, n, text, strlen(text)) != NULL;
}

static void answer(int fd, uint32_t serial, const char *member, bool refuse)
{
	OWN_BUF b = { 0 };
	if (!strcmp(member, "Get")) {
		dbus_put_signature(&b, "s");
		dbus_put_string(&b, "/user.slice/user@1.service");
		say(fd, DBUS_RETURN, serial, NULL, NULL, &b);
	} else if (refuse && !strcmp(member, "StartTransientUnit")) {
		dbus_put_string(&b, "no such slice");
		say(fd, DBUS_ERROR, serial, NULL, "org.freedesktop.systemd1.BadUnit", &b);
	} else if (!strcmp(member, "StartTransientUnit") || !strcmp(member, "StopUnit")) {
		OWN_BUF other = { 0 };
		OWN_BUF done = { 0 };
		dbus_put_string(&b, "/job/7");
		say(fd, DBUS_RETURN, serial, NULL, NULL, &b);
		for (int i = 0; i < 2; i++) {
			struct buf *s = i ? &done : &other;
			dbus_put_u32(s, 7);
			dbus_put_string(s, i ? "/job/7" : "/job/6");
			dbus_put_string(s, "x.scope");
			dbus_put_string(s, i ? "done" : "failed");
			say(fd, DBUS_SIGNAL, 0, "JobRemoved", NULL, s);
		}
	} else {
		say(fd, DBUS_RETURN, serial, NULL, NULL, &b);
	}
}

static void serve(int listener, int seen, bool refuse)
{
	for (;;) {
		struct dbus d = { .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC) };
		char line[128];
		size_t n = 0;
		while (n < 2 || memcmp(line + n - 2, "\r\n", 2))
			if (read(d.fd, line + n, 1) != 1 || ++n == sizeof line)
				_exit(1);
		if (!holds(line, n, "AUTH EXTERNAL "))
			_exit(2);
		(void)io_write_all(d.fd, "OK 1234\r\n", 9);
		if (read(d.fd, line, 7) != 7)
			_exit(3);
		for (uint32_t serial = 1;; serial++) {
			struct dbus_message m;
			struct err e = { 0 };
			if (dbus_next(&d, clock_mono_ns() + 60000000000, &m, &e) < 0)
				break;
			static const char *const marks[] = { "onggi-ID.scope", "a-b.slice", "Delegate", "MemoryMax",
							     "MemoryLimit", "TasksMax", "CPUWeight", "CPUShares",
							     "CPUQuotaPerSecUSec", "PIDs", "ControlGroup" };
			OWN_BUF text = { 0 };
			buf_puts(&text, m.member);
			for (size_t i = 0; i < ARRAY_LEN(marks); i++)
				if (holds(m.body, m.n, marks[i]))
					buf_printf(&text, " %s", marks[i]);
			buf_putc(&text, '\n');
			(void)io_write_all(seen, text.p, text.n);
			answer(d.fd, serial, m.member, refuse);
			dbus_message_done(&m);
		}
		dbus_close(&d);
	}
}

static void fake_init(struct fake *f, bool refuse)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char path[128];
	int fds[2];
	*f = (struct fake){ .dir = "/tmp/onggi-systemd-XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	snprintf(path, sizeof path, "%s/systemd", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s/systemd/private", f->dir);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s, 8), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	f->pid = fork();
	if (!f->pid)
		serve(s, fds[1], refuse);
	close(s);
	close(fds[1]);
	f->seen = fds[0];
	setenv("XDG_RUNTIME_DIR", f->dir, 1);
}

static void fake_done(struct fake *f, char *seen, size_t n)
{
	struct err e = { 0 };
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	ssize_t got = io_read_full(f->seen, seen, n - 1);
	seen[got < 0 ? 0 : got] = 0;
	close(f->seen);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->dir, &e), 0);
}

static void scope_is_asked_for(void **state)
{
	static const char text[] = "{\"memory\":{\"limit\":1048576},\"pids\":{\"limit\":5},"
				   "\"cpu\":{\"quota\":50000,\"period\":100000,\"shares\":1024}}";
	struct fake f;
	struct err e = { 0 };
	char seen[4096];
	struct cgroup *cg = NULL;
	OWN_JSON res = NULL;
	(void)state;
	fake_init(&f, false);
	assert_int_equal(js_parse(text, strlen(text), "test", &res, &e), 0);
	struct cgroup_req q = { .path = "a-b.slice:onggi:", .id = "ID", .rootless = true, .systemd = true };
	if (cgroup_prepare(&q, &cg, &e) < 0)
		fail_msg("%s", e.chain);
	assert_string_equal(cg->unit, "onggi-ID.scope");
	assert_non_null(strstr(cgroup_path(cg), "/user.slice/user@1.service/a.slice/a-b.slice/onggi-ID.scope"));
	assert_int_equal(cgroup_finish(cg, res, &e), 0);
	assert_int_equal(cgroup_enter_self(cg), -EOPNOTSUPP);
	if (cg_systemd_enter(cg, 4711, &e) < 0)
		fail_msg("%s", e.chain);
	if (cg_systemd_update(cg, res, &e) < 0 || cg_systemd_remove(cg, &e) < 0)
		fail_msg("%s", e.chain);
	OWN_JSON record = cgroup_record(cg);
	assert_string_equal(js_str(record, "driver", ""), "systemd");
	assert_string_equal(js_str(record, "unit", ""), "onggi-ID.scope");
	bool unified = cg->n == 1 && cg->t[0].unified;
	cgroup_free(cg);
	fake_done(&f, seen, sizeof seen);
	assert_non_null(strstr(seen, "Get ControlGroup\n"));
	assert_non_null(strstr(seen, unified ? "StartTransientUnit onggi-ID.scope a-b.slice Delegate MemoryMax "
					       "TasksMax CPUWeight CPUQuotaPerSecUSec PIDs\n" :
					       "StartTransientUnit onggi-ID.scope a-b.slice Delegate "
					       "MemoryLimit TasksMax CPUShares CPUQuotaPerSecUSec PIDs\n"));
	assert_non_null(strstr(seen, "SetUnitProperties onggi-ID.scope"));
	assert_non_null(strstr(seen, "ResetFailedUnit onggi-ID.scope\n"));
}

static void refusals_are_told(void **state)
{
	struct fake f;
	struct err e = { 0 };
	char seen[4096];
	struct cgroup *cg = NULL;
	(void)state;
	fake_init(&f, true);
	struct cgroup_req q = { .id = "ID", .rootless = true, .systemd = true };
	assert_int_equal(cgroup_prepare(&q, &cg, &e), 0);
	assert_true(cg_systemd_enter(cg, 4711, &e) < 0);
	assert_non_null(strstr(e.chain, "no such slice"));
	assert_non_null(strstr(e.chain, "BadUnit"));
	cgroup_free(cg);
	fake_done(&f, seen, sizeof seen);
	/* nobody there any more */
	e = (struct err){ 0 };
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	assert_true(cgroup_prepare(&q, &cg, &e) < 0);
	unsetenv("XDG_RUNTIME_DIR");
	e = (struct err){ 0 };
	assert_int_equal(cgroup_prepare(&q, &cg, &e), -EOPNOTSUPP);
	assert_int_equal(e.kind, E_UNSUPPORTED);
	assert_non_null(strstr(e.hint, "linger"));
	q.rootless = false;
	e = (struct err){ 0 };
	if (!cg_systemd_running()) {
		assert_int_equal(cgroup_prepare(&q, &cg, &e), -EOPNOTSUPP);
		assert_non_null(strstr(e.chain, "systemd does not run on this host"));
	}
	q.path = "/docker/x";
	e = (struct err){ 0 };
	assert_int_equal(cgroup_prepare(&q, &cg, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scope_is_asked_for),
		cmocka_unit_test(refusals_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
