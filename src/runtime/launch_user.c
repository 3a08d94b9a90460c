/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the process is: groups, user, capability sets, no-new-privileges, seccomp. See launch.h.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/launch.h"
#include "runtime/sync.h"
#include "spec/capability.h"
#include "sys/capset.h"

#define BIT(cap) (UINT64_C(1) << (cap))

static int ids_set(const struct launch *l, struct err *e)
{
	const struct bundle_process *p = l->p;

	/* system calls, not libc: libc would signal other threads, and there are none */
	if (!l->keep_groups && syscall(SYS_setgroups, p->n_groups, p->groups) < 0 &&
	    /* denied in a namespace whose maps an ordinary user wrote; nothing lost when none are asked */
	    (errno != EPERM || !l->in_user || p->n_groups))
		return err_sys(e, errno, "set groups");
	if (syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0) {
		int r = err_sys(e, errno, "set group %u", p->gid);
		if (e->eno == EINVAL)
			err_hint(e, "group %u is not in linux.gidMappings", p->gid);
		return r;
	}
	if (syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0) {
		int r = err_sys(e, errno, "set user %u", p->uid);
		if (e->eno == EINVAL)
			err_hint(e, "user %u is not in linux.uidMappings", p->uid);
		return r;
	}
	return 0;
}

static void refused_warn(const struct launch *l, const char *set, uint64_t caps)
{
	for (int i = 0; caps && i < 64; i++)
		if (caps & BIT(i))
			(void)sync_warn(l->sync, "capability %s cannot be given (%s set)",
					capability_name(i) ? capability_name(i) : "?", set);
}

int launch_user(struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;
	const struct bundle_process *p = l->p;
	struct capset have, want;
	uint64_t refused;
	int rc;

	if ((rc = capset_get(&have)) < 0)
		return err_sys(e, -rc, "read capabilities");
	/* while CAP_SETPCAP is there; a process in its own user namespace has it */
	if (have.effective & BIT(CAP_SETPCAP) &&
	    (rc = capset_bounding_keep(p->caps[BUNDLE_CAP_BOUNDING])) < 0)
		return err_sys(e, -rc, "capabilities: bounding set");
	if (p->uid && (rc = capset_keep_on_setuid(true)) < 0)
		return err_sys(e, -rc, "keep capabilities");
	if (ids_set(l, e) < 0)
		return -e->eno;
	if (p->has_umask)
		(void)umask(p->umask);
	else
		(void)umask(0022);
	if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "no new privileges");
	want = (struct capset){ p->caps[BUNDLE_CAP_EFFECTIVE], p->caps[BUNDLE_CAP_PERMITTED],
				p->caps[BUNDLE_CAP_INHERITABLE] };
	/* what we have not got cannot be given: rootless and nested runtimes */
	refused = want.permitted & ~have.permitted;
	if (refused) {
		refused_warn(l, "permitted", refused);
		want.permitted &= have.permitted;
		want.inheritable &= have.permitted | have.inheritable;
	}
	want.effective &= want.permitted;
	/* without no-new-privileges a filter needs CAP_SYS_ADMIN: the last to go, in launch_filter */
	if ((l->filter || l->filter_late) && !p->no_new_privileges && have.permitted & BIT(CAP_SYS_ADMIN) &&
	    !(want.effective & BIT(CAP_SYS_ADMIN))) {
		r->spare_admin = true;
		r->spare = want;
		want.effective |= BIT(CAP_SYS_ADMIN);
		want.permitted |= BIT(CAP_SYS_ADMIN);
	}
	if ((rc = capset_set(&want)) < 0)
		return err_sys(e, -rc, "set capabilities");
	/* those that the config itself leaves out of the inheritable set cannot be ambient: every
	 * `spec` of runc and crun is like that, so it is no reason to speak */
	capset_ambient_raise(p->caps[BUNDLE_CAP_AMBIENT] & want.permitted & want.inheritable, &refused);
	refused_warn(l, "ambient", refused);
	return 0;
}

static int spare_drop(const struct launch_run *r, struct err *e)
{
	int rc;

	if (!r->spare_admin || (rc = capset_set(&r->spare)) >= 0)
		return 0;
	rc = err_sys(e, -rc, "set capabilities after seccomp");
	err_hint(e, "without noNewPrivileges the profile must allow capset, and execve in any case");
	return rc;
}

int launch_filter(struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;
	int rc = 0;

	if (!r->filter)
		return spare_drop(r, e);
	/* the parent must be listening, and levels must come in their order */
	if (r->filter->notify && (rc = sync_wait(l->sync, r->level, SYNC_GO)) < 0)
		return err_new(e, E_CANCELLED, -rc, "the runtime is gone");
	rc = seccomp_install(r->filter);
	if (rc < 0) {
		rc = err_sys(e, -rc, "install seccomp filter");
		if (e->eno == EACCES)
			err_hint(e, "without noNewPrivileges a filter needs CAP_SYS_ADMIN");
		return rc;
	}
	r->filter_installed = true;
	/* it is taken out of this process: wait, or an exec could close it before */
	if (r->filter->notify && ((rc = sync_send(l->sync, SYNC_SECCOMP, rc, NULL, -1)) < 0 ||
				  (rc = sync_wait(l->sync, r->level, SYNC_LISTENING)) < 0))
		return err_sys(e, -rc, "seccomp: hand over the listener");
	return spare_drop(r, e);
}
