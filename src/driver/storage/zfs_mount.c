/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts of datasets, by either implementation of ZFS.
 *
 * OpenZFS is a file system of the kernel: a detached mount, which ends with its last user. All who mount a
 * dataset get the same superblock.
 *
 * zfs-fuse is a daemon. `zfs mount` asks it, and it mounts the dataset where the property mountpoint says, in its
 * own mount namespace, and once only. So that one is made below RUN, stays until the container is removed, and is copied
 * for each use. When its last copy is gone the daemon learns of it by itself, and closes its descriptor of /dev/fuse
 * when it has let go of the dataset: inotify tells. It must have been told of each closed file before that: else it
 * waits for ever, and nobody gets an answer any more (see settle).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/zfs_int.h"
#include "sys/mountfd.h"

#define DAEMON_DIR "/var/run/zfs"

enum { POINT_MAX = 4096, FUSE_MAGIC = 0x65735546 };

static bool daemon_runs(void)
{
	const struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = DAEMON_DIR "/zfs_socket" };
	OWN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && !connect(fd, (const struct sockaddr *)&at, sizeof at);
}

int zfs_by_kernel(struct err *e)
{
	int listed = storage_kernel_lists("zfs", e);

	if (listed)
		return listed;
	if (daemon_runs())
		return 0;
	err_new(e, E_UNSUPPORTED, ENODEV,
		"the kernel module zfs of OpenZFS is not loaded (/proc/filesystems does not list it), and the daemon zfs-fuse does not run");
	err_hint(e, "load it with: modprobe zfs");
	return -e->eno;
}

static int by_kernel(const struct zfs *z, const char *part, int *ret_fd, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX];
	const struct mountfd_fs fs = { .type = "zfs", .source = name };

	(void)snprintf(name, sizeof name, "%s/%s", z->name, part);
	return mountfd_fs(&fs, ret_fd, e);
}

static int unmount(const char *path, struct err *e)
{
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	return errno != EINVAL && errno != ENOENT ? err_sys(e, errno, "unmount %s", path) : 0;
}

/* 1: a file system is mounted on @path, 0: none, or one whose daemon has ended, which is taken away */
static int is_mounted(const char *path, struct err *e)
{
	struct statfs fs;
	int r = libc_is_mount_root(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);

	/* attributes may be known from before: this is always asked */
	if (r > 0 && statfs(path, &fs) < 0)
		r = -1;
	if (r < 0 && errno == ENOTCONN)
		return unmount(path, e);
	return r < 0 ? err_sys(e, errno, "stat %s", path) : r;
}

/* One mount or unmount at a time, of whatever store. Two mounts at once mix up what the daemon's threads tell each
 * other, and it hangs; and at an unmount it closes a descriptor twice, which may be that of a new mount by then. */
static int daemon_lock(int *ret_fd, struct err *e)
{
	OWN_FD fd = open(DAEMON_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(e, errno, "lock " DAEMON_DIR);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int ask_daemon(const struct zfs *z, const char *part, const char *path, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX], set[POINT_MAX + sizeof "mountpoint="];
	const char *const place[] = { "zfs", "set", set, name, NULL };
	const char *const mount[] = { "zfs", "mount", name, NULL };

	(void)snprintf(name, sizeof name, "%s/%s", z->name, part);
	/* each time: RUN may be another one than before */
	(void)snprintf(set, sizeof set, "mountpoint=%s", path);
	OWN_FD one = -1;
	if (daemon_lock(&one, e) < 0 || zfs_run(place, NULL, e) < 0 || zfs_run(mount, "filesystem already mounted", e) < 0)
		return -e->eno;
	own_fd_done(&one);
	int r = is_mounted(path, e);
	if (r)
		return r < 0 ? r : 0;
	(void)err_new(e, E_UNSUPPORTED, EXDEV, "zfs-fuse has mounted it where this process does not see it");
	err_hint(e, "start the daemon in the mount namespace that onggi runs in");
	return -e->eno;
}

static int by_daemon(const struct zfs *z, const char *part, int *ret_fd, struct err *e)
{
	char point[ZFS_PART_MAX + sizeof "zfs/"], path[POINT_MAX];

	(void)snprintf(point, sizeof point, "zfs/%s", part);
	(void)snprintf(path, sizeof path, "%s/%s", z->s->run, point);
	if (io_mkdir_p(z->s->run_fd, point, 0700, e) < 0)
		return -e->eno;
	int r = is_mounted(path, e);
	if (r < 0 || (!r && ask_daemon(z, part, path, e) < 0))
		return -e->eno;
	return mountfd_clone(AT_FDCWD, path, 0, ret_fd, e);
}

int zfs_mount(const struct zfs *z, const char *part, int *ret_fd, struct err *e)
{
	int r = z->fuse ? by_daemon(z, part, ret_fd, e) : by_kernel(z, part, ret_fd, e);

	return r < 0 ? err_ctx(e, "mount %s/%s", z->name, part) : 0;
}

/* how many requests to the daemon of FUSE file system number @dev are not answered; negative: it cannot be told */
static int waiting(int xcontrol, unsigned dev)
{
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	char name[32];
	uint32_t n;

	(void)snprintf(name, sizeof name, "%u/waiting", dev);
	if (io_read_file(xcontrol, name, 32, &text, NULL, &ignored) < 0)
		return -1;
	text[strcspn(text, "\n")] = 0;
	return text_uint32(text, &n) < 0 || n > INT_MAX ? -1 : (int)n;
}

/* The kernel tells a FUSE daemon of a closed file when it has time, and does not tell it any more when the last mount
 * is gone. So wait until all was told: a question, which is answered after what was asked before, and then the
 * kernel's count. */
static void settle(const char *path)
{
	const struct mountfd_fs control_fs = { .type = "fusectl" };
	struct err ignored = { 0 }; /* one question is asked anyway */
	OWN_FD control = -1, root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	struct statfs fs;

	if (root < 0 || fstat(root, &st) < 0 || fstatfs(root, &fs) < 0 || fs.f_type != FUSE_MAGIC ||
	    mountfd_fs(&control_fs, &control, &ignored) < 0)
		return;
	while (waiting(control, minor(st.st_dev)) > 0 && !fstatfs(root, &fs))
		;
}

int zfs_unmount(const struct zfs *z, const char *part, struct err *e)
{
	char path[POINT_MAX];
	OWN_FD one = -1, watch = -1;
	struct err why = { 0 };

	if (!z->fuse)
		return 0;
	(void)snprintf(path, sizeof path, "%s/zfs/%s", z->s->run, part);
	int r = is_mounted(path, &why);
	if (r < 0 && why.eno == ENOENT)
		return 0;
	if (r < 0)
		*e = why;
	if (r > 0) {
		if (daemon_lock(&one, e) < 0 || zfs_watch(&watch, e) < 0)
			return -e->eno;
		settle(path);
		r = unmount(path, e);
		if (r >= 0)
			r = zfs_wait(watch, clock_mono_ns() + ZFS_WAIT_NS, e);
	}
	return r < 0 ? r : rmdir(path) < 0 && errno != ENOENT ? err_sys(e, errno, "rmdir %s", path) : 0;
}

int zfs_watch(int *ret_fd, struct err *e)
{
	OWN_FD fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, "/dev/fuse", IN_CLOSE_WRITE) < 0)
		return err_sys(e, errno, "watch /dev/fuse");
	*ret_fd = fd_take(&fd);
	return 0;
}

int zfs_wait(int xwatch, int64_t end_ns, struct err *e)
{
	struct pollfd p = { .fd = xwatch, .events = POLLIN };
	char events[512];

	for (;;) {
		int64_t left = (end_ns - clock_mono_ns()) / 1000000;
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(e, errno, "poll");
		if (!r)
			return 0;
		if (read(xwatch, events, sizeof events) < 0 && errno != EAGAIN)
			return err_sys(e, errno, "read events");
		return 1;
	}
}
