/* SPDX-License-Identifier: Apache-2.0
 *
 * The root file system: made or bound inside the container's own mount namespace, attached over
 * the old root, entered by pivot_root at the end. The host never sees any of these mounts.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/container.h"
#include "runtime/plan.h"
#include "sys/mountfd.h"

/* "/" of the copied mount namespace: nothing of ours may reach the host */
static int old_root_propagation(const struct container *c, int root, struct err *e)
{
	unsigned long ms = c->b.rootfs_propagation;

	/* unbindable would forbid the very binds that follow: it is set on the root at the end */
	if (!ms || ms & MS_UNBINDABLE)
		ms = MS_SLAVE;
	if (mountfd_propagation(root, ms | MS_REC, e) < 0)
		return -e->eno;
	/* the parent of a root that is to be pivoted to must not be shared: pivot_root(2) */
	if (ms & MS_SHARED)
		return mountfd_propagation(root, MS_PRIVATE, e);
	return 0;
}

/* the mount namespace is the container's alone: its "/" may be covered and pivoted away */
static bool own_mounts(const struct container *c)
{
	return c->b.ns[NS_MOUNT].present && !c->b.ns[NS_MOUNT].path;
}

/* pivot_root(2) refuses a new root on a shared mount: make the one that @dir lies on private. Only the
 * root of a mount takes the call, so go up to it. */
static int parent_private(int dir, struct err *e)
{
	CHILD_FD at = fcntl(dir, F_DUPFD_CLOEXEC, 3);

	while (at >= 0 && mountfd_propagation(at, MS_PRIVATE, e) < 0) {
		if (e->eno != EINVAL)
			return -e->eno;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		own_fd_done(&at);
		at = up;
	}
	if (at < 0)
		return err_sys(e, errno, "directory of the root");
	err_clear(e);
	return 0;
}

static int root_tree(const struct container *c, int *ret_fd, struct err *e)
{
	if (c->req->rootfs_plan)
		return plan_mount(c->req->rootfs_plan, c->rootfs, ret_fd, e);
	if (c->root_tree >= 0)
		*ret_fd = c->root_tree;
	else if (mountfd_clone(AT_FDCWD, c->rootfs, MOUNTFD_REC, ret_fd, e) < 0)
		return -e->eno;
	/* pivot_root(2) refuses a new root that is shared, as the clone of a shared one is: "shared" is
	 * set again at the end. Mounts below it may keep their peers then. */
	return mountfd_propagation(
		*ret_fd, c->b.rootfs_propagation & MS_SHARED ? MS_PRIVATE : MS_PRIVATE | MS_REC, e);
}

int rootfs_open(struct child *ch, struct err *e)
{
	return root_tree(ch->c, &ch->root, e) < 0 ? err_ctx(e, "root") : 0;
}

int rootfs_attach(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	CHILD_FD tree = fd_take(&ch->root); /* opened already */
	CHILD_FD place = -1;
	/* In a namespace that others use the root is a plain directory, or the plan mounted on it. Hooks
	 * before pivot_root look for the container's mounts at the root's path on the host. */
	const bool in_place = !own_mounts(c) || container_hooks_wait(c);

	if (own_mounts(c)) {
		CHILD_FD top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (top < 0)
			return err_sys(e, errno, "open /");
		if (old_root_propagation(c, top, e) < 0)
			return err_ctx(e, "old root");
		if (!in_place)
			place = fd_take(&top);
	}
	if (place < 0)
		place = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return err_sys(e, errno, "root: open %s", c->rootfs);
	if (in_place && own_mounts(c) && parent_private(place, e) < 0)
		return -e->eno;
	if (!own_mounts(c) && !c->req->rootfs_plan) {
		ch->root = fd_take(&place);
		return 0;
	}
	if ((tree < 0 && root_tree(c, &tree, e) < 0) || mountfd_attach(tree, place, e) < 0)
		return err_ctx(e, "root");
	ch->root = fd_take(&tree);
	return 0;
}

static int pivot(struct child *ch, struct err *e)
{
	const unsigned long ms = ch->c->b.rootfs_propagation;
	CHILD_FD old = -1;

	if (ms & MS_SHARED) {
		old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old < 0)
			return err_sys(e, errno, "open /");
	}
	/* both at one place: the old root lies on top and needs no directory of the image */
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		int r = err_sys(e, errno, "pivot_root");
		if (e->eno == EINVAL)
			err_hint(e, "a root on a ramfs cannot be pivoted: use --no-pivot");
		return r;
	}
	/* the detach must not travel to peers on the host */
	if (old >= 0 && mountfd_propagation(old, MS_SLAVE | MS_REC, e) < 0)
		return err_ctx(e, "old root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(e, errno, "detach old root");
	return 0;
}

int rootfs_enter(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	const unsigned long ms = c->b.rootfs_propagation;

	if (own_mounts(c) && c->b.root.read_only && mountfd_attr(ch->root, MOUNT_ATTR_RDONLY, 0, 0, e) < 0)
		return err_ctx(e, "root");
	if (fchdir(ch->root) < 0)
		return err_sys(e, errno, "enter root");
	if (own_mounts(c) && !c->req->no_pivot) {
		if (pivot(ch, e) < 0)
			return -e->eno;
	} else {
		/* the old procfs and sysfs must go, or a process with a user namespace of its own could
		 * mount new ones without the masks (mount_namespaces(7)) */
		if (own_mounts(c)) {
			(void)umount2("/proc", MNT_DETACH); /* not mounted: nothing to hide */
			(void)umount2("/sys", MNT_DETACH);
		}
		if (chroot(".") < 0)
			return err_sys(e, errno, "enter root");
	}
	/* the working directory is the root now, by either way */
	if (ms && own_mounts(c) && mountfd_propagation(ch->root, ms, e) < 0)
		return err_ctx(e, "root");
	return 0;
}
