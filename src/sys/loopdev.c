/* SPDX-License-Identifier: Apache-2.0
 *
 * Loop devices: see loopdev.h.
 */
#include "sys/loopdev.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"

/* others that want a free device at the same time may be first: each loss is the success of one of them */
enum { FREE_TRIES = 4096 };

/* whether device @name shows a file whose path has @part in it; most have nothing to be opened for */
static bool is_like(int blocks, const char *name, const char *part)
{
	char path[300], text[4096];

	(void)snprintf(path, sizeof path, "%s/loop/backing_file", name);
	OWN_FD fd = openat(blocks, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	return strstr(text, part) != NULL;
}

/* 1: @ret_fd is open and cannot be unbound any more. 0: it shows something else, or nothing */
static int bound_open(const char *name, const struct stat *file, char path[LOOPDEV_PATH_MAX], int *ret_fd)
{
	struct loop_info64 info;

	if (snprintf(path, LOOPDEV_PATH_MAX, "/dev/%s", name) >= LOOPDEV_PATH_MAX)
		return 0;
	OWN_FD fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0 || info.lo_device != file->st_dev ||
	    info.lo_inode != file->st_ino)
		return 0;
	*ret_fd = fd_take(&fd);
	return 1;
}

static int find(const struct stat *file, const char *part, char path[LOOPDEV_PATH_MAX], int *ret_fd, struct err *e)
{
	OWN_DIR d = opendir("/sys/block");

	if (!d)
		return err_sys(e, errno, "open /sys/block");
	for (struct dirent *en; (en = readdir(d));)
		if (text_starts(en->d_name, "loop") && is_like(dirfd(d), en->d_name, part) &&
		    bound_open(en->d_name, file, path, ret_fd))
			return 1;
	return 0;
}

static int bind_free(int xfile, char path[LOOPDEV_PATH_MAX], int *ret_fd, struct err *e)
{
	const struct loop_config config = {
		.fd = (__u32)xfile,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO, /* the latter where the file can */
	};
	OWN_FD control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0) {
		(void)err_sys(e, errno, "open /dev/loop-control");
		err_hint(e, "load it with: modprobe loop");
		return -e->eno;
	}
	for (int tries = 0; tries < FREE_TRIES; tries++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			return err_sys(e, errno, "find a free loop device");
		(void)snprintf(path, LOOPDEV_PATH_MAX, "/dev/loop%d", number);
		OWN_FD fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open %s", path);
		if (!ioctl(fd, LOOP_CONFIGURE, &config)) {
			*ret_fd = fd_take(&fd);
			return 0;
		}
		if (errno != EBUSY)
			return err_sys(e, errno, "bind %s", path);
	}
	return err_new(e, E_BUSY, EBUSY, "others keep taking the free loop devices");
}

int loopdev_open(int xfile, const char *part, char ret_path[LOOPDEV_PATH_MAX], int *ret_fd, struct err *e)
{
	struct stat st;

	if (fstat(xfile, &st) < 0)
		return err_sys(e, errno, "stat");
	int r = find(&st, part, ret_path, ret_fd, e);
	return r < 0 ? -e->eno : r > 0 ? 0 : bind_free(xfile, ret_path, ret_fd, e);
}
