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
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/erofs.h"
#include "store/layer_tree.h"
#include "store/snapshot.h"

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
	struct source_at tar;
	char name[NAME_SPACE];
	struct stat st;

	if (index_name(chain_id, "/tar", name, e) < 0)
		return -e->eno;
	ret->xfd = openat(s->root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (ret->xfd < 0 || fstat(ret->xfd, &st) < 0)
		return err_sys(e, errno, "open %s", name);
	ret->size_bytes = (uint64_t)st.st_size;
	if (source_at_init(&tar, ret->xfd, 0, ret->size_bytes, e) < 0)
		return -e->eno;
	const struct layer_tree_req q = { .tar = &tar.source, .tree = t, .layer = layer };
	int r = layer_tree_apply(&q, NULL, e);
	source_at_done(&tar);
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

/* a file in the snapshot's folder that has no name yet */
static int open_nameless(const struct store *s, const char *chain_id, int *ret_fd, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	*ret_fd = openat(s->root_fd, path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? err_sys(e, errno, "make a file in %s", path) : 0;
}

int snapshot_index_make(const struct store *s, const char *const *chain, size_t n, bool durable, struct err *e)
{
	char name[NAME_SPACE], self[32];
	OWN_FD fd = -1;

	if (!n)
		return 0;
	if (index_name(chain[n - 1], "/erofs", name, e) < 0)
		return -e->eno;
	if (!faccessat(s->root_fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (open_nameless(s, chain[n - 1], &fd, e) < 0 || build(s, chain, n, fd, e) < 0)
		return err_ctx(e, "index of layers");
	if (fchmod(fd, 0400) < 0 || (durable && fsync(fd) < 0))
		return err_sys(e, errno, "write %s", name);
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	/* of two at once the first's is kept: both are the same */
	if (linkat(AT_FDCWD, self, s->root_fd, name, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
		return err_sys(e, errno, "link %s", name);
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

int snapshot_index_check(const struct store *s, const char *const *chain, size_t n, struct err *e)
{
	OWN_FD fd = -1, have = -1;
	char name[NAME_SPACE];

	if (index_name(chain[n - 1], "/erofs", name, e) < 0)
		return -e->eno;
	have = openat(s->root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (have < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", name);
	if (open_nameless(s, chain[n - 1], &fd, e) < 0 || build(s, chain, n, fd, e) < 0)
		return err_ctx(e, "index of layers");
	return same_content(have, fd, e);
}

int snapshot_index_remove(const struct store *s, const char *chain_id, struct err *e)
{
	char name[NAME_SPACE];

	if (index_name(chain_id, "/erofs", name, e) < 0)
		return -e->eno;
	return unlinkat(s->root_fd, name, 0) < 0 && errno != ENOENT ? err_sys(e, errno, "remove %s", name) : 0;
}
