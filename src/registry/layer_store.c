/* SPDX-License-Identifier: Apache-2.0
 *
 * One layer from its blob to a committed snapshot: see layer_apply.h.
 *
 *   blob -> inflate -> (other thread) digest (DiffID) -> layer_apply -> layer_commit
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "format/inflate.h"
#include "registry/ahead.h"
#include "registry/layer_apply.h"

/* What a layer may grow to: more than any honest one, less than fills a large disk by a bomb. */
#define LAYER_TAR_BYTES_MAX (2ULL << 40)

static int unpack(const struct layer_store_req *q, int xdir, struct buf *loose,
		  struct layer_stats *ret, struct err *e)
{
	struct source_digest check;
	struct ahead *ahead = NULL;
	struct inflate *in;

	if (inflate_open(q->blob, LAYER_TAR_BYTES_MAX, &in, e) < 0)
		return -e->eno;
	bool checked = q->diff_is_blob && inflate_kind_of(in) == INFLATE_PLAIN;
	int r = ahead_open(inflate_source(in), &ahead, e);
	if (!r && !checked) {
		r = source_digest_init(&check, ahead_source(ahead), q->diff_id, -1, e);
		check.what = "uncompressed layer";
	}
	if (!r)
		r = layer_apply(checked ? ahead_source(ahead) : &check.source, xdir, q->limits, loose, ret, e);
	ahead_close(ahead);
	inflate_close(in);
	return r;
}

int layer_store(const struct layer_store_req *q, struct layer_stats *ret, struct err *e)
{
	struct layer_stats stats = { 0 };
	OWN_BUF loose = { 0 };
	OWN_FD dir = -1;
	char key[64];

	if (storage_layer_begin(q->store, q->chain_id, key, &dir, e) < 0)
		return -e->eno;
	if (unpack(q, dir, &loose, &stats, e) < 0) {
		storage_layer_abort(q->store, key);
		return -e->eno;
	}
	const struct storage_layer info = { .size_bytes = stats.size_bytes,
					    .root_opaque = stats.root_opaque,
					    .loose = loose.p, .loose_bytes = loose.n };
	if (storage_layer_commit(q->store, q->chain_id, key, &info, e) < 0)
		return -e->eno;
	if (ret)
		*ret = stats;
	return 0;
}
