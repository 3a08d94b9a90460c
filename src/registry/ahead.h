/* SPDX-License-Identifier: Apache-2.0
 *
 * A source read ahead by a thread of its own, through a ring of chunks: what produces the bytes
 * (decompression) and what consumes them (digest and unpacking) then run on two processors.
 *
 *   below -> thread -> [c][c][ ][ ] -> reader
 */
#ifndef ONGGI_REGISTRY_AHEAD_H
#define ONGGI_REGISTRY_AHEAD_H

#include "format/source.h"

struct ahead;

/** ahead_open - start reading @below (borrowed, and of the thread alone until ahead_close). */
int ahead_open(struct source *below, struct ahead **ret, struct err *e);
/** ahead_close - stop the thread, wait for it; NULL is fine. It stops at its next chunk. */
void ahead_close(struct ahead *a);
/** ahead_source - for the reader: the same bytes, end or error as @below gave. */
struct source *ahead_source(struct ahead *a);

#endif
