/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes by identity: see proc.h.
 */
#include "base/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

/* state letter and start time out of /proc/PID/stat; the name in (…) may hold anything */
static int stat_read(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	char path[32], line[1024];

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ssize_t n = read(fd, line, sizeof line - 1);
	if (n <= 0)
		return -ESRCH; /* ESRCH from read: it ended meanwhile */
	line[n] = 0;
	char *p = strrchr(line, ')');
	if (!p || p[1] != ' ')
		return -EINVAL;
	*ret_state = p[2];
	p += 2;
	for (int field = 3; field < 22 && p; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EINVAL;
	*ret_start = strtoull(p, NULL, 10);
	return 0;
}

int proc_id_of(pid_t pid, struct proc_id *ret, struct err *e)
{
	char state;
	uint64_t start;
	int r = stat_read(pid, &state, &start);
	if (r < 0)
		return err_sys(e, -r, "process %d", (int)pid);
	*ret = (struct proc_id){ pid, start };
	return 0;
}

int proc_pidfd(const struct proc_id *id, int *ret_fd, struct err *e)
{
	char state;
	uint64_t start;

	if (id->pid <= 0)
		return err_new(e, E_NOT_FOUND, ESRCH, "no such process");
	OWN_FD fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd < 0)
		return err_sys(e, errno, "process %d", (int)id->pid);
	/* compare after the open: the pidfd pins whoever has the number now */
	if (stat_read(id->pid, &state, &start) < 0 || start != id->start_ticks || state == 'Z' ||
	    state == 'X')
		return err_new(e, E_NOT_FOUND, ESRCH, "process %d: no such process", (int)id->pid);
	*ret_fd = fd_take(&fd);
	return 0;
}

bool proc_alive(const struct proc_id *id)
{
	char state;
	uint64_t start;
	return id->pid > 0 && stat_read(id->pid, &state, &start) == 0 && start == id->start_ticks &&
	       state != 'Z' && state != 'X';
}
