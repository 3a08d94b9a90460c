/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a container: kill, stop, restart, and waiting for an end. Waiting is always on events:
 * a pidfd for the process and the monitor, inotify for the exit record.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "engine/engine_int.h"
#include "format/js.h"
#include "spec/signal.h"
#include "sys/process.h"

enum { STOP_DEFAULT_S = 10, KILL_WAIT_MS = 10000, LAST_WAIT_MS = 2000 };

static bool recorded_in(int xdir, const struct proc_id *id)
{
	OWN_JSON x = NULL;
	struct err e;
	return xdir >= 0 && js_load(xdir, "exit.json", 1 << 20, &x, &e) >= 0 && js_int(x, "pid", 0) == id->pid &&
	       (uint64_t)js_int(x, "start_ticks", 0) == id->start_ticks;
}

static int left_ms(int64_t until_ns)
{
	int64_t ms = until_ns < 0 ? -1 : (until_ns - clock_mono_ns()) / 1000000 + 1;
	return until_ns < 0 ? -1 : ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* @xaside -1: none */
static int watch_dir(int xdir, int xaside, uint32_t mask, int *ret_fd, struct err *e)
{
	char path[40];
	OWN_FD fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", xdir);
	if (fd < 0 || inotify_add_watch(fd, path, mask) < 0)
		return err_sys(e, errno, "watch the container's folder");
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", xaside);
	if (xaside >= 0 && inotify_add_watch(fd, path, mask) < 0)
		return err_sys(e, errno, "watch the container's run-time folder");
	*ret_fd = fd_take(&fd);
	return 0;
}

static void drain(int fd)
{
	char events[4096];
	while (read(fd, events, sizeof events) > 0)
		;
}

int exit_await(struct engine *eng, const struct container *c, const struct container_state *st,
	       int64_t timeout_ms, struct err *e)
{
	OWN_FD init = -1, monitor = -1, watch = -1, run = -1;
	int64_t until = timeout_ms < 0 ? -1 : clock_mono_ns() + timeout_ms * 1000000;

	/* where the monitor puts the record when the disk is full */
	(void)container_run_dir(&eng->store, c->id, false, &run, e);
	if (watch_dir(c->dir_fd, run, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF, &watch, e) < 0)
		return -e->eno;
	/* gone already is fine: the loop looks first */
	(void)proc_pidfd(&st->init, &init, e);
	(void)proc_pidfd(&st->monitor, &monitor, e);
	for (;;) {
		bool alive = proc_alive(&st->init), watched = proc_alive(&st->monitor);
		if (recorded_in(c->dir_fd, &st->init) || recorded_in(run, &st->init) || faccessat(c->dir_fd, "config.json", F_OK, 0) < 0 ||
		    (!alive && !watched))
			return 1;
		int ms = left_ms(until);
		if (!ms)
			return 0;
		struct pollfd p[3] = {
			{ watch, POLLIN, 0 },
			{ alive ? init : -1, POLLIN, 0 },
			{ watched ? monitor : -1, POLLIN, 0 },
		};
		if (poll(p, 3, ms) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the container");
		drain(watch);
	}
}

static int stop_signal(const struct handle *h)
{
	int sig = signal_parse(js_str(h->c.record, "Config.StopSignal", "SIGTERM"));
	return sig > 0 ? sig : SIGTERM;
}

static int mark_stopped(struct handle *h, struct err *e)
{
	const char *policy = js_str(h->c.record, "HostConfig.RestartPolicy.Name", "no");

	if (!strcmp(policy, "no") || json_is_true(own_get(&h->c, "Stopped")))
		return 0; /* nothing would start it again */
	if (own_set(&h->c, "Stopped", json_true()) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "record");
	return container_save(&h->c, 0, e);
}

static int send(struct engine *eng, struct handle *h, int sig, struct err *e)
{
	OWN_FD fd = -1;

	if (proc_pidfd(&h->st.init, &fd, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno; /* it ended by itself */
	int r = process_signal(fd, sig);
	if (r < 0 && r != -ESRCH)
		return err_sys(e, -r, "signal container %.12s", h->c.id);
	/* a frozen process gets no signal before the thaw */
	if (h->st.paused) {
		OWN_FD run = -1;
		if (runtime_resume(&eng->runtime, h->c.id, e) < 0 && proc_alive(&h->st.init))
			return -e->eno;
		if (container_run_dir(&eng->store, h->c.id, false, &run, e) >= 0)
			(void)unlinkat(run, "paused", 0);
		h->st.paused = false;
	}
	return 0;
}

/* SIGKILL until it is over; the process may sit in the kernel for a while */
static int kill_hard(struct engine *eng, struct handle *h, struct err *e)
{
	static const int waits_ms[] = { KILL_WAIT_MS, LAST_WAIT_MS };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
		if (send(eng, h, SIGKILL, e) < 0)
			return -e->eno;
		r = exit_await(eng, &h->c, &h->st, waits_ms[i], e);
		if (r)
			return r < 0 ? r : 0;
		(void)runtime_kill(&eng->runtime, h->c.id, SIGKILL, RUNTIME_KILL_ALL, &(struct err){ 0 });
	}
	err_new(e, E_TIMEOUT, ETIMEDOUT, "tried to kill container %.12s, but did not receive an exit event", h->c.id);
	err_hint(e, "its process %d may wait in the kernel: see /proc/%d/stack", (int)h->st.init.pid,
		 (int)h->st.init.pid);
	return -e->eno;
}

int stop_running(struct engine *eng, struct handle *h, int sig, int timeout_s, struct err *e)
{
	if (!sig)
		sig = stop_signal(h);
	if (timeout_s == INT32_MIN)
		timeout_s = (int)js_int(h->c.record, "Config.StopTimeout", STOP_DEFAULT_S);
	if (send(eng, h, sig, e) < 0)
		return -e->eno;
	int r = exit_await(eng, &h->c, &h->st, timeout_s < 0 ? -1 : (int64_t)timeout_s * 1000, e);
	if (r < 0)
		return r;
	return r ? 0 : kill_hard(eng, h, e);
}

/* lock again (the container may be gone: success) and do what follows the exit */
static int settle(struct engine *eng, struct handle *h, bool stop, struct err *e)
{
	char id[65];
	int64_t delay;

	memcpy(id, h->c.id, sizeof id);
	handle_done(h);
	*h = (struct handle)HANDLE_NULL;
	if (handle_open(eng, id, HANDLE_LOCK | HANDLE_NO_ADOPT, h, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	if (h->st.status == CONTAINER_RUNNING)
		return 0; /* started again meanwhile */
	return exited_locked(eng, h, stop, &delay, e);
}

int engine_stop(struct engine *eng, const char *ref, int sig, int timeout_s, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;

	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RESTARTING)
		return mark_stopped(&h, e) < 0 || restart_cancel(eng, &h, e) < 0 ? -e->eno : 0;
	if (h.st.status != CONTAINER_RUNNING) {
		int64_t delay;
		return exited_locked(eng, &h, true, &delay, e);
	}
	if (mark_stopped(&h, e) < 0)
		return -e->eno;
	own_fd_done(&h.lock); /* a kill must get through while we wait */
	if (stop_running(eng, &h, sig, timeout_s, e) < 0)
		return err_ctx(e, "cannot stop container: %s", ref);
	return settle(eng, &h, true, e);
}

int engine_restart(struct engine *eng, const char *ref, int sig, int timeout_s, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	struct start_opt opt = { .client_fd = -1 };
	int64_t delay;

	/* under the lock throughout: nobody takes the end of the old run for an exit */
	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	h.keep = true;
	if (restart_cancel(eng, &h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RUNNING && (stop_running(eng, &h, sig, timeout_s, e) < 0 ||
						 handle_refresh(eng, &h, e) < 0))
		return err_ctx(e, "cannot restart container %s", ref);
	if (exited_locked(eng, &h, true, &delay, e) < 0 || start_locked(eng, &h, &opt, e) < 0)
		return err_ctx(e, "cannot restart container %s", ref);
	return 0;
}

/* only what is meant to end it ends the restart policy too */
static bool ends_policy(const struct handle *h, int sig)
{
	return sig == SIGKILL || !*js_str(h->c.record, "Config.StopSignal", "") || sig == stop_signal(h);
}

int engine_kill(struct engine *eng, const char *ref, int sig, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;

	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RESTARTING)
		return mark_stopped(&h, e) < 0 || restart_cancel(eng, &h, e) < 0 ? -e->eno : 0;
	if (h.st.status != CONTAINER_RUNNING)
		return err_new(e, E_STATE, ESRCH, "cannot kill container: %s: container %s is not running", ref,
			       h.c.id);
	if (!sig)
		sig = SIGKILL;
	if (ends_policy(&h, sig) && mark_stopped(&h, e) < 0)
		return -e->eno;
	if (sig != SIGKILL)
		return send(eng, &h, sig, e);
	own_fd_done(&h.lock);
	if (kill_hard(eng, &h, e) < 0)
		return err_ctx(e, "cannot kill container: %s", ref);
	return settle(eng, &h, true, e);
}

/* @xrun: where it is when the disk is full, or -1 */
static json_t *exit_load(const struct container *c, int xrun)
{
	json_t *x = NULL;
	struct err e;
	if ((xrun >= 0 && js_load(xrun, "exit.json", 1 << 20, &x, &e) >= 0) ||
	    js_load(c->dir_fd, "exit.json", 1 << 20, &x, &e) >= 0)
		return x;
	return NULL;
}

/* the code of an exit that we may only just catch before --rm takes the folder away */
static int code_of(const struct container *c, int xrun, int known)
{
	OWN_JSON x = exit_load(c, xrun);
	return x ? (int)js_int(x, "exit_code", -1) : known;
}

static bool is_new_exit(const struct container *c, int xrun, const json_t *old)
{
	OWN_JSON x = exit_load(c, xrun);
	return js_int(x, "pid", 0) && (!old || !json_equal(x, (json_t *)old));
}

static bool wait_over(struct engine *eng, const struct handle *h, int xrun, enum engine_wait_condition cond)
{
	struct container_state st;
	struct err e;

	if (faccessat(h->c.dir_fd, "config.json", F_OK, 0) < 0)
		return true;
	switch (cond) {
	case ENGINE_WAIT_REMOVED:
		return false;
	case ENGINE_WAIT_NEXT_EXIT:
		return is_new_exit(&h->c, xrun, h->st.exit);
	case ENGINE_WAIT_NOT_RUNNING:
	default:
		if (container_state_load(&eng->store, h->c.id, &st, &e) < 0)
			return true;
		bool over = st.status != CONTAINER_RUNNING && st.status != CONTAINER_RESTARTING;
		container_state_done(&st);
		return over;
	}
}

int engine_wait(struct engine *eng, const char *ref, enum engine_wait_condition cond,
		int *ret_exit_code, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_FD watch = -1, init = -1, run = -1;

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	(void)container_run_dir(&eng->store, h.c.id, false, &run, e); /* none: it does not run */
	if (watch_dir(h.c.dir_fd, run, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF, &watch, e) < 0)
		return -e->eno;
	int code = h.st.status == CONTAINER_RUNNING ? -1 : h.st.exit_code; /* -1: nobody recorded it */
	if (h.st.status == CONTAINER_RUNNING)
		(void)proc_pidfd(&h.st.init, &init, e); /* gone: the loop looks first */
	while (!wait_over(eng, &h, run, cond)) {
		struct pollfd p[2] = { { watch, POLLIN, 0 }, { init, POLLIN, 0 } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the container");
		if (p[1].revents)
			own_fd_done(&init); /* the record follows */
		drain(watch);
		code = code_of(&h.c, run, code);
	}
	*ret_exit_code = code_of(&h.c, run, code);
	return 0;
}
