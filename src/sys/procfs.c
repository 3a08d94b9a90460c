/* SPDX-License-Identifier: Apache-2.0
 *
 * Trusted procfs: see procfs.h.
 */
#include "sys/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/own.h"
#include "sys/mountfd.h"

int procfs_check(int xfd, struct err *e)
{
	struct statfs fs;

	if (fstatfs(xfd, &fs) < 0)
		return err_sys(e, errno, "check procfs");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_new(e, E_DENIED, EXDEV, "not a procfs");
	return 0;
}

int procfs_private(int *ret_fd, struct err *e)
{
	const struct mountfd_fs fs = { .type = "proc" };

	/* EPERM: a user namespace without its own PID namespace, or a /proc with covered parts */
	if (!mountfd_fs(&fs, ret_fd, e))
		return 0;
	OWN_FD fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open /proc");
	if (procfs_check(fd, e) < 0)
		return err_ctx(e, "/proc");
	err_clear(e);
	*ret_fd = fd_take(&fd);
	return 0;
}

int procfs_own(int *ret_fd, struct err *e)
{
	static const char *const data[] = { "subset=pid" };
	const struct mountfd_fs fs = { .type = "proc", .data = data, .n_data = 1 };

	return mountfd_fs(&fs, ret_fd, e);
}

int procfs_open(int xproc, const char *path, int flags, int *ret_fd, struct err *e)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, xproc, path, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	if (fd < 0)
		return err_sys(e, errno, "open /proc/%s", path);
	*ret_fd = (int)fd;
	return 0;
}

int procfs_write(int xproc, const char *path, const char *text, size_t n, struct err *e)
{
	OWN_FD fd = -1;

	if (procfs_open(xproc, path, O_WRONLY, &fd, e) < 0)
		return -e->eno;
	if (procfs_check(fd, e) < 0)
		return err_ctx(e, "/proc/%s", path);
	if (write(fd, text, n) != (ssize_t)n)
		return err_sys(e, errno, "write `/proc/%s`", path);
	return 0;
}
