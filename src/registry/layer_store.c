/* SPDX-License-Identifier: Apache-2.0
 *
 * One layer from its blob to a committed snapshot: see layer_apply.h.
 *
 *   blob -> inflate -> (other thread) digest (DiffID) -> layer_apply -> layer_commit
 *                                                     -> file, names (archives stay as they are) -> layer_commit
 *   an EROFS image: ... digest -> file -> its tree as a tar -> as above
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/storage.h"
#include "format/erofs_tar.h"
#include "format/inflate.h"
#include "registry/ahead.h"
#include "registry/layer_apply.h"
#include "registry/mate.h"
#include "store/layer_tree.h"

/* What a layer may grow to: more than any honest one, less than fills a large disk by a bomb. */
#define LAYER_TAR_BYTES_MAX (2ULL << 40)

/* a stage that keeps what passes through */
struct source_kept {
	struct source source;
	struct source *below;
	int xfd;
};

static int kept_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_kept *k = (struct source_kept *)s;
	int r = source_next(k->below, ret, ret_n, e);

	if (r > 0) {
		int w = io_write_all(k->xfd, *ret, *ret_n);
		if (w < 0)
			return err_sys(e, -w, "write layer");
	}
	return r;
}

/* The archive into a file. Its names are read on the way, so that what cannot be unpacked is refused here too. */
static int keep(struct source *tar, int xfd, const struct layer_limits *limits, struct layer_stats *ret, struct err *e)
{
	struct source_kept kept = { .source.next = kept_next, .below = tar, .xfd = xfd };
	struct fstree tree;

	if (fstree_init(&tree, e) < 0)
		return -e->eno;
	const struct layer_tree_req q = { .tar = &kept.source, .tree = &tree, .layer = 1, .limits = limits, .alone = true };
	int r = layer_tree_apply(&q, ret, e);
	fstree_done(&tree);
	return r;
}

static int nameless(int xdir, struct err *e)
{
	int fd = openat(xdir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		fd = openat(xdir, ".erofs", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0 && unlinkat(xdir, ".erofs", 0) < 0) {
			err_sys(e, errno, "layer");
			close(fd);
			return -1;
		}
	}
	if (fd < 0)
		err_sys(e, errno, "create a file for the layer");
	return fd;
}

static int into_dir(const struct layer_store_req *q, struct source *tar, int xdir, struct buf *loose,
		    struct layer_stats *ret, struct err *e)
{
	struct layer_apply_req apply = { .tar = tar, .xdir = xdir, .limits = q->limits };
	struct mate mate;

	mate_init(&mate);
	/* with one processor two would only be in each other's way */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		apply.mate = &mate.ask;
	int r = layer_apply(&apply, loose, ret, e);
	mate_done(&mate);
	return r;
}

/* An image cannot be read before all of it is there: into the file @xtar, or one without a name beside what is
 * unpacked (then @xtar < 0). By then the DiffID has been verified. */
static int from_image(const struct layer_store_req *q, struct source *image, int xdir, int xtar, struct buf *loose,
		      struct layer_stats *ret, struct err *e)
{
	OWN_FD own = xtar < 0 ? nameless(xdir, e) : -1;
	struct source_kept kept = { .source.next = kept_next, .below = image, .xfd = xtar < 0 ? own : xtar };
	struct erofs_tar tar;
	struct fstree tree;
	struct stat st;

	if (kept.xfd < 0 || source_drain(&kept.source, NULL, e) < 0)
		return -e->eno;
	if (fstat(kept.xfd, &st) < 0)
		return err_sys(e, errno, "layer");
	if (xtar < 0) {
		if (erofs_tar_open(&tar, own, (uint64_t)st.st_size, e) < 0)
			return -e->eno;
		int r = into_dir(q, &tar.source, xdir, loose, ret, e);
		erofs_tar_close(&tar);
		return r;
	}
	if (fstree_init(&tree, e) < 0)
		return -e->eno;
	const struct layer_tree_req names = { .tree = &tree, .layer = 1, .limits = q->limits, .alone = true };
	int r = layer_tree_file(&names, xtar, (uint64_t)st.st_size, ret, e);
	fstree_done(&tree);
	return r;
}

/* what the stream is, is said by its bytes: whatever names the same DiffID means the same layer */
static int unpack_stream(const struct layer_store_req *q, struct source *stream, int xdir, int xtar, struct buf *loose,
			 struct layer_stats *ret, struct err *e)
{
	struct source_peek peek;
	const unsigned char *head;
	size_t n;

	source_peek_init(&peek, stream);
	if (source_peek(&peek, EROFS_HEAD_BYTES, &head, &n, e) < 0)
		return -e->eno;
	if (erofs_is_image(head, n))
		return from_image(q, &peek.source, xdir, xtar, loose, ret, e);
	return xtar < 0 ? into_dir(q, &peek.source, xdir, loose, ret, e) : keep(&peek.source, xtar, q->limits, ret, e);
}

/* into directory @xdir, or (@xtar >= 0) file @xtar */
static int unpack(const struct layer_store_req *q, int xdir, int xtar, struct buf *loose,
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
	struct source *tar = checked ? ahead_source(ahead) : &check.source;
	if (!r)
		r = unpack_stream(q, tar, xdir, xtar, loose, ret, e);
	ahead_close(ahead);
	inflate_close(in);
	return r;
}

int layer_store(const struct layer_store_req *q, struct layer_stats *ret, struct err *e)
{
	struct layer_stats stats = { 0 };
	OWN_BUF loose = { 0 };
	OWN_FD dir = -1, tar = -1;
	char key[64];

	if (storage_layer_begin(q->store, q->chain_id, key, &dir, e) < 0)
		return -e->eno;
	if ((q->store->form == STORE_TAR && storage_layer_tar(q->store, key, &tar, e) < 0) ||
	    unpack(q, dir, tar, &loose, &stats, e) < 0) {
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
