/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the registry client: one exchange with all its retries. See client.h.
 */
#ifndef ONGGI_REGISTRY_CLIENT_INT_H
#define ONGGI_REGISTRY_CLIENT_INT_H

#include <pthread.h>

#include "base/arena.h"
#include "registry/auth.h"
#include "registry/client.h"

struct registry {
	struct reference ref;
	const struct registry_config *config;
	const atomic_bool *cancel;
	struct arena arena;
	struct registry_endpoints endpoints;
	struct auth *auth[REGISTRY_ENDPOINTS_MAX];
	pthread_mutex_t lock;
	size_t at;       /* endpoint in use */
	bool answered;   /* that endpoint has answered: it will be kept */
	bool writes;     /* opened for "push": no mirrors */
	char warning[256];
};

struct registry_call {
	const char *method;
	const char *what;           /* after the repository: "manifests/latest", "tags/list?n=1" */
	bool whole;                 /* @what is of the registry, not of the repository */
	const char *url;            /* instead of @what: whole URL (Link, Location); away from the
				       endpoint it gets no authorization */
	const struct http_body *body;
	const char *const *headers;
	size_t max_body;
	struct registry_sink *sink; /* body of 2xx; the range follows sink->at_bytes */
	int64_t size;               /* of the whole when there is a sink; with @range the end of the range */
	bool range;                 /* a part of the whole: nothing but a range will do */
	const struct registry_retry *retry;
	bool once;                  /* the caller decides about another attempt */
};

/** registry_exchange - one call with authorization and retries. 0: a reply came that is no use
 * trying again (any status but 401, 429, 5xx). */
int registry_exchange(struct registry *r, struct http *h, const struct registry_call *c,
		      struct http_resp *ret, struct err *e);
/** registry_backoff - wait before attempt @attempt + 1: @delay_ms, or 0 for the usual delay, which
 * doubles. E_CANCELLED. */
int registry_backoff(struct registry *r, unsigned attempt, unsigned delay_ms,
		     const struct registry_retry *retry, struct err *why);
/** registry_is_transient - whether a reply with this status may be another one in a moment. */
bool registry_is_transient(long status);
/** registry_auth_err - an E_AUTH error in docker's one sentence for all of them. */
int registry_auth_err(const struct registry *r, struct err *e);
/** registry_status_err - the error for a reply whose status is not 2xx. @wanted: tag, digest or
 * NULL. */
int registry_status_err(const struct registry *r, const struct http_resp *resp, const char *wanted,
			struct err *e);

/** registry_next_page - Link: </v2/NAME/tags/list?last=x&n=100>; rel="next" -> @out: URL of the next page, 1; 0: this
 * was the last. A page that is not on the same host is E_CORRUPT: the list would be taken for whole without it. */
int registry_next_page(const struct registry *r, const struct http_resp *resp, struct buf *out, struct err *e);

#endif
