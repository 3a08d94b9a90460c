/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths that come from outside (container file systems, images, users of a container) are
 * resolved below a root descriptor and nowhere else. This is the only helper that takes them.
 * openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS): absolute links and ".." stay inside the
 * root, /proc/self/fd style links are refused (CVE-2018-15664, CVE-2019-19921, CVE-2021-30465,
 * CVE-2024-45310).
 */
#ifndef ONGGI_BASE_PATH_H
#define ONGGI_BASE_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/** path_open_in - open @path below @xroot. @flags as open(2), O_CLOEXEC is added.
 * The error names the first component that refuses, with its owner and mode. */
int path_open_in(int xroot, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e);
/** path_open_real - the same for a relative path without ".." and links: -ELOOP when one of its directories is a
 * link. A descriptor | -errno. */
int path_open_real(int xroot, const char *path, int flags, mode_t mode);
/** path_mkdir_in - make @path and its missing parents below @xroot (mode @mode, umask does not
 * count); returns an O_PATH descriptor of the last one. Links on the way stay in the root; where a
 * link dangles, the directory that it means is made. */
int path_mkdir_in(int xroot, const char *path, mode_t mode, int *ret_fd, struct err *e);
/** path_parent_in - open the directory that holds the last component of @path (made when
 * missing and @make). @ret_name points into @path, at the last component. "/" or a last
 * component ".." is E_INVALID. */
int path_parent_in(int xroot, const char *path, bool make, int *ret_dirfd, const char **ret_name,
		   struct err *e);
/** path_is_clean - true for a relative path without empty, "." and ".." components. */
bool path_is_clean(const char *path);
/** path_normalize - lexically clean an absolute path into @out (size @n): no "//", ".", "..",
 * trailing slash. -ENAMETOOLONG when it does not fit. */
int path_normalize(const char *path, char *out, size_t n);

#endif
