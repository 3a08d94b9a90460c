/* SPDX-License-Identifier: Apache-2.0
 *
 * The child: from the clone to the exec, inside the new namespaces. The order:
 *
 *   session, ids (maps written by the parent), namespaces by path, time namespace
 *   root attached, mounts, devices, terminal       -- the parent does cgroup and network meanwhile
 *   [hooks: SYNC_MOUNTED, SYNC_GO] createContainer
 *   masks, pivot_root, names, sysctl
 *   launch_prepare, SYNC_CREATED, wait for start, startContainer, launch_exec
 *
 * Nothing here allocates, and the first error ends it: the parent undoes everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "base/path.h"
#include "runtime/container.h"
#include "runtime/hooks.h"
#include "sys/keyring.h"
#include "sys/loopback.h"
#include "sys/nsfd.h"
#include "sys/procfs.h"

static int wait_level(struct child *ch, enum sync_level level, struct err *e)
{
	int r = sync_wait(ch->c->sync[1], &ch->level, level);
	return r < 0 ? err_new(e, E_CANCELLED, -r, "the runtime is gone") : 0;
}

static int time_namespace(const struct container *c, struct err *e)
{
	const struct bundle_time_offset *m = &c->b.monotonic, *b = &c->b.boottime;
	const struct nsfd_time_offset mono = { m->set, m->secs, m->nanosecs };
	const struct nsfd_time_offset boot = { b->set, b->secs, b->nanosecs };

	if (!c->b.ns[NS_TIME].present || c->b.ns[NS_TIME].path)
		return 0;
	CHILD_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return err_sys(e, errno, "open /proc");
	if (procfs_check(proc, e) < 0)
		return err_ctx(e, "/proc");
	if (nsfd_time_new(proc, &mono, &boot, e) < 0)
		return m->set || b->set ? err_ctx(e, "linux.timeOffsets") : -e->eno;
	return 0;
}

static int become_root(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;

	/* now: with the ids of the user namespace the files of /proc/self are no longer ours */
	if (c->in_user && time_namespace(c, e) < 0)
		return -e->eno;
	if (c->new_user && wait_level(ch, SYNC_MAPPED, e) < 0)
		return -e->eno;
	if (!c->in_user)
		return 0;
	/* EINVAL: id 0 is not mapped; the capabilities of the namespace are ours all the same */
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(e, errno, "become group 0 of the user namespace");
	if (syscall(SYS_setresuid, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(e, errno, "become user 0 of the user namespace");
	return 0;
}

static int namespaces(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	const uint64_t flags = container_new_flags(c, true);
	int r = 0;

	if (flags && unshare((int)flags) < 0) {
		r = err_sys(e, errno, "make namespaces");
		if (e->eno == EPERM)
			err_hint(e, "an ordinary user needs a user namespace: `spec --rootless`");
		else if (e->eno == ENOSPC || e->eno == EUSERS)
			err_hint(e, "see /proc/sys/user/max_*_namespaces");
		return r;
	}
	/* before anybody is told of the namespace; a caller that finds it up may set it up again */
	if (c->b.ns[NS_NETWORK].present && !c->b.ns[NS_NETWORK].path && (r = loopback_up()) < 0)
		return err_sys(e, -r, "set the loopback device up");
	if (flags && container_tells_namespaces(c) &&
	    (r = sync_send(c->sync[1], SYNC_NAMESPACES, 0, NULL, -1)) < 0)
		return err_sys(e, -r, "tell the runtime");
	for (int k = 0; c->late_join && k < NS_N; k++)
		if (c->ns_fd[k] >= 0 && k != NS_PID && k != NS_MOUNT && k != NS_USER)
			if (nsfd_join(c->ns_fd[k], ns_table[k].clone_flag, ns_table[k].name, e) < 0)
				return -e->eno;
	/* last: the paths of the others were opened, but errors name files of the host */
	if (c->late_join && c->ns_fd[NS_MOUNT] >= 0 &&
	    nsfd_join(c->ns_fd[NS_MOUNT], CLONE_NEWNS, "mount", e) < 0)
		return -e->eno;
	if (!c->in_user)
		r = time_namespace(c, e);
	/* from here on no process of a shared PID namespace may look at us (CVE-2016-9962); not
	 * earlier: the files of /proc/self would belong to the host's root */
	if (!r && !c->hidden && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = err_sys(e, errno, "set not dumpable");
	return r;
}

static int working_directory(struct child *ch, struct err *e)
{
	const char *cwd = ch->c->b.process->cwd;
	OWN_FD fd = -1;

	if (!strcmp(cwd, "/"))
		return 0;
	/* a read-only root that has not got it: the chdir says so later */
	if (path_mkdir_in(ch->root, cwd, 0755, &fd, e) < 0 && e->eno != EROFS && e->eno != ENOTDIR &&
	    e->eno != EEXIST && e->eno != EACCES && e->eno != ELOOP && e->eno != EXDEV)
		return err_ctx(e, "cwd");
	err_clear(e);
	return 0;
}

/* the PID as the container sees it, in ten places: blanks after a JSON number mean nothing */
static void hook_state_pid(const struct container *c)
{
	char number[sizeof CONTAINER_PID_TEXT];
	char *place = c->hook_state ? strstr(c->hook_state, "\"pid\":" CONTAINER_PID_TEXT) : NULL;

	if (!place)
		return;
	(void)snprintf(number, sizeof number, "%-10d", (int)getpid());
	memcpy(place + strlen("\"pid\":"), number, sizeof number - 1);
}

static int hooks_before_pivot(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	const struct hooks_run h = { .point = BUNDLE_HOOK_CREATE_CONTAINER,
				     .hooks = &c->b.hooks[BUNDLE_HOOK_CREATE_CONTAINER],
				     .state = c->hook_state,
				     .cwd = c->bundle_dir };

	if (!container_hooks_wait(c))
		return 0;
	if (cgroup_join(ch, e) < 0)
		return -e->eno;
	int r = sync_send(c->sync[1], SYNC_MOUNTED, 0, NULL, -1);
	if (r < 0)
		return err_sys(e, -r, "tell the runtime");
	return wait_level(ch, SYNC_GO, e) < 0 ? -e->eno : hooks_run(&h, e);
}

static int names(const struct bundle *b, struct err *e)
{
	if (b->hostname && sethostname(b->hostname, strlen(b->hostname)) < 0)
		return err_sys(e, errno, "set hostname %s", b->hostname);
	if (b->domainname && setdomainname(b->domainname, strlen(b->domainname)) < 0)
		return err_sys(e, errno, "set domainname %s", b->domainname);
	return 0;
}

static int sysctls(struct child *ch, struct err *e)
{
	const struct bundle *b = &ch->c->b;
	char path[512];

	/* keys of the network need its links */
	if (b->n_sysctls && wait_level(ch, SYNC_GO, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < b->n_sysctls; i++) {
		const struct bundle_sysctl *s = &b->sysctls[i];
		if (snprintf(path, sizeof path, "sys/%s", s->file) >= (int)sizeof path)
			return err_new(e, E_INVALID, ENAMETOOLONG, "sysctl %s: too long", s->key);
		if (procfs_write(ch->proc, path, s->value, strlen(s->value), e) < 0)
			return err_ctx(e, "sysctl %s", s->key);
	}
	return 0;
}

static int keyring(const struct container *c, struct err *e)
{
	char name[300];

	if (c->req->no_new_keyring)
		return 0;
	(void)snprintf(name, sizeof name, "_ses.%s", c->req->id);
	int r = keyring_join_new(name);
	return r < 0 ? err_sys(e, -r, "session keyring") : 0;
}

/* everything that makes the container's file systems */
static int build(struct child *ch, int *ret_slave, struct err *e)
{
	const struct container *c = ch->c;

	(void)umask(0);
	hook_state_pid(c);
	if (mount_base_enter(ch, e) < 0 || rootfs_attach(ch, e) < 0 || mounts_carry_out(ch, e) < 0 ||
	    devices_make(ch, e) < 0)
		return -e->eno;
	if (c->b.process && c->b.process->terminal && terminal_open(ch, ret_slave, e) < 0)
		return -e->eno;
	if ((c->b.process && working_directory(ch, e) < 0) || hooks_before_pivot(ch, e) < 0 ||
	    cgroup_join(ch, e) < 0 || masks_apply(ch, e) < 0 || mounts_seal(ch, e) < 0 || rootfs_enter(ch, e) < 0)
		return -e->eno;
	return 0;
}

/* Ready. For a run the parent listens on until the exec; else it may go, the next to speak is
 * start. */
static int wait_start(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	char b;
	ssize_t n;

	int r = sync_send(c->sync[1], SYNC_CREATED, 0, NULL, -1);
	if (r < 0)
		return err_sys(e, -r, "tell the runtime");
	if (c->req->run)
		return 0;
	(void)close(c->sync[1]); /* the parent waits for nothing more */
	ch->started = true;
	do
		n = read(c->fifo, &b, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : err_new(e, E_CANCELLED, ECANCELED, "not started");
}

static int hooks_before_exec(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	const struct hooks_run h = { .point = BUNDLE_HOOK_START_CONTAINER,
				     .hooks = &c->b.hooks[BUNDLE_HOOK_START_CONTAINER],
				     .state = c->hook_state };

	return hooks_run(&h, e);
}

static int child_run(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	struct launch_run run = { .l = &c->launch };
	int slave = -1;

	/* the lock is the creator's: should it be killed, the lock must go with it */
	/* and our copy of its end, or we would never see that it is dead */
	int lock = c->state.lock_fd, up = c->sync[0];
	int *creators[] = { &lock, &up };
	io_close_all(creators, ARRAY_LEN(creators));
	if (setsid() < 0 && errno != EPERM)
		return err_sys(e, errno, "setsid");
	/* descriptors that the caller left open must not be reachable once container paths are
	 * (CVE-2024-21626) */
	if (libc_close_range(3 + (unsigned)c->req->preserve_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(e, errno, "close descriptors");
	if (become_root(ch, e) < 0 || namespaces(ch, e) < 0 || build(ch, &slave, e) < 0 ||
	    names(&c->b, e) < 0 || sysctls(ch, e) < 0 || keyring(c, e) < 0)
		return -e->eno;
	if (!c->b.process) /* a config without a process can be created, never started */
		return wait_level(ch, SYNC_GO, e) < 0 || wait_start(ch, e) < 0 ?
			       -e->eno :
			       err_new(e, E_INVALID, EINVAL, "the config has no process");
	run.proc = ch->proc;
	/* the program that executes the command holds it for a moment, and may be looked at by then */
	if (c->launch.apparmor || c->launch.selinux) {
		struct err own;
		if (procfs_own(&run.proc, &own) < 0)
			run.proc = ch->proc;
	}
	run.fifo = c->fifo;
	run.level = &ch->level;
	if (launch_stdio(slave, c->req->stdio, e) < 0)
		return -e->eno;
	launch_null(&c->launch);
	if (launch_prepare(&run, e) < 0 || wait_level(ch, SYNC_GO, e) < 0 || wait_start(ch, e) < 0 ||
	    hooks_before_exec(ch, e) < 0)
		return -e->eno;
	run.status = ch->started ? c->fifo : c->sync[1];
	return launch_exec(&run, e);
}

void child_main(const struct container *c)
{
	struct child ch = { .c = c, .root = -1, .proc = -1, .dev = -1, .pts = -1, .null = -1 };
	struct err e = { .kind = E_NONE };

	(void)child_run(&ch, &e);
	/* told or not, this ends here: start reads what is left in the FIFO */
	if (!ch.started)
		(void)sync_send(c->sync[1], SYNC_ERROR, 0, &e, -1);
	else
		(void)!write(c->fifo, &e, sizeof e);
	_exit(err_map_of(e.kind)->exit);
}
