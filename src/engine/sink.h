/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing to descriptors that we were given (our stdout) without ever blocking and without setting
 * O_NONBLOCK on them: the flag would hit everyone who shares the open file.
 */
#ifndef ONGGI_ENGINE_SINK_H
#define ONGGI_ENGINE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sink {
	int fd;     /* -1: swallow everything */
	bool own;   /* a private open file of the same pipe or terminal: non-blocking */
	bool plain; /* a file: never blocks for long */
};

/** sink_open - prepare @xfd (-1: swallow). Never fails: what cannot be reopened is written in
 * pieces that fit after poll. */
void sink_open(int xfd, struct sink *ret);
/** sink_write - write some of it, at once. Bytes, 0 when it would block (poll fd for POLLOUT), or
 * -errno. A signal SIGPIPE has to be blocked or ignored. */
ssize_t sink_write(const struct sink *s, const void *p, size_t n);
void sink_close(struct sink *s);

#endif
