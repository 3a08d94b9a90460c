/* SPDX-License-Identifier: Apache-2.0
 *
 * Masked and read-only paths. A file is covered by the host's null device, verified on the very
 * descriptor that is bound (CVE-2025-31133); directories share one empty read-only tmpfs.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "runtime/container.h"
#include "sys/mountfd.h"

int masks_null_open(int *ret_fd, struct err *e)
{
	CHILD_FD fd = -1;
	struct stat st;

	if (mountfd_clone(AT_FDCWD, "/dev/null", MOUNTFD_NOFOLLOW, &fd, e) < 0)
		return -e->eno;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at /dev/null of the host");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_new(e, E_INVALID, ENODEV, "/dev/null of the host is not the null device");
	*ret_fd = fd_take(&fd);
	return 0;
}

/* the first empty directory: a file system of its own, on @place */
static int empty_make(int place, int *ret_fd, struct err *e)
{
	static const char *const data[] = { "mode=555" };
	const struct mountfd_fs fs = { .type = "tmpfs",
				       .source = "mask",
				       .data = data,
				       .n_data = 1,
				       .sb_flags = MS_RDONLY,
				       .leaves_context = true,
				       .attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC };
	if (mountfd_fs(&fs, ret_fd, e) < 0)
		return -e->eno;
	return mountfd_attach(*ret_fd, place, e);
}

/* the first of a kind is mounted itself, the others are copies of it */
static int copy_attach(int tree, int place, struct err *e)
{
	CHILD_FD copy = -1;

	return mountfd_clone(tree, "", 0, &copy, e) < 0 ? -e->eno : mountfd_attach(copy, place, e);
}

static int mask(struct child *ch, const char *path, int *empty, struct err *e)
{
	CHILD_FD place = -1;
	struct stat st;

	if (path_open_in(ch->root, path, O_PATH, 0, &place, e) < 0)
		/* not there, or below a file: nothing to hide. Denied: nobody inside can see it */
		return e->eno == ENOENT || e->eno == ENOTDIR || e->eno == EACCES ? 0 : -e->eno;
	if (fstat(place, &st) < 0)
		return err_sys(e, errno, "look at it");
	if (S_ISDIR(st.st_mode))
		return *empty < 0 ? empty_make(place, empty, e) : copy_attach(*empty, place, e);
	if (ch->null < 0 && masks_null_open(&ch->null, e) < 0)
		return -e->eno;
	if (ch->null_there)
		return copy_attach(ch->null, place, e);
	ch->null_there = true;
	return mountfd_attach(ch->null, place, e);
}

static int read_only(struct child *ch, const char *path, struct err *e)
{
	CHILD_FD place = -1;
	CHILD_FD tree = -1;

	if (path_open_in(ch->root, path, O_PATH, 0, &place, e) < 0)
		return e->eno == ENOENT || e->eno == ENOTDIR || e->eno == EACCES ? 0 : -e->eno;
	if (mountfd_clone(place, "", MOUNTFD_REC, &tree, e) < 0 ||
	    mountfd_attr(tree, MOUNT_ATTR_RDONLY, 0, 0, e) < 0)
		return -e->eno;
	return mountfd_attach(tree, place, e);
}

int masks_apply(struct child *ch, struct err *e)
{
	const struct bundle *b = &ch->c->b;
	int empty = -1;
	int r = 0;

	for (size_t i = 0; i < b->readonly_paths.n && !r; i++)
		if ((r = read_only(ch, b->readonly_paths.v[i], e)) < 0)
			r = err_ctx(e, "readonlyPaths %s", b->readonly_paths.v[i]);
	for (size_t i = 0; i < b->masked_paths.n && !r; i++)
		if ((r = mask(ch, b->masked_paths.v[i], &empty, e)) < 0)
			r = err_ctx(e, "maskedPaths %s", b->masked_paths.v[i]);
	return r;
}
