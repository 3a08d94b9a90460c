/* SPDX-License-Identifier: Apache-2.0
 *
 * The last steps of a process: see launch.h. The order is the point:
 *
 *   limits, scheduling    while every capability is there
 *   LSM labels            through the trusted procfs
 *   directory             as root: a user need not be able to search its parents
 *   user, capabilities    bounding set first, CAP_SYS_ADMIN last
 *   command looked up     with the rights that it will be executed with
 *   -- here a created container waits for start --
 *   seccomp, exec
 */
#include "runtime/launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"
#include "runtime/filter.h"
#include "runtime/sync.h"
#include "sys/capset.h"
#include "sys/procfs.h"
#include "sys/rlimit.h"
#include "sys/pty.h"

int launch_fds_check(int n, struct err *e)
{
	for (int i = 0; i < n; i++) {
		int flags = fcntl(3 + i, F_GETFD);
		/* one of our own, opened close-on-exec, may have taken a number that was free */
		if (flags < 0 || flags & FD_CLOEXEC)
			return err_new(e, E_INVALID, EBADF, "preserve-fds: descriptor %d is not open", 3 + i);
	}
	return 0;
}

static bool present(const char *path)
{
	char b = 0;
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &b, 1) == 1 && b == 'Y';
}

bool launch_selinux_active(void)
{
	return !access("/sys/fs/selinux/enforce", F_OK);
}

bool launch_keeps_groups(const json_t *annotations)
{
	const json_t *keep = json_object_get(annotations, LAUNCH_KEEP_GROUPS);

	return json_is_string(keep) && !strcmp(json_string_value(keep), "1");
}

int launch_plan(struct launch *l, const struct bundle_process *p, int preserve_fds,
		struct arena *a, struct err *e)
{
	size_t n = 0;

	l->p = p;
	l->preserve_fds = preserve_fds;
	l->env = arena_get(a, (p->env.n + 2) * sizeof *l->env);
	if (!l->env)
		return err_new(e, E_NOMEM, ENOMEM, "environment: out of memory");
	for (size_t i = 0; i < p->env.n; i++)
		if (p->has_home || strncmp(p->env.v[i], "HOME=", 5))
			l->env[n++] = p->env.v[i];
	l->env_n = n;
	/* asked to be confined, it must not run as if it were; "unconfined" asks for nothing */
	l->apparmor = p->apparmor_profile && present("/sys/module/apparmor/parameters/enabled");
	if (p->apparmor_profile && !l->apparmor && strcmp(p->apparmor_profile, "unconfined"))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			       "process.apparmorProfile %s: AppArmor is not active on this host",
			       p->apparmor_profile);
	l->selinux = p->selinux_label && launch_selinux_active();
	if (p->selinux_label && !l->selinux)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			       "process.selinuxLabel %s: SELinux is not active on this host", p->selinux_label);
	return 0;
}

int launch_plan_linux(struct launch *l, const struct bundle *b, struct err *e)
{
	int r;

	l->memory_policy = &b->memory_policy;
	l->has_personality = b->has_personality;
	l->personality = b->personality;
	if (b->memory_policy.set && b->memory_policy.nodes &&
	    (r = sched_mask_parse(b->memory_policy.nodes, &l->memory_nodes)) < 0)
		return err_new(e, E_INVALID, -r, "linux.memoryPolicy.nodes: %s", b->memory_policy.nodes);
	return 0;
}

int launch_idmap(const struct bundle_id_maps *uids, const struct bundle_id_maps *gids,
		 struct arena *a, struct idmap *ret, struct err *e)
{
	struct idmap_line *u = arena_get(a, (uids->n + 1) * sizeof *u);
	struct idmap_line *g = arena_get(a, (gids->n + 1) * sizeof *g);

	if (!u || !g)
		return err_new(e, E_NOMEM, ENOMEM, "id maps: out of memory");
	for (size_t i = 0; i < uids->n; i++)
		u[i] = (struct idmap_line){ uids->v[i].container, uids->v[i].host, uids->v[i].size };
	for (size_t i = 0; i < gids->n; i++)
		g[i] = (struct idmap_line){ gids->v[i].container, gids->v[i].host, gids->v[i].size };
	*ret = (struct idmap){ u, g, uids->n, gids->n };
	return 0;
}

int launch_stdio(int slave, const int stdio[3], struct err *e)
{
	int from[3];

	if (slave >= 0 && pty_control(slave, e) < 0)
		return -e->eno;
	for (int i = 0; i < 3; i++) {
		from[i] = slave >= 0 ? slave : stdio[i];
		/* a low number could be overwritten before its turn: move it out of the way */
		if (from[i] >= 0 && from[i] < 3 && from[i] != i &&
		    (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 10)) < 0)
			return err_sys(e, errno, "standard streams");
	}
	for (int i = 0; i < 3; i++)
		if (from[i] >= 0 && from[i] != i && dup2(from[i], i) < 0)
			return err_sys(e, errno, "standard streams");
	return 0;
}

void launch_null(const struct launch *l)
{
	struct stat st;

	if (!l->null_streams)
		return;
	/* goes with the others, before the command runs */
	int fd = open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	/* an image without one keeps the host's */
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return;
	for (int i = 0; i < 3; i++)
		if (l->null_streams & 1u << i)
			(void)dup2(fd, i); /* both are open: nothing can fail */
}

static int limits(const struct launch *l, struct err *e)
{
	for (size_t i = 0; i < l->p->n_rlimits; i++) {
		const struct bundle_rlimit *rl = &l->p->rlimits[i];
		bool clamped;
		int r = rlimit_set(rl->resource, rl->soft, rl->hard, &clamped);
		if (r < 0)
			return err_sys(e, -r, "process.rlimits %s", rl->name);
		if (clamped)
			(void)sync_warn(l->sync, "rlimit %s: cut to what this user may have", rl->name);
	}
	return 0;
}

static int scheduling(const struct launch *l, struct err *e)
{
	const struct bundle_process *p = l->p;
	int r;

	if (p->scheduler.set) {
		const struct sched_setting s = {
			.policy = p->scheduler.policy,
			.flags = p->scheduler.flags,
			.nice = p->scheduler.nice,
			.priority = p->scheduler.priority,
			.runtime_ns = p->scheduler.runtime_ns,
			.deadline_ns = p->scheduler.deadline_ns,
			.period_ns = p->scheduler.period_ns,
		};
		if ((r = sched_setting_apply(&s)) < 0)
			return err_sys(e, -r, "process.scheduler");
	}
	if (p->has_io_priority && (r = sched_io_priority(p->io_priority_class, p->io_priority)) < 0)
		return err_sys(e, -r, "process.ioPriority");
	if (l->memory_policy && l->memory_policy->set &&
	    (r = sched_memory_policy(l->memory_policy->mode, l->memory_policy->flags,
				     l->memory_policy->nodes ? &l->memory_nodes : NULL)) < 0)
		return err_sys(e, -r, "linux.memoryPolicy");
	if (l->has_personality && personality(l->personality) < 0)
		return err_sys(e, errno, "linux.personality");
	return 0;
}

/* The label that the kernel gives to the process at its exec. The back-quoted path in the error is
 * what podman looks for. */
int launch_labels_exec(const struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;

	if (l->apparmor && procfs_write(r->proc, "self/attr/apparmor/exec", r->label, strlen(r->label), e) < 0 &&
	    (e->eno != ENOENT || procfs_write(r->proc, "self/attr/exec", r->label, strlen(r->label), e) < 0))
		return err_ctx(e, "apply apparmor profile %s", l->p->apparmor_profile);
	if (l->selinux && procfs_write(r->proc, "self/attr/exec", r->label, strlen(r->label), e) < 0)
		return err_ctx(e, "apply selinux label %s", r->label);
	return 0;
}

static int labels(struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;
	const char *s = l->p->selinux_label;
	int n = 0;

	if (l->apparmor)
		n = snprintf(r->label, sizeof r->label, "exec %s", l->p->apparmor_profile);
	else if (l->selinux)
		n = snprintf(r->label, sizeof r->label, "%s", s);
	if (n >= (int)sizeof r->label)
		return err_new(e, E_INVALID, ENAMETOOLONG, "apparmorProfile or selinuxLabel: too long");
	/* keys made for the session carry the label of the process too; old kernels lack the file */
	if (l->selinux)
		(void)procfs_write(r->proc, "self/attr/keycreate", s, strlen(s), e);
	/* through the program in between, or it would get the label instead of the command */
	return l->stub >= 0 ? 0 : launch_labels_exec(r, e);
}

/* streams that a user other than root must be able to open again as /dev/stdout */
static void streams_give(const struct bundle_process *p)
{
	struct stat st;

	for (int i = 0; p->uid && i < 3; i++)
		if (!fstat(i, &st) && st.st_uid != p->uid && !(S_ISCHR(st.st_mode) && st.st_rdev == 0x103))
			(void)fchown(i, p->uid, (gid_t)-1); /* not ours to give: the user cannot reopen it */
}

/* Close everything from @first on but @keep: what is close-on-exec only could still be named as
 * /proc/self/fd/N by the working directory or the command (CVE-2024-21626). */
static int close_others(unsigned first, int *keep, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k && keep[k] < keep[k - 1]; k--) {
			int swap = keep[k];
			keep[k] = keep[k - 1];
			keep[k - 1] = swap;
		}
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)first)
			continue;
		if ((unsigned)keep[i] > first && libc_close_range(first, (unsigned)keep[i] - 1, 0) < 0)
			return -errno;
		first = (unsigned)keep[i] + 1;
	}
	return libc_close_range(first, ~0U, 0) < 0 ? -errno : 0;
}

static int descriptors(const struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;
	int keep[] = { l->sync, r->fifo, l->stub, l->apparmor || l->selinux ? r->proc : -1 };
	int rc = close_others(3 + (unsigned)l->preserve_fds, keep, ARRAY_LEN(keep));

	return rc < 0 ? err_sys(e, -rc, "close descriptors") : 0;
}

int launch_prepare(struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;

	if (descriptors(r, e) < 0 || limits(l, e) < 0 || scheduling(l, e) < 0 || labels(r, e) < 0)
		return -e->eno;
	streams_give(l->p);
	if (launch_directory(r, false, e) < 0 || launch_home(r, e) < 0 || launch_user(r, e) < 0 ||
	    launch_directory(r, true, e) < 0 || launch_command(r, e) < 0)
		return -e->eno;
	r->filter = l->filter;
	if (l->filter_late) {
		int rc = sync_wait(l->sync, r->level, SYNC_FILTERED);
		if (rc < 0)
			return err_new(e, E_CANCELLED, -rc, "the runtime is gone");
		if (filter_late_get(l->filter_late, &r->late))
			r->filter = &r->late;
	}
	/* a listener must reach the monitor of calls while our parent still listens to us */
	if (l->filter && l->filter->notify)
		return launch_filter(r, e);
	return 0;
}
