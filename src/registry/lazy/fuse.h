/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree in memory as a read-only file system by FUSE's protocol (linux/fuse.h, 7.31 and later): one request in,
 * one reply out. Nothing here waits but the reading of files, which is the owner's.
 *
 * The tree never changes, so the kernel may keep every name, attribute, link and page as long as it likes, and files
 * need not be opened: nothing is asked twice.
 */
#ifndef ONGGI_REGISTRY_LAZY_FUSE_H
#define ONGGI_REGISTRY_LAZY_FUSE_H

#include "format/fstree.h"

enum {
	FUSE_READ_MAX = 1 << 20,              /* bytes of one read */
	FUSE_REQUEST_MAX = 128 << 10,         /* what the kernel wants to have room for, and more */
	FUSE_REPLY_MAX = FUSE_READ_MAX + 4096,
};

struct fuse_tree;

/** fuse_tree_open - number all nodes below @root, a directory; they are borrowed. Sets their id and nlink. */
int fuse_tree_open(struct fsnode *root, struct fuse_tree **ret, struct err *e);
void fuse_tree_close(struct fuse_tree *t);

/* Who has the files' content: up to @n bytes from @at on into @buf. Bytes read, 0 at the end, or -errno. */
struct fuse_files {
	ssize_t (*read)(void *data, const struct fsnode *file, uint64_t at, void *buf, size_t n);
	void *data;
};

/** fuse_answer - the reply to one request of @n bytes, in @out of FUSE_REPLY_MAX. Bytes of the reply, 0: it wants none. */
size_t fuse_answer(const struct fuse_tree *t, const struct fuse_files *files, const void *request, size_t n, void *out);

/** fuse_init_says_resend - whether the kernel of INIT request @request gives requests again that were read and not answered
 * (Linux 6.9). */
bool fuse_init_says_resend(const void *request, size_t n);
/** fuse_resend - the message that asks for them, in @out. Its bytes. */
size_t fuse_resend(void *out);

#endif
