/* SPDX-License-Identifier: Apache-2.0
 *
 * What the container's mount namespace begins as. By default the child makes it as a copy of the
 * host's, which takes the longer the more is mounted there. Where nothing needs the host's paths
 * inside, it is a copy of the kernel's own instead (sys/kernelns.h). Then everything of the host is
 * opened first, while its mounts are around us:
 *
 *   [host]      root, binds, /dev/null as detached trees; join the cgroup by the files, and take its
 *               directories as trees, that the parent sends (mount_base_give)
 *   setns       to the kernel's namespace; refused: stay
 *   unshare     the container's own
 *   [container] everything as ever, with the trees in the place of paths
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/libc.h"
#include "format/js.h"
#include "runtime/container.h"
#include "sys/capset.h"
#include "sys/kernelns.h"
#include "sys/mountfd.h"

static bool is_cgroup(const struct bundle_mount *m)
{
	return m->type && !strncmp(m->type, "cgroup", 6);
}

/* A file system on a device, or an overlay, is found by paths of the host in its source and options. */
static bool by_path(const struct bundle_mount *m)
{
	static const char *const pathless[] = { "devpts", "mqueue", "proc", "sysfs", "tmpfs" };

	if (m->opt.bind || m->opt.remount || !m->type || is_cgroup(m))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(pathless); i++)
		if (!strcmp(m->type, pathless[i]))
			return false;
	return true;
}

/* Hooks before pivot_root find the container's root by its path on the host, or run there; a shared
 * root has its peers on the host; without pivot_root the old root stays below the new one. */
static bool wanted(const struct container *c)
{
	size_t shown = 0;

	if (!c->unshares || !c->b.ns[NS_MOUNT].present || c->b.ns[NS_MOUNT].path || c->rootless ||
	    c->req->no_pivot || container_hooks_wait(c) || c->b.rootfs_propagation & MS_SHARED ||
	    (c->cg && !c->enters_self) || (c->req->rootfs_plan && c->req->rootfs_plan->n_steps != 1))
		return false;
	for (size_t i = 0; i < c->b.n_mounts; i++) {
		if (c->b.mounts[i].opt.copy_symlink || by_path(&c->b.mounts[i]))
			return false; /* the former reads a link of the host in its turn */
		shown += is_cgroup(&c->b.mounts[i]);
	}
	return shown <= 1;
}

int mount_base_open(struct container *c, struct err *e)
{
	if (!wanted(c) || kernelns_open(c->state.root_fd, &c->mount_base) < 0)
		return 0;
	c->cgroup_trees = arena_get(&c->arena, (json_array_size(c->cgroup_mounts) + 1) * sizeof *c->cgroup_trees);
	if (!c->cgroup_trees)
		return err_new(e, E_NOMEM, ENOMEM, "mounts: out of memory");
	if (mount_base_gives(c) && mountfd_clone(AT_FDCWD, c->rootfs, MOUNTFD_REC, &c->root_tree, e) < 0)
		return err_ctx(e, "root");
	return 0;
}

static int binds_open(const struct container *c, struct err *e)
{
	for (size_t i = 0; i < c->b.n_mounts; i++) {
		const struct mount_opt *o = &c->b.mounts[i].opt;
		if (o->bind && !o->remount && mounts_source_tree(c, i, e) < 0)
			return -e->eno;
	}
	return 0;
}

bool mount_base_gives(const struct container *c)
{
	/* a plan is carried out by the child, and the root is to be the first in the mount table */
	return c->mount_base >= 0 && c->cg && c->enters_self && !c->req->rootfs_plan;
}

static int cgroups_open(const struct container *c, struct err *e)
{
	for (size_t i = 0; i < json_array_size(c->cgroup_mounts); i++) {
		const json_t *part = json_array_get(c->cgroup_mounts, i);
		c->cgroup_trees[i] = -1;
		if (mount_base_is_part(c, i) &&
		    mountfd_clone(AT_FDCWD, js_str(part, "source", ""), 0, &c->cgroup_trees[i], e) < 0)
			return err_ctx(e, "cgroup %s", js_str(part, "target", ""));
	}
	return 0;
}

bool mount_base_is_part(const struct container *c, size_t i)
{
	return strcmp(js_str(json_array_get(c->cgroup_mounts, i), "type", ""), "symlink") != 0;
}

/* The parent has time while the child makes its namespaces: 18 calls less on the way of the latter. */
static int give(const struct container *c, enum sync_level level, int *fds, size_t *n, struct err *e)
{
	int r = cgroup_enter_files(c->cg, fds, SYNC_FDS_MAX);

	if (r < 0)
		return err_sys(e, -r, "enter cgroup");
	*n = (size_t)r;
	for (size_t i = 0; i < json_array_size(c->cgroup_mounts); i++) {
		const json_t *part = json_array_get(c->cgroup_mounts, i);
		if (!mount_base_is_part(c, i))
			continue;
		if (*n == SYNC_FDS_MAX)
			return err_new(e, E_INTERNAL, E2BIG, "cgroup: too many hierarchies");
		if (mountfd_clone(AT_FDCWD, js_str(part, "source", ""), 0, &fds[*n], e) < 0)
			return err_ctx(e, "cgroup %s", js_str(part, "target", ""));
		++*n;
	}
	if ((r = sync_raise_with(c->sync[0], level, fds, *n)) < 0)
		return err_sys(e, -r, "talk to the child");
	return 0;
}

int mount_base_give(const struct container *c, enum sync_level level, struct err *e)
{
	int fds[SYNC_FDS_MAX];
	size_t n = 0;
	int r = give(c, level, fds, &n, e);

	/* the child has its own; opened one after the other, they are mostly neighbours */
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i + 1; k < n && fds[k] == fds[k - 1] + 1; k++)
			;
		(void)libc_close_range((unsigned)fds[i], (unsigned)fds[k - 1], 0);
	}
	return r;
}

int mount_base_enter(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;

	if (c->mount_base < 0)
		return 0;
	if (rootfs_open(ch, e) < 0 || binds_open(c, e) < 0 ||
	    (c->b.masked_paths.n && masks_null_open(&ch->null, e) < 0) || cgroup_join(ch, e) < 0 ||
	    (!mount_base_gives(c) && cgroups_open(c, e) < 0))
		return -e->eno;
	/* a security module may forbid it: then what is copied is the host's, as ever */
	(void)!setns(c->mount_base, CLONE_NEWNS);
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, errno, "make mount namespace");
	return 0;
}
