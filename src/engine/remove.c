/* SPDX-License-Identifier: Apache-2.0
 *
 * Removal of containers. The record goes first: from then on nobody finds the container, and
 * whatever is left when this is killed is half-made and swept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "engine/start_int.h"
#include "engine/volume.h"
#include "format/js.h"
#include "spec/container_mode.h"
#include "store/image.h"

/* what a start left that was killed half-way; nothing in the usual case */
static void leftovers(struct engine *eng, const struct handle *h)
{
	const char *net;

	runtime_leftover(eng, h->c.id);
	run_mounts_release(eng, h->c.id);
	if (!h->st.run && container_mode_of(MODE_OF_NETWORK, js_str(h->c.record, "HostConfig.NetworkMode", ""),
					    &net) == CONTAINER_MODE_NETWORK)
		(void)network_release(&eng->network, h->c.id, &(struct err){ 0 });
}

struct removal {
	struct engine *eng;
	struct handle *h;
	bool volumes;
	char id[65], name[256];
	json_t *anonymous;
};

static int step_leftovers(void *ctx, struct err *e)
{
	const struct removal *r = ctx;
	(void)e;
	leftovers(r->eng, r->h);
	(void)image_use(&r->eng->store, js_str(r->h->c.record, "Image", "")); /* an image is in use to the end of its last container */
	return 0;
}

/* before the layer: a container with half of its files must not be there to be started */
static int step_record(void *ctx, struct err *e)
{
	const struct removal *r = ctx;
	/* create has noted them already: on a full disk this may fail */
	if (json_array_size(r->anonymous) && container_volumes_note(&r->h->c, r->volumes ? r->anonymous : NULL, e) < 0 &&
	    (!r->volumes || e->kind != E_NOSPACE))
		return -e->eno;
	if (unlinkat(r->h->c.dir_fd, "config.json", 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove container %.12s", r->id);
	/* it never comes back half: the record has left the disk before the files go (one of --rm may never have
	 * been there) */
	return js_bool(r->h->c.record, "HostConfig.AutoRemove", false) ? 0 : io_sync_dir(r->h->c.dir_fd, ".", e);
}

/* what cannot be removed stays visible, to be removed later */
static void undo_record(void *ctx)
{
	const struct removal *r = ctx;
	(void)container_save(&r->h->c, 0, &(struct err){ 0 });
}

static int step_layer(void *ctx, struct err *e)
{
	const struct removal *r = ctx;
	return engine_layer_remove(r->eng, &r->h->c, e);
}

static int step_folder(void *ctx, struct err *e)
{
	const struct removal *r = ctx;
	return container_unmake(&r->eng->store, r->id, e);
}

/* at once: who is told that there is no such container may take its name */
static int step_name(void *ctx, struct err *e)
{
	const struct removal *r = ctx;
	(void)e;
	container_name_release(&r->eng->store, r->name, r->id);
	return 0;
}

static void undo_name(void *ctx)
{
	const struct removal *r = ctx;
	/* taken meanwhile: then it is found by its ID */
	(void)container_name_claim(&r->eng->store, r->name, r->id, &(struct err){ 0 });
}

static int step_volumes(void *ctx, struct err *e)
{
	const struct removal *r = ctx;
	size_t i;
	json_t *v;

	(void)e;
	if (!r->volumes)
		return 0;
	json_array_foreach(r->anonymous, i, v) {
		struct err why;
		if (engine_volume_remove(r->eng, json_string_value(v), VOLUME_REMOVE_FORCE, &why) < 0 &&
		    why.kind != E_CONFLICT)
			engine_warn(r->eng, "%s", why.chain);
	}
	return 0;
}

static const struct step remove_steps[] = {
	{ "leftovers", step_leftovers, NULL }, { "record", step_record, undo_record },
	{ "name", step_name, undo_name },      { "layer", step_layer, NULL },
	{ "volumes", step_volumes, NULL },     { "folder", step_folder, NULL },
};
WAY_DEFINE(remove_way, "remove", remove_steps);

int remove_locked(struct engine *eng, struct handle *h, bool volumes, struct err *e)
{
	struct removal r = { .eng = eng, .h = h, .volumes = volumes,
			     .anonymous = json_incref(own_get(&h->c, "Anonymous")) };

	memcpy(r.id, h->c.id, sizeof r.id);
	(void)snprintf(r.name, sizeof r.name, "%s", handle_name(h));
	int done = way_run(&remove_way, &r, eng->opt.observer, e);
	if (done >= 0)
		container_done(&h->c);
	json_decref(r.anonymous);
	return done < 0 ? done : 0;
}

bool is_abandoned(const struct handle *h)
{
	return h->st.status == CONTAINER_CREATED && !h->st.run && !h->st.exit &&
	       js_bool(h->c.record, "HostConfig.AutoRemove", false) && !json_is_true(own_get(&h->c, "Kept"));
}

bool abandoned_remove(struct engine *eng, const char *name)
{
	OWN_HANDLE h = HANDLE_NULL;
	char id[65];
	struct err e;

	return container_resolve(&eng->store, name, id, &e) >= 0 &&
	       container_lock(&eng->store, id, LOCK_EXCLUSIVE | LOCK_NOWAIT, &h.lock, &e) >= 0 &&
	       container_load(&eng->store, id, &h.c, &e) >= 0 &&
	       container_state_load(&eng->store, id, &h.st, &e) >= 0 && is_abandoned(&h) &&
	       remove_locked(eng, &h, true, &e) >= 0;
}

int engine_remove(struct engine *eng, const char *ref, unsigned flags, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	bool force = flags & ENGINE_REMOVE_FORCE;
	int64_t delay;

	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RUNNING || h.st.status == CONTAINER_RESTARTING) {
		bool paused = h.st.paused, restarting = h.st.status == CONTAINER_RESTARTING;
		if (!force) {
			err_new(e, E_CONFLICT, EBUSY, "cannot remove container \"%s\": container is %s: %s",
				js_str(h.c.record, "Name", ref),
				paused ? "paused" : restarting ? "restarting" : "running",
				paused ? "unpause and then stop the container before removing or force remove" :
					 "stop the container before removing or force remove");
			err_hint(e, "stop it, or remove it with -f");
			return -e->eno;
		}
		/* under the lock: what follows the exit is ours alone */
		if (restart_cancel(eng, &h, e) < 0 ||
		    (h.st.status == CONTAINER_RUNNING && stop_running(eng, &h, 9, 10, e) < 0) ||
		    handle_refresh(eng, &h, e) < 0)
			return err_ctx(e, "cannot remove container \"%s\"", js_str(h.c.record, "Name", ref));
	}
	h.keep = true; /* the removal here is the thorough one */
	if (exited_locked(eng, &h, true, &delay, e) < 0)
		return -e->eno;
	return remove_locked(eng, &h, flags & ENGINE_REMOVE_VOLUMES, e);
}
