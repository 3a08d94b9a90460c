/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_create, the parent's side, as a table of steps with undo: whatever fails, nothing is
 * left. The child mounts from "process" on while the parent goes through record, cgroup, network and
 * hooks. The record comes before most of the cgroup is made: should we be killed, delete --force
 * finds everything in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "runtime/container.h"
#include "runtime/create_int.h"
#include "runtime/filter.h"
#include "runtime/hooks.h"
#include "runtime/netdev.h"
#include "spec/limits.h"
#include "sys/idmap.h"
#include "sys/mountfd.h"
#include "sys/process.h"

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "create: out of memory");
}

static int absolute(struct arena *a, const char *base, const char *path, const char **ret, struct err *e)
{
	char cwd[PATH_MAX];

	if (path[0] == '/')
		*ret = arena_strdup(a, path);
	else if (base)
		*ret = arena_printf(a, "%s/%s", base, path);
	else if (!getcwd(cwd, sizeof cwd))
		return err_sys(e, errno, "current directory");
	else
		*ret = strcmp(path, ".") ? arena_printf(a, "%s/%s", cwd, path) : arena_strdup(a, cwd);
	return *ret ? 0 : nomem(e);
}

static int config_check(const struct container *c, struct err *e)
{
	const struct bundle *b = &c->b;

	if (!b->process && c->req->run)
		return err_new(e, E_INVALID, EINVAL, "config.json: process is missing");
	if (!b->ns[NS_MOUNT].present && (b->n_mounts || c->req->rootfs_plan || b->masked_paths.n ||
					 b->readonly_paths.n || b->root.read_only)) {
		int r = err_new(e, E_UNSUPPORTED, EINVAL, "mounts without a mount namespace");
		err_hint(e, "add { \"type\": \"mount\" } to linux.namespaces");
		return r;
	}
	if (b->process && b->process->terminal && c->req->console_socket < 0 && !c->req->ret_console)
		return err_new(e, E_INVALID, EINVAL, "process.terminal: nobody takes the terminal");
	if (b->process && !b->process->terminal && c->req->console_socket >= 0)
		return err_new(e, E_INVALID, EINVAL, "a console socket without process.terminal");
	return 0;
}

/* what concerns the process alone */
static int launch_fill(struct container *c, struct err *e)
{
	struct launch *l = &c->launch;
	const struct bundle *b = &c->b;

	if (launch_plan(l, b->process, c->req->preserve_fds, &c->arena, e) < 0)
		return -e->eno;
	l->in_user = c->in_user;
	l->keep_groups = launch_keeps_groups(b->annotations);
	return launch_plan_linux(l, b, e);
}

/* Of those that other runtimes act upon, what is asked for and does not happen is said. */
static void annotations_warn(const struct container *c)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)c->b.annotations, key, value) {
		(void)value;
		if ((!strncmp(key, "run.oci.", 8) && strcmp(key, LAUNCH_KEEP_GROUPS) != 0) ||
		    (c->env->systemd_cgroup && !strncmp(key, "org.systemd.property.", 21)))
			create_warn(c, "annotation %s is not acted upon", key);
	}
}

/* What a user may not do with cgroups is then a warning. Root of a user namespace may rarely do all
 * of it either, except by a systemd of the container's own. */
static bool rootless(const struct runtime_env *env, uid_t user)
{
	if (env->rootless >= 0)
		return env->rootless;
	return env->systemd_cgroup ? idmap_ordinary_user() : user || idmap_nested();
}

int create_config(struct container *c, struct err *e)
{
	const struct runtime_create_req *q = c->req;
	const json_t *config = q->config;

	if (state_id_check(q->id, e) < 0 ||
	    launch_fds_check(q->preserve_fds, e) < 0 ||
	    absolute(&c->arena, NULL, q->bundle, &c->bundle_dir, e) < 0)
		return -e->eno;
	if (!config) {
		OWN_FD dir = open(q->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return err_sys(e, errno, "open bundle %s", q->bundle);
		if (js_load(dir, "config.json", LIMIT_BUNDLE_BYTES, &c->config, e) < 0)
			return -e->eno;
		config = c->config;
	}
	if (bundle_parse(config, &c->arena, &c->b, e) < 0 ||
	    absolute(&c->arena, c->bundle_dir, c->b.root.path, &c->rootfs, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < c->b.warnings.n; i++)
		create_warn(c, "%s", c->b.warnings.v[i]);
	annotations_warn(c);
	c->owner = geteuid();
	c->rootless = rootless(c->env, c->owner);
	c->new_user = c->b.ns[NS_USER].present && !c->b.ns[NS_USER].path;
	c->in_user = c->b.ns[NS_USER].present;
	c->creating = container_hooks_wait(c);
	c->alone = !c->rootless && !container_hooks_wait(c) && !c->req->ns_ready && !c->b.n_netdevs &&
		   !(c->b.process && c->b.process->has_oom_score_adj);
	if (config_check(c, e) < 0 || create_streams(c, e) < 0)
		return -e->eno;
	return c->b.process ? launch_fill(c, e) : 0;
}

static int step_config(void *ctx, struct err *e)
{
	return create_config(ctx, e);
}

static void undo_state(void *ctx)
{
	struct container *c = ctx;

	own_fd_done(&c->fifo);
	state_unreserve(&c->state);
}

static int step_state(void *ctx, struct err *e)
{
	struct container *c = ctx;

	if (state_reserve(c->env, c->req->id, &c->state, e) < 0)
		return -e->eno;
	/* In this order what the child closes at once, its lock and our end, are neighbours, and so is what it keeps. */
	if ((!c->req->run && state_fifo_make(&c->state, &c->fifo, e) < 0) || sync_pair(c->sync, e) < 0 ||
	    (c->b.process && launch_seal(&c->launch, &c->arena, e) < 0)) {
		undo_state(c);
		return -e->eno;
	}
	return 0;
}


static int step_sources(void *ctx, struct err *e)
{
	struct container *c = ctx;
	struct stat st;

	if (!c->req->rootfs_plan && stat(c->rootfs, &st) < 0)
		return err_sys(e, errno, "root.path %s", c->rootfs);
	if (!c->req->rootfs_plan && !S_ISDIR(st.st_mode))
		return err_sys(e, ENOTDIR, "root.path %s", c->rootfs);
	if (c->b.mount_label && !launch_selinux_active())
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			       "linux.mountLabel %s: SELinux is not active on this host", c->b.mount_label);
	if (create_namespaces_open(c, e) < 0 || mounts_open_sources(c, e) < 0)
		return -e->eno;
	if (!c->b.process || !c->b.seccomp)
		return 0;
	return c->alone && !json_object_get(c->b.seccomp, "listenerPath") ? create_seccomp_late(c, e) : create_seccomp(c, e);
}

static void undo_cgroup(void *ctx)
{
	struct container *c = ctx;
	struct err own;

	cgroup_hint_drop(c->state.root_fd);
	if (c->cg && cgroup_discard(c->cg, &own) < 0)
		create_warn(c, "remove cgroup: %s", own.chain);
	cgroup_free(c->cg);
	c->cg = NULL;
}

void create_undo_rdt(void *ctx)
{
	struct container *c = ctx;
	struct err own;

	if (c->rdt_root >= 0 && rdt_remove(c->rdt_root, &c->rdt, &own) < 0)
		create_warn(c, "%s", own.chain);
	own_fd_done(&c->rdt_root);
}

int create_step_rdt(void *ctx, struct err *e)
{
	struct container *c = ctx;
	OWN_FD root = -1;

	if (!c->b.intel_rdt.set)
		return 0;
	if (rdt_root_open(&root, e) < 0 || rdt_create(root, c->req->id, &c->b.intel_rdt, &c->rdt, e) < 0)
		return -e->eno;
	c->rdt_root = fd_take(&root);
	return 0;
}

static int step_cgroup(void *ctx, struct err *e)
{
	struct container *c = ctx;
	const struct cgroup_req q = { .path = c->b.cgroups_path,
				      .id = c->req->id,
				      .resources = c->b.resources,
				      .systemd = c->env->systemd_cgroup,
				      .hint_dir = c->state.root_fd,
				      .rootless = c->rootless,
				      .warn = c->env->warn,
				      .warn_data = c->env->warn_data };
	bool shown = false;

	if (c->env->no_cgroup)
		return 0;
	if (cgroup_prepare(&q, &c->cg, e) < 0)
		return -e->eno;
	if (state_note_cgroup(&c->state, c->cg, e) < 0) {
		undo_cgroup(c);
		return -e->eno;
	}
	/* elsewhere the child has not got the rights, or not the mounts of the host; a scope of systemd
	 * is started around it by us, and only we know which groups a rootless one has got */
	c->enters_self = !c->in_user && !c->rootless && !c->b.ns[NS_MOUNT].path && !c->env->systemd_cgroup;
	for (size_t i = 0; i < c->b.n_mounts; i++)
		if (c->b.mounts[i].type && !strncmp(c->b.mounts[i].type, "cgroup", 6))
			shown = true;
	if (shown && cgroup_mounts(c->cg, c->b.ns[NS_CGROUP].present, &c->cgroup_mounts, e) < 0) {
		undo_cgroup(c);
		return -e->eno;
	}
	return 0;
}

/* the text for hooks inside; the child puts its own PID in the place of the number */
static int hook_text(struct container *c, struct err *e)
{
	OWN_JSON state = NULL;

	if (!c->b.hooks[BUNDLE_HOOK_CREATE_CONTAINER].n && !c->b.hooks[BUNDLE_HOOK_START_CONTAINER].n)
		return 0;
	if (create_describe(c, e) < 0 || state_oci_json(&c->state, "created", INT_MAX, &state, e) < 0)
		return -e->eno;
	OWN_STR text = json_dumps(state, JSON_COMPACT);
	c->hook_state = text ? arena_strdup(&c->arena, text) : NULL;
	return c->hook_state ? 0 : nomem(e);
}

static int step_process(void *ctx, struct err *e)
{
	struct container *c = ctx;

	if (mount_base_open(c, e) < 0 || hook_text(c, e) < 0)
		return -e->eno;
	c->launch.sync = c->sync[1];
	/* The child must never be visible as dumpable in a PID namespace that others share. In a new user
	 * namespace it has to wait for its ids first, and in any it writes to files of /proc/self, which
	 * then belong to the host's root: to the rights of the host that is nothing. */
	const bool shared = c->b.ns[NS_PID].path &&
			    (c->owner == 0 || (!c->new_user && !c->b.ns[NS_TIME].present));
	const bool hide = (!c->in_user || shared) && prctl(PR_GET_DUMPABLE) == 1;
	c->hidden = hide && prctl(PR_SET_DUMPABLE, 0) == 0;
	int r = create_clone(c, e);
	if (hide)
		(void)prctl(PR_SET_DUMPABLE, 1); /* as above */
	return r; /* its end of the pair: create_talk.c */
}

static void undo_process(void *ctx)
{
	struct container *c = ctx;

	if (c->pidfd >= 0) {
		(void)process_signal(c->pidfd, SIGKILL); /* ESRCH: it is dead already */
		(void)process_wait(c->pid, NULL);        /* a child of ours, always there */
		own_fd_done(&c->pidfd);
	}
	own_fd_done(&c->sync[0]);
}

int create_record(struct container *c, struct err *e)
{
	if (proc_id_of(c->pid, &c->init, e) < 0)
		return create_broken(c, -e->eno, e);
	if (create_describe(c, e) < 0 || state_save(&c->state, e) < 0)
		return -e->eno;
	return c->filter_late ? 0 : create_seccomp_save(c, e); /* else with create_seccomp_give() */
}

/* An ordinary user may find out only in "enter" that a group cannot be made: recorded after it. */
static int step_record(void *ctx, struct err *e)
{
	struct container *c = ctx;

	return c->rootless ? 0 : create_record(c, e);
}

uint32_t create_host_id(const struct bundle_id_maps *maps, uint32_t id)
{
	for (size_t i = 0; i < maps->n; i++)
		if (id >= maps->v[i].container && id - maps->v[i].container < maps->v[i].size)
			return maps->v[i].host + (id - maps->v[i].container);
	return maps->n ? UINT32_MAX : id;
}

int create_delegate(struct container *c, struct err *e)
{
	if (!c->cg || !c->b.ns[NS_CGROUP].present || c->b.ns[NS_CGROUP].path)
		return 0;
	for (size_t i = 0; i < c->b.n_mounts; i++) {
		const struct bundle_mount *m = &c->b.mounts[i];
		if (!m->type || strncmp(m->type, "cgroup", 6) ||
		    (m->opt.attr_set | m->opt.rec_set) & MOUNT_ATTR_RDONLY)
			continue;
		return cgroup_delegate(c->cg, create_host_id(&c->b.uid_maps, 0), create_host_id(&c->b.gid_maps, 0), e);
	}
	return 0;
}

static int step_enter(void *ctx, struct err *e)
{
	struct container *c = ctx;
	int r;

	if (c->new_user && create_ids_write(c, e) < 0)
		return -e->eno;
	if (mounts_map_ids(c, c->pid, e) < 0)
		return -e->eno;
	if (c->new_user && (r = sync_raise(c->sync[0], SYNC_MAPPED)) < 0)
		return create_broken(c, r, e);
	if (c->cg && cgroup_finish(c->cg, c->b.resources, e) < 0)
		return -e->eno;
	/* a scope of systemd is there only when it has its process */
	const bool late = c->env->systemd_cgroup;
	if (!late && create_delegate(c, e) < 0)
		return err_ctx(e, "delegate cgroup");
	if (c->rdt_root >= 0 && rdt_enter(c->rdt_root, &c->rdt, c->pid, e) < 0)
		return -e->eno;
	if (c->cg && !c->enters_self && cgroup_enter(c->cg, c->pid, e) < 0)
		return err_ctx(e, "enter cgroup");
	if (late && create_delegate(c, e) < 0)
		return err_ctx(e, "delegate cgroup");
	const enum sync_level level = c->alone ? SYNC_GO : SYNC_ENTERED;
	if ((r = mount_base_gives(c) ? mount_base_give(c, level, e) : sync_raise(c->sync[0], level)) < 0)
		return create_broken(c, r, e);
	if (c->b.process && c->b.process->has_oom_score_adj && create_oom_score(c, e) < 0)
		return -e->eno;
	if (c->filter_late && create_seccomp_give(c, e) < 0)
		return -e->eno;
	return c->rootless ? create_record(c, e) : 0;
}

static int step_hooks(void *ctx, struct err *e)
{
	struct container *c = ctx;

	if (!container_hooks_wait(c))
		return 0;
	if (create_listen(c, SYNC_MOUNTED, e) < 0)
		return -e->eno;
	/* crun's and runc's callers both know these words */
	if (create_hooks(c, BUNDLE_HOOK_PRESTART, "creating", e) < 0 ||
	    create_hooks(c, BUNDLE_HOOK_CREATE_RUNTIME, "created", e) < 0)
		return -e->eno;
	return 0;
}

int create_network(struct container *c, struct err *e)
{
	const struct bundle_namespace *ns = &c->b.ns[NS_NETWORK];
	char path[64];
	OWN_FD netns = -1;
	int r;

	if (!c->req->ns_ready && !c->b.n_netdevs)
		return 0;
	if (ns->present) {
		(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)c->pid);
		netns = open(ns->path ? ns->path : path, O_RDONLY | O_CLOEXEC);
		if (netns < 0 && c->sync[0] >= 0 && !ns->path)
			return create_broken(c, -errno, e);
		if (netns < 0)
			return err_sys(e, errno, "open network namespace %s", ns->path ? ns->path : path);
	}
	if (c->req->ns_ready &&
	    (r = c->req->ns_ready(c->req->ns_ready_data, c->pid, ns->path ? -1 : netns, e)) < 0)
		return r;
	/* the parser wants a network namespace for them */
	for (size_t i = 0; i < c->b.n_netdevs; i++)
		if (netdev_move(&c->b.netdevs[i], netns, e) < 0)
			return -e->eno;
	return 0;
}

static int step_network(void *ctx, struct err *e)
{
	struct container *c = ctx;

	if (container_tells_namespaces(c) && create_listen(c, SYNC_NAMESPACES, e) < 0)
		return -e->eno;
	return create_network(c, e);
}

static int step_go(void *ctx, struct err *e)
{
	struct container *c = ctx;
	int r = c->alone ? 0 : sync_raise(c->sync[0], SYNC_GO);

	if (r < 0)
		return create_broken(c, r, e);
	if (create_listen(c, SYNC_CREATED, e) < 0)
		return -e->eno;
	if (c->creating) {
		c->creating = false;
		if (create_describe(c, e) < 0 || state_save(&c->state, e) < 0)
			return -e->eno;
	}
	return 0;
}

int create_pid_file(const struct container *c, struct err *e)
{
	char text[16];

	if (!c->req->pid_file)
		return 0;
	int n = snprintf(text, sizeof text, "%d", (int)c->pid);
	if (io_replace_file(AT_FDCWD, c->req->pid_file, text, (size_t)n, 0644, 0, e) < 0)
		return err_ctx(e, "pid file");
	return 0;
}

static int step_finish(void *ctx, struct err *e)
{
	struct container *c = ctx;
	struct err own;

	if (c->req->run && create_hooks(c, BUNDLE_HOOK_POSTSTART, "running", e) < 0) {
		(void)process_signal(c->pidfd, SIGKILL); /* the undo waits for it */
		if (create_hooks(c, BUNDLE_HOOK_POSTSTOP, "stopped", &own) < 0)
			create_warn(c, "%s", own.chain);
		return -e->eno;
	}
	return create_pid_file(c, e);
}

static const struct step steps[] = {
	{ "config", step_config, NULL },
	{ "state", step_state, undo_state },
	{ "sources", step_sources, NULL },
	{ "cgroup", step_cgroup, undo_cgroup },
	{ "rdt", create_step_rdt, create_undo_rdt },
	{ "process", step_process, undo_process },
	{ "record", step_record, NULL },
	{ "enter", step_enter, NULL },
	{ "network", step_network, NULL },
	{ "hooks", step_hooks, NULL },
	{ "go", step_go, NULL },
	{ "finish", step_finish, NULL },
};
WAY_DEFINE(way, "runtime", steps);

void create_done(struct container *c)
{
	int *fds[] = { &c->sync[0], &c->sync[1], &c->fifo, &c->pidfd, &c->mount_base, &c->rdt_root, &c->root_tree, &c->launch.stub };

	if (!c->launch.stub)
		c->launch.stub = -1; /* not planned: 0 is never free for it */
	io_close_all(fds, ARRAY_LEN(fds));
	mounts_close_sources(c);
	for (int k = 0; k < NS_N; k++)
		own_fd_done(&c->ns_fd[k]);
	launch_done(&c->launch);
	state_close(&c->state);
	cgroup_free(c->cg);
	own_json_done(&c->cgroup_mounts);
	own_json_done(&c->config);
	seccomp_filter_done(&c->filter_room);
	filter_late_free(c->filter_late);
	arena_done(&c->arena);
}

void create_init(struct container *c, const struct runtime_env *env, const struct runtime_create_req *req)
{
	*c = (struct container){ .env = env,
				 .req = req,
				 .state = STATE_EMPTY,
				 .sync = { -1, -1 },
				 .fifo = -1,
				 .rdt_root = -1,
				 .root_tree = -1,
				 .mount_base = -1,
				 .pidfd = -1 };
	for (int k = 0; k < NS_N; k++)
		c->ns_fd[k] = -1;
}

/* 0 or -ENOMEM: a container that nobody can remove so quickly is no failure */
static int made_take(struct container *c)
{
	struct runtime_made *m = calloc(1, sizeof *m);

	if (!m)
		return -ENOMEM;
	m->state = c->state;
	c->state = (struct state)STATE_EMPTY;
	m->state.bare = c->req->run && !c->filter;
	m->cg = ptr_take(&c->cg);
	state_unlock(&m->state);
	*c->req->ret_made = m;
	return 0;
}

int runtime_create(const struct runtime_env *env, const struct runtime_create_req *req,
		   struct runtime_proc *ret, struct err *e)
{
	struct container c;

	create_init(&c, env, req);
	int r = way_run(&way, &c, env->trace, e);
	if (r >= 0) {
		ret->id = c.init;
		ret->pidfd = fd_take(&c.pidfd);
		if (req->ret_made && made_take(&c) < 0)
			*req->ret_made = NULL;
	}
	create_done(&c);
	return r < 0 ? r : 0;
}
