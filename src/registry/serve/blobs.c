/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs of a repository: read (whole or a range), delete. distribution-spec, "Pulling blobs", "Deleting blobs".
 */
#include <string.h>

#include "base/own.h"
#include "registry/serve/serve_int.h"

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

int blob_get(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	OWN_FD repo = -1;
	uint64_t size;

	int res = find(c, to, &repo, r, e);
	if (res)
		return res < 0 ? res : 0;
	if (repo_has_blob(&c->s->depot, repo, to->ref) < 0)
		return unknown(r);
	if (blob_open(&c->s->depot.store, to->ref, &r->fd, &size, e) < 0)
		return e->kind == E_NOT_FOUND ? unknown(r) : -e->eno;
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
