/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's terminal: see tty.h. The saved state is the only mutable one here: a signal handler
 * has no other way to reach it.
 */
#include "engine/tty.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/own.h"

static struct {
	struct termios old;
	volatile sig_atomic_t raw;
	int fd;
} tty_saved;

static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };

static void restore_and_die(int sig)
{
	if (tty_saved.raw)
		(void)tcsetattr(tty_saved.fd, TCSANOW, &tty_saved.old);
	tty_saved.raw = 0;
	(void)raise(sig); /* SA_RESETHAND: the default action */
}

static void faults_set(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sa.sa_flags = handler == SIG_DFL ? 0 : (int)(SA_RESETHAND | SA_NODEFER);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		(void)sigaction(faults[i], &sa, NULL); /* all are valid signals */
}

int tty_enter(int xfd, struct err *e)
{
	struct termios t;

	if (tcgetattr(xfd, &tty_saved.old) < 0)
		return err_sys(e, errno, "read terminal settings");
	t = tty_saved.old;
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tty_saved.fd = xfd;
	tty_saved.raw = 1;
	faults_set(restore_and_die);
	if (tcsetattr(xfd, TCSANOW, &t) < 0) {
		tty_saved.raw = 0;
		return err_sys(e, errno, "set terminal to raw mode");
	}
	return 0;
}

void tty_leave(void)
{
	if (!tty_saved.raw)
		return;
	/* DRAIN, not FLUSH: what was typed ahead belongs to the shell */
	(void)tcsetattr(tty_saved.fd, TCSADRAIN, &tty_saved.old);
	tty_saved.raw = 0;
	faults_set(SIG_DFL);
}

int tty_size(int xfd, struct monitor_winsize *ret)
{
	struct winsize ws;

	if (xfd < 0 || ioctl(xfd, TIOCGWINSZ, &ws) < 0 || !ws.ws_row || !ws.ws_col)
		return -ENOTTY;
	ret->rows = ws.ws_row;
	ret->cols = ws.ws_col;
	return 0;
}
