/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of FUSE over a small tree (needs registry). They come from the kernel, which is trusted; the replies must be
 * whole all the same.
 */
#include <linux/fuse.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/lazy/fuse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ssize_t read_file(void *data, const struct fsnode *file, uint64_t at, void *buf, size_t n)
{
	(void)data;
	if (at >= file->size_bytes)
		return 0;
	n = n < file->size_bytes - at ? n : (size_t)(file->size_bytes - at);
	memset(buf, 'x', n);
	return (ssize_t)n;
}

static struct fsnode *put(struct fstree *t, struct fsnode *dir, const char *name, mode_t mode)
{
	struct fsnode *n = fstree_node(t, mode);
	struct err e = { 0 };

	if (!n || fstree_put(t, dir, name, strlen(name), n, 1, &e) < 0)
		abort();
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fsxattr attrs[] = { { "user.a", (const unsigned char *)"b", 1 } };
	const struct fuse_files files = { read_file, NULL };
	struct fuse_tree *tree;
	struct fstree t;
	struct err e = { 0 };

	if (size > FUSE_REQUEST_MAX || fstree_init(&t, &e) < 0)
		return 0;
	struct fsnode *dir = put(&t, t.root, "dir", S_IFDIR | 0755), *file = put(&t, dir, "file", S_IFREG | 0644);
	put(&t, dir, "link", S_IFLNK | 0777)->link = "file";
	file->size_bytes = 100000;
	file->xattrs = attrs;
	file->n_xattrs = 1;
	void *request = malloc(size + 1), *reply = malloc(FUSE_REPLY_MAX);
	if (!request || !reply || fuse_tree_open(t.root, &tree, &e) < 0)
		abort();
	memcpy(request, data, size);
	size_t n = fuse_answer(tree, &files, request, size, reply);
	const struct fuse_out_header *head = reply;
	if (n > FUSE_REPLY_MAX || (n && (n < sizeof *head || head->len != n || (head->error && n != sizeof *head))))
		abort();
	fuse_tree_close(tree);
	free(request);
	free(reply);
	fstree_done(&t);
	return 0;
}
