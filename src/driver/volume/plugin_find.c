/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets and specifications of plugins, in docker's order: sockets first.
 */
#include "driver/volume/plugin_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/volume/plugin.h"
#include "format/js.h"

enum { SPEC_MAX = 64 << 10, NAME_LEN_MAX = 128 };

/* the next folder of the list at *@at into @dir; false at its end */
static bool next_dir(const char **at, char dir[PATH_MAX])
{
	while (**at) {
		size_t n = strcspn(*at, ":");
		const char *p = *at;
		*at += n + (p[n] == ':');
		if (n && n < PATH_MAX) {
			memcpy(dir, p, n);
			dir[n] = 0;
			return true;
		}
	}
	return false;
}

static const char *dirs(void)
{
	const char *own = getenv("ONGGI_PLUGINS");
	return own ? own : "/run/docker/plugins:/etc/docker/plugins:/usr/lib/docker/plugins";
}

static bool name_is_valid(const char *name)
{
	return *name && *name != '.' && strlen(name) < NAME_LEN_MAX && !strchr(name, '/');
}

static int address(const char *name, const char *addr, char *out, size_t n, struct err *e)
{
	if (!text_starts(addr, "unix://")) {
		err_new(e, E_UNSUPPORTED, EAFNOSUPPORT, "plugin %s: address %.200s is no Unix socket", name, addr);
		err_hint(e, "onggi speaks to plugins at unix:///PATH only");
		return -e->eno;
	}
	if (snprintf(out, n, "%s", addr + strlen("unix://")) >= (int)n)
		return err_new(e, E_INVALID, ENAMETOOLONG, "plugin %s: path of the socket is too long", name);
	return 0;
}

/* a specification: 1 read, 0 there is none */
static int spec_read(const char *name, const char *path, bool is_json, char *out, size_t n, struct err *e)
{
	OWN_STR text = NULL;
	OWN_JSON j = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, SPEC_MAX, &text, &len, e) < 0) {
		if (e->eno != ENOENT && e->eno != ENOTDIR)
			return err_ctx(e, "plugin %s", name);
		err_clear(e);
		return 0;
	}
	if (!is_json) {
		text[strcspn(text, "\r\n")] = 0;
		return address(name, text, out, n, e) < 0 ? -e->eno : 1;
	}
	if (js_parse(text, len, path, &j, e) < 0)
		return err_ctx(e, "plugin %s", name);
	return address(name, js_str(j, "Addr", ""), out, n, e) < 0 ? -e->eno : 1;
}

static bool is_socket(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISSOCK(st.st_mode);
}

int plugin_find(const char *name, char *out, size_t n, struct err *e)
{
	static const char *const kinds[] = { "sock", "sock", "spec", "spec", "json", "json" };
	char dir[PATH_MAX], path[PATH_MAX + 2 * NAME_LEN_MAX + 16];

	for (size_t i = 0; name_is_valid(name) && i < ARRAY_LEN(kinds); i++) {
		const char *kind = kinds[i], *at = dirs();
		while (next_dir(&at, dir)) {
			/* NAME.sock, then NAME/NAME.sock */
			(void)snprintf(path, sizeof path, "%s/%s%s%s.%s", dir, name, i % 2 ? "/" : "", i % 2 ? name : "", kind);
			if (strcmp(kind, "sock") != 0) {
				int r = spec_read(name, path, *kind == 'j', out, n, e);
				if (r)
					return r < 0 ? r : 0;
			} else if (is_socket(path)) {
				if (snprintf(out, n, "%s", path) < (int)n)
					return 0;
				return err_new(e, E_INVALID, ENAMETOOLONG, "plugin %s: path of the socket is too long", name);
			}
		}
	}
	return err_new(e, E_NOT_FOUND, ENOENT, "plugin \"%s\" not found", name);
}

/* length of the name in "x.sock", "x.spec", "x.json", or of a folder x: plugin_find tells whether it holds one */
static size_t name_len(const char *entry)
{
	static const char *const ends[] = { ".sock", ".spec", ".json" };
	size_t n = strlen(entry);

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (n > 5 && !strcmp(entry + n - 5, ends[i]))
			return n - 5;
	return n;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

int plugin_names(json_t **ret, struct err *e)
{
	OWN_JSON set = json_object();
	json_t *list = json_array(), *v;
	char dir[PATH_MAX], name[NAME_LEN_MAX + 1], path[PATH_MAX];
	const char *at = dirs(), *key;
	size_t n = 0;

	while (set && list && next_dir(&at, dir)) {
		OWN_DIR d = opendir(dir);
		for (struct dirent *en; d && (en = readdir(d));) {
			struct err why = { 0 };
			(void)snprintf(name, sizeof name, "%.*s", (int)name_len(en->d_name), en->d_name);
			if (name_is_valid(name) && (plugin_find(name, path, sizeof path, &why) == 0 || why.kind != E_NOT_FOUND))
				(void)json_object_set_new(set, name, json_true());
		}
	}
	OWN_PTR json_t **sorted = calloc(json_object_size(set) + 1, sizeof *sorted);
	if (!set || !list || !sorted) {
		json_decref(list);
		return err_new(e, E_NOMEM, ENOMEM, "list of plugins");
	}
	json_object_foreach(set, key, v)
		sorted[n++] = json_string(key);
	qsort(sorted, n, sizeof *sorted, by_text);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, sorted[i]);
	*ret = list;
	return 0;
}
