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
	char digest[DIGEST_TEXT_MAX];    /* where its content is in the store */
	int64_t size;
};

struct archive {
	const struct store *store;
	struct lease *lease;
	struct arena a;
	struct archive_file *files; /* sorted by name once read */
	size_t n, cap;
	struct buf manifest_json, index_json, oci_layout;
	bool has_manifest_json, has_index_json;
};

/** archive_read - everything of @xfd into the store and @ar. */
int archive_read(struct archive *ar, int xfd, struct err *e);
void archive_done(struct archive *ar);
/** archive_find - file by name, links followed inside the archive. NULL when absent. */
const struct archive_file *archive_find(const struct archive *ar, const char *name);

struct layer_job {
	const char *blob;     /* digest */
	const char *diff_id;
	char chain_id[DIGEST_TEXT_MAX];
};
/** archive_layers - unpack those that are not there yet, several at a time; all are added to
 * @lease first. */
int archive_layers(const struct store *s, struct lease *lease, struct layer_job *jobs, size_t n,
		   struct err *e);

#endif
