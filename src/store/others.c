/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening image stores of others: see others.h.
 */
#include "store/others.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"

/* A store decides what runs in containers, and the kernel reads its file systems: as the own one, nobody but root and
 * the caller may write there. */
static int trusted(int xdir, const char *name, const char *path, struct err *e)
{
	struct stat st;

	if (fstatat(xdir, name, &st, *name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) < 0)
		return err_sys(e, errno, "image store %s: stat %s", path, name);
	if (!S_ISDIR(st.st_mode))
		return err_new(e, E_INVALID, ENOTDIR, "image store %s: %s is no directory", path, name);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH)) {
		err_new(e, E_DENIED, EPERM, "image store %s%s%s: %s", path, *name ? "/" : "", name,
			st.st_mode & (S_IWGRP | S_IWOTH) ? "its group or everybody may write to it" :
							   "it belongs to another user");
		err_hint(e, "it must belong to root (or to you), and to nobody else to write to");
		return -e->eno;
	}
	return 0;
}

static int no_store(int xdir, const char *path, struct err *e)
{
	static const char *const signs[] = { "overlay-images", "vfs-images", "btrfs-images", "storage.lock" };

	err_new(e, E_INVALID, EINVAL, "image store %s: not a store of onggi", path);
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (!faccessat(xdir, signs[i], F_OK, AT_SYMLINK_NOFOLLOW))
			err_hint(e, "it is podman's: copy its images with podman save IMAGE | onggi load");
	return -e->eno;
}

/* the folders that are looked into; one of an engine that has no image yet has none of them */
static int folders_check(int xdir, const char *path, struct err *e)
{
	static const char *const folders[] = { "images", "blobs", "snapshots", "references" };
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		OWN_FD fd = openat(xdir, folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return err_sys(e, errno, "image store %s: open %s", path, folders[i]);
		if (trusted(xdir, folders[i], path, e) < 0)
			return -e->eno;
		any = true;
	}
	return any ? 0 : no_store(xdir, path, e);
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* 1: opened | 0: it is there already */
static int open_one(const struct store *s, const char *path, struct store *ret, struct err *e)
{
	if (*path != '/')
		return err_new(e, E_INVALID, EINVAL, "image store %s: its path must be absolute", path);
	if (strlen(path) >= sizeof ret->root)
		return err_new(e, E_INVALID, ENAMETOOLONG, "image store: path too long");
	OWN_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(e, errno, "image store %s", path);
		if (e->eno == ENOENT)
			err_hint(e, "is it mounted? without it: " OTHERS_VARIABLE "= onggi ...");
		return -e->eno;
	}
	for (size_t i = 0; i <= s->n_others; i++)
		if (is_same(fd, others_at(s, i)->root_fd))
			return 0;
	if (trusted(fd, "", path, e) < 0 || folders_check(fd, path, e) < 0)
		return -e->eno;
	/* NFS and ISO lose what makes a directory opaque, and file capabilities: archives are whole there */
	char value;
	bool plain = fgetxattr(fd, "trusted.overlay.opaque", &value, sizeof value) < 0 && errno == EOPNOTSUPP;
	*ret = (struct store){ .root_fd = fd_take(&fd), .run_fd = -1, .plain = plain };
	(void)snprintf(ret->root, sizeof ret->root, "%s", path);
	return 1;
}

int others_open(struct store *s, bool spare, struct err *e)
{
	const char *value = getenv(OTHERS_VARIABLE);
	OWN_STR list = value && *value ? strdup(value) : NULL;
	char *save = NULL;

	if (!list)
		return value && *value ? err_new(e, E_NOMEM, ENOMEM, "image stores") : 0;
	for (char *path = strtok_r(list, ":", &save); path; path = strtok_r(NULL, ":", &save)) {
		struct err why = { 0 };
		if (s->n_others == OTHERS_MAX)
			return err_new(e, E_INVALID, E2BIG, "more than %d image stores", OTHERS_MAX);
		struct store *more = realloc(s->others, (s->n_others + 1) * sizeof *more);
		if (!more)
			return err_new(e, E_NOMEM, ENOMEM, "image stores");
		s->others = more;
		int r = open_one(s, path, &more[s->n_others], &why);
		if (r < 0 && !spare) {
			*e = why;
			return -e->eno;
		}
		s->n_others += r > 0;
	}
	return 0;
}

void others_close(struct store *s)
{
	for (size_t i = 0; i < s->n_others; i++)
		close(s->others[i].root_fd);
	free(s->others);
	s->others = NULL;
	s->n_others = 0;
}

const struct store *others_at(const struct store *s, size_t i)
{
	if (!i)
		return s;
	return i <= s->n_others ? &s->others[i - 1] : NULL;
}

bool others_has_file(const struct store *s, const char *path)
{
	return !faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}
