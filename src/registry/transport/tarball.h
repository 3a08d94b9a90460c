/* SPDX-License-Identifier: Apache-2.0
 *
 * An image archive as a source of transports: the list of its files, whose content is read from where it lies.
 * What is compressed or comes by a pipe is first written, decompressed, to a temporary file without a name.
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_TARBALL_H
#define ONGGI_REGISTRY_TRANSPORT_TARBALL_H

#include "registry/archive_int.h"

struct tarball {
	int fd;
	struct archive ar; /* see archive_list() */
};

/** tarball_open - @path: a file or pipe; /dev/stdin as well. E_CORRUPT names the entry that leads out of the
 * archive. tarball_close also after an error, on what was zero before but for fd -1. */
int tarball_open(struct tarball *t, const char *path, struct err *e);
void tarball_close(struct tarball *t);
/** tarball_read - the file as a heap string; more than @max bytes is E_CORRUPT. */
int tarball_read(const struct tarball *t, const struct archive_file *f, size_t max, char **ret, size_t *ret_n,
		 struct err *e);

#endif
