/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors over a socket of AF_UNIX (SCM_RIGHTS, unix(7)). CHILD_SAFE.
 */
#ifndef ONGGI_SYS_FDPASS_H
#define ONGGI_SYS_FDPASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FDPASS_MAX = 64 };

/** fdpass_send - @n > 0 bytes with @n_fds descriptors (at most FDPASS_MAX, 0 is fine), which stay the caller's. Bytes
 * sent or -errno; no SIGPIPE. */
ssize_t fdpass_send(int xsock, const void *p, size_t n, const int *fds, size_t n_fds);
/** fdpass_receive - one message of at most @n bytes and at most @max descriptors (owned by the caller,
 * close-on-exec); more of them are closed. Bytes, 0 at the end of file, or -errno; -EMFILE: the message is gone, since
 * there was no room for descriptors that were wanted. @ret_cut (may be NULL): the message was longer than @n. */
ssize_t fdpass_receive(int xsock, void *p, size_t n, int *ret_fds, size_t max, size_t *ret_n_fds, bool *ret_cut);

#endif
