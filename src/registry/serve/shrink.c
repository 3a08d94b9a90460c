/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of a pull-through cache: see collect.h. When a blob was asked for last is the time of its link in a
 * repository, the latest of them all counts. What goes loses tags, manifest and links first, its bytes last; a client
 * who reads it meanwhile has it open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/own.h"
#include "format/js.h"
#include "registry/serve/collect.h"

enum { PATH_MAX_BYTES = 300 };

struct shrink {
	const struct depot *d;
	json_t *used; /* key -> nanoseconds of its last use */
	json_t *drop; /* key -> the same, of those that go */
};

struct aged {
	const char *key;
	json_int_t used_ns;
	uint64_t bytes;
};

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "limits of the cache");
}

/* when "blobs/KEY" was used; -1: it is not there */
static json_int_t link_time(int xrepo, const char *key)
{
	char path[PATH_MAX_BYTES];
	struct stat st;

	if (snprintf(path, sizeof path, "blobs/%s", key) >= (int)sizeof path ||
	    fstatat(xrepo, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return (json_int_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static int repo_note(void *data, const char *name, int xrepo, struct err *e)
{
	struct shrink *s = data;
	char **keys;
	size_t n;
	int r = names_list(xrepo, "blobs", &keys, &n, e);

	(void)name;
	for (size_t i = 0; r == 0 && i < n; i++) {
		json_int_t at = link_time(xrepo, keys[i]);
		if (at > json_integer_value(json_object_get(s->used, keys[i])) &&
		    json_object_set_new(s->used, keys[i], json_integer(at)) < 0)
			r = no_memory(e);
	}
	names_free(keys, n);
	return r;
}

static int by_age(const void *a, const void *b)
{
	const struct aged *x = a, *y = b;

	return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

/* which go; *ret_bytes: what is left then */
static int choose(struct shrink *s, int64_t ttl_s, uint64_t max_bytes, uint64_t *ret_bytes, struct err *e)
{
	OWN_PTR struct aged *list = calloc(json_object_size(s->used) + 1, sizeof *list);
	const json_int_t old = clock_now_ns() - ttl_s * 1000000000;
	uint64_t sum = 0;
	char digest[DIGEST_TEXT_MAX];
	const char *key;
	json_t *at;
	size_t n = 0;

	if (!list)
		return no_memory(e);
	json_object_foreach(s->used, key, at) {
		int64_t size = depot_key_digest(key, digest) ? blob_size(&s->d->store, digest) : -1;
		list[n] = (struct aged){ key, json_integer_value(at), size > 0 ? (uint64_t)size : 0 };
		sum += list[n++].bytes;
	}
	qsort(list, n, sizeof *list, by_age);
	uint64_t goal = max_bytes && sum > max_bytes ? max_bytes / 10 * 9 : UINT64_MAX;
	for (size_t i = 0; i < n && (sum > goal || (ttl_s && list[i].used_ns <= old)); i++) {
		if (json_object_set_new(s->drop, list[i].key, json_integer(list[i].used_ns)) < 0)
			return no_memory(e);
		sum -= list[i].bytes;
	}
	*ret_bytes = sum;
	return 0;
}

static int repo_drop(void *data, const char *name, int xrepo, struct err *e)
{
	struct shrink *s = data;
	char digest[DIGEST_TEXT_MAX];
	OWN_FD lock = -1;
	const char *key;
	json_t *at;

	(void)name;
	if (repo_lock(xrepo, &lock, e) < 0)
		return -e->eno;
	json_object_foreach(s->drop, key, at) {
		json_int_t now = link_time(xrepo, key);
		struct err none = { 0 };
		if (now < 0 || now > json_integer_value(at) || !depot_key_digest(key, digest))
			continue; /* not here, or asked for meanwhile */
		if (manifest_remove(s->d, xrepo, digest, &none) < 0 && none.kind != E_NOT_FOUND) {
			*e = none;
			return -e->eno;
		}
		if (repo_unlink_blob(xrepo, digest, e) < 0)
			return -e->eno;
	}
	return repo_sync(xrepo, e);
}

int depot_shrink(const struct depot *d, int64_t ttl_s, uint64_t max_bytes, uint64_t *ret_bytes, struct err *e)
{
	OWN_JSON used = json_object();
	OWN_JSON drop = json_object();
	struct shrink s = { d, used, drop };
	struct collect_result swept = { 0 };

	if (!used || !drop)
		return no_memory(e);
	if (depot_each_repo(d, repo_note, &s, e) < 0 || choose(&s, ttl_s, max_bytes, ret_bytes, e) < 0)
		return -e->eno;
	if (ttl_s)
		depot_expire(d, "tmp", ttl_s);
	if (json_object_size(drop) && depot_each_repo(d, repo_drop, &s, e) < 0)
		return -e->eno;
	return depot_sweep(d, NULL, NULL, &swept, e);
}
