/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: opening, and what its flows share. See engine.h and engine_int.h.
 */
#include "engine/engine.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine_int.h"
#include "format/js.h"

int engine_open(const struct engine_options *opt, struct engine *ret, struct err *e)
{
	struct engine eng = { .opt = *opt, .late_fd = -1 };
	char *p;

	if ((opt->spare_stores ? store_open_spared : store_open)(opt->root, opt->run, &eng.store, e) < 0)
		return -e->eno;
	size_t nr = strlen(eng.store.root), nn = strlen(eng.store.run);
	size_t size = nr + 2 * nn + 64;
	if (!(eng.paths = p = malloc(size))) {
		store_close(&eng.store);
		return err_new(e, E_NOMEM, ENOMEM, "open engine");
	}
	eng.network.root = p;
	p += 1 + (size_t)snprintf(p, size, "%s/network", eng.store.root);
	eng.network.run = p;
	p += 1 + (size_t)snprintf(p, nn + 16, "%s/network", eng.store.run);
	eng.runtime.root = p;
	(void)snprintf(p, nn + 16, "%s/runtime", eng.store.run);
	eng.runtime.rootless = -1;
	eng.runtime.warn = eng.network.warn = opt->warn;
	eng.runtime.warn_data = eng.network.warn_data = opt->warn_data;
	const char *driver = opt->storage_driver ? opt->storage_driver : getenv("ONGGI_STORAGE_DRIVER");
	eng.storage = &storage_overlay;
	eng.storage_opt = opt->storage_opt ? opt->storage_opt : getenv("ONGGI_STORAGE_OPT");
	if (driver && *driver && storage_by_name(&eng.store, driver, &eng.storage, e) < 0) {
		engine_close(&eng);
		return -e->eno;
	}
	eng.store.form = eng.storage->form;
	*ret = eng;
	return 0;
}

void engine_forget(struct engine *eng)
{
	struct handle *h = eng->fresh;

	/* made to stay, not by a run that was killed: see is_abandoned() */
	if (h && h->c.dir_fd >= 0 && is_abandoned(h)) {
		(void)own_set(&h->c, "Kept", json_true());
		(void)container_save(&h->c, 0, &(struct err){ 0 }); /* else a later command removes it */
	}
	if (h)
		handle_done(h);
	free(eng->fresh);
	eng->fresh = NULL;
}

void engine_close(struct engine *eng)
{
	engine_forget(eng);
	own_fd_done(&eng->late_fd);
	store_close(&eng->store);
	free(eng->paths);
	eng->paths = NULL;
}

void engine_warn(const struct engine *eng, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!eng->opt.warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	eng->opt.warn(text, eng->opt.warn_data);
}

bool files_in_run(const struct container *c)
{
	return js_bool(c->record, "HostConfig.AutoRemove", false);
}

json_t *own_get(const struct container *c, const char *key)
{
	return json_object_get(json_object_get(c->record, "Onggi"), key);
}

int own_set(const struct container *c, const char *key, json_t *v)
{
	json_t *own = json_object_get(c->record, "Onggi");
	if (!own) {
		own = json_object();
		if (json_object_set_new(c->record, "Onggi", own) < 0) {
			json_decref(v);
			return -ENOMEM;
		}
	}
	return json_object_set_new(own, key, v) < 0 ? -ENOMEM : 0;
}

void runtime_leftover(struct engine *eng, const char *id)
{
	char path[96];

	(void)snprintf(path, sizeof path, "runtime/%s", id);
	if (!faccessat(eng->store.run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW))
		(void)runtime_delete(&eng->runtime, id, RUNTIME_DELETE_FORCE, &(struct err){ 0 });
}

const char *handle_name(const struct handle *h)
{
	const char *name = js_str(h->c.record, "Name", "");
	return name + (*name == '/');
}

void handle_done(struct handle *h)
{
	container_done(&h->c);
	container_state_done(&h->st);
	if (h->lock >= 0)
		close(h->lock);
	h->lock = -1;
}

int handle_refresh(struct engine *eng, struct handle *h, struct err *e)
{
	container_state_done(&h->st);
	return container_state_load(&eng->store, h->c.id, &h->st, e);
}

int handle_open(struct engine *eng, const char *ref, unsigned flags, struct handle *ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	char id[65];

	if (eng->fresh && (flags & HANDLE_LOCK) && !strcmp(eng->fresh->c.id, ref)) {
		*ret = *eng->fresh;
		*eng->fresh = (struct handle)HANDLE_NULL;
		engine_forget(eng);
		return 0;
	}
	engine_forget(eng); /* its lock would be waited for */
	if (flags & HANDLE_FULL_ID)
		memcpy(id, ref, sizeof id);
	else if (container_resolve(&eng->store, ref, id, e) < 0)
		return -e->eno;
	/* the record after the lock: whoever held it may have removed the container */
	if ((flags & HANDLE_LOCK) &&
	    container_lock(&eng->store, id, LOCK_EXCLUSIVE, &h.lock, e) < 0)
		goto gone;
	if (container_load(&eng->store, id, &h.c, e) < 0)
		goto gone;
	if (container_state_load(&eng->store, id, &h.st, e) < 0)
		return -e->eno;
	if (h.lock >= 0 && is_abandoned(&h) && remove_locked(eng, &h, true, e) >= 0) {
		err_new(e, E_NOT_FOUND, ENOENT, "gone");
		goto gone;
	}
	bool lost = h.st.orphan || (h.st.unhandled && !proc_alive(&h.st.monitor));
	if (lost && !(flags & HANDLE_NO_ADOPT)) {
		if (h.lock < 0 &&
		    container_lock(&eng->store, id, LOCK_EXCLUSIVE | LOCK_NOWAIT, &h.lock, e) < 0) {
			if (e->kind != E_BUSY)
				goto gone;
			err_clear(e); /* somebody is at it */
		} else {
			if (handle_refresh(eng, &h, e) < 0)
				return -e->eno;
			if (adopt_locked(eng, &h, e) < 0) {
				/* a disk that cannot be written is no reason not to look */
				if ((e->kind != E_NOSPACE && e->eno != EROFS) || h.c.dir_fd < 0)
					return -e->eno;
				engine_warn(eng, "container %.12s: %s", h.c.id, e->chain);
				err_clear(e);
				if (handle_refresh(eng, &h, e) < 0)
					return -e->eno;
			}
			if (!(flags & HANDLE_LOCK))
				own_fd_done(&h.lock);
			if (h.c.dir_fd < 0) { /* --rm */
				err_new(e, E_NOT_FOUND, ENOENT, "gone");
				goto gone;
			}
		}
	}
	*ret = h;
	h = (struct handle)HANDLE_NULL;
	return 0;
gone:
	if (e->kind == E_NOT_FOUND)
		return err_new(e, E_NOT_FOUND, ENOENT, "No such container: %s", ref);
	return -e->eno;
}

bool engine_cgroup_private(void)
{
	/* the root of the unified hierarchy lists its controllers; a hybrid host has it elsewhere */
	return !access("/sys/fs/cgroup/cgroup.controllers", F_OK);
}
