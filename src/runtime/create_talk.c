/* SPDX-License-Identifier: Apache-2.0
 *
 * What create tells and is told: warnings, the record, hooks of the runtime's side, the messages
 * of the child, the seccomp filter and its listener.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "format/js.h"
#include "runtime/create_int.h"
#include "runtime/filter.h"
#include "runtime/hooks.h"
#include "sys/mountfd.h"

void create_warn(const struct container *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!c->env->warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* cut is fine */
	va_end(ap);
	c->env->warn(text, c->env->warn_data);
}

int create_seccomp(struct container *c, struct err *e)
{
	if (!c->b.seccomp)
		return 0;
	if (seccomp_compile(c->b.seccomp, &c->filter_room, e) < 0)
		return err_ctx(e, "linux.seccomp");
	if (c->filter_room.n) {
		c->filter = &c->filter_room;
		c->launch.filter = c->filter;
	}
	return 0;
}

int create_seccomp_save(const struct container *c, struct err *e)
{
	const struct filter_listener to = { js_str(c->b.seccomp, "listenerPath", ""),
					    js_str(c->b.seccomp, "listenerMetadata", "") };

	/* one without instructions, too: exec refuses where the record speaks of a filter and there is none */
	return c->b.process && c->b.seccomp ? filter_save(c->state.dir_fd, &c->filter_room, &to, e) : 0;
}

int create_seccomp_late(struct container *c, struct err *e)
{
	c->filter_late = filter_late_new();
	c->launch.filter_late = c->filter_late;
	return c->filter_late ? 0 : err_sys(e, errno, "linux.seccomp");
}

int create_seccomp_give(struct container *c, struct err *e)
{
	if (create_seccomp(c, e) < 0)
		return -e->eno;
	filter_late_put(c->filter_late, &c->filter_room);
	/* First: were we killed after the raise, the container would run, and exec would know of no filter. */
	if (create_seccomp_save(c, e) < 0)
		return -e->eno;
	int r = sync_raise(c->sync[0], SYNC_FILTERED);
	return r < 0 ? create_broken(c, r, e) : 0;
}

int create_streams(struct container *c, struct err *e)
{
	char path[64], link[PATH_MAX];

	if (!c->b.process || c->b.process->terminal)
		return 0;
	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", c->req->stdio[i] >= 0 ? c->req->stdio[i] : i);
		ssize_t n = readlink(path, link, sizeof link);
		/* closed, or without a name: nothing that could be given again */
		c->streams[i] = arena_strndup(&c->arena, link, n < 0 ? 0 : (size_t)n);
		if (!c->streams[i])
			return err_new(e, E_NOMEM, ENOMEM, "standard streams: out of memory");
		if (n == (ssize_t)strlen("/dev/null") && !strcmp(c->streams[i], "/dev/null"))
			c->launch.null_streams |= 1u << i;
	}
	return 0;
}

int create_describe(struct container *c, struct err *e)
{
	const struct state_new n = { .bundle = c->bundle_dir,
				     .rootfs = c->rootfs,
				     .config = c->req->config ? c->req->config : c->config,
				     .parsed = &c->b,
				     .owner = c->owner,
				     .init = c->init,
				     .cgroup = c->cg,
				     .rdt = c->rdt_root >= 0 ? &c->rdt : NULL,
				     .rootless = c->rootless,
				     .streams = c->streams[0] ? c->streams : NULL,
				     .creating = c->creating };
	return state_describe(&c->state, &n, e);
}

int create_hooks(struct container *c, enum bundle_hook_point p, const char *status, struct err *e)
{
	struct hooks_run h = { .point = p, .hooks = &c->b.hooks[p] };
	OWN_JSON state = NULL;

	if (!h.hooks->n)
		return 0;
	if (state_oci_json(&c->state, status, p == BUNDLE_HOOK_POSTSTOP ? 0 : c->pid, &state, e) < 0)
		return -e->eno;
	OWN_STR text = json_dumps(state, JSON_COMPACT);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "hooks: out of memory");
	h.state = text;
	return hooks_run(&h, e);
}

static int take(struct container *c, const struct sync_msg *m, int fd, struct err *e)
{
	OWN_FD passed = fd;

	switch (m->type) {
	case SYNC_WARN:
		create_warn(c, "%s", m->err.chain);
		return 0;
	case SYNC_ERROR:
		*e = m->err;
		return -e->eno;
	case SYNC_CONSOLE:
		if (c->req->ret_console)
			*c->req->ret_console = fd_take(&passed);
		return 0;
	case SYNC_TREE: {
		OWN_FD tree = -1;
		if (mountfd_clone(AT_FDCWD, m->err.chain, 0, &tree, e) < 0)
			return err_ctx(e, "linux.devices");
		return sync_give(c->sync[0], tree) < 0 ? err_sys(e, errno, "talk to the child") : 0;
	}
	case SYNC_SECCOMP: {
		const struct filter_listener to = { js_str(c->b.seccomp, "listenerPath", ""),
						    js_str(c->b.seccomp, "listenerMetadata", "") };
		if (filter_listener_send(&to, &c->state, c->pid, c->pidfd, m->value, e) < 0)
			return -e->eno;
		return sync_raise(c->sync[0], SYNC_LISTENING) < 0 ? err_sys(e, errno, "talk to the child") : 0;
	}
	case SYNC_NAMESPACES:
	case SYNC_MOUNTED:
	case SYNC_CREATED:
		return 0;
	}
	return err_new(e, E_INTERNAL, EPROTO, "unknown message from the child");
}

/* it ended without a word: say how */
static int ended(struct container *c, struct err *e)
{
	siginfo_t si = { 0 };

	if (waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOWAIT) < 0 || !si.si_pid)
		return err_new(e, E_IO, EPIPE, "the process ended before it was ready");
	if (si.si_code == CLD_EXITED)
		return err_new(e, E_IO, EPIPE, "the process ended before it was ready: exit status %d", si.si_status);
	int r = err_new(e, E_IO, EPIPE, "the process was killed before it was ready: signal %d", si.si_status);
	if (si.si_status == SIGKILL)
		err_hint(e, "is the memory limit too low to start anything?");
	else if (si.si_status == SIGSYS)
		err_hint(e, "the seccomp profile kills a call that is needed to start");
	return r;
}

int create_listen(struct container *c, enum sync_type last, struct err *e)
{
	struct sync_msg m;
	bool ready = false;
	int fd;

	/* so long it holds its place in the table: what is opened meanwhile is closed by one call */
	own_fd_done(&c->sync[1]);
	for (;;) {
		int r = sync_receive(c->sync[0], &m, &fd);
		if (r < 0)
			return err_sys(e, -r, "listen to the child");
		if (!r) /* closed: by the exec, or by its end */
			return ready ? 0 : ended(c, e);
		if (take(c, &m, fd, e) < 0)
			return -e->eno;
		ready = m.type == SYNC_CREATED && c->req->run;
		if (m.type == last && !ready)
			return 0;
	}
}

int create_broken(struct container *c, int r, struct err *e)
{
	struct sync_msg m;
	struct err own;
	int fd;

	own_fd_done(&c->sync[1]); /* as above: else its end could not be seen */
	while (sync_receive(c->sync[0], &m, &fd) > 0)
		if (take(c, &m, fd, &own) < 0) {
			*e = own;
			return -e->eno;
		}
	return r == -EPIPE || r == -ESRCH || r == -ENOENT || r == -ECONNRESET ?
		       ended(c, e) :
		       err_sys(e, -r, "talk to the child");
}
