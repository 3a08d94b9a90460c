/* SPDX-License-Identifier: Apache-2.0
 *
 * Parent's part of mounts[]: where binds come from, the trees that only the parent can open or
 * shift, because the child will be in another mount namespace or without rights on the host.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/container.h"
#include "sys/idmap.h"
#include "sys/mountfd.h"

static bool wants_idmap(const struct bundle_mount *m)
{
	return m->opt.idmap != MOUNT_IDMAP_NONE || m->uid_maps.n || m->gid_maps.n;
}

static int source_of(struct container *c, const struct bundle_mount *m, const char **ret,
		     struct err *e)
{
	if (!m->source || !*m->source)
		return err_new(e, E_INVALID, EINVAL, "mount on %s: source is missing", m->destination);
	*ret = m->source[0] == '/' ? m->source : arena_printf(&c->arena, "%s/%s", c->bundle_dir, m->source);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "mounts: out of memory");
}

int mounts_source_clone(const struct container *c, size_t i, int *ret_fd, struct err *e)
{
	const struct mount_opt *o = &c->b.mounts[i].opt;

	return mountfd_clone(AT_FDCWD, c->sources[i],
			     (o->bind_rec ? MOUNTFD_REC : 0u) | (o->src_nofollow ? MOUNTFD_NOFOLLOW : 0u), ret_fd, e);
}

int mounts_source_tree(const struct container *c, size_t i, struct err *e)
{
	if (c->trees[i] >= 0)
		return 0;
	/* A peer of the host's mount would carry mounts made below it in the container out to the host.
	 * In a copy of the host's namespace everything has become a slave before it is bound. */
	if (mounts_source_clone(c, i, &c->trees[i], e) < 0 ||
	    (!(c->b.rootfs_propagation & MS_SHARED) &&
	     mountfd_propagation(c->trees[i], MS_SLAVE | MS_REC, e) < 0))
		return err_ctx(e, "mount %s on %s", c->sources[i], c->b.mounts[i].destination);
	return 0;
}

/* the mapping is that of the namespace that the child makes */
static bool by_child(const struct container *c, const struct bundle_mount *m)
{
	return c->new_user && !m->uid_maps.n;
}

static int userns_of(const struct container *c, const struct bundle_mount *m, pid_t pid, int *ret_fd,
		     struct err *e)
{
	char path[64];

	if (m->uid_maps.n || m->gid_maps.n) {
		struct idmap map;
		struct arena a = { 0 };
		int r = launch_idmap(&m->uid_maps, &m->gid_maps, &a, &map, e);
		if (!r)
			r = idmap_userns(&map, ret_fd, e);
		arena_done(&a);
		return r;
	}
	if (!c->in_user)
		return err_new(e, E_INVALID, EINVAL, "idmap needs mappings, or a user namespace");
	(void)snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	*ret_fd = c->ns_fd[NS_USER] >= 0 ? fcntl(c->ns_fd[NS_USER], F_DUPFD_CLOEXEC, 3) :
					   open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, errno, "open user namespace") : 0;
}

static int map_ids(const struct container *c, size_t i, pid_t pid, struct err *e)
{
	const struct bundle_mount *m = &c->b.mounts[i];
	OWN_FD userns = -1;

	if (userns_of(c, m, pid, &userns, e) < 0)
		return -e->eno;
	return mountfd_idmap(c->trees[i], userns, m->opt.idmap == MOUNT_IDMAP_REC ? MOUNTFD_REC : 0, e);
}

int mounts_open_sources(struct container *c, struct err *e)
{
	const size_t n = c->b.n_mounts;
	const bool ours = c->b.ns[NS_MOUNT].path || (c->in_user && geteuid() == 0);

	c->sources = arena_get(&c->arena, (n + 1) * sizeof *c->sources);
	c->trees = arena_get(&c->arena, (n + 1) * sizeof *c->trees);
	c->late_ro = arena_get(&c->arena, (n + 1) * sizeof *c->late_ro);
	if (!c->sources || !c->trees || !c->late_ro)
		return err_new(e, E_NOMEM, ENOMEM, "mounts: out of memory");
	for (size_t i = 0; i < n; i++)
		c->trees[i] = -1;
	if (ours && !c->req->rootfs_plan && c->b.ns[NS_MOUNT].path == NULL &&
	    mountfd_clone(AT_FDCWD, c->rootfs, MOUNTFD_REC, &c->root_tree, e) < 0)
		return err_ctx(e, "root");
	for (size_t i = 0; i < n; i++) {
		const struct bundle_mount *m = &c->b.mounts[i];
		if (!m->opt.bind || m->opt.remount)
			continue;
		if (source_of(c, m, &c->sources[i], e) < 0)
			return -e->eno;
		if (!ours && !wants_idmap(m))
			continue;
		if (mounts_source_tree(c, i, e) < 0)
			return -e->eno;
		if (wants_idmap(m) && !by_child(c, m) && map_ids(c, i, -1, e) < 0)
			return err_ctx(e, "mount %s on %s", c->sources[i], m->destination);
	}
	return 0;
}

/* before the child, which waits for its ids, attaches the tree: an attached one cannot be mapped */
int mounts_map_ids(struct container *c, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < c->b.n_mounts; i++) {
		const struct bundle_mount *m = &c->b.mounts[i];
		if (wants_idmap(m) && by_child(c, m) && map_ids(c, i, pid, e) < 0)
			return err_ctx(e, "mount %s on %s", c->sources[i], m->destination);
	}
	return 0;
}

void mounts_close_sources(struct container *c)
{
	for (size_t i = 0; c->trees && i < c->b.n_mounts; i++)
		own_fd_done(&c->trees[i]);
	own_fd_done(&c->root_tree);
}
