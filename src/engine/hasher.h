/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest of a file while it is written, by a process of its own: the engine has no threads, and
 * SHA-256 takes longer than the writing does.
 */
#ifndef ONGGI_ENGINE_HASHER_H
#define ONGGI_ENGINE_HASHER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "format/hash.h"

struct hasher {
	int xfd;   /* the file, borrowed */
	int fd;    /* to the process; -1: none */
	pid_t pid;
	uint64_t told_bytes;
};
#define HASHER_NULL ((struct hasher){ .xfd = -1, .fd = -1 })

/** hasher_start - for file @xfd, from its first byte. Without a process hasher_end does all of the work. */
void hasher_start(struct hasher *h, int xfd);
/** hasher_grown - the file has @bytes now, which will not change any more. */
void hasher_grown(struct hasher *h, uint64_t bytes);
/** hasher_end - the file is complete with @bytes: wait for the SHA-256 of it, to be given out by hash_text(). Ends
 * the process in any case. E_CORRUPT when the file is shorter. */
int hasher_end(struct hasher *h, uint64_t bytes, struct hash *ret, struct err *e);
/** hasher_abort - nobody wants it any more. */
void hasher_abort(struct hasher *h);

#endif
