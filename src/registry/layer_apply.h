/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer's tar stream becomes a directory in overlay form: whiteouts as character devices 0:0
 * (or xattrs), opaque directories as xattrs. Every name is resolved below the directory's
 * descriptor; nothing in the archive can reach outside. Runs in one pass, in any number of
 * threads for different layers, in any order of layers.
 */
#ifndef ONGGI_REGISTRY_LAYER_APPLY_H
#define ONGGI_REGISTRY_LAYER_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/source.h"
#include "store/layer_name.h"
#include "store/lease.h"
#include "store/store.h"

/* Somebody who works beside the one that unpacks, one piece at a time: a thread (registry/mate.h). The static
 * programs unpack too and have no threads, so here is only what is asked of it. */
struct layer_mate {
	/* is the last piece done? */
	bool (*idle)(struct layer_mate *m);
	/* when idle: begin with @work(@data) */
	void (*start)(struct layer_mate *m, int (*work)(void *data, struct err *e), void *data);
	/* until it is done; its result, once */
	int (*wait)(struct layer_mate *m, struct err *e);
};

struct layer_apply_req {
	struct source *tar;                /* uncompressed; read to its end */
	int xdir;                          /* an empty directory */
	const struct layer_limits *limits; /* NULL: defaults */
	struct layer_mate *mate;           /* makes files too; NULL: nobody does. Idle again afterwards */
};

/** layer_apply - unpack @q->tar into @q->xdir. @loose receives what can be settled only above its parents
 * (list of store/snapshot.h). On failure the directory holds a part; the caller removes it. */
int layer_apply(const struct layer_apply_req *q, struct buf *loose, struct layer_stats *ret, struct err *e);

struct layer_store_req {
	const struct store *store;
	struct source *blob;       /* the layer as received: any compression; read to its end */
	const char *diff_id;       /* of the uncompressed tar (or EROFS image); must match */
	bool diff_is_blob;         /* a stage below @blob verifies just this digest: where nothing is
				      compressed it is not computed once more */
	const char *chain_id;      /* name of the snapshot */
	const struct layer_limits *limits; /* NULL: defaults */
};

/** layer_store - decompress, verify the DiffID, unpack and commit one snapshot by the store's
 * driver. Nothing is visible before @blob has ended without error (so a digest stage below, such
 * as source_blob, has verified it) and the DiffID has matched: E_CORRUPT otherwise. When the
 * snapshot exists meanwhile, ours is dropped and that is success. */
int layer_store(const struct layer_store_req *q, struct layer_stats *ret, struct err *e);

#endif
