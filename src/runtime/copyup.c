/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy of a directory's content: see copyup.h. Everything is opened relative to descriptors and
 * without following links; directories are read by getdents64, libc's readdir would allocate.
 */
#include "runtime/copyup.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"

enum { DEPTH_MAX = 256, XATTRS_MAX = 4096 };

struct entry { /* struct linux_dirent64, getdents64(2) */
	uint64_t ino, off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static void xattrs_copy(int from, int to)
{
	char names[XATTRS_MAX], value[XATTRS_MAX];
	ssize_t n = flistxattr(from, names, sizeof names);

	/* a file system that cannot keep an attribute is no reason to refuse the mount */
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t len = fgetxattr(from, names + i, value, sizeof value);
		if (len >= 0)
			(void)fsetxattr(to, names + i, value, (size_t)len, 0); /* see above */
	}
}

static int dir_copy(int from, int to, int depth, struct err *e);

static int entry_meta(int to, const char *name, const struct stat *st, struct err *e)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "owner of %s", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return err_sys(e, errno, "mode of %s", name);
	if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "time of %s", name);
	return 0;
}

static int file_copy(int from, int to, const char *name, struct err *e)
{
	OWN_FD in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(e, errno, "open %s", name);
	if (!S_ISREG(st.st_mode)) /* exchanged since it was looked at: a device may have no end */
		return err_new(e, E_BUSY, EAGAIN, "%s changes while it is copied", name);
	OWN_FD out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(e, errno, "make %s", name);
	if (io_copy_file(in, out, e) < 0)
		return err_ctx(e, "%s", name);
	xattrs_copy(in, out);
	return 0;
}

static int subdir_copy(int from, int to, const char *name, const struct stat *parent, int depth,
		       struct err *e)
{
	struct stat st;
	OWN_FD in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return err_sys(e, errno, "open %s", name);
	if (mkdirat(to, name, 0700) < 0)
		return err_sys(e, errno, "make %s", name);
	OWN_FD out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0 || fstat(in, &st) < 0)
		return err_sys(e, errno, "open %s", name);
	xattrs_copy(in, out);
	if (st.st_dev != parent->st_dev)
		return 0; /* a mount point: its content is not the image's */
	return dir_copy(in, out, depth + 1, e);
}

static int entry_copy(int from, int to, const char *name, const struct stat *parent, int depth,
		      struct err *e)
{
	char link[4096];
	struct stat st;
	ssize_t n;
	int r = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "look at %s", name);
	if (S_ISDIR(st.st_mode))
		r = subdir_copy(from, to, name, parent, depth, e);
	else if (S_ISREG(st.st_mode))
		r = file_copy(from, to, name, e);
	else if (S_ISLNK(st.st_mode)) {
		n = readlinkat(from, name, link, sizeof link - 1);
		if (n >= 0)
			link[n] = 0;
		if (n < 0 || symlinkat(link, to, name) < 0)
			r = err_sys(e, errno, "link %s", name);
	} else if (mknodat(to, name, st.st_mode, st.st_rdev) < 0)
		r = err_sys(e, errno, "make node %s", name);
	return r < 0 ? r : entry_meta(to, name, &st, e);
}

static int dir_copy(int from, int to, int depth, struct err *e)
{
	_Alignas(8) char block[4096];
	struct stat st;
	long n;

	if (depth > DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "more than %d levels of directories", DEPTH_MAX);
	if (fstat(from, &st) < 0)
		return err_sys(e, errno, "look at directory");
	while ((n = syscall(SYS_getdents64, from, block, sizeof block)) > 0) {
		for (long i = 0; i < n;) {
			const struct entry *d = (const struct entry *)(const void *)(block + i);
			i += d->reclen;
			if (!strcmp(d->name, ".") || !strcmp(d->name, ".."))
				continue;
			if (entry_copy(from, to, d->name, &st, depth, e) < 0)
				return -e->eno;
		}
	}
	return n < 0 ? err_sys(e, errno, "read directory") : 0;
}

int copyup_tree(int xfrom, int xto, struct err *e)
{
	struct stat st;
	OWN_FD in = openat(xfrom, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(e, errno, "open directory");
	if (dir_copy(in, xto, 0, e) < 0)
		return -e->eno;
	/* the mode came with the mount; the owner did not */
	if (fchownat(xto, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0)
		return err_sys(e, errno, "owner of directory");
	return 0;
}
