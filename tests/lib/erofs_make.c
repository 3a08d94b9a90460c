/* SPDX-License-Identifier: Apache-2.0
 *
 * erofs_make IMAGE TAR...: one EROFS image of the names in layers, lowest first, whose data stay in the
 * tars. For tests.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/erofs.h"
#include "store/layer_tree.h"

static int add(const char *path, struct fstree *t, unsigned layer, struct erofs_source *ret, struct err *e)
{
	struct stat st;
	struct source_mem m;

	ret->xfd = open(path, O_RDONLY | O_CLOEXEC);
	if (ret->xfd < 0 || fstat(ret->xfd, &st) < 0)
		return err_sys(e, errno, "open %s", path);
	ret->size_bytes = (uint64_t)st.st_size;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, ret->xfd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "map %s", path);
	source_mem_init(&m, p, (size_t)st.st_size);
	const struct layer_tree_req q = { .tar = &m.source, .tree = t, .layer = layer };
	int r = layer_tree_apply(&q, NULL, e);
	(void)munmap(p, (size_t)st.st_size); /* cannot fail */
	return r;
}

int main(int argc, char **argv)
{
	struct fstree t;
	struct err e = { 0 };
	struct erofs_source *sources = calloc((size_t)argc, sizeof *sources);
	int fd = argc > 2 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	int r = sources && fd >= 0 ? fstree_init(&t, &e) : -1;

	for (int i = 2; r == 0 && i < argc; i++)
		r = add(argv[i], &t, (unsigned)i - 1, &sources[i - 2], &e);
	const struct erofs_req q = { &t, sources, (size_t)argc - 2, fd };
	if (r == 0)
		r = erofs_write(&q, &e);
	if (r < 0)
		fprintf(stderr, "erofs_make: %s\n", e.chain);
	fstree_done(&t);
	free(sources);
	return r < 0;
}
