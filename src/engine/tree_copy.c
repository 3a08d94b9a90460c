/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy of a tree: see tree_copy.h.
 */
#include "engine/tree_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "store/attr.h"

enum { DEPTH_MAX = 400 };

static int copy_file(int from_dir, int to_dir, const char *name, struct err *e)
{
	OWN_FD from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	OWN_FD to = -1;

	if (from < 0)
		return err_sys(e, errno, "open");
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return errno == EEXIST ? 0 : err_sys(e, errno, "create");
	if (io_copy_file(from, to, e) < 0)
		return -e->eno;
	return attr_copy(from, to, e);
}

/* what is there already stays */
static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *st, struct err *e)
{
	if (attr_copy_special(from_dir, name, to_dir, name, st, e) >= 0)
		return 0;
	if (e->eno != EEXIST)
		return -e->eno;
	err_clear(e);
	return 0;
}

static int copy_dir(int from, int to, int depth, struct err *e);

static int copy_one(int from, int to, const char *name, int depth, struct err *e)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "stat");
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, e);
	if (!S_ISDIR(st.st_mode))
		return copy_special(from, to, name, &st, e);
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "mkdir");
	OWN_FD sub_from = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	OWN_FD sub_to = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub_from < 0 || sub_to < 0)
		return err_sys(e, errno, "open directory");
	if (copy_dir(sub_from, sub_to, depth + 1, e) < 0)
		return -e->eno;
	return attr_copy(sub_from, sub_to, e);
}

static int copy_dir(int from, int to, int depth, struct err *e)
{
	int dup_fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);

	if (!d)
		return err_sys(e, errno, "read directory");
	if (depth > DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "tree is too deep to copy");
	const struct dirent *en;
	int r;
	while ((r = io_dir_next(d, &en, e)) > 0)
		if (copy_one(from, to, en->d_name, depth, e) < 0)
			return err_ctx(e, "%.200s", en->d_name);
	return r;
}

int tree_copy(int xfrom, int xto, struct err *e)
{
	return copy_dir(xfrom, xto, 0, e);
}
