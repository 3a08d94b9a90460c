/* SPDX-License-Identifier: Apache-2.0
 *
 * The create flow: body -> record. config.json is written last: before that the folder is
 * half-made and nobody sees it.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "engine/create.h"
#include "format/js.h"
#include "spec/create_body.h"
#include "spec/name.h"
#include "spec/platform.h"
#include "store/lazy.h"
#include "store/volume.h"

enum { NAME_TRIES = 32 };

static int step_check(void *ctx, struct err *e)
{
	struct create *c = ctx;
	cpu_set_t set;
	struct create_host host = { 0 };
	const char *runtime = js_str(c->body, "HostConfig.Runtime", "");

	if (!sched_getaffinity(0, sizeof set, &set))
		host.cpus = (unsigned)CPU_COUNT(&set);
	if (c->name && name_check(c->name, e) < 0)
		return -e->eno;
	if (create_body_check(c->body, &host, c->warnings, e) < 0)
		return -e->eno;
	if (*runtime && strcmp(runtime, "orun"))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "unknown or invalid runtime name: %s", runtime);
	return 0;
}

/* an image of another machine may run by emulation, or not at all: say so, as docker does */
static void platform_check(struct create *c)
{
	struct platform host, image = { 0 };
	char have[PLATFORM_TEXT_MAX], want[PLATFORM_TEXT_MAX];

	platform_host(&host);
	(void)snprintf(image.os, sizeof image.os, "%s", js_str(c->image.config, "os", host.os));
	(void)snprintf(image.arch, sizeof image.arch, "%s", js_str(c->image.config, "architecture", host.arch));
	(void)snprintf(image.variant, sizeof image.variant, "%s", js_str(c->image.config, "variant", ""));
	platform_normalize(&image);
	if (!*image.os || !*image.arch || platform_rank(&host, &image) >= 0)
		return;
	platform_format(&image, have);
	platform_format(&host, want);
	json_array_append_new(c->warnings,
			      json_sprintf("The requested image's platform (%s) does not match the detected host "
					   "platform (%s) and no specific platform was requested", have, want));
}

static int step_image(void *ctx, struct err *e)
{
	struct create *c = ctx;
	const struct store *s = &c->eng->store;
	if (c->eng->late_image ? image_load(s, c->eng->late_image, &c->image, e) < 0 :
				 image_resolve(s, js_str(c->body, "Image", ""), &c->image, e) < 0)
		return -e->eno;
	platform_check(c);
	return c->image.store ? image_lease(&c->eng->store, &c->image, &c->lease, e) : 0;
}

static int step_folder(void *ctx, struct err *e)
{
	struct create *c = ctx;
	return container_make(&c->eng->store, &c->c, &c->lock, e);
}

static void undo_folder(void *ctx)
{
	struct create *c = ctx;
	if (c->c.dir_fd >= 0)
		(void)container_unmake(&c->eng->store, c->c.id, &(struct err){ 0 }); /* else swept later */
}

static int step_record(void *ctx, struct err *e)
{
	const struct create *c = ctx;

	if (create_config_record(ctx, e) < 0)
		return -e->eno;
	if (json_object_get(c->image.record, "lazy") && own_set(&c->c, "Late", json_true()) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "container record");
	return 0;
}

static int step_name(void *ctx, struct err *e)
{
	struct create *c = ctx;
	char made[NAME_MADE_MAX];

	for (unsigned tries = 0; tries < NAME_TRIES; tries++) {
		const char *name = c->name ? c->name + (*c->name == '/') : made;
		int r = c->name ? 0 : name_make(tries, made);
		if (r < 0)
			return err_sys(e, -r, "make up a name");
		r = container_name_claim(&c->eng->store, name, c->c.id, e);
		if (r >= 0) {
			(void)snprintf(c->claimed, sizeof c->claimed, "%s", name);
			json_object_set_new(c->c.record, "Name", json_sprintf("/%s", name));
			return 0;
		}
		if (e->kind != E_CONFLICT)
			break;
		/* taken by a `run --rm` that was killed before its start? then once more */
		if (c->name && (tries || !abandoned_remove(c->eng, name)))
			break;
	}
	return -e->eno;
}

static void undo_name(void *ctx)
{
	struct create *c = ctx;
	if (c->claimed[0])
		container_name_release(&c->eng->store, c->claimed, c->c.id);
}

static int step_layer(void *ctx, struct err *e)
{
	struct create *c = ctx;
	form_mark_get(&c->eng->store, &c->forms);
	return engine_layer_prepare(c->eng, &c->c, e);
}

static void undo_layer(void *ctx)
{
	struct create *c = ctx;
	(void)engine_layer_remove(c->eng, &c->c, &(struct err){ 0 }); /* else the driver meets it again */
}

static int step_mounts(void *ctx, struct err *e)
{
	if (create_mounts(ctx, e) < 0) {
		create_mounts_undo(ctx);
		return -e->eno;
	}
	return 0;
}

static void undo_mounts(void *ctx)
{
	create_mounts_undo(ctx);
}

static int step_volumes(void *ctx, struct err *e)
{
	return create_copy_up(ctx, e);
}

/* before the volumes go: they are in use as long as the record says so */
static void undo_write(void *ctx)
{
	struct create *c = ctx;
	(void)unlinkat(c->c.dir_fd, "config.json", 0);
}

static int step_write(void *ctx, struct err *e)
{
	struct create *c = ctx;
	if (json_array_size(c->new_volumes) && own_set(&c->c, "Anonymous", json_incref(c->new_volumes)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "container record");
	/* a container of --rm is not worth a disk flush: after a power loss it would be removed */
	bool lasting = !js_bool(c->c.record, "HostConfig.AutoRemove", false);
	if (container_save(&c->c, lasting ? IO_DURABLE : 0, e) < 0)
		return -e->eno;
	/* its name is elsewhere: on btrfs a folder reaches the disk alone */
	if (lasting && io_sync_dir(c->eng->store.root_fd, "names", e) < 0) {
		undo_write(ctx);
		return -e->eno;
	}
	return 0;
}

/* An image that is not whole yet is let go of by the collector, under its lock, when no container has it: after the
 * container's record was written, it is either seen there or gone here. */
static bool is_still_late(const struct create *c)
{
	const struct store *s = &c->eng->store;
	struct err ignored = { 0 };
	OWN_FD gc = -1;

	return c->eng->late_image && lock_take(s->root_fd, "locks/gc", LOCK_SHARED, &gc, &ignored) == 0 &&
	       (lazy_is_pending(s, c->image.id) || image_exists(s, c->image.id));
}

static int step_again(void *ctx, struct err *e)
{
	struct create *c = ctx;
	const json_t *m;
	size_t i;

	/* removed meanwhile? see image_use() */
	if (!image_exists(&c->eng->store, c->image.id) && !is_still_late(c))
		return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", js_str(c->body, "Image", ""));
	json_array_foreach(json_object_get(c->c.record, "Mounts"), i, m) { /* see volume_remove() */
		const char *name = js_str(m, "Type", "");
		if (strcmp(name, "volume") != 0 || strcmp(js_str(m, "Driver", ""), "local") != 0)
			continue;
		name = js_str(m, "Name", "");
		if (!volume_exists(&c->eng->store, name))
			return err_new(e, E_NOT_FOUND, ENOENT, "volume %s was removed meanwhile", name);
	}
	if (image_borrow(&c->eng->store, &c->image, e) < 0)
		return -e->eno;
	/* a migration may have taken them away before it could know of this container */
	return form_mark_stands(&c->eng->store, &c->forms) ? 0 : engine_layers_again(c->eng, &c->c, e);
}

static const struct step create_steps[] = {
	{ "check", step_check, NULL },   { "image", step_image, NULL },
	{ "folder", step_folder, undo_folder }, { "record", step_record, NULL },
	{ "name", step_name, undo_name }, { "layer", step_layer, undo_layer },
	{ "mounts", step_mounts, undo_mounts }, { "volumes", step_volumes, NULL },
	{ "write", step_write, undo_write },   { "again", step_again, NULL },
};
WAY_DEFINE(create_way, "create", create_steps);

int create_handle(struct engine *eng, const json_t *body, const char *name, struct handle *ret,
		  struct err *e)
{
	struct create c = { .eng = eng, .body = body, .name = name, .c = CONTAINER_NULL, .lock = -1,
			    .lease.fd = -1 };
	size_t i;
	json_t *v;

	c.warnings = json_array();
	c.new_volumes = json_array();
	c.copy_up = json_array();
	int r = way_run(&create_way, &c, eng->opt.observer, e);
	if (r >= 0) {
		json_array_foreach(c.warnings, i, v)
			engine_warn(eng, "%s", json_string_value(v));
		*ret = (struct handle){ .c = c.c, .lock = c.lock };
		ret->st.exit_code = 0;
		ret->st.started_ns = ret->st.finished_ns = INT64_MIN;
	} else {
		container_done(&c.c);
		own_fd_done(&c.lock);
	}
	lease_close(&c.lease);
	image_done(&c.image);
	json_decref(c.warnings);
	json_decref(c.new_volumes);
	json_decref(c.copy_up);
	return r < 0 ? r : 0;
}

int engine_create(struct engine *eng, const json_t *body, const char *name, char ret_id[65],
		  struct err *e)
{
	struct handle *h = malloc(sizeof *h);

	engine_forget(eng);
	if (!h)
		return err_new(e, E_NOMEM, ENOMEM, "create");
	if (create_handle(eng, body, name, h, e) < 0) {
		free(h);
		return -e->eno;
	}
	memcpy(ret_id, h->c.id, sizeof h->c.id);
	eng->fresh = h;
	return 0;
}
