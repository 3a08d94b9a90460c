/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists in pages: tags of a repository, repositories, referrers of a manifest. distribution-spec, "Content Discovery".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/serve/cache.h"

enum { QUERY_MAX = 600, PAGE_MAX = 10000, REFERRERS_PAGE_BYTES = 3 << 20 };

struct page {
	uint64_t n;            /* at most so many */
	bool has_n;
	char last[QUERY_MAX];  /* begin after this one; "" at the start */
};

/* 1: @r refuses it */
static int page_of(const struct conn *c, struct page *ret, struct reply *r)
{
	char n[24];
	int has_n = http_query_get(c->req.query, "n", n, sizeof n);
	int has_last = http_query_get(c->req.query, "last", ret->last, sizeof ret->last);

	if (!has_last)
		*ret->last = 0;
	ret->n = PAGE_MAX;
	ret->has_n = has_n > 0;
	if (has_last < 0 || has_n < 0 || (has_n && text_uint64(n, &ret->n) < 0)) {
		(void)reply_error(r, 400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested");
		return 1;
	}
	if (ret->n > PAGE_MAX)
		ret->n = PAGE_MAX;
	return 0;
}

/* @names (sorted, freed here) as member @key of @ret; a Link where there are more */
static int page_reply(const struct page *page, char **names, size_t n, const char *key, json_t *ret, const char *path,
		      struct reply *r, struct err *e)
{
	json_t *list = json_array();
	size_t i = 0, last = 0;
	uint64_t taken = 0;

	while (i < n && *page->last && strcmp(names[i], page->last) <= 0)
		i++;
	for (; i < n && taken < page->n; i++, taken++) {
		(void)json_array_append_new(list, json_string(names[i])); /* a missing list is told below */
		last = i;
	}
	if (i < n && taken)
		reply_header(r, "Link: </v2/%s?last=%s&n=%llu>; rel=\"next\"", path, names[last], (unsigned long long)page->n);
	names_free(names, n);
	if (json_object_set_new(ret, key, list) < 0) {
		json_decref(ret);
		return err_new(e, E_NOMEM, ENOMEM, "list");
	}
	return reply_json(r, 200, "application/json", ret, e);
}

int tags_list(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char path[REFERENCE_NAME_MAX + 16];
	struct page page;
	OWN_FD repo = -1;
	char **names;
	size_t n;

	if (page_of(c, &page, r))
		return 0;
	(void)snprintf(path, sizeof path, "%s/tags/list", to->name);
	int res = c->s->cache ? cache_tags(c, to, &names, &n, e) : 0;
	if (res < 0)
		return cache_reply_error(r, e);
	if (res)
		return page_reply(&page, names, n, "tags", json_pack("{s:s}", "name", to->name), path, r, e);
	res = repo_open(&c->s->depot, to->name, false, &repo, e);
	if (res < 0)
		return e->kind == E_NOT_FOUND ? reply_error(r, 404, "NAME_UNKNOWN", "repository name not known to registry") : res;
	if (names_list(repo, "tags", &names, &n, e) < 0)
		return -e->eno;
	return page_reply(&page, names, n, "tags", json_pack("{s:s}", "name", to->name), path, r, e);
}

/* a repository counts when something was pushed to it in the end, and is still there */
static bool repo_counts(const struct depot *d, const char *name)
{
	struct err ignored = { 0 };
	OWN_FD repo = -1;
	char **names = NULL;
	size_t n = 0;

	if (repo_open(d, name, false, &repo, &ignored) == 0)
		(void)names_list(repo, "manifests", &names, &n, &ignored);
	names_free(names, n);
	return n > 0;
}

int catalog_list(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	const struct depot *d = &c->s->depot;
	struct page page;
	char **names;
	size_t n, kept = 0;

	(void)to;
	if (page_of(c, &page, r))
		return 0;
	if (names_list(d->store.root_fd, "repositories", &names, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		for (char *p = names[i]; *p; p++)
			if (*p == '+')
				*p = '/';
		if (repo_counts(d, names[i]))
			names[kept++] = names[i];
		else
			free(names[i]);
	}
	names_sort(names, kept); /* '/' comes after '-' and '.', '+' before */
	return page_reply(&page, names, kept, "repositories", json_object(), "_catalog", r, e);
}

/* descriptor of one referrer; NULL: it is not one any more, or of another type */
static json_t *referrer_load(int xrepo, const char *dir, const char *key, const char *type)
{
	char digest[DIGEST_TEXT_MAX], media[128], path[400];
	struct err ignored = { 0 };
	json_t *j = NULL;

	(void)snprintf(path, sizeof path, "%s/%s", dir, key);
	if (!depot_key_digest(key, digest) || repo_manifest_type(xrepo, digest, media, &ignored) < 0 ||
	    js_load(xrepo, path, MANIFEST_BYTES_MAX, &j, &ignored) < 0)
		return NULL;
	if (!type || !strcmp(js_str(j, "artifactType", ""), type))
		return j;
	json_decref(j);
	return NULL;
}

/* entries after @last, until the page is full. @ret_next: the last one on it where there are more, else "" */
static int referrers_collect(int xrepo, const char *dir, const char *last, const char *type, json_t *list,
			     char ret_next[DIGEST_TEXT_MAX], struct err *e)
{
	size_t n, bytes = 0;
	char **keys;
	int r = names_list(xrepo, dir, &keys, &n, e);

	*ret_next = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (*last && strcmp(keys[i], last) <= 0)
			continue;
		OWN_JSON j = referrer_load(xrepo, dir, keys[i], type);
		OWN_STR text = j ? json_dumps(j, JSON_COMPACT) : NULL;
		if (!text)
			continue;
		if (bytes && bytes + strlen(text) > REFERRERS_PAGE_BYTES)
			break;
		bytes += strlen(text);
		(void)snprintf(ret_next, DIGEST_TEXT_MAX, "%s", keys[i]);
		if (json_array_append(list, j) < 0)
			r = err_new(e, E_NOMEM, ENOMEM, "referrers");
	}
	if (n && !strcmp(ret_next, keys[n - 1]))
		*ret_next = 0;
	names_free(keys, n);
	return r;
}

int referrers_list(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char dir[DEPOT_KEY_MAX + 16], key[DEPOT_KEY_MAX], next[DIGEST_TEXT_MAX] = "", type[256];
	const char *raw = strstr(c->req.query, "artifactType=");
	struct page page;
	OWN_FD repo = -1;

	if (!digest_is_valid(to->ref))
		return reply_error(r, 400, "DIGEST_INVALID", "invalid digest");
	if (page_of(c, &page, r))
		return 0;
	int filtered = http_query_get(c->req.query, "artifactType", type, sizeof type);
	if (filtered < 0)
		return reply_error(r, 400, "UNSUPPORTED", "invalid artifactType");
	OWN_JSON index = NULL;
	int res = c->s->cache ? cache_referrers(c, to, filtered ? type : NULL, &index, e) : 0;
	if (res < 0)
		return cache_reply_error(r, e);
	if (res) {
		if (filtered)
			reply_header(r, "OCI-Filters-Applied: artifactType");
		return reply_json(r, 200, MEDIA_OCI_INDEX, json_incref(index), e);
	}
	OWN_JSON list = json_array();
	depot_key(to->ref, key);
	(void)snprintf(dir, sizeof dir, "referrers/%s", key);
	/* of a manifest or repository that is not here there are none, which is no error */
	res = repo_open(&c->s->depot, to->name, false, &repo, e);
	if (res == 0)
		res = referrers_collect(repo, dir, page.last, filtered ? type : NULL, list, next, e);
	else if (e->kind == E_NOT_FOUND)
		res = 0;
	if (res < 0)
		return res;
	if (filtered)
		reply_header(r, "OCI-Filters-Applied: artifactType");
	if (*next)
		reply_header(r, "Link: </v2/%s/referrers/%s?last=%s%s%.*s>; rel=\"next\"", to->name, to->ref, next,
			     filtered ? "&" : "", filtered && raw ? (int)strcspn(raw, "&>") : 0, raw ? raw : "");
	return reply_json(r, 200, MEDIA_OCI_INDEX,
			  json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", MEDIA_OCI_INDEX, "manifests", list), e);
}
