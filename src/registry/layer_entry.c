/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of a layer that are no directories: files, symbolic and hard links, devices, pipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/io.h"
#include "base/own.h"
#include "registry/layer_int.h"
#include "store/attr.h"

enum { PREALLOCATE_BYTES = 8 << 20 };

int layer_write_at(struct layer_apply *a, int xfd, const unsigned char *p, size_t n, uint64_t at, struct err *e)
{
	while (n) {
		ssize_t w = pwrite(xfd, p, n, (off_t)at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return layer_sys(a, e, "write");
		p += w;
		n -= (size_t)w;
		at += (uint64_t)w;
	}
	return 0;
}

static int write_body(struct layer_apply *a, int fd, const struct tar_entry *en, struct err *e)
{
	const unsigned char *p;
	uint64_t at;
	size_t n;
	int r;

	if (en->hunks) {
		if (ftruncate(fd, (off_t)en->size) < 0)
			return layer_sys(a, e, "set size");
	} else if (en->size >= PREALLOCATE_BYTES &&
		   fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)en->size) < 0 && errno == ENOSPC) {
		return layer_sys(a, e, "allocate");
	}
	while ((r = tar_body(a->tar, &p, &n, &at, e)) > 0)
		if (layer_write_at(a, fd, p, n, at, e) < 0)
			return -e->eno;
	return r < 0 ? err_ctx(e, "entry %s", a->shown) : 0;
}

/* place of @path, with whatever is there removed when @clear */
static int place(struct layer_apply *a, const char *path, bool clear, int *ret_dir,
		 const char **ret_name, struct err *e)
{
	if (layer_parent(a, path, true, ret_dir, ret_name, e) < 0)
		return -e->eno;
	return clear && layer_clear(a, *ret_dir, *ret_name, e) < 0 ? -e->eno : 0;
}

static int create_file(struct layer_apply *a, const char *path, mode_t mode, int *ret_fd,
		       int *ret_dir, const char **ret_name, struct err *e)
{
	for (int tries = 0; tries < 2; tries++) {
		if (place(a, path, tries > 0, ret_dir, ret_name, e) < 0)
			return -e->eno;
		*ret_fd = openat(*ret_dir, *ret_name,
				 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
		if (*ret_fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return layer_sys(a, e, "create");
}

int layer_file_of(struct layer_apply *a, const struct tar_entry *en, struct layer_file *ret, struct err *e)
{
	*ret = (struct layer_file){ .mode = en->mode, .xattrs = en->xattrs, .n_xattrs = en->n_xattrs };
	layer_times(en, ret->times);
	return layer_owner(a, en, &ret->uid, &ret->gid, e);
}

int layer_dress(struct layer_apply *a, int xfd, const struct layer_file *f, struct err *e)
{
	if (layer_chown(a, xfd, NULL, f->uid, f->gid, e) < 0 ||
	    layer_set_xattrs(a, xfd, f->xattrs, f->n_xattrs, e) < 0)
		return -e->eno;
	/* open() has given these bits already unless the umask took some, or they are special */
	if (((f->mode & a->umask) || (f->mode & 07000)) && fchmod(xfd, f->mode) < 0)
		return layer_sys(a, e, "chmod");
	return futimens(xfd, f->times) < 0 ? layer_sys(a, e, "set times") : 0;
}

int layer_put_file(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e)
{
	struct layer_file f;
	OWN_FD fd = -1;
	const char *name;
	int dir;

	if (layer_file_of(a, en, &f, e) < 0 || create_file(a, path, en->mode, &fd, &dir, &name, e) < 0 ||
	    write_body(a, fd, en, e) < 0)
		return -e->eno;
	return layer_dress(a, fd, &f, e);
}

int layer_put_symlink(struct layer_apply *a, const char *path, const struct tar_entry *en,
		      struct err *e)
{
	struct timespec times[2];
	const char *name;
	uid_t uid;
	gid_t gid;
	int dir;

	if (!*en->link)
		return layer_bad(a, e, "symbolic link without a target");
	if (layer_owner(a, en, &uid, &gid, e) < 0 || place(a, path, false, &dir, &name, e) < 0)
		return -e->eno;
	if (symlinkat(en->link, dir, name) < 0) {
		if (errno != EEXIST)
			return layer_sys(a, e, "make symbolic link");
		if (place(a, path, true, &dir, &name, e) < 0)
			return -e->eno;
		if (symlinkat(en->link, dir, name) < 0)
			return layer_sys(a, e, "make symbolic link");
	}
	a->stats.size_bytes += strlen(en->link);
	layer_times(en, times);
	if (layer_chown(a, dir, name, uid, gid, e) < 0 ||
	    layer_set_xattrs_at(a, dir, name, en->xattrs, en->n_xattrs, e) < 0)
		return -e->eno;
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return layer_sys(a, e, "set times");
	return 0;
}

static int make_node(struct layer_apply *a, int dir, const char *name, const struct tar_entry *en,
		     struct err *e)
{
	mode_t type = en->type == TAR_CHAR ? S_IFCHR : en->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
	dev_t dev = en->type == TAR_FIFO ? 0 : makedev(en->dev_major, en->dev_minor);

	if (!mknodat(dir, name, type | (en->mode & 07777), dev))
		return 0;
	if (errno != EPERM)
		return layer_sys(a, e, "make device");
	/* a user namespace cannot make devices; containers get theirs from the runtime anyway */
	a->stats.skipped_devices++;
	OWN_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? layer_sys(a, e, "make placeholder of device") : 0;
}

int layer_put_special(struct layer_apply *a, const char *path, const struct tar_entry *en,
		      struct err *e)
{
	struct timespec times[2];
	const char *name;
	uid_t uid;
	gid_t gid;
	int dir;

	if (layer_owner(a, en, &uid, &gid, e) < 0)
		return -e->eno;
	/* overlay would take this device for a whiteout in any case */
	if (en->type == TAR_CHAR && !en->dev_major && !en->dev_minor)
		return layer_put_whiteout(a, path, strrchr(path, '/') ? strrchr(path, '/') + 1 : path, e);
	if (place(a, path, true, &dir, &name, e) < 0 || make_node(a, dir, name, en, e) < 0 ||
	    layer_chown(a, dir, name, uid, gid, e) < 0 ||
	    layer_set_xattrs_at(a, dir, name, en->xattrs, en->n_xattrs, e) < 0)
		return -e->eno;
	if (fchmodat(dir, name, en->mode, 0) < 0)
		return layer_sys(a, e, "chmod");
	layer_times(en, times);
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return layer_sys(a, e, "set times");
	return 0;
}

static int remember_link(struct layer_apply *a, const char *path, const char *target, struct err *e)
{
	struct layer_link *more = grow_one(a->links, a->n_links, &a->cap_links, sizeof *more);

	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "hard links");
	a->links = more;
	struct layer_link l = { arena_strdup(&a->a, target), arena_strdup(&a->a, path) };
	if (!l.target || !l.path)
		return err_new(e, E_NOMEM, ENOMEM, "hard links");
	a->arena_bytes += strlen(target) + strlen(path) + sizeof l;
	if (a->arena_bytes > LAYER_DIR_BYTES_MAX)
		return layer_bad(a, e, "too many hard links without a target");
	a->links[a->n_links++] = l;
	return 0;
}

/* the file system allows no more links to it: an own copy looks the same to most */
static int copy_instead(struct layer_apply *a, int from_dir, const char *from, int dir,
			const char *name, struct err *e)
{
	OWN_FD in = openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	OWN_FD out = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (in < 0 || out < 0)
		return layer_sys(a, e, "copy instead of link");
	if (io_copy_file(in, out, e) < 0 || attr_copy(in, out, e) < 0)
		return err_ctx(e, "entry %s", a->shown);
	return 0;
}

/* 0: made | -ENOENT with an empty error: the target is not in this layer (yet) | error */
static int try_link(struct layer_apply *a, const char *path, const char *target, struct err *e)
{
	struct stat st, have;
	const char *name, *from;
	int dir, r;

	r = layer_parent(a, target, false, &dir, &from, e);
	if (r < 0)
		return r;
	if (fstatat(dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -ENOENT : layer_sys(a, e, "stat target");
	if (S_ISDIR(st.st_mode))
		return layer_bad(a, e, "hard link to a directory");
	if (layer_is_whiteout(&st))
		return layer_bad(a, e, "hard link to a file that this layer removes");
	/* the parent at hand is about to change */
	OWN_FD from_dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (from_dir < 0)
		return layer_sys(a, e, "open directory");
	if (place(a, path, false, &dir, &name, e) < 0)
		return -e->eno;
	if (!linkat(from_dir, from, dir, name, 0))
		return 0;
	if (errno == EEXIST) {
		if (!fstatat(dir, name, &have, AT_SYMLINK_NOFOLLOW) && have.st_ino == st.st_ino &&
		    have.st_dev == st.st_dev)
			return 0; /* linked already, or linked to itself */
		if (place(a, path, true, &dir, &name, e) < 0)
			return -e->eno;
		if (!linkat(from_dir, from, dir, name, 0))
			return 0;
	}
	if (errno == EMLINK && S_ISREG(st.st_mode))
		return copy_instead(a, from_dir, from, dir, name, e);
	return layer_sys(a, e, "make hard link");
}

int layer_put_link(struct layer_apply *a, const char *path, const char *target, struct err *e)
{
	if (!*target)
		return layer_bad(a, e, "hard link without a target");
	int r = try_link(a, path, target, e);
	return r == -ENOENT && !e->kind ? remember_link(a, path, target, e) : r;
}

int layer_finish_links(struct layer_apply *a, struct err *e)
{
	const char *name;
	int dir;

	for (size_t i = 0; i < a->n_links; i++) {
		const struct layer_link *l = &a->links[i];
		layer_show(a, l->path);
		int r = try_link(a, l->path, l->target, e);
		if (!r)
			continue;
		if (r != -ENOENT || e->kind)
			return r;
		/* of a parent layer: both names get their directories now and the file when the
		 * chain is complete; what an earlier entry left there has to go */
		if (place(a, l->target, false, &dir, &name, e) < 0 ||
		    place(a, l->path, true, &dir, &name, e) < 0)
			return -e->eno;
		buf_putc(a->loose, 'L');
		buf_add(a->loose, l->target, strlen(l->target) + 1);
		buf_add(a->loose, l->path, strlen(l->path) + 1);
	}
	return 0;
}
