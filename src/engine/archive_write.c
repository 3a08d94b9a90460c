/* SPDX-License-Identifier: Apache-2.0
 *
 * Tree to tar: see archive.h. Links are stored, hard links within the tree are kept, sparse files
 * are written in full, sockets are left out.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "store/attr.h"
#include "base/path.h"
#include "engine/archive_int.h"
#include "format/tar.h"

enum { DEPTH_MAX = 400, BLOCK = 256 << 10, ATTRS_MAX = 64, ATTR_BYTES = 65536 };

/* a file with more than one name, met already */
struct archive_seen {
	dev_t dev;
	ino_t ino;
	const char *name;
};

static int flush(struct archive_writer *w, struct err *e)
{
	int r = buf_failed(&w->head) ? err_new(e, E_NOMEM, ENOMEM, "archive") :
		!w->head.n ? 0 : w->put(w->data, w->head.p, w->head.n, e);
	w->head.n = 0;
	return r;
}

/* the body is as long as the header says, whatever happens to the file meanwhile */
static int body(struct archive_writer *w, int fd, uint64_t size, struct err *e)
{
	uint64_t left = size;

	while (left) {
		size_t want = left < BLOCK ? (size_t)left : BLOCK;
		ssize_t n = read(fd, w->block, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read");
		if (!n) {
			memset(w->block, 0, want);
			n = (ssize_t)want;
		}
		if (w->put(w->data, w->block, (size_t)n, e) < 0)
			return -e->eno;
		left -= (uint64_t)n;
	}
	tar_put_padding(&w->head, size);
	return flush(w, e);
}

static const char *known_link(struct archive_writer *w, const struct stat *st, const char *name)
{
	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].ino == st->st_ino && w->seen[i].dev == st->st_dev)
			return w->seen[i].name;
	struct archive_seen *more = arena_grow(&w->arena, w->seen, &w->cap_seen, w->n_seen + 1, sizeof *more);
	char *copy = arena_strdup(&w->arena, name);
	if (more)
		w->seen = more;
	if (more && copy)
		w->seen[w->n_seen++] = (struct archive_seen){ st->st_dev, st->st_ino, copy };
	return NULL; /* without memory the file is stored twice: no harm */
}

/* @proc: a path that leads to the file itself, links included */
static size_t xattrs(struct arena *a, const char *proc, struct tar_xattr *out)
{
	char *names = arena_get(a, ATTR_BYTES);
	ssize_t len = names ? listxattr(proc, names, ATTR_BYTES) : -1;
	size_t n = 0;

	for (char *p = names; len > 0 && p < names + len && n < ATTRS_MAX; p += strlen(p) + 1) {
		char value[4096];
		if (attr_is_overlay(p))
			continue;
		ssize_t v = getxattr(proc, p, value, sizeof value);
		unsigned char *copy = v < 0 ? NULL : arena_get(a, (size_t)v + 1);
		if (!copy)
			continue;
		memcpy(copy, value, (size_t)v);
		out[n++] = (struct tar_xattr){ p, copy, (size_t)v };
	}
	return n;
}

static enum tar_type type_of(mode_t m)
{
	switch (m & S_IFMT) {
	case S_IFDIR:
		return TAR_DIR;
	case S_IFLNK:
		return TAR_SYMLINK;
	case S_IFCHR:
		return TAR_CHAR;
	case S_IFBLK:
		return TAR_BLOCK;
	case S_IFIFO:
		return TAR_FIFO;
	default:
		return TAR_FILE;
	}
}

int archive_put(struct archive_writer *w, int fd, const struct stat *st, const char *name, struct err *e)
{
	ARENA tmp = { 0 };
	char target[PATH_MAX] = "", proc[40];
	struct tar_xattr attrs[ATTRS_MAX];
	struct tar_entry en = {
		.type = type_of(st->st_mode),
		.path = name,
		.link = target,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.uname = "",
		.gname = "",
		.mtime = { st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec },
		.dev_major = major(st->st_rdev),
		.dev_minor = minor(st->st_rdev),
		.xattrs = attrs,
	};
	const char *first;

	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	if (S_ISREG(st->st_mode) && st->st_nlink > 1 && (first = known_link(w, st, name))) {
		en.type = TAR_HARDLINK;
		en.link = first;
	} else if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
		if (n < 0)
			return err_sys(e, errno, "read link");
		target[n] = 0;
	} else {
		en.n_xattrs = xattrs(&tmp, proc, attrs);
	}
	en.size = en.type == TAR_FILE ? (uint64_t)st->st_size : 0;
	if (tar_put_header(&w->head, &en, e) < 0 || flush(w, e) < 0)
		return -e->eno;
	if (en.type != TAR_FILE || !en.size)
		return 0;
	OWN_FD data = open(proc, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (data < 0)
		return err_sys(e, errno, "open");
	return body(w, data, en.size, e);
}

static int tree(struct archive_writer *w, int fd, const char *name, int depth, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", name);
	if (S_ISSOCK(st.st_mode))
		return 0;
	size_t n = strlen(name);
	bool dir = S_ISDIR(st.st_mode), slash = n && name[n - 1] == '/';
	OWN_STR full = NULL;
	if (asprintf(&full, "%s%s", name, dir && n && !slash ? "/" : "") < 0)
		return err_new(e, E_NOMEM, ENOMEM, "archive");
	if (n && archive_put(w, fd, &st, full, e) < 0)
		return err_ctx(e, "%s", name);
	if (!dir)
		return 0;
	if (depth > DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "%s: tree is too deep", name);
	int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = list < 0 ? NULL : fdopendir(list);
	if (!d)
		return err_sys(e, errno, "read directory %s", name);
	const struct dirent *en;
	int r;
	while ((r = io_dir_next(d, &en, e)) > 0) {
		OWN_STR path = NULL;
		OWN_FD sub = openat(fd, en->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 && errno == ENOENT)
			continue; /* gone meanwhile */
		if (sub < 0)
			return err_sys(e, errno, "open %s%s", full, en->d_name);
		if (asprintf(&path, "%s%s", full, en->d_name) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "archive");
		if (tree(w, sub, path, depth + 1, e) < 0)
			return -e->eno;
	}
	return r < 0 ? err_ctx(e, "%s", name) : 0;
}

int archive_put_empty(struct archive_writer *w, const char *name, struct err *e)
{
	const struct tar_entry en = { .type = TAR_FILE, .path = name, .link = "", .uname = "", .gname = "" };

	return tar_put_header(&w->head, &en, e) < 0 ? -e->eno : flush(w, e);
}

int archive_writer_open(struct archive_writer *w, archive_sink *put, void *data, struct err *e)
{
	*w = (struct archive_writer){ .put = put, .data = data, .block = malloc(BLOCK) };
	return w->block ? 0 : err_new(e, E_NOMEM, ENOMEM, "archive");
}

int archive_writer_end(struct archive_writer *w, struct err *e)
{
	tar_put_end(&w->head);
	return flush(w, e);
}

void archive_writer_done(struct archive_writer *w)
{
	free(w->block);
	buf_done(&w->head);
	arena_done(&w->arena);
}

static int put_fd(void *data, const void *p, size_t n, struct err *e)
{
	const int *fd = data;
	int r = io_write_all(*fd, p, n);

	return r < 0 ? err_sys(e, -r, "write archive") : 0;
}

int archive_write_fd(int xfd, const char *name, unsigned flags, int out_fd, struct err *e)
{
	struct archive_writer w;

	if (archive_writer_open(&w, put_fd, &out_fd, e) < 0)
		return -e->eno;
	int r = tree(&w, xfd, flags & ARCHIVE_BARE ? "" : flags & ARCHIVE_CONTENT ? "./" : name, 0, e);
	if (r >= 0)
		r = archive_writer_end(&w, e);
	archive_writer_done(&w);
	return r < 0 ? r : 0;
}

int archive_write(int xroot, const char *path, const char *name, unsigned flags, int out_fd,
		  struct err *e)
{
	OWN_FD fd = -1;

	if (path_open_in(xroot, path, O_PATH | (flags & ARCHIVE_FOLLOW ? 0 : O_NOFOLLOW), 0, &fd, e) < 0)
		return -e->eno;
	return archive_write_fd(fd, name, flags, out_fd, e);
}
