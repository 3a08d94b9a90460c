/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts as users write them: see mount_spec.h.
 */
#include "spec/mount_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "format/js.h"

static const char *const type_names[MOUNT_TYPE_N] = { "bind", "volume", "tmpfs" };

static bool is_propagation(const char *w)
{
	static const char *const words[] = { "private", "rprivate", "shared", "rshared", "slave", "rslave" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i], w))
			return true;
	return false;
}

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "mount");
}

/* clean absolute path that is not the root */
static int target_set(const char *given, const char *what, struct arena *a, const char **ret, struct err *e)
{
	size_t n = strlen(given);
	char *clean = arena_get(a, n + 2);

	if (!clean)
		return no_memory(e);
	if (*given != '/')
		return err_new(e, E_INVALID, EINVAL, "%s: invalid mount path: '%s' mount path must be absolute",
			       what, given);
	if (path_normalize(given, clean, n + 2) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%s: path too long", what);
	if (!clean[1])
		return err_new(e, E_INVALID, EINVAL, "%s: invalid specification: destination can't be '/'",
			       what);
	*ret = clean;
	return 0;
}

/* one word of "ro,z,rslave"; each class of words may stand once */
static int mode_word(const char *w, struct mount_spec *m, unsigned *seen)
{
	enum { RW = 1, LABEL = 2, PROPAGATION = 4, COPY = 8, CONSISTENCY = 16 };
	unsigned class;

	if (!strcmp(w, "ro") || !strcmp(w, "rw")) {
		class = RW;
		m->read_only = w[1] == 'o';
	} else if (!strcmp(w, "z") || !strcmp(w, "Z")) {
		class = LABEL;
		m->relabel = *w == 'z' ? "z" : "Z";
	} else if (is_propagation(w) && m->type == MOUNT_BIND) {
		class = PROPAGATION;
		m->propagation = w;
	} else if (!strcmp(w, "nocopy") && m->type == MOUNT_VOLUME) {
		class = COPY;
		m->no_copy = true;
	} else if (!strcmp(w, "cached") || !strcmp(w, "delegated") || !strcmp(w, "consistent") ||
		   !strcmp(w, "default"))
		class = CONSISTENCY;
	else
		return -EINVAL;
	if (*seen & class)
		return -EINVAL;
	*seen |= class;
	return 0;
}

static int mode_parse(char *mode, struct mount_spec *m)
{
	unsigned seen = 0;
	char *save = NULL;

	for (char *w = strtok_r(mode, ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (mode_word(w, m, &seen) < 0)
			return -EINVAL;
	return 0;
}

int mount_spec_parse_bind(const char *s, struct arena *a, struct mount_spec *ret, struct err *e)
{
	struct mount_spec m = { .mode = "" };
	char what[300], *part[3] = { 0 };
	size_t n = 0;

	(void)snprintf(what, sizeof what, "invalid volume specification: '%.200s'", s);
	for (const char *p = s;;) {
		size_t len = strcspn(p, ":");
		if (n == ARRAY_LEN(part) || !len)
			return err_new(e, E_INVALID, EINVAL, "%s", what);
		if (!(part[n++] = arena_strndup(a, p, len)))
			return no_memory(e);
		if (!p[len])
			break;
		p += len + 1;
	}
	if (n < 2)
		return err_new(e, E_INVALID, EINVAL, "%s", what);
	m.type = *part[0] == '/' ? MOUNT_BIND : MOUNT_VOLUME;
	if (target_set(part[1], what, a, &m.target, e) < 0)
		return -e->eno;
	if (n == 3) {
		if (!(m.mode = arena_strdup(a, part[2])))
			return no_memory(e);
		if (mode_parse(part[2], &m) < 0)
			return err_new(e, E_INVALID, EINVAL, "%s: invalid mode: %s", what, m.mode);
	}
	m.source = part[0];
	if (m.type == MOUNT_BIND) {
		m.make_source = true;
		char *clean = arena_get(a, strlen(part[0]) + 2);
		if (!clean || path_normalize(part[0], clean, strlen(part[0]) + 2) < 0)
			return no_memory(e);
		m.source = clean;
	} else if (strchr(part[0], '/')) {
		err_new(e, E_INVALID, EINVAL,
			"%s: \"%s\" includes invalid characters for a local volume name, only "
			"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed", what, part[0]);
		err_hint(e, "to mount a host directory use its absolute path");
		return -e->eno;
	}
	*ret = m;
	return 0;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = js_str(o, key, NULL);
	return s && *s ? s : NULL;
}

static int bind_options(const json_t *o, const char *what, struct mount_spec *m, struct err *e)
{
	m->propagation = text(o, "Propagation");
	m->non_recursive = js_bool(o, "NonRecursive", false);
	m->make_source = js_bool(o, "CreateMountpoint", false);
	m->ro_non_recursive = js_bool(o, "ReadOnlyNonRecursive", false);
	m->ro_force_recursive = js_bool(o, "ReadOnlyForceRecursive", false);
	if (m->propagation && !is_propagation(m->propagation))
		return err_new(e, E_INVALID, EINVAL, "%s: invalid propagation mode: %s", what, m->propagation);
	if ((m->ro_non_recursive || m->ro_force_recursive) && !m->read_only)
		return err_new(e, E_INVALID, EINVAL, "%s: a mode of read-only needs a read-only mount", what);
	if (m->ro_non_recursive && m->ro_force_recursive)
		return err_new(e, E_INVALID, EINVAL,
			       "%s: ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other", what);
	return 0;
}

static int volume_options(const json_t *o, const char *what, struct mount_spec *m, struct err *e)
{
	m->no_copy = js_bool(o, "NoCopy", false);
	m->labels = json_object_get(o, "Labels");
	m->driver = text(o, "DriverConfig.Name");
	m->driver_opts = js_at(o, "DriverConfig.Options");
	m->subpath = text(o, "Subpath");
	if (m->subpath && !path_is_clean(m->subpath))
		return err_new(e, E_INVALID, EINVAL, "%s: subpath must be a relative path within the volume: %s",
			       what, m->subpath);
	return 0;
}

/* tmpfs words: flags of the mount, or KEY=VALUE of the file system */
static bool tmpfs_word_ok(const char *w)
{
	static const char *const words[] = {
		"async", "atime", "defaults", "dev", "diratime", "dirsync", "exec", "gid=", "huge=",
		"iversion", "mand", "mode=", "mpol=", "noatime", "nodev", "nodiratime", "noexec",
		"noiversion", "nomand", "norelatime", "nostrictatime", "nosuid", "nr_blocks=", "nr_inodes=",
		"private", "relatime", "remount", "ro", "rprivate", "rshared", "rslave", "runbindable", "rw",
		"shared", "size=", "slave", "strictatime", "suid", "sync", "unbindable",
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);
		if (words[i][n - 1] == '=' ? !strncmp(words[i], w, n) && w[n] : !strcmp(words[i], w))
			return true;
	}
	return false;
}

static int tmpfs_options(const json_t *o, const char *what, struct arena *a, struct mount_spec *m,
			 struct err *e)
{
	const json_t *list = json_object_get(o, "Options");
	size_t n = json_array_size(list);
	const char **words = arena_get(a, (n + 1) * sizeof *words);

	if (!words)
		return no_memory(e);
	m->size_bytes = js_int(o, "SizeBytes", 0);
	m->tmpfs_mode = (mode_t)js_int(o, "Mode", 0);
	if (m->size_bytes < 0)
		return err_new(e, E_INVALID, EINVAL, "%s: size must not be negative", what);
	/* each option is ["flag"] or ["key", "value"] */
	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(list, i);
		const char *k = json_string_value(json_array_get(pair, 0));
		const char *v = json_string_value(json_array_get(pair, 1));
		words[i] = !k ? NULL : v ? arena_printf(a, "%s=%s", k, v) : k;
		if (!words[i] || !tmpfs_word_ok(words[i]))
			return err_new(e, E_INVALID, EINVAL, "%s: invalid option: %s", what,
				       words[i] ? words[i] : "(none)");
	}
	m->options = words;
	return 0;
}

static int mount_check(const json_t *m, const char *what, struct arena *a, struct mount_spec *s,
		       struct err *e)
{
	static const char *const option_keys[MOUNT_TYPE_N] = { "BindOptions", "VolumeOptions", "TmpfsOptions" };
	const json_t *o = json_object_get(m, option_keys[s->type]);
	char *clean;

	for (int t = 0; t < MOUNT_TYPE_N; t++)
		if (t != (int)s->type && json_object_get(m, option_keys[t]) &&
		    json_object_size(json_object_get(m, option_keys[t])))
			return err_new(e, E_INVALID, EINVAL, "%s: field %s must not be specified", what,
				       option_keys[t]);
	switch (s->type) {
	case MOUNT_BIND:
		if (!s->source)
			return err_new(e, E_INVALID, EINVAL, "%s: field Source must not be empty", what);
		if (*s->source != '/')
			return err_new(e, E_INVALID, EINVAL,
				       "%s: invalid mount path: '%s' mount path must be absolute", what, s->source);
		if (!(clean = arena_get(a, strlen(s->source) + 2)) ||
		    path_normalize(s->source, clean, strlen(s->source) + 2) < 0)
			return no_memory(e);
		s->source = clean;
		return bind_options(o, what, s, e);
	case MOUNT_VOLUME:
		if (!s->source && js_str(o, "Subpath", NULL) && *js_str(o, "Subpath", ""))
			return err_new(e, E_INVALID, EINVAL, "%s: must not set Subpath when using anonymous volumes",
				       what);
		return volume_options(o, what, s, e);
	case MOUNT_TMPFS:
		if (s->source)
			return err_new(e, E_INVALID, EINVAL, "%s: field Source must not be specified", what);
		return tmpfs_options(o, what, a, s, e);
	case MOUNT_TYPE_N:
	default:
		return err_new(e, E_INTERNAL, EINVAL, "mount type");
	}
}

int mount_spec_parse_mount(const json_t *m, struct arena *a, struct mount_spec *ret, struct err *e)
{
	struct mount_spec s = { .mode = "", .type = MOUNT_TYPE_N };
	const char *type = js_str(m, "Type", ""), *target = text(m, "Target");
	char what[120];

	for (int t = 0; t < MOUNT_TYPE_N; t++)
		if (!strcmp(type_names[t], type))
			s.type = (enum mount_type)t;
	(void)snprintf(what, sizeof what, "invalid mount config for type \"%.40s\"", type);
	if (s.type == MOUNT_TYPE_N) {
		bool known = !strcmp(type, "image") || !strcmp(type, "npipe") || !strcmp(type, "cluster");
		return err_new(e, known ? E_UNSUPPORTED : E_INVALID, EINVAL, "mount type %s: \"%s\"",
			       known ? "not supported" : "unknown", type);
	}
	if (!target)
		return err_new(e, E_INVALID, EINVAL, "%s: field Target must not be empty", what);
	if (target_set(target, what, a, &s.target, e) < 0)
		return -e->eno;
	s.source = text(m, "Source");
	s.read_only = js_bool(m, "ReadOnly", false);
	if (mount_check(m, what, a, &s, e) < 0)
		return -e->eno;
	*ret = s;
	return 0;
}

int mount_spec_parse_tmpfs(const char *path, const char *options, struct arena *a,
			   struct mount_spec *ret, struct err *e)
{
	struct mount_spec m = { .type = MOUNT_TMPFS, .mode = "" };
	char *copy = arena_strdup(a, options), *save = NULL;
	size_t n = 0, cap = 0;
	const char **words = arena_grow(a, NULL, &cap, 1, sizeof *words);

	if (!copy || !words)
		return no_memory(e);
	if (target_set(path, "invalid tmpfs mount", a, &m.target, e) < 0)
		return -e->eno;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (!tmpfs_word_ok(w))
			return err_new(e, E_INVALID, EINVAL, "invalid tmpfs option \"%s\"", w);
		if (text_starts(w, "size=") && strchr(w, '%') == NULL && text_bytes(w + 5, &m.size_bytes) < 0)
			return err_new(e, E_INVALID, EINVAL, "invalid tmpfs option \"%s\"", w);
		if (!(words = arena_grow(a, words, &cap, n + 2, sizeof *words)))
			return no_memory(e);
		words[n++] = w;
	}
	words[n] = NULL;
	m.options = words;
	*ret = m;
	return 0;
}

/* a tmpfs may hide nothing and be hidden by nothing; two -v of one target are an error too */
static int duplicates_check(const struct mount_spec *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(v[i].target, v[k].target))
				return err_new(e, E_INVALID, EINVAL, "Duplicate mount point: %s", v[i].target);
	return 0;
}

int mount_spec_parse_all(const json_t *host_config, struct arena *a, struct mount_spec **ret,
			 size_t *ret_n, struct err *e)
{
	const json_t *binds = json_object_get(host_config, "Binds");
	const json_t *mounts = json_object_get(host_config, "Mounts");
	json_t *tmpfs = json_object_get(host_config, "Tmpfs"), *v;
	size_t max = json_array_size(binds) + json_array_size(mounts) + json_object_size(tmpfs), n = 0, i;
	struct mount_spec *list = arena_get(a, (max + 1) * sizeof *list);
	const char *key;

	if (!list)
		return no_memory(e);
	json_array_foreach(binds, i, v)
		if (mount_spec_parse_bind(json_string_value(v), a, &list[n++], e) < 0)
			return -e->eno;
	json_array_foreach(mounts, i, v)
		if (mount_spec_parse_mount(v, a, &list[n++], e) < 0)
			return -e->eno;
	json_object_foreach(tmpfs, key, v)
		if (mount_spec_parse_tmpfs(key, json_string_value(v), a, &list[n++], e) < 0)
			return -e->eno;
	if (duplicates_check(list, n, e) < 0)
		return -e->eno;
	*ret = list;
	*ret_n = n;
	return 0;
}
