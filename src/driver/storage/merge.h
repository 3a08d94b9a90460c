/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers of an image as one tree, by overlay's rules, without a mount: for drivers that copy
 * it, and on kernels without overlay.
 *
 * Descriptors: one per layer, whatever the depth of the tree.
 */
#ifndef ONGGI_DRIVER_STORAGE_MERGE_H
#define ONGGI_DRIVER_STORAGE_MERGE_H

#include <stddef.h>
#include <sys/stat.h>

#include "driver/storage/storage.h"

struct merge {
	int *base;            /* of each layer, topmost first */
	size_t n;
	const char *opaque;   /* overlay's attribute of a directory that hides those below */
};

/* A directory of the merged tree. */
struct merge_dir {
	const char *path;       /* "" is the root */
	const unsigned *layers; /* that have a part of it, topmost first */
	size_t n;
};

struct merge_entry {
	const char *name;
	unsigned layer;       /* which shows it */
	struct stat st;
};

int merge_open(const struct storage_lowers *lowers, struct merge *ret, struct err *e);
void merge_done(struct merge *m);
/** merge_root - the root directory; memory of @a. */
int merge_root(const struct merge *m, struct arena *a, struct merge_dir *ret, struct err *e);
/** merge_list - what is to be seen in @d, in order of names. */
int merge_list(const struct merge *m, const struct merge_dir *d, struct arena *a, struct merge_entry **ret,
	       size_t *ret_n, struct err *e);
/** merge_enter - the directory @name of @d, which layer @layer shows. */
int merge_enter(const struct merge *m, const struct merge_dir *d, const struct merge_entry *entry, struct arena *a,
		struct merge_dir *ret, struct err *e);
/** merge_dir_open - the part of @d in @layer, for reading. */
int merge_dir_open(const struct merge *m, const struct merge_dir *d, unsigned layer, int *ret_fd, struct err *e);
/** merge_file - open what @entry of @d is, in the layer that shows it. @flags as of open(2); O_NOFOLLOW is
 * added. */
int merge_file(const struct merge *m, const struct merge_dir *d, const struct merge_entry *entry, int flags,
	       int *ret_fd, struct err *e);

#endif
