/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's file system as a descriptor: see rootfs.h.
 */
#include "engine/rootfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "engine/engine_int.h"
#include "format/js.h"
#include "runtime/plan.h"

int rootfs_mount(const struct mount_plan *plan, int *ret_fd, struct err *e)
{
	if (plan_mount(plan, NULL, ret_fd, e) < 0)
		return err_ctx(e, "mount the container's file system");
	return 0;
}

int rootfs_open_init(const struct proc_id *id, int *ret_fd, struct err *e)
{
	char path[40];

	(void)snprintf(path, sizeof path, "/proc/%d/root", (int)id->pid);
	OWN_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open root of process %d", (int)id->pid);
	/* alive after the open: the descriptor is of this process and of no later one */
	if (!proc_alive(id))
		return err_new(e, E_STATE, ESRCH, "the container has just ended");
	*ret_fd = fd_take(&fd);
	return 0;
}

enum look { LOOK_FOUND, LOOK_NEXT, LOOK_NONE, LOOK_MOUNT };

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* one layer: @path's parents must be plain directories, the file a plain file */
static enum look layer_look(int layer, const char *path, struct stat *ret_st, int *ret_fd)
{
	OWN_FD dir = fcntl(layer, F_DUPFD_CLOEXEC, 3);
	char part[256], value[2];
	struct stat st;
	bool opaque = false;

	while (dir >= 0) {
		size_t n = strcspn(path, "/");
		if (n >= sizeof part)
			return LOOK_MOUNT;
		memcpy(part, path, n);
		part[n] = 0;
		bool last = !path[n];
		OWN_FD fd = openat(dir, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOENT ? (opaque ? LOOK_NONE : LOOK_NEXT) : LOOK_MOUNT;
		if (fstat(fd, &st) < 0)
			return LOOK_MOUNT;
		if (is_whiteout(&st))
			return LOOK_NONE;
		if (last) {
			*ret_st = st;
			if (!S_ISREG(st.st_mode) || !ret_fd)
				return ret_fd ? LOOK_MOUNT : LOOK_FOUND;
			*ret_fd = openat(dir, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
			return *ret_fd < 0 ? LOOK_MOUNT : LOOK_FOUND;
		}
		if (!S_ISDIR(st.st_mode))
			return LOOK_MOUNT;
		own_fd_done(&dir);
		dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		opaque = opaque || (dir >= 0 && fgetxattr(dir, "trusted.overlay.opaque", value, 2) >= 1 &&
				    *value == 'y');
		path += n + 1;
	}
	return LOOK_MOUNT;
}

/* topmost first; @upper: the writable layer too */
static enum look layers_look(const struct mount_step *s, bool upper, const char *path, struct stat *ret_st,
			     int *ret_fd)
{
	for (size_t i = upper ? 0 : 1; i < s->n_lowers + s->n_datas + 1; i++) {
		const char *dir = !i ? s->upper : i <= s->n_lowers ? s->lowers[i - 1] : s->datas[i - 1 - s->n_lowers];
		if (!dir)
			continue;
		OWN_FD layer = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (layer < 0)
			return LOOK_MOUNT;
		enum look l = layer_look(layer, path, ret_st, ret_fd);
		if (l != LOOK_NEXT)
			return l;
	}
	return LOOK_NONE;
}

int rootfs_lower_stat(const struct storage_lowers *lowers, const char *path, struct stat *ret)
{
	const struct mount_step s = { .lowers = lowers->dirs, .n_lowers = lowers->n };

	return layers_look(&s, false, path, ret, NULL) == LOOK_FOUND;
}

/* Only to be looked at: an overlay is not made over its writable layer, which a mount without sync would mark as
 * lost for the container itself. */
static int look_mount(const struct mount_plan *plan, int *ret_fd, struct err *e)
{
	const size_t n = plan->n_steps;
	OWN_PTR struct mount_step *steps = calloc(n, sizeof *steps);
	OWN_PTR const char **lowers = NULL;

	if (!steps)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	memcpy(steps, plan->steps, n * sizeof *steps);
	struct mount_step *s = &steps[n - 1];
	if (s->upper) {
		if (!(lowers = calloc(s->n_lowers + 1, sizeof *lowers)))
			return err_new(e, E_NOMEM, ENOMEM, "mount plan");
		lowers[0] = s->upper;
		if (s->n_lowers)
			memcpy(lowers + 1, s->lowers, s->n_lowers * sizeof *lowers);
		s->lowers = lowers;
		s->n_lowers++;
		s->upper = s->work = s->gain = NULL;
		s->read_only = true;
	}
	return rootfs_mount(&(struct mount_plan){ steps, n }, ret_fd, e);
}

/* what a layer shows by itself is what the container sees */
static bool is_plain(const struct mount_step *s)
{
	for (size_t i = 0; i < s->n_options; i++)
		if (!strcmp(s->options[i], "redirect_dir=on"))
			return false;
	return !strcmp(s->fstype, "overlay");
}

int rootfs_read(const struct mount_plan *plan, const char *path, size_t max, char **ret, struct err *e)
{
	OWN_FD fd = -1, root = -1;
	enum look l = LOOK_MOUNT;
	struct stat st;

	*ret = NULL;
	const struct mount_step *last = &plan->steps[plan->n_steps - 1];
	/* the directories of its layers, or what shows the same as one before it */
	if (is_plain(last) && (plan->n_steps == 1 || last->n_datas))
		l = layers_look(last, true, path, &st, &fd);
	if (l == LOOK_NONE)
		return 0;
	if (l == LOOK_MOUNT) {
		if (look_mount(plan, &root, e) < 0)
			return -e->eno;
		if (path_open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e) < 0)
			return e->eno == ENOENT || e->eno == ENOTDIR || e->eno == ELOOP ? 0 : -e->eno;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			return 0;
	}
	if (io_read_fd(fd, max, ret, NULL, e) < 0)
		return err_ctx(e, "%s of the image", path);
	return 0;
}
