/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of files as a whole: see attr.h.
 */
#include "store/attr.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"

enum { XATTR_LIST_BYTES = 65536, XATTR_VALUE_BYTES = 65536 }; /* limits of Linux */

bool attr_is_overlay(const char *name)
{
	return text_starts(name, "trusted.overlay.") || text_starts(name, "user.overlay.") ||
	       text_starts(name, "user.fuseoverlayfs.");
}

static int copy_xattrs(int xfrom, int xto, struct err *e)
{
	ssize_t n = flistxattr(xfrom, NULL, 0);

	if (n <= 0)
		return n < 0 && errno != ENOTSUP ? err_sys(e, errno, "list attributes") : 0;
	OWN_STR names = malloc(XATTR_LIST_BYTES);
	OWN_STR value = malloc(XATTR_VALUE_BYTES);
	if (!names || !value)
		return err_new(e, E_NOMEM, ENOMEM, "copy attributes");
	n = flistxattr(xfrom, names, XATTR_LIST_BYTES);
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		if (attr_is_overlay(p))
			continue;
		ssize_t len = fgetxattr(xfrom, p, value, XATTR_VALUE_BYTES);
		if (len >= 0 && fsetxattr(xto, p, value, (size_t)len, 0) < 0 && errno != ENOTSUP &&
		    errno != EPERM)
			return err_sys(e, errno, "set attribute %s", p);
	}
	return 0;
}

int attr_copy(int xfrom, int xto, struct err *e)
{
	struct stat st;

	if (fstat(xfrom, &st) < 0)
		return err_sys(e, errno, "stat");
	/* chown takes set-user-ID and capabilities away: it comes first */
	if (fchown(xto, st.st_uid, st.st_gid) < 0)
		return err_sys(e, errno, "chown %u:%u", st.st_uid, st.st_gid);
	if (copy_xattrs(xfrom, xto, e) < 0)
		return -e->eno;
	if (fchmod(xto, st.st_mode & 07777) < 0)
		return err_sys(e, errno, "chmod");
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	if (futimens(xto, times) < 0)
		return err_sys(e, errno, "set times");
	return 0;
}

/* names of attributes of @path, in @list of XATTR_LIST_BYTES; overlay's are taken out */
static ssize_t xattr_names(const char *path, char *list)
{
	ssize_t n = llistxattr(path, list, XATTR_LIST_BYTES), w = 0;

	for (ssize_t i = 0; i < n;) {
		size_t len = strlen(list + i) + 1;
		if (!attr_is_overlay(list + i)) {
			memmove(list + w, list + i, len);
			w += (ssize_t)len;
		}
		i += (ssize_t)len;
	}
	return w;
}

static int copy_special_xattrs(const char *from, const char *to, struct err *e)
{
	OWN_STR names = malloc(XATTR_LIST_BYTES);
	OWN_STR value = malloc(XATTR_LIST_BYTES);

	if (!names || !value)
		return err_new(e, E_NOMEM, ENOMEM, "copy attributes");
	ssize_t n = xattr_names(from, names);
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		ssize_t len = lgetxattr(from, p, value, XATTR_LIST_BYTES);
		if (len >= 0 && lsetxattr(to, p, value, (size_t)len, 0) < 0 && errno != ENOTSUP && errno != EPERM)
			return err_sys(e, errno, "set attribute %s", p);
	}
	return 0;
}

int attr_compare(const char *a, const char *b)
{
	OWN_STR room = malloc(4 * XATTR_LIST_BYTES);

	if (!room)
		return 1;
	char *names = room, *others = room + XATTR_LIST_BYTES, *x = others + XATTR_LIST_BYTES, *y = x + XATTR_LIST_BYTES;
	ssize_t n = xattr_names(a, names), m = xattr_names(b, others);
	if (n != m)
		return 1;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		ssize_t i = lgetxattr(a, p, x, XATTR_LIST_BYTES), j = lgetxattr(b, p, y, XATTR_LIST_BYTES);
		if (i != j || (i > 0 && memcmp(x, y, (size_t)i) != 0))
			return 1;
	}
	return 0;
}

int attr_copy_special(int xfrom_dir, const char *from_name, int xto_dir, const char *name, const struct stat *st,
		      struct err *e)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char target[PATH_MAX], from[PATH_MAX], to[PATH_MAX];

	if (S_ISSOCK(st->st_mode))
		return 0; /* means nothing without its server */
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(xfrom_dir, from_name, target, sizeof target - 1);
		if (n < 0)
			return err_sys(e, errno, "read link");
		target[n] = 0;
		if (symlinkat(target, xto_dir, name) < 0)
			return err_sys(e, errno, "link");
	} else if (mknodat(xto_dir, name, st->st_mode, st->st_rdev) < 0) {
		return err_sys(e, errno, "mknod");
	}
	if (fchownat(xto_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st->st_mode) && fchmodat(xto_dir, name, st->st_mode & 07777, 0) < 0))
		return err_sys(e, errno, "set owner and mode");
	(void)snprintf(from, sizeof from, "/proc/self/fd/%d/%s", xfrom_dir, from_name);
	(void)snprintf(to, sizeof to, "/proc/self/fd/%d/%s", xto_dir, name);
	if (copy_special_xattrs(from, to, e) < 0)
		return -e->eno;
	return utimensat(xto_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(e, errno, "set times") : 0;
}
