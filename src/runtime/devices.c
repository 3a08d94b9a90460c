/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev: nodes, links, console. Everything is made relative to one descriptor of /dev that is not
 * a symbolic link; device nodes that a user namespace may not make are bound from the host.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "runtime/container.h"
#include "sys/mountfd.h"
#include "sys/procfs.h"

static const struct bundle_device defaults[] = {
	{ .type = 'c', .path = "/dev/null", .major = 1, .minor = 3 },
	{ .type = 'c', .path = "/dev/random", .major = 1, .minor = 8 },
	{ .type = 'c', .path = "/dev/full", .major = 1, .minor = 7 },
	{ .type = 'c', .path = "/dev/tty", .major = 5, .minor = 0 },
	{ .type = 'c', .path = "/dev/zero", .major = 1, .minor = 5 },
	{ .type = 'c', .path = "/dev/urandom", .major = 1, .minor = 9 },
};

static const struct {
	const char *name, *to;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },
	{ "ptmx", "pts/ptmx" },
};

static mode_t type_of(const struct bundle_device *d)
{
	return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool matches(const struct bundle_device *d, const struct stat *st)
{
	return (st->st_mode & S_IFMT) == type_of(d) &&
	       (d->type == 'p' || st->st_rdev == makedev(d->major, d->minor));
}

/* the host's node of the same path, verified to be that device */
static int node_bind(struct child *ch, const struct bundle_device *d, int dir, const char *name, struct err *e)
{
	CHILD_FD tree = -1;
	struct stat st;

	if (ch->c->mount_base >= 0) {
		int r = sync_ask_tree(ch->c->sync[1], &ch->level, d->path, &tree);
		if (r < 0)
			return err_sys(e, -r, "bind %s", d->path);
	} else if (mountfd_clone(AT_FDCWD, d->path, 0, &tree, e) < 0)
		return -e->eno;
	if (fstat(tree, &st) < 0)
		return err_sys(e, errno, "look at %s", d->path);
	if (!matches(d, &st))
		return err_new(e, E_INVALID, EINVAL, "%s of the host is another device", d->path);
	CHILD_FD made = openat(dir, name, O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
	if (made < 0)
		return err_sys(e, errno, "make %s", d->path);
	CHILD_FD place = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return err_sys(e, errno, "open %s", d->path);
	return mountfd_attach(tree, place, e);
}

/* of a node that nobody has opened: there is no call for that before Linux 6.6 but this way round */
static int node_mode(int xnode, mode_t mode, struct err *e)
{
	CHILD_FD proc = -1;
	char self[32];

	if (procfs_own(&proc, e) < 0 && procfs_private(&proc, e) < 0)
		return -e->eno;
	(void)snprintf(self, sizeof self, "self/fd/%d", xnode);
	return fchmodat(proc, self, mode, 0) < 0 ? err_sys(e, errno, "change mode") : 0;
}

/* Mode and owner of what is there, by a descriptor that was looked at: a neighbour who shares the
 * directory may put a link to something of the host in its place at any moment. */
static int node_own(const struct bundle_device *d, int dir, const char *name, bool made, struct err *e)
{
	CHILD_FD node = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (node < 0 || fstat(node, &st) < 0)
		return err_sys(e, errno, "look at %s", d->path);
	if (!matches(d, &st))
		return err_new(e, E_INVALID, EEXIST, "%s is there and is not that device", d->path);
	if (!made && d->has_mode && (st.st_mode & 07777) != (d->mode & 07777) &&
	    node_mode(node, d->mode & 07777, e) < 0)
		return err_ctx(e, "%s", d->path);
	if ((d->uid || d->gid) && fchownat(node, "", d->uid, d->gid, AT_EMPTY_PATH) < 0)
		return err_sys(e, errno, "owner of %s", d->path);
	return 0;
}

static int node_make(struct child *ch, const struct bundle_device *d, int dir, const char *name,
		     struct err *e)
{
	mode_t mode = d->has_mode ? d->mode & 07777 : 0666;
	bool made;

	if (ch->c->in_user && d->type != 'p')
		return node_bind(ch, d, dir, name, e);
	made = mknodat(dir, name, type_of(d) | mode, makedev(d->major, d->minor)) == 0;
	if (!made && errno == EPERM && d->type != 'p')
		return node_bind(ch, d, dir, name, e);
	if (!made && errno != EEXIST)
		return err_sys(e, errno, "make node %s", d->path);
	return made && !d->uid && !d->gid ? 0 : node_own(d, dir, name, made, e);
}

static int device_make(struct child *ch, const struct bundle_device *d, struct err *e)
{
	CHILD_FD parent = -1;
	const char *name;

	if (!strncmp(d->path, "/dev/", 5)) {
		if (!strchr(d->path + 5, '/'))
			return node_make(ch, d, ch->dev, d->path + 5, e);
		if (path_parent_in(ch->dev, d->path + 5, true, &parent, &name, e) < 0)
			return -e->eno;
	} else if (path_parent_in(ch->root, d->path, true, &parent, &name, e) < 0)
		return -e->eno;
	return node_make(ch, d, parent, name, e);
}

/* a default that the config lists itself, perhaps as another device, is the config's */
static bool listed(const struct container *c, const char *path)
{
	for (size_t i = 0; i < c->b.n_devices; i++)
		if (!strcmp(c->b.devices[i].path, path))
			return true;
	return false;
}

static int links_make(const struct child *ch, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (!symlinkat(links[i].to, ch->dev, links[i].name))
			continue;
		if (errno != EEXIST)
			return err_sys(e, errno, "link /dev/%s", links[i].name);
		/* only ptmx must be ours: the node of an image would be a terminal of the host */
		if (strcmp(links[i].name, "ptmx"))
			continue;
		if (unlinkat(ch->dev, "ptmx", 0) < 0 || symlinkat(links[i].to, ch->dev, "ptmx") < 0)
			return err_sys(e, errno, "link /dev/ptmx");
	}
	return 0;
}

int devices_make(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;

	for (size_t i = 0; i < c->b.n_mounts; i++)
		if (c->b.mounts[i].opt.bind && !strcmp(c->b.mounts[i].destination, "/dev"))
			return 0; /* somebody else's /dev: change nothing in it */
	if (path_open_in(ch->root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &ch->dev, e) < 0) {
		if (e->eno != ENOENT)
			return err_new(e, E_DENIED, ENOTDIR, "/dev must be a directory, not a symbolic link");
		if (path_mkdir_in(ch->root, "dev", 0755, &ch->dev, e) < 0)
			return -e->eno;
	}
	for (size_t i = 0; i < c->b.n_devices; i++)
		if (device_make(ch, &c->b.devices[i], e) < 0)
			return err_ctx(e, "linux.devices[%zu]", i);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (!listed(c, defaults[i].path) && device_make(ch, &defaults[i], e) < 0)
			return err_ctx(e, "default device");
	return links_make(ch, e);
}
