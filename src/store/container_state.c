/* SPDX-License-Identifier: Apache-2.0
 *
 * State of a container, derived from three files (docs/architecture.md):
 *
 *   run.json      a process was started: living = running
 *   paused        beside run.json: the engine has frozen it
 *   restart.json  a process waits for the restart policy's delay: living = restarting
 *   exit.json     how the last run ended, or why a start failed
 *   started       link whose text is the time of the last start: newer than exit.json and no
 *                 run.json = it ran when the host went down
 */
#include "store/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "format/js.h"

enum { STATE_MAX = 1 << 20 };

#define STARTED "started"

const char *container_status_name(enum container_status st)
{
	static const char *const names[CONTAINER_STATUS_N] = {
		[CONTAINER_CREATED] = "created", [CONTAINER_RUNNING] = "running",
		[CONTAINER_PAUSED] = "paused",   [CONTAINER_RESTARTING] = "restarting",
		[CONTAINER_EXITED] = "exited",   [CONTAINER_DEAD] = "dead",
	};
	return (unsigned)st < CONTAINER_STATUS_N ? names[st] : "unknown";
}

static struct proc_id id_of(const json_t *o, const char *pid, const char *ticks)
{
	return (struct proc_id){ (pid_t)js_int(o, pid, 0), (uint64_t)js_int(o, ticks, 0) };
}

static int64_t time_of(const json_t *o, const char *key)
{
	int64_t ns = INT64_MIN;
	const char *s = js_str(o, key, NULL);
	if (s && clock_parse(s, &ns) < 0)
		ns = INT64_MIN;
	return ns;
}

/* 0 also when the file is missing or unreadable nonsense: a torn file is no file */
static int load(int xdir, const char *name, json_t **ret, struct err *e)
{
	OWN_FD fd = xdir < 0 ? -1 : openat(xdir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	OWN_STR text = NULL;
	size_t n;

	/* most files of most containers are not there: no error is put into words for them */
	if (fd < 0)
		return xdir < 0 || errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, errno, "open %s", name);
	if (io_read_fd(fd, STATE_MAX, &text, &n, e) < 0 || js_parse(text, n, name, ret, e) < 0)
		return e->kind == E_INVALID ? 0 : -e->eno;
	return 0;
}

static bool is_recorded(const struct container_state *st)
{
	return st->exit && st->run && js_int(st->exit, "pid", 0) == st->init.pid &&
	       (uint64_t)js_int(st->exit, "start_ticks", 0) == st->init.start_ticks;
}

int container_started_set(const struct container *c, const char *when, struct err *e)
{
	if (unlinkat(c->dir_fd, STARTED, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "container %.12s: remove %s", c->id, STARTED);
	if (when && symlinkat(when, c->dir_fd, STARTED) < 0)
		return err_sys(e, errno, "container %.12s: make %s", c->id, STARTED);
	return 0;
}

/* a run that a reboot ended, run.json and all: as a run.json of no process */
static json_t *lost_run(const struct store *s, const char *id, const json_t *last)
{
	char path[96], when[CLOCK_TEXT_MAX];
	int64_t ns;

	(void)snprintf(path, sizeof path, "containers/%.64s/" STARTED, id);
	ssize_t n = readlinkat(s->root_fd, path, when, sizeof when - 1);
	if (n <= 0)
		return NULL;
	when[n] = 0;
	if (!strcmp(when, js_str(last, "started_at", "")) || clock_parse(when, &ns) < 0)
		return NULL;
	return json_pack("{si si ss}", "pid", 0, "start_ticks", 1, "started_at", when); /* like no record */
}

static void derive(struct container_state *st, const json_t *restart)
{
	const json_t *x = st->exit;
	bool alive = st->run && proc_alive(&st->init);
	bool recorded = is_recorded(st);

	st->exit_code = x ? (int)js_int(x, "exit_code", -1) : 0;
	st->oom_killed = x && js_bool(x, "oom_killed", false);
	st->started_ns = time_of(x, "started_at");
	st->finished_ns = time_of(x, "finished_at");
	st->status = st->started_ns == INT64_MIN ? CONTAINER_CREATED : CONTAINER_EXITED;
	if (st->run) {
		bool monitored = proc_alive(&st->monitor);
		st->started_ns = time_of(st->run, "started_at");
		/* dead, but its monitor has not written how: still on the way out */
		if (alive || (monitored && !recorded)) {
			st->status = CONTAINER_RUNNING;
			st->orphan = !monitored;
			st->exit_code = 0;
			st->oom_killed = false;
		} else {
			/* the note is written before run.json goes: no moment of "exited" between two runs */
			st->status = restart ? CONTAINER_RESTARTING : CONTAINER_EXITED;
			st->unhandled = !restart;
			if (!recorded) {
				st->exit_code = -1;
				st->oom_killed = false;
				st->finished_ns = INT64_MIN;
			}
		}
	} else if (restart)
		st->status = CONTAINER_RESTARTING;
	if (st->status == CONTAINER_RESTARTING) {
		struct proc_id waiter = id_of(restart, "pid", "start_ticks");
		st->orphan = !proc_alive(&waiter);
	}
}

int container_state_load(const struct store *s, const char *id, struct container_state *ret,
			 struct err *e)
{
	struct container_state st = { 0 };
	OWN_JSON restart = NULL;
	OWN_FD run_fd = -1;
	char path[96];

	(void)snprintf(path, sizeof path, "containers/%.64s", id);
	run_fd = openat(s->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (run_fd < 0 && errno != ENOENT)
		return err_sys(e, errno, "run-time folder of %.12s", id);
	(void)snprintf(path, sizeof path, "containers/%.64s/exit.json", id);
	/* run.json before exit.json: a run that ends in between is then seen as unhandled at worst */
	if (load(run_fd, "run.json", &st.run, e) < 0 || load(run_fd, "restart.json", &restart, e) < 0 ||
	    load(s->root_fd, path, &st.exit, e) < 0) {
		container_state_done(&st);
		return err_ctx(e, "state of container %.12s", id);
	}
	if (!st.run && !restart)
		st.run = lost_run(s, id, st.exit);
	st.init = id_of(st.run, "pid", "start_ticks");
	if (st.run && !is_recorded(&st)) {
		json_t *aside = NULL;
		struct err none;
		if (load(run_fd, "exit.json", &aside, &none) >= 0 && aside) {
			json_decref(st.exit);
			st.exit = aside;
			st.exit_aside = true;
		}
	}
	st.monitor = id_of(st.run, "monitor_pid", "monitor_start_ticks");
	derive(&st, restart);
	/* made before the freeze, removed after the thaw */
	st.paused = st.status == CONTAINER_RUNNING && !faccessat(run_fd, "paused", F_OK, 0);
	*ret = st;
	return 0;
}

void container_state_done(struct container_state *st)
{
	json_decref(st->run);
	json_decref(st->exit);
	st->run = st->exit = NULL;
}
