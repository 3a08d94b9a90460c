/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole reads and writes, atomic files: see io.h.
 */
#include "base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"

void io_close_all(int *const fds[], size_t n)
{
	enum { MAX = 16 };
	int v[MAX];
	size_t k = 0;

	for (size_t i = 0; i < n && k < MAX; i++) {
		size_t at = k;
		if (*fds[i] < 0)
			continue;
		for (; at && v[at - 1] > *fds[i]; at--)
			v[at] = v[at - 1];
		v[at] = *fds[i];
		k++;
		*fds[i] = -1;
	}
	for (size_t i = 0, to; i < k; i = to) {
		for (to = i + 1; to < k && v[to] == v[to - 1] + 1; to++)
			;
		if (to - i > 1 && !libc_close_range((unsigned)v[i], (unsigned)v[to - 1], 0))
			continue;
		for (size_t j = i; j < to; j++)
			(void)close(v[j]);
	}
}

int io_write_all_at(int xfd, const void *p, size_t n, off_t at)
{
	const char *c = p;
	while (n) {
		ssize_t w = pwrite(xfd, c, n, at);
		if (w < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		c += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

int io_write_all(int xfd, const void *p, size_t n)
{
	const char *c = p;
	while (n) {
		ssize_t w = write(xfd, c, n);
		if (w < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		c += w;
		n -= (size_t)w;
	}
	return 0;
}

ssize_t io_read_full(int xfd, void *p, size_t n)
{
	size_t got = 0;
	while (got < n) {
		ssize_t r = read(xfd, (char *)p + got, n - got);
		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (!r)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

int io_read_fd(int xfd, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	struct stat st;
	size_t cap = 4096, n = 0, size = 0;

	if (!fstat(xfd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= max)
		cap = (size = (size_t)st.st_size) + 1;
	OWN_STR p = malloc(cap + 1);
	if (!p)
		return err_new(e, E_NOMEM, ENOMEM, "read: out of memory");
	for (;;) {
		ssize_t r = read(xfd, p + n, cap - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(e, errno, "read");
		n += (size_t)r;
		/* a file of its stated size is whole: no second read to see its end */
		if (!r || (size && n == size))
			break;
		if (n < cap)
			continue;
		if (n > max)
			return err_new(e, E_INVALID, EFBIG, "larger than %zu bytes", max);
		cap *= 2;
		char *q = realloc(p, cap + 1);
		if (!q)
			return err_new(e, E_NOMEM, ENOMEM, "read: out of memory");
		p = q;
	}
	if (n > max)
		return err_new(e, E_INVALID, EFBIG, "larger than %zu bytes", max);
	p[n] = 0;
	*ret = ptr_take(&p);
	if (ret_n)
		*ret_n = n;
	return 0;
}

int io_read_file(int xdir, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	OWN_FD fd = openat(xdir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, errno, "open %s", name);
	if (io_read_fd(fd, max, ret, ret_n, e) < 0)
		return err_ctx(e, "%s", name);
	return 0;
}

static int sync_dir_of(int xdir, const char *name)
{
	const char *slash = strrchr(name, '/');
	OWN_STR parent = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
	if (!parent)
		return -ENOMEM;
	OWN_FD fd = openat(xdir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int io_sync_dir(int xdir, const char *path, struct err *e)
{
	OWN_FD fd = openat(xdir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "sync %s", path);
	return 0;
}

int io_replace_file(int xdir, const char *name, const void *p, size_t n, mode_t mode,
		    unsigned flags, struct err *e)
{
	uint64_t tag;
	char tmp[4096];
	int r;

	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "write %s: random name", name);
	const char *slash = strrchr(name, '/');
	int dirlen = slash ? (int)(slash - name) + 1 : 0;
	if (snprintf(tmp, sizeof tmp, "%.*s.tmp-%016llx", dirlen, name, (unsigned long long)tag) >=
	    (int)sizeof tmp)
		return err_new(e, E_INVALID, ENAMETOOLONG, "write %s: name too long", name);
	OWN_FD fd = openat(xdir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(e, errno, "write %s", name);
	if ((r = io_write_all(fd, p, n)) < 0 || (r = fchmod(fd, mode) < 0 ? -errno : 0) < 0 ||
	    ((flags & IO_DURABLE) && (r = fdatasync(fd) < 0 ? -errno : 0) < 0))
		goto fail;
	if (flags & IO_EXCLUSIVE) {
		/* link() refuses an existing target, rename() would replace it */
		r = linkat(xdir, tmp, xdir, name, 0) < 0 ? -errno : 0;
		if (!r)
			(void)unlinkat(xdir, tmp, 0); /* a left-over is swept by system check */
	} else
		r = renameat(xdir, tmp, xdir, name) < 0 ? -errno : 0;
	if (r < 0)
		goto fail;
	if ((flags & IO_DURABLE) && (r = sync_dir_of(xdir, name)) < 0)
		return err_sys(e, -r, "sync directory of %s", name);
	return 0;
fail:
	(void)unlinkat(xdir, tmp, 0); /* the first error counts */
	return err_sys(e, -r, "write %s", name);
}

int io_write_file(int xdir, const char *name, const void *p, size_t n, struct err *e)
{
	OWN_FD fd = openat(xdir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, errno, "open %s", name);
	/* control files take one whole write; a short one would be a second command */
	ssize_t w;
	do
		w = write(fd, p, n);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		return err_sys(e, errno, "write %.*s to %s", (int)(n > 64 ? 64 : n), (const char *)p, name);
	return 0;
}

int io_mkdir_p(int xdir, const char *path, mode_t mode, struct err *e)
{
	char part[4096];
	size_t n = strlen(path);

	if (!mkdirat(xdir, path, mode) || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return err_sys(e, errno, "mkdir %s", path);
	if (n >= sizeof part)
		return err_new(e, E_INVALID, ENAMETOOLONG, "mkdir: path too long");
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i])
			continue;
		char keep = part[i];
		part[i] = 0;
		if (mkdirat(xdir, part, mode) < 0 && errno != EEXIST)
			return err_sys(e, errno, "mkdir %s", part);
		part[i] = keep;
	}
	return 0;
}

int io_open_dir(int xdir, const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	int fd = openat(xdir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (io_mkdir_p(xdir, path, mode, e) < 0)
			return -e->eno;
		fd = openat(xdir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(e, errno, "open directory %s", path);
	*ret_fd = fd;
	return 0;
}

int io_dir_next(DIR *xdir, const struct dirent **ret, struct err *e)
{
	do {
		errno = 0;
		*ret = readdir(xdir);
	} while (*ret && (!strcmp((*ret)->d_name, ".") || !strcmp((*ret)->d_name, "..")));
	return *ret ? 1 : errno ? err_sys(e, errno, "read directory") : 0;
}

static bool is_mount_point(int dir, const char *name)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };
	OWN_FD fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);

	return fd < 0;
}

/* Removes the content of @dirfd (owned here). Iterates by descriptor, so depth is bounded by
 * RLIMIT_NOFILE only; deeper trees than 900 levels are flattened by moving them up. */
static int remove_content(int dirfd, dev_t dev, int depth)
{
	OWN_DIR d = fdopendir(dirfd);
	int first = 0;

	if (!d) {
		close(dirfd);
		return -errno;
	}
	for (;;) {
		errno = 0;
		struct dirent *en = readdir(d);
		if (!en) {
			if (errno && !first)
				first = -errno;
			break;
		}
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, ".."))
			continue;
		if (en->d_type != DT_DIR && en->d_type != DT_UNKNOWN) {
			if (unlinkat(dirfd, en->d_name, 0) < 0 && errno != ENOENT && !first)
				first = -errno;
			continue;
		}
		if (en->d_type == DT_UNKNOWN && !unlinkat(dirfd, en->d_name, 0))
			continue;
		if (!unlinkat(dirfd, en->d_name, AT_REMOVEDIR))
			continue;
		int sub = openat(dirfd, en->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		struct stat st;
		if (sub < 0) {
			if (errno != ENOENT && !first)
				first = -errno;
			continue;
		}
		/* a subvolume of btrfs has a device number of its own too, and is ours */
		if (fstat(sub, &st) < 0 || (st.st_dev != dev && is_mount_point(dirfd, en->d_name))) {
			close(sub);
			if (!first)
				first = -EBUSY; /* another file system: not ours to empty */
			continue;
		}
		int r = depth > 400 ? -ELOOP : remove_content(sub, st.st_dev, depth + 1);
		if (depth > 400)
			close(sub);
		if (!r && unlinkat(dirfd, en->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
		if (r == -ELOOP)
			return r;
		if (r < 0 && !first)
			first = r;
	}
	return first;
}

/* a tree too deep for one walk: bring its 401st level up beside it and try again */
static int flatten(int xdir, const char *name, const char *aside)
{
	OWN_FD fd = openat(xdir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	for (int level = 0; fd >= 0 && level < 350; level++) {
		int dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
		struct dirent *en = NULL;
		if (!d)
			return -errno;
		while ((en = readdir(d)))
			if (strcmp(en->d_name, ".") && strcmp(en->d_name, "..") && en->d_type == DT_DIR)
				break;
		if (!en)
			return 0;
		if (level == 349)
			return renameat(fd, en->d_name, xdir, aside) < 0 ? -errno : 0;
		int sub = openat(fd, en->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		close(fd);
		fd = sub;
	}
	return fd < 0 ? -errno : 0;
}

int io_remove_tree(int xdir, const char *name, struct err *e)
{
	struct stat st;

	for (;;) {
		if (!unlinkat(xdir, name, 0) || errno == ENOENT)
			return 0;
		if (errno != EISDIR && errno != EPERM)
			return err_sys(e, errno, "remove %s", name);
		if (!unlinkat(xdir, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		int fd = openat(xdir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return errno == ENOENT ? 0 : err_sys(e, errno, "remove %s", name);
		if (fstat(fd, &st) < 0) {
			close(fd);
			return err_sys(e, errno, "remove %s", name);
		}
		int r = remove_content(fd, st.st_dev, 0);
		if (r == -ELOOP) {
			char aside[300];
			(void)snprintf(aside, sizeof aside, "%.200s.deep", name);
			r = flatten(xdir, name, aside);
			if (!r)
				r = io_remove_tree(xdir, aside, e);
			if (r < 0)
				return err_sys(e, -r, "remove %s", name);
			continue;
		}
		if (r < 0)
			return err_sys(e, -r, "remove %s", name);
		if (unlinkat(xdir, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
			return err_sys(e, errno, "remove %s", name);
	}
}

void io_sweep_replaced(int xdir, const char *name)
{
	enum { OLD_S = 60 };
	static const char tmp[] = ".tmp-";
	OWN_FD fd = openat(xdir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!d)
		return;
	int xdirfd = fd_take(&fd); /* now the stream's */
	for (struct dirent *en; (en = readdir(d));)
		if (!strncmp(en->d_name, tmp, sizeof tmp - 1) &&
		    !fstatat(xdirfd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) && st.st_mtime + OLD_S < time(NULL))
			(void)unlinkat(xdirfd, en->d_name, 0);
}
