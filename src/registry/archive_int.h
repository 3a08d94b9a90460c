/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of loading archives: archive_read.c takes the tar apart, archive_load.c makes images of
 * what was in it, archive_layers.c unpacks layers of any origin in parallel.
 */
#ifndef ONGGI_REGISTRY_ARCHIVE_INT_H
#define ONGGI_REGISTRY_ARCHIVE_INT_H

#include "base/arena.h"
#include "base/buf.h"
#include "registry/archive.h"
#include "spec/manifest.h"
#include "store/lease.h"

/* One file of the archive, by its clean name. */
struct archive_file {
	const char *name;
	const char *link;                /* name of the target; NULL: a file */
	char digest[DIGEST_TEXT_MAX];    /* where its content is in the store; "" for a layer that is still only
					    in the archive and whose digest nothing has told yet */
	int64_t size;
	uint64_t at;                     /* of its content in the archive */
	bool claims;                     /* its name says the digest */
	bool waits;                      /* a layer that is not in the store: read when it is unpacked */
};

struct archive {
	const struct store *store; /* NULL: archive_list() */
	struct lease *lease;
	struct arena a;
	struct archive_file *files; /* sorted by name once read */
	size_t n, cap;
	int xfd;        /* the archive, borrowed */
	uint64_t start; /* its first byte in the file */
	bool file;      /* a plain tar in a file: layers need not be read in its order */
	struct buf manifest_json, index_json, oci_layout;
	bool has_manifest_json, has_index_json;
};

/** archive_read - everything of @xfd into the store and @ar. Layers of a plain archive in a file stay where they
 * are, see archive_file.waits: the kernel need not hold them twice, and those of other platforms are never read. */
int archive_read(struct archive *ar, int xfd, struct err *e);
/** archive_list - the list alone of the plain archive of @size bytes in the file @xfd, without a store: @ar is zero
 * before. Entries and links that lead out of the archive are E_CORRUPT and named. */
int archive_list(struct archive *ar, int xfd, uint64_t size, struct err *e);
void archive_done(struct archive *ar);
/** archive_entry - by clean name, a link as itself. NULL when absent. */
struct archive_file *archive_entry(const struct archive *ar, const char *name);
/** archive_find - file by name, links followed inside the archive. NULL when absent. */
struct archive_file *archive_find(const struct archive *ar, const char *name);
/** archive_waiting - the file of this digest that waits. NULL: none does. */
const struct archive_file *archive_waiting(const struct archive *ar, const char *digest);

struct layer_job {
	const char *blob;     /* digest */
	const struct archive_file *waits; /* its place in the archive; NULL: it is in the store */
	const char *diff_id;
	char chain_id[DIGEST_TEXT_MAX];
};
/** archive_layers - unpack those that are not there yet, several at a time, and store the blobs of those that wait
 * in @ar in the same pass; all are added to its lease first. */
int archive_layers(const struct archive *ar, struct layer_job *jobs, size_t n, struct err *e);
/** archive_unpack - the layers of a manifest that is in the store, as above. @ret_id: the digest of its config. What
 * else the manifest names must be in the store or wait in @ar, which may have no files. */
int archive_unpack(const struct archive *ar, const char *manifest, char ret_id[DIGEST_TEXT_MAX], struct err *e);

#endif
