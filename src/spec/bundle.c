/* SPDX-License-Identifier: Apache-2.0
 *
 * The OCI runtime configuration: top level, root, mounts, hooks. See bundle.h; the process and
 * linux objects have files of their own.
 */
#include "spec/bundle.h"

#include <string.h>

#include "base/path.h"
#include "spec/bundle_int.h"
#include "spec/limits.h"

static const char *const hook_names[BUNDLE_HOOK_POINTS] = {
	[BUNDLE_HOOK_PRESTART] = "prestart",
	[BUNDLE_HOOK_CREATE_RUNTIME] = "createRuntime",
	[BUNDLE_HOOK_CREATE_CONTAINER] = "createContainer",
	[BUNDLE_HOOK_START_CONTAINER] = "startContainer",
	[BUNDLE_HOOK_POSTSTART] = "poststart",
	[BUNDLE_HOOK_POSTSTOP] = "poststop",
};

const char *bundle_hook_name(enum bundle_hook_point p)
{
	return (unsigned)p < BUNDLE_HOOK_POINTS ? hook_names[p] : NULL;
}

/* three numbers of a semantic version; what follows is -pre-release or +build */
static bool version_parse(const char *s, unsigned v[3])
{
	for (int i = 0; i < 3; i++) {
		if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
			return false;
		for (v[i] = 0; *s >= '0' && *s <= '9'; s++)
			if ((v[i] = v[i] * 10 + (unsigned)(*s - '0')) > 99999)
				return false;
		if (i < 2 && *s++ != '.')
			return false;
	}
	if (!*s)
		return true;
	return (*s == '-' || *s == '+') && s[1] &&
	       !s[1 + strspn(s + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-")];
}

int bundle_version_check(const char *version, struct err *e)
{
	unsigned v[3];

	if (!version_parse(version, v))
		return err_new(e, E_INVALID, EINVAL, "ociVersion: \"%s\" is no semantic version", version);
	/* minor versions only add, and what is unknown is ignored: refusing a new one breaks every
	 * container on the day when an engine moves on */
	if (v[0] != 1)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "ociVersion: %s is not supported, only 1.x",
			       version);
	return 0;
}

static int destination_read(struct reader *r, const struct where *w, const json_t *o,
			    struct bundle_mount *m)
{
	const char *dest = NULL;
	int n = read_str(r, w, o, "destination", &dest);
	if (n < 0)
		return n;
	if (!n)
		return where_fail(r, w, "destination", "must not be empty");
	if (*dest != '/') {
		/* allowed before 1.0.2-dev and still seen */
		if ((n = where_warn(r, w, "destination", "\"%s\" is relative, taken as /%s", dest, dest)) < 0)
			return n;
		dest = arena_printf(r->arena, "/%s", dest);
		if (!dest)
			return read_nomem(r);
	}
	return read_clean_path(r, w, "destination", dest, &m->destination);
}

static int mount_rules(struct reader *r, const struct where *w, struct bundle_mount *m)
{
	if (!m->uid_maps.n != !m->gid_maps.n)
		return where_fail(r, w, m->uid_maps.n ? "gidMappings" : "uidMappings",
				  "uidMappings and gidMappings must be given together");
	if (m->uid_maps.n && m->opt.idmap == MOUNT_IDMAP_NONE)
		m->opt.idmap = MOUNT_IDMAP_ONE;
	if (m->opt.idmap != MOUNT_IDMAP_NONE && (!m->opt.bind || m->opt.remount))
		return where_fail(r, w, m->uid_maps.n ? "uidMappings" : "options",
				  "only a bind mount can have mapped ids");
	if (m->opt.bind && !m->opt.remount && !m->source)
		return where_fail(r, w, "source", "must be given for a bind mount");
	if (m->opt.bind && m->opt.n_data)
		return where_fail(r, w, "options", "\"%s\": a bind mount takes no file system options",
				  m->opt.data[0]);
	if (!m->opt.bind && !m->opt.remount && !m->type && !m->opt.n_propagation)
		return where_fail(r, w, "type", "must be given");
	return 0;
}

static int mount_read(struct reader *r, const struct where *w, const json_t *o, void *ret)
{
	struct bundle_mount *m = ret;
	struct bundle_strv words = { 0 };
	int n;

	if ((n = destination_read(r, w, o, m)) < 0 || (n = read_str(r, w, o, "type", &m->type)) < 0 ||
	    (n = read_str(r, w, o, "source", &m->source)) < 0 ||
	    (n = read_strv(r, w, o, "options", &words)) < 0 ||
	    (n = read_id_maps(r, w, o, "uidMappings", &m->uid_maps)) < 0 ||
	    (n = read_id_maps(r, w, o, "gidMappings", &m->gid_maps)) < 0)
		return n;
	for (size_t i = 0; i < words.n; i++)
		if ((n = mount_opt_add(&m->opt, words.v[i], r->arena, r->e)) < 0)
			return n;
	/* the type of a bind is a dummy by the spec, yet some name only that */
	if (m->type && !strcmp(m->type, "bind"))
		m->opt.bind = true;
	if (m->type && !strcmp(m->type, "rbind"))
		m->opt.bind = m->opt.bind_rec = true;
	return mount_rules(r, w, m);
}

static int mounts_read(struct reader *r, const json_t *o, struct bundle *b)
{
	static const struct object_reader how = { sizeof(struct bundle_mount), LIMIT_MOUNTS, mount_read };
	struct where list = { NULL, "mounts", 0 };
	const void *v = NULL;
	int n = read_objects(r, NULL, o, "mounts", &how, &v, &b->n_mounts);
	b->mounts = v;
	/* an id-mapped mount takes the container's mapping when it has none of its own */
	for (size_t i = 0; n >= 0 && i < b->n_mounts; i++) {
		struct where at = { &list, NULL, i };
		const struct bundle_mount *m = &b->mounts[i];
		if (m->opt.idmap != MOUNT_IDMAP_NONE && !m->uid_maps.n && !b->ns[NS_USER].present)
			return where_fail(r, &at, "uidMappings",
					  "an id-mapped mount without a user namespace needs mappings");
	}
	return n;
}

static int hook_read(struct reader *r, const struct where *w, const json_t *o, void *ret)
{
	struct bundle_hook *h = ret;
	int64_t timeout = 0;
	int n;

	if ((n = read_str(r, w, o, "path", &h->path)) < 0 || (n = read_strv(r, w, o, "args", &h->args)) < 0 ||
	    (n = read_strv(r, w, o, "env", &h->env)) < 0 ||
	    (n = read_int(r, w, o, "timeout", (struct int_range){ 1, INT32_MAX }, &timeout)) < 0)
		return n;
	h->timeout_s = (int)timeout;
	if (!h->path)
		return where_fail(r, w, "path", "must not be empty");
	if (*h->path != '/')
		return where_fail(r, w, "path", "\"%s\" is not an absolute path", h->path);
	return 0;
}

static int hooks_read(struct reader *r, const json_t *o, struct bundle *b)
{
	static const struct object_reader how = { sizeof(struct bundle_hook), LIMIT_HOOKS, hook_read };
	struct where w = { NULL, "hooks", 0 };
	json_t *hooks;
	int n = read_obj(r, NULL, o, "hooks", &hooks);
	if (n <= 0)
		return n;
	for (int p = 0; p < BUNDLE_HOOK_POINTS; p++) {
		const void *v = NULL;
		n = read_objects(r, &w, hooks, hook_names[p], &how, &v, &b->hooks[p].n);
		if (n < 0)
			return n;
		b->hooks[p].v = v;
	}
	return 1;
}

static int annotations_read(struct reader *r, const json_t *o, struct bundle *b)
{
	struct where w = { NULL, "annotations", 0 };
	const char *key;
	json_t *obj, *value;
	int n = read_obj(r, NULL, o, "annotations", &obj);
	if (n <= 0)
		return n;
	json_object_foreach(obj, key, value) {
		if (!*key)
			return where_fail(r, &w, NULL, "a key is empty");
		if (!json_is_string(value))
			return where_fail(r, &w, key, "expected string");
	}
	b->annotations = obj;
	return 1;
}

static int top_read(struct reader *r, const json_t *o, struct bundle *b)
{
	struct where root_at = { NULL, "root", 0 };
	json_t *root;
	int n;

	if ((n = read_str(r, NULL, o, "ociVersion", &b->oci_version)) < 0)
		return n;
	if (!n)
		return where_fail(r, NULL, "ociVersion", "must be given");
	if ((n = bundle_version_check(b->oci_version, r->e)) < 0 || (n = read_obj(r, NULL, o, "root", &root)) < 0)
		return n;
	if (!n)
		return where_fail(r, NULL, "root", "must be given");
	if ((n = read_str(r, &root_at, root, "path", &b->root.path)) < 0)
		return n;
	if (!n)
		return where_fail(r, &root_at, "path", "must not be empty");
	if ((n = read_bool(r, &root_at, root, "readonly", &b->root.read_only)) < 0 ||
	    (n = read_str(r, NULL, o, "hostname", &b->hostname)) < 0)
		return n;
	return read_str(r, NULL, o, "domainname", &b->domainname);
}

static int names_check(struct reader *r, const struct bundle *b)
{
	if (b->ns[NS_UTS].present)
		return 0;
	if (b->hostname)
		return where_fail(r, NULL, "hostname", "needs a uts namespace");
	if (b->domainname)
		return where_fail(r, NULL, "domainname", "needs a uts namespace");
	return 0;
}

int bundle_parse(const json_t *config, struct arena *a, struct bundle *ret, struct err *e)
{
	static const char *const none[] = { NULL };
	struct err own = { 0 };
	struct reader r = { .arena = a, .e = e ? e : &own };
	struct bundle b = { .masked_paths.v = none, .readonly_paths.v = none,
			    .intel_rdt.schemata.v = none, .warnings.v = none };
	struct where process_at = { NULL, "process", 0 };
	json_t *obj = NULL;
	int n;

	if (!json_is_object(config))
		return where_fail(&r, NULL, NULL, "the configuration is no JSON object");
	if ((n = top_read(&r, config, &b)) < 0 || (n = read_obj(&r, NULL, config, "process", &obj)) < 0)
		return n;
	if (n) {
		struct bundle_process *p = arena_get(a, sizeof *p);
		if (!p)
			return read_nomem(&r);
		if ((n = process_read(&r, &process_at, obj, p)) < 0)
			return n;
		b.process = p;
	}
	if ((n = read_obj(&r, NULL, config, "linux", &obj)) < 0 || (n && (n = linux_read(&r, obj, &b)) < 0) ||
	    (n = names_check(&r, &b)) < 0 || (n = mounts_read(&r, config, &b)) < 0 ||
	    (n = hooks_read(&r, config, &b)) < 0 || (n = annotations_read(&r, config, &b)) < 0)
		return n;
	if (r.warnings)
		b.warnings = (struct bundle_strv){ r.warnings, r.n_warnings };
	*ret = b;
	return 0;
}
