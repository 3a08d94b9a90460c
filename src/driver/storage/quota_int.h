/* SPDX-License-Identifier: Apache-2.0
 *
 * The means behind quota.h.
 */
#ifndef ONGGI_DRIVER_STORAGE_QUOTA_INT_H
#define ONGGI_DRIVER_STORAGE_QUOTA_INT_H

#include "driver/storage/quota.h"

/** disk_make - the file of container @id with an empty file system. */
int disk_make(const struct store *s, const char *id, const struct storage_opt *opt, struct err *e);
int disk_remove(const struct store *s, const char *id, struct err *e);

/** dataset_limit - of driver zfs: what container @id writes. */
int dataset_limit(const struct store *s, const char *id, uint64_t bytes, struct err *e);

bool qgroup_is_btrfs(const struct store *s);
/** qgroup_make - subvolume containers/ID/rw. */
int qgroup_make(const struct store *s, const char *id, struct err *e);
/** qgroup_limit - of subvolume @path below the store; quotas of the file system are turned on when they are off.
 * @own_only: what it shares with others does not count. */
int qgroup_limit(const struct store *s, const char *path, uint64_t bytes, bool own_only, struct err *e);
/** qgroup_of - number of the group of subvolume @path below the store, 0: none. */
uint64_t qgroup_of(const struct store *s, const char *path);
/** qgroup_remove - a group whose subvolume has been removed; 0: none. */
void qgroup_remove(const struct store *s, uint64_t group);

#endif
