/* SPDX-License-Identifier: Apache-2.0
 *
 * Disks in files: see disk.h.
 */
#include "store/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/own.h"
#include "format/ext4_make.h"
#include "sys/loopdev.h"
#include "sys/mountfd.h"

int disk_file_make(int xdir, const char *path, const struct storage_opt *opt, mode_t mode, struct err *e)
{
	struct ext4_make m = { .bytes = opt->bytes, .inodes = opt->inodes, .mode = mode,
			       .now = (uint32_t)(clock_now_ns() / 1000000000) };
	uint64_t length;
	int flags;

	if (getrandom(m.uuid, sizeof m.uuid, 0) != sizeof m.uuid)
		return err_sys(e, errno, "random name of a file system");
	m.uuid[6] = (uint8_t)((m.uuid[6] & 0x0f) | 0x40); /* version 4 (RFC 9562) */
	m.uuid[8] = (uint8_t)((m.uuid[8] & 0x3f) | 0x80);
	OWN_FD fd = openat(xdir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "make %s", path);
	/* on btrfs: no copy of each block that is written; others do not know it */
	if (!ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
		flags |= FS_NOCOW_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	return ext4_make(fd, &m, &length, e) < 0 ? err_ctx(e, "disk of %llu bytes", (unsigned long long)opt->bytes) : 0;
}

int disk_file_mount(int xdir, const char *path, const char *part, int *ret_fd, struct err *e)
{
	static const char *const data[] = { "discard" }; /* what is removed in it is given back */
	char device[LOOPDEV_PATH_MAX];
	OWN_FD bound = -1;

	/* two descriptors: the device keeps one of them, and with it a lock that it has */
	OWN_FD lock = openat(xdir, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	OWN_FD file = openat(xdir, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (lock < 0 || file < 0)
		return err_sys(e, errno, "open %s", path);
	if (lock_fd(lock, LOCK_EXCLUSIVE, e) < 0 || loopdev_open(file, part, device, &bound, e) < 0)
		return err_ctx(e, "%s", path);
	const struct mountfd_fs fs = { .type = "ext4", .source = device, .data = data, .n_data = ARRAY_LEN(data) };
	return mountfd_fs(&fs, ret_fd, e) < 0 ? err_ctx(e, "%s", path) : 0;
}
