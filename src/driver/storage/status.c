/* SPDX-License-Identifier: Apache-2.0
 *
 * What a driver has to say of itself in "info", with docker's keys where docker has them.
 */
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/text.h"
#include "driver/storage/overlay_int.h"

/* docker's names, by the magic numbers of statfs(2) */
static const struct {
	uint32_t magic;
	const char *name;
} file_systems[] = {
	{ EXT4_SUPER_MAGIC, "extfs" }, { XFS_SUPER_MAGIC, "xfs" }, { BTRFS_SUPER_MAGIC, "btrfs" },
	{ TMPFS_MAGIC, "tmpfs" }, { OVERLAYFS_SUPER_MAGIC, "overlayfs" }, { F2FS_SUPER_MAGIC, "f2fs" },
	{ NFS_SUPER_MAGIC, "nfs" }, { FUSE_SUPER_MAGIC, "fuse" }, { CIFS_SUPER_MAGIC, "cifs" },
	{ SMB2_SUPER_MAGIC, "cifs" }, { RAMFS_MAGIC, "ramfs" }, { SQUASHFS_MAGIC, "squashfs" },
	{ REISERFS_SUPER_MAGIC, "reiserfs" }, { ECRYPTFS_SUPER_MAGIC, "ecryptfs" }, { CEPH_SUPER_MAGIC, "ceph" },
	/* not in linux/magic.h: their own sources have them */
	{ 0x2fc12fc1, "zfs" }, { 0xca451a4e, "bcachefs" }, { 0x61756673, "aufs" }, { 0x3153464a, "jfs" },
	{ 0x01161970, "gfs" }, { 0x47504653, "gpfs" }, { 0x0bd00bd0, "lustre" },
};

void storage_status(const struct store *s, const struct storage_ops *ops, unsigned flags, storage_say_fn say, void *data)
{
	char number[32] = "<unknown>";
	const char *name = number;
	struct statfs fs;

	if (!fstatfs(s->root_fd, &fs)) {
		(void)snprintf(number, sizeof number, "0x%x", (uint32_t)fs.f_type);
		for (size_t i = 0; i < ARRAY_LEN(file_systems); i++)
			if (file_systems[i].magic == (uint32_t)fs.f_type)
				name = file_systems[i].name;
	}
	say(data, "Backing Filesystem", name);
	if (ops->status)
		ops->status(s, flags, say, data);
}

void overlay_status(const struct store *s, unsigned flags, storage_say_fn say, void *data)
{
	(void)s;
	/* overlay refuses an upper directory without it; the others are options of each mount */
	say(data, "Supports d_type", "true");
	say(data, "Using metacopy", flags & STORAGE_PLAN_METACOPY ? "true" : "false");
	say(data, "Native Overlay Diff", flags & STORAGE_PLAN_REDIRECT ? "false" : "true");
	say(data, "userxattr", storage_in_userns() ? "true" : "false");
}
