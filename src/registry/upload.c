/* SPDX-License-Identifier: Apache-2.0
 *
 * Pushing blobs and manifests: see client.h.
 *
 *   HEAD blob -> mount from another repository -> POST (session) -> PATCH ... PUT ?digest=
 *
 * The session's Location is the registry's; it changes with every reply.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "registry/client_int.h"
#include "spec/manifest.h"

enum {
	WHOLE_BYTES_MAX = 1 << 20,   /* up to this in the closing PUT itself */
	PART_BYTES = 8 << 20,        /* when the registry refuses larger bodies */
	PART_BYTES_MAX = 512 << 20,  /* a minimum above this is nonsense */
	MOUNT_TRIES = 3,
};

/* an upload session */
struct session {
	struct registry *r;
	struct http *h;
	struct registry_upload *u;
	char location[HTTP_URL_MAX];
	int64_t at_bytes;   /* how much the registry has */
	int64_t part_bytes; /* 0: all at once */
};

void registry_mount_from(struct registry *r, const char *path)
{
	for (size_t i = 0; i < r->endpoints.n; i++)
		auth_also_pull(r->auth[i], path);
}

static const char *const manifest_accept[] = {
	"Accept: " MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST ", */*", NULL };

/* @what: after the repository */
static int has(struct registry *r, struct http *h, const char *what, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	struct registry_call c = { .method = "HEAD", .what = what, .headers = manifest_accept };

	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status == 404)
		return 0;
	return resp.status / 100 == 2 ? 1 : registry_status_err(r, &resp, NULL, e);
}

int registry_manifest_digest(struct registry *r, struct http *h, const char *tag, char ret[DIGEST_TEXT_MAX],
			     struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	struct digest digest;
	char what[16 + DIGEST_TEXT_MAX + REFERENCE_TAG_MAX];

	(void)snprintf(what, sizeof what, "manifests/%s", tag); /* it is parsed: it fits */
	struct registry_call c = { .method = "HEAD", .what = what, .headers = manifest_accept, .once = true };
	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status != 200)
		return registry_status_err(r, &resp, tag, e);
	const char *claimed = http_header(&resp, "docker-content-digest", 0);
	bool said = claimed && digest_parse(claimed, &digest, NULL) == 0;
	(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", said ? digest.text : "");
	return 0;
}

int registry_blob_has(struct registry *r, struct http *h, const char *digest, struct err *e)
{
	char what[16 + DIGEST_TEXT_MAX];

	(void)snprintf(what, sizeof what, "blobs/%s", digest); /* a valid digest fits */
	return has(r, h, what, e);
}

int registry_blob_size(struct registry *r, struct http *h, const char *digest, int64_t *ret, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	char what[16 + DIGEST_TEXT_MAX], *end;

	(void)snprintf(what, sizeof what, "blobs/%s", digest); /* a valid digest fits */
	struct registry_call c = { .method = "HEAD", .what = what };
	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status / 100 != 2)
		return registry_status_err(r, &resp, NULL, e);
	const char *text = http_header(&resp, "content-length", 0);
	errno = 0;
	long long size = text ? strtoll(text, &end, 10) : -1;
	if (size < 0 || errno || *end)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "the registry does not say how large blob %s is", digest);
	*ret = size;
	return 0;
}

int registry_manifest_has(struct registry *r, struct http *h, const char *tag_or_digest, struct err *e)
{
	char what[16 + DIGEST_TEXT_MAX + REFERENCE_TAG_MAX];

	(void)snprintf(what, sizeof what, "manifests/%s", tag_or_digest); /* both are parsed: it fits */
	return has(r, h, what, e);
}

/* Location of a reply, resolved against the URL that it came from */
static int location_take(struct session *s, const struct http_resp *resp, struct err *e)
{
	const char *location = http_header(resp, "location", 0);

	if (!location)
		return err_new(e, E_CORRUPT, EBADMSG, "upload: the registry names no location to go on");
	return http_url_resolve(resp->url, location, s->location, e);
}

/* "Range: 0-N" (bytes have been taken up to N) -> N + 1; absent: @dflt */
static int64_t range_end(const struct http_resp *resp, int64_t dflt)
{
	const char *v = http_header(resp, "range", 0);
	const char *dash = v ? strchr(v, '-') : NULL;
	int64_t last;

	if (v && text_starts(v, "bytes="))
		v += 6;
	if (!dash || text_int64(dash + 1, &last) < 0 || last < 0)
		return dflt;
	return last ? last + 1 : 0; /* "0-0" is what an empty session says */
}

static void part_minimum(struct session *s, const struct http_resp *resp)
{
	const char *v = http_header(resp, "oci-chunk-min-length", 0);
	int64_t n;

	if (!v || text_int64(v, &n) < 0 || n <= 0 || n > PART_BYTES_MAX)
		return;
	if (s->part_bytes && s->part_bytes < n)
		s->part_bytes = n;
}

static void cancel(struct session *s)
{
	OWN_HTTP_RESP resp = { 0 };
	struct err ignored = { 0 };
	struct registry_call c = { .method = "DELETE", .url = s->location, .once = true };

	if (*s->location)
		(void)registry_exchange(s->r, s->h, &c, &resp, &ignored); /* else the registry forgets it */
	s->location[0] = 0;
}

/* @from: repository to mount from, NULL: only a session. 1: mounted | 0: a session is open */
static int session_open(struct session *s, const char *from, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	char what[64 + 2 * DIGEST_TEXT_MAX + REFERENCE_TEXT_MAX] = "blobs/uploads/";

	if (from)
		(void)snprintf(what, sizeof what, "blobs/uploads/?mount=%s&from=%s", s->u->digest, from);
	struct registry_call c = { .method = "POST", .what = what, .retry = s->u->retry };
	s->at_bytes = 0;
	if (registry_exchange(s->r, s->h, &c, &resp, e) < 0)
		return registry_auth_err(s->r, e);
	if (resp.status == 201)
		return 1;
	if (resp.status != 202)
		return registry_status_err(s->r, &resp, NULL, e);
	part_minimum(s, &resp);
	return location_take(s, &resp, e);
}

struct meter {
	struct registry_upload *u;
	int64_t base;
};

static void meter_sent(void *data, int64_t n)
{
	struct meter *m = data;
	if (m->u->sent)
		m->u->sent(m->u->data, m->base + n);
}

/* PATCH (the reply's location and range go into the session) or the closing PUT */
static int send_part(struct session *s, bool last, struct http_resp *resp, struct err *e)
{
	struct registry_upload *u = s->u;
	struct meter m = { u, s->at_bytes };
	int64_t n = u->size_bytes - s->at_bytes;
	char range[64], url[HTTP_URL_MAX + DIGEST_TEXT_MAX + 16];
	const char *headers[] = { "Content-Type: application/octet-stream", NULL, NULL };
	bool whole = !s->at_bytes && !s->part_bytes;

	if (!last && s->part_bytes && n > s->part_bytes)
		n = s->part_bytes;
	if (!whole && n) {
		(void)snprintf(range, sizeof range, "Content-Range: %lld-%lld", (long long)s->at_bytes,
			       (long long)(s->at_bytes + n - 1));
		headers[1] = range;
	}
	struct http_body body = { .fd = u->fd, .from_bytes = s->at_bytes, .n_bytes = n, .sent = meter_sent,
				  .data = &m };
	(void)snprintf(url, sizeof url, "%s%sdigest=%s", s->location, strchr(s->location, '?') ? "&" : "?",
		       u->digest); /* fits by its size */
	struct registry_call c = { .method = last ? "PUT" : "PATCH", .url = last ? url : s->location,
				   .headers = headers, .body = n ? &body : NULL, .once = true };
	return registry_exchange(s->r, s->h, &c, resp, e);
}

/* after a failure: where is the registry? -ENOENT: it has forgotten the session */
static int session_ask(struct session *s, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	struct registry_call c = { .method = "GET", .url = s->location };

	if (registry_exchange(s->r, s->h, &c, &resp, e) < 0)
		return -e->eno;
	if (resp.status != 204 && resp.status != 202 && resp.status != 200)
		return err_new(e, E_NOT_FOUND, ENOENT, "upload session is gone (status %ld)", resp.status);
	int64_t end = range_end(&resp, 0);
	if (end > s->u->size_bytes)
		return err_new(e, E_CORRUPT, EBADMSG, "registry has %lld bytes of a blob of %lld", (long long)end,
			       (long long)s->u->size_bytes);
	s->at_bytes = end;
	return http_header(&resp, "location", 0) ? location_take(s, &resp, e) : 0;
}

/* One attempt from where the session is. 1: the blob is there | 0: go on with the next part |
 * negative: failed; @ret_again: another attempt may do better */
static int step_on(struct session *s, bool *ret_again, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	int64_t left = s->u->size_bytes - s->at_bytes;
	bool last = !left || (!s->at_bytes && !s->part_bytes && left <= WHOLE_BYTES_MAX);

	int r = send_part(s, last, &resp, e);
	*ret_again = r < 0 && http_err_is_transient(e);
	if (r < 0 && !registry_is_transient(resp.status))
		return r;
	if (last && resp.status == 201)
		return 1;
	if (!last && (resp.status == 202 || resp.status == 204 || resp.status == 201)) {
		int64_t sent = s->part_bytes && left > s->part_bytes ? s->part_bytes : left;
		int64_t end = range_end(&resp, s->at_bytes + sent);
		if (end <= s->at_bytes || end > s->u->size_bytes)
			return err_new(e, E_CORRUPT, EBADMSG, "registry took bytes up to %lld of %lld",
				       (long long)end, (long long)s->u->size_bytes);
		s->at_bytes = end;
		return location_take(s, &resp, e);
	}
	*ret_again = registry_is_transient(resp.status) || resp.status == 416 ||
		     resp.status == 404 /* forgotten */ || (resp.status == 413 && !s->part_bytes);
	if (resp.status == 413 && !s->part_bytes)
		s->part_bytes = PART_BYTES;
	return r < 0 ? r : registry_status_err(s->r, &resp, NULL, e);
}

/* find out where the session stands, or open another. 1: mounted after all */
static int session_again(struct session *s, struct err *e)
{
	err_clear(e);
	if (session_ask(s, e) == 0)
		return 0;
	if (e->kind == E_CANCELLED)
		return -e->eno;
	err_clear(e);
	return session_open(s, NULL, e);
}

static int upload(struct session *s, struct err *e)
{
	const struct registry_upload *u = s->u;
	int64_t best = 0;

	for (unsigned attempt = 1;;) {
		bool again;
		int r = step_on(s, &again, e);
		if (r > 0)
			return 0;
		if (r == 0) {
			if (s->at_bytes > best) { /* it moves: not the same failure again */
				best = s->at_bytes;
				attempt = 1;
			}
			continue;
		}
		if (!again || attempt >= s->r->config->attempts)
			return r;
		if (registry_backoff(s->r, attempt++, 0, u->retry, e) < 0)
			return -e->eno;
		r = session_again(s, e);
		if (r)
			return r < 0 ? r : 0;
	}
}

int registry_blob_mount(struct registry *r, struct http *h, const char *digest, const char *from, struct err *e)
{
	struct registry_upload u = { .digest = digest };
	struct session s = { .r = r, .h = h, .u = &u };
	int res = session_open(&s, from, e);

	cancel(&s);
	return res;
}

int registry_blob_put(struct registry *r, struct http *h, struct registry_upload *u, struct err *e)
{
	struct session s = { .r = r, .h = h, .u = u };
	int res = 0;

	u->ret_mounted = NULL;
	for (size_t i = 0; i < u->n_from && i < MOUNT_TRIES; i++) {
		cancel(&s);
		res = session_open(&s, u->from[i], e);
		if (res > 0) {
			u->ret_mounted = u->from[i];
			return 0;
		}
		if (res < 0)
			return res;
	}
	if (!*s.location)
		res = session_open(&s, NULL, e);
	if (res == 0)
		res = upload(&s, e);
	if (res < 0) {
		struct err why = *e;
		cancel(&s);
		*e = why;
	}
	return res < 0 ? res : 0;
}

int registry_manifest_put(struct registry *r, struct http *h, const char *tag_or_digest,
			  const struct registry_manifest *m, bool *ret_subject, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	char what[16 + DIGEST_TEXT_MAX + REFERENCE_TAG_MAX], type[160];
	const char *headers[] = { type, NULL };
	struct http_body body = { .p = m->bytes, .n_bytes = (int64_t)m->n };

	if (m->n > MANIFEST_BYTES_MAX)
		return err_new(e, E_INVALID, EFBIG, "manifest of more than %d bytes", MANIFEST_BYTES_MAX);
	(void)snprintf(what, sizeof what, "manifests/%s", tag_or_digest); /* both are parsed: it fits */
	(void)snprintf(type, sizeof type, "Content-Type: %s", m->content_type);
	struct registry_call c = { .method = "PUT", .what = what, .headers = headers, .body = &body };
	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status / 100 != 2)
		return registry_status_err(r, &resp, NULL, e);
	const char *claimed = http_header(&resp, "docker-content-digest", 0);
	if (claimed && text_starts(claimed, "sha256:") && text_starts(m->digest, "sha256:") &&
	    strcmp(claimed, m->digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "registry stored %.80s instead of %s", claimed, m->digest);
	if (ret_subject)
		*ret_subject = http_header(&resp, "oci-subject", 0) != NULL;
	return 0;
}
