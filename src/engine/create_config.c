/* SPDX-License-Identifier: Apache-2.0
 *
 * The record of a new container: what the user asks, completed by the image's configuration and
 * by docker's defaults. Fields that are absent here are shown with their zero value by inspect.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/create.h"
#include "format/js.h"
#include "spec/container_mode.h"

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "container record");
}

static bool is_empty(const json_t *v)
{
	return !v || json_is_null(v) || (json_is_string(v) && !json_string_length(v)) ||
	       (json_is_array(v) && !json_array_size(v)) || (json_is_object(v) && !json_object_size(v));
}

/* "sh" stands for ["sh"] */
static void as_list(json_t *config, const char *key)
{
	json_t *v = json_object_get(config, key);
	if (json_is_string(v))
		json_object_set_new(config, key, json_pack("[O]", v));
}

static bool env_has(const json_t *env, const char *entry)
{
	size_t n = strcspn(entry, "="), i;
	json_t *v;

	json_array_foreach(env, i, v)
		if (strcspn(json_string_value(v), "=") == n && !strncmp(json_string_value(v), entry, n))
			return true;
	return false;
}

static void env_merge(json_t *config, const json_t *image)
{
	json_t *env = json_object_get(config, "Env"), *v;
	size_t i;

	if (!json_is_array(env)) {
		env = json_array();
		json_object_set_new(config, "Env", env);
	}
	json_array_foreach(json_object_get(image, "Env"), i, v)
		if (json_is_string(v) && !env_has(env, json_string_value(v)))
			json_array_append(env, v);
}

static void map_merge(json_t *config, const json_t *image, const char *key)
{
	json_t *mine = json_object_get(config, key), *theirs = json_object_get(image, key);

	if (!json_is_object(theirs) || !json_object_size(theirs))
		return;
	if (json_is_object(mine))
		json_object_update_missing(mine, theirs);
	else
		json_object_set_new(config, key, json_deep_copy(theirs));
}

static void command_merge(json_t *config, const json_t *image)
{
	as_list(config, "Entrypoint");
	as_list(config, "Cmd");
	json_t *entry = json_object_get(config, "Entrypoint");
	/* --entrypoint "": no entry point at all, and not the image's command either */
	if (json_array_size(entry) == 1 && !*json_string_value(json_array_get(entry, 0))) {
		json_object_set_new(config, "Entrypoint", json_null());
		return;
	}
	if (json_array_size(entry))
		return;
	if (is_empty(json_object_get(config, "Cmd")) && json_is_array(json_object_get(image, "Cmd")))
		json_object_set(config, "Cmd", json_object_get(image, "Cmd"));
	if (json_is_array(json_object_get(image, "Entrypoint")))
		json_object_set(config, "Entrypoint", json_object_get(image, "Entrypoint"));
}

static void healthcheck_merge(json_t *config, const json_t *image)
{
	json_t *mine = json_object_get(config, "Healthcheck"), *theirs = json_object_get(image, "Healthcheck");
	const char *key;
	json_t *v;

	if (!json_is_object(theirs))
		return;
	if (!json_is_object(mine)) {
		json_object_set_new(config, "Healthcheck", json_deep_copy(theirs));
		return;
	}
	json_object_foreach(theirs, key, v)
		if (is_empty(json_object_get(mine, key)) || !json_integer_value(json_object_get(mine, key)))
			if (is_empty(json_object_get(mine, key)) || json_is_integer(v))
				json_object_set(mine, key, v);
}

static void image_merge(json_t *config, const json_t *image)
{
	static const char *const words[] = { "User", "WorkingDir", "StopSignal", "Shell" };
	static const char *const maps[] = { "ExposedPorts", "Labels", "Volumes" };

	env_merge(config, image);
	command_merge(config, image);
	healthcheck_merge(config, image);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		map_merge(config, image, maps[i]);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is_empty(json_object_get(config, words[i])) && !is_empty(json_object_get(image, words[i])))
			json_object_set(config, words[i], json_object_get(image, words[i]));
}

static json_t *config_make(const struct create *c)
{
	json_t *config = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)c->body, key, v)
		if (strcmp(key, "HostConfig") && strcmp(key, "NetworkingConfig") && !json_is_null(v))
			json_object_set_new(config, key, json_deep_copy(v));
	image_merge(config, json_object_get(c->image.config, "config"));
	return config;
}

static void hostname_default(const struct create *c, json_t *config, const json_t *hc)
{
	enum container_mode net = container_mode_of(MODE_OF_NETWORK, js_str(hc, "NetworkMode", ""), NULL);
	char name[65] = "";

	if (*js_str(config, "Hostname", "") || net == CONTAINER_MODE_JOIN)
		return;
	if (net == CONTAINER_MODE_HOST ||
	    container_mode_of(MODE_OF_UTS, js_str(hc, "UTSMode", ""), NULL) == CONTAINER_MODE_HOST)
		(void)gethostname(name, sizeof name - 1); /* else empty: the short ID */
	if (!*name)
		(void)snprintf(name, sizeof name, "%.12s", c->c.id);
	json_object_set_new(config, "Hostname", json_string(name));
}

/* "container:NAME" becomes "container:ID", so that a later rename changes nothing */
static int peers_resolve(const struct create *c, json_t *hc, struct err *e)
{
	static const struct {
		const char *key;
		enum container_mode_kind kind;
	} rows[] = { { "NetworkMode", MODE_OF_NETWORK }, { "PidMode", MODE_OF_PID }, { "IpcMode", MODE_OF_IPC } };
	const char *peer;
	char id[65];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (container_mode_of(rows[i].kind, js_str(hc, rows[i].key, ""), &peer) != CONTAINER_MODE_JOIN)
			continue;
		if (container_resolve(&c->eng->store, peer, id, e) < 0)
			return -e->eno;
		json_object_set_new(hc, rows[i].key, json_sprintf("container:%s", id));
	}
	return 0;
}

static int host_config_make(const struct create *c, json_t **ret, struct err *e)
{
	const json_t *given = json_object_get(c->body, "HostConfig");
	OWN_JSON hc = json_is_object(given) ? json_deep_copy(given) : json_object();
	const char *net = js_str(hc, "NetworkMode", "");
	int64_t memory = js_int(hc, "Memory", 0);

	if (!hc)
		return no_memory(e);
	if (!*net || !strcmp(net, "default"))
		json_object_set_new(hc, "NetworkMode", json_string("bridge"));
	if (!*js_str(hc, "IpcMode", ""))
		json_object_set_new(hc, "IpcMode", json_string("private"));
	if (!*js_str(hc, "LogConfig.Type", ""))
		json_object_set_new(hc, "LogConfig", json_pack("{ss s{}}", "Type", "json-file", "Config"));
	if (!*js_str(hc, "RestartPolicy.Name", ""))
		json_object_set_new(hc, "RestartPolicy",
				    json_pack("{ss si}", "Name", "no", "MaximumRetryCount", 0));
	if (js_int(hc, "ShmSize", 0) == 0)
		json_object_set_new(hc, "ShmSize", json_integer(64 << 20));
	if (!*js_str(hc, "Runtime", ""))
		json_object_set_new(hc, "Runtime", json_string("orun"));
	if (memory > 0 && js_int(hc, "MemorySwap", 0) == 0)
		json_object_set_new(hc, "MemorySwap", json_integer(2 * memory));
	/* docker's rule: a private cgroup namespace where the unified hierarchy is in use */
	if (!*js_str(hc, "CgroupnsMode", ""))
		json_object_set_new(hc, "CgroupnsMode",
				    json_string(js_bool(hc, "Privileged", false) || !engine_cgroup_private() ?
							"host" : "private"));
	if (peers_resolve(c, hc, e) < 0)
		return -e->eno;
	*ret = ptr_take(&hc);
	return 0;
}

static int command_set(json_t *record, const json_t *config, struct err *e)
{
	json_t *entry = json_object_get(config, "Entrypoint"), *cmd = json_object_get(config, "Cmd");
	json_t *all = json_array(), *args = json_array();

	if (json_is_array(entry))
		json_array_extend(all, entry);
	if (json_is_array(cmd))
		json_array_extend(all, cmd);
	for (size_t i = 1; i < json_array_size(all); i++)
		json_array_append(args, json_array_get(all, i));
	if (!json_array_size(all)) {
		json_decref(all);
		json_decref(args);
		err_new(e, E_INVALID, EINVAL, "no command specified");
		err_hint(e, "the image names no command: give one after its name");
		return -e->eno;
	}
	json_object_set(record, "Path", json_array_get(all, 0));
	json_object_set_new(record, "Args", args);
	json_decref(all);
	return 0;
}

int create_config_record(struct create *c, struct err *e)
{
	OWN_JSON hc = NULL;
	char now[CLOCK_TEXT_MAX];
	json_t *chain = json_array();

	if (host_config_make(c, &hc, e) < 0) {
		json_decref(chain);
		return -e->eno;
	}
	OWN_JSON config = config_make(c);
	hostname_default(c, config, hc);
	for (size_t i = 0; i < c->image.n_chain_ids; i++)
		json_array_append_new(chain, json_string(c->image.chain_ids[i]));
	clock_format(clock_now_ns(), now);
	OWN_JSON record = json_pack("{ss ss ss si ss ss sO sO s[] s{so}}", "Id", c->c.id, "Created", now, "Image",
				    c->image.id, "RestartCount", 0, "Driver", c->eng->storage->name, "Platform",
				    "linux", "HostConfig", hc, "Config", config, "Mounts", "Onggi", "Chain", chain);
	if (!record)
		return no_memory(e);
	if (json_is_object(json_object_get(c->body, "NetworkingConfig")))
		json_object_set_new(record, "NetworkingConfig",
				    json_deep_copy(json_object_get(c->body, "NetworkingConfig")));
	if (command_set(record, config, e) < 0)
		return -e->eno;
	c->c.record = ptr_take(&record);
	return 0;
}
