/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts as descriptors: see mountfd.h.
 */
#include "sys/mountfd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* The calls themselves: C libraries have them since lately, or not yet. */
static int call_open_tree(int xdir, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, xdir, path, flags);
}

static int call_move_mount(int xfrom, int xto, const char *to, unsigned flags)
{
	return (int)syscall(SYS_move_mount, xfrom, "", xto, to, flags);
}

static int call_fsconfig(int xfs, unsigned command, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, xfs, command, key, value, 0);
}

static int call_mount_setattr(int xmnt, unsigned flags, const struct mount_attr *a)
{
	return (int)syscall(SYS_mount_setattr, xmnt, "", flags, a, sizeof *a);
}

/* Flags of the super block as words that fsconfig takes, and those that undo them. */
static const struct {
	unsigned long ms;
	const char *word, *undo;
} sb_words[] = {
	{ MS_RDONLY, "ro", "rw" },
	{ MS_SYNCHRONOUS, "sync", "async" },
	{ MS_DIRSYNC, "dirsync", NULL },
	{ MS_LAZYTIME, "lazytime", "nolazytime" },
	{ MS_MANDLOCK, "mand", "nomand" },
};

/* What the file system says about its own failure: lines "e text", "w text", "i text". */
static int fs_err(int xfs, int eno, const char *what, const char *word, struct err *e)
{
	char line[256], text[256] = "";
	ssize_t n;

	while ((n = read(xfs, line, sizeof line - 1)) > 0) {
		while (n > 0 && line[n - 1] == '\n')
			n--;
		line[n] = 0;
		if (n > 2 && line[0] == 'e')
			memcpy(text, line + 2, (size_t)n - 1);
	}
	if (text[0])
		return err_sys(e, eno, "%s%s%s (%s)", what, *word ? " " : "", word, text);
	return err_sys(e, eno, "%s%s%s", what, *word ? " " : "", word);
}

int mountfd_fs_open(const char *type, int *ret_fs, struct err *e)
{
	int fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fd < 0 && errno == ENODEV)
		return err_sys(e, ENODEV, "file system %s is not known to this kernel", type);
	if (fd < 0)
		return err_sys(e, errno, "open file system %s", type);
	*ret_fs = fd;
	return 0;
}

int mountfd_fs_string(int xfs, const char *key, const char *value, struct err *e)
{
	if (call_fsconfig(xfs, FSCONFIG_SET_STRING, key, value) < 0)
		return fs_err(xfs, errno, "mount option", key, e);
	return 0;
}

int mountfd_fs_file(int xfs, const char *key, int xfile, struct err *e)
{
	if (syscall(SYS_fsconfig, xfs, FSCONFIG_SET_FD, key, NULL, xfile) < 0)
		return fs_err(xfs, errno, "mount option", key, e);
	return 0;
}

int mountfd_fs_word(int xfs, const char *word, struct err *e)
{
	char key[256];
	const char *eq = strchr(word, '=');

	if (!eq) {
		if (call_fsconfig(xfs, FSCONFIG_SET_FLAG, word, NULL) < 0)
			return fs_err(xfs, errno, "mount option", word, e);
		return 0;
	}
	size_t n = (size_t)(eq - word);
	if (!n || n >= sizeof key)
		return err_new(e, E_INVALID, EINVAL, "mount option %.64s: bad name", word);
	memcpy(key, word, n);
	key[n] = 0;
	if (call_fsconfig(xfs, FSCONFIG_SET_STRING, key, eq + 1) < 0)
		return fs_err(xfs, errno, "mount option", word, e);
	return 0;
}

int mountfd_fs_flags(int xfs, unsigned long ms_flags, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(sb_words); i++)
		if (ms_flags & sb_words[i].ms && mountfd_fs_word(xfs, sb_words[i].word, e) < 0)
			return -e->eno;
	return 0;
}

int mountfd_fs_mount(int xfs, const char *type, uint64_t attr, int *ret_fd, struct err *e)
{
	if (call_fsconfig(xfs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return fs_err(xfs, errno, "make file system", type, e);
	int fd = (int)syscall(SYS_fsmount, xfs, FSMOUNT_CLOEXEC, (unsigned)attr);
	if (fd < 0)
		return fs_err(xfs, errno, "mount", type, e);
	*ret_fd = fd;
	return 0;
}

int mountfd_fs(const struct mountfd_fs *fs, int *ret_fd, struct err *e)
{
	OWN_FD ctx = -1;

	if (mountfd_fs_open(fs->type, &ctx, e) < 0)
		return -e->eno;
	if (fs->source && mountfd_fs_string(ctx, "source", fs->source, e) < 0)
		return -e->eno;
	if (mountfd_fs_flags(ctx, fs->sb_flags, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < fs->n_data; i++)
		if (mountfd_fs_word(ctx, fs->data[i], e) < 0)
			return -e->eno;
	if (mountfd_fs_mount(ctx, fs->type, fs->attr, ret_fd, e) < 0)
		return -e->eno;
	if (fs->leaves_context)
		(void)fd_take(&ctx);
	return 0;
}

/* Flags of the mount, as mount(2) has them. */
static const struct {
	uint64_t attr;
	unsigned long ms;
} attr_flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY },	{ MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV },		{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME },	{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
};

/* one string, a comma between the words; a comma in a word could not be told from that */
static int data_join(const struct mountfd_fs *fs, char *out, size_t size)
{
	size_t w = 0;

	for (size_t i = 0; i < fs->n_data; i++) {
		size_t n = strlen(fs->data[i]);
		if (strchr(fs->data[i], ',') || w + n + 2 > size)
			return -EOPNOTSUPP;
		memcpy(out + w, fs->data[i], n);
		w += n;
		out[w++] = ',';
	}
	out[w ? w - 1 : 0] = 0;
	return 0;
}

int mountfd_classic(const struct mountfd_fs *fs, int xdir, const char *name)
{
	const unsigned long known = MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_MANDLOCK;
	unsigned long flags = fs->sb_flags;
	uint64_t left = fs->attr;
	char data[1024];

	for (size_t i = 0; i < ARRAY_LEN(attr_flags); i++)
		if (left & attr_flags[i].attr) {
			flags |= attr_flags[i].ms;
			left &= ~attr_flags[i].attr;
		}
	/* there it means both, the file system and the mount */
	bool half = !(fs->attr & MOUNT_ATTR_RDONLY) != !(fs->sb_flags & MS_RDONLY);
	if (left || half || fs->sb_flags & ~known || data_join(fs, data, sizeof data) < 0)
		return -EOPNOTSUPP;
	if (xdir >= 0 && fchdir(xdir) < 0)
		return -errno;
	return mount(fs->source, *name ? name : ".", fs->type, flags, fs->n_data ? data : NULL) < 0 ? -errno : 0;
}

int mountfd_clone(int xdir, const char *path, unsigned flags, int *ret_fd, struct err *e)
{
	unsigned f = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

	if (flags & MOUNTFD_REC)
		f |= AT_RECURSIVE;
	if (flags & MOUNTFD_NOFOLLOW)
		f |= AT_SYMLINK_NOFOLLOW;
	if (!*path)
		f |= AT_EMPTY_PATH;
	int fd = call_open_tree(xdir, path, f);
	if (fd < 0)
		return err_sys(e, errno, "bind %s", *path ? path : "mount");
	*ret_fd = fd;
	return 0;
}

static int setattr(int xmnt, const struct mount_attr *attr, bool rec)
{
	struct mount_attr a = *attr;
	return call_mount_setattr(xmnt, AT_EMPTY_PATH | (rec ? AT_RECURSIVE : 0), &a);
}

int mountfd_attr(int xmnt, uint64_t set, uint64_t clr, unsigned flags, struct err *e)
{
	struct mount_attr a = { .attr_set = set, .attr_clr = clr };

	if (!set && !clr)
		return 0;
	if (setattr(xmnt, &a, flags & MOUNTFD_REC) < 0) {
		if (errno == ENOSYS)
			return err_new(e, E_UNSUPPORTED, ENOSYS, "set mount flags: needs mount_setattr, Linux 5.12");
		return err_sys(e, errno, "set mount flags");
	}
	return 0;
}

int mountfd_propagation(int xmnt, unsigned long ms, struct err *e)
{
	struct mount_attr a = { .propagation = ms & ~(unsigned long)MS_REC };

	if (setattr(xmnt, &a, ms & MS_REC) < 0)
		return err_sys(e, errno, "set mount propagation");
	return 0;
}

int mountfd_idmap(int xmnt, int xuserns, unsigned flags, struct err *e)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)xuserns };

	if (setattr(xmnt, &a, flags & MOUNTFD_REC) < 0) {
		if (errno == EINVAL)
			return err_new(e, E_UNSUPPORTED, EINVAL,
				       "map ids of the mount: the file system cannot do it, or ids are mapped already");
		return err_sys(e, errno, "map ids of the mount");
	}
	return 0;
}

/* the kernel says EINVAL for this and a dozen other things */
static bool kinds_differ(int xmnt, int xtarget)
{
	struct stat a, b;

	return !fstat(xmnt, &a) && !fstat(xtarget, &b) && S_ISDIR(a.st_mode) != S_ISDIR(b.st_mode);
}

int mountfd_attach(int xmnt, int xtarget, struct err *e)
{
	if (!call_move_mount(xmnt, xtarget, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return 0;
	int eno = errno;
	if ((eno == EINVAL || eno == ENOTDIR) && kinds_differ(xmnt, xtarget)) {
		/* words that docker's clients look for */
		(void)err_new(e, E_INVALID, ENOTDIR, "attach mount: not a directory");
		err_hint(e, "are you trying to mount a directory onto a file (or vice-versa)?");
		return -ENOTDIR;
	}
	return err_sys(e, eno, "attach mount");
}

int mountfd_attach_at(int xmnt, int xdir, const char *name, struct err *e)
{
	if (call_move_mount(xmnt, xdir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, errno, "attach mount");
	return 0;
}

int mountfd_reconfigure(int xmnt, const struct mountfd_fs *fs, unsigned long sb_clr, struct err *e)
{
	OWN_FD ctx = (int)syscall(SYS_fspick, xmnt, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);

	if (ctx < 0)
		return err_sys(e, errno, "remount");
	if (mountfd_fs_flags(ctx, fs->sb_flags, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < ARRAY_LEN(sb_words); i++)
		if (sb_clr & sb_words[i].ms && sb_words[i].undo &&
		    mountfd_fs_word(ctx, sb_words[i].undo, e) < 0)
			return -e->eno;
	for (size_t i = 0; i < fs->n_data; i++)
		if (mountfd_fs_word(ctx, fs->data[i], e) < 0)
			return -e->eno;
	if (call_fsconfig(ctx, FSCONFIG_CMD_RECONFIGURE, NULL, NULL) < 0)
		return fs_err(ctx, errno, "remount", "", e);
	return 0;
}
