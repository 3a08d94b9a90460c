/* SPDX-License-Identifier: Apache-2.0
 *
 * Pseudo-terminals: see pty.h.
 */
#include "sys/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int pty_slave(int xmaster, int *ret_slave, struct err *e)
{
	int unlock = 0;

	if (ioctl(xmaster, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, errno, "unlock terminal");
	int fd = ioctl(xmaster, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open terminal");
	*ret_slave = fd;
	return 0;
}

int pty_size(int xtty, uint16_t rows, uint16_t cols)
{
	struct winsize w = { .ws_row = rows, .ws_col = cols };

	if (!rows || !cols)
		return 0;
	return ioctl(xtty, TIOCSWINSZ, &w) < 0 ? -errno : 0;
}

int pty_control(int xslave, struct err *e)
{
	if (ioctl(xslave, TIOCSCTTY, 0) < 0)
		return err_sys(e, errno, "set controlling terminal");
	return 0;
}
