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
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"

#define HINT   "trusted.onggi.kdevtmpfs" /* "PID DEVICE INODE" */
#define THREAD "(kdevtmpfs)"

enum { KTHREADD = 2, PF_KTHREAD_ = 0x00200000, RESERVED_PIDS = 300 /* kernel/pid.c */ };

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

struct hint {
	long pid;
	unsigned long long dev, ino; /* of the namespace */
};

/* The numbers of a namespace that lives as long as the machine runs, found at a PID that is never given
 * to a process: below RESERVED_PIDS there is nobody but who was there when the machine started. */
static int open_again(const struct hint *h, int *ret_fd)
{
	char path[48];
	struct stat st;

	if (h->pid >= RESERVED_PIDS)
		return -ENOENT;
	(void)snprintf(path, sizeof path, "/proc/%ld/ns/mnt", h->pid);
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != h->dev || st.st_ino != h->ino)
		return -ENOENT;
	*ret_fd = fd_take(&fd);
	return 0;
}

static void hint_keep(int xdir, long pid, int xns)
{
	struct stat st;
	char text[96];

	if (fstat(xns, &st) < 0)
		return;
	int n = snprintf(text, sizeof text, "%ld %llu %llu", pid, (unsigned long long)st.st_dev,
			 (unsigned long long)st.st_ino);
	(void)fsetxattr(xdir, HINT, text, (size_t)n, 0); /* else found again next time */
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
		if (r == 0)
			hint_keep(xdir, pid, *ret_fd);
		return r;
	}
}

int kernelns_open(int xdir, int *ret_fd)
{
	char text[96];
	ssize_t n = fgetxattr(xdir, HINT, text, sizeof text - 1);
	struct hint h;

	text[n > 0 ? n : 0] = 0;
	if (sscanf(text, "%ld %llu %llu", &h.pid, &h.dev, &h.ino) == 3 &&
	    (open_again(&h, ret_fd) == 0 || open_of(h.pid, ret_fd) == 0))
		return 0;
	return search(xdir, ret_fd);
}
