/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts of a restore. CRIU wants a root that is a mount point, with every place there on which it
 * is to mount something, and a source for each mount that is not in the images. All of it happens in
 * a mount namespace that CRIU and we make for it: the host sees nothing, and nothing is left
 * however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"
#include "base/path.h"
#include "format/js.h"
#include "runtime/restore.h"
#include "spec/limits.h"
#include "sys/mountfd.h"

/* --- in CRIU's process --------------------------------------------------------------------- */

/* Make the mount that holds @path private; others keep their peers, for binds that share them. */
static int private_around(const char *path, struct err *e)
{
	OWN_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statx sx;

	for (;;) {
		if (fd < 0 || libc_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) < 0)
			return err_sys(e, errno, "open %s", path);
		if (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return mountfd_propagation(fd, MS_PRIVATE, e);
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
}

static bool on_tmpfs(const struct bundle *b, const char *destination)
{
	for (size_t i = 0; i < b->n_mounts; i++) {
		const struct bundle_mount *m = &b->mounts[i];
		size_t n = strlen(m->destination);
		if (m->type && !strcmp(m->type, "tmpfs") && !m->opt.bind && !strncmp(destination, m->destination, n) &&
		    destination[n] == '/')
			return true;
	}
	return false;
}

/* the place of one mount, and for a bind the mount itself, on which later places may lie */
static int place_make(const struct container *c, size_t i, int root, int *ret_tree, struct err *e)
{
	const struct bundle_mount *m = &c->b.mounts[i];
	OWN_FD place = -1;
	OWN_FD tree = -1;
	struct stat st = { .st_mode = S_IFDIR };

	/* CRIU restores what is on a tmpfs, and cgroup mounts lie on one or in sysfs */
	if (on_tmpfs(&c->b, m->destination) || (m->type && !strncmp(m->type, "cgroup", 6)))
		return 0;
	if (m->opt.bind && c->sources[i]) {
		if (c->trees[i] >= 0)
			tree = fcntl(c->trees[i], F_DUPFD_CLOEXEC, 3);
		else if (mountfd_clone(AT_FDCWD, c->sources[i], m->opt.bind_rec ? MOUNTFD_REC : 0, &tree, e) < 0)
			return err_ctx(e, "mount %s on %s", c->sources[i], m->destination);
		if (tree < 0 || fstat(tree, &st) < 0)
			return err_sys(e, errno, "look at %s", c->sources[i]);
	}
	if (mounts_target(root, m->destination, S_ISDIR(st.st_mode), &place, e) < 0)
		return err_ctx(e, "mount on %s", m->destination);
	if (tree < 0)
		return 0;
	if (mountfd_propagation(tree, MS_PRIVATE | MS_REC, e) < 0 || mountfd_attach(tree, place, e) < 0)
		return err_ctx(e, "mount %s on %s", c->sources[i], m->destination);
	*ret_tree = fd_take(&tree);
	return 0;
}

/* CRIU mounts them itself, on the bare places */
static int places_clear(const struct container *c, int *trees, struct err *e)
{
	for (size_t i = c->b.n_mounts; i-- > 0;) {
		char path[64];
		if (trees[i] < 0)
			continue;
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", trees[i]);
		if (umount2(path, MNT_DETACH) < 0)
			return err_sys(e, errno, "unmount %s again", c->b.mounts[i].destination);
		own_fd_done(&trees[i]);
	}
	return 0;
}

int restore_root_enter(void *restore, struct err *e)
{
	const struct restore *r = restore;
	const struct container *c = &r->c;
	OWN_FD tree = -1;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, errno, "make mount namespace");
	if (private_around(r->root, e) < 0)
		return -e->eno;
	OWN_FD at = open(r->root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0)
		return err_sys(e, errno, "open %s", r->root);
	if (mountfd_clone(AT_FDCWD, c->rootfs, MOUNTFD_REC, &tree, e) < 0 ||
	    mountfd_propagation(tree, MS_PRIVATE | MS_REC, e) < 0 || mountfd_attach(tree, at, e) < 0)
		return err_ctx(e, "root %s", c->rootfs);
	/* late_ro: room for one number per mount, unused here otherwise */
	for (size_t i = 0; i < c->b.n_mounts; i++)
		c->late_ro[i] = -1;
	for (size_t i = 0; i < c->b.n_mounts; i++)
		if (place_make(c, i, tree, &c->late_ro[i], e) < 0)
			return -e->eno;
	return places_clear(c, c->late_ro, e);
}

/* --- for CRIU ------------------------------------------------------------------------------ */

/* where a destination leads when the links of the root file system are followed */
static const char *resolved(struct restore *r, int root, const char *destination)
{
	char path[64], link[PATH_MAX];
	OWN_FD fd = -1;
	struct err own;

	if (path_open_in(root, destination, O_PATH, 0, &fd, &own) < 0)
		return destination; /* it lies on a mount that is not there yet */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, link, sizeof link - 1);
	size_t skip = strlen(r->c.rootfs);
	if (n <= 0)
		return destination;
	link[n] = 0;
	if (strncmp(link, r->c.rootfs, skip) || link[skip] != '/')
		return destination;
	return arena_strdup(&r->c.arena, link + skip);
}

/* which bind brought the mount @name along, when the config does not name it itself */
static int submount(struct restore *r, const char *name, struct err *e)
{
	const struct container *c = &r->c;
	size_t best = 0, best_n = 0;
	bool found = false;

	for (size_t i = 0; i < c->b.n_mounts; i++) {
		size_t n = strlen(c->b.mounts[i].destination);
		if (c->sources[i] && n >= best_n && !strncmp(name, c->b.mounts[i].destination, n) && name[n] == '/') {
			best = i;
			best_n = n;
			found = true;
		}
	}
	const char *source = found ? arena_printf(&r->c.arena, "%s%s", c->sources[best], name + best_n) : NULL;
	if (found && !source)
		return err_new(e, E_NOMEM, ENOMEM, "restore: out of memory");
	/* nodes that a user namespace had bound from the host */
	if (!found && !strncmp(name, "/dev/", 5))
		source = name;
	if (!source) {
		(void)err_new(e, E_INVALID, EINVAL, "the images have a mount on %s, and the config has none", name);
		err_hint(e, "restore with the config.json that the container was made with");
		return -e->eno;
	}
	criu_add_mount(&r->request, name, source);
	return 0;
}

static bool known(const json_t *names, const char *name)
{
	const json_t *x;
	size_t i;

	json_array_foreach((json_t *)names, i, x)
		if (json_is_string(x) && !strcmp(json_string_value(x), name))
			return true;
	return false;
}

static int add(struct restore *r, json_t *told, const char *name, const char *source, struct err *e)
{
	if (!name || json_array_append_new(told, json_string(name)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "restore: out of memory");
	criu_add_mount(&r->request, name, source);
	return 0;
}

static int add_cgroups(struct restore *r, json_t *told, const char *destination, struct err *e)
{
	const json_t *part;
	size_t i;

	json_array_foreach(r->c.cgroup_mounts, i, part) {
		const char *target = js_str(part, "target", "");
		const char *name = *target ? arena_printf(&r->c.arena, "%s/%s", destination, target) : destination;
		if (strcmp(js_str(part, "type", ""), "symlink") && add(r, told, name, js_str(part, "source", ""), e) < 0)
			return -e->eno;
	}
	return 0;
}

int restore_mounts(struct restore *r, struct err *e)
{
	const struct container *c = &r->c;
	OWN_JSON names = NULL;
	OWN_JSON told = json_array();
	const json_t *name;
	size_t i;
	OWN_FD root = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(e, errno, "root %s", c->rootfs);
	for (size_t m = 0; m < c->b.n_mounts; m++) {
		const char *at = resolved(r, root, c->b.mounts[m].destination);
		const char *type = c->b.mounts[m].type;
		if (c->sources[m] && add(r, told, at, c->sources[m], e) < 0)
			return -e->eno;
		if (type && !strncmp(type, "cgroup", 6) && add_cgroups(r, told, at, e) < 0)
			return -e->eno;
	}
	if (add(r, told, CHECKPOINT_MASK, CHECKPOINT_MASK, e) < 0)
		return -e->eno;
	/* images of another runtime have no such list, and no such mounts */
	int rc = js_load(r->images, CHECKPOINT_MOUNTS, LIMIT_STATE_BYTES, &names, e);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	json_array_foreach(names, i, name)
		if (json_is_string(name) && !known(told, json_string_value(name)) &&
		    submount(r, json_string_value(name), e) < 0)
			return -e->eno;
	return 0;
}
