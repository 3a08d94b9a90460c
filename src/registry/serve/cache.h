/* SPDX-License-Identifier: Apache-2.0
 *
 * Pull-through cache: what the registry server does not have it fetches from another registry, by the client that
 * pulls use too (mirrors, credentials, certificates, resume), and keeps.
 *
 *   tag       the upstream is asked what it names (HEAD); where it cannot be reached, the cached tag counts
 *   manifest  fetched once, by digest
 *   blob      one download however many clients ask; they read the file while it grows, and get the last byte only
 *             when the digest was right
 */
#ifndef ONGGI_REGISTRY_SERVE_CACHE_H
#define ONGGI_REGISTRY_SERVE_CACHE_H

#include "registry/serve/serve_int.h"

struct cache;

/** cache_open - for upstream @host ("docker.io", "localhost:5000"). Borrows @s. */
int cache_open(struct serve *s, const char *host, struct cache **ret, struct err *e);
/** cache_close - ends downloads that nobody waits for any more. NULL is fine. */
void cache_close(struct cache *c);

/** cache_manifest - make sure that repository and manifest that @to names are here as upstream has them now. 0: what
 * is here counts, also when that is nothing | E_AUTH, E_NETWORK ... upstream does not give it and nothing is here. */
int cache_manifest(struct conn *c, const struct route *to, struct err *e);
/** cache_blob - a blob that is not in the repository: @r becomes the reply that streams it, or its head. 0 also when
 * there is no such blob (r->status stays 0). */
int cache_blob(struct conn *c, const struct route *to, struct reply *r, struct err *e);
/** cache_tags, cache_referrers - the list of upstream; 1: got it | 0: upstream cannot be reached, take what is here. */
int cache_tags(struct conn *c, const struct route *to, char ***ret, size_t *ret_n, struct err *e);
int cache_referrers(struct conn *c, const struct route *to, const char *type, json_t **ret, struct err *e);
/** cache_reply_error - what a client is told of an error of upstream. Returns 0. */
int cache_reply_error(struct reply *r, const struct err *e);

/* a client of one repository of upstream, shared by all who ask for it */
struct upstream;
void upstream_hold(struct upstream *u);
/** upstream_put - NULL is fine. */
void upstream_put(struct upstream *u);
struct registry *upstream_registry(struct upstream *u);

/* ---- download.c ---- */

struct download;
struct downloads;

int downloads_open(struct serve *s, struct downloads **ret, struct err *e);
/** downloads_close - cancels what is under way (it can be resumed) and waits for its threads. NULL is fine. */
void downloads_close(struct downloads *d);
/** download_join - the download of @digest into repository @name, which is begun when nobody has: by a thread of its
 * own with @up, which it holds. To be given to download_leave. */
int download_join(struct downloads *d, struct upstream *up, const char *name, const char *digest, uint64_t size,
		  struct download **ret, struct err *e);
void download_leave(struct download *d);
/** download_send - @n bytes from @from on to the client of @c, as they come. */
int download_send(struct download *d, struct conn *c, uint64_t from, uint64_t n, struct err *e);

#endif
