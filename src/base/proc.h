/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes by identity. A bare PID is a number that the kernel gives away again; a process is
 * the pair (pid, start time) or a pidfd.
 */
#ifndef ONGGI_BASE_PROC_H
#define ONGGI_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct proc_id {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

/** proc_id_of - identity of a living process; E_NOT_FOUND when there is none. */
int proc_id_of(pid_t pid, struct proc_id *ret, struct err *e);
/** proc_pidfd - pidfd of exactly @id; E_NOT_FOUND when it is gone, the PID was reused or the
 * process is a zombie. */
int proc_pidfd(const struct proc_id *id, int *ret_fd, struct err *e);
/** proc_alive - whether @id still runs (a zombie does not). */
bool proc_alive(const struct proc_id *id);

#endif
