/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees to tar streams and back, below a root descriptor: nothing on either side leaves the root,
 * whatever links or names are met.
 */
#ifndef ONGGI_ENGINE_ARCHIVE_H
#define ONGGI_ENGINE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "driver/storage/storage.h"

enum archive_flags {
	ARCHIVE_NO_OVERWRITE = 1, /* no directory over another kind of file, nor the other way */
	ARCHIVE_OWN = 2,          /* files belong to us, whatever the stream says */
	ARCHIVE_FOLLOW = 4,       /* (write) the last link of the path is followed */
	ARCHIVE_CONTENT = 8,      /* (write) a directory under the name "./" */
	ARCHIVE_BARE = 16,        /* (write) only what is in the directory, names without prefix */
};

/** archive_write - tar of @path below @xroot. @name: name of the top entry. */
int archive_write(int xroot, const char *path, const char *name, unsigned flags, int out_fd,
		  struct err *e);

/** archive_write_fd - the same for an open file (O_PATH will do). */
int archive_write_fd(int xfd, const char *name, unsigned flags, int out_fd, struct err *e);

/* Takes a stream piece by piece. */
typedef int archive_sink(void *data, const void *p, size_t n, struct err *e);

/** archive_write_layer - a writable layer in overlay's form (@xupper) as a layer of an image:
 * whiteouts and opaque directories as marks, names in order. What a start makes as mount points is
 * left out. @lowers: the layers below, to see what they have.
 * E_UNSUPPORTED for overlay's redirects, which only a mount could resolve. */
int archive_write_layer(int xupper, const struct storage_lowers *lowers, archive_sink *put, void *data,
			struct err *e);

struct archive_dest {
	int root;            /* paths are resolved below it */
	const char *dir;     /* existing directory below root */
	const char *rename_from, *rename_to; /* first component replaced; NULL: none */
	unsigned flags;
};
/** archive_read - unpack the tar stream @in_fd. */
int archive_read(int in_fd, const struct archive_dest *d, struct err *e);

#endif
