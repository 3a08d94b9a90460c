/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces as descriptors: see nsfd.h.
 */
#include "sys/nsfd.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

int nsfd_open(const char *path, int clone_flag, const char *name, int *ret_fd, struct err *e)
{
	/* O_NONBLOCK: the path is the user's and could be a FIFO */
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno, "%s namespace: open %s", name, path);
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return err_new(e, E_INVALID, EINVAL, "%s namespace: %s is not a namespace", name, path);
	if (type != clone_flag)
		return err_new(e, E_INVALID, EINVAL, "%s namespace: %s is a namespace of another type", name,
			       path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int nsfd_join(int xns, int clone_flag, const char *name, struct err *e)
{
	if (setns(xns, clone_flag) < 0)
		return err_sys(e, errno, "join %s namespace", name);
	return 0;
}

bool nsfd_same(int xa, int xb)
{
	struct stat a, b;

	return !fstat(xa, &a) && !fstat(xb, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool nsfd_may_return(const char *path)
{
	OWN_FD home = open(path, O_RDONLY | O_CLOEXEC);
	/* refused for an owner above our own */
	OWN_FD owner = home < 0 ? -1 : ioctl(home, NS_GET_USERNS);

	return owner >= 0;
}

int nsfd_time_new(int xproc, const struct nsfd_time_offset *monotonic,
		  const struct nsfd_time_offset *boottime, struct err *e)
{
	char text[128];
	int n = 0;

	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(e, errno, "make time namespace");
	if (monotonic->set)
		n += snprintf(text + n, sizeof text - (size_t)n, "monotonic %lld %u\n",
			      (long long)monotonic->secs, monotonic->nanosecs);
	if (boottime->set)
		n += snprintf(text + n, sizeof text - (size_t)n, "boottime %lld %u\n",
			      (long long)boottime->secs, boottime->nanosecs);
	if (n) {
		OWN_FD fd = openat(xproc, "self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, text, (size_t)n) != n)
			return err_sys(e, errno, "write offsets of the time namespace");
	}
	OWN_FD ns = openat(xproc, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(e, errno, "open time namespace");
	return nsfd_join(ns, CLONE_NEWTIME, "time", e);
}
