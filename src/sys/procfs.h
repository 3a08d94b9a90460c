/* SPDX-License-Identifier: Apache-2.0
 *
 * A procfs that nothing of a container can have replaced: for every write of ours to /proc
 * (CVE-2019-16884, CVE-2019-19921, CVE-2023-28642, CVE-2025-52881). CHILD_SAFE.
 */
#ifndef ONGGI_SYS_PROCFS_H
#define ONGGI_SYS_PROCFS_H

#include <stddef.h>

#include "base/err.h"

/** procfs_private - a detached procfs mount of the caller's PID namespace; where that is
 * forbidden, the /proc that the caller sees now, verified to be a procfs: call it before the
 * caller's root changes. */
int procfs_private(int *ret_fd, struct err *e);
/** procfs_own - a detached procfs of the processes only, without /proc/sys and the other files of the
 * system (Linux 5.8), for what a process does with its own files, as its LSM label: the container may
 * look at a process that holds it. Fails where a new procfs is forbidden. */
int procfs_own(int *ret_fd, struct err *e);
/** procfs_check - E_DENIED unless @xfd is the root or any file of a procfs. */
int procfs_check(int xfd, struct err *e);
/** procfs_open - open @path below @xproc: no magic link, no mount point on the way. "self" is
 * resolved by the kernel. */
int procfs_open(int xproc, const char *path, int flags, int *ret_fd, struct err *e);
/** procfs_write - write @n bytes to @path below @xproc by one write. */
int procfs_write(int xproc, const char *path, const char *text, size_t n, struct err *e);

#endif
