/* SPDX-License-Identifier: Apache-2.0
 *
 * The document state.json: made by create, decoded by every other command. The outer names are
 * those of libcontainer, so that tools which read them find processes, cgroups and namespaces.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/rdt/rdt.h"
#include "format/js.h"
#include "runtime/state_int.h"

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "make state: out of memory");
}

/* keep a value of the config in the document; both only read it from now on */
static void share(json_t *to, const char *key, const json_t *value)
{
	if (value)
		(void)json_object_set(to, key, (json_t *)value); /* a lack of memory shows at the end */
}

static json_t *namespace_paths(const struct state_new *n)
{
	json_t *o = json_object();
	for (int k = 0; o && k < NS_N; k++) {
		char path[64];
		(void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)n->init.pid, ns_table[k].proc);
		json_object_set_new(o, ns_table[k].runc, json_string(path));
	}
	return o;
}

static json_t *namespaces(const struct bundle *b)
{
	json_t *arr = json_array();
	for (int k = 0; arr && k < NS_N; k++)
		if (b->ns[k].present)
			json_array_append_new(arr, json_pack("{s:s, s:s}", "type", ns_table[k].runc, "path",
							     b->ns[k].path ? b->ns[k].path : ""));
	return arr;
}

/* what other tools read of libcontainer's own configuration */
static json_t *config_object(const struct state_new *n)
{
	json_t *labels = json_array(), *o = json_object();
	const char *key;
	json_t *value;

	json_array_append_new(labels, json_sprintf("bundle=%s", n->bundle));
	if (n->parsed->annotations)
		json_object_foreach((json_t *)n->parsed->annotations, key, value)
			json_array_append_new(labels, json_sprintf("%s=%s", key, json_string_value(value)));
	json_object_set_new(o, "rootfs", json_string(n->rootfs));
	json_object_set_new(o, "readonlyfs", json_boolean(n->parsed->root.read_only));
	json_object_set_new(o, "hostname", json_string(n->parsed->hostname ? n->parsed->hostname : ""));
	json_object_set_new(o, "namespaces", namespaces(n->parsed));
	json_object_set_new(o, "labels", labels);
	return o;
}

static json_t *late_hooks(const json_t *config)
{
	json_t *hooks = json_object();
	for (int p = BUNDLE_HOOK_POSTSTART; p <= BUNDLE_HOOK_POSTSTOP; p++) {
		const char *name = bundle_hook_name((enum bundle_hook_point)p);
		share(hooks, name, json_object_get(json_object_get(config, "hooks"), name));
	}
	return hooks;
}

/* exec starts from the same process, with another command */
static json_t *process_base(const json_t *config)
{
	const json_t *p = json_object_get(config, "process");
	json_t *base = json_is_object(p) ? json_copy((json_t *)p) : NULL;
	if (base)
		json_object_del(base, "args");
	return base;
}

/* what an exec needs of linux, which few containers have */
static void exec_linux(json_t *own, const json_t *config)
{
	static const char *const keys[] = { "personality", "memoryPolicy" };
	const json_t *from = json_object_get(config, "linux");
	json_t *part = NULL;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!json_object_get(from, keys[i]))
			continue;
		if (!part)
			json_object_set_new(own, "linux", part = json_object());
		share(part, keys[i], json_object_get(from, keys[i]));
	}
}

static json_t *own_object(const struct state_new *n, const json_t *cgroup)
{
	char owner[32];
	json_t *o = json_object(), *process = process_base(n->config);

	(void)snprintf(owner, sizeof owner, "%u", (unsigned)n->owner);
	json_object_set_new(o, "bundle", json_string(n->bundle));
	json_object_set_new(o, "owner", json_string(owner));
	json_object_set_new(o, "oci_version", json_string(n->parsed->oci_version));
	share(o, "annotations", n->parsed->annotations);
	share(o, "cgroup", cgroup);
	if (n->rdt)
		json_object_set_new(o, "intelRdt", rdt_record(n->rdt));
	if (process)
		json_object_set_new(o, "process", process);
	json_object_set_new(o, "hooks", late_hooks(n->config));
	exec_linux(o, n->config);
	if (n->parsed->process && n->parsed->seccomp)
		json_object_set_new(o, "seccomp", json_true());
	if (n->creating)
		json_object_set_new(o, "creating", json_true());
	return o;
}

int state_describe(struct state *s, const struct state_new *n, struct err *e)
{
	char created[CLOCK_TEXT_MAX];
	OWN_JSON cgroup = n->cgroup ? cgroup_record(n->cgroup) : NULL;
	OWN_JSON doc = json_object();
	json_t *paths = json_object_get(cgroup, "paths");

	/* the moment of creation stays when the record is made again */
	(void)snprintf(created, sizeof created, "%s", s->created ? s->created : "");
	if (!*created)
		clock_format(clock_now_ns(), created);
	json_object_set_new(doc, "id", json_string(s->id));
	json_object_set_new(doc, "init_process_pid", json_integer(n->init.pid));
	json_object_set_new(doc, "init_process_start", json_integer((json_int_t)n->init.start_ticks));
	json_object_set_new(doc, "created", json_string(created));
	json_object_set_new(doc, "rootless", json_boolean(n->rootless));
	json_object_set_new(doc, "config", config_object(n));
	if (n->streams)
		json_object_set_new(doc, "external_descriptors",
				    json_pack("[s, s, s]", n->streams[0], n->streams[1], n->streams[2]));
	if (paths)
		json_object_set(doc, "cgroup_paths", paths);
	json_object_set_new(doc, "namespace_paths", namespace_paths(n));
	json_object_set_new(doc, "onggi", own_object(n, cgroup));
	if (!json_object_get(doc, "onggi") || !json_object_get(doc, "config"))
		return nomem(e);
	own_json_done(&s->doc);
	s->doc = ptr_take(&doc);
	return state_decode(s, e);
}

int state_decode(struct state *s, struct err *e)
{
	const json_t *d = s->doc, *own = json_object_get(d, "onggi");
	const json_t *list = js_at(d, "config.namespaces"), *ns;
	size_t i;

	if (strcmp(js_str(d, "id", ""), s->id) || !json_is_object(own))
		return err_new(e, E_CORRUPT, EBADMSG, "%s is no record of this container", STATE_FILE);
	s->init.pid = (pid_t)js_int(d, "init_process_pid", 0);
	s->init.start_ticks = (uint64_t)js_int(d, "init_process_start", 0);
	s->created = js_str(d, "created", "");
	s->rootfs = js_str(d, "config.rootfs", "");
	s->rootless = js_bool(d, "rootless", false);
	s->bundle = js_str(own, "bundle", "");
	s->owner = js_str(own, "owner", "0");
	s->oci_version = js_str(own, "oci_version", BUNDLE_VERSION_MIN);
	s->annotations = json_object_get(own, "annotations");
	s->process = json_object_get(own, "process");
	s->hooks = json_object_get(own, "hooks");
	s->cgroup = json_object_get(own, "cgroup");
	s->rdt = json_object_get(own, "intelRdt");
	/* rootless without any group: a record of nothing */
	if (!json_object_size(json_object_get(s->cgroup, "paths")) && !json_object_get(s->cgroup, "unit"))
		s->cgroup = NULL;
	s->creating = js_bool(own, "creating", false);
	s->filtered = js_bool(own, "seccomp", false);
	s->own_pids = false;
	json_array_foreach((json_t *)list, i, ns)
		if (!strcmp(js_str(ns, "type", ""), ns_table[NS_PID].runc) && !*js_str(ns, "path", ""))
			s->own_pids = true;
	return 0;
}

int state_oci_json(const struct state *s, const char *status, pid_t pid, json_t **ret, struct err *e)
{
	OWN_JSON o = json_object();

	json_object_set_new(o, "ociVersion", json_string(s->oci_version));
	json_object_set_new(o, "id", json_string(s->id));
	json_object_set_new(o, "status", json_string(status));
	if (pid > 0)
		json_object_set_new(o, "pid", json_integer(pid));
	json_object_set_new(o, "bundle", json_string(s->bundle));
	share(o, "annotations", s->annotations);
	if (!json_object_get(o, "bundle"))
		return nomem(e);
	*ret = ptr_take(&o);
	return 0;
}

/* the record holds one member alone; a minimal config around it goes through the one parser */
static int member_parse(const char *key, const json_t *value, struct arena *a, struct bundle *ret,
			struct err *e)
{
	OWN_JSON config = json_pack("{s:s, s:{s:s}, s:O}", "ociVersion", BUNDLE_VERSION_MAX, "root", "path", "/",
				    key, (json_t *)value);
	return config ? bundle_parse(config, a, ret, e) : nomem(e);
}

int state_late_hooks(const struct state *s, enum bundle_hook_point p, struct arena *a,
		     struct bundle_hooks *ret, struct err *e)
{
	struct bundle b;

	*ret = (struct bundle_hooks){ 0 };
	if (!json_array_size(json_object_get(s->hooks, bundle_hook_name(p))))
		return 0;
	int r = member_parse("hooks", s->hooks, a, &b, e);
	if (r < 0)
		return r;
	*ret = b.hooks[p];
	return 0;
}

int state_exec_linux(const struct state *s, struct arena *a, struct bundle *ret, struct err *e)
{
	const json_t *part = js_at(s->doc, "onggi.linux");

	*ret = (struct bundle){ .oci_version = NULL };
	return part ? member_parse("linux", part, a, ret, e) : 0;
}
