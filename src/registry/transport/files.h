/* SPDX-License-Identifier: Apache-2.0
 *
 * What transports of files share: reading files of strangers below a directory, bytes of a file into a
 * sink, temporary files without a name, the split of "PATH:REF".
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_FILES_H
#define ONGGI_REGISTRY_TRANSPORT_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/hash.h"
#include "registry/client.h"

enum { FILES_PATH_MAX = 4096, FILES_REF_MAX = 512, FILES_DOCUMENT_MAX = 16 << 20 };

/* "DIR:REF" taken apart. */
struct files_where {
	char path[FILES_PATH_MAX];
	char ref[FILES_REF_MAX]; /* "" when none, or when it is an index */
	int at;                  /* "@N": the n-th image, from 0; -1 when none */
};
/** files_where_parse - the path ends at the first colon. E_USAGE: no path, path or reference too long, control
 * characters, "@" without a number. */
int files_where_parse(const char *where, struct files_where *ret, struct err *e);
/** files_where_path - a path to its end; @at: the n-th image from 1 on, 0: none said. */
int files_where_path(const char *path, int at, struct files_where *ret, struct err *e);

/** files_open - a plain file below @xdir, for reading. Links are followed below @xdir and never as the last
 * component; pipes and devices are E_CORRUPT, as is a link. */
int files_open(int xdir, const char *name, int *ret_fd, int64_t *ret_size, struct err *e);
/** files_read - all of it as a heap string; more than @max bytes is E_CORRUPT. */
int files_read(int xdir, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e);
/** files_feed - @size bytes from @offset on into @sink, going on at sink->at_bytes. */
int files_feed(int xfd, int64_t offset, int64_t size, struct registry_sink *sink, struct err *e);
/** files_blob_feed - the blob that lies as @name below @xdir, which must have just blob->size bytes. */
int files_blob_feed(int xdir, const char *name, int64_t size, struct registry_sink *sink, struct err *e);
/** files_manifest_read - the manifest that lies as @name; E_CORRUPT when it has not @digest (NULL: any). */
int files_manifest_read(int xdir, const char *name, const char *digest, struct registry_manifest *ret, struct err *e);
/** files_manifest_take - the same for its @n bytes, which are taken from *@text. */
int files_manifest_take(char **text, size_t n, const char *name, const char *digest, struct registry_manifest *ret,
			struct err *e);
/** files_copy - @size bytes from @offset on of @xfd to the position of @xout. */
int files_copy(int xfd, int64_t offset, int64_t size, int xout, struct err *e);
/** files_digest - digest of @size bytes from @offset on. */
int files_digest(int xfd, int64_t offset, int64_t size, enum hash_algo algo, char out[HASH_TEXT_MAX], struct err *e);
/** files_spool - a temporary file without a name, below TMPDIR: gone with us, however we end. */
int files_spool(int *ret_fd, struct err *e);
/** files_spool_bytes - such a file that has @n bytes. */
int files_spool_bytes(const void *p, size_t n, int *ret_fd, struct err *e);
/** files_is_there - whether the plain file @name below @xdir has just the bytes that @digest and @size say;
 * a file with others is none. 1, 0, negative. */
int files_is_there(int xdir, const char *name, const char *digest, int64_t size, struct err *e);

#endif
