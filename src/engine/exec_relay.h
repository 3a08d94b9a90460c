/* SPDX-License-Identifier: Apache-2.0
 *
 * Relay of an exec without a terminal: pipes to the process, our descriptors on the other side.
 * A process in a container never gets a descriptor of the host's terminal or files: it could
 * push input into the one (TIOCSTI) and rewrite the other.
 */
#ifndef ONGGI_ENGINE_EXEC_RELAY_H
#define ONGGI_ENGINE_EXEC_RELAY_H

#include <stdbool.h>

#include "base/err.h"

struct exec_relay {
	int inside[3];  /* for the process; -1 after relay_inside_close */
	int outside[3]; /* our ends; -1: not wanted */
};

/** exec_relay_make - pipes for the wanted streams (@want[i]), /dev/null for the others. */
int exec_relay_make(const bool want[3], struct exec_relay *ret, struct err *e);
/** exec_relay_inside_close - once the process has its ends. */
void exec_relay_inside_close(struct exec_relay *r);
void exec_relay_done(struct exec_relay *r);
/** exec_relay_run - copy between @xstdio and the process until it has ended (@xpidfd) and its
 * output is read; output that its children keep open is not waited for longer than a moment. */
int exec_relay_run(struct exec_relay *r, const int xstdio[3], int xpidfd, struct err *e);

#endif
