/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners, times and extended attributes of entries of a layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "registry/layer_int.h"

int layer_owner(struct layer_apply *a, const struct tar_entry *en, uid_t *ret_uid, gid_t *ret_gid,
		struct err *e)
{
	/* the last number stands for "unchanged" in chown(2) */
	if (en->uid >= UINT32_MAX || en->gid >= UINT32_MAX)
		return layer_bad(a, e, "owner is out of range");
	*ret_uid = (uid_t)en->uid;
	*ret_gid = (gid_t)en->gid;
	return 0;
}

int layer_chown(struct layer_apply *a, int xdir, const char *name, uid_t uid, gid_t gid,
		struct err *e)
{
	if (a->same_owner && uid == a->fsuid && gid == a->fsgid)
		return 0;
	if (!(name ? fchownat(xdir, name, uid, gid, AT_SYMLINK_NOFOLLOW) : fchown(xdir, uid, gid)))
		return 0;
	if (errno != EINVAL && errno != EPERM)
		return layer_sys(a, e, "chown");
	err_new(e, E_DENIED, errno, "entry %s: owner %u:%u is outside the IDs of this user namespace",
		a->shown, uid, gid);
	err_hint(e, "the image needs IDs up to %u: give the user a larger range in /etc/subuid and "
		    "/etc/subgid", uid > gid ? uid : gid);
	return -e->eno;
}

static int set_one(struct layer_apply *a, int xfd, const char *proc_path, const struct tar_xattr *x,
		   struct err *e)
{
	struct layer_acl acl;
	struct tar_xattr use;

	int r = layer_xattr(x, &acl, &use);
	if (r < 0)
		return layer_bad(a, e, "malformed access control list");
	if (!r) {
		a->stats.skipped_xattrs++;
		return 0;
	}
	if (!(proc_path ? setxattr(proc_path, use.name, use.value, use.n, 0) :
			  fsetxattr(xfd, use.name, use.value, use.n, 0)))
		return 0;
	/* the file system or the user namespace cannot have it */
	if (errno == ENOTSUP || errno == EPERM) {
		a->stats.skipped_xattrs++;
		return 0;
	}
	return layer_sys(a, e, "set extended attribute");
}

int layer_set_xattrs(struct layer_apply *a, int xfd, const struct tar_xattr *x, size_t n,
		     struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (set_one(a, xfd, NULL, &x[i], e) < 0)
			return -e->eno;
	return 0;
}

int layer_set_xattrs_at(struct layer_apply *a, int xdir, const char *name,
			const struct tar_xattr *x, size_t n, struct err *e)
{
	char path[40];

	if (!n)
		return 0;
	/* links and devices cannot be opened; the entry of /proc leads to exactly this one */
	OWN_FD fd = openat(xdir, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return layer_sys(a, e, "open");
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < n; i++)
		if (set_one(a, -1, path, &x[i], e) < 0)
			return -e->eno;
	return 0;
}
