/* SPDX-License-Identifier: Apache-2.0
 *
 * The writable layer of a container as a layer of an image (image-spec, "Layer filesystem
 * changeset"): see archive.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/storage.h"
#include "engine/archive_int.h"
#include "engine/mountpoints.h"
#include "engine/rootfs.h"

enum { DEPTH_MAX = 400 };

struct layer {
	struct archive_writer w;
	const struct storage_lowers *lowers;
	const char *xattrs; /* prefix of overlay's own */
};

/* value of overlay's own attribute @name of a directory or file; 0: none */
static ssize_t overlay_attr(const struct layer *l, int fd, const char *name, char *out, size_t n)
{
	char key[64], proc[40];

	(void)snprintf(key, sizeof key, "%s%s", l->xattrs, name);
	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	ssize_t got = getxattr(proc, key, out, n);
	return got < 0 ? 0 : got;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* names of a directory in order, so that the same tree gives the same bytes */
static int names_of(int fd, struct arena *a, char ***ret, size_t *ret_n, struct err *e)
{
	int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = list < 0 ? NULL : fdopendir(list);
	char **names = NULL;
	size_t n = 0, cap = 0;

	if (!d)
		return err_sys(e, errno, "read directory");
	const struct dirent *en;
	int r;
	while ((r = io_dir_next(d, &en, e)) > 0) {
		if (!strcmp(en->d_name, STORAGE_OPAQUE_MARK))
			continue; /* the attribute says the same */
		names = arena_grow(a, names, &cap, n + 1, sizeof *names);
		char *copy = names ? arena_strdup(a, en->d_name) : NULL;
		if (!copy)
			return err_new(e, E_NOMEM, ENOMEM, "directory");
		names[n++] = copy;
	}
	if (r < 0)
		return r;
	if (n)
		qsort(names, n, sizeof *names, by_bytes);
	*ret = names;
	*ret_n = n;
	return 0;
}

/* whether @fd, the directory @path, was copied up only for mount points of ours */
static bool only_ours(const struct layer *l, int fd, const char *path, int depth)
{
	ARENA a = { 0 };
	struct err ignored = { 0 };
	struct stat st;
	char **names, sub[4096];
	size_t n;

	if (depth > 4 || !rootfs_lower_stat(l->lowers, path, &st) || names_of(fd, &a, &names, &n, &ignored) < 0 || !n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (snprintf(sub, sizeof sub, "%s/%s", path, names[i]) >= (int)sizeof sub)
			return false;
		OWN_FD below = openat(fd, names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0 || fstat(below, &st) < 0)
			return false;
		if (mountpoint_is_ours(sub))
			continue;
		if (!S_ISDIR(st.st_mode) || !only_ours(l, below, sub, depth + 1))
			return false;
	}
	return true;
}

static int walk(struct layer *l, int fd, const char *path, int depth, struct err *e);

static int put_dir(struct layer *l, int fd, const struct stat *st, const char *path, int depth, struct err *e)
{
	OWN_STR name = NULL;
	OWN_STR opaque = NULL;
	char value[8];

	if (overlay_attr(l, fd, "redirect", value, sizeof value))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s: renamed by overlay's redirect_dir", path);
	if (asprintf(&name, "%s/", path) < 0 || asprintf(&opaque, "%s/.wh..wh..opq", path) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "archive");
	if (archive_put(&l->w, fd, st, name, e) < 0)
		return -e->eno;
	if (overlay_attr(l, fd, "opaque", value, sizeof value) == 1 && value[0] == 'y' &&
	    archive_put_empty(&l->w, opaque, e) < 0)
		return -e->eno;
	return walk(l, fd, path, depth + 1, e);
}

static int put_one(struct layer *l, int dir, const char *entry, const char *path, int depth, struct err *e)
{
	OWN_FD fd = openat(dir, entry, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st, below;
	char value[8];

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open"); /* gone meanwhile */
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat");
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
		OWN_STR mark = NULL;
		const char *slash = strrchr(path, '/');
		int n = slash ? (int)(slash + 1 - path) : 0;
		if (!rootfs_lower_stat(l->lowers, path, &below))
			return 0; /* hides nothing */
		if (asprintf(&mark, "%.*s.wh.%s", n, path, entry) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "archive");
		return archive_put_empty(&l->w, mark, e);
	}
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (S_ISDIR(st.st_mode))
		return only_ours(l, fd, path, 0) ? 0 : put_dir(l, fd, &st, path, depth, e);
	if (S_ISREG(st.st_mode) && overlay_attr(l, fd, "metacopy", value, sizeof value))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s: only its attributes are in this layer (metacopy)", path);
	return archive_put(&l->w, fd, &st, path, e);
}

static int walk(struct layer *l, int fd, const char *path, int depth, struct err *e)
{
	ARENA a = { 0 };
	char **names;
	size_t n;

	if (depth > DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "%s: tree is too deep", path);
	if (names_of(fd, &a, &names, &n, e) < 0)
		return err_ctx(e, "%s", path);
	for (size_t i = 0; i < n; i++) {
		OWN_STR sub = NULL;
		struct stat st;
		if (asprintf(&sub, "%s%s%s", path, *path ? "/" : "", names[i]) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "archive");
		/* made by a start; what the image has itself is not here, being mounted over */
		if (mountpoint_is_ours(sub) && !rootfs_lower_stat(l->lowers, sub, &st))
			continue;
		if (put_one(l, fd, names[i], sub, depth, e) < 0)
			return err_ctx(e, "%s", sub);
	}
	return 0;
}

int archive_write_layer(int xupper, const struct storage_lowers *lowers, archive_sink *put, void *data, struct err *e)
{
	struct layer l = { .lowers = lowers, .xattrs = storage_in_userns() ? "user.overlay." : "trusted.overlay." };

	if (archive_writer_open(&l.w, put, data, e) < 0)
		return -e->eno;
	int r = walk(&l, xupper, "", 0, e);
	if (r >= 0)
		r = archive_writer_end(&l.w, e);
	archive_writer_done(&l.w);
	return r < 0 ? err_ctx(e, "layer of the container") : 0;
}
