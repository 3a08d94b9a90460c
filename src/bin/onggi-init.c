/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-init: process 1 of a container of --init. Starts the command, passes every signal on to
 * it, reaps whatever is orphaned, and ends as the command ends.
 *
 *   /sbin/docker-init -- COMMAND [ARG...]
 *
 * Static, no libraries beyond libc: it is bind-mounted into any image.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
	int eno = errno;
	/* the status that a shell gives for it, which the engine knows too */
	fprintf(stderr, "onggi-init: exec %s: %s\n", what, strerror(eno));
	return eno == ENOENT || eno == ENOTDIR ? 127 : 126;
}

/* the command gets the terminal, so that job control works inside */
static void child_run(char **argv, const sigset_t *old)
{
	(void)setpgid(0, 0);
	(void)signal(SIGTTOU, SIG_IGN); /* tcsetpgrp from the background stops us otherwise */
	(void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* no terminal: nothing to give */
	(void)signal(SIGTTOU, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, old, NULL);
	execvp(argv[0], argv);
	_exit(fail(argv[0]));
}

/* reap all; the status of @main_pid in @ret: true */
static int reap(pid_t main_pid, int *ret)
{
	int status, done = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == main_pid) {
			*ret = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
			done = 1;
		}
	return done;
}

int main(int argc, char **argv)
{
	sigset_t all, old;
	int code = 0, sig;

	argv++;
	if (argc > 1 && !strcmp(argv[0], "--"))
		argv++;
	if (!*argv) {
		fprintf(stderr, "usage: onggi-init -- COMMAND [ARG...]\n");
		return 125;
	}
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* a shared PID namespace: orphans come here too */
	sigfillset(&all);
	for (size_t i = 0; i < 5; i++) /* faults of our own must end us */
		sigdelset(&all, (const int[]){ SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT }[i]);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	pid_t pid = fork();
	if (pid < 0)
		return fail("fork");
	if (pid == 0)
		child_run(argv, &old);
	while (!reap(pid, &code)) {
		if (sigwait(&all, &sig) || sig == SIGCHLD || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		(void)kill(pid, sig); /* gone: the next round reaps it */
	}
	return code;
}
