/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_restore as a table of steps with undo, like create: whatever fails, nothing is left.
 * CRIU is put into the container's cgroup before it gets its request, and what it restores inherits
 * that. The restored process is a child of ours.
 */
#include "runtime/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "runtime/create_int.h"
#include "spec/limits.h"
#include "sys/loopback.h"
#include "sys/nsfd.h"
#include "sys/process.h"

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "restore: out of memory");
}

static int step_config(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	const struct runtime_restore_req *q = r->req;

	if (create_config(&r->c, e) < 0)
		return -e->eno;
	if (r->c.b.ns[NS_MOUNT].path || r->c.b.ns[NS_CGROUP].path)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "CRIU cannot restore into a given %s namespace",
			       r->c.b.ns[NS_MOUNT].path ? "mount" : "cgroup");
	const bool lsm = q->lsm_profile || q->lsm_mount_context;
	const struct criu_need needs[] = { { CRIU_VERSION_MIN, "restore" },
					   { CRIU_VERSION_LSM, "--lsm-profile and --lsm-mount-context" } };
	if (criu_require(r->c.env, needs, lsm ? 2 : 1, e) < 0)
		return -e->eno;
	return criu_features(r->c.env, q->criu.flags & RUNTIME_CRIU_LAZY_PAGES ? CRIU_CAN_LAZY_PAGES : 0, e);
}

static void undo_state(void *ctx)
{
	struct restore *r = ctx;

	if (r->c.state.dir_fd >= 0)
		(void)unlinkat(r->c.state.dir_fd, RESTORE_ROOT, AT_REMOVEDIR); /* the sweep of the folder says more */
	state_unreserve(&r->c.state);
}

static int step_state(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	char link[PATH_MAX], path[64];

	if (state_reserve(r->c.env, r->c.req->id, &r->c.state, e) < 0)
		return -e->eno;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", r->c.state.dir_fd);
	ssize_t n = readlink(path, link, sizeof link);
	if (n > 0 && mkdirat(r->c.state.dir_fd, RESTORE_ROOT, 0700) == 0) {
		r->root = arena_printf(&r->c.arena, "%.*s/" RESTORE_ROOT, (int)n, link);
		if (r->root)
			return 0;
		(void)nomem(e);
	} else
		(void)err_sys(e, errno, "make %s", RESTORE_ROOT);
	undo_state(r);
	return -e->eno;
}

/* @kill: all that is in the group came by us, because it was free. A group that was there before stays. */
static void cgroup_drop(struct restore *r, bool kill)
{
	struct err own;

	if (r->c.cg && ((kill && cgroup_kill(r->c.cg, SIGKILL, &own) < 0) || cgroup_discard(r->c.cg, &own) < 0) &&
	    own.kind != E_NOT_FOUND)
		create_warn(&r->c, "remove cgroup: %s", own.chain);
	cgroup_free(r->c.cg);
	r->c.cg = NULL;
}

static void undo_cgroup(void *ctx)
{
	struct restore *r = ctx;

	/* CRIU kills what it has restored so far, but it may have died itself */
	cgroup_drop(r, true);
	/* a root that CRIU had begun with is a child of ours */
	if (r->c.pid > 0 && r->c.pidfd < 0)
		(void)waitpid(r->c.pid, NULL, WNOHANG); /* or it becomes init's with our end */
}

static int step_cgroup(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct container *c = &r->c;
	const struct cgroup_req q = { .path = c->b.cgroups_path,
				      .id = c->req->id,
				      .resources = c->b.resources,
				      .systemd = c->env->systemd_cgroup,
				      .rootless = c->rootless,
				      .warn = c->env->warn,
				      .warn_data = c->env->warn_data };

	if (c->env->no_cgroup)
		return 0;
	if (cgroup_prepare(&q, &c->cg, e) < 0)
		return -e->eno;
	if (state_note_cgroup(&c->state, c->cg, e) < 0 || cgroup_finish(c->cg, c->b.resources, e) < 0 ||
	    cgroup_mounts(c->cg, c->b.ns[NS_CGROUP].present, &c->cgroup_mounts, e) < 0) {
		cgroup_drop(r, false); /* it may be another's */
		return -e->eno;
	}
	return 0;
}

/* CRIU opens images inside the user namespace too: first still as the host's root, which there has no
 * power over files of others, then as the root of the namespace. So the folder becomes the latter's, with
 * the group of the former; nobody else may enter it, memory lies there. Those of earlier pre-dumps hang
 * below as "parent". */
static int images_give(struct restore *r, struct err *e)
{
	enum { PARENTS = 1000 };
	uint32_t root = create_host_id(&r->c.b.uid_maps, 0);
	struct stat st;

	if (!r->c.new_user || root == UINT32_MAX)
		return 0;
	OWN_FD dir = fcntl(r->images, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < PARENTS; i++) {
		if (dir < 0 || fstat(dir, &st) < 0)
			return err_sys(e, errno, "look at the images");
		if (!(st.st_mode & S_IXOTH) &&
		    (fchown(dir, root, getegid()) < 0 || fchmod(dir, (st.st_mode & 07777) | S_IXUSR | S_IXGRP) < 0))
			return err_sys(e, errno, "give the folder of the images to the user namespace");
		int parent = openat(dir, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0)
			return errno == ENOENT ? 0 : err_sys(e, errno, "open the parent of the images");
		close(dir);
		dir = parent;
	}
	return err_new(e, E_INVALID, ELOOP, "the images have more than %d parents", PARENTS);
}

/* --- the request --------------------------------------------------------------------------- */

static int inherit(struct restore *r, const char *key, int fd, struct err *e)
{
	if (r->n_fds == CRIU_FDS_MAX)
		return err_new(e, E_INTERNAL, E2BIG, "restore: too many descriptors");
	criu_add_fd(&r->request, key, CRIU_FIRST_FD + (int)r->n_fds);
	r->fds[r->n_fds++] = fd;
	return 0;
}

/* CRIU knows two ways to use a namespace that is there: by descriptor, and by path */
static int namespaces(struct restore *r, struct err *e)
{
	struct container *c = &r->c;

	if (create_namespaces_open(c, e) < 0)
		return -e->eno;
	for (int k = 0; k < NS_N; k++) {
		const char *path = c->b.ns[k].path;
		if (!path)
			continue;
		/* our own namespace, and a type that CRIU would see as not changed at all */
		if (c->ns_fd[k] < 0 && k != NS_NETWORK && k != NS_PID)
			continue;
		if (k == NS_NETWORK || k == NS_PID) {
			if (c->ns_fd[k] < 0 &&
			    nsfd_open(path, ns_table[k].clone_flag, ns_table[k].name, &c->ns_fd[k], e) < 0)
				return err_ctx(e, "linux.namespaces");
			if (inherit(r, k == NS_PID ? CHECKPOINT_PID : CHECKPOINT_NET, c->ns_fd[k], e) < 0)
				return -e->eno;
		} else
			criu_add_join(&r->request, ns_table[k].proc, path);
	}
	return 0;
}

static bool from_outside(const char *stream)
{
	return strstr(stream, "pipe:") || !strncmp(stream, "file[", strlen("file["));
}

/* the streams that were pipes or files of the host are now those that we were given */
static int streams(struct restore *r, struct err *e)
{
	OWN_JSON list = NULL;
	const json_t *x;
	size_t i;

	if (js_load(r->images, CHECKPOINT_DESCRIPTORS, LIMIT_STATE_BYTES, &list, e) < 0) {
		if (e->kind == E_NOT_FOUND)
			err_hint(e, "is %s the directory of a whole checkpoint? A pre-dump alone cannot be restored",
				 r->req->criu.image_path);
		return -e->eno;
	}
	json_array_foreach(list, i, x)
		if (i < 3 && json_is_string(x) && from_outside(json_string_value(x)))
			criu_add_fd(&r->request, json_string_value(x), (int)i);
	return 0;
}

/* 1: the images hold the devices of the network namespace | 0: not */
static int has_network(const struct restore *r, struct err *e)
{
	OWN_FD copy = openat(r->images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *de;
	int rc;

	if (!d)
		return err_sys(e, errno, "read the folder of the images");
	(void)fd_take(&copy); /* belongs to d */
	while ((rc = io_dir_next(d, &de, e)) > 0)
		if (!strncmp(de->d_name, "netdev-", strlen("netdev-")))
			return 1;
	return rc < 0 ? err_ctx(e, "the folder of the images") : 0;
}

/* Binds that share mounts with the host: the newer engine of CRIU copies peers from the root of a mount
 * only, and a bind may come from below it. */
static bool has_peers(const struct bundle *b)
{
	for (size_t i = 0; i < b->n_mounts; i++)
		for (size_t k = 0; b->mounts[i].opt.bind && k < b->mounts[i].opt.n_propagation; k++)
			if (b->mounts[i].opt.propagation[k] & (MS_SLAVE | MS_SHARED))
				return true;
	return false;
}

static int step_request(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	const struct runtime_restore_req *q = r->req;
	const struct bundle_namespace *net = &r->c.b.ns[NS_NETWORK];
	struct criu_request *c = &r->request;

	if (checkpoint_dirs(&q->criu, false, &r->images, &r->work, e) < 0)
		return -e->eno;
	checkpoint_options(&q->criu, c);
	c->type = CRIU_RESTORE;
	c->root = r->root;
	c->log_file = "restore.log";
	c->config_file = checkpoint_config_file(r->c.b.annotations);
	c->lsm_profile = q->lsm_profile;
	c->lsm_mount_context = q->lsm_mount_context;
	c->evasive_devices = c->rst_sibling = true;
	c->ext_masters = c->ext_sharing = true;
	c->mntns_compat_mode = has_peers(&r->c.b);
	if (net->present && !net->path) {
		int has = has_network(r, e);
		if (has < 0)
			return has;
		c->empty_ns |= has ? 0 : CLONE_NEWNET;
	}
	if (images_give(r, e) < 0 || mounts_open_sources(&r->c, e) < 0 || (r->c.b.process && create_seccomp(&r->c, e) < 0))
		return -e->eno;
	return namespaces(r, e) < 0 ? -e->eno : streams(r, e);
}

/* --- CRIU ---------------------------------------------------------------------------------- */

/* the groups in which CRIU is take the place of those that were saved */
static int cgroup_root(void *data, const char *controllers, const char *path, struct err *e)
{
	struct restore *r = data;

	(void)e; /* the request tells of missing memory when it is encoded */
	criu_add_cgroup_root(&r->request, controllers, path);
	return 0;
}

static int spawned(void *data, pid_t criu, struct err *e)
{
	struct restore *r = data;

	if (r->c.cg && (cgroup_enter(r->c.cg, criu, e) < 0 || cgroup_each_of(criu, cgroup_root, r, e) < 0))
		return err_ctx(e, "enter cgroup");
	if (create_delegate(&r->c, e) < 0)
		return err_ctx(e, "delegate cgroup");
	/* children follow into the class */
	if (r->c.rdt_root >= 0 && rdt_enter(r->c.rdt_root, &r->c.rdt, criu, e) < 0)
		return -e->eno;
	return restore_mounts(r, e);
}

static int loopback(pid_t pid, struct err *e)
{
	const struct process_clone pc = { .cgroup_fd = -1 };
	char path[64];
	OWN_FD net = -1;
	int status;

	(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	if (nsfd_open(path, CLONE_NEWNET, "network", &net, e) < 0)
		return -e->eno;
	pid_t helper = process_clone(&pc);
	if (helper < 0)
		return err_sys(e, -helper, "make process");
	if (!helper)
		_exit(nsfd_join(net, CLONE_NEWNET, "network", e) < 0 ? e->eno : -loopback_up());
	if (process_wait(helper, &status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return err_sys(e, WIFEXITED(status) ? WEXITSTATUS(status) : EIO, "set the loopback device up");
	return 0;
}

/* the namespaces are there and still empty: the moment of the runtime's hooks */
static int namespaces_made(struct restore *r, pid_t pid, struct err *e)
{
	struct container *c = &r->c;
	const struct bundle_namespace *net = &c->b.ns[NS_NETWORK];

	if (r->hooks_done)
		return 0;
	r->hooks_done = true;
	c->pid = pid;
	if (net->present && !net->path && r->request.empty_ns & CLONE_NEWNET && loopback(pid, e) < 0)
		return -e->eno;
	int rc = create_network(c, e);
	if (rc < 0 || !container_hooks_wait(c))
		return rc;
	/* hooks may ask for the state */
	if (create_record(c, e) < 0 || create_hooks(c, BUNDLE_HOOK_PRESTART, "creating", e) < 0 ||
	    create_hooks(c, BUNDLE_HOOK_CREATE_RUNTIME, "created", e) < 0)
		return -e->eno;
	return 0;
}

static int notified(void *data, const struct criu_response *n, int fd, struct err *e)
{
	struct restore *r = data;
	const struct runtime_create_req *q = r->c.req;

	if (!strcmp(n->script, "setup-namespaces"))
		return namespaces_made(r, n->pid, e);
	if (strcmp(n->script, "orphan-pts-master") || fd < 0)
		return 0;
	if (q->ret_console) {
		*q->ret_console = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return *q->ret_console < 0 ? err_sys(e, errno, "take the terminal") : 0;
	}
	/* the image has a terminal, the config does not say so: nobody is there to show it */
	return q->console_socket < 0 ? 0 : terminal_send(fd, q->console_socket, -1, e);
}

static void undo_criu(void *ctx)
{
	struct restore *r = ctx;

	if (r->c.pidfd >= 0) {
		(void)process_signal(r->c.pidfd, SIGKILL); /* ESRCH: it is dead already */
		(void)process_wait(r->c.pid, NULL);        /* a child of ours, always there */
		own_fd_done(&r->c.pidfd);
	}
	if (r->c.req->ret_console)
		own_fd_done(r->c.req->ret_console);
}

static int step_criu(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct criu_call c = { .env = r->c.env,
			       .request = &r->request,
			       .stdio = r->c.req->stdio,
			       .fds = r->fds,
			       .n_fds = r->n_fds,
			       .spawned = spawned,
			       .enter = restore_root_enter,
			       .notify = notified,
			       .data = r,
			       .images = r->req->criu.image_path,
			       .work = r->req->criu.work_path,
			       .log_fd = r->work >= 0 ? r->work : r->images,
			       .log_dir = r->work >= 0 ? r->req->criu.work_path : r->req->criu.image_path };
	struct criu_response answer;

	if (criu_call(&c, &answer, e) < 0) {
		undo_criu(r);
		return -e->eno;
	}
	r->c.pid = answer.pid;
	r->c.pidfd = answer.pid > 0 ? process_pidfd(answer.pid) : -ESRCH;
	if (r->c.pidfd < 0) {
		(void)err_sys(e, -r->c.pidfd, "the restored process has ended already");
		r->c.pid = 0;
		undo_criu(r);
		return -e->eno;
	}
	return 0;
}

static int step_record(void *ctx, struct err *e)
{
	struct restore *r = ctx;

	r->c.creating = false;
	if (unlinkat(r->c.state.dir_fd, RESTORE_ROOT, AT_REMOVEDIR) < 0)
		return err_sys(e, errno, "remove %s", r->root);
	return create_record(&r->c, e);
}

static int step_finish(void *ctx, struct err *e)
{
	struct restore *r = ctx;

	return create_pid_file(&r->c, e);
}

static const struct step steps[] = {
	{ "config", step_config, NULL },	 { "state", step_state, undo_state },
	{ "rdt", create_step_rdt, create_undo_rdt }, { "cgroup", step_cgroup, undo_cgroup },
	{ "request", step_request, NULL },
	{ "criu", step_criu, undo_criu },	 { "record", step_record, NULL },
	{ "finish", step_finish, NULL },
};
WAY_DEFINE(way, "restore", steps);

int runtime_restore(const struct runtime_env *env, const struct runtime_restore_req *req,
		    struct runtime_proc *ret, struct err *e)
{
	struct restore r = { .req = req, .request = CRIU_REQUEST_EMPTY, .images = -1, .work = -1 };

	create_init(&r.c, env, &req->create);
	int rc = way_run(&way, &r, env->trace, e);
	if (rc >= 0) {
		ret->id = r.c.init;
		ret->pidfd = fd_take(&r.c.pidfd);
	}
	criu_request_done(&r.request);
	own_fd_done(&r.images);
	own_fd_done(&r.work);
	create_done(&r.c);
	return rc < 0 ? err_ctx(e, "restore %s", req->create.id) : 0;
}
