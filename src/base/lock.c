/* SPDX-License-Identifier: Apache-2.0
 *
 * Open-file-description locks: see lock.h.
 */
#include "base/lock.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/own.h"

int lock_fd(int xfd, int mode, struct err *e)
{
	struct flock f = {
		.l_type = (mode & 0xf) == LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
	};
	while (fcntl(xfd, mode & LOCK_NOWAIT ? F_OFD_SETLK : F_OFD_SETLKW, &f) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EACCES)
			return err_new(e, E_BUSY, EBUSY, "locked by another process");
		return err_sys(e, errno, "lock");
	}
	return 0;
}

int lock_take(int xdir, const char *name, int mode, int *ret_fd, struct err *e)
{
	OWN_FD fd = openat(xdir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "open lock %s", name);
	if (lock_fd(fd, mode, e) < 0)
		return err_ctx(e, "%s", name);
	*ret_fd = fd_take(&fd);
	return 0;
}

void lock_drop(int *fd)
{
	struct flock f = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (*fd >= 0)
		(void)fcntl(*fd, F_OFD_SETLK, &f); /* cannot fail on a lock file */
	own_fd_done(fd);
}

bool lock_is_held(int xdir, const char *name)
{
	struct flock f = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	OWN_FD fd = openat(xdir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && !fcntl(fd, F_OFD_GETLK, &f) && f.l_type != F_UNLCK;
}
