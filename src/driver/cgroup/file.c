/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing control files of a group, and the errors that come of it: they name the OCI
 * field, the file and the value, and say what is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/cgroup/cgroup_int.h"

void cg_warn(const struct cgroup *cg, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	if (!cg->warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof msg, fmt, ap); /* a long warning is cut */
	va_end(ap);
	cg->warn(msg, cg->warn_data);
}

int cg_tree_fd(struct cg_tree *t)
{
	if (t->fd < 0)
		t->fd = open(t->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return t->fd < 0 ? -errno : t->fd;
}

static int file_open(struct cg_tree *t, const char *file, int flags)
{
	int dir = cg_tree_fd(t);
	if (dir < 0)
		return dir;
	int fd = openat(dir, file, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

ssize_t cg_read(struct cg_tree *t, const char *file, char *buf, size_t n)
{
	OWN_FD fd = file_open(t, file, O_RDONLY);
	if (fd < 0)
		return fd;
	/* control files give all that they have at once; only a full buffer could be a part */
	ssize_t got;
	do
		got = read(fd, buf, n - 1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	buf[got] = 0;
	return got;
}

int cg_read_all(struct cg_tree *t, const char *file, char **ret)
{
	struct err e = { 0 };
	int fd = file_open(t, file, O_RDONLY);
	if (fd < 0)
		return fd;
	int r = io_read_fd(fd, CG_FILE_MAX, ret, NULL, &e);
	close(fd);
	return r;
}

int cg_write_raw(struct cg_tree *t, const char *file, const char *text)
{
	int fd = file_open(t, file, O_WRONLY);
	if (fd < 0)
		return fd;
	ssize_t n;
	do
		n = write(fd, text, strlen(text));
	while (n < 0 && errno == EINTR);
	int r = n < 0 ? -errno : 0;
	close(fd);
	return r;
}

int cg_unsupported(struct cgroup *cg, const char *field, const char *why, struct err *e)
{
	if (cg->rootless) {
		cg_warn(cg, "%s is ignored: %s", field, why);
		return 0;
	}
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "set %s: %s", field, why);
}

int cg_missing(struct cgroup *cg, enum cg_ctrl c, const char *field, struct err *e)
{
	const struct cg_tree *u = cg_unified(cg);
	bool only_unified = u && cg->n == 1;
	char why[160];

	(void)snprintf(why, sizeof why, "the %s controller is not available here",
		       cg_ctrl_name(c, only_unified)); /* fits */
	int r = cg_unsupported(cg, field, why, e);
	if (r < 0 && only_unified)
		err_hint(e, "it must be in cgroup.controllers and, for every parent group, in "
			    "cgroup.subtree_control of %.*s", (int)u->mount_n, u->dir);
	else if (r < 0)
		err_hint(e, "see /proc/cgroups; it may be switched off on the kernel command line "
			    "(cgroup_enable=%s) or not be mounted", cg_ctrl_name(c, false));
	return r;
}

int cg_write_failed(struct cgroup *cg, struct cg_tree *t, const char *field, const char *file,
		    const char *text, int r, struct err *e)
{
	int n = (int)strcspn(text, "\n");
	if (n > 80)
		n = 80;
	if (r == -ENOENT && access(t->dir, F_OK) == 0) {
		char why[160];
		(void)snprintf(why, sizeof why, "this kernel has no %s", file); /* fits */
		return cg_unsupported(cg, field, why, e);
	}
	if (cg->rootless && (r == -EACCES || r == -EPERM || r == -EROFS)) {
		cg_warn(cg, "%s is ignored: no permission to write %s", field, file);
		return 0;
	}
	err_sys(e, -r, "set %s: write \"%.*s\" to %s/%s", field, n, text, t->dir, file);
	if (r == -EINVAL)
		err_hint(e, "the kernel refuses the value; a parent group may allow less");
	return r;
}

int cg_write(struct cgroup *cg, struct cg_tree *t, const char *field, const char *file,
	     const char *text, struct err *e)
{
	int r = cg_write_raw(t, file, text);
	return r < 0 ? cg_write_failed(cg, t, field, file, text, r, e) : 0;
}

int cg_number(struct cg_tree *t, const char *file, uint64_t *ret)
{
	char buf[64];
	ssize_t n = cg_read(t, file, buf, sizeof buf);
	if (n < 0)
		return (int)n;
	buf[strcspn(buf, "\n")] = 0;
	if (!strcmp(buf, "max")) {
		*ret = UINT64_MAX;
		return 0;
	}
	return text_uint64(buf, ret);
}

bool cg_keyed(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);
	while (*text) {
		size_t line = strcspn(text, "\n");
		if (line > n + 1 && text[n] == ' ' && !memcmp(text, key, n)) {
			char value[32];
			size_t k = strcspn(text + n + 1, " \n");
			if (k >= sizeof value)
				return false;
			memcpy(value, text + n + 1, k);
			value[k] = 0;
			return text_uint64(value, ret) == 0;
		}
		text += line + (text[line] == '\n');
	}
	return false;
}
