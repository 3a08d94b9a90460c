/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the attach client: one loop for both kinds of far end.
 *
 *   link = monitor socket (frames, credit) or pty master of our own child (bytes)
 */
#ifndef ONGGI_ENGINE_ATTACH_INT_H
#define ONGGI_ENGINE_ATTACH_INT_H

#include "engine/attach.h"
#include "engine/sigproxy.h"
#include "engine/sink.h"

struct attach {
	const struct attach_req *q;
	struct attach_result *ret;
	int link;  /* socket or pty master, borrowed */
	int pidfd; /* of a pty: readable when the process has ended; -1 for a socket */
	bool is_pty;

	struct sink out, err;
	struct sigproxy sig;
	bool done;

	bool in_open;  /* our stdin may still give something */
	bool credit;   /* the link takes more stdin */
	size_t held;   /* of the detach keys */
	uint8_t typed[MONITOR_DATA_MAX];
	uint8_t in[sizeof(struct monitor_frame) + MONITOR_DATA_MAX + DETACH_KEYS_MAX];
	size_t in_n, in_done; /* a pty may take it in parts */

	uint8_t packet[sizeof(struct monitor_frame) + MONITOR_DATA_MAX];
	const struct sink *to; /* where the bytes below go; NULL: nothing is pending */
	const uint8_t *pending;
	size_t pending_n;

	int64_t ended_at; /* pty: process seen dead; monotonic ms */
};

/** attach_frame_send - one frame over a socket of the monitor. 0, -EPIPE when it is gone, -errno. */
int attach_frame_send(int xsock, uint8_t type, uint32_t arg, const void *p, size_t n);
/** link_read - take what came from the far end: sets pending, done and the result. */
int link_read(struct attach *a, struct err *e);
/** link_stdin - send the @n bytes of a->in behind the header's place. */
int link_stdin(struct attach *a, size_t n, struct err *e);
/** link_flush - pty: the rest of what link_stdin could not write. */
int link_flush(struct attach *a, struct err *e);
void link_stdin_end(struct attach *a);
void link_resize(struct attach *a, const struct monitor_winsize *ws);

static inline uint8_t *in_data(struct attach *a)
{
	return a->in + sizeof(struct monitor_frame);
}

#endif
