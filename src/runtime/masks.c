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

struct covers {
	int null, empty; /* -1: not needed so far */
};

static int null_open(int *ret_fd, struct err *e)
{
	CHILD_FD fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open /dev/null of the host");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_new(e, E_INVALID, ENODEV, "/dev/null of the host is not the null device");
	*ret_fd = fd_take(&fd);
	return 0;
}

static int empty_open(int *ret_fd, struct err *e)
{
	static const char *const data[] = { "mode=555" };
	const struct mountfd_fs fs = { .type = "tmpfs",
				       .source = "mask",
				       .data = data,
				       .n_data = 1,
				       .sb_flags = MS_RDONLY,
				       .attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC };
	return mountfd_fs(&fs, ret_fd, e);
}

static int mask(struct child *ch, const char *path, struct covers *cv, struct err *e)
{
	CHILD_FD place = -1;
	CHILD_FD cover = -1;
	struct stat st;

	if (path_open_in(ch->root, path, O_PATH, 0, &place, e) < 0)
		/* not there, or below a file: nothing to hide. Denied: nobody inside can see it */
		return e->eno == ENOENT || e->eno == ENOTDIR || e->eno == EACCES ? 0 : -e->eno;
	if (fstat(place, &st) < 0)
		return err_sys(e, errno, "look at it");
	if (!S_ISDIR(st.st_mode)) {
		if ((cv->null < 0 && null_open(&cv->null, e) < 0) || mountfd_clone(cv->null, "", 0, &cover, e) < 0)
			return -e->eno;
	} else if (cv->empty < 0) {
		if (empty_open(&cv->empty, e) < 0)
			return -e->eno;
		return mountfd_attach(cv->empty, place, e); /* later ones are copies of this mount */
	} else if (mountfd_clone(cv->empty, "", 0, &cover, e) < 0)
		return -e->eno;
	return mountfd_attach(cover, place, e);
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
	struct covers cv = { .null = -1, .empty = -1 };
	int r = 0;

	for (size_t i = 0; i < b->readonly_paths.n && !r; i++)
		if ((r = read_only(ch, b->readonly_paths.v[i], e)) < 0)
			r = err_ctx(e, "readonlyPaths %s", b->readonly_paths.v[i]);
	for (size_t i = 0; i < b->masked_paths.n && !r; i++)
		if ((r = mask(ch, b->masked_paths.v[i], &cv, e)) < 0)
			r = err_ctx(e, "maskedPaths %s", b->masked_paths.v[i]);
	child_fd_done(&cv.null);
	child_fd_done(&cv.empty);
	return r;
}
