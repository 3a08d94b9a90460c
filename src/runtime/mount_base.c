/* SPDX-License-Identifier: Apache-2.0
 *
 * What the container's mount namespace begins as. By default the child makes it as a copy of the
 * host's, which takes the longer the more is mounted there. Where nothing needs the host's paths
 * inside, it is a copy of the kernel's own instead (sys/kernelns.h). Then everything of the host is
 * opened first, while its mounts are around us:
 *
 *   [host]      join the cgroup; root, binds, cgroup directories, /dev/null as detached trees
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

static int cgroups_open(const struct container *c, struct err *e)
{
	for (size_t i = 0; i < json_array_size(c->cgroup_mounts); i++) {
		const json_t *part = json_array_get(c->cgroup_mounts, i);
		c->cgroup_trees[i] = -1;
		if (strcmp(js_str(part, "type", ""), "symlink") != 0 &&
		    mountfd_clone(AT_FDCWD, js_str(part, "source", ""), 0, &c->cgroup_trees[i], e) < 0)
			return err_ctx(e, "cgroup %s", js_str(part, "target", ""));
	}
	return 0;
}

int mount_base_enter(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;

	if (c->mount_base < 0)
		return 0;
	if (rootfs_open(ch, e) < 0 || binds_open(c, e) < 0 ||
	    (c->b.masked_paths.n && masks_null_open(&ch->null, e) < 0) || cgroup_join(ch, e) < 0 ||
	    cgroups_open(c, e) < 0)
		return -e->eno;
	/* a security module may forbid it: then what is copied is the host's, as ever */
	(void)!setns(c->mount_base, CLONE_NEWNS);
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, errno, "make mount namespace");
	return 0;
}
