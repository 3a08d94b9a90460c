/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs: content by digest in blobs/ALGO/HEX, immutable, mode 0400. A blob appears by rename
 * after its digest and size were checked, so whatever is there is whole, but for a power loss: file
 * systems may keep the name and size of a file and lose its bytes. So the sticky bit (mode 01400) says
 * that it has reached the disk, and one without it is read before it is taken for what it is called.
 * Any number of processes may write the same blob. Reading looks into the image stores of others, too
 * (store/others.h).
 *
 *   tmp/blob-RANDOM         being written by the process that holds its lock
 *   tmp/partial-ALGO-HEX     a download that may be resumed, locked while somebody works on it
 */
#ifndef ONGGI_STORE_BLOB_H
#define ONGGI_STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/hash.h"
#include "format/json.h"
#include "format/source.h"
#include "spec/digest.h"
#include "store/store.h"

/** blob_open - for reading; @ret_size may be NULL. E_NOT_FOUND | E_CORRUPT when no plain file. */
int blob_open(const struct store *s, const char *digest, int *ret_fd, uint64_t *ret_size,
	      struct err *e);
bool blob_exists(const struct store *s, const char *digest);
/** blob_exists_here - in the own store. */
bool blob_exists_here(const struct store *s, const char *digest);
/** blob_size - of an existing blob, -ENOENT otherwise. */
int64_t blob_size(const struct store *s, const char *digest);
/** blob_is_sound - 1 when its content has its digest, by reading it all; 0 damaged; negative error. */
int blob_is_sound(const struct store *s, const char *digest, struct err *e);
/** blob_can_be_trusted - 1 when it need not be fetched: it bears the mark of blob_mark_synced, or blob_is_sound;
 * 0 missing, damaged or of another size than @size (-1: any); negative error. */
int blob_can_be_trusted(const struct store *s, const char *digest, int64_t size, struct err *e);
/** blob_mark_synced - after a syncfs; a missing one (of a layer that is not distributed) is success. */
int blob_mark_synced(const struct store *s, const char *digest, struct err *e);
/** blob_is_synced - whether it bears the mark. */
bool blob_is_synced(const struct store *s, const char *digest);
/** blob_read - a whole small blob (at most @max bytes) as a NUL-terminated heap string, digest
 * verified. @ret_n may be NULL. */
int blob_read(const struct store *s, const char *digest, size_t max, char **ret, size_t *ret_n,
	      struct err *e);
/** blob_write - store @n bytes. @expect (may be NULL) must be their digest; @ret_digest (may be
 * NULL) receives it (sha256 without @expect). */
int blob_write(const struct store *s, const void *p, size_t n, const char *expect,
	       char ret_digest[DIGEST_TEXT_MAX], struct err *e);
/** blob_write_json - store @j compactly under the protection of @lease (config, manifest). @ret_n (may be
 * NULL): its bytes. NULL as @j is E_NOMEM: whoever could not make it says nothing itself. */
struct lease;
int blob_write_json(struct lease *lease, const json_t *j, char ret_digest[DIGEST_TEXT_MAX], size_t *ret_n,
		    struct err *e);
/** blob_remove - missing is success. Callers hold the collector's lock, see store/lease.h. */
int blob_remove(const struct store *s, const char *digest, struct err *e);

/* A blob being written. Closed by commit or abort. */
struct blob_writer {
	const struct store *store;
	int fd;
	char tmp[160];        /* name below tmp/ */
	struct hash hash;     /* of the bytes so far, in order */
	uint64_t size_bytes;  /* so far */
	bool keep;            /* abort keeps the file for a later resume */
};

/** blob_writer_open - a fresh temporary file. @algo of the digest to come. */
int blob_writer_open(const struct store *s, enum digest_algo algo, struct blob_writer *ret,
		     struct err *e);
/** blob_writer_resume - in the own store: go on with the download of @digest, or begin it. Waits while another
 * process works on the same blob. Returns 0 with ret->size_bytes already there and hashed
 * (continue from that offset) or 1 when the blob exists meanwhile (@ret is not open). */
int blob_writer_resume(const struct store *s, const char *digest, struct blob_writer *ret,
		       struct err *e);
/** blob_partial_open - for reading: what a download of @digest has brought so far, the beginning of the blob, not
 * verified. 0 or -errno. */
int blob_partial_open(const struct store *s, const char *digest, int *ret_fd);
int blob_writer_add(struct blob_writer *w, const void *p, size_t n, struct err *e);
/** blob_writer_put - as blob_writer_add, without the digest: the caller sets @w's hash before the commit. */
int blob_writer_put(struct blob_writer *w, const void *p, size_t n, struct err *e);
/** blob_writer_restart - throw away what is there (the server ignores ranges). */
int blob_writer_restart(struct blob_writer *w, struct err *e);
/** blob_writer_commit - check and rename into place; closes @w in any case, and removes the
 * file when it is wrong (E_CORRUPT). @digest NULL and @size -1: nothing expected. */
int blob_writer_commit(struct blob_writer *w, const char *digest, int64_t size,
		       char ret_digest[DIGEST_TEXT_MAX], struct err *e);
/** blob_writer_abort - close; removes the file unless w->keep (resumable downloads set it). */
void blob_writer_abort(struct blob_writer *w);

/* A source that stores what passes through: at its end the blob is committed (so that it is
 * checked before the reader sees the end), on abort nothing is left but a resumable part. */
struct source_blob {
	struct source source;
	struct source *below;
	struct blob_writer *w;
	const char *digest; /* expected, borrowed */
	int64_t size;       /* expected, -1 = unknown */
	uint64_t skip;      /* bytes at the start that @w has already */
	bool done;
};
/** source_blob_init - tee @below into @w. With a resumed @w, @below must begin with the bytes
 * already there (read them from the file): they are passed on, not stored again. */
void source_blob_init(struct source_blob *b, struct source *below, struct blob_writer *w,
		      const char *digest, int64_t size);

#endif
