/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of files as a whole: see attr.h.
 */
#include "store/attr.h"

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
