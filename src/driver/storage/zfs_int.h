/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the storage driver "zfs": the datasets of a store, and mounts of them. See docs/adr/0020.
 *
 *   PARENT/onggi-TAG             the store's own dataset; property onggi:store is the store's path
 *   PARENT/onggi-TAG/i-HEX       image whose topmost layer has that chain ID
 *   PARENT/onggi-TAG/i-HEX@whole made last: where it is, the image is whole
 *   PARENT/onggi-TAG/c-ID        container, a clone of it
 *
 *   zfs/dataset                  name of the store's own dataset, noted before it is made
 *   zfs/lock                     taken while it is made
 *   zfs/use                      shared by those that make containers: it is not given up meanwhile
 *   zfs/sweep                    locked by who sweeps; shared by those that make an image's dataset
 *   zfs/left                     empty: something could not be destroyed when it should have been
 *   snapshots/HEX/zfs-lock       taken by who makes the image's dataset
 *   RUN/zfs/{i-HEX,c-ID}         mount points, with zfs-fuse only
 *
 * The name of a dataset says whose it is, so nothing has to be noted: one whose owner's folder (containers/ID,
 * snapshots/HEX) is gone is swept. Folders are made before datasets and removed after them.
 */
#ifndef ONGGI_DRIVER_STORAGE_ZFS_INT_H
#define ONGGI_DRIVER_STORAGE_ZFS_INT_H

#include <stdbool.h>

#include "driver/storage/storage.h"

/* that of OpenZFS; zfs-fuse has the same */
enum { ZFS_NAME_MAX = 256, ZFS_PART_MAX = 72 };

#define ZFS_WHOLE "whole"

/* for the daemon zfs-fuse to let go of what was unmounted; what takes longer is in use by somebody */
#define ZFS_WAIT_NS INT64_C(5000000000)

struct zfs {
	const struct store *s;
	bool fuse; /* datasets are mounted by the daemon zfs-fuse, not by the kernel */
	char name[ZFS_NAME_MAX]; /* of the store's own dataset */
};

/** zfs_run - run the program; once more when the daemon zfs-fuse broke off. @done: the end of its complaint that
 * it was done already, NULL: none. */
int zfs_run(const char *const *argv, const char *done, struct err *e);

/** zfs_is_noted - whether the store has, or had, datasets. */
bool zfs_is_noted(const struct store *s);
/** zfs_check - whether ZFS is here and the store has, or can have, a dataset; E_UNSUPPORTED says what is missing. */
int zfs_check(const struct store *s, struct err *e);
/** zfs_open - the store's dataset; with @make a name for it when there is none. That it exists is found out by use. */
int zfs_open(const struct store *s, bool make, struct zfs *ret, struct err *e);
/** zfs_own_make - the store's own dataset, when it is missing. */
int zfs_own_make(const struct zfs *z, struct err *e);

/* Datasets below it, by the last part of their name. */
/** zfs_has - 1: there is @part ("" or PART or PART@SNAPSHOT), 0: there is none. */
int zfs_has(const struct zfs *z, const char *part, struct err *e);
int zfs_create(const struct zfs *z, const char *part, struct err *e);
int zfs_snapshot(const struct zfs *z, const char *part, struct err *e);
/** zfs_clone - @part out of the snapshot of @from. */
int zfs_clone(const struct zfs *z, const char *from, const char *part, struct err *e);
/** zfs_quota - limit what is written to @part, without what it shares with its image. */
int zfs_quota(const struct zfs *z, const char *part, uint64_t bytes, struct err *e);
/** zfs_destroy - it and its snapshots; none is success. -EBUSY (E_BUSY): it is mounted somewhere, or has clones. */
int zfs_destroy(const struct zfs *z, const char *part, struct err *e);

/** zfs_sweep - destroy what has no owner any more; the store's own dataset too when that was all. What cannot be
 * destroyed now is noted in zfs/left. */
void zfs_sweep(const struct zfs *z);
/** zfs_left - whether there is something noted. */
bool zfs_left(const struct store *s);
int zfs_left_note(const struct store *s, struct err *e);

/** zfs_by_kernel - 1: the kernel mounts ZFS; 0: the daemon zfs-fuse does, and runs. E_UNSUPPORTED: neither. */
int zfs_by_kernel(struct err *e);
/** zfs_mount - a detached mount of @part. Not by two at once: the caller has a lock of it. With zfs-fuse it is
 * mounted in RUN/zfs, too, until zfs_unmount. */
int zfs_mount(const struct zfs *z, const char *part, int *ret_fd, struct err *e);
/** zfs_unmount - away from RUN/zfs, if it is there, and wait until the daemon has let go of it, but not for ever: those
 * who have it open keep it. */
int zfs_unmount(const struct zfs *z, const char *part, struct err *e);
/** zfs_watch - a descriptor that tells zfs_wait of file systems that FUSE daemons have let go of. */
int zfs_watch(int *ret_fd, struct err *e);
/** zfs_wait - until a daemon has let go of one: 1; 0 when the time is over: @end, of the clock that counts from the
 * start of the system. */
int zfs_wait(int xwatch, int64_t end_ns, struct err *e);

#endif
