/* SPDX-License-Identifier: Apache-2.0
 *
 * Tar to tree: see archive.h. Names of the stream are taken below the destination only: leading
 * slashes go, ".." is refused, parents are opened with openat2 below the root, and the last
 * component is never followed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "engine/archive.h"
#include "format/tar.h"

struct late {
	const char *path; /* below root */
	struct timespec mtime;
	mode_t mode;
};

struct reader {
	const struct archive_dest *d;
	struct tar_reader *tar;
	struct arena arena;
	struct late *late; /* directories: their times change while files come */
	size_t n_late, cap_late;
};

/* "DIR/NAME" below the root for a name of the stream; NULL in @ret: the destination itself */
static int place(struct reader *r, const char *name, const char **ret, struct err *e)
{
	const char *from = r->d->rename_from, *to = r->d->rename_to;
	char *path;

	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name += name[0] == '.' ? 2 : 1;
	if (!strcmp(name, "."))
		name++;
	for (const char *p = name; *p; p += strcspn(p, "/"), p += *p == '/')
		if (p[0] == '.' && p[1] == '.' && (!p[2] || p[2] == '/'))
			return err_new(e, E_INVALID, EINVAL, "archive: name \"%.200s\" leads out", name);
	size_t n = from ? strlen(from) : 0;
	if (from && !strncmp(name, from, n) && (!name[n] || name[n] == '/'))
		path = arena_printf(&r->arena, "%s/%s%s", r->d->dir, to, name + n);
	else
		path = arena_printf(&r->arena, "%s/%s", r->d->dir, name);
	if (!path)
		return err_new(e, E_NOMEM, ENOMEM, "archive");
	n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = 0;
	*ret = *name || from ? path : NULL;
	return 0;
}

static int attributes(struct reader *r, int fd, const struct tar_entry *en, struct err *e)
{
	char proc[40];

	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	if (!(r->d->flags & ARCHIVE_OWN) && fchown(fd, (uid_t)en->uid, (gid_t)en->gid) < 0)
		return err_sys(e, errno, "chown");
	if (fchmod(fd, en->mode) < 0)
		return err_sys(e, errno, "chmod");
	for (size_t i = 0; i < en->n_xattrs; i++)
		if (setxattr(proc, en->xattrs[i].name, en->xattrs[i].value, en->xattrs[i].n, 0) < 0 &&
		    errno != EOPNOTSUPP && errno != EPERM)
			return err_sys(e, errno, "set attribute %s", en->xattrs[i].name);
	return 0;
}

/* make room for a file at @name; a directory gives way to nothing */
static int clear(struct reader *r, int dir, const char *name, const char *path, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "stat");
	if (S_ISDIR(st.st_mode)) {
		if (r->d->flags & ARCHIVE_NO_OVERWRITE)
			return err_new(e, E_INVALID, EISDIR, "cannot overwrite directory \"%s\" with non-directory", path);
		return io_remove_tree(dir, name, e);
	}
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? err_sys(e, errno, "replace") : 0;
}

static int make_dir(struct reader *r, const struct tar_entry *en, int dir, const char *name,
		    const char *path, struct err *e)
{
	struct stat st;

	if (mkdirat(dir, name, 0700) < 0) {
		if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, errno, "mkdir");
		if (!S_ISDIR(st.st_mode)) {
			if (r->d->flags & ARCHIVE_NO_OVERWRITE)
				return err_new(e, E_INVALID, ENOTDIR, "cannot overwrite non-directory \"%s\" with directory",
					       path);
			if (unlinkat(dir, name, 0) < 0 || mkdirat(dir, name, 0700) < 0)
				return err_sys(e, errno, "mkdir");
		}
	}
	OWN_FD fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open");
	if (attributes(r, fd, en, e) < 0)
		return -e->eno;
	struct late *more = arena_grow(&r->arena, r->late, &r->cap_late, r->n_late + 1, sizeof *more);
	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "archive");
	r->late = more;
	r->late[r->n_late++] = (struct late){ path, { en->mtime.sec, en->mtime.nsec }, en->mode };
	return 0;
}

static int make_file(struct reader *r, const struct tar_entry *en, int dir, const char *name, struct err *e)
{
	OWN_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const unsigned char *p;
	size_t n;
	uint64_t at;
	int got;

	if (fd < 0)
		return err_sys(e, errno, "create");
	while ((got = tar_body(r->tar, &p, &n, &at, e)) > 0) {
		int w = io_write_all_at(fd, p, n, (off_t)at);
		if (w < 0)
			return err_sys(e, -w, "write");
	}
	if (got < 0)
		return got;
	if (ftruncate(fd, (off_t)en->size) < 0) /* a hole at the end */
		return err_sys(e, errno, "set size");
	if (attributes(r, fd, en, e) < 0)
		return -e->eno;
	const struct timespec times[2] = { { 0, UTIME_NOW }, { en->mtime.sec, en->mtime.nsec } };
	return futimens(fd, times) < 0 ? err_sys(e, errno, "set times") : 0;
}

static int make_link(struct reader *r, const struct tar_entry *en, int dir, const char *name, struct err *e)
{
	const char *target, *base;
	OWN_FD from = -1;

	if (place(r, en->link, &target, e) < 0)
		return -e->eno;
	if (!target)
		return err_new(e, E_INVALID, EINVAL, "hard link to a directory");
	if (path_parent_in(r->d->root, target, false, &from, &base, e) < 0)
		return -e->eno;
	return linkat(from, base, dir, name, 0) < 0 ? err_sys(e, errno, "hard link to %s", en->link) : 0;
}

static int make_special(struct reader *r, const struct tar_entry *en, int dir, const char *name, struct err *e)
{
	const struct timespec times[2] = { { 0, UTIME_NOW }, { en->mtime.sec, en->mtime.nsec } };
	mode_t kind = en->type == TAR_CHAR ? S_IFCHR : en->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;

	if (en->type == TAR_SYMLINK) {
		if (symlinkat(en->link, dir, name) < 0)
			return err_sys(e, errno, "symlink");
	} else if (mknodat(dir, name, kind | en->mode, makedev(en->dev_major, en->dev_minor)) < 0 ||
		   fchmodat(dir, name, en->mode, 0) < 0)
		return err_sys(e, errno, "mknod");
	if (!(r->d->flags & ARCHIVE_OWN) &&
	    fchownat(dir, name, (uid_t)en->uid, (gid_t)en->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "chown");
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(e, errno, "set times") : 0;
}

static int one(struct reader *r, const struct tar_entry *en, struct err *e)
{
	const char *path, *name;
	OWN_FD dir = -1;

	if (place(r, en->path, &path, e) < 0)
		return -e->eno;
	if (!path)
		return 0; /* the destination itself stays as it is */
	if (path_parent_in(r->d->root, path, true, &dir, &name, e) < 0)
		return -e->eno;
	if (en->type == TAR_DIR)
		return make_dir(r, en, dir, name, path, e);
	if (clear(r, dir, name, path, e) < 0)
		return -e->eno;
	switch (en->type) {
	case TAR_FILE:
		return make_file(r, en, dir, name, e);
	case TAR_HARDLINK:
		return make_link(r, en, dir, name, e);
	case TAR_SYMLINK:
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		return make_special(r, en, dir, name, e);
	case TAR_DIR:
	case TAR_TYPE_N:
	default:
		return err_new(e, E_INVALID, EINVAL, "unknown type");
	}
}

static int finish(struct reader *r, struct err *e)
{
	while (r->n_late--) {
		const struct late *l = &r->late[r->n_late];
		const struct timespec times[2] = { { 0, UTIME_NOW }, l->mtime };
		OWN_FD dir = -1;
		const char *name;
		if (path_parent_in(r->d->root, l->path, false, &dir, &name, e) < 0)
			return -e->eno;
		(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW); /* replaced since: not ours any more */
	}
	return 0;
}

int archive_read(int in_fd, const struct archive_dest *d, struct err *e)
{
	struct reader r = { .d = d };
	struct source_fd src;
	const struct tar_entry *en;
	int got;

	if (source_fd_init(&src, in_fd, UINT64_MAX, e) < 0)
		return -e->eno;
	got = tar_open(&src.source, NULL, &r.tar, e);
	while (got >= 0 && (got = tar_next(r.tar, &en, e)) > 0)
		if (one(&r, en, e) < 0)
			got = err_ctx(e, "%.300s", en->path);
	if (got >= 0)
		got = finish(&r, e);
	if (got >= 0)
		got = source_drain(&src.source, NULL, e); /* a writer must not meet a closed pipe */
	tar_close(r.tar);
	source_fd_done(&src);
	arena_done(&r.arena);
	return got < 0 ? got : 0;
}
