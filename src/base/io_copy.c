/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of files by the kernel: see io.h.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"

/* what copy_file_range(2) says where it cannot, but read and write can */
static bool is_no_range(int error)
{
	return error == EXDEV || error == EINVAL || error == ENOSYS || error == EBADF || error == EOPNOTSUPP;
}

int io_copy_fd(int xin, int xout, struct err *e)
{
	char block[65536];

	for (;;) {
		ssize_t n = copy_file_range(xin, NULL, xout, NULL, 1 << 30, 0);
		if (n > 0)
			continue;
		if (n < 0 && !is_no_range(errno))
			return err_sys(e, errno, "copy");
		break; /* 0 may mean a file of procfs that has content all the same: read on */
	}
	for (;;) {
		ssize_t n = read(xin, block, sizeof block);
		if (!n)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "copy: read");
		int r = io_write_all(xout, block, (size_t)n);
		if (r < 0)
			return err_sys(e, -r, "copy: write");
	}
}

/* bytes [@at, @end), which the file has or had: one that is cut meanwhile ends early */
static int copy_part(int xin, int xout, off_t at, off_t end, struct err *e)
{
	char block[65536];
	bool ranges = true;

	while (at < end) {
		off_t from = at, to = at;
		size_t want = (size_t)(end - at);
		ssize_t n;
		if (ranges) {
			n = copy_file_range(xin, &from, xout, &to, want, 0);
			if (n < 0 && is_no_range(errno)) {
				ranges = false;
				continue;
			}
		} else {
			n = pread(xin, block, want < sizeof block ? want : sizeof block, at);
			if (n > 0)
				n = pwrite(xout, block, (size_t)n, at);
		}
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "copy");
		if (!n)
			return 0;
		at += n > 0 ? n : 0;
	}
	return 0;
}

int io_copy_file(int xin, int xout, struct err *e)
{
	struct stat st;

	if (!ioctl(xout, FICLONE, xin))
		return 0;
	if (fstat(xin, &st) < 0)
		return err_sys(e, errno, "copy: stat");
	for (off_t at = 0; at < st.st_size;) {
		off_t data = lseek(xin, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* a hole to the end */
		off_t end = data < 0 ? -1 : lseek(xin, data, SEEK_HOLE);
		if (data < 0 || end < 0) { /* a file system that does not tell */
			data = at;
			end = st.st_size;
		}
		if (copy_part(xin, xout, data, end, e) < 0)
			return -e->eno;
		at = end;
	}
	return ftruncate(xout, st.st_size) < 0 ? err_sys(e, errno, "copy: size") : 0;
}
