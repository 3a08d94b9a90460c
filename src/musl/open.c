/* SPDX-License-Identifier: Apache-2.0
 *
 * open(2) for the static programs. musl's sets close-on-exec a second time, by a call of fcntl after each
 * open, for kernels before 2.6.23; this one does not.
 */
#include <fcntl.h>
#include <stdarg.h>

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
		va_list ap;
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return openat(AT_FDCWD, path, flags, mode);
}
