/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts as descriptors: a file system or a tree is made detached, shaped, and at last attached
 * to a directory that is a descriptor too. No path of a container is ever resolved twice
 * (CVE-2021-30465). Needs mount_setattr, Linux 5.12. All functions are CHILD_SAFE.
 */
#ifndef ONGGI_SYS_MOUNTFD_H
#define ONGGI_SYS_MOUNTFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include <linux/mount.h> /* after the C library's, which may know more or less of it */

#include "base/err.h"

struct mountfd_fs {
	const char *type;
	const char *source;        /* NULL: none */
	const char *const *data;   /* "key" or "key=value"; NULL where n_data is 0 */
	size_t n_data;
	unsigned long sb_flags;    /* MS_RDONLY MS_SYNCHRONOUS MS_DIRSYNC MS_LAZYTIME MS_MANDLOCK */
	uint64_t attr;             /* MOUNT_ATTR_* of the mount */
	bool leaves_context;       /* its descriptor stays open: in a child that closes all at its exec */
};

/** mountfd_fs - make a file system and a detached mount of it. The error carries the words of
 * the file system itself. */
int mountfd_fs(const struct mountfd_fs *fs, int *ret_fd, struct err *e);

/** mountfd_classic - mount @fs by mount(2) on directory @xdir (-1: where we are), or on its entry @name (not ""; nobody
 * else may be able to change it). Few calls, no descriptor, and the working directory becomes @xdir.
 * Returns 0 or -errno, -EOPNOTSUPP for what does not go into that call; to learn more, mountfd_fs. */
int mountfd_classic(const struct mountfd_fs *fs, int xdir, const char *name);

/* The same in steps, for file systems whose data is more than a list of words. */
int mountfd_fs_open(const char *type, int *ret_fs, struct err *e);
int mountfd_fs_string(int xfs, const char *key, const char *value, struct err *e);
int mountfd_fs_file(int xfs, const char *key, int xfile, struct err *e);
int mountfd_fs_word(int xfs, const char *word, struct err *e);
int mountfd_fs_flags(int xfs, unsigned long ms_flags, struct err *e);
int mountfd_fs_mount(int xfs, const char *type, uint64_t attr, int *ret_fd, struct err *e);

enum mountfd_flags { MOUNTFD_REC = 1, MOUNTFD_NOFOLLOW = 2 };
/** mountfd_clone - detached copy of the mount at @path below @xdir (@path "": of @xdir itself),
 * with MOUNTFD_REC of the whole tree. */
int mountfd_clone(int xdir, const char *path, unsigned flags, int *ret_fd, struct err *e);
/** mountfd_attr - set and clear MOUNT_ATTR_* (an atime word needs MOUNT_ATTR__ATIME in @clr). */
int mountfd_attr(int xmnt, uint64_t set, uint64_t clr, unsigned flags, struct err *e);
/** mountfd_propagation - MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, perhaps | MS_REC. */
int mountfd_propagation(int xmnt, unsigned long ms, struct err *e);
/** mountfd_idmap - shift owners by the map of user namespace @xuserns; detached mounts only. */
int mountfd_idmap(int xmnt, int xuserns, unsigned flags, struct err *e);
/** mountfd_attach - attach detached @xmnt on top of @xtarget. */
int mountfd_attach(int xmnt, int xtarget, struct err *e);
/** mountfd_attach_at - the same to @name below @xdir, where nobody else can change names. */
int mountfd_attach_at(int xmnt, int xdir, const char *name, struct err *e);
/** mountfd_reconfigure - change a mounted file system: flags and data words. */
int mountfd_reconfigure(int xmnt, const struct mountfd_fs *fs, unsigned long sb_clr, struct err *e);

#endif
