/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of a registry client: manifests, blobs. See client.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/hash.h"
#include "registry/client_int.h"
#include "registry/schema1.h"
#include "spec/manifest.h"

static int auths_open(struct registry *r, const char *actions, struct err *e)
{
	for (size_t i = 0; i < r->endpoints.n; i++) {
		const struct registry_endpoint *ep = &r->endpoints.list[i];
		int res = auth_open(ep->domain, ep->path, actions, &r->auth[i], e);
		if (res < 0)
			return res;
		/* what was given for the registry is not shown to its mirrors */
		if (!ep->mirror)
			auth_access(r->auth[i], r->config->access);
	}
	return 0;
}

/* what is written goes to the registry itself */
static void mirrors_drop(struct registry_endpoints *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (!list->list[i].mirror)
			list->list[n++] = list->list[i];
	list->n = n;
}

int registry_open(const struct reference *ref, const struct registry_config *config,
		  const char *actions, const atomic_bool *cancel, struct registry **ret, struct err *e)
{
	struct registry *r = calloc(1, sizeof *r);

	if (!r || pthread_mutex_init(&r->lock, NULL)) {
		free(r);
		return err_new(e, E_NOMEM, ENOMEM, "registry");
	}
	r->ref = *ref;
	r->config = config;
	r->cancel = cancel;
	r->writes = strstr(actions, "push") || strstr(actions, "delete");
	int res = registry_endpoints_find(config, &r->ref, &r->arena, &r->endpoints, e);
	if (res == 0 && r->writes)
		mirrors_drop(&r->endpoints);
	if (res == 0)
		res = auths_open(r, actions, e);
	if (res < 0) {
		registry_close(r);
		return err_ctx(e, "registry %s", ref->domain);
	}
	*ret = r;
	return 0;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->endpoints.n; i++)
		auth_close(r->auth[i]);
	arena_done(&r->arena);
	(void)pthread_mutex_destroy(&r->lock); /* nobody holds it */
	free(r);
}

const char *registry_warning(const struct registry *r)
{
	return r->warning;
}

/* what authorization failures mean to the user: docker's one sentence for all of them */
int registry_auth_err(const struct registry *r, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];

	if (e->kind != E_AUTH)
		return -e->eno;
	reference_familiar_name(&r->ref, name);
	(void)(r->writes ? err_ctx(e, "requested access to %s is denied", name) :
	       err_ctx(e, "pull access denied for %s, repository does not exist or may require authorization",
		       name));
	err_hint(e, "log in with: onggi login %s", strcmp(r->ref.domain, "docker.io") ? r->ref.domain : "");
	return -e->eno;
}

int registry_manifest_get(struct registry *r, struct http *h, const char *tag_or_digest,
			  struct registry_manifest *ret, struct err *e)
{
	static const char *const accept[] = {
		"Accept: " MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", "
		MEDIA_DOCKER_MANIFEST ", " MEDIA_SCHEMA1_SIGNED ", " MEDIA_SCHEMA1, NULL };
	OWN_HTTP_RESP resp = { 0 };
	struct registry_manifest m = { 0 };
	struct digest want;
	char what[16 + DIGEST_TEXT_MAX + REFERENCE_TAG_MAX];

	(void)snprintf(what, sizeof what, "manifests/%s", tag_or_digest); /* both are parsed: it fits */
	struct registry_call c = { .method = "GET", .what = what, .headers = accept,
				   .max_body = MANIFEST_BYTES_MAX };
	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status != 200)
		return registry_status_err(r, &resp, tag_or_digest, e);
	const char *type = http_header(&resp, "content-type", 0);
	const char *claimed = http_header(&resp, "docker-content-digest", 0);
	bool by_digest = digest_parse(tag_or_digest, &want, NULL) == 0;
	if (schema1_digest(buf_str(&resp.body), resp.body.n, type, by_digest ? want.text : NULL, m.digest, e) < 0)
		return -e->eno;
	if (by_digest && strcmp(want.text, m.digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest verification failed for digest %s: got %s",
			       want.text, m.digest);
	if (!by_digest && claimed && text_starts(claimed, "sha256:") && strcmp(claimed, m.digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest verification failed for digest %.80s: got %s",
			       claimed, m.digest);
	(void)snprintf(m.content_type, sizeof m.content_type, "%.*s", (int)sizeof m.content_type - 1,
		       type ? type : "");
	m.n = resp.body.n;
	m.bytes = buf_take(&resp.body);
	if (!m.bytes)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	*ret = m;
	return 0;
}

void registry_manifest_done(struct registry_manifest *m)
{
	free(m->bytes);
	*m = (struct registry_manifest){ 0 };
}

int registry_blob_get(struct registry *r, struct http *h, const char *digest, int64_t size,
		      struct registry_sink *sink, const struct registry_retry *retry, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	char what[16 + DIGEST_TEXT_MAX];

	if (sink->at_bytes == size) /* a former download had it all, but was not checked */
		return 0;
	(void)snprintf(what, sizeof what, "blobs/%s", digest); /* a valid digest fits */
	struct registry_call c = { .method = "GET", .what = what, .sink = sink, .size = size,
				   .retry = retry };
	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status / 100 != 2)
		return registry_status_err(r, &resp, NULL, e);
	return 0;
}

int registry_blob_range(struct registry *r, struct http *h, const char *digest, int64_t end,
			struct registry_sink *sink, const struct registry_retry *retry, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	char what[16 + DIGEST_TEXT_MAX];

	if (sink->at_bytes >= end)
		return 0;
	(void)snprintf(what, sizeof what, "blobs/%s", digest); /* a valid digest fits */
	struct registry_call c = { .method = "GET", .what = what, .sink = sink, .size = end, .range = true,
				   .retry = retry };
	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status / 100 == 2)
		return 0;
	if (resp.status == 400 || resp.status == 405 || resp.status == 416 || resp.status == 501)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "registry does not send parts of blobs: HTTP status %ld",
			       resp.status);
	return registry_status_err(r, &resp, NULL, e);
}

static int document_add(void *data, const void *bytes, size_t n, struct err *e)
{
	struct buf *b = data;

	buf_add(b, bytes, n);
	return buf_failed(b) ? err_new(e, E_NOMEM, ENOMEM, "document") : 0;
}

int registry_document_get(struct registry *r, struct http *h, const char *digest, int64_t size, char **ret,
			  size_t *ret_n, struct err *e)
{
	OWN_BUF b = { 0 };
	struct registry_sink sink = { .add = document_add, .data = &b };
	struct hash hash;
	char got[HASH_TEXT_MAX];

	if (registry_blob_get(r, h, digest, size, &sink, NULL, e) < 0)
		return -e->eno;
	hash_init(&hash, hash_algo_of(digest) == HASH_SHA512 ? HASH_SHA512 : HASH_SHA256);
	hash_add(&hash, buf_str(&b), b.n);
	hash_text(&hash, got);
	if (strcmp(got, digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "wrong digest: expected %s, got %s", digest, got);
	size_t n = b.n;
	*ret = buf_take(&b);
	if (!*ret)
		return err_new(e, E_NOMEM, ENOMEM, "document");
	*ret_n = n;
	return 0;
}
