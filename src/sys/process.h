/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes as the kernel makes and names them: clone3 and pidfds. Identity of a process that
 * outlives this one is base/proc.h.
 */
#ifndef ONGGI_SYS_PROCESS_H
#define ONGGI_SYS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct process_clone {
	uint64_t flags;    /* CLONE_NEW*, CLONE_PARENT; never CLONE_VM */
	int cgroup_fd;     /* the child starts in this group; -1: in ours */
	int *ret_pidfd;    /* NULL: not wanted */
};

/** process_clone - fork by clone3. Returns 0 in the child, the PID in the parent, or -errno.
 * Fork handlers of libc do not run: the child calls CHILD_SAFE functions only. CHILD_SAFE: yes. */
pid_t process_clone(const struct process_clone *c);
/** process_pidfd - pidfd of a child of ours that has not been waited for. -errno on failure. */
int process_pidfd(pid_t pid);
/** process_signal - kill(2) by pidfd. 0 or -errno. CHILD_SAFE: yes. */
int process_signal(int xpidfd, int signal);
/** process_wait - wait for a child of ours, going on after EINTR. Status as waitpid(2) gives it. */
int process_wait(pid_t pid, int *ret_status);
/** process_fd_from - duplicate descriptor @fd of another process. Descriptor or -errno. */
int process_fd_from(int xpidfd, int fd);

#endif
