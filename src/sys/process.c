/* SPDX-License-Identifier: Apache-2.0
 *
 * clone3 and pidfds: see process.h.
 */
#include "sys/process.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t process_clone(const struct process_clone *c)
{
	struct clone_args args = {
		/* handlers of a program that we are a library of are not for the child (Linux 5.5) */
		.flags = c->flags | CLONE_CLEAR_SIGHAND,
		/* with CLONE_PARENT the child takes our own exit signal (clone(2)) */
		.exit_signal = c->flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	int pidfd = -1;

	if (c->ret_pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	}
	if (c->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)c->cgroup_fd;
	}
	long r = syscall(SYS_clone3, &args, sizeof args);
	if (r < 0)
		return -errno;
	if (r && c->ret_pidfd)
		*c->ret_pidfd = pidfd;
	return (pid_t)r;
}

int process_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? -errno : fd;
}

int process_signal(int xpidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, xpidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int process_wait(pid_t pid, int *ret_status)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (ret_status)
		*ret_status = status;
	return 0;
}

int process_fd_from(int xpidfd, int fd)
{
	int r = (int)syscall(SYS_pidfd_getfd, xpidfd, fd, 0);
	return r < 0 ? -errno : r;
}
