/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pull-through cache asks upstream: see cache.h. Downloads of blobs are in download.c.
 */
#include "registry/serve/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "registry/client.h"

enum { AWAY_S = 10, UPSTREAMS_MAX = 1000 };

/* a client of one repository: it knows the endpoint that answered and the token */
struct upstream {
	struct upstream *next;
	struct cache *cache;
	unsigned refs;           /* who works with it */
	struct registry *registry;
	char name[REFERENCE_NAME_MAX + 1];
};

struct cache {
	struct serve *s;
	char host[REFERENCE_NAME_MAX + 1];
	struct registry_config config;
	atomic_bool cancel;
	struct downloads *downloads;
	pthread_mutex_t lock; /* of what follows */
	struct upstream *list; /* the last used first */
	unsigned n_upstreams;
	int64_t away_until_ns; /* could not be reached a moment ago: where something is here it is not asked */
};

int cache_open(struct serve *s, const char *host, struct cache **ret, struct err *e)
{
	char probe[REFERENCE_NAME_MAX + 8];
	struct reference ref;
	struct cache *c = calloc(1, sizeof *c);

	if (!c || pthread_mutex_init(&c->lock, NULL)) {
		free(c);
		return err_new(e, E_NOMEM, ENOMEM, "cache");
	}
	c->s = s;
	if (snprintf(probe, sizeof probe, "%s/x/y", host) >= (int)sizeof probe || reference_parse(probe, &ref, e) < 0 ||
	    strcmp(ref.path, "x/y") != 0) {
		cache_close(c);
		return err_new(e, E_USAGE, EINVAL, "--proxy %.80s: HOST[:PORT] of a registry is wanted", host);
	}
	(void)snprintf(c->host, sizeof c->host, "%s", host);
	if (registry_config_load(s->req->proxy_access, &c->config, e) < 0 || downloads_open(s, &c->downloads, e) < 0) {
		cache_close(c);
		return -e->eno;
	}
	*ret = c;
	return 0;
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	atomic_store(&c->cancel, true);
	downloads_close(c->downloads);
	for (struct upstream *u = c->list, *next; u; u = next) {
		next = u->next;
		registry_close(u->registry);
		free(u);
	}
	registry_config_done(&c->config);
	(void)pthread_mutex_destroy(&c->lock); /* no thread is left */
	free(c);
}

/* under the lock: names cost nothing to make up, so memory has a bound. What is used stays: connections have one, too. */
static void upstreams_trim(struct cache *c)
{
	struct upstream **oldest = NULL;

	if (c->n_upstreams < UPSTREAMS_MAX)
		return;
	for (struct upstream **at = &c->list; *at; at = &(*at)->next)
		if (!(*at)->refs)
			oldest = at;
	if (!oldest)
		return;
	struct upstream *u = *oldest;
	*oldest = u->next;
	c->n_upstreams--;
	registry_close(u->registry);
	free(u);
}

/* under the lock */
static int upstream_new(struct cache *c, const char *name, struct upstream **ret, struct err *e)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;
	struct upstream *u = calloc(1, sizeof *u);

	if (!u)
		return err_new(e, E_NOMEM, ENOMEM, "upstream");
	(void)snprintf(text, sizeof text, "%s/%s", c->host, name);
	if (reference_parse(text, &ref, e) < 0 || registry_open(&ref, &c->config, "pull", &c->cancel, &u->registry, e) < 0) {
		free(u);
		return -e->eno;
	}
	(void)snprintf(u->name, sizeof u->name, "%s", name);
	u->cache = c;
	upstreams_trim(c);
	c->n_upstreams++;
	*ret = u;
	return 0;
}

/* client and connections for @name, to be given to upstream_put */
static int upstream_get(struct conn *conn, const char *name, struct upstream **ret, struct err *e)
{
	struct cache *c = conn->s->cache;
	struct upstream **at, *u;
	int r = 0;

	if (!conn->http && http_open(&conn->http, e) < 0)
		return -e->eno;
	pthread_mutex_lock(&c->lock);
	for (at = &c->list; *at && strcmp((*at)->name, name) != 0;)
		at = &(*at)->next;
	u = *at;
	if (u)
		*at = u->next;
	else
		r = upstream_new(c, name, &u, e);
	if (r == 0) {
		u->refs++;
		u->next = c->list;
		c->list = u;
		*ret = u;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

void upstream_hold(struct upstream *u)
{
	pthread_mutex_lock(&u->cache->lock);
	u->refs++;
	pthread_mutex_unlock(&u->cache->lock);
}

void upstream_put(struct upstream *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->cache->lock);
	u->refs--;
	pthread_mutex_unlock(&u->cache->lock);
}

struct registry *upstream_registry(struct upstream *u)
{
	return u->registry;
}

static void upstream_done(struct upstream **u)
{
	upstream_put(*u);
}

#define OWN_UPSTREAM CLEANUP(upstream_done) struct upstream *

/* whether it is no answer of upstream but that it gives none; noted for a moment */
static bool is_away(struct cache *c, const struct err *e)
{
	bool away = e->kind == E_NETWORK || e->kind == E_TIMEOUT || e->kind == E_BUSY;

	if (away) {
		pthread_mutex_lock(&c->lock);
		c->away_until_ns = clock_mono_ns() + AWAY_S * 1000000000LL;
		pthread_mutex_unlock(&c->lock);
	}
	return away;
}

static bool was_away(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	bool away = clock_mono_ns() < c->away_until_ns;
	pthread_mutex_unlock(&c->lock);
	return away;
}

/* fetch by tag or digest, keep, and let the tag name it */
static int manifest_fetch(struct conn *conn, const struct route *to, struct registry *reg, const char *what,
			  const char *tag, struct err *e)
{
	struct registry_manifest raw = { 0 };
	OWN_MANIFEST m = { 0 };
	OWN_FD repo = -1, lock = -1;

	if (registry_manifest_get(reg, conn->http, what, &raw, e) < 0)
		return -e->eno;
	OWN_STR bytes = raw.bytes;
	raw.content_type[strcspn(raw.content_type, "; ")] = 0;
	bool typed = media_is_manifest(raw.content_type) || media_is_index(raw.content_type);
	if (manifest_parse(bytes, raw.n, typed ? raw.content_type : NULL, &m, e) < 0 ||
	    repo_open(&conn->s->depot, to->name, true, &repo, e) < 0 || repo_lock(repo, &lock, e) < 0)
		return -e->eno;
	if (typed)
		m.media_type = raw.content_type;
	const struct buf body = { .p = bytes, .n = raw.n };
	return manifest_store(conn, repo, tag, &body, &m, raw.digest, e);
}

/* the digest that the cached tag names, "" when there is none */
static bool here(struct conn *conn, const struct route *to, bool by_digest, char digest[DIGEST_TEXT_MAX])
{
	struct err ignored = { 0 };
	OWN_FD repo = -1;
	char type[128];

	if (by_digest)
		(void)snprintf(digest, DIGEST_TEXT_MAX, "%s", to->ref);
	return repo_open(&conn->s->depot, to->name, false, &repo, &ignored) == 0 &&
	       (by_digest || repo_tag_get(repo, to->ref, digest, &ignored) == 0) &&
	       repo_manifest_type(repo, digest, type, &ignored) == 0;
}

/* what upstream does not have any more is not shown */
static void tag_forget(struct conn *conn, const struct route *to)
{
	struct err ignored = { 0 };
	OWN_FD repo = -1, lock = -1;

	if (repo_open(&conn->s->depot, to->name, false, &repo, &ignored) == 0 &&
	    repo_lock(repo, &lock, &ignored) == 0)
		(void)repo_tag_remove(repo, to->ref, &ignored);
}

int cache_manifest(struct conn *conn, const struct route *to, struct err *e)
{
	struct cache *c = conn->s->cache;
	char have[DIGEST_TEXT_MAX], now[DIGEST_TEXT_MAX] = "";
	bool by_digest = digest_is_valid(to->ref);
	OWN_UPSTREAM up = NULL;

	bool cached = here(conn, to, by_digest, have);
	if (cached && (by_digest || was_away(c)))
		return 0;
	if (upstream_get(conn, to->name, &up, e) < 0)
		return -e->eno;
	int r = by_digest ? 0 : registry_manifest_digest(up->registry, conn->http, to->ref, now, e);
	if (r == 0 && cached && !strcmp(now, have))
		return 0;
	if (r == 0)
		r = manifest_fetch(conn, to, up->registry, *now ? now : to->ref, by_digest ? NULL : to->ref, e);
	if (r == 0)
		return 0;
	if (is_away(c, e) && cached)
		return 0;
	if (e->kind == E_NOT_FOUND && !by_digest)
		tag_forget(conn, to);
	return e->kind == E_NOT_FOUND ? 0 : r;
}

int cache_blob(struct conn *conn, const struct route *to, struct reply *r, struct err *e)
{
	struct cache *c = conn->s->cache;
	OWN_UPSTREAM up = NULL;
	int64_t size;

	if (upstream_get(conn, to->name, &up, e) < 0)
		return -e->eno;
	if (registry_blob_size(up->registry, conn->http, to->ref, &size, e) < 0) {
		(void)is_away(c, e);
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	}
	r->status = 200;
	r->n = (uint64_t)size;
	if (!strcmp(conn->req.method, "HEAD"))
		return 0;
	return download_join(c->downloads, up, to->name, to->ref, (uint64_t)size, &r->download, e);
}

/* 1: upstream may be asked | 0: it is away */
static int list_begin(struct conn *conn, const struct route *to, struct upstream **ret, struct err *e)
{
	if (was_away(conn->s->cache))
		return 0;
	return upstream_get(conn, to->name, ret, e) < 0 ? -e->eno : 1;
}

int cache_tags(struct conn *conn, const struct route *to, char ***ret, size_t *ret_n, struct err *e)
{
	struct cache *c = conn->s->cache;
	OWN_UPSTREAM up = NULL;
	int r = list_begin(conn, to, &up, e);

	if (r <= 0)
		return r;
	if (registry_tags(up->registry, conn->http, ret, ret_n, e) < 0)
		return is_away(c, e) ? 0 : -e->eno;
	names_sort(*ret, *ret_n);
	return 1;
}

int cache_referrers(struct conn *conn, const struct route *to, const char *type, json_t **ret, struct err *e)
{
	struct cache *c = conn->s->cache;
	OWN_UPSTREAM up = NULL;
	int r = list_begin(conn, to, &up, e);

	if (r <= 0)
		return r;
	if (registry_referrers(up->registry, conn->http, to->ref, type, ret, e) < 0)
		return is_away(c, e) ? 0 : -e->eno;
	return 1;
}

int cache_reply_error(struct reply *r, const struct err *e)
{
	if (e->kind == E_NOT_FOUND)
		return reply_error(r, 404, "NAME_UNKNOWN", "%s", e->chain);
	if (e->kind == E_AUTH || e->kind == E_DENIED)
		return reply_error(r, 403, "DENIED", "%s", e->chain);
	return e->kind == E_BUSY ? reply_error(r, 429, "TOOMANYREQUESTS", "%s", e->chain) :
				   reply_error(r, 502, "UNKNOWN", "upstream: %s", e->chain);
}
