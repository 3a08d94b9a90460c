/* SPDX-License-Identifier: Apache-2.0
 *
 * The mount namespace of kdevtmpfs: see kernelns.h.
 */
#include "sys/kernelns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"

#define HINT   "trusted.onggi.kdevtmpfs"
#define THREAD "(kdevtmpfs)"

enum { KTHREADD = 2, PF_KTHREAD_ = 0x00200000 };

/* "25 (kdevtmpfs) S 2 0 0 0 -1 2130240 ...": a child of kthreadd, a thread of the kernel */
static int is_thread(const char *stat)
{
	const char *p = strstr(stat, " " THREAD " ");
	int parent;
	unsigned flags;

	return p && p == strchr(stat, ' ') &&
	       sscanf(p + sizeof " " THREAD, "%*c %d %*d %*d %*d %*d %u", &parent, &flags) == 2 &&
	       parent == KTHREADD && flags & PF_KTHREAD_;
}

/* one directory descriptor for both looks: the PID cannot become somebody else's in between */
static int open_of(long pid, int *ret_fd)
{
	char path[32], stat[256];
	struct statfs fs;

	(void)snprintf(path, sizeof path, "/proc/%ld", pid);
	OWN_FD dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstatfs(dir, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -ENOENT;
	OWN_FD text = openat(dir, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = text < 0 ? -1 : read(text, stat, sizeof stat - 1);
	if (n < 0)
		return -errno;
	stat[n] = 0;
	if (!is_thread(stat))
		return -ENOENT;
	int fd = openat(dir, "ns/mnt", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* threads of the kernel are children of kthreadd, this one is among the first */
static int search(int xdir, int *ret_fd)
{
	char text[4096];
	OWN_FD fd = open("/proc/2/task/2/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (n < 0)
		return -errno;
	text[n] = 0;
	for (char *p = text, *end;; p = end) {
		long pid = strtol(p, &end, 10);
		if (end == p || !*end) /* the last one may be cut */
			return -ENOENT;
		int r = open_of(pid, ret_fd);
		if (r == -ENOENT)
			continue;
		if (r == 0) {
			char hint[24];
			int k = snprintf(hint, sizeof hint, "%ld", pid);
			(void)fsetxattr(xdir, HINT, hint, (size_t)k, 0); /* else found again next time */
		}
		return r;
	}
}

int kernelns_open(int xdir, int *ret_fd)
{
	char hint[24];
	ssize_t n = fgetxattr(xdir, HINT, hint, sizeof hint - 1);

	if (n > 0) {
		hint[n] = 0;
		if (open_of(strtol(hint, NULL, 10), ret_fd) == 0)
			return 0;
	}
	return search(xdir, ret_fd);
}
