/* SPDX-License-Identifier: Apache-2.0
 *
 * Project quota of xfs, ext4 and f2fs: what is made below a directory belongs to its project, whose
 * blocks and inodes are limited (ioctl_xfs_fsgetxattr(2), quotactl(2)). quotactl_fd, Linux 5.14.
 */
#ifndef ONGGI_SYS_PROJQUOTA_H
#define ONGGI_SYS_PROJQUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/** projquota_is_on - whether limits are enforced on the file system of @xdir. */
bool projquota_is_on(int xdir);
/** projquota_is_free - whether project @id has neither files nor limits there. 1, 0 or -errno. */
int projquota_is_free(int xdir, uint32_t id, struct err *e);
/** projquota_limit - hard limits of project @id, in bytes (rounded up to KiB) and in inodes; 0: none. */
int projquota_limit(int xdir, uint32_t id, uint64_t bytes, uint64_t inodes, struct err *e);
/** projquota_is_over - whether project @id has more than its limits: ext4 does not hold a process with CAP_SYS_RESOURCE
 * to them. 1, 0 or -errno. */
int projquota_is_over(int xdir, uint32_t id, struct err *e);
/** projquota_mark - empty directory @xdir and all that will be made in it are of project @id. */
int projquota_mark(int xdir, uint32_t id, struct err *e);

#endif
