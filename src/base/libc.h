/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls and texts that not every C library has: the programs are built with glibc and with musl.
 * Names of our own, so that a library that learns one is no conflict. All are CHILD_SAFE.
 */
#ifndef ONGGI_BASE_LIBC_H
#define ONGGI_BASE_LIBC_H

#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef STATX_BASIC_STATS
#include <linux/stat.h>
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE  (1 << 1)
#endif

/** libc_close_range - close_range(2): close @first to @last, or with CLOSE_RANGE_CLOEXEC at the next
 * exec. 0 or -1 with errno. */
static inline int libc_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

/** libc_renameat2 - renameat2(2): RENAME_NOREPLACE, RENAME_EXCHANGE. 0 or -1 with errno. */
static inline int libc_renameat2(int xfrom, const char *from, int xto, const char *to, unsigned flags)
{
	return (int)syscall(SYS_renameat2, xfrom, from, xto, to, flags);
}

/** libc_statx - statx(2). 0 or -1 with errno. */
static inline int libc_statx(int xdir, const char *path, int flags, unsigned mask, struct statx *ret)
{
	return (int)syscall(SYS_statx, xdir, path, flags, mask, ret);
}

/** libc_is_mount_root - whether a mount begins at @path below @xdir (Linux 5.8 tells): 1, 0, or -1 with errno. @flags of
 * statx(2). */
static inline int libc_is_mount_root(int xdir, const char *path, int flags)
{
	struct statx sx;

	if (libc_statx(xdir, path, flags, STATX_BASIC_STATS, &sx) < 0)
		return -1;
	return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/** libc_error_text - what strerror says in glibc, whose words users know and engines look for. No locale, no lock, no memory. */
const char *libc_error_text(int eno);

#endif
