/* SPDX-License-Identifier: Apache-2.0
 *
 * What the child writes while a container is made: records on the socket to its parent, and what start
 * finds in exec.fifo. Any bytes give a message with ended texts, or none.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/own.h"
#include "runtime/sync.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(const struct err *e)
{
	assert(memchr(e->chain, 0, sizeof e->chain) && memchr(e->hint, 0, sizeof e->hint));
	assert(err_map_of(e->kind)->name && e->eno >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sync_msg m;
	struct err e = { 0 };
	int fds[2], fd;

	if (sync_error_read(p, n, &e) < 0)
		check(&e);
	if (!n || n > 65536 || sync_pair(fds, &e) < 0)
		return 0;
	OWN_FD parent = fds[0];
	OWN_FD child = fds[1];
	if (send(child, p, n, MSG_NOSIGNAL) == (ssize_t)n && sync_receive(parent, &m, &fd) > 0 &&
	    (m.type == SYNC_ERROR || m.type == SYNC_WARN))
		check(&m.err);
	return 0;
}
