/* SPDX-License-Identifier: Apache-2.0
 *
 * What drivers share that keep a whole tree per container (vfs, btrfs, devicemapper).
 *
 *   containers/ID/rw/fs      the tree, where it is a directory of the store
 *   containers/ID/rw/made    empty; its time tells what the container has touched since
 */
#ifndef ONGGI_DRIVER_STORAGE_FLAT_INT_H
#define ONGGI_DRIVER_STORAGE_FLAT_INT_H

#include "driver/storage/merge.h"

enum { FLAT_DEPTH_MAX = 400 };

/* Files of several names, by inode: a copy of the second is a link to the copy of the first. */
struct flat_links {
	struct flat_link *slots;
	size_t n, size;
	struct arena a;
};
/** flat_links_find - path that was noted for the file; NULL: none. */
const char *flat_links_find(const struct flat_links *l, unsigned source, const struct stat *st);
int flat_links_add(struct flat_links *l, unsigned source, const struct stat *st, const char *path, struct err *e);
void flat_links_done(struct flat_links *l);

/** flat_copy - the merged tree of @lowers, attributes and links included, into the empty directory
 * @to. Content is shared where the file system can (reflink). */
int flat_copy(const struct storage_lowers *lowers, int to, struct err *e);
/** flat_copy_file - content and attributes of @from into @name, which is new, in @to_dir. */
int flat_copy_file(int from, int to_dir, const char *name, struct err *e);
/** flat_prepare - folders of container @id and, by @make, its tree; then the mark. */
int flat_prepare(const struct store *s, const char *id, int (*make)(void *data, int rw_fd, struct err *e), void *data,
		 struct err *e);
/** flat_made - whether it was: E_CORRUPT when its maker was killed. */
int flat_made(const struct store *s, const char *id, struct err *e);
int flat_plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
	      struct arena *a, struct mount_plan *ret, struct err *e);
int flat_changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		 struct storage_changes *ret, struct err *e);
/** flat_changes_of - the same of a tree that lies elsewhere: its directory @tree, open for reading. */
int flat_changes_of(const struct store *s, const char *id, int tree, const struct storage_lowers *lowers,
		    struct storage_changes *ret, struct err *e);
/** flat_changes_since - the same of a tree that has no mark: nothing in it was changed before @since. */
int flat_changes_since(const struct store *s, const char *id, int tree, const struct timespec *since,
		       const struct storage_lowers *lowers, struct storage_changes *ret, struct err *e);
/** flat_bytes - of the files that the driver's changes() finds. */
uint64_t flat_bytes(const struct storage_ops *ops, const struct store *s, const char *id, const struct storage_lowers *lowers);

#endif
