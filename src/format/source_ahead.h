/* SPDX-License-Identifier: Apache-2.0
 *
 * A source that is read ahead by a thread of its own, so that decompression and hashing run beside
 * whoever consumes the bytes. Needs threads: compiled into onggi-image only.
 */
#ifndef ONGGI_FORMAT_SOURCE_AHEAD_H
#define ONGGI_FORMAT_SOURCE_AHEAD_H

#include "format/source.h"

struct source_ahead;

/** source_ahead_open - begin to read @below (borrowed; nobody else touches it until close). */
int source_ahead_open(struct source *below, struct source_ahead **ret, struct err *e);
/** source_ahead_source - the same bytes, and at their end the same verdict. */
struct source *source_ahead_source(struct source_ahead *a);
/** source_ahead_close - end the thread, also in the middle; NULL is fine. */
void source_ahead_close(struct source_ahead *a);

#endif
