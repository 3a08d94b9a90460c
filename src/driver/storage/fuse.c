/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "fuse-overlayfs": layers stacked by that program, where the kernel's overlay is not
 * there or not allowed.
 *
 * We open /dev/fuse and make the mount, detached; the program serves the descriptor. So the mount is
 * in nobody's table, goes where the container's root goes, and the program ends by itself when
 * the last user of the mount is gone. Nothing has to be unmounted, nothing is left after a kill -9.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"
#include "driver/storage/overlay_int.h"
#include "sys/mountfd.h"

static const char *program(void)
{
	static const char *const places[] = { "/usr/bin/fuse-overlayfs", "/usr/local/bin/fuse-overlayfs",
					      "/bin/fuse-overlayfs" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (!access(places[i], X_OK))
			return places[i];
	return NULL;
}

static int probe(const struct store *s, struct err *e)
{
	(void)s;
	OWN_FD fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0) {
		err_new(e, E_UNSUPPORTED, errno, "fuse-overlayfs: open /dev/fuse: %s", strerror(errno));
		err_hint(e, "load it with: modprobe fuse");
		return -e->eno;
	}
	if (!program()) {
		err_new(e, E_UNSUPPORTED, ENOENT, "fuse-overlayfs: the program is not installed");
		err_hint(e, "install the package fuse-overlayfs");
		return -e->eno;
	}
	return 0;
}

static int mount_open(int fuse, bool read_only, int *ret_fd, struct err *e)
{
	char fd[16], uid[16], gid[16];
	OWN_FD fs = -1;

	(void)snprintf(fd, sizeof fd, "%d", fuse);
	(void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
	(void)snprintf(gid, sizeof gid, "%u", (unsigned)getegid());
	if (mountfd_fs_open("fuse", &fs, e) < 0 || mountfd_fs_string(fs, "source", "fuse-overlayfs", e) < 0 ||
	    mountfd_fs_string(fs, "fd", fd, e) < 0 || mountfd_fs_string(fs, "rootmode", "40000", e) < 0 ||
	    mountfd_fs_string(fs, "user_id", uid, e) < 0 || mountfd_fs_string(fs, "group_id", gid, e) < 0 ||
	    mountfd_fs_word(fs, "allow_other", e) < 0 || mountfd_fs_word(fs, "default_permissions", e) < 0)
		return err_ctx(e, "fuse-overlayfs");
	return mountfd_fs_mount(fs, "fuse", read_only ? MOUNT_ATTR_RDONLY : 0, ret_fd, e);
}

/* A child of a child: its parent is init, and nobody here has to wait for it. */
static int serve(int fuse, const char *options, struct err *e)
{
	const char *path = program();
	int status;

	if (!path)
		return err_new(e, E_UNSUPPORTED, ENOENT, "fuse-overlayfs: the program is not installed");
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (!pid) {
		char *const argv[] = { (char *)path, (char *)"-f", (char *)"-o", (char *)options,
				       (char *)"/dev/fd/3", NULL };
		char *const env[] = { NULL };
		pid_t grandchild = setsid() < 0 ? -1 : fork();
		if (grandchild)
			_exit(grandchild < 0);
		int null = open("/dev/null", O_RDWR);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(fuse, 3) < 0)
			_exit(1);
		(void)libc_close_range(4, ~0U, 0);
		(void)fcntl(3, F_SETFD, 0);
		(void)umask(0);
		if (chdir("/") < 0)
			_exit(1);
		execve(path, argv, env);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "wait");
	return status ? err_new(e, E_INTERNAL, ECHILD, "fuse-overlayfs: cannot be started") : 0;
}

static char *options_of(const struct mount_step *step, struct arena *a)
{
	size_t size = 256 + (step->upper ? strlen(step->upper) + strlen(step->work) : 0), n = 0;

	for (size_t i = 0; i < step->n_lowers; i++)
		size += strlen(step->lowers[i]) + 1;
	char *text = arena_get(a, size);
	if (!text)
		return NULL;
	/* without write-back what a container wrote is in its files when it has ended */
	n += (size_t)snprintf(text, size, "writeback=0,lowerdir=");
	for (size_t i = 0; i < step->n_lowers; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ":" : "", step->lowers[i]);
	if (step->upper)
		(void)snprintf(text + n, size - n, ",upperdir=%s,workdir=%s", step->upper, step->work);
	return text;
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain,
		unsigned flags, struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct mount_step *step = arena_get(a, sizeof *step);
	struct storage_lowers over;

	if (!step)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = MOUNT_STEP_FD;
	step->fd = -1;
	if (strpbrk(s->root, ",:\\"))
		return err_new(e, E_UNSUPPORTED, EINVAL, "fuse-overlayfs: a store at %s, whose name has one of , : \\",
			       s->root);
	if (storage_lowers(s, id, chain, n_chain, a, &over, e) < 0 ||
	    overlay_step(s, id, &over, flags & STORAGE_PLAN_READ_ONLY, a, step, e) < 0)
		return -e->eno;
	if (!(flags & STORAGE_PLAN_LOOK)) {
		const char *options = options_of(step, a);
		if (!options)
			return err_new(e, E_NOMEM, ENOMEM, "mount plan");
		OWN_FD fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC), mnt = -1;
		if (fuse < 0)
			return err_sys(e, errno, "fuse-overlayfs: open /dev/fuse");
		if (mount_open(fuse, step->read_only, &mnt, e) < 0 || serve(fuse, options, e) < 0)
			return -e->eno;
		step->fd = fd_take(&mnt);
	}
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}

const struct storage_ops storage_fuse = {
	.name = "fuse-overlayfs",
	.form = STORE_DIFF,
	.probe = probe,
	.prepare = overlay_prepare,
	.plan = plan,
	.remove = overlay_remove,
	.lowers = storage_lowers,
	.changes = overlay_changes,
	.bytes = overlay_bytes,
};
