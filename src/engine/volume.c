/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes of all drivers, see volume.h.
 */
#include "engine/volume.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "driver/volume/plugin.h"
#include "format/js.h"

const char *volume_driver(const json_t *volume)
{
	return js_str(volume, "Driver", "local");
}

bool volume_is_local(const json_t *volume)
{
	return !strcmp(volume_driver(volume), "local");
}

static bool is_plugin_name(const char *driver)
{
	return driver && *driver && strcmp(driver, "local") != 0;
}

/* docker's words for a plugin that cannot be used at all */
static int lookup(struct err *e, const char *driver)
{
	if (e->kind == E_NOT_FOUND || e->kind == E_UNSUPPORTED || e->kind == E_NETWORK)
		return err_ctx(e, "error looking up volume plugin %s", driver);
	return -e->eno;
}

/* what the plugin tells of a volume, checked. 1: it has it, 0: it says that it has not */
static int ask(const char *driver, const char *name, unsigned flags, json_t **ret, struct err *e)
{
	OWN_JSON req = json_pack("{ss}", "Name", name);
	OWN_JSON reply = NULL;

	if (!req)
		return err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
	if (plugin_volume_call(driver, "Get", req, flags, &reply, e) < 0) {
		if (e->kind != E_STATE)
			return lookup(e, driver);
		err_clear(e); /* its own words: any error of Get means that there is none, to docker, too */
		return 0;
	}
	json_t *v = json_object_get(reply, "Volume");
	if (!json_is_object(v) || strcmp(js_str(v, "Name", ""), name) != 0)
		return err_new(e, E_CORRUPT, EPROTO, "plugin %s: VolumeDriver.Get: asked for volume %s, told of \"%.100s\"",
			       driver, name, js_str(v, "Name", ""));
	*ret = json_incref(v);
	return 1;
}

/* docker's object out of the plugin's and our record (either may be missing) */
static json_t *object(const char *driver, const char *name, const json_t *told, const json_t *record, const char *scope)
{
	json_t *v = record ? json_deep_copy((json_t *)(uintptr_t)record) :
			     json_pack("{ss sn ss ss sn ss}", "Driver", driver, "Labels", "Mountpoint", "", "Name", name,
				       "Options", "Scope", "local");
	json_t *status = json_object_get(told, "Status");
	const char *made = js_str(told, "CreatedAt", NULL);

	if (!v)
		return NULL;
	(void)json_object_set_new(v, "Mountpoint", json_string(js_str(told, "Mountpoint", "")));
	if (scope)
		(void)json_object_set_new(v, "Scope", json_string(scope));
	if (made && (!record || *made))
		(void)json_object_set_new(v, "CreatedAt", json_string(made));
	if (json_is_object(status))
		(void)json_object_set(v, "Status", status);
	return v;
}

/* VolumeDriver.Capabilities is optional */
static const char *scope_of(const char *driver, unsigned flags)
{
	OWN_JSON reply = NULL;
	struct err ignored = { 0 };

	return plugin_volume_call(driver, "Capabilities", NULL, flags, &reply, &ignored) == 0 &&
			       !strcmp(js_str(reply, "Capabilities.Scope", ""), "global") ?
		       "global" : "local";
}

/* the plugin that has @name: 1 found, 0 nobody has it. Those that do not answer are passed over. */
static int find_owner(struct engine *eng, const char *name, char driver[129], json_t **ret, struct err *e)
{
	OWN_JSON names = NULL;
	json_t *v;
	size_t i;

	if (plugin_names(&names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, v) {
		struct err why = { 0 };
		int r = ask(json_string_value(v), name, PLUGIN_NO_RETRY, ret, &why);
		if (r > 0) {
			(void)snprintf(driver, 129, "%s", json_string_value(v));
			return 1;
		}
		if (r < 0 && why.kind != E_UNSUPPORTED)
			engine_warn(eng, "%s", why.chain);
	}
	return 0;
}

static int plugin_create(const char *driver, const struct volume_spec *spec, const char *name, struct err *e)
{
	OWN_JSON req = json_pack("{ss so}", "Name", name, "Opts",
				 spec->options ? json_deep_copy((json_t *)(uintptr_t)spec->options) : json_object());

	if (!req)
		return err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
	if (plugin_volume_call(driver, "Create", req, 0, NULL, e) < 0) {
		(void)lookup(e, driver);
		return err_ctx(e, "create %s", name);
	}
	return 0;
}

static void plugin_remove(const char *driver, const char *name)
{
	OWN_JSON req = json_pack("{ss}", "Name", name);
	struct err ignored = { 0 }; /* the first error counts */

	(void)plugin_volume_call(driver, "Remove", req, PLUGIN_NO_RETRY, NULL, &ignored);
}

static int create_in_plugin(const char *driver, const struct volume_spec *spec, struct engine *eng, json_t **ret,
			    bool *ret_new, struct err *e)
{
	struct volume_spec own = *spec;
	OWN_JSON told = NULL;
	OWN_JSON record = NULL;
	char made[65];
	bool fresh = false;

	if (!spec->name && !spec->made_name && text_random_id(made) < 0)
		return err_sys(e, errno, "random name");
	const char *name = spec->name ? spec->name : spec->made_name ? spec->made_name : made;
	if (!volume_name_is_valid(name))
		return err_new(e, E_INVALID, EINVAL, "create %s: only names of \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are taken", name);
	int has = ask(driver, name, 0, &told, e);
	if (has < 0 || (!has && plugin_create(driver, spec, name, e) < 0))
		return has < 0 ? err_ctx(e, "create %s", name) : -e->eno;
	own.made_name = spec->name ? NULL : name;
	own.driver = driver;
	own.scope = scope_of(driver, 0);
	if (volume_create(&eng->store, &own, &record, &fresh, e) < 0) {
		if (!has)
			plugin_remove(driver, name);
		return -e->eno;
	}
	err_clear(e);
	/* where it lies: known to many plugins only while it is mounted */
	if (!has && ask(driver, name, 0, &told, e) <= 0) {
		if (!e->kind)
			(void)err_new(e, E_CORRUPT, EPROTO, "plugin %s: volume %s is not there after VolumeDriver.Create", driver, name);
		struct err ignored = { 0 };
		(void)volume_remove(&eng->store, name, VOLUME_REMOVE_FORCE, &ignored);
		return err_ctx(e, "create %s", name);
	}
	if (ret_new)
		*ret_new = !has;
	*ret = object(driver, name, told, record, own.scope);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
}

static int conflict(const char *name, const char *have, const char *want, struct err *e)
{
	return err_new(e, E_CONFLICT, EEXIST,
		       "create %s: conflict: volume name must be unique: it exists with driver %s, not %s", name, have, want);
}

int engine_volume_create(struct engine *eng, const struct volume_spec *spec, json_t **ret, bool *ret_new, struct err *e)
{
	OWN_JSON have = NULL;
	OWN_JSON told = NULL;
	struct err none = { 0 };
	char owner[129];

	if (spec->name && volume_inspect(&eng->store, spec->name, &have, &none) == 0) {
		const char *driver = volume_driver(have);
		if (spec->driver && *spec->driver && strcmp(spec->driver, driver) != 0)
			return conflict(spec->name, driver, spec->driver, e);
		if (!volume_is_local(have))
			return create_in_plugin(driver, spec, eng, ret, ret_new, e);
	} else if (is_plugin_name(spec->driver)) {
		return create_in_plugin(spec->driver, spec, eng, ret, ret_new, e);
	} else if (spec->name && !spec->driver && volume_name_is_valid(spec->name)) {
		int r = find_owner(eng, spec->name, owner, &told, e);
		if (r)
			return r < 0 ? r : create_in_plugin(owner, spec, eng, ret, ret_new, e);
	}
	return volume_create(&eng->store, spec, ret, ret_new, e);
}

int engine_volume_inspect(struct engine *eng, const char *name, json_t **ret, struct err *e)
{
	OWN_JSON record = NULL;
	OWN_JSON told = NULL;
	char owner[129];

	int r = volume_inspect(&eng->store, name, &record, e);
	if (r == 0 && volume_is_local(record)) {
		*ret = ptr_take(&record);
		return 0;
	}
	if (r < 0) {
		struct err why = { 0 };
		if (e->kind != E_NOT_FOUND || find_owner(eng, name, owner, &told, &why) <= 0)
			return -e->eno;
		err_clear(e);
	} else {
		r = ask(volume_driver(record), name, 0, &told, e);
		if (r < 0)
			return err_ctx(e, "get %s", name);
		if (!r)
			return err_new(e, E_NOT_FOUND, ENOENT, "get %s: no such volume: plugin %s has lost it", name, volume_driver(record));
		(void)snprintf(owner, sizeof owner, "%s", volume_driver(record));
	}
	*ret = object(owner, name, told, record, scope_of(owner, 0));
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
}

static json_t *find_named(const json_t *list, const char *name)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
		if (!strcmp(js_str(v, "Name", ""), name))
			return v;
	return NULL;
}

/* what plugin @driver lists, into @all, which has the records */
static int add_listed(const char *driver, json_t *all, struct err *e)
{
	OWN_JSON reply = NULL;
	size_t i;
	json_t *t;

	if (plugin_volume_call(driver, "List", NULL, PLUGIN_NO_RETRY, &reply, e) < 0)
		return -e->eno;
	json_t *list = json_object_get(reply, "Volumes");
	if (list && !json_is_array(list) && !json_is_null(list))
		return err_new(e, E_CORRUPT, EPROTO, "plugin %s: VolumeDriver.List: Volumes is no array", driver);
	const char *scope = json_array_size(list) ? scope_of(driver, PLUGIN_NO_RETRY) : "local";
	json_array_foreach(list, i, t) {
		const char *name = js_str(t, "Name", "");
		json_t *have = *name ? find_named(all, name) : NULL;
		if (!*name || (have && strcmp(volume_driver(have), driver) != 0))
			continue; /* no name, or a name that is another's here */
		json_t *v = object(driver, name, t, have, scope);
		if (have && v) {
			(void)json_object_update(have, v);
			json_decref(v);
		} else if (!v || json_array_append_new(all, v) < 0) {
			return err_new(e, E_NOMEM, ENOMEM, "list of volumes");
		}
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(js_str(*(json_t *const *)a, "Name", ""), js_str(*(json_t *const *)b, "Name", ""));
}

int engine_volume_all(struct engine *eng, json_t **ret, struct err *e)
{
	OWN_JSON all = NULL;
	OWN_JSON names = NULL;
	json_t *v, *out;
	size_t i;

	if (volume_list(&eng->store, &all, e) < 0 || plugin_names(&names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, v) {
		struct err why = { 0 };
		if (add_listed(json_string_value(v), all, &why) < 0 && why.kind != E_UNSUPPORTED)
			engine_warn(eng, "%s", why.chain);
	}
	size_t n = json_array_size(all);
	OWN_PTR json_t **sorted = malloc((n + 1) * sizeof *sorted);
	if (!sorted || !(out = json_array()))
		return err_new(e, E_NOMEM, ENOMEM, "list of volumes");
	for (i = 0; i < n; i++)
		sorted[i] = json_array_get(all, i);
	qsort(sorted, n, sizeof *sorted, by_name);
	for (i = 0; i < n; i++)
		(void)json_array_append(out, sorted[i]);
	*ret = out;
	return 0;
}

int engine_volume_remove(struct engine *eng, const char *name, unsigned flags, struct err *e)
{
	bool force = flags & VOLUME_REMOVE_FORCE;
	OWN_JSON record = NULL;
	OWN_JSON told = NULL;
	OWN_JSON req = json_pack("{ss}", "Name", name);
	struct err none = { 0 };
	char driver[129];

	if (!req)
		return err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
	bool have = volume_inspect(&eng->store, name, &record, &none) == 0;
	if (have && volume_is_local(record))
		return volume_remove(&eng->store, name, flags, e);
	if (!have && (none.kind != E_NOT_FOUND || find_owner(eng, name, driver, &told, e) <= 0))
		return e->kind ? -e->eno : volume_remove(&eng->store, name, flags, e);
	if (have)
		(void)snprintf(driver, sizeof driver, "%s", volume_driver(record));
	if (volume_unused(&eng->store, name, e) < 0)
		return -e->eno;
	/* forced: the record goes even where the plugin is gone for good */
	if (plugin_volume_call(driver, "Remove", req, force ? PLUGIN_NO_RETRY : 0, NULL, e) < 0) {
		if (!force || !have)
			return err_ctx(e, "remove %s", name);
		engine_warn(eng, "remove %s: %s", name, e->chain);
		err_clear(e);
	}
	return have ? volume_remove(&eng->store, name, flags, e) : 0;
}
