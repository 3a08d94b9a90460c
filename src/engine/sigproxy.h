/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals of an attached command line, as a descriptor for poll.
 *
 *   not a terminal, proxied:  all but those below go to the container
 *   terminal:                 deadly ones put the terminal back first; WINCH resizes
 *
 * Never taken: KILL, STOP; CHLD, PIPE, URG, WINCH (not for the container); SEGV, BUS, ILL, FPE,
 * SYS, TRAP (our own faults); TSTP, TTIN, TTOU, CONT, so that job control of the shell works.
 */
#ifndef ONGGI_ENGINE_SIGPROXY_H
#define ONGGI_ENGINE_SIGPROXY_H

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

struct sigproxy {
	int fd;
	sigset_t old; /* mask before, put back by sigproxy_close */
};

enum sigproxy_flags {
	SIGPROXY_ALL = 1,   /* every signal that a container should get */
	SIGPROXY_WINCH = 2,
	SIGPROXY_DEADLY = 4, /* those that end us, and TSTP: to restore the terminal first */
};

/** sigproxy_open - block the signals of @flags and make a descriptor of them. Ignored signals
 * (nohup) are left alone. Call it before the container starts and no signal is lost; a child
 * forked meanwhile has to call sigproxy_close. */
int sigproxy_open(unsigned flags, struct sigproxy *ret, struct err *e);
/** sigproxy_read - next signal, 0 when there is none. */
int sigproxy_read(const struct sigproxy *p);
void sigproxy_close(struct sigproxy *p);
/** sigproxy_die - act on @sig as if we had never taken it: dies, or stops and goes on. */
void sigproxy_die(int sig);

#endif
