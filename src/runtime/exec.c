/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_exec: one more process in a running container. The child joins the namespaces of the
 * init process by its pidfd with one setns and goes through the same last steps as the first
 * process of a container (launch.c). Nothing that the container can write is believed: no path of
 * it is opened before all descriptors of ours are close-on-exec and the root is the container's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "format/js.h"
#include "runtime/container.h"
#include "runtime/filter.h"
#include "sys/keyring.h"
#include "sys/nsfd.h"
#include "sys/process.h"
#include "sys/procfs.h"
#include "sys/pty.h"

struct exec {
	const struct runtime_env *env;
	const struct runtime_exec_req *req;
	struct arena arena;
	struct state state;
	struct bundle_process p;
	struct bundle linux_part;
	struct launch launch;
	struct cgroup *cg;
	struct seccomp_filter filter;
	struct filter_listener listener;
	int init;              /* pidfd of the init process */
	int flags;             /* namespaces that the child joins */
	bool pids;             /* the PID namespace is another one than ours */
	bool between;          /* a process in between joins and makes the child */
	bool joined_user;      /* by that process */
	bool enters_self;      /* the child enters the cgroup, not the parent */
	int sync[2];
	pid_t pid;
	int pidfd;
};

static void warn(const struct exec *x, const char *text)
{
	if (x->env->warn)
		x->env->warn(text, x->env->warn_data);
}

/* ---- child ---- */

static int child_join(const struct exec *x, struct err *e)
{
	if (x->flags && setns(x->init, x->flags) < 0) {
		if (errno == ESRCH)
			return err_new(e, E_STATE, ESRCH, "cannot exec in a stopped container");
		return err_sys(e, errno, "join the namespaces of the container");
	}
	if (!(x->flags & CLONE_NEWUSER) && !x->joined_user)
		return 0;
	/* EINVAL: id 0 is not mapped; the capabilities of the namespace are ours all the same */
	if ((syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) && errno != EINVAL)
		return err_sys(e, errno, "become root of the user namespace");
	return 0;
}

static int child_terminal(const struct exec *x, int *ret_slave, struct err *e)
{
	OWN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	OWN_FD master = -1;
	OWN_FD slave = -1;

	if (root < 0)
		return err_sys(e, errno, "open root");
	if (terminal_ptmx(root, &master, e) < 0 || pty_slave(master, &slave, e) < 0)
		return -e->eno;
	(void)pty_size(slave, x->p.console_rows, x->p.console_cols); /* a wrong size is no reason to fail */
	if (x->p.uid && fchown(slave, x->p.uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
		return err_sys(e, errno, "terminal: owner");
	if (terminal_send(master, x->req->console_socket, x->sync[1], e) < 0)
		return -e->eno;
	*ret_slave = fd_take(&slave);
	return 0;
}

static int child_run(const struct exec *x, struct err *e)
{
	struct launch_run run = { .l = &x->launch, .proc = -1, .fifo = -1, .status = x->sync[1] };
	enum sync_level level = SYNC_NONE;
	char keyring[300];
	int slave = -1, r;

	run.level = &level;
	(void)close(x->sync[0]); /* our copy: the end of a dead parent must be seen */
	if (setsid() < 0)
		return err_sys(e, errno, "setsid");
	if (libc_close_range(3 + (unsigned)x->req->preserve_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(e, errno, "close descriptors");
	if (x->enters_self && (r = cgroup_enter_self(x->cg)) < 0)
		return err_sys(e, -r, "enter cgroup");
	/* before the join: a container with masks gets no new procfs, and its own one is not believed */
	if ((x->launch.apparmor || x->launch.selinux) && procfs_own(&run.proc, e) < 0 &&
	    procfs_private(&run.proc, e) < 0)
		return -e->eno;
	err_clear(e);
	if (child_join(x, e) < 0)
		return -e->eno;
	(void)snprintf(keyring, sizeof keyring, "_ses.%s", x->req->id);
	if ((r = keyring_join_new(keyring)) < 0)
		return err_sys(e, -r, "session keyring");
	if ((x->p.terminal && child_terminal(x, &slave, e) < 0) || launch_stdio(slave, x->req->stdio, e) < 0)
		return -e->eno;
	/* in the cgroup before anything costly of the container can run, and not a moment later */
	if ((r = sync_wait(x->sync[1], &level, SYNC_GO)) < 0)
		return err_new(e, E_CANCELLED, -r, "the runtime is gone");
	if (launch_prepare(&run, e) < 0)
		return -e->eno;
	return launch_exec(&run, e);
}

__attribute__((noreturn)) static void child_main_exec(const struct exec *x)
{
	struct err e = { .kind = E_NONE };

	(void)child_run(x, &e);
	(void)sync_send(x->sync[1], SYNC_ERROR, 0, &e, -1); /* ends here, heard or not */
	_exit(err_map_of(e.kind)->exit);
}

/* ---- parent ---- */

/* the namespaces that the record lists; what the container shares with us needs no join */
static int namespaces(struct exec *x, struct err *e)
{
	const json_t *list = js_at(x->state.doc, "config.namespaces"), *ns;
	char path[64];
	size_t i;

	json_array_foreach((json_t *)list, i, ns)
		for (int k = 0; k < NS_N; k++)
			if (!strcmp(js_str(ns, "type", ""), ns_table[k].runc))
				x->flags |= ns_table[k].clone_flag;
	x->pids = x->flags & CLONE_NEWPID;
	x->flags &= ~CLONE_NEWPID;
	if (!(x->flags & CLONE_NEWUSER))
		return 0;
	/* setns refuses the user namespace that one is in already */
	(void)snprintf(path, sizeof path, "/proc/%d/ns/user", (int)x->state.init.pid);
	OWN_FD theirs = open(path, O_RDONLY | O_CLOEXEC);
	OWN_FD ours = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (theirs < 0 || ours < 0)
		return err_sys(e, errno, "open user namespace");
	if (nsfd_same(theirs, ours))
		x->flags &= ~CLONE_NEWUSER;
	x->launch.in_user = x->flags & CLONE_NEWUSER;
	return 0;
}

static int prepare(struct exec *x, struct err *e)
{
	enum runtime_status status;
	struct bundle_strv warnings = { 0 };
	int r;

	if (state_open(x->env, x->req->id, 0, &x->state, e) < 0 || state_status(&x->state, &status, e) < 0)
		return -e->eno;
	if (status == RUNTIME_STOPPED)
		return err_new(e, E_STATE, ESRCH, "cannot exec in a stopped container");
	if (status == RUNTIME_CREATING)
		return err_new(e, E_STATE, EAGAIN, "cannot exec in a container that is being created");
	if (status == RUNTIME_PAUSED && !x->req->ignore_paused)
		return err_new(e, E_STATE, EBUSY,
			       "cannot exec in a paused container (use --ignore-paused to override)");
	if (launch_fds_check(x->req->preserve_fds, e) < 0 || state_init_pidfd(&x->state, &x->init, e) < 0 ||
	    bundle_process_parse(x->req->process, "process", &x->arena, &x->p, &warnings, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < warnings.n; i++)
		warn(x, warnings.v[i]);
	if (x->p.terminal && x->req->console_socket < 0 && !x->req->ret_console)
		return err_new(e, E_INVALID, EINVAL, "process.terminal: nobody takes the terminal");
	if (launch_plan(&x->launch, &x->p, x->req->preserve_fds, &x->arena, e) < 0 ||
	    launch_seal(&x->launch, &x->arena, e) < 0 ||
	    state_exec_linux(&x->state, &x->arena, &x->linux_part, e) < 0 ||
	    launch_plan_linux(&x->launch, &x->linux_part, e) < 0 || namespaces(x, e) < 0)
		return -e->eno;
	x->launch.keep_groups = launch_keeps_groups(x->state.annotations);
	if ((r = filter_read(x->state.dir_fd, &x->arena, &x->filter, &x->listener, e)) < 0)
		return r;
	if (!r && x->state.filtered) /* never with more rights than the container was given */
		return err_new(e, E_CORRUPT, ENOENT, "the seccomp filter of the container is lost");
	x->launch.filter = x->filter.n ? &x->filter : NULL;
	if (!x->state.cgroup)
		return 0;
	if (state_cgroup(&x->state, &x->cg, e) < 0)
		return -e->eno;
	if (x->req->cgroups && *x->req->cgroups) {
		struct cgroup *sub;
		if (cgroup_open_sub(x->cg, x->req->cgroups, &sub, e) < 0)
			return -e->eno;
		cgroup_free(x->cg);
		x->cg = sub;
	}
	return 0;
}

/* A PID namespace is entered by a clone after the setns. With the rights of the host the parent
 * itself goes there and comes back: only its children are concerned. */
static pid_t clone_direct(struct exec *x)
{
	struct process_clone pc = { .cgroup_fd = x->cg ? cgroup_clone_fd(x->cg) : -1, .ret_pidfd = &x->pidfd };
	OWN_FD home = x->pids ? open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) : -1;

	if (x->pids && (home < 0 || setns(x->init, CLONE_NEWPID) < 0))
		return -errno;
	pid_t pid = process_clone(&pc);
	if (!pid)
		child_main_exec(x);
	if (x->pids && setns(home, CLONE_NEWPID) < 0 && pid > 0) {
		int r = -errno;
		(void)process_signal(x->pidfd, SIGKILL);
		(void)process_wait(pid, NULL);
		return r;
	}
	return pid;
}

/* An ordinary user has that right only inside the container's user namespace, and root of a user
 * namespace may not come back: a process in between joins what there is to join and makes the child
 * as ours. */
static pid_t clone_between(struct exec *x)
{
	struct process_clone pc = { .cgroup_fd = -1 };
	pid_t pid = -EIO;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	OWN_FD in = fds[0];
	OWN_FD out = fds[1];
	pid_t helper = process_clone(&pc);
	if (!helper) {
		struct process_clone child = { .flags = CLONE_PARENT, .cgroup_fd = -1 };
		if (setns(x->init, (x->flags & CLONE_NEWUSER) | CLONE_NEWPID) < 0)
			pid = -errno;
		else if (!(pid = process_clone(&child))) {
			x->joined_user = x->flags & CLONE_NEWUSER;
			x->flags &= ~CLONE_NEWUSER;
			child_main_exec(x);
		}
		_exit(write(out, &pid, sizeof pid) != sizeof pid);
	}
	own_fd_done(&out);
	if (helper > 0) {
		if (read(in, &pid, sizeof pid) != sizeof pid)
			pid = -EIO;
		(void)process_wait(helper, NULL); /* our child, ends after its one message */
	} else
		pid = helper;
	if (pid > 0 && (x->pidfd = process_pidfd(pid)) < 0)
		return x->pidfd;
	return pid;
}

static int affinity(const struct exec *x, const char *list, struct err *e)
{
	struct sched_mask m;
	int r;

	if (!list)
		return 0;
	if ((r = sched_mask_parse(list, &m)) < 0)
		return err_new(e, E_INVALID, -r, "process.execCPUAffinity: %s", list);
	r = sched_affinity(x->pid, &m);
	return r < 0 ? err_sys(e, -r, "process.execCPUAffinity %s", list) : 0;
}

static int oom_score(const struct exec *x, struct err *e)
{
	char path[64], text[16];

	if (!x->p.has_oom_score_adj)
		return 0;
	(void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)x->pid);
	OWN_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "%d", x->p.oom_score_adj);
	if (fd >= 0 && write(fd, text, (size_t)n) == n)
		return 0;
	if (errno != EACCES && errno != EPERM)
		return err_sys(e, errno, "oomScoreAdj");
	warn(x, "oomScoreAdj: not permitted, left as it is");
	return 0;
}

/* A container that has its own part of the hierarchy may have handed controllers down: then its group
 * holds no processes, and a new one goes where the container's first is. */
static bool elsewhere(struct exec *x, int error)
{
	struct err ignored = { 0 }; /* the first one is what is told */
	struct cgroup *sub;

	if (error != -EBUSY || !x->cg || (x->req->cgroups && *x->req->cgroups) ||
	    cgroup_open_of(x->cg, x->state.init.pid, &sub, &ignored) < 0)
		return false;
	cgroup_free(x->cg);
	x->cg = sub;
	return true;
}

static int place(struct exec *x, struct err *e)
{
	int r;

	if (affinity(x, x->p.cpu_affinity_initial, e) < 0)
		return -e->eno;
	r = x->cg && !x->enters_self ? cgroup_enter(x->cg, x->pid, e) : 0;
	if (elsewhere(x, r))
		r = cgroup_enter(x->cg, x->pid, e);
	if (r < 0)
		return err_ctx(e, "enter cgroup");
	if (affinity(x, x->p.cpu_affinity_final, e) < 0 || oom_score(x, e) < 0)
		return -e->eno;
	return 0;
}

static int take(struct exec *x, const struct sync_msg *m, int fd, struct err *e)
{
	OWN_FD passed = fd;

	switch (m->type) {
	case SYNC_WARN:
		warn(x, m->err.chain);
		return 0;
	case SYNC_ERROR:
		*e = m->err;
		return -e->eno;
	case SYNC_CONSOLE:
		if (x->req->ret_console)
			*x->req->ret_console = fd_take(&passed);
		return 0;
	case SYNC_SECCOMP:
		if (filter_listener_send(&x->listener, &x->state, x->pid, x->pidfd, m->value, e) < 0)
			return -e->eno;
		return sync_raise(x->sync[0], SYNC_LISTENING) < 0 ? err_sys(e, errno, "talk to the child") : 0;
	case SYNC_NAMESPACES:
	case SYNC_MOUNTED:
	case SYNC_TREE:
	case SYNC_CREATED:
		break;
	}
	return err_new(e, E_INTERNAL, EPROTO, "unexpected message from the child");
}

static int listen_to(struct exec *x, struct err *e)
{
	struct sync_msg m;
	int fd, r;

	while ((r = sync_receive(x->sync[0], &m, &fd)) > 0)
		if (take(x, &m, fd, e) < 0)
			return -e->eno;
	return r < 0 ? err_sys(e, -r, "listen to the child") : 0;
}

static int clone_any(struct exec *x, struct err *e)
{
	x->between = x->pids && (geteuid() ? x->flags & CLONE_NEWUSER : !nsfd_may_return("/proc/self/ns/pid"));
	/* CPUs are set before and after the move: then it is the parent who moves */
	x->enters_self = x->cg && geteuid() == 0 && !x->between && !x->p.cpu_affinity_initial &&
			 !x->p.cpu_affinity_final;
	/* it becomes visible in the container at once: never dumpable there (CVE-2016-9962) */
	const bool hide = prctl(PR_GET_DUMPABLE) == 1;
	if (hide)
		(void)prctl(PR_SET_DUMPABLE, 0); /* cannot fail with this value */
	x->pid = x->between ? clone_between(x) : clone_direct(x);
	if (!x->between && elsewhere(x, x->pid))
		x->pid = clone_direct(x);
	if (hide)
		(void)prctl(PR_SET_DUMPABLE, 1); /* as above */
	own_fd_done(&x->sync[1]);
	if (x->pid == -ENOMEM || x->pid == -ESRCH) /* its PID namespace has lost its init */
		return err_new(e, E_STATE, ESRCH, "cannot exec in a stopped container");
	return x->pid < 0 ? err_sys(e, -x->pid, "make process in the container") : 0;
}

static int run(struct exec *x, struct err *e)
{
	char text[16];
	int r;

	if (prepare(x, e) < 0 || sync_pair(x->sync, e) < 0)
		return -e->eno;
	x->launch.sync = x->sync[1];
	if (clone_any(x, e) < 0)
		return -e->eno;
	if (place(x, e) < 0) {
		/* a child that has died already says why better than we can */
		struct err own;
		(void)process_signal(x->pidfd, SIGKILL); /* ESRCH: it is dead */
		if (listen_to(x, &own) < 0 && own.kind != E_CANCELLED)
			*e = own;
		return -e->eno;
	}
	if ((r = sync_raise(x->sync[0], SYNC_GO)) < 0 && r != -EPIPE && r != -ECONNRESET)
		return err_sys(e, -r, "talk to the child");
	if (listen_to(x, e) < 0)
		return -e->eno;
	if (!x->req->pid_file)
		return 0;
	int n = snprintf(text, sizeof text, "%d", (int)x->pid);
	if (io_replace_file(AT_FDCWD, x->req->pid_file, text, (size_t)n, 0644, 0, e) < 0)
		return err_ctx(e, "pid file");
	return 0;
}

int runtime_exec(const struct runtime_env *env, const struct runtime_exec_req *req,
		 struct runtime_proc *ret, struct err *e)
{
	struct exec x = { .env = env,
			  .req = req,
			  .state = STATE_EMPTY,
			  .init = -1,
			  .sync = { -1, -1 },
			  .pidfd = -1 };
	if (req->ret_console)
		*req->ret_console = -1;
	int r = run(&x, e);
	if (r >= 0)
		r = proc_id_of(x.pid, &ret->id, e);
	if (r < 0 && x.pid > 0) {
		(void)process_signal(x.pidfd, SIGKILL); /* ESRCH: it is dead already */
		(void)process_wait(x.pid, NULL);        /* a child of ours */
	}
	if (r >= 0)
		ret->pidfd = fd_take(&x.pidfd);
	else if (req->ret_console)
		own_fd_done(req->ret_console);
	own_fd_done(&x.pidfd);
	own_fd_done(&x.init);
	own_fd_done(&x.sync[0]);
	own_fd_done(&x.sync[1]);
	launch_done(&x.launch);
	seccomp_filter_done(&x.filter);
	cgroup_free(x.cg);
	state_close(&x.state);
	arena_done(&x.arena);
	return r < 0 ? r : 0;
}
