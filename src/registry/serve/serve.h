/* SPDX-License-Identifier: Apache-2.0
 *
 * A small registry (distribution-spec 1.1): what others push is kept in one folder and given to whoever pulls.
 *
 *   serve.c   sockets, signals, one thread per connection      conn.c     one connection: requests, bodies, replies
 *   route.c   path -> handler                                  depot.c    the folder (its layout: serve_int.h)
 *   blobs.c uploads.c manifests.c lists.c                      what the spec's sections say
 *   cache.c download.c                                         a pull-through cache
 *   collect.c shrink.c keeper.c                                what is removed again
 *   passwords.c tls.c                                          who may ask, and whether others can listen
 *
 * Whatever is visible is whole and on disk: a blob gets its name after its digest was checked and its bytes were
 * synced, a manifest is shown after all that it names. Killed at any moment the folder is consistent, and uploads go
 * on where they were.
 */
#ifndef ONGGI_REGISTRY_SERVE_H
#define ONGGI_REGISTRY_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct registry_access;

struct serve_req {
	const char *listen;      /* "127.0.0.1:5000", "[::1]:0", ":5000" (every address) */
	const char *root;        /* folder, made when missing */
	const char *proxy;       /* registry whose pull-through cache it is; NULL: none */
	const struct registry_access *proxy_access; /* how upstream is reached, over what is configured; may be NULL */
	int64_t proxy_ttl_s;     /* a cache keeps nothing that was not asked for in so long; 0: no limit */
	uint64_t proxy_bytes;    /* nor more than this; 0: no limit */
	const char *htpasswd;    /* file of users (serve/passwords.h) that have to say who they are; NULL: anybody may */
	const char *tls_cert, *tls_key; /* files of certificate and key: https; NULL: plain http */
	bool read_only;          /* nothing can be pushed or deleted */
	bool allow_delete;       /* tags, manifests and blobs can be deleted */
	bool quiet;              /* no line per request */
	unsigned connections;    /* at most so many at a time; more wait */
	unsigned upload_hours;   /* an upload that nobody goes on with is removed after so long */
	void (*ready)(void *data, const char *address); /* it listens at "HOST:PORT" */
	void *data;
};

/** registry_serve - serve until SIGTERM or SIGINT; requests under way are finished then. A second signal ends the
 * process at once. Blocks these signals in the calling thread, which should be the only one. */
int registry_serve(const struct serve_req *req, struct err *e);

#endif
