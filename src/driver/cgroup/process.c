/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes of a group: list, freeze, kill, and removing the group when they are gone. A v2
 * tree does all that best, also beside v1, and is used where there is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"

enum { DEPTH_MAX = 64, MS = 1000000 };

/* --- list ---------------------------------------------------------------------------------- */

struct pids {
	pid_t *v;
	size_t n, cap;
};

static int pids_add(struct pids *p, const char *text)
{
	while (*text) {
		char *end;
		long pid = strtol(text, &end, 10);
		if (end == text)
			break;
		/* 0: a process that our PID namespace cannot see */
		if (pid > 0 && p->n == p->cap) {
			size_t cap = p->cap ? p->cap * 2 : 64;
			pid_t *v = realloc(p->v, cap * sizeof *v);
			if (!v)
				return -ENOMEM;
			p->v = v;
			p->cap = cap;
		}
		if (pid > 0)
			p->v[p->n++] = (pid_t)pid;
		text = end + (*end == '\n');
	}
	return 0;
}

/* @xdir and all below it. Groups that go away meanwhile are none. */
static int pids_walk(int xdir, struct pids *p, unsigned depth)
{
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	OWN_FD list = openat(xdir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (list < 0)
		return -errno;
	int r = io_read_file(list, "cgroup.procs", 16 << 20, &text, NULL, &ignored);
	if (r >= 0)
		r = pids_add(p, text);
	else if (r == -EOPNOTSUPP) /* a threaded group: a thread stands for its process as well */
		r = io_read_file(list, "cgroup.threads", 16 << 20, &text, NULL, &ignored) < 0 ? 0 :
											pids_add(p, text);
	else if (r == -ENODEV) /* a removed one */
		r = 0;
	if (r < 0 || depth == DEPTH_MAX)
		return r;
	OWN_DIR d = fdopendir(list);
	if (!d)
		return -errno;
	(void)fd_take(&list); /* d's now */
	for (struct dirent *i; r >= 0 && (i = readdir(d));) {
		if (i->d_type != DT_DIR || i->d_name[0] == '.')
			continue;
		OWN_FD sub = openat(dirfd(d), i->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0) {
			r = pids_walk(sub, p, depth + 1);
			if (r == -ENOENT)
				r = 0;
		}
	}
	return r;
}

/* Where to look for processes: every one of the container is in each tree. */
static struct cg_tree *any_tree(const struct cgroup *cg)
{
	struct cg_tree *t = cg_unified(cg);
	for (size_t i = 0; !t && i < cg->n; i++)
		if (cg->t[i].ctrls & (1u << CG_PIDS | 1u << CG_DEVICES | 1u << CG_FREEZER))
			t = (struct cg_tree *)&cg->t[i];
	return t ? t : cg->n ? (struct cg_tree *)&cg->t[0] : NULL;
}

int cg_pids_of(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pids p = { 0 };
	struct cg_tree *t = any_tree(cg);

	if (!t)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the container has no control group");
	int fd = cg_tree_fd(t);
	int r = fd < 0 ? fd : pids_walk(fd, &p, 0);
	if (r < 0) {
		free(p.v);
		return err_sys(e, -r, "read processes of control group %s", t->dir);
	}
	*ret = p.v;
	*ret_n = p.n;
	return 0;
}

int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e)
{
	return cg_pids_of(cg, ret, ret_n, e);
}

/* --- events -------------------------------------------------------------------------------- */

int cgroup_events_fd(const struct cgroup *cg)
{
	struct cgroup *own = (struct cgroup *)cg; /* opened when first asked for */
	struct cg_tree *t = cg_unified(cg);
	int dir = t && cg->events < 0 ? cg_tree_fd(t) : -1;

	if (dir >= 0)
		own->events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	return cg->events;
}

static int64_t ms_until(int64_t deadline_ns)
{
	int64_t left = (deadline_ns - clock_mono_ns()) / MS;
	return left < 0 ? 0 : left;
}

/* Waits until cgroup.events says @key = @want. 0, -ETIMEDOUT, -ENODEV when the group is gone. */
static int events_wait(const struct cgroup *cg, const char *key, uint64_t want, int64_t deadline_ns)
{
	int fd = cgroup_events_fd(cg);
	char buf[256];

	if (fd < 0)
		return -ENODEV;
	for (;;) {
		uint64_t now = 0;
		ssize_t n = pread(fd, buf, sizeof buf - 1, 0);
		if (n < 0)
			return -errno;
		buf[n] = 0;
		if (cg_keyed(buf, key, &now) && now == want)
			return 0;
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		int64_t left = ms_until(deadline_ns);
		if (!left)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

/* Between two looks at something that the kernel tells nobody about. */
static void pause_ns(long *ns)
{
	struct timespec ts = { .tv_nsec = *ns };
	(void)nanosleep(&ts, NULL); /* shorter is fine */
	if (*ns < 4 * MS)
		*ns *= 2;
}

/* --- freeze -------------------------------------------------------------------------------- */

static struct cg_tree *freezer_of(const struct cgroup *cg, bool *ret_unified)
{
	struct cg_tree *u = cg_unified(cg), *t = cg_tree_of(cg, CG_FREEZER);
	int dir = u ? cg_tree_fd(u) : -1;

	*ret_unified = dir >= 0 && faccessat(dir, "cgroup.freeze", F_OK, 0) == 0;
	if (*ret_unified)
		return u;
	return t && !t->unified ? t : NULL;
}

const char *cgroup_freeze_dir(const struct cgroup *cg)
{
	bool unified;
	const struct cg_tree *t = freezer_of(cg, &unified);

	return t ? t->dir : NULL;
}

static int legacy_state(struct cg_tree *t, char out[16])
{
	ssize_t n = cg_read(t, "freezer.state", out, 16);
	if (n < 0)
		return (int)n;
	out[strcspn(out, "\n")] = 0;
	return 0;
}

/* v1 gets there while its state is read and written again; there is nothing to wait on. */
static int legacy_freeze(struct cg_tree *t, bool frozen, int64_t deadline_ns)
{
	const char *want = frozen ? "FROZEN" : "THAWED";
	char now[16];
	long ns = 50000;

	for (;;) {
		int r = cg_write_raw(t, "freezer.state", want);
		if (r >= 0)
			r = legacy_state(t, now);
		if (r < 0 || !strcmp(now, want))
			return r;
		if (!ms_until(deadline_ns)) {
			if (frozen)
				(void)cg_write_raw(t, "freezer.state", "THAWED"); /* half frozen is worse */
			return -ETIMEDOUT;
		}
		pause_ns(&ns);
	}
}

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *e)
{
	int64_t deadline = clock_mono_ns() + (int64_t)CG_OP_WAIT_MS * MS;
	bool unified;
	struct cg_tree *t = freezer_of(cg, &unified);
	int r;

	if (!t)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			       "%s the container: the freezer controller is not available here",
			       frozen ? "pause" : "resume");
	if (unified) {
		r = cg_write_raw(t, "cgroup.freeze", frozen ? "1" : "0");
		if (r >= 0)
			r = events_wait(cg, "frozen", frozen, deadline);
		if (r < 0 && frozen)
			(void)cg_write_raw(t, "cgroup.freeze", "0"); /* half frozen is worse */
		/* frozen by the v1 file, by other hands: that holds as well */
		struct cg_tree *old = cg_tree_of(cg, CG_FREEZER);
		if (r >= 0 && !frozen && old && !old->unified)
			r = legacy_freeze(old, false, deadline);
	} else {
		r = legacy_freeze(t, frozen, deadline);
	}
	if (r == -ETIMEDOUT)
		return err_new(e, E_TIMEOUT, ETIMEDOUT, "control group %s did not become %s in %d s: a "
			       "process waits uninterruptibly", t->dir, frozen ? "frozen" : "thawed",
			       CG_OP_WAIT_MS / 1000);
	return r < 0 ? err_sys(e, -r, "%s control group %s", frozen ? "freeze" : "thaw", t->dir) : 0;
}

int cgroup_is_frozen(const struct cgroup *cg, bool *ret, struct err *e)
{
	struct cg_tree *u = cg_unified(cg), *t = cg_tree_of(cg, CG_FREEZER);
	char text[256];
	uint64_t frozen = 0;

	*ret = false;
	if (u && cg_read(u, "cgroup.events", text, sizeof text) >= 0 &&
	    cg_keyed(text, "frozen", &frozen) && frozen) {
		*ret = true;
		return 0;
	}
	if (!t || t->unified)
		return 0;
	int r = legacy_state(t, text);
	if (r < 0 && r != -ENOENT)
		return err_sys(e, -r, "read freezer.state of %s", t->dir);
	*ret = r >= 0 && strcmp(text, "THAWED") != 0;
	return 0;
}

/* --- kill ---------------------------------------------------------------------------------- */

/* Returns how many got the signal, or -errno. */
static int signal_all(const struct cgroup *cg, int signal, struct err *e)
{
	OWN_PTR pid_t *pids = NULL;
	size_t n;
	int hit = 0;

	int r = cg_pids_of(cg, &pids, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (kill(pids[i], signal) == 0)
			hit++;
		else if (errno != ESRCH)
			return err_sys(e, errno, "send signal %d to process %d", signal, (int)pids[i]);
	return hit;
}

/* Frozen processes cannot fork, so one round reaches all. */
static int kill_frozen(struct cgroup *cg, int signal, struct err *e)
{
	struct err ignored = { 0 };
	bool was = false;

	(void)cgroup_is_frozen(cg, &was, &ignored); /* then it is not */
	bool froze = !was && cgroup_freeze(cg, true, &ignored) >= 0;
	int r = signal_all(cg, signal, e);
	/* A v1 group dies only when it thaws; one that was paused keeps other signals for later. */
	if (froze || (was && signal == SIGKILL))
		(void)cgroup_freeze(cg, false, &ignored); /* nothing better is left to do */
	return r;
}

int cgroup_kill(struct cgroup *cg, int signal, struct err *e)
{
	struct cg_tree *u = cg_unified(cg);

	if (!cg->n)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the container has no control group");
	if (signal == SIGKILL && u) {
		int r = cg_write_raw(u, "cgroup.kill", "1");
		struct cg_tree *old = cg_tree_of(cg, CG_FREEZER);
		char now[16];
		/* one that the v1 freezer holds dies when it is let go; others are left alone: even
		 * a thaw without effect patches code of the kernel */
		if (r >= 0 && old && !old->unified && legacy_state(old, now) == 0 && strcmp(now, "THAWED") != 0)
			(void)cg_write_raw(old, "freezer.state", "THAWED"); /* gone meanwhile: dead */
		/* an older kernel has no such file, a threaded group must not use it */
		if (r != -ENOENT && r != -EOPNOTSUPP)
			return r < 0 ? err_sys(e, -r, "kill control group %s", u->dir) : 0;
		if (access(u->dir, F_OK) < 0)
			return err_sys(e, ENOENT, "kill control group %s", u->dir);
	}
	for (int round = 0; round < 64; round++) {
		int r = kill_frozen(cg, signal, e);
		if (r <= 0 || signal != SIGKILL)
			return r < 0 ? r : 0;
	}
	return 0;
}

/* --- remove -------------------------------------------------------------------------------- */

/* Sub-groups of @xdir, deepest first. */
static int remove_below(int xdir, unsigned depth)
{
	OWN_FD list = openat(xdir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = list < 0 ? NULL : fdopendir(list);
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	(void)fd_take(&list); /* d's now */
	for (struct dirent *i; (i = readdir(d));) {
		if (i->d_type != DT_DIR || i->d_name[0] == '.')
			continue;
		OWN_FD sub = openat(dirfd(d), i->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0 && depth < DEPTH_MAX)
			(void)remove_below(sub, depth + 1); /* the rmdir tells */
		if (unlinkat(dirfd(d), i->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
	}
	return r;
}

/* 1: still busy */
static int tree_remove(struct cg_tree *t, bool below)
{
	if (rmdir(t->dir) == 0 || errno == ENOENT)
		return 0;
	if (errno == EBUSY && below) {
		int fd = cg_tree_fd(t);
		if (fd >= 0)
			(void)remove_below(fd, 0); /* the rmdir tells */
		if (rmdir(t->dir) == 0 || errno == ENOENT)
			return 0;
	}
	return errno == EBUSY ? 1 : -errno;
}

/* Removes what can be removed now; returns the number of trees still busy, or -errno. The v2 tree
 * goes last: it tells when the others can go. */
static int remove_round(struct cgroup *cg, bool below)
{
	struct cg_tree *u = cg_unified(cg);
	int busy = 0, r;

	for (size_t i = 0; i < cg->n; i++) {
		r = &cg->t[i] == u ? 0 : tree_remove(&cg->t[i], below);
		if (r < 0)
			return r;
		busy += r;
	}
	return busy || !u ? busy : tree_remove(u, below);
}

int cgroup_remove_idle(struct cgroup *cg)
{
	const struct cg_tree *first = any_tree(cg);

	if (!cg->unit && !cg->n)
		return 0; /* one of an ordinary user, who got no group */
	if (cg->unit || !first || (rmdir(first->dir) < 0 && errno != ENOENT))
		return -EBUSY;
	for (size_t i = 0; i < cg->n; i++)
		if (&cg->t[i] != first && rmdir(cg->t[i].dir) < 0 && errno != ENOENT)
			return -EBUSY;
	return 0;
}

/* Waits for one of the processes that are still there to end. */
static void wait_for_exit(const struct cgroup *cg, int64_t deadline_ns, long *ns)
{
	struct err ignored = { 0 };
	OWN_PTR pid_t *pids = NULL;
	size_t n = 0;

	if (cg_pids_of(cg, &pids, &n, &ignored) < 0 || !n) {
		pause_ns(ns); /* ended, and not yet taken off the group's books */
		return;
	}
	OWN_FD fd = (int)syscall(SYS_pidfd_open, pids[0], 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	if (fd < 0)
		pause_ns(ns);
	else
		(void)poll(&p, 1, (int)ms_until(deadline_ns)); /* the next round looks again */
}

int cgroup_discard(struct cgroup *cg, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < cg->n; i++) {
		struct cg_tree *t = &cg->t[i];
		if (cg->unit || t->made) {
			cg->t[n++] = *t;
			continue;
		}
		own_fd_done(&t->fd);
		free(t->dir);
	}
	cg->n = n;
	return n || cg->unit ? cgroup_remove(cg, e) : 0;
}

int cgroup_remove(struct cgroup *cg, struct err *e)
{
	int64_t deadline = clock_mono_ns() + (int64_t)CG_OP_WAIT_MS * MS;
	long ns = 50000;
	int r = cg->unit ? cg_systemd_remove(cg, e) : 0;

	if (r < 0 || (cg->unit && !cg->started))
		return r;
	for (int round = 0;; round++) {
		r = remove_round(cg, round > 0);
		if (r == 0)
			return 0;
		if (r < 0)
			return err_sys(e, -r, "remove control group %s", cgroup_path(cg));
		if (!ms_until(deadline))
			break;
		if (round == 0)
			continue;
		if (events_wait(cg, "populated", 0, deadline) < 0)
			wait_for_exit(cg, deadline, &ns);
		else
			pause_ns(&ns); /* empty: the kernel is about to let the other trees go */
	}
	err_new(e, E_BUSY, EBUSY, "control group %s still has processes", cgroup_path(cg));
	err_hint(e, "a process that cannot be killed keeps it: see cgroup.procs there");
	return -EBUSY;
}
