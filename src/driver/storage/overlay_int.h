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
/** erofs_mount_nothing - a detached mount of an EROFS image without a file, which is a plain file in the store.
 * E_UNSUPPORTED says what this kernel lacks. */
int erofs_mount_nothing(const struct store *s, int *ret_fd, struct err *e);
/** storage_able - whether storage_able_note() has been told since RUN was made, so since the host started, that what
 * the probe of @driver tries works on the store's file system. */
bool storage_able(const struct store *s, const char *driver);
void storage_able_note(const struct store *s, const char *driver);
/* verbs of storage_ops */
int overlay_prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e);
int overlay_remove(const struct store *s, const char *id, struct err *e);
int overlay_changes(const struct store *s, const char *id, const struct storage_lowers *lowers,
		    struct storage_changes *ret, struct err *e);
void overlay_status(const struct store *s, unsigned flags, storage_say_fn say, void *data);
uint64_t overlay_bytes(const struct storage_ops *ops, const struct store *s, const char *id,
		       const struct storage_lowers *lowers);

#endif
