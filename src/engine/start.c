/* SPDX-License-Identifier: Apache-2.0
 *
 * The start flow: record -> running process, as one table of steps. The container's lock is held
 * throughout; after a failure nothing is left but the reason in exit.json.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "base/path.h"
#include "engine/oci.h"
#include "engine/rootfs.h"
#include "engine/start_int.h"
#include "engine/volumes.h"
#include "format/js.h"

enum { PASSWD_MAX = 16 << 20 };

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "start");
}

static int step_prepare(void *ctx, struct err *e)
{
	struct start *s = ctx;
	const char *id = s->h->c.id;

	s->cfg = json_object_get(s->h->c.record, "Config");
	s->hc = json_object_get(s->h->c.record, "HostConfig");
	s->tty = js_bool(s->cfg, "Tty", false);
	s->net = container_mode_of(MODE_OF_NETWORK, js_str(s->hc, "NetworkMode", ""), &s->network);
	s->hostname = js_str(s->cfg, "Hostname", "");
	s->dir = arena_printf(&s->arena, "%s/containers/%s", s->eng->store.root, id);
	s->run_dir = arena_printf(&s->arena, "%s/containers/%s", s->eng->store.run, id);
	s->files_dir = files_in_run(&s->h->c) ? s->run_dir : s->dir;
	if (!s->dir || !s->run_dir)
		return no_memory(e);
	return start_peers(s, e);
}

static int step_folder(void *ctx, struct err *e)
{
	struct start *s = ctx;
	runtime_leftover(s->eng, s->h->c.id); /* of a start that was killed */
	run_mounts_release(s->eng, s->h->c.id);
	return container_run_dir(&s->eng->store, s->h->c.id, true, &s->run_fd, e);
}

static void undo_folder(void *ctx)
{
	struct start *s = ctx;
	char path[96];
	(void)snprintf(path, sizeof path, "containers/%s", s->h->c.id);
	(void)io_remove_tree(s->eng->store.run_fd, path, &(struct err){ 0 }); /* the first error counts */
}

static int step_network(void *ctx, struct err *e)
{
	return start_network(ctx, e);
}

static void undo_network(void *ctx)
{
	start_network_undo(ctx);
}

static int step_files(void *ctx, struct err *e)
{
	return start_files(ctx, e);
}

/* passwd and group of the image; a container without them knows numbers only */
static int users(struct start *s, struct err *e)
{
	OWN_STR passwd = NULL;
	OWN_STR group = NULL;
	const json_t *extra = json_object_get(s->hc, "GroupAdd");
	size_t n = json_array_size(extra);
	const char **names = arena_get(&s->arena, (n + 1) * sizeof *names);

	if (!names)
		return no_memory(e);
	for (size_t i = 0; i < n; i++)
		names[i] = json_string_value(json_array_get(extra, i));
	if (rootfs_read(&s->plan, "etc/passwd", PASSWD_MAX, &passwd, e) < 0 ||
	    rootfs_read(&s->plan, "etc/group", PASSWD_MAX, &group, e) < 0)
		return -e->eno;
	return user_resolve(js_str(s->cfg, "User", ""), passwd, group, names, &s->arena, &s->user, e);
}

static int step_layer(void *ctx, struct err *e)
{
	struct start *s = ctx;

	/* only a mount point: not worth a place on the disk */
	if (mkdirat(s->run_fd, "rootfs", 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "mkdir rootfs");
	/* what a container of --rm writes goes with it: nobody waits for the disk at its end */
	unsigned how = js_bool(s->hc, "AutoRemove", false) ? STORAGE_PLAN_VOLATILE : 0;
	if (engine_plan(s->eng, &s->h->c, how, &s->arena, &s->plan, e) < 0)
		return -e->eno;
	return users(s, e);
}

/* directories of -v that were removed since, and places inside volumes */
static int sources(struct start *s, struct err *e)
{
	size_t i;
	json_t *m;

	s->mounts = json_deep_copy(own_get(&s->h->c, "Mounts"));
	json_array_foreach(s->mounts, i, m) {
		const char *source = js_str(m, "source", "");
		struct stat st;
		if (json_is_true(json_object_get(m, "onggi.make")) && stat(source, &st) < 0 && errno == ENOENT &&
		    io_mkdir_p(AT_FDCWD, source, 0755, e) < 0)
			return err_ctx(e, "error while creating mount source path '%s'", source);
		if (volume_attach_mount(&s->eng->store, s->h->c.id, s->run_fd, m, e) < 0)
			return -e->eno;
		if (json_object_get(m, "onggi.subpath") && start_subpath(s, m, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int step_config(void *ctx, struct err *e)
{
	struct start *s = ctx;
	const char *join[3] = { 0 };
	char *init = NULL;

	for (int i = 0; i < 3; i++)
		if (s->peer_fd[i] >= 0 &&
		    !(join[i] = arena_printf(&s->arena, "/proc/self/fd/%d", s->peer_fd[i])))
			return no_memory(e);
	if (js_bool(s->hc, "Init", false)) {
		if (!(init = arena_get(&s->arena, 4096)))
			return no_memory(e);
		if (program_find("onggi-init", init, e) < 0)
			return -e->eno;
	}
	struct oci_req q = {
		.c = &s->h->c,
		.dir = s->dir,
		.files_dir = s->files_dir,
		.run_dir = s->run_dir,
		.init = init,
		.user = &s->user,
		.hostname = s->hostname,
		.join_network = join[0],
		.join_pid = join[1],
		.join_ipc = join[2],
		.join_shm = s->peer_shm,
	};
	if (sources(s, e) < 0)
		return -e->eno;
	q.mounts = s->mounts;
	return oci_config(&q, &s->config, e);
}

static int step_stdio(void *ctx, struct err *e)
{
	struct start *s = ctx;

	if (!s->tty &&
	    monitor_stdio_make(s->run_fd, js_bool(s->cfg, "OpenStdin", false), &s->stdio, e) < 0)
		return -e->eno;
	if (monitor_listen(s->run_fd, &s->listen, e) < 0)
		return -e->eno;
	return start_shm(s, e);
}

/* of "config" and "stdio" */
static void undo_mounts(void *ctx)
{
	const struct start *s = ctx;
	run_mounts_release(s->eng, s->h->c.id);
}

static int step_process(void *ctx, struct err *e)
{
	return start_process(ctx, e);
}

static void undo_process(void *ctx)
{
	struct start *s = ctx;
	if (s->h->st.status == CONTAINER_RUNNING)
		runtime_leftover(s->eng, s->h->c.id);
	s->h->st.status = s->before;
}

static const struct step start_steps[] = {
	{ "prepare", step_prepare, NULL },        { "folder", step_folder, undo_folder },
	{ "network", step_network, undo_network }, { "files", step_files, NULL },
	{ "layer", step_layer, NULL },            { "config", step_config, undo_mounts },
	{ "stdio", step_stdio, undo_mounts },      { "process", step_process, undo_process },
};
WAY_DEFINE(start_way, "start", start_steps);

/* State.ExitCode and State.Error after a failed start; when it ran last stays as it was */
static void record_failure(struct handle *h, const struct err *e)
{
	const char *text = e->chain;
	struct exit_record x = {
		.code = e->kind == E_EXEC_MISSING ? 127 : e->kind == E_EXEC_DENIED ? 126 : 128,
		.started_at = js_str(h->st.exit, "started_at", NULL),
		.finished_at = js_str(h->st.exit, "finished_at", NULL),
		.error = text,
	};
	(void)exit_write(&h->c, &x, &(struct err){ 0 }); /* the start's error counts */
}

/* docker: a start by hand forgets the past */
static int forget(struct handle *h, struct err *e)
{
	if (!js_int(h->c.record, "RestartCount", 0) && !json_is_true(own_get(&h->c, "Stopped")))
		return 0;
	json_object_set_new(h->c.record, "RestartCount", json_integer(0));
	(void)own_set(&h->c, "Stopped", json_false());
	return container_save(&h->c, 0, e);
}

int start_locked(struct engine *eng, struct handle *h, const struct start_opt *opt, struct err *e)
{
	struct start s = { .eng = eng, .h = h, .opt = opt, .run_fd = -1, .listen = -1,
			   .peer_fd = { -1, -1, -1 }, .restart_delay_ms = opt->restart_delay_ms,
			   .before = h->st.status };
	for (int i = 0; i < 3; i++)
		s.stdio.container[i] = s.stdio.monitor[i] = -1;
	if (!opt->is_restart && forget(h, e) < 0)
		return -e->eno;
	int r = way_run(&start_way, &s, eng->opt.observer, e);
	monitor_stdio_close(&s.stdio);
	own_fd_done(&s.listen);
	own_fd_done(&s.run_fd);
	for (int i = 0; i < 3; i++)
		own_fd_done(&s.peer_fd[i]);
	json_decref(s.mounts);
	json_decref(s.endpoint);
	json_decref(s.config);
	mount_plan_done(&s.plan);
	arena_done(&s.arena);
	if (r < 0 && !js_bool(h->c.record, "HostConfig.AutoRemove", false))
		record_failure(h, e);
	return r < 0 ? r : 0;
}
