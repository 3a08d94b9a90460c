/* SPDX-License-Identifier: Apache-2.0
 *
 * A file system of limited size in a sparse file of the store: ext4, by a loop device that the kernel
 * unbinds after the last mount.
 */
#ifndef ONGGI_STORE_DISK_H
#define ONGGI_STORE_DISK_H

#include <sys/types.h>

#include "base/err.h"
#include "spec/storage_opt.h"

/** disk_file_make - new file @path below @xdir with an empty file system, whose root has @mode. */
int disk_file_make(int xdir, const char *path, const struct storage_opt *opt, mode_t mode, struct err *e);
/** disk_file_mount - its file system, detached. @part: text in the path that no other disk has. Any number at once, of
 * one file, too. */
int disk_file_mount(int xdir, const char *path, const char *part, int *ret_fd, struct err *e);

#endif
