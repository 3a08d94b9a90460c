/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces of a new container: those to join are opened, those to make are made by one clone3.
 *
 * A PID namespace is entered only by a clone after the setns, and a foreign namespace must be joined
 * with the rights of the host before a new user namespace takes them away. For both there is a
 * process in between that joins, makes the child as our own (CLONE_PARENT) and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/create_int.h"
#include "sys/idmap.h"
#include "sys/nsfd.h"
#include "sys/process.h"

struct between {
	pid_t pid;
	struct err err;
};

/* A path may name the namespace that we are in ourselves. What is for the container's own must not
 * change the host's. */
static int own_namespace_check(const struct container *c, int kind, struct err *e)
{
	const struct bundle *b = &c->b;

	for (size_t i = 0; i < b->n_sysctls; i++)
		if ((int)b->sysctls[i].ns == kind)
			return err_new(e, E_INVALID, EINVAL, "linux.sysctl.%s: is not allowed in the host's %s "
				       "namespace", b->sysctls[i].key, ns_table[kind].name);
	if (kind == NS_UTS && (b->hostname || b->domainname))
		return err_new(e, E_INVALID, EINVAL, "%s: is not allowed in the host's uts namespace",
			       b->hostname ? "hostname" : "domainname");
	return 0;
}

int create_namespaces_open(struct container *c, struct err *e)
{
	bool any = false;

	for (int k = 0; k < NS_N; k++) {
		const struct ns_row *row = &ns_table[k];
		char own_path[64];
		if (!c->b.ns[k].path)
			continue;
		if (nsfd_open(c->b.ns[k].path, row->clone_flag, row->name, &c->ns_fd[k], e) < 0)
			return err_ctx(e, "linux.namespaces");
		/* our own: nothing to join, and setns refuses the user namespace that one is in */
		(void)snprintf(own_path, sizeof own_path, "/proc/self/ns/%s", row->proc);
		OWN_FD own = open(own_path, O_RDONLY | O_CLOEXEC);
		if (own >= 0 && nsfd_same(own, c->ns_fd[k])) {
			own_fd_done(&c->ns_fd[k]);
			if (own_namespace_check(c, k, e) < 0)
				return -e->eno;
			if (k == NS_USER)
				c->in_user = c->launch.in_user = false;
		} else
			any = true;
	}
	c->between = c->ns_fd[NS_PID] >= 0 || (any && c->in_user);
	c->late_join = any && !c->between;
	/* a new user namespace comes first and owns the others: one call for all of them */
	c->unshares = !c->in_user && !c->between;
	return 0;
}

uint64_t container_new_flags(const struct container *c, bool by_unshare)
{
	uint64_t flags = 0;

	for (int k = 0; k < NS_N; k++)
		if (c->b.ns[k].present && !c->b.ns[k].path && k != NS_CGROUP && k != NS_TIME)
			flags |= (uint64_t)ns_table[k].clone_flag;
	const uint64_t later = c->unshares ? flags & ~(uint64_t)CLONE_NEWPID : 0;
	/* mount_base_enter makes it */
	const uint64_t last = c->mount_base >= 0 ? CLONE_NEWNS : 0;
	return by_unshare ? later & ~last : flags & ~later;
}

/* first what our own rights allow, then the user namespace, then what it has rights to */
static int join_all(const struct container *c, struct err *e)
{
	bool left[NS_N] = { 0 };

	for (int k = 0; k < NS_N; k++) {
		if (c->ns_fd[k] < 0 || k == NS_USER || k == NS_MOUNT)
			continue;
		if (nsfd_join(c->ns_fd[k], ns_table[k].clone_flag, ns_table[k].name, e) < 0) {
			if (e->eno != EPERM || c->ns_fd[NS_USER] < 0)
				return -e->eno;
			left[k] = true;
		}
	}
	if (c->ns_fd[NS_USER] >= 0 && nsfd_join(c->ns_fd[NS_USER], CLONE_NEWUSER, "user", e) < 0)
		return -e->eno;
	for (int k = 0; k < NS_N; k++)
		if (left[k] && nsfd_join(c->ns_fd[k], ns_table[k].clone_flag, ns_table[k].name, e) < 0)
			return -e->eno;
	if (c->ns_fd[NS_MOUNT] >= 0)
		return nsfd_join(c->ns_fd[NS_MOUNT], CLONE_NEWNS, "mount", e);
	err_clear(e);
	return 0;
}

__attribute__((noreturn)) static void between_main(const struct container *c, int out)
{
	struct between b = { .pid = -1 };
	struct process_clone pc = { .flags = container_new_flags(c, false) | CLONE_PARENT,
				    .cgroup_fd = c->cg ? cgroup_clone_fd(c->cg) : -1 };

	if (!join_all(c, &b.err)) {
		b.pid = process_clone(&pc);
		if (!b.pid)
			child_main(c);
		if (b.pid < 0)
			(void)err_sys(&b.err, -b.pid, "make process");
	}
	_exit(write(out, &b, sizeof b) == sizeof b ? 0 : 1);
}

static int clone_between(struct container *c, struct err *e)
{
	struct process_clone pc = { .cgroup_fd = -1 };
	struct between b;
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in = pipefd[0];
	OWN_FD out = pipefd[1];
	pid_t helper = process_clone(&pc);
	if (helper < 0)
		return err_sys(e, -helper, "make process");
	if (!helper)
		between_main(c, out);
	own_fd_done(&out);
	ssize_t n = read(in, &b, sizeof b);
	(void)process_wait(helper, NULL); /* our child, ends after its one message */
	if (n != sizeof b)
		return err_new(e, E_IO, EPIPE, "join namespaces: the helper died");
	if (b.pid < 0) {
		*e = b.err;
		return -e->eno;
	}
	c->pid = b.pid;
	c->pidfd = process_pidfd(b.pid);
	return c->pidfd < 0 ? err_sys(e, -c->pidfd, "open process") : 0;
}

int create_clone(struct container *c, struct err *e)
{
	if (c->between)
		return clone_between(c, e);
	struct process_clone pc = { .flags = container_new_flags(c, false),
				    .cgroup_fd = c->cg ? cgroup_clone_fd(c->cg) : -1,
				    .ret_pidfd = &c->pidfd };
	pid_t pid = process_clone(&pc);
	if (!pid)
		child_main(c);
	if (pid < 0) {
		int r = err_sys(e, -pid, "make process with its namespaces");
		if (e->eno == EPERM && geteuid() != 0 && !c->in_user)
			err_hint(e, "an ordinary user needs a user namespace: `spec --rootless`");
		else if (e->eno == ENOSPC || e->eno == EUSERS)
			err_hint(e, "see /proc/sys/user/max_*_namespaces");
		return r;
	}
	c->pid = pid;
	return 0;
}

int create_ids_write(struct container *c, struct err *e)
{
	struct idmap map;

	if (!c->b.uid_maps.n || !c->b.gid_maps.n)
		return err_new(e, E_INVALID, EINVAL, "a new user namespace needs linux.uidMappings and gidMappings");
	if (launch_idmap(&c->b.uid_maps, &c->b.gid_maps, &c->arena, &map, e) < 0)
		return -e->eno;
	/* overlapping ranges, for one, are known to the kernel alone */
	return idmap_write(c->pid, &map, e) < 0 ? err_ctx(e, "linux.uidMappings, gidMappings") : 0;
}

int create_oom_score(struct container *c, struct err *e)
{
	char path[64], text[16];
	int want = c->b.process->oom_score_adj;

	(void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)c->pid);
	OWN_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return create_broken(c, -errno, e);
	int n = snprintf(text, sizeof text, "%d", want);
	if (write(fd, text, (size_t)n) == n)
		return 0;
	/* only CAP_SYS_RESOURCE may lower it below what it was: take what can be had */
	if (errno != EACCES && errno != EPERM)
		return err_sys(e, errno, "oomScoreAdj");
	create_warn(c, "oomScoreAdj %d: not permitted, left as it is", want);
	return 0;
}
