/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of a blob as the ring between its download and its unpacking: one thread appends to
 * the file and says how far it is good to read, another reads behind it as a source. The page
 * cache is the buffer, so the network never waits for the disk's names and inodes, nothing is
 * lost when a download is resumed, and memory stays small.
 *
 *   download -> [ file ......... ] -> inflate -> tar
 *                 at ^     ^ ready
 */
#ifndef ONGGI_REGISTRY_TAIL_H
#define ONGGI_REGISTRY_TAIL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "format/source.h"

struct tail {
	struct source source; /* for the reader: waits; ends only after tail_end() */
	pthread_mutex_t lock;
	pthread_cond_t more;
	int fd;               /* owned */
	unsigned char *buf;
	int64_t at;           /* reader's position; read by others under lock */
	int64_t ready;        /* bytes that are in the file */
	bool ended;
	struct err err;       /* kind E_NONE: ended well, the digest was right */
};

/** tail_init - @fd is taken over, at once and in any case. */
int tail_init(struct tail *t, int fd, struct err *e);
void tail_done(struct tail *t);
/** tail_ready - @bytes of the file may be read now. */
void tail_ready(struct tail *t, int64_t bytes);
/** tail_end - nothing more comes. @why NULL: all is there and verified; else the reader gets a
 * copy of the error. Only the first call counts. */
void tail_end(struct tail *t, const struct err *why);
/** tail_position - how far the reader is. */
int64_t tail_position(struct tail *t);

#endif
