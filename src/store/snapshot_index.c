/* SPDX-License-Identifier: Apache-2.0
 *
 * The merged index of an image: see snapshot_index.h. It is written into a file without a name, which
 * gets its name when it is whole: a kill at any moment leaves nothing.
 */
#include "store/snapshot_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/erofs.h"
#include "store/layer_tree.h"
#include "store/others.h"
#include "store/snapshot.h"
#include "store/snapshot_seal.h"

enum { NAME_SPACE = SNAPSHOT_PATH_MAX + 16, COMPARE_BLOCK = 64 << 10 };

static int index_name(const char *chain_id, const char *what, char out[NAME_SPACE], struct err *e)
{
	char path[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	(void)snprintf(out, NAME_SPACE, "%s%s", path, what);
	return 0;
}

static int add_layer(const struct store *s, const char *chain_id, struct fstree *t, unsigned layer,
		     struct erofs_source *ret, struct err *e)
{
	char name[NAME_SPACE];
	struct stat st;

	if (index_name(chain_id, "/tar", name, e) < 0)
		return -e->eno;
	const struct store *home = s->n_others ? snapshot_home(s, chain_id, STORE_TAR) : s;
	ret->xfd = openat(home ? home->root_fd : s->root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (ret->xfd < 0 || fstat(ret->xfd, &st) < 0)
		return err_sys(e, errno, "open %s", name);
	ret->size_bytes = (uint64_t)st.st_size;
	const struct layer_tree_req q = { .tree = t, .layer = layer };
	int r = layer_tree_file(&q, ret->xfd, ret->size_bytes, NULL, e);
	return r < 0 ? err_ctx(e, "layer %s", chain_id) : 0;
}

static int build(const struct store *s, const char *const *chain, size_t n, int fd, struct err *e)
{
	struct fstree t = { 0 };
	struct erofs_source *sources = calloc(n, sizeof *sources);

	if (!sources)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < n; i++)
		sources[i].xfd = -1;
	int r = n > EROFS_SOURCES_MAX ? err_new(e, E_INVALID, E2BIG, "more than %d layers", EROFS_SOURCES_MAX) :
					fstree_init(&t, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_layer(s, chain[i], &t, (unsigned)i + 1, &sources[i], e);
	const struct erofs_req q = { &t, sources, n, fd };
	if (r == 0)
		r = erofs_write(&q, e);
	fstree_done(&t);
	for (size_t i = 0; i < n; i++)
		own_fd_done(&sources[i].xfd);
	free(sources);
	return r;
}

const struct store *snapshot_index_home(const struct store *s, const char *chain_id)
{
	const struct store *at;
	char name[NAME_SPACE];
	struct err ignored = { 0 };

	if (index_name(chain_id, "/erofs", name, &ignored) < 0)
		return NULL;
	for (size_t i = 0; (at = others_at(s, i)) && !others_has_file(at, name); i++)
		;
	return at;
}

int snapshot_index_make(const struct store *s, const char *const *chain, size_t n, bool durable, struct err *e)
{
	char name[NAME_SPACE];
	OWN_FD fd = -1;

	if (!n)
		return 0;
	if (index_name(chain[n - 1], "/erofs", name, e) < 0)
		return -e->eno;
	if (snapshot_index_home(s, chain[n - 1]))
		return 0;
	if (snapshot_file_open(s, chain[n - 1], &fd, e) < 0 || build(s, chain, n, fd, e) < 0 ||
	    seal_forget(s, chain[n - 1], "erofs", e) < 0 || /* of one that was there, where a removal was cut off */
	    snapshot_file_name(s, chain[n - 1], "erofs", fd, durable, e) < 0)
		return err_ctx(e, "index of layers");
	return 0;
}

static int same_content(int a, int b, struct err *e)
{
	OWN_PTR char *block = malloc(2 * COMPARE_BLOCK);

	if (!block)
		return err_new(e, E_NOMEM, ENOMEM, "compare");
	for (off_t at = 0;; at += COMPARE_BLOCK) {
		ssize_t n = pread(a, block, COMPARE_BLOCK, at), m = pread(b, block + COMPARE_BLOCK, COMPARE_BLOCK, at);
		if (n < 0 || m < 0)
			return errno == EIO ? 0 : err_sys(e, errno, "compare");
		if (n != m || memcmp(block, block + COMPARE_BLOCK, (size_t)n) != 0)
			return 0;
		if (n < COMPARE_BLOCK)
			return 1;
	}
}

/* the index as it ought to be: beside the one that is there, else in memory: nothing is written to a store of others, which
 * has no run-time state here, and a disk may be full or not to be written */
static int build_again(const struct store *s, const char *const *chain, size_t n, int *ret_fd, struct err *e)
{
	struct err full = { 0 };
	OWN_FD file = -1;

	if (s->run_fd >= 0) {
		if (snapshot_file_open(s, chain[n - 1], &file, &full) == 0 && build(s, chain, n, file, &full) == 0) {
			*ret_fd = fd_take(&file);
			return 0;
		}
		if (full.eno != ENOSPC && full.eno != EDQUOT && full.eno != EROFS) {
			*e = full;
			return -e->eno;
		}
	}
	OWN_FD fd = memfd_create("index", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "memory");
	if (build(s, chain, n, fd, e) < 0)
		return -e->eno;
	*ret_fd = fd_take(&fd);
	return 0;
}

int snapshot_index_check(const struct store *s, const char *const *chain, size_t n, struct err *e)
{
	OWN_FD fd = -1, have = -1;
	char name[NAME_SPACE];

	if (index_name(chain[n - 1], "/erofs", name, e) < 0)
		return -e->eno;
	have = openat(s->root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (have < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", name);
	if (build_again(s, chain, n, &fd, e) < 0)
		return err_ctx(e, "index of layers");
	return same_content(have, fd, e);
}

int snapshot_index_remove(const struct store *s, const char *chain_id, struct err *e)
{
	char name[NAME_SPACE];

	if (index_name(chain_id, "/erofs", name, e) < 0)
		return -e->eno;
	if (unlinkat(s->root_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", name);
	return seal_forget(s, chain_id, "erofs", e);
}
