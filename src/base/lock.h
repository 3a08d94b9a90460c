/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks between processes: open-file-description locks (fcntl F_OFD_SETLK), one file per object.
 * The kernel drops them when the last descriptor closes, so kill -9 never leaves one behind.
 */
#ifndef ONGGI_BASE_LOCK_H
#define ONGGI_BASE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

enum lock_mode {
	LOCK_SHARED,
	LOCK_EXCLUSIVE,
	LOCK_MODE_N,
	LOCK_NOWAIT = 0x10, /* or-ed: -EBUSY (E_BUSY) instead of waiting */
};

/** lock_take - open (make) @name below @xdir and lock it; closing @ret_fd lets go.
 * Locks survive exec when the caller clears FD_CLOEXEC, and are shared over fork. */
int lock_take(int xdir, const char *name, int mode, int *ret_fd, struct err *e);
/** lock_fd - lock an open descriptor (opened for writing where exclusive). */
int lock_fd(int xfd, int mode, struct err *e);
/** lock_drop - let go of it for all who share it over fork, and close @fd. Closed ones are fine. */
void lock_drop(int *fd);
/** lock_is_held - whether somebody holds lock @name below @xdir exclusively; looked at, never taken. */
bool lock_is_held(int xdir, const char *name);

#endif
