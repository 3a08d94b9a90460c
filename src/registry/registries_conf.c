/* SPDX-License-Identifier: Apache-2.0
 *
 * registries.conf: see registries_conf.h.
 */
#include "registry/registries_conf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "format/toml.h"

enum { CONF_BYTES_MAX = 1 << 20 };

/* what the registry's repositories begin with */
static const char *prefix_of(const json_t *table)
{
	const char *prefix = js_str(table, "prefix", "");
	return *prefix ? prefix : js_str(table, "location", "");
}

static int table_check(const json_t *table, struct err *e)
{
	json_t *mirrors = NULL, *m;
	size_t i;

	if (!json_is_object(table) || !*prefix_of(table))
		return err_new(e, E_INVALID, EINVAL, "[[registry]] without prefix and location");
	if (js_get_arr(table, "registry", "mirror", &mirrors, e) < 0)
		return -e->eno;
	json_array_foreach(mirrors, i, m) {
		if (!*js_str(m, "location", ""))
			return err_new(e, E_INVALID, EINVAL, "[[registry.mirror]] of %.80s without location",
				       prefix_of(table));
	}
	return 0;
}

static int table_add(json_t *list, json_t *table, struct err *e)
{
	json_t *old;
	size_t i;

	json_array_foreach(list, i, old) {
		if (strcmp(prefix_of(old), prefix_of(table)) != 0)
			continue;
		return json_array_set(list, i, table) < 0 ? err_new(e, E_NOMEM, ENOMEM, "registries.conf") : 0;
	}
	return json_array_append(list, table) < 0 ? err_new(e, E_NOMEM, ENOMEM, "registries.conf") : 0;
}

static int file_read(const char *path, json_t *list, struct err *e)
{
	OWN_JSON j = NULL;
	json_t *tables = NULL, *t;
	size_t i;

	if (toml_load(AT_FDCWD, path, CONF_BYTES_MAX, &j, e) < 0) {
		if (e->kind != E_NOT_FOUND && e->eno != ENOTDIR)
			return err_ctx(e, "configuration");
		err_clear(e);
		return 0;
	}
	if (js_get_arr(j, "", "registry", &tables, e) < 0)
		return err_ctx(e, "%s", path);
	json_array_foreach(tables, i, t) {
		if (table_check(t, e) < 0 || table_add(list, t, e) < 0)
			return err_ctx(e, "%s", path);
	}
	return 0;
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);
	return n > 5 && !strcmp(d->d_name + n - 5, ".conf");
}

static int folder_read(const char *path, json_t *list, struct err *e)
{
	struct dirent **names;
	int n = scandir(path, &names, is_conf, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, errno, "open %s", path);
	for (int i = 0; i < n; i++) {
		OWN_BUF file = { 0 };
		buf_printf(&file, "%s/%s", path, names[i]->d_name);
		if (r == 0)
			r = buf_failed(&file) ? err_new(e, E_NOMEM, ENOMEM, "%s", path) :
						file_read(buf_str(&file), list, e);
		free(names[i]);
	}
	free(names);
	return r;
}

/* the file that counts for this user */
static void file_choose(struct buf *out)
{
	const char *given = getenv("CONTAINERS_REGISTRIES_CONF"), *config = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");

	if (given && *given) {
		buf_puts(out, given);
		return;
	}
	if (config && *config)
		buf_printf(out, "%s/containers/registries.conf", config);
	else if (home && *home)
		buf_printf(out, "%s/.config/containers/registries.conf", home);
	if (out->n && !buf_failed(out) && access(buf_str(out), F_OK) == 0)
		return;
	out->n = 0;
	buf_puts(out, "/etc/containers/registries.conf");
}

int registries_conf_load(json_t **ret, struct err *e)
{
	OWN_JSON list = json_array();
	OWN_BUF file = { 0 };
	OWN_BUF folder = { 0 };

	file_choose(&file);
	if (!list || buf_failed(&file))
		return err_new(e, E_NOMEM, ENOMEM, "registries.conf");
	buf_printf(&folder, "%s.d", buf_str(&file));
	if (buf_failed(&folder))
		return err_new(e, E_NOMEM, ENOMEM, "registries.conf");
	if (file_read(buf_str(&file), list, e) < 0 || folder_read(buf_str(&folder), list, e) < 0)
		return -e->eno;
	*ret = ptr_take(&list);
	return 0;
}

/* bytes of @name that @prefix stands for, 0 when it does not fit; "*.host" fits any sub-domain */
static size_t prefix_match(const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	if (text_starts(prefix, "*.")) {
		const char *host_end = name + strcspn(name, "/"), *at = strstr(name, prefix + 1);
		const char *after = at ? at + n - 1 : NULL;
		if (!at || at == name || at >= host_end || (*after && *after != '/' && *after != ':'))
			return 0;
		return (size_t)(after - name);
	}
	if (strncmp(prefix, name, n) != 0 || (name[n] && name[n] != '/'))
		return 0;
	return n;
}

static bool mirror_applies(const json_t *table, const json_t *mirror, bool by_digest)
{
	const char *when = js_str(mirror, "pull-from-mirror", "all");

	if (js_bool(table, "mirror-by-digest-only", false) || !strcmp(when, "digest-only"))
		return by_digest;
	return strcmp(when, "tag-only") != 0 || !by_digest;
}

static int place_add(struct registries_place *out, int n, const struct registries_place *p,
		     const char *rest, struct arena *a)
{
	if (n < 0 || n == REGISTRIES_PLACES_MAX)
		return n;
	out[n] = *p;
	out[n].location = arena_printf(a, "%s%s", p->location, rest);
	return out[n].location ? n + 1 : -ENOMEM;
}

int registries_conf_places(const json_t *list, const char *name, bool by_digest, struct arena *a,
			   struct registries_place out[REGISTRIES_PLACES_MAX], struct err *e)
{
	const json_t *best = NULL;
	size_t best_n = 0, best_prefix = 0, i;
	json_t *t, *mirrors = NULL, *m;
	int n = 0;

	json_array_foreach((json_t *)list, i, t) {
		size_t k = prefix_match(prefix_of(t), name), length = strlen(prefix_of(t));
		if (k && (!best || length > best_prefix)) {
			best = t;
			best_n = k;
			best_prefix = length;
		}
	}
	if (!best)
		return 0;
	if (js_bool(best, "blocked", false))
		return err_new(e, E_DENIED, EACCES, "registry %.200s is blocked in registries.conf", prefix_of(best));
	mirrors = json_object_get(best, "mirror");
	json_array_foreach(mirrors, i, m) {
		struct registries_place p = { .location = js_str(m, "location", ""), .mirror = true,
					      .insecure = js_bool(m, "insecure", false) };
		if (mirror_applies(best, m, by_digest))
			n = place_add(out, n, &p, name + best_n, a);
	}
	const char *location = js_str(best, "location", "");
	struct registries_place p = { .location = *location ? location : arena_strndup(a, name, best_n),
				      .insecure = js_bool(best, "insecure", false) };
	if (p.location)
		n = place_add(out, n, &p, name + best_n, a);
	return n < 0 || !p.location ? err_new(e, E_NOMEM, ENOMEM, "registries.conf") : n;
}
