/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed readers of the bundle parser, each naming the JSON path of what is wrong: see
 * bundle_int.h.
 */
#include "spec/bundle_int.h"

#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/limits.h"

/* the path as text, innermost last; what does not fit is cut */
static size_t where_text(const struct where *w, const char *key, char *out, size_t size)
{
	size_t n = 0;

	if (w) {
		n = where_text(w->up, NULL, out, size);
		if (n < size)
			n += (size_t)(w->key ? snprintf(out + n, size - n, "%s%s", n ? "." : "", w->key) :
					       snprintf(out + n, size - n, "[%zu]", w->index));
	} else if (size)
		out[0] = 0;
	if (key && n < size)
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "." : "", key);
	return n < size ? n : size - 1;
}

int where_fail(struct reader *r, const struct where *w, const char *key, const char *fmt, ...)
{
	char path[256], msg[512];
	va_list ap;

	(void)where_text(w, key, path, sizeof path);
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof msg, fmt, ap); /* cut is fine */
	va_end(ap);
	return err_new(r->e, E_INVALID, EINVAL, "%s%s%s", path, path[0] ? ": " : "", msg);
}

int read_nomem(struct reader *r)
{
	return err_new(r->e, E_NOMEM, ENOMEM, "read config: out of memory");
}

int where_warn(struct reader *r, const struct where *w, const char *key, const char *fmt, ...)
{
	char path[256];
	va_list ap;

	(void)where_text(w, key, path, sizeof path);
	va_start(ap, fmt);
	const char *msg = arena_vprintf(r->arena, fmt, ap);
	va_end(ap);
	/* one more for the NULL at the end */
	const char **v = arena_grow(r->arena, r->warnings, &r->cap_warnings, r->n_warnings + 2, sizeof *v);
	if (!msg || !v)
		return read_nomem(r);
	r->warnings = v;
	v[r->n_warnings] = arena_printf(r->arena, "%s%s%s", path, path[0] ? ": " : "", msg);
	if (!v[r->n_warnings])
		return read_nomem(r);
	v[++r->n_warnings] = NULL;
	return 0;
}

/* js_get_* said "key: what": put the path before it */
static int located(struct reader *r, const struct where *w)
{
	char path[256], *chain = r->e->chain;
	size_t n = where_text(w, NULL, path, sizeof path - 1), old = strlen(chain);

	if (n) {
		path[n++] = '.';
		if (old > sizeof r->e->chain - n - 1)
			old = sizeof r->e->chain - n - 1;
		memmove(chain + n, chain, old);
		chain[n + old] = 0;
		memcpy(chain, path, n);
	}
	return -r->e->eno;
}

int read_str(struct reader *r, const struct where *w, const json_t *o, const char *key, const char **ret)
{
	const char *s = "";
	int n = js_get_str(o, "", key, &s, r->e);
	if (n < 0)
		return located(r, w);
	if (!*s)
		return 0;
	*ret = s;
	return 1;
}

int read_bool(struct reader *r, const struct where *w, const json_t *o, const char *key, bool *ret)
{
	int n = js_get_bool(o, "", key, ret, r->e);
	return n < 0 ? located(r, w) : n;
}

int read_obj(struct reader *r, const struct where *w, const json_t *o, const char *key, json_t **ret)
{
	int n = js_get_obj(o, "", key, ret, r->e);
	return n < 0 ? located(r, w) : n;
}

int read_arr(struct reader *r, const struct where *w, const json_t *o, const char *key, size_t max,
	     json_t **ret)
{
	int n = js_get_arr(o, "", key, ret, r->e);
	if (n < 0)
		return located(r, w);
	if (n && json_array_size(*ret) > max)
		return where_fail(r, w, key, "%zu members, at most %zu", json_array_size(*ret), max);
	return n;
}

int read_int(struct reader *r, const struct where *w, const json_t *o, const char *key,
	     struct int_range range, int64_t *ret)
{
	int64_t v = 0;
	int n = js_get_int(o, "", key, &v, r->e);
	if (n < 0)
		return located(r, w);
	if (!n)
		return 0;
	if (v < range.min || v > range.max)
		return where_fail(r, w, key, "%lld is out of range, must be %lld to %lld", (long long)v,
				  (long long)range.min, (long long)range.max);
	*ret = v;
	return 1;
}

int read_u32(struct reader *r, const struct where *w, const json_t *o, const char *key, uint32_t *ret)
{
	int64_t v = 0;
	int n = read_int(r, w, o, key, (struct int_range){ 0, UINT32_MAX }, &v);
	if (n > 0)
		*ret = (uint32_t)v;
	return n;
}

int read_u64(struct reader *r, const struct where *w, const json_t *o, const char *key, uint64_t *ret)
{
	int64_t v = 0;
	int n = read_int(r, w, o, key, (struct int_range){ INT64_MIN, INT64_MAX }, &v);
	if (n > 0)
		*ret = (uint64_t)v;
	return n;
}

int read_id(struct reader *r, const struct where *w, const json_t *o, const char *key, uint32_t *ret)
{
	int64_t v = 0;
	/* 2^32-1 is (uid_t)-1: "do not change", no id */
	int n = read_int(r, w, o, key, (struct int_range){ 0, UINT32_MAX - INT64_C(1) }, &v);
	if (n > 0)
		*ret = (uint32_t)v;
	return n;
}

static const char *const no_strings[] = { NULL };

int read_strv(struct reader *r, const struct where *w, const json_t *o, const char *key,
	      struct bundle_strv *ret)
{
	struct where list = { w, key, 0 };
	json_t *arr;

	if (!ret->v)
		ret->v = no_strings;
	int n = read_arr(r, w, o, key, LIMIT_ARGS, &arr);
	if (n <= 0)
		return n;
	size_t count = json_array_size(arr);
	const char **v = arena_get(r->arena, (count + 1) * sizeof *v);
	if (!v)
		return read_nomem(r);
	for (size_t i = 0; i < count; i++) {
		const json_t *s = json_array_get(arr, i);
		struct where at = { &list, NULL, i };
		if (!json_is_string(s))
			return where_fail(r, &at, NULL, "expected string");
		v[i] = json_string_value(s);
		if (strlen(v[i]) != json_string_length(s))
			return where_fail(r, &at, NULL, "NUL byte in string");
	}
	ret->v = v;
	ret->n = count;
	return 1;
}

int read_clean_path(struct reader *r, const struct where *w, const char *key, const char *path,
		    const char **ret)
{
	char clean[4096];

	if (*path != '/')
		return where_fail(r, w, key, "\"%s\" is not an absolute path", path);
	if (path_normalize(path, clean, sizeof clean) < 0)
		return where_fail(r, w, key, "path too long");
	*ret = strcmp(path, clean) ? arena_strdup(r->arena, clean) : path;
	return *ret ? 0 : read_nomem(r);
}

static bool cpu_list_ok(const char *s)
{
	enum { CPU_MAX = 65535 };

	for (;;) {
		unsigned v[2] = { 0, 0 };
		for (int i = 0; i < 2; i++) {
			if (*s < '0' || *s > '9')
				return false;
			for (; *s >= '0' && *s <= '9'; s++)
				if ((v[i] = v[i] * 10 + (unsigned)(*s - '0')) > CPU_MAX)
					return false;
			if (i == 0 && *s != '-') {
				v[1] = v[0];
				break;
			}
			if (i == 0)
				s++;
		}
		if (v[1] < v[0])
			return false;
		if (!*s)
			return true;
		if (*s++ != ',')
			return false;
	}
}

int read_cpu_list(struct reader *r, const struct where *w, const char *key, const char *list)
{
	return cpu_list_ok(list) ? 0 : where_fail(r, w, key, "\"%s\" is no list such as 0-3,7", list);
}

int read_objects(struct reader *r, const struct where *w, const json_t *o, const char *key,
		 const struct object_reader *how, const void **ret, size_t *ret_n)
{
	struct where list = { w, key, 0 };
	json_t *arr;
	int n = read_arr(r, w, o, key, how->max, &arr);
	if (n <= 0)
		return n;
	size_t count = json_array_size(arr);
	char *v = arena_get(r->arena, count * how->size + 1);
	if (!v)
		return read_nomem(r);
	for (size_t i = 0; i < count; i++) {
		struct where at = { &list, NULL, i };
		const json_t *m = json_array_get(arr, i);
		if (!json_is_object(m))
			return where_fail(r, &at, NULL, "expected object");
		n = how->one(r, &at, m, v + i * how->size);
		if (n < 0)
			return n;
	}
	*ret = v;
	*ret_n = count;
	return 1;
}

static int id_map_read(struct reader *r, const struct where *w, const json_t *o, void *ret)
{
	struct bundle_id_map *m = ret;
	int n;

	if ((n = read_id(r, w, o, "containerID", &m->container)) < 0 ||
	    (n = read_id(r, w, o, "hostID", &m->host)) < 0 || (n = read_u32(r, w, o, "size", &m->size)) < 0)
		return n;
	if (!m->size)
		return where_fail(r, w, "size", "must be at least 1");
	if (m->size - 1 > UINT32_MAX - m->container || m->size - 1 > UINT32_MAX - m->host)
		return where_fail(r, w, "size", "the range ends above 4294967295");
	return 0;
}

int read_id_maps(struct reader *r, const struct where *w, const json_t *o, const char *key,
		 struct bundle_id_maps *ret)
{
	static const struct object_reader how = { sizeof(struct bundle_id_map), LIMIT_ID_MAPS,
						  id_map_read };
	const void *v = NULL;
	int n = read_objects(r, w, o, key, &how, &v, &ret->n);
	ret->v = v;
	return n;
}
