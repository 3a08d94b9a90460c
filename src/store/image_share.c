/* SPDX-License-Identifier: Apache-2.0
 *
 * The mount that containers share: see image_share.h.
 */
#include "store/image_share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "sys/mountfd.h"

enum { PATH_BUF = 160 };

/* 0: open and locked | 1: it was removed while we waited | -errno */
static int folder_lock(const struct store *s, const char *dir, bool make, int *ret_fd, struct err *e)
{
	struct stat st;

	if (make && io_mkdir_p(s->run_fd, dir, 0700, e) < 0)
		return -e->eno;
	OWN_FD fd = openat(s->run_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "open %s", dir);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "lock %s", dir);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", dir);
	if (!st.st_nlink)
		return 1;
	*ret_fd = fd_take(&fd);
	return 0;
}

static int make_dir(int xdir, const char *name, struct err *e)
{
	return mkdirat(xdir, name, 0700) < 0 && errno != EEXIST ? err_sys(e, errno, "mkdir %s", name) : 0;
}

/* locked: take away what nobody uses */
static void tidy(int xdir, const struct store *s, const char *dir)
{
	char path[PATH_BUF];

	if (unlinkat(xdir, "users", AT_REMOVEDIR) < 0 && errno != ENOENT)
		return; /* somebody does */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/root", xdir);
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	(void)unlinkat(xdir, "root", AT_REMOVEDIR); /* mounted in another namespace: it stays until the next one */
	(void)unlinkat(s->run_fd, dir, AT_REMOVEDIR);
}

static int use_locked(int xdir, const char *id, int (*mount)(void *data, int *ret_fd, struct err *e), void *data, struct err *e)
{
	char user[PATH_BUF];
	OWN_FD mnt = -1;

	if (make_dir(xdir, "users", e) < 0 || make_dir(xdir, "root", e) < 0)
		return -e->eno;
	/* before the mount: where we are killed, the container's removal takes both */
	(void)snprintf(user, sizeof user, "users/%.128s", id);
	OWN_FD note = openat(xdir, user, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (note < 0)
		return err_sys(e, errno, "note the user %.12s", id);
	if (libc_is_mount_root(xdir, "root", AT_SYMLINK_NOFOLLOW) > 0)
		return 0;
	if (mount(data, &mnt, e) == 0 && mountfd_attach_at(mnt, xdir, "root", e) == 0)
		return 0;
	(void)unlinkat(xdir, user, 0); /* nothing was used */
	return -e->eno;
}

int image_share_use(const struct store *s, const char *id, const char *hex,
		    int (*mount)(void *data, int *ret_fd, struct err *e), void *data, struct err *e)
{
	char dir[PATH_BUF];
	OWN_FD fd = -1;
	int r;

	(void)snprintf(dir, sizeof dir, "erofs/%.64s", hex);
	while ((r = folder_lock(s, dir, true, &fd, e)) > 0)
		;
	if (r < 0)
		return r;
	if (use_locked(fd, id, mount, data, e) == 0)
		return 0;
	tidy(fd, s, dir);
	return err_ctx(e, "mount layers of %.12s", id);
}

int image_share_note(const struct store *s, const char *id, const char *hex, struct err *e)
{
	char path[PATH_BUF];

	(void)snprintf(path, sizeof path, "containers/%.80s/image", id);
	return symlinkat(hex, s->root_fd, path) < 0 && errno != EEXIST ? err_sys(e, errno, "note of the image") : 0;
}

int image_share_leave(const struct store *s, const char *id, struct err *e)
{
	char dir[PATH_BUF], user[PATH_BUF], path[PATH_BUF], hex[80];
	OWN_FD fd = -1;

	(void)snprintf(path, sizeof path, "containers/%.80s/image", id);
	ssize_t n = readlinkat(s->root_fd, path, hex, sizeof hex - 1);
	if (n != 64)
		return 0;
	hex[n] = 0;
	(void)snprintf(dir, sizeof dir, "erofs/%.64s", hex);
	int r = folder_lock(s, dir, false, &fd, e);
	if (r)
		return r < 0 ? r : 0;
	(void)snprintf(user, sizeof user, "users/%.128s", id);
	if (unlinkat(fd, user, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "forget the user %.12s", id);
	tidy(fd, s, dir);
	return 0;
}
