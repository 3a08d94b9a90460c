/* SPDX-License-Identifier: Apache-2.0
 *
 * mounts[] of the config, in order, by descriptors only: each mount is made detached, its place is
 * opened below the container's root by path_*_in, and one is attached to the other.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "runtime/container.h"
#include "runtime/copyup.h"
#include "sys/mountfd.h"
#include "sys/procfs.h"

enum { LINKS_MAX = 40 };

/* one level, and a descriptor of it; -EEXIST: a link, or somebody was quicker */
static int place_make(int dir, const char *name, bool is_dir)
{
	if (is_dir) {
		if (mkdirat(dir, name, 0755) < 0)
			return -errno;
	} else {
		CHILD_FD made = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDONLY, 0644);
		if (made < 0)
			return -errno;
	}
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The place is missing: make it where the path leads, also through dangling links, as a link to a
 * file below /run that exists at run time only. Names stay below the root throughout. Returns 1. */
static int target_make(int xroot, const char *path, bool is_dir, int *ret_fd, struct err *e)
{
	char now[4096], link[4096];

	if (snprintf(now, sizeof now, "%s", path) >= (int)sizeof now)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
	for (int i = 0; i < LINKS_MAX; i++) {
		CHILD_FD dir = -1;
		const char *name;
		if (path_parent_in(xroot, now, true, &dir, &name, e) < 0)
			return -e->eno;
		int fd = place_make(dir, name, is_dir);
		if (fd >= 0) {
			*ret_fd = fd;
			return 1;
		}
		if (fd != -EEXIST)
			return err_sys(e, -fd, "make %s", now);
		ssize_t n = readlinkat(dir, name, link, sizeof link - 1);
		if (n < 0 && errno == EINVAL)
			return path_open_in(xroot, now, O_PATH, 0, ret_fd, e);
		if (n < 0)
			return err_sys(e, errno, "look at %s", now);
		link[n] = 0;
		char *slash = strrchr(now, '/');
		size_t keep = link[0] == '/' || !slash ? 0 : (size_t)(slash - now) + 1;
		if (keep + (size_t)n >= sizeof now)
			return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
		memcpy(now + keep, link, (size_t)n + 1);
	}
	return err_new(e, E_INVALID, ELOOP, "too many symbolic links");
}

int mounts_target(int xroot, const char *path, bool is_dir, int *ret_fd, struct err *e)
{
	if (!path_open_in(xroot, path, O_PATH, 0, ret_fd, e))
		return 0;
	if (e->eno != ENOENT)
		return -e->eno;
	return target_make(xroot, path, is_dir, ret_fd, e);
}

/* proc and sysfs: a symbolic link in the image must not redirect them (CVE-2023-27561) */
static int target_strict(int xroot, const char *path, int *ret_fd, struct err *e)
{
	if (!path_open_in(xroot, path, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0, ret_fd, e))
		return 0;
	if (e->eno == ENOENT)
		return target_make(xroot, path, true, ret_fd, e);
	return err_new(e, E_DENIED, ENOTDIR, "%s must be a directory, not a symbolic link", path);
}

/* Files below /proc that an engine may cover with files of its own (lxcfs); everything else there
 * is how masks are made harmless (CVE-2019-16884). */
static const char *const proc_allowed[] = {
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev",
	"/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/sys/crypto/fips_enabled",
	"/proc/sys/kernel/ns_last_pid", "/proc/uptime",
};

/* a procfs on /proc, a sysfs on /sys: nothing to look at, no link has led there */
static bool own_place(const struct bundle_mount *m)
{
	return (!strcmp(m->type, "proc") && !strcmp(m->destination, "/proc")) ||
	       (!strcmp(m->type, "sysfs") && !strcmp(m->destination, "/sys"));
}

static int place_check(const struct bundle_mount *m, int place, int mnt, struct err *e)
{
	struct statfs fs;

	if (!strcmp(m->destination, "/proc")) {
		/* nothing but a procfs: the LSM labels of the payload are written there by others */
		if (procfs_check(mnt, e) < 0)
			return err_new(e, E_DENIED, EPERM, "only a procfs may be mounted on /proc");
		return 0;
	}
	if (fstatfs(place, &fs) < 0)
		return err_sys(e, errno, "look at the place");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(proc_allowed); i++)
		if (!strcmp(m->destination, proc_allowed[i]))
			return 0;
	return err_new(e, E_DENIED, EPERM, "cannot be mounted because it is inside /proc");
}

/* attach, then what holds only for attached mounts */
static int attach(struct child *ch, const struct bundle_mount *m, int mnt, int place, struct err *e)
{
	if (place_check(m, place, mnt, e) < 0 || mountfd_attach(mnt, place, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < m->opt.n_propagation; i++)
		if (mountfd_propagation(mnt, m->opt.propagation[i], e) < 0)
			return -e->eno;
	if (!strcmp(m->destination, "/")) {
		ch->root = fcntl(mnt, F_DUPFD_CLOEXEC, 3);
		if (ch->root < 0)
			return err_sys(e, errno, "root");
	}
	return 0;
}

/* keep a mount open whose read-only flag must wait until its content is made */
static int late_ro_add(struct child *ch, int mnt, struct err *e)
{
	int fd = fcntl(mnt, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(e, errno, "duplicate");
	ch->c->late_ro[ch->n_late_ro++] = fd;
	return 0;
}

static int bind_flags(const struct container *c, const struct mount_opt *o, int tree, struct err *e)
{
	if (mountfd_attr(tree, o->rec_set, o->rec_clr, MOUNTFD_REC, e) < 0 &&
	    /* flags that the host has locked stay: what is missing can only be more, not less */
	    (e->eno != EPERM || !c->in_user || mountfd_attr(tree, o->rec_set, 0, MOUNTFD_REC, e) < 0))
		return -e->eno;
	if (mountfd_attr(tree, o->attr_set, o->attr_clr, 0, e) < 0 &&
	    (e->eno != EPERM || !c->in_user || mountfd_attr(tree, o->attr_set, 0, 0, e) < 0))
		return -e->eno;
	return 0;
}

/* crun's copy-symlink: a source that is a link becomes such a link, not a mount. 1: done */
static int link_copy(struct child *ch, const char *source, const char *destination, struct err *e)
{
	char to[4096], old[4096];
	CHILD_FD dir = -1;
	const char *name;
	ssize_t n = readlink(source, to, sizeof to - 1);

	if (n < 0)
		return errno == EINVAL ? 0 : err_sys(e, errno, "look at %s", source);
	to[n] = 0;
	if (path_parent_in(ch->root, destination, true, &dir, &name, e) < 0)
		return -e->eno;
	if (!symlinkat(to, dir, name))
		return 1;
	ssize_t have = errno == EEXIST ? readlinkat(dir, name, old, sizeof old) : -1;
	if (have == n && !memcmp(old, to, (size_t)n))
		return 1;
	return err_new(e, E_CONFLICT, EEXIST, "something else than the link to %s is there", to);
}

static int mount_bind(struct child *ch, size_t i, const struct bundle_mount *m, struct err *e)
{
	const struct container *c = ch->c;
	CHILD_FD tree = -1;
	CHILD_FD place = -1;
	struct stat st;

	if (m->opt.n_data)
		return err_new(e, E_INVALID, EINVAL, "a bind mount cannot have the option %s", m->opt.data[0]);
	if (m->opt.copy_symlink) {
		int r = link_copy(ch, c->sources[i], m->destination, e);
		if (r)
			return r < 0 ? r : 0;
	}
	if (c->trees[i] >= 0)
		tree = c->trees[i];
	else if (mounts_source_clone(c, i, &tree, e) < 0)
		return -e->eno;
	if (fstat(tree, &st) < 0)
		return err_sys(e, errno, "look at the source");
	if (bind_flags(c, &m->opt, tree, e) < 0)
		return -e->eno;
	if (m->opt.dest_nofollow && !path_open_in(ch->root, m->destination, O_PATH | O_NOFOLLOW, 0, &place, e))
		return attach(ch, m, tree, place, e);
	if (mounts_target(ch->root, m->destination, S_ISDIR(st.st_mode), &place, e) < 0)
		return -e->eno;
	return attach(ch, m, tree, place, e);
}

static bool has_data(const struct mount_opt *o, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < o->n_data; i++)
		if (!strncmp(o->data[i], key, n))
			return true;
	return false;
}

/* @old is the directory that will be covered, -1 when it was made for this */
static int fs_make(const struct container *c, const struct bundle_mount *m, uint64_t attr, int old,
		   int *ret_fd, struct err *e)
{
	const unsigned long keep = attr & MOUNT_ATTR_RDONLY ? ~0UL : ~(unsigned long)MS_RDONLY;
	const bool tmpfs = !strcmp(m->type, "tmpfs");
	CHILD_FD fs = -1;
	struct stat st;
	char mode[8];

	if (mountfd_fs_open(m->type, &fs, e) < 0)
		return -e->eno;
	if (m->source && *m->source && mountfd_fs_string(fs, "source", m->source, e) < 0)
		return -e->eno;
	if (mountfd_fs_flags(fs, m->opt.sb_set & ~m->opt.sb_clr & keep, e) < 0)
		return -e->eno;
	if (tmpfs && old >= 0 && !has_data(&m->opt, "mode=")) {
		if (fstat(old, &st) < 0)
			return err_sys(e, errno, "look at the place");
		(void)snprintf(mode, sizeof mode, "%o", st.st_mode & 07777);
		if (mountfd_fs_string(fs, "mode", mode, e) < 0)
			return -e->eno;
	}
	for (size_t i = 0; i < m->opt.n_data; i++)
		if (mountfd_fs_word(fs, m->opt.data[i], e) < 0)
			return -e->eno;
	if (c->b.mount_label && strcmp(m->type, "proc") && strcmp(m->type, "sysfs") &&
	    mountfd_fs_string(fs, "context", c->b.mount_label, e) < 0)
		return -e->eno;
	return mountfd_fs_mount(fs, m->type, attr, ret_fd, e);
}

/* In a user namespace without a network namespace of its own the kernel gives no new sysfs: bind
 * what the host has, whatever is mounted below included. */
static int sysfs_bind(const struct bundle_mount *m, int *ret_fd, struct err *e)
{
	if (mountfd_clone(AT_FDCWD, "/sys", MOUNTFD_REC, ret_fd, e) < 0)
		return -e->eno;
	return mountfd_attr(*ret_fd, m->opt.attr_set, 0, MOUNTFD_REC, e);
}

/* Where the file system goes: @ret_place, or entry @ret_name of a new /dev. Returns 1 when it was made
 * for this. */
static int fs_place(struct child *ch, const struct bundle_mount *m, int *ret_place, const char **ret_name,
		    struct err *e)
{
	const char *name = NULL;
	int r = 1;

	if (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs"))
		r = target_strict(ch->root, m->destination, ret_place, e);
	else if ((name = mounts_dev_name(ch, m)))
		*ret_name = name;
	else
		r = mounts_target(ch->root, m->destination, true, ret_place, e);
	ch->fresh_dev = ch->fresh_dev && name; /* what is mounted elsewhere may be over it */
	return r;
}

static int mount_fs(struct child *ch, const struct bundle_mount *m, struct err *e)
{
	const struct container *c = ch->c;
	const bool tmpfs = !strcmp(m->type, "tmpfs");
	const char *name = "";
	uint64_t attr = m->opt.attr_set;
	CHILD_FD place = -1;
	CHILD_FD mnt = -1;
	int r = fs_place(ch, m, &place, &name, e);

	if (r < 0)
		return r;
	if (mounts_plain(ch, m) && (*name || own_place(m) || place_check(m, place, -1, e) >= 0) &&
	    !mounts_classic(ch, m, &(struct mounts_place){ *name ? ch->dev : place, name, r }))
		return 0;
	if (*name && (place = openat(ch->dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return err_sys(e, errno, "open %s", name);
	if (tmpfs)
		attr &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	r = fs_make(c, m, attr, r ? -1 : place, &mnt, e);
	if (r < 0 && !strcmp(m->type, "sysfs") && e->eno == EPERM && c->in_user)
		r = sysfs_bind(m, &mnt, e);
	if (r < 0)
		return r;
	if (tmpfs && m->opt.tmpcopyup && copyup_tree(place, mnt, e) < 0)
		return err_ctx(e, "copy up");
	if (attach(ch, m, mnt, place, e) < 0)
		return -e->eno;
	if (tmpfs && m->opt.attr_set & MOUNT_ATTR_RDONLY)
		return late_ro_add(ch, mnt, e);
	if (!strcmp(m->type, "devpts") && !strcmp(m->destination, "/dev/pts"))
		ch->pts = fd_take(&mnt);
	/* those mounted below it next are spared their look-up */
	if (tmpfs && !strcmp(m->destination, "/dev")) {
		ch->dev = fd_take(&mnt);
		ch->fresh_dev = true;
		ch->in_dev = false;
	}
	if (!strcmp(m->destination, "/proc") && ch->proc < 0 && container_writes_proc(c))
		return mountfd_clone(mnt, "", 0, &ch->proc, e);
	return 0;
}

/* "remount", or a change of propagation alone: of what is there already */
static int mount_change(struct child *ch, const struct bundle_mount *m, struct err *e)
{
	CHILD_FD mnt = -1;

	if (path_open_in(ch->root, m->destination, O_PATH, 0, &mnt, e) < 0)
		return -e->eno;
	if (m->opt.remount && !m->opt.bind) {
		struct mountfd_fs fs = { .data = m->opt.data,
					 .n_data = m->opt.n_data,
					 .sb_flags = m->opt.sb_set };
		if ((fs.n_data || fs.sb_flags || m->opt.sb_clr) &&
		    mountfd_reconfigure(mnt, &fs, m->opt.sb_clr, e) < 0)
			return -e->eno;
	}
	if (bind_flags(ch->c, &m->opt, mnt, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < m->opt.n_propagation; i++)
		if (mountfd_propagation(mnt, m->opt.propagation[i], e) < 0)
			return -e->eno;
	return 0;
}

static int mount_one(struct child *ch, size_t i, struct err *e)
{
	const struct bundle_mount *m = &ch->c->b.mounts[i];

	if (m->opt.remount)
		return mount_change(ch, m, e);
	if (m->opt.bind)
		return mount_bind(ch, i, m, e);
	if (!m->type || !*m->type) {
		if (m->opt.n_propagation)
			return mount_change(ch, m, e);
		return err_new(e, E_INVALID, EINVAL, "type is missing");
	}
	if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
		return mounts_cgroup(ch, m, e);
	return mount_fs(ch, m, e);
}

int mounts_carry_out(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;

	for (size_t i = 0; i < c->b.n_mounts; i++)
		if (mount_one(ch, i, e) < 0)
			return err_ctx(e, "mount %s on %s",
				       c->sources[i] ? c->sources[i] :
				       c->b.mounts[i].type ? c->b.mounts[i].type : "nothing",
				       c->b.mounts[i].destination);
	if (ch->proc < 0 && container_writes_proc(c) && procfs_private(&ch->proc, e) < 0)
		return -e->eno;
	return 0;
}

int mounts_seal(struct child *ch, struct err *e)
{
	for (size_t i = 0; i < ch->n_late_ro; i++)
		if (mountfd_attr(ch->c->late_ro[i], MOUNT_ATTR_RDONLY, 0, 0, e) < 0)
			return -e->eno;
	return 0;
}
