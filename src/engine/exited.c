/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows the end of a container: exit record, network, run-time state, restart policy,
 * removal. Every part is idempotent and under the container's lock, since the monitor's helper,
 * the attached command, stop and rm may all come to do it.
 *
 *   run.json + dead process --exited_locked--> exited, or restart.json
 *   restart.json --delay, cancelled by its removal--> start_locked
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "engine/monitor.h"
#include "engine/start_int.h"
#include "format/js.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 60000, BACKOFF_RESET_S = 10 };

#define ZERO_TIME "0001-01-01T00:00:00Z"

int exit_write(const struct container *c, const struct exit_record *x, struct err *e)
{
	OWN_JSON j = json_pack("{sI sI si si sb ss ss ss}", "pid", (json_int_t)x->id.pid, "start_ticks",
			       (json_int_t)x->id.start_ticks, "exit_code", x->code, "signal", x->signal,
			       "oom_killed", x->oom_killed, "started_at", x->started_at ? x->started_at : ZERO_TIME,
			       "finished_at", x->finished_at ? x->finished_at : ZERO_TIME, "error",
			       x->error ? x->error : "");
	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "exit record");
	return js_save(c->dir_fd, "exit.json", j, 0600, IO_DURABLE, e);
}

/* nobody has recorded how it ended: its monitor was killed before it could */
static int record_unknown(struct handle *h, struct err *e)
{
	char now[CLOCK_TEXT_MAX];

	clock_format(clock_now_ns(), now);
	struct exit_record x = {
		.id = h->st.init,
		.code = -1,
		.started_at = js_str(h->st.run, "started_at", NULL),
		.finished_at = now,
		.error = h->st.init.pid ? "the monitor was killed: exit status unknown" :
					  "the host went down: exit status unknown",
	};
	return exit_write(&h->c, &x, e);
}

static bool is_recorded(const struct handle *h)
{
	const json_t *x = h->st.exit;
	return x && js_int(x, "pid", 0) == h->st.init.pid &&
	       (uint64_t)js_int(x, "start_ticks", 0) == h->st.init.start_ticks;
}

/* docker's restart manager: -1 no restart, else the delay in ms */
static int64_t policy_delay(const struct handle *h)
{
	const char *policy = js_str(h->c.record, "HostConfig.RestartPolicy.Name", "");
	int64_t max = js_int(h->c.record, "HostConfig.RestartPolicy.MaximumRetryCount", 0);
	int64_t last = js_int(h->st.run, "restart_delay_ms", 0), ran_ns;
	bool wanted = !strcmp(policy, "always") || !strcmp(policy, "unless-stopped");

	if (!strcmp(policy, "on-failure"))
		wanted = h->st.exit_code != 0 && (!max || js_int(h->c.record, "RestartCount", 0) < max);
	if (!wanted || json_is_true(own_get(&h->c, "Stopped")))
		return -1;
	ran_ns = h->st.finished_ns == INT64_MIN || h->st.started_ns == INT64_MIN ?
			 0 : h->st.finished_ns - h->st.started_ns;
	if (!last || ran_ns >= BACKOFF_RESET_S * INT64_C(1000000000))
		return BACKOFF_FIRST_MS;
	return 2 * last > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : 2 * last;
}

/* resources of the run; failures are told and do not stop the rest */
static void release(struct engine *eng, struct handle *h)
{
	struct err e;

	if (json_object_get(h->st.run, "network") && network_release(&eng->network, h->c.id, &e) < 0)
		engine_warn(eng, "container %.12s: release network: %s", h->c.id, e.chain);
	if (runtime_delete(&eng->runtime, h->c.id, RUNTIME_DELETE_FORCE, &e) < 0 && e.kind != E_NOT_FOUND)
		engine_warn(eng, "container %.12s: remove run-time state: %s", h->c.id, e.chain);
	run_mounts_release(eng, h->c.id);
}

static int restart_note(int run_fd, int64_t delay_ms, struct err *e)
{
	struct proc_id me;

	if (proc_id_of(getpid(), &me, e) < 0)
		return -e->eno;
	OWN_JSON j = json_pack("{sI sI sI}", "pid", (json_int_t)me.pid, "start_ticks",
			       (json_int_t)me.start_ticks, "delay_ms", (json_int_t)delay_ms);
	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "restart note");
	return js_save(run_fd, "restart.json", j, 0600, 0, e);
}

static int finish(struct engine *eng, struct handle *h, int64_t delay, struct err *e)
{
	OWN_FD run = -1;
	char path[96];

	/* a reboot has taken it, but a waiting restart needs it */
	if (container_run_dir(&eng->store, h->c.id, delay >= 0, &run, e) < 0)
		return e->eno == ENOENT ? 0 : -e->eno;
	if (delay >= 0) {
		json_object_set_new(h->c.record, "RestartCount",
				    json_integer(js_int(h->c.record, "RestartCount", 0) + 1));
		if (restart_note(run, delay, e) < 0 || container_save(&h->c, 0, e) < 0)
			return -e->eno;
	}
	/* from here on the exit is handled */
	if (unlinkat(run, "run.json", 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove run.json");
	(void)unlinkat(run, "paused", 0); /* rarely there */
	if (delay >= 0)
		return 0;
	(void)snprintf(path, sizeof path, "containers/%s", h->c.id);
	return io_remove_tree(eng->store.run_fd, path, e);
}

struct exited {
	struct engine *eng;
	struct handle *h;
	bool stop, remove;
	bool later; /* the record waits for room on the disk, and run.json with it */
	int64_t delay;
};

static int step_record(void *ctx, struct err *e)
{
	struct exited *x = ctx;
	int r;

	if (x->remove || (is_recorded(x->h) && !x->h->st.exit_aside))
		return 0;
	r = is_recorded(x->h) ? js_save(x->h->c.dir_fd, "exit.json", x->h->st.exit, 0600, IO_DURABLE, e) :
				record_unknown(x->h, e);
	/* a full disk keeps nobody from stopping a container, and not from removing it */
	if (r < 0 && e->kind == E_NOSPACE && x->stop) {
		x->later = !x->h->keep;
		return 0;
	}
	return r < 0 || handle_refresh(x->eng, x->h, e) < 0 ? -e->eno : 0;
}

static int step_release(void *ctx, struct err *e)
{
	const struct exited *x = ctx;
	(void)e;
	release(x->eng, x->h);
	return 0;
}

static int step_finish(void *ctx, struct err *e)
{
	struct exited *x = ctx;

	if (x->remove && !x->h->keep)
		return remove_locked(x->eng, x->h, true, e);
	if (x->later)
		return 0;
	if (!x->stop)
		x->delay = policy_delay(x->h);
	if (finish(x->eng, x->h, x->delay, e) < 0)
		return err_ctx(e, "container %.12s: after its exit", x->h->c.id);
	return handle_refresh(x->eng, x->h, e);
}

static const struct step exited_steps[] = {
	{ "record", step_record, NULL },
	{ "release", step_release, NULL },
	{ "finish", step_finish, NULL },
};
WAY_DEFINE(exited_way, "exited", exited_steps);

int exited_locked(struct engine *eng, struct handle *h, bool stop, int64_t *ret_delay_ms, struct err *e)
{
	struct exited x = { .eng = eng, .h = h, .stop = stop, .delay = -1,
			    .remove = js_bool(h->c.record, "HostConfig.AutoRemove", false) };

	*ret_delay_ms = -1;
	if (!h->st.run || h->st.status == CONTAINER_RUNNING)
		return 0;
	int r = way_run(&exited_way, &x, eng->opt.observer, e);
	if (r < 0)
		return r;
	*ret_delay_ms = x.delay;
	return 0;
}

int restart_cancel(struct engine *eng, struct handle *h, struct err *e)
{
	OWN_FD run = -1;
	char path[96];

	if (h->st.status != CONTAINER_RESTARTING)
		return 0;
	(void)snprintf(path, sizeof path, "containers/%s", h->c.id);
	/* the waiter sees its note go */
	if (container_run_dir(&eng->store, h->c.id, false, &run, e) < 0 ||
	    (unlinkat(run, "restart.json", 0) < 0 && errno != ENOENT))
		return err_sys(e, errno, "cancel the restart");
	if (io_remove_tree(eng->store.run_fd, path, e) < 0)
		return -e->eno;
	return handle_refresh(eng, h, e);
}

/* 1: the time is up, 0: cancelled */
static int delay_wait(int run_fd, int64_t delay_ms, struct err *e)
{
	char path[40];
	struct itimerspec t = { .it_value = { delay_ms / 1000, (delay_ms % 1000) * 1000000 + 1 } };
	OWN_FD timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC), watch = inotify_init1(IN_CLOEXEC);

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", run_fd);
	if (timer < 0 || watch < 0 || timerfd_settime(timer, 0, &t, NULL) < 0 ||
	    inotify_add_watch(watch, path, IN_DELETE | IN_MOVED_TO | IN_DELETE_SELF) < 0)
		return err_sys(e, errno, "wait for the restart");
	for (;;) {
		struct pollfd p[2] = { { timer, POLLIN, 0 }, { watch, POLLIN, 0 } };
		char events[4096];
		if (faccessat(run_fd, "restart.json", F_OK, 0) < 0)
			return 0;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the restart");
		if (p[0].revents)
			return 1;
		if (p[1].revents && read(watch, events, sizeof events) < 0)
			return err_sys(e, errno, "wait for the restart");
	}
}

/* the note is there and it is ours: nobody cancelled, nobody else took over */
static bool note_is_mine(int run_fd)
{
	OWN_JSON j = NULL;
	struct err e;
	return js_load(run_fd, "restart.json", 65536, &j, &e) >= 0 && js_int(j, "pid", 0) == getpid();
}

static int restart_after(struct engine *eng, struct handle *h, int64_t delay, struct err *e)
{
	OWN_FD run = -1;
	char id[65];

	memcpy(id, h->c.id, sizeof id);
	if (container_run_dir(&eng->store, id, false, &run, e) < 0)
		return -e->eno;
	handle_done(h);
	int r = delay_wait(run, delay, e);
	if (r <= 0)
		return r;
	r = handle_open(eng, id, HANDLE_LOCK | HANDLE_NO_ADOPT, h, e);
	if (r < 0)
		return e->kind == E_NOT_FOUND ? 0 : r;
	if (!note_is_mine(run))
		return 0;
	struct start_opt opt = { .client_fd = -1, .is_restart = true, .restart_delay_ms = delay };
	r = start_locked(eng, h, &opt, e);
	/* last, so that it is never seen as exited in between */
	if (unlinkat(run, "restart.json", 0) < 0 && errno != ENOENT && r >= 0)
		return err_sys(e, errno, "restart");
	return r;
}

int engine_exited(struct engine *eng, const char *id, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	int64_t delay = -1;

	if (handle_open(eng, id, HANDLE_LOCK | HANDLE_NO_ADOPT, &h, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	if (h.st.status == CONTAINER_RESTARTING && h.st.orphan && !h.st.run) {
		/* the process that waited was killed: wait in its place */
		OWN_FD run = -1;
		OWN_JSON note = NULL;
		if (container_run_dir(&eng->store, id, false, &run, e) < 0 ||
		    js_load(run, "restart.json", 65536, &note, e) < 0)
			return -e->eno;
		delay = js_int(note, "delay_ms", BACKOFF_FIRST_MS);
		if (restart_note(run, delay, e) < 0)
			return -e->eno;
	} else if (exited_locked(eng, &h, false, &delay, e) < 0)
		return -e->eno;
	return delay < 0 ? 0 : restart_after(eng, &h, delay, e);
}

/* "internal-exited ID" in a process of its own: for restarts that a passing command finds due */
static int helper_spawn(struct engine *eng, const char *id, struct err *e)
{
	char self[4096];

	if (program_self(self, e) < 0)
		return -e->eno;
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		char *argv[] = { self, (char[]){ "internal-exited" }, (char *)id, NULL };
		(void)setsid();
		if (setenv("ONGGI_ROOT", eng->store.root, 1) < 0 || setenv("ONGGI_RUN", eng->store.run, 1) < 0)
			_exit(1);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		if (fork() == 0)
			execv(self, argv);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	return 0;
}

static int new_monitor(struct engine *eng, struct handle *h, struct err *e)
{
	ARENA a = { 0 };
	struct monitor_config m;
	struct proc_id id;
	OWN_FD run = -1;

	if (container_run_dir(&eng->store, h->c.id, false, &run, e) < 0 ||
	    monitor_fill(eng, &h->c, h->st.run, &a, &m, e) < 0 || monitor_adopt(NULL, run, &m, &id, e) < 0)
		return err_ctx(e, "container %.12s: start a new monitor", h->c.id);
	json_object_set_new(h->st.run, "monitor_pid", json_integer(id.pid));
	json_object_set_new(h->st.run, "monitor_start_ticks", json_integer((json_int_t)id.start_ticks));
	return js_save(run, "run.json", h->st.run, 0600, 0, e);
}

int adopt_locked(struct engine *eng, struct handle *h, struct err *e)
{
	int64_t delay = -1;

	if (h->st.status == CONTAINER_RESTARTING && h->st.orphan)
		return helper_spawn(eng, h->c.id, e);
	if (h->st.status == CONTAINER_RUNNING) {
		if (h->st.orphan && new_monitor(eng, h, e) < 0)
			return -e->eno;
		return handle_refresh(eng, h, e);
	}
	if (!h->st.unhandled)
		return 0;
	if (exited_locked(eng, h, false, &delay, e) < 0)
		return -e->eno;
	if (delay < 0)
		return 0;
	/* our own note would die with this command: hand it on, stale, to a helper */
	OWN_FD run = -1;
	OWN_JSON note = json_pack("{si si sI}", "pid", 0, "start_ticks", 0, "delay_ms", (json_int_t)delay);
	if (container_run_dir(&eng->store, h->c.id, false, &run, e) < 0 ||
	    js_save(run, "restart.json", note, 0600, 0, e) < 0)
		return -e->eno;
	if (helper_spawn(eng, h->c.id, e) < 0)
		return -e->eno;
	return handle_refresh(eng, h, e);
}

int engine_adopt(struct engine *eng, const char *id, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	return handle_open(eng, id, 0, &h, e) < 0 ? -e->eno : 0;
}
