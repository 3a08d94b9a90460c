/* SPDX-License-Identifier: Apache-2.0
 *
 * Start with or without a foreground, and attach.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "engine/attach.h"
#include "engine/engine_int.h"
#include "engine/monitor.h"
#include "format/js.h"
#include "sys/process.h"

enum { DYING_MS = 2000 };

struct foreground {
	struct engine *eng;
	struct handle *h;
	int pidfd;       /* init of the container */
	bool signalled;  /* the user wants it to end: no restart */
};

static void on_signal(void *data, int sig)
{
	struct foreground *f = data;
	if (f->pidfd >= 0)
		(void)process_signal(f->pidfd, sig); /* gone: its end comes over the socket */
	f->signalled = true;
}

static uint32_t wanted(const struct engine_attach *a)
{
	return (a->in ? MONITOR_WANT_STDIN : 0u) | (a->out ? MONITOR_WANT_STDOUT : 0u) |
	       (a->err ? MONITOR_WANT_STDERR : 0u);
}

static int request(const struct engine_attach *a, struct foreground *f, bool owner, struct attach_req *ret,
		   struct err *e)
{
	struct attach_req q = {
		.in = a->in ? a->stdio[0] : -1,
		.out = a->out ? a->stdio[1] : -1,
		.err = a->err ? a->stdio[2] : -1,
		.tty = js_bool(f->h->c.record, "Config.Tty", false),
		.signal_proxy = a->sig_proxy,
		.on_signal = on_signal,
		.data = f,
		.owner = owner,
	};
	if (detach_keys_parse(a->detach_keys, &q.detach, e) < 0)
		return -e->eno;
	*ret = q;
	return 0;
}

/* a monitor that is dying has closed its sockets and is not dead yet */
static bool death_await(const struct proc_id *monitor)
{
	struct err none;
	OWN_FD fd = -1;

	if (proc_pidfd(monitor, &fd, &none) < 0)
		return true;
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, DYING_MS) != 0;
}

/* The monitor was killed while we looked on: its successor serves us further. 1: @ret_sock is
 * connected anew; 0: it has ended, @ret is filled. */
static int again(struct engine *eng, const char *id, uint32_t flags, int *ret_sock, struct engine_result *ret,
		 struct err *e)
{
	int code = -1;

	*ret = (struct engine_result){ ENGINE_ENDED, -1 };
	for (int tries = 0; tries < 2; tries++) {
		OWN_HANDLE h = HANDLE_NULL;
		OWN_FD run = -1;
		/* opening it adopts it */
		if (handle_open(eng, id, 0, &h, e) < 0)
			return e->kind == E_NOT_FOUND ? 0 : -e->eno;
		if (h.st.status != CONTAINER_RUNNING)
			break;
		if (!h.st.orphan && container_run_dir(&eng->store, id, false, &run, e) >= 0 &&
		    attach_connect(run, flags & ~(uint32_t)MONITOR_OWNER, ret_sock, e) >= 0)
			return 1;
		if (!death_await(&h.st.monitor))
			break; /* it lives without its socket: its record will tell */
	}
	if (engine_wait(eng, id, ENGINE_WAIT_NOT_RUNNING, &code, e) < 0 && e->kind != E_NOT_FOUND)
		return -e->eno;
	ret->exit_code = code;
	return 0;
}

/* 1: the container has ended and @xsock is still that of the first monitor */
static int serve(struct engine *eng, int xsock, struct attach_req *q, const char *id, uint32_t flags,
		 struct engine_result *ret, struct err *e)
{
	OWN_FD next = -1;

	for (int sock = xsock;; sock = next) {
		struct attach_result r = { 0 };
		if (attach_run(sock, q, &r, e) < 0) {
			if (e->eno != EPIPE)
				return -e->eno;
			/* who read our output is gone (`| head`): the container goes on, as with docker */
			*ret = (struct engine_result){ ENGINE_DETACHED, 0 };
			return 0;
		}
		if (r.lost_bytes)
			engine_warn(eng, "%llu bytes of output were skipped: the reader was too slow",
				    (unsigned long long)r.lost_bytes);
		if (r.end == ATTACH_DETACHED || r.end == ATTACH_EXITED) {
			bool ended = r.end == ATTACH_EXITED;
			*ret = (struct engine_result){ ended ? ENGINE_ENDED : ENGINE_DETACHED,
						       ended ? r.exit.exit_code : 0 };
			return ended && sock == xsock;
		}
		own_fd_done(&next);
		q->owner = false; /* the successor has its own way to clean up */
		int more = again(eng, id, flags, &next, ret, e);
		if (more <= 0)
			return more;
	}
}

/* a container of --rm whose command could not be started goes away again */
static int failed(struct engine *eng, struct handle *h, struct err *e)
{
	struct err why;

	if (h->c.dir_fd >= 0 && h->st.status == CONTAINER_CREATED &&
	    js_bool(h->c.record, "HostConfig.AutoRemove", false) && remove_locked(eng, h, true, &why) < 0)
		engine_warn(eng, "%s", why.chain);
	return -e->eno;
}

static int foreground(struct engine *eng, struct handle *h, const struct engine_attach *a,
		      struct engine_result *ret, struct err *e)
{
	/* with a restart policy the next run may come long after we are gone: the monitor's business */
	bool owner = !strcmp(js_str(h->c.record, "HostConfig.RestartPolicy.Name", "no"), "no");
	struct foreground f = { .eng = eng, .h = h, .pidfd = -1 };
	struct attach_req q;
	int pair[2];
	int64_t delay;
	char id[65];

	memcpy(id, h->c.id, sizeof id);
	if (request(a, &f, owner, &q, e) < 0 || monitor_pair(pair, e) < 0)
		return -e->eno;
	OWN_FD mine = pair[0], its = pair[1], pidfd = -1;
	struct start_opt opt = { .client_fd = its,
				 .client_flags = wanted(a) | MONITOR_LOSSLESS | (owner ? MONITOR_OWNER : 0u) };
	if (start_locked(eng, h, &opt, e) < 0)
		return failed(eng, h, e);
	own_fd_done(&its);
	if (a->sig_proxy)
		(void)proc_pidfd(&h->st.init, &pidfd, e); /* gone already: nothing to signal */
	f.pidfd = pidfd;
	own_fd_done(&h->lock);
	int r = serve(eng, mine, &q, id, opt.client_flags, ret, e);
	if (r <= 0 || !owner)
		return r < 0 ? r : 0;
	if (container_lock(&eng->store, id, LOCK_EXCLUSIVE, &h->lock, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	if (handle_refresh(eng, h, e) < 0 || exited_locked(eng, h, true, &delay, e) < 0)
		return -e->eno;
	(void)attach_cleaned(mine, e); /* else it looks itself and finds nothing to do */
	return 0;
}

static int not_startable(struct handle *h, struct err *e)
{
	if (h->st.paused)
		return err_new(e, E_STATE, EBUSY, "cannot start a paused container, try unpause instead");
	return 0;
}

int engine_start(struct engine *eng, const char *ref, const struct engine_attach *attach,
		 struct engine_result *ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	struct start_opt opt = { .client_fd = -1 };
	int64_t delay;

	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0 || not_startable(&h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RUNNING) {
		own_fd_done(&h.lock);
		return attach ? engine_attach(eng, ref, attach, ret, e) : 0;
	}
	if (restart_cancel(eng, &h, e) < 0)
		return -e->eno;
	h.keep = true;
	if (exited_locked(eng, &h, true, &delay, e) < 0)
		return -e->eno;
	h.keep = false;
	if (attach)
		return foreground(eng, &h, attach, ret, e);
	return start_locked(eng, &h, &opt, e) < 0 ? failed(eng, &h, e) : 0;
}

int engine_attach(struct engine *eng, const char *ref, const struct engine_attach *attach,
		  struct engine_result *ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	struct foreground f = { .eng = eng, .h = &h, .pidfd = -1 };
	struct attach_req q;
	OWN_FD run = -1, sock = -1, pidfd = -1;
	char id[65];

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RESTARTING)
		return err_new(e, E_STATE, EBUSY, "You cannot attach to a restarting container, wait until it is running");
	if (h.st.status != CONTAINER_RUNNING)
		return err_new(e, E_STATE, EINVAL, "You cannot attach to a stopped container, start it first");
	if (h.st.paused)
		return err_new(e, E_STATE, EBUSY, "You cannot attach to a paused container, unpause it first");
	memcpy(id, h.c.id, sizeof id);
	if (request(attach, &f, false, &q, e) < 0 || container_run_dir(&eng->store, id, false, &run, e) < 0 ||
	    attach_connect(run, wanted(attach), &sock, e) < 0)
		return -e->eno;
	q.redraw = true; /* what the terminal of the container shows, we have not seen */
	if (attach->sig_proxy)
		(void)proc_pidfd(&h.st.init, &pidfd, e); /* gone already: nothing to signal */
	f.pidfd = pidfd;
	return serve(eng, sock, &q, id, wanted(attach), ret, e) < 0 ? -e->eno : 0;
}
