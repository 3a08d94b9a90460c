/* SPDX-License-Identifier: Apache-2.0
 *
 * Pseudo-terminals. The slave is opened through the master (TIOCGPTPEER), never by a path that a
 * container could have replaced (CVE-2025-52565). CHILD_SAFE.
 */
#ifndef ONGGI_SYS_PTY_H
#define ONGGI_SYS_PTY_H

#include <stdint.h>

#include "base/err.h"

/** pty_slave - make a pair of an open ptmx: unlock @xmaster and open its slave. */
int pty_slave(int xmaster, int *ret_slave, struct err *e);
/** pty_size - set the window size; zero rows or columns: leave it. 0 or -errno. */
int pty_size(int xtty, uint16_t rows, uint16_t cols);
/** pty_control - make @xslave the controlling terminal of the calling session leader. */
int pty_control(int xslave, struct err *e);

#endif
