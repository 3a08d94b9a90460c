/* SPDX-License-Identifier: Apache-2.0
 *
 * The cgroup mount of a container: the driver says as data what it consists of on this host, here
 * it is carried out.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "format/js.h"
#include "runtime/container.h"
#include "sys/mountfd.h"

/* the flags of the mount apply to each part, all parts at once: nobody is in the container yet */
static int parts_flags(const struct container *c, const struct mount_opt *o, int mnt, struct err *e)
{
	const uint64_t set = o->attr_set | o->rec_set;

	if (mountfd_attr(mnt, set, o->attr_clr | o->rec_clr, MOUNTFD_REC, e) < 0 &&
	    (e->eno != EPERM || !c->in_user || mountfd_attr(mnt, set, 0, MOUNTFD_REC, e) < 0))
		return -e->eno;
	return 0;
}

static int part_open(const struct container *c, size_t i, int *ret_fd, struct err *e)
{
	if (c->mount_base >= 0) {
		*ret_fd = c->cgroup_trees[i];
		return 0;
	}
	/* never a new mount of the hierarchy: it would change options of the host's */
	return mountfd_clone(AT_FDCWD, js_str(json_array_get(c->cgroup_mounts, i), "source", ""), 0, ret_fd, e);
}

static int part_link(int base, const char *target, const char *source, struct err *e)
{
	if (symlinkat(source, base, target) < 0 && errno != EEXIST)
		return err_sys(e, errno, "link %s", target);
	return 0;
}

/* by name: the tmpfs is a moment old and nobody but us has seen it */
static int part_attach(int base, const char *target, int mnt, struct err *e)
{
	if (mkdirat(base, target, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make directory");
	return mountfd_attach_at(mnt, base, target, e);
}

/* Nothing of the host's groups may be seen or written in their place (CVE-2023-25809): a bind of
 * /sys has brought them along. */
static int nothing_to_show(struct child *ch, const struct bundle_mount *m, struct err *e)
{
	static const char *const data[] = { "mode=555" };
	const struct mountfd_fs tmpfs = { .type = "tmpfs",
					  .source = "cgroup",
					  .data = data,
					  .n_data = 1,
					  .sb_flags = MS_RDONLY,
					  .attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
						  MOUNT_ATTR_NOEXEC };
	CHILD_FD place = -1;
	CHILD_FD mnt = -1;

	(void)sync_warn(ch->c->sync[1], "no cgroup to show at %s", m->destination);
	if (path_open_in(ch->root, m->destination, O_PATH | O_DIRECTORY, 0, &place, e) < 0)
		return 0; /* nothing there */
	return mountfd_fs(&tmpfs, &mnt, e) < 0 ? -e->eno : mountfd_attach(mnt, place, e);
}

int mounts_cgroup(struct child *ch, const struct bundle_mount *m, struct err *e)
{
	const struct container *c = ch->c;
	struct mount_opt opt = m->opt;
	const json_t *part;
	CHILD_FD place = -1;
	CHILD_FD base = -1;
	size_t i;

	if (!json_array_size(c->cgroup_mounts))
		return nothing_to_show(ch, m, e);
	if (mounts_target(ch->root, m->destination, true, &place, e) < 0)
		return -e->eno;
	int r = cgroup_join(ch, e);
	if (r < 0)
		return r;
	/* root of a user namespace could own groups of the host there (CVE-2023-25809) */
	if (c->in_user && !c->b.ns[NS_CGROUP].present)
		opt.attr_set |= MOUNT_ATTR_RDONLY;
	if (json_array_size(c->cgroup_mounts) == 1 &&
	    !*js_str(json_array_get(c->cgroup_mounts, 0), "target", "")) {
		if (part_open(c, 0, &base, e) < 0 ||
		    parts_flags(c, &opt, base, e) < 0)
			return -e->eno;
		return mountfd_attach(base, place, e);
	}
	static const char *const data[] = { "mode=755" };
	const struct mountfd_fs tmpfs = { .type = "tmpfs",
					  .source = "cgroup",
					  .data = data,
					  .n_data = 1,
					  .attr = opt.attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY,
					  .leaves_context = true };
	if (mountfd_fs(&tmpfs, &base, e) < 0 || mountfd_attach(base, place, e) < 0)
		return -e->eno;
	json_array_foreach(c->cgroup_mounts, i, part) {
		const char *target = js_str(part, "target", "");
		bool link = !strcmp(js_str(part, "type", ""), "symlink");
		CHILD_FD mnt = -1;
		if (!path_is_clean(target) || strchr(target, '/'))
			r = err_new(e, E_INTERNAL, EINVAL, "bad name");
		else if (link)
			r = part_link(base, target, js_str(part, "source", ""), e);
		else if ((r = part_open(c, i, &mnt, e)) >= 0)
			r = part_attach(base, target, mnt, e);
		else if (r == -ENOENT && c->rootless)
			r = 0; /* the group could not be made, the driver has warned */
		if (r < 0)
			return err_ctx(e, "%s", target);
	}
	return parts_flags(c, &opt, base, e);
}

/* what mount_base_give has sent: the files to join by, then the parts of the mount */
static int given(struct child *ch)
{
	const struct container *c = ch->c;
	int r = sync_wait_with(c->sync[1], &ch->level, SYNC_ENTERED, ch->joins);

	if (r < 0)
		return r;
	size_t parts = 0, n = json_array_size(c->cgroup_mounts);
	for (size_t i = 0; i < n; i++)
		parts += mount_base_is_part(c, i);
	if ((size_t)r < parts)
		return -EPROTO;
	ch->n_joins = (size_t)r - parts;
	for (size_t i = 0, k = ch->n_joins; i < n; i++)
		c->cgroup_trees[i] = mount_base_is_part(c, i) ? ch->joins[k++] : -1;
	return 0;
}

int cgroup_join(struct child *ch, struct err *e)
{
	const struct container *c = ch->c;
	int r;

	if (ch->joined)
		return 0;
	if ((r = mount_base_gives(c) ? given(ch) : sync_wait(c->sync[1], &ch->level, SYNC_ENTERED)) < 0)
		return err_new(e, E_CANCELLED, -r, "the runtime is gone");
	if (c->enters_self && (r = mount_base_gives(c) ? cgroup_enter_by(ch->joins, ch->n_joins) :
							 cgroup_enter_self(c->cg)) < 0)
		return err_sys(e, -r, "enter cgroup");
	/* the namespace begins where the process is now */
	if (c->b.ns[NS_CGROUP].present && !c->b.ns[NS_CGROUP].path && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, errno, "make cgroup namespace");
	ch->joined = true;
	return 0;
}
