/* SPDX-License-Identifier: Apache-2.0
 *
 * What a driver has to say of itself in "info", with docker's keys where docker has them.
 */
#include <stdio.h>
#include <sys/vfs.h>

#include "base/text.h"
#include "driver/storage/overlay_int.h"

/* docker's names, by the magic numbers of statfs(2) */
static const struct {
	uint32_t magic;
	const char *name;
} file_systems[] = {
	{ 0xef53, "extfs" },	    { 0x58465342, "xfs" },	{ 0x9123683e, "btrfs" },
	{ 0x2fc12fc1, "zfs" },	    { 0x01021994, "tmpfs" },	{ 0x794c7630, "overlayfs" },
	{ 0xf2f52010, "f2fs" },	    { 0x6969, "nfs" },		{ 0x65735546, "fuse" },
	{ 0xff534d42, "cifs" },	    { 0x858458f6, "ramfs" },	{ 0xca451a4e, "bcachefs" },
	{ 0x73717368, "squashfs" }, { 0x52654973, "reiserfs" }, { 0x61756673, "aufs" },
	{ 0x3153464a, "jfs" },	    { 0xf15f, "ecryptfs" },	{ 0x01161970, "gfs" },
	{ 0x47504653, "gpfs" },	    { 0x0bd00bd0, "lustre" },	{ 0x00c36400, "ceph" },
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
