/* SPDX-License-Identifier: Apache-2.0
 *
 * What drivers share that stack layers: overlay of the kernel, alone or over EROFS, and fuse-overlayfs.
 */
#ifndef ONGGI_DRIVER_STORAGE_OVERLAY_INT_H
#define ONGGI_DRIVER_STORAGE_OVERLAY_INT_H

#include "driver/storage/storage.h"

/** overlay_dirs - names of directories of container @id in @step: lowers (those of @over), upper, work. */
int overlay_dirs(const struct store *s, const char *id, const struct storage_lowers *over, bool read_only,
		 struct arena *a, struct mount_step *step, struct err *e);
/** overlay_step - the same, and have them ready to be mounted. */
int overlay_step(const struct store *s, const char *id, const struct storage_lowers *over, bool read_only,
		 struct arena *a, struct mount_step *step, struct err *e);
/** overlay_plan_over - an overlay mount of @over and the writable layer. */
int overlay_plan_over(const struct store *s, const char *id, const struct storage_lowers *over, unsigned flags,
		      struct arena *a, struct mount_plan *ret, struct err *e);
/* verbs of storage_ops */
int overlay_prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e);
int overlay_remove(const struct store *s, const char *id, struct err *e);
int overlay_changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		    struct storage_changes *ret, struct err *e);
uint64_t overlay_bytes(const struct store *s, const char *id, const struct storage_lowers *lowers);

#endif
