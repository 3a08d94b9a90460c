/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's terminal: raw mode and its size. A terminal in raw mode is put back on every way
 * out: by tty_leave, or by the handlers for faults of our own (SIGSEGV, SIGABRT ...).
 */
#ifndef ONGGI_ENGINE_TTY_H
#define ONGGI_ENGINE_TTY_H

#include <stdbool.h>

#include "base/err.h"
#include "spec/monitor.h"

/** tty_enter - raw mode on @xfd; one terminal at a time. */
int tty_enter(int xfd, struct err *e);
/** tty_leave - put the terminal back; nothing when it is not raw. */
void tty_leave(void);
/** tty_size - rows and columns of @xfd; -ENOTTY when it is no terminal or has no size. */
int tty_size(int xfd, struct monitor_winsize *ret);

#endif
