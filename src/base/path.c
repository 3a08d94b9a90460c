/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths below a root descriptor: see path.h. Needs openat2, Linux 5.6.
 */
#include "base/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

enum { PATH_TEXT_MAX = 4096, LINKS_MAX = 40 };

static int open_resolved(int xroot, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
		.resolve = resolve,
	};
	for (int tries = 0; tries < 128; tries++) {
		int fd = (int)syscall(SYS_openat2, xroot, path, &how, sizeof how);
		if (fd >= 0)
			return fd;
		/* EAGAIN: a rename or mount happened while ".." was resolved (openat2(2)) */
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

static int open_raw(int xroot, const char *path, int flags, mode_t mode)
{
	return open_resolved(xroot, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_real(int xroot, const char *path, int flags, mode_t mode)
{
	return open_resolved(xroot, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/* name the first component of @path that cannot be searched */
static int denied(int xroot, const char *path, int eno, struct err *e)
{
	char part[4096];
	size_t n = strlen(path);

	if ((eno != EACCES && eno != EPERM) || n >= sizeof part)
		return err_sys(e, eno, "open %s", path);
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i])
			continue;
		char keep = part[i];
		part[i] = 0;
		int fd = open_raw(xroot, part, O_PATH | O_NOFOLLOW, 0);
		struct stat st;
		if (fd >= 0 && !fstat(fd, &st) && faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0) {
			close(fd);
			return err_sys(e, eno, "open %s: %s (owner %u:%u, mode %04o)", path, part,
				       st.st_uid, st.st_gid, st.st_mode & 07777);
		}
		if (fd >= 0)
			close(fd);
		part[i] = keep;
	}
	return err_sys(e, eno, "open %s", path);
}

int path_open_in(int xroot, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e)
{
	int fd = open_raw(xroot, path, flags, mode);
	if (fd == -ENOSYS)
		return err_new(e, E_UNSUPPORTED, ENOSYS, "open %s: this kernel has no openat2 (needs Linux 5.6)",
			       path);
	if (fd < 0)
		return denied(xroot, path, -fd, e);
	*ret_fd = fd;
	return 0;
}

/* The component at the end of @part is a dangling link: put what it means in its place, with
 * @rest behind it. */
static int follow_dangling(int dir, const char *name, char part[PATH_TEXT_MAX], const char *rest,
			   struct err *e)
{
	char link[PATH_TEXT_MAX], all[PATH_TEXT_MAX];
	ssize_t n = readlinkat(dir, name, link, sizeof link - 1);

	if (n < 0)
		return err_sys(e, errno == EINVAL ? EEXIST : errno, "mkdir %s", part);
	link[n] = 0;
	size_t keep = strlen(part) - strlen(name);
	if (link[0] == '/')
		keep = 0;
	if (snprintf(all, sizeof all, "%.*s%s%s%s", (int)keep, part, link, *rest ? "/" : "", rest) >=
	    (int)sizeof all)
		return err_new(e, E_INVALID, ENAMETOOLONG, "mkdir: path too long");
	memcpy(part, all, strlen(all) + 1);
	return 0;
}

int path_mkdir_in(int xroot, const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	char part[PATH_TEXT_MAX];
	size_t n = strlen(path);
	int links = 0;

	int fd = open_raw(xroot, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (fd != -ENOENT)
		return denied(xroot, path, -fd, e);
	if (n >= sizeof part)
		return err_new(e, E_INVALID, ENAMETOOLONG, "mkdir: path too long");
	memcpy(part, path, n + 1);
	while (n > 1 && part[n - 1] == '/')
		part[--n] = 0;
	/* each level is opened afresh from the root, so that links met on the way stay in it */
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i])
			continue;
		char keep = part[i];
		part[i] = 0;
		int have = open_raw(xroot, part, O_PATH | O_DIRECTORY, 0);
		if (have == -ENOENT) {
			OWN_FD dir = -1;
			const char *name;
			if (path_parent_in(xroot, part, false, &dir, &name, e) < 0)
				return -e->eno;
			if (!mkdirat(dir, name, mode)) {
				/* whatever the umask is; by name it could be a link by now */
				OWN_FD made = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
				if (made < 0 || fchmod(made, mode) < 0)
					return err_sys(e, errno, "chmod %s", part);
			} else if (errno != EEXIST)
				return err_sys(e, errno, "mkdir %s", part);
			have = open_raw(xroot, part, O_PATH | O_DIRECTORY, 0);
			if (have == -ENOENT) { /* EEXIST and yet not there */
				if (++links > LINKS_MAX)
					return err_new(e, E_INVALID, ELOOP, "mkdir %s: too many symbolic links", path);
				if (follow_dangling(dir, name, part, keep ? part + i + 1 : "", e) < 0)
					return -e->eno;
				n = strlen(part);
				i = 0;
				continue;
			}
		}
		if (have < 0)
			return denied(xroot, part, -have, e);
		close(have);
		part[i] = keep;
	}
	return path_open_in(xroot, part, O_PATH | O_DIRECTORY, 0, ret_fd, e);
}

int path_parent_in(int xroot, const char *path, bool make, int *ret_dirfd, const char **ret_name,
		   struct err *e)
{
	char parent[4096];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_new(e, E_INVALID, EINVAL, "path %s has no last component", path);
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof parent)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
	memcpy(parent, path, n);
	parent[n] = 0;
	if (!n)
		memcpy(parent, slash ? "/" : ".", 2);
	int r = make ? path_mkdir_in(xroot, parent, 0755, ret_dirfd, e) :
		       path_open_in(xroot, parent, O_PATH | O_DIRECTORY, 0, ret_dirfd, e);
	if (r < 0)
		return r;
	*ret_name = name;
	return 0;
}

bool path_is_clean(const char *path)
{
	if (!*path || *path == '/')
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (*p && !*++p)
			return false;
	}
	return true;
}

int path_normalize(const char *path, char *out, size_t n)
{
	size_t w = 0;

	if (n < 2)
		return -ENAMETOOLONG;
	out[w++] = '/';
	for (const char *p = path; *p;) {
		while (*p == '/')
			p++;
		size_t len = strcspn(p, "/");
		if (!len || (len == 1 && *p == '.')) {
			p += len;
			continue;
		}
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			while (w > 1 && out[w - 1] != '/')
				w--;
			if (w > 1)
				w--;
		} else {
			if (w + len + 2 > n)
				return -ENAMETOOLONG;
			if (w > 1)
				out[w++] = '/';
			memcpy(out + w, p, len);
			w += len;
		}
		p += len;
	}
	out[w] = 0;
	return 0;
}
