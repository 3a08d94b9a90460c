/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes listed, and clean-up: prune of containers and volumes, sweep of half-made things.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/image.h"
#include "engine/look.h"
#include "engine/start_int.h"
#include "engine/volume.h"
#include "engine/volumes.h"
#include "format/js.h"
#include "store/image.h"

static bool part_of(const json_t *values, const char *s)
{
	size_t i;
	json_t *v;
	json_array_foreach(values, i, v)
		if (json_is_string(v) && strstr(s, json_string_value(v)))
			return true;
	return false;
}

static bool is_true(const json_t *values)
{
	return js_has_string(values, "true") || js_has_string(values, "1");
}

/* "label!" takes away what has the label */
static bool labels_ok(const json_t *filters, const json_t *labels)
{
	return filter_labels(filters, "label", labels) &&
	       (!json_object_get(filters, "label!") || !filter_labels(filters, "label!", labels));
}

static bool is_used(struct engine *eng, const char *name)
{
	OWN_JSON users = NULL;
	struct err e;
	return volume_users(&eng->store, name, &users, &e) < 0 || json_array_size(users) > 0;
}

int engine_volume_list(struct engine *eng, const json_t *filters, json_t **ret, struct err *e)
{
	static const char *const names[] = { "dangling", "driver", "label", "name", NULL };
	OWN_JSON all = NULL;
	OWN_JSON dangling = filter_values(filters, "dangling");
	OWN_JSON driver = filter_values(filters, "driver");
	OWN_JSON name = filter_values(filters, "name");
	json_t *list = json_array(), *v;
	size_t i;

	if (filter_check(filters, names, e) < 0 || engine_volume_all(eng, &all, e) < 0) {
		json_decref(list);
		return -e->eno;
	}
	json_array_foreach(all, i, v) {
		const char *n = js_str(v, "Name", "");
		if ((driver && !js_has_string(driver, js_str(v, "Driver", ""))) || (name && !part_of(name, n)) ||
		    !filter_labels(filters, "label", json_object_get(v, "Labels")) ||
		    (dangling && is_true(dangling) == is_used(eng, n)))
			continue;
		json_array_append(list, v);
	}
	*ret = json_pack("{so sn}", "Volumes", list, "Warnings");
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "volumes");
}

static int until_of(const json_t *filters, int64_t *ret_ns, struct err *e)
{
	OWN_JSON v = filter_values(filters, "until");
	const char *s = json_string_value(json_array_get(v, 0));

	*ret_ns = INT64_MAX;
	if (json_array_size(v) > 1)
		return err_new(e, E_INVALID, EINVAL, "more than one until filter specified");
	return s ? filter_time(s, ret_ns, e) : 0;
}

/* 1: removed, 0: left alone */
static int prune_one(struct engine *eng, const char *id, const json_t *filters, int64_t until,
		     uint64_t *bytes, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	int64_t created = 0, delay;

	if (handle_open(eng, id, HANDLE_LOCK, &h, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	if (h.st.status == CONTAINER_RUNNING || h.st.status == CONTAINER_RESTARTING ||
	    clock_parse(js_str(h.c.record, "Created", ""), &created) < 0 || created > until ||
	    !labels_ok(filters, js_at(h.c.record, "Config.Labels")))
		return 0;
	uint64_t size = engine_changed_bytes(eng, &h.c);
	if (exited_locked(eng, &h, true, &delay, e) < 0 ||
	    (h.c.dir_fd >= 0 && remove_locked(eng, &h, false, e) < 0))
		return -e->eno;
	*bytes += size;
	return 1;
}

int engine_container_prune(struct engine *eng, const json_t *filters, json_t **ret, struct err *e)
{
	static const char *const names[] = { "label", "label!", "until", NULL };
	OWN_PTR char (*ids)[65] = NULL;
	OWN_JSON gone = json_array();
	uint64_t bytes = 0;
	int64_t until;
	size_t n;

	if (filter_check(filters, names, e) < 0 || until_of(filters, &until, e) < 0 ||
	    container_ids(&eng->store, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		int r = prune_one(eng, ids[i], filters, until, &bytes, e);
		if (r < 0)
			engine_warn(eng, "%s", e->chain); /* the others can go all the same */
		else if (r)
			json_array_append_new(gone, json_string(ids[i]));
	}
	*ret = json_pack("{sO sI}", "ContainersDeleted", gone, "SpaceReclaimed", (json_int_t)bytes);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "prune");
}

int engine_volume_prune(struct engine *eng, const json_t *filters, json_t **ret, struct err *e)
{
	static const char *const names[] = { "all", "label", "label!", NULL };
	OWN_JSON list = NULL;
	OWN_JSON gone = json_array();
	OWN_JSON all = filter_values(filters, "all");
	json_int_t bytes = 0;
	json_t *v;
	size_t i;

	if (filter_check(filters, names, e) < 0 || volume_list(&eng->store, &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, v) {
		const char *name = js_str(v, "Name", "");
		const json_t *labels = json_object_get(v, "Labels");
		char path[320];
		/* named ones only when asked for: they may hold what somebody wants back. A plugin's never, as in docker */
		if (!volume_is_local(v) || (!is_true(all) && !json_object_get(labels, "com.docker.volume.anonymous")) ||
		    !labels_ok(filters, labels))
			continue;
		(void)snprintf(path, sizeof path, "volumes/%s/_data", name);
		json_int_t size = (json_int_t)storage_tree_bytes(eng->store.root_fd, path);
		if (volume_remove(&eng->store, name, VOLUME_REMOVE_FORCE, e) < 0) {
			if (e->kind != E_CONFLICT)
				engine_warn(eng, "%s", e->chain);
			continue;
		}
		bytes += size;
		json_array_append(gone, json_object_get(v, "Name"));
	}
	*ret = json_pack("{sO sI}", "VolumesDeleted", gone, "SpaceReclaimed", bytes);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "prune");
}

/* network plans, cgroups and FIFOs of containers that are no more */
static int sweep_run(struct engine *eng, struct err *e)
{
	OWN_FD fd = openat(eng->store.run_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dup_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);

	for (struct dirent *en; d && (en = readdir(d));) {
		CLEANUP(container_done) struct container c = CONTAINER_NULL;
		OWN_FD lock = -1;
		if (!text_is_hex(en->d_name, CONTAINER_ID_LEN) ||
		    container_load(&eng->store, en->d_name, &c, e) >= 0 || e->kind != E_NOT_FOUND ||
		    volume_use_take(&eng->store, en->d_name, &lock) <= 0)
			continue;
		(void)network_release(&eng->network, en->d_name, &(struct err){ 0 });
		(void)runtime_delete(&eng->runtime, en->d_name, RUNTIME_DELETE_FORCE, &(struct err){ 0 });
		run_mounts_release(eng, en->d_name);
		if (io_remove_tree(fd, en->d_name, e) < 0)
			return -e->eno;
	}
	return 0;
}

static void sweep_files(const struct store *s)
{
	io_sweep_replaced(s->root_fd, "network"); /* those of images: image_collect */
	io_sweep_replaced(s->run_fd, "network/plans");
}

int engine_sweep(struct engine *eng, struct err *e)
{
	OWN_PTR char (*ids)[65] = NULL;
	size_t n;

	if (container_sweep(&eng->store, e) < 0)
		return -e->eno;
	volume_sweep(&eng->store);
	sweep_files(&eng->store);
	if (container_ids(&eng->store, &ids, &n, e) < 0)
		return -e->eno;
	/* opening adopts living containers and settles dead ones */
	for (size_t i = 0; i < n; i++) {
		OWN_HANDLE h = HANDLE_NULL;
		if (handle_open(eng, ids[i], 0, &h, e) < 0 && e->kind != E_NOT_FOUND)
			engine_warn(eng, "%s", e->chain);
	}
	if (sweep_run(eng, e) < 0 || engine_image_mounts_sweep(eng, e) < 0 || network_repair(&eng->network, e) < 0)
		return -e->eno;
	if (image_collect(&eng->store, NULL, e) < 0)
		return -e->eno;
	storage_images_gone(&eng->store);
	return 0;
}
