/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing tar streams entry by entry: what archive_write.c and layer_write.c share.
 */
#ifndef ONGGI_ENGINE_ARCHIVE_INT_H
#define ONGGI_ENGINE_ARCHIVE_INT_H

#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "engine/archive.h"

struct archive_seen;

struct archive_writer {
	archive_sink *put;
	void *data;
	struct buf head;
	struct arena arena;
	struct archive_seen *seen; /* files with several names, for hard links */
	size_t n_seen, cap_seen;
	char *block;
};

int archive_writer_open(struct archive_writer *w, archive_sink *put, void *data, struct err *e);
/** archive_put - one file, open as @fd (O_PATH will do), under @name (directories with a slash at the
 * end); a name of a file that is there already becomes a hard link. */
int archive_put(struct archive_writer *w, int fd, const struct stat *st, const char *name, struct err *e);
/** archive_put_empty - an empty file without permissions: a mark such as a whiteout. */
int archive_put_empty(struct archive_writer *w, const char *name, struct err *e);
/** archive_writer_end - the end of the archive. */
int archive_writer_end(struct archive_writer *w, struct err *e);
void archive_writer_done(struct archive_writer *w);

#endif
