/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole: see out_file.h. Until then the file has no name where the file system can do that, so
 * that nothing is left by kill -9.
 */
#include "registry/out_file.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"

static int tmp_name(struct out_file *o, struct err *e)
{
	uint64_t tag;

	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "random name");
	if (snprintf(o->tmp, sizeof o->tmp, "%s.tmp-%016llx", o->path, (unsigned long long)tag) < (int)sizeof o->tmp)
		return 0;
	o->tmp[0] = 0;
	return err_new(e, E_INVALID, ENAMETOOLONG, "invalid output path: %.100s...", o->path);
}

/* what @path may be a link to is not replaced */
static int open_direct(struct out_file *o, struct err *e)
{
	o->direct = true;
	if (!strcmp(o->path, "/dev/stdout") || !strcmp(o->path, "/dev/fd/1") || !strcmp(o->path, "/proc/self/fd/1"))
		o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3); /* its position, which a new descriptor has not */
	else
		o->fd = open(o->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return o->fd < 0 ? err_sys(e, errno, "open %s", o->path) : 0;
}

int out_file_open(struct out_file *o, const char *path, mode_t mode, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[sizeof o->tmp];
	struct stat st;

	*o = (struct out_file){ .path = path, .fd = -1 };
	if (text_starts(path, "/dev/") || text_starts(path, "/proc/") || (!stat(path, &st) && !S_ISREG(st.st_mode)))
		return open_direct(o, e);
	if (!*path || snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") >=
			      (int)sizeof dir - 32)
		return err_new(e, E_INVALID, *path ? ENAMETOOLONG : EINVAL, "invalid output path: %.100s", path);
	o->fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (o->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return err_sys(e, errno, "invalid output path: %s", path);
	if (tmp_name(o, e) < 0)
		return -e->eno;
	o->fd = open(o->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (o->fd < 0) {
		o->tmp[0] = 0;
		return err_sys(e, errno, "invalid output path: %s", path);
	}
	return 0;
}

int out_file_show(struct out_file *o, struct err *e)
{
	char proc[64];

	if (o->direct)
		return 0;
	if (!*o->tmp) {
		(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", o->fd);
		if (linkat(AT_FDCWD, proc, AT_FDCWD, o->path, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			return err_sys(e, errno, "make %s", o->path);
		if (tmp_name(o, e) < 0)
			return -e->eno;
		if (linkat(AT_FDCWD, proc, AT_FDCWD, o->tmp, AT_SYMLINK_FOLLOW) < 0) {
			o->tmp[0] = 0;
			return err_sys(e, errno, "make %s", o->path);
		}
	}
	if (rename(o->tmp, o->path) < 0)
		return err_sys(e, errno, "rename to %s", o->path);
	o->tmp[0] = 0;
	return 0;
}

void out_file_close(struct out_file *o)
{
	if (*o->tmp)
		(void)unlink(o->tmp); /* the first error counts */
	own_fd_done(&o->fd);
}
