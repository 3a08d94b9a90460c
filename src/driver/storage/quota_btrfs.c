/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits by quota groups of btrfs: see quota.h. Every subvolume has the group 0/ID.
 */
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/quota_int.h"

enum { BTRFS_MAGIC = 0x9123683e, BTRFS_FIRST_INO = 256 };

bool qgroup_is_btrfs(const struct store *s)
{
	struct statfs fs;

	return !fstatfs(s->root_fd, &fs) && fs.f_type == BTRFS_MAGIC;
}

static int open_dir(const struct store *s, const char *path, int *ret_fd, struct err *e)
{
	*ret_fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", path) : 0;
}

int qgroup_make(const struct store *s, const char *id, struct err *e)
{
	struct btrfs_ioctl_vol_args args = { .name = "rw" };
	char path[STORAGE_PATH_MAX];
	OWN_FD dir = -1;

	(void)snprintf(path, sizeof path, "containers/%.64s", id);
	if (open_dir(s, path, &dir, e) < 0)
		return -e->eno;
	if (ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &args) < 0 || fchmodat(dir, "rw", 0700, 0) < 0)
		return err_sys(e, errno, "make subvolume %s/rw", path);
	return 0;
}

static int number(int xsubvolume, uint64_t *ret)
{
	struct btrfs_ioctl_ino_lookup_args args = { .objectid = BTRFS_FIRST_INO };

	if (ioctl(xsubvolume, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return -errno;
	*ret = args.treeid;
	return 0;
}

int qgroup_limit(const struct store *s, const char *path, uint64_t bytes, bool own_only, struct err *e)
{
	struct btrfs_ioctl_qgroup_limit_args args = { 0 };
	struct btrfs_ioctl_quota_ctl_args on = { .cmd = BTRFS_QUOTA_CTL_ENABLE };
	OWN_FD fd = -1;
	uint64_t id;

	if (open_dir(s, path, &fd, e) < 0)
		return -e->eno;
	int r = number(fd, &id);
	if (r < 0)
		return err_sys(e, -r, "number of subvolume %s", path);
	args.qgroupid = id;
	args.lim.flags = own_only ? BTRFS_QGROUP_LIMIT_MAX_EXCL : BTRFS_QGROUP_LIMIT_MAX_RFER;
	args.lim.max_excl = args.lim.max_rfer = bytes;
	if (!ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args))
		return 0;
	if (errno != ENOTCONN && errno != EINVAL && errno != ENOENT)
		return err_sys(e, errno, "limit subvolume %s", path);
	/* not counted so far; the limit holds from when all is */
	if (ioctl(fd, BTRFS_IOC_QUOTA_CTL, &on) < 0)
		return err_sys(e, errno, "turn on the quotas of btrfs");
	if (ioctl(fd, BTRFS_IOC_QUOTA_RESCAN_WAIT) < 0 && errno != ENOTCONN && errno != EINVAL)
		return err_sys(e, errno, "wait for the quotas of btrfs");
	return ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) < 0 ? err_sys(e, errno, "limit subvolume %s", path) : 0;
}

uint64_t qgroup_of(const struct store *s, const char *path)
{
	struct err ignored = { 0 };
	OWN_FD fd = -1;
	uint64_t id;

	return open_dir(s, path, &fd, &ignored) < 0 || number(fd, &id) < 0 ? 0 : id;
}

void qgroup_remove(const struct store *s, uint64_t group)
{
	struct btrfs_ioctl_qgroup_create_args args = { .qgroupid = group };

	/* since Linux 6.10 it goes by itself when the subvolume has gone, and is busy until then */
	if (group)
		(void)ioctl(s->root_fd, BTRFS_IOC_QGROUP_CREATE, &args);
}
