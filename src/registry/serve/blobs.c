/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs of a repository: read (whole or a range), delete. distribution-spec, "Pulling blobs", "Deleting blobs".
 */
#include <string.h>

#include "base/own.h"
#include "registry/serve/cache.h"

static int unknown(struct reply *r)
{
	return reply_error(r, 404, "BLOB_UNKNOWN", "blob unknown to registry");
}

/* repository and digest of a request. 1: @r says what is wrong */
static int find(struct conn *c, const struct route *to, int *ret_repo, struct reply *r, struct err *e)
{
	if (!digest_is_valid(to->ref)) {
		(void)reply_error(r, 400, "DIGEST_INVALID", "invalid digest");
		return 1;
	}
	if (repo_open(&c->s->depot, to->name, false, ret_repo, e) == 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	(void)unknown(r);
	return 1;
}

/* which bytes of it */
static int range_set(const struct conn *c, uint64_t size, struct reply *r)
{
	const char *range = http_request_header(&c->req, "Range");
	int res = range ? http_range_parse(range, size, &r->from, &r->n) : 0;

	if (res < 0) {
		reply_header(r, "Content-Range: bytes */%llu", (unsigned long long)size);
		return reply_error(r, 416, "UNKNOWN", "the blob has %llu bytes", (unsigned long long)size);
	}
	r->status = res ? 206 : 200;
	if (res)
		reply_header(r, "Content-Range: bytes %llu-%llu/%llu", (unsigned long long)r->from,
			     (unsigned long long)(r->from + r->n - 1), (unsigned long long)size);
	else
		r->n = size;
	return 0;
}

/* what the repository has, or (as a cache) gets. 1: @r says that there is no such blob */
static int content_find(struct conn *c, const struct route *to, struct reply *r, uint64_t *ret_size, struct err *e)
{
	OWN_FD repo = -1;
	int res = find(c, to, &repo, r, e);

	if (res < 0 || r->status == 400)
		return res;
	if (res == 0 && repo_has_blob(&c->s->depot, repo, to->ref) >= 0 &&
	    blob_open(&c->s->depot.store, to->ref, &r->fd, ret_size, e) == 0)
		return 0;
	if (c->s->cache) {
		buf_done(&r->headers);
		buf_done(&r->body);
		r->status = 0;
		if (cache_blob(c, to, r, e) < 0) {
			(void)cache_reply_error(r, e);
			return 1;
		}
		*ret_size = r->n;
		if (r->status)
			return 0;
	}
	(void)unknown(r);
	return 1;
}

int blob_get(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	uint64_t size;
	int res = content_find(c, to, r, &size, e);

	if (res)
		return res < 0 ? res : 0;
	reply_header(r, "Accept-Ranges: bytes");
	reply_header(r, "Docker-Content-Digest: %s", to->ref);
	reply_header(r, "Etag: \"%s\"", to->ref);
	const char *have = http_request_header(&c->req, "If-None-Match");
	if (have && strstr(have, to->ref)) {
		r->status = 304;
		return 0;
	}
	res = range_set(c, size, r);
	if (r->status / 100 == 2)
		reply_header(r, "Content-Type: application/octet-stream");
	return res;
}

int blob_delete(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	OWN_FD repo = -1;
	int res = find(c, to, &repo, r, e);

	if (res)
		return res < 0 ? res : 0;
	if (repo_unlink_blob(repo, to->ref, e) < 0)
		return e->kind == E_NOT_FOUND ? unknown(r) : -e->eno;
	r->status = 202;
	return 0;
}
