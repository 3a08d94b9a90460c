/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals of an attached command line: see sigproxy.h.
 */
#include "engine/sigproxy.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/own.h"

static const int never[] = { SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGURG, SIGWINCH, SIGSEGV,
			     SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN,
			     SIGTTOU, SIGCONT };
static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2,
			      SIGTSTP, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO, SIGPWR };

static bool ignored(int sig)
{
	struct sigaction sa;

	return !sigaction(sig, NULL, &sa) && sa.sa_handler == SIG_IGN;
}

static void choose(unsigned flags, sigset_t *ret)
{
	sigemptyset(ret);
	if (flags & SIGPROXY_ALL) {
		sigfillset(ret); /* without the libc's own */
		for (size_t i = 0; i < ARRAY_LEN(never); i++)
			sigdelset(ret, never[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(deadly) && flags & SIGPROXY_DEADLY; i++)
		sigaddset(ret, deadly[i]);
	if (flags & SIGPROXY_WINCH)
		sigaddset(ret, SIGWINCH);
	for (int s = 1; s < NSIG; s++) {
		if (sigismember(ret, s) == 1 && ignored(s))
			sigdelset(ret, s);
	}
}

int sigproxy_open(unsigned flags, struct sigproxy *ret, struct err *e)
{
	sigset_t set;

	choose(flags, &set);
	ret->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ret->fd < 0)
		return err_sys(e, errno, "signalfd");
	if (sigprocmask(SIG_BLOCK, &set, &ret->old) < 0) {
		own_fd_done(&ret->fd);
		return err_sys(e, errno, "block signals");
	}
	return 0;
}

int sigproxy_read(const struct sigproxy *p)
{
	struct signalfd_siginfo si;

	if (p->fd < 0 || read(p->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	return (int)si.ssi_signo;
}

void sigproxy_close(struct sigproxy *p)
{
	if (p->fd < 0)
		return;
	own_fd_done(&p->fd);
	(void)sigprocmask(SIG_SETMASK, &p->old, NULL); /* the mask was valid before */
}

void sigproxy_die(int sig)
{
	sigset_t one, old;

	sigemptyset(&one);
	sigaddset(&one, sig);
	(void)raise(sig); /* pending until unblocked */
	(void)sigprocmask(SIG_UNBLOCK, &one, &old);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}
