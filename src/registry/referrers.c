/* SPDX-License-Identifier: Apache-2.0
 *
 * Content management and discovery (distribution-spec): deleting, and the manifests that refer to
 * another by their subject. A registry without the referrers API keeps them, by its clients, in an
 * index under the tag ALGORITHM-HEX of the subject.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/client_int.h"
#include "spec/manifest.h"

enum { REFERRERS_PAGES_MAX = 1000, TAG_TRUNCATE = 64 };

/* "The Referrers Tag Schema": algorithm and hex, each cut, anything else than [A-Za-z0-9._-] as "-" */
static void referrers_tag(const char *digest, char out[REFERENCE_TAG_MAX + 1])
{
	(void)snprintf(out, REFERENCE_TAG_MAX + 1, "%.32s", digest);
	char *colon = strchr(out, ':');
	if (colon)
		(void)snprintf(colon, (size_t)(out + REFERENCE_TAG_MAX + 1 - colon), "-%.*s", TAG_TRUNCATE,
			       digest_hex(digest));
}

static json_t *index_new(void)
{
	return json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", MEDIA_OCI_INDEX, "manifests");
}

/* those of @from that are wanted go to @to; every descriptor is checked by manifest_parse before */
static int take(json_t *to, const json_t *from, const char *artifact_type)
{
	json_t *list = json_object_get(to, "manifests"), *d;
	size_t i;

	json_array_foreach(json_object_get(from, "manifests"), i, d) {
		if (artifact_type && strcmp(js_str(d, "artifactType", ""), artifact_type) != 0)
			continue;
		if (json_array_size(list) >= MANIFEST_INDEX_MAX || json_array_append(list, d) < 0)
			return -E2BIG;
	}
	return 0;
}

static int page_take(const struct http_resp *resp, const char *artifact_type, json_t *to, struct err *e)
{
	OWN_MANIFEST m = { 0 };

	if (manifest_parse(buf_str(&resp->body), resp->body.n, NULL, &m, e) < 0)
		return err_ctx(e, "referrers");
	if (m.kind != MANIFEST_INDEX)
		return err_new(e, E_CORRUPT, EBADMSG, "referrers: no index");
	if (take(to, m.json, artifact_type) < 0)
		return err_new(e, E_CORRUPT, EFBIG, "referrers: more than %d", MANIFEST_INDEX_MAX);
	return 0;
}

/* 1: the registry has the API | 0: not */
static int by_api(struct registry *r, struct http *h, const char *digest, const char *artifact_type, json_t *to,
		  struct err *e)
{
	char what[32 + DIGEST_TEXT_MAX];
	OWN_BUF url = { 0 };

	/* the filter is applied here: a registry may ignore it, and a type would have to be escaped */
	(void)snprintf(what, sizeof what, "referrers/%s", digest); /* a valid digest fits */
	for (int page = 0; page < REFERRERS_PAGES_MAX; page++) {
		OWN_HTTP_RESP resp = { 0 };
		struct registry_call c = { .method = "GET", .what = what, .max_body = MANIFEST_BYTES_MAX,
					   .url = page ? buf_str(&url) : NULL };
		if (registry_exchange(r, h, &c, &resp, e) < 0)
			return registry_auth_err(r, e);
		const char *type = http_header(&resp, "content-type", 0);
		/* whoever does not know the path: 404, or a page for browsers */
		if (!page && (resp.status == 404 || resp.status == 400 || resp.status == 405 ||
			      (resp.status == 200 && (!type || !text_starts(type, MEDIA_OCI_INDEX)))))
			return 0;
		if (resp.status != 200)
			return registry_status_err(r, &resp, NULL, e);
		if (page_take(&resp, artifact_type, to, e) < 0)
			return -e->eno;
		int next = registry_next_page(r, &resp, &url, e);
		if (next <= 0)
			return next < 0 ? next : 1;
	}
	return err_new(e, E_CORRUPT, EFBIG, "referrers: more than %d pages", REFERRERS_PAGES_MAX);
}

static int by_tag(struct registry *r, struct http *h, const char *digest, const char *artifact_type, json_t *to,
		  struct err *e)
{
	struct registry_manifest m = { 0 };
	struct manifest index = { 0 };
	char tag[REFERENCE_TAG_MAX + 1];

	referrers_tag(digest, tag);
	if (registry_manifest_get(r, h, tag, &m, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		err_clear(e);
		return 0;
	}
	int res = manifest_parse(m.bytes, m.n, m.content_type, &index, e);
	if (res == 0 && index.kind != MANIFEST_INDEX)
		res = err_new(e, E_CORRUPT, EBADMSG, "tag %s is no index of referrers", tag);
	if (res == 0 && take(to, index.json, artifact_type) < 0)
		res = err_new(e, E_CORRUPT, EFBIG, "referrers: more than %d", MANIFEST_INDEX_MAX);
	manifest_done(&index);
	registry_manifest_done(&m);
	return res;
}

int registry_referrers(struct registry *r, struct http *h, const char *digest, const char *artifact_type,
		       json_t **ret, struct err *e)
{
	OWN_JSON index = index_new();

	if (!index)
		return err_new(e, E_NOMEM, ENOMEM, "referrers");
	int res = by_api(r, h, digest, artifact_type, index, e);
	if (res == 0)
		res = by_tag(r, h, digest, artifact_type, index, e);
	if (res < 0)
		return err_ctx(e, "referrers of %s", digest);
	*ret = ptr_take(&index);
	return 0;
}

/* the descriptor under which a list of referrers names @m */
static json_t *entry_of(const struct registry_manifest *m, const json_t *doc)
{
	const json_t *annotations = json_object_get(doc, "annotations");
	const char *type = js_str(doc, "artifactType", "");
	json_t *d = json_pack("{s:s, s:s, s:I}", "mediaType", m->content_type, "digest", m->digest, "size",
			      (json_int_t)m->n);

	if (!*type) /* image manifests of before 1.1: the config tells the kind */
		type = js_str(json_object_get(doc, "config"), "mediaType", "");
	if (d && *type)
		(void)json_object_set_new(d, "artifactType", json_string(type));
	if (d && json_is_object(annotations))
		(void)json_object_set(d, "annotations", (json_t *)annotations);
	return d;
}

static bool remove_entry(json_t *list, const char *digest)
{
	json_t *d;
	size_t i;

	json_array_foreach(list, i, d)
		if (!strcmp(js_str(d, "digest", ""), digest))
			return json_array_remove(list, i) == 0;
	return false;
}

/* put @m into the list of referrers of @subject, or take it out when @doc is NULL */
static int tag_update(struct registry *r, struct http *h, const char *subject, const struct registry_manifest *m,
		      const json_t *doc, struct err *e)
{
	OWN_JSON index = index_new();
	json_t *list = json_object_get(index, "manifests");
	char tag[REFERENCE_TAG_MAX + 1];

	if (!index)
		return err_new(e, E_NOMEM, ENOMEM, "referrers");
	if (by_tag(r, h, subject, NULL, index, e) < 0)
		return -e->eno;
	if (!remove_entry(list, m->digest) && !doc)
		return 0;
	if (doc && json_array_append_new(list, entry_of(m, doc)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "referrers");
	struct registry_manifest out = { .bytes = json_dumps(index, JSON_COMPACT) };
	if (!out.bytes)
		return err_new(e, E_NOMEM, ENOMEM, "referrers");
	out.n = strlen(out.bytes);
	(void)snprintf(out.content_type, sizeof out.content_type, "%s", MEDIA_OCI_INDEX);
	digest_sha256(out.bytes, out.n, out.digest);
	referrers_tag(subject, tag);
	int res = registry_manifest_put(r, h, tag, &out, NULL, e);
	registry_manifest_done(&out);
	return res;
}

int registry_manifest_publish(struct registry *r, struct http *h, const char *tag_or_digest,
			      const struct registry_manifest *m, struct err *e)
{
	OWN_JSON doc = json_loadb(m->bytes, m->n, 0, NULL);
	const char *subject = js_str(json_object_get(doc, "subject"), "digest", "");
	struct digest parsed;
	bool listed = false;

	if (*subject && digest_parse(subject, &parsed, e) < 0)
		return err_ctx(e, "subject");
	if (registry_manifest_put(r, h, tag_or_digest, m, &listed, e) < 0)
		return -e->eno;
	if (!*subject || listed)
		return 0;
	return tag_update(r, h, parsed.text, m, doc, e) < 0 ? err_ctx(e, "list of referrers") : 0;
}

static int delete(struct registry *r, struct http *h, const char *what, const char *wanted, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	struct registry_call c = { .method = "DELETE", .what = what };

	if (registry_exchange(r, h, &c, &resp, e) < 0)
		return registry_auth_err(r, e);
	if (resp.status / 100 == 2)
		return 0;
	if (resp.status == 400 || resp.status == 405 || resp.status == 501)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the registry refuses to delete %s", what);
	return registry_status_err(r, &resp, wanted, e);
}

int registry_manifest_delete(struct registry *r, struct http *h, const char *tag_or_digest, struct err *e)
{
	char what[16 + DIGEST_TEXT_MAX + REFERENCE_TAG_MAX];

	(void)snprintf(what, sizeof what, "manifests/%s", tag_or_digest); /* both are parsed: it fits */
	return delete(r, h, what, tag_or_digest, e);
}

int registry_blob_delete(struct registry *r, struct http *h, const char *digest, struct err *e)
{
	char what[16 + DIGEST_TEXT_MAX];

	(void)snprintf(what, sizeof what, "blobs/%s", digest); /* a valid digest fits */
	return delete(r, h, what, NULL, e);
}

int registry_manifest_unpublish(struct registry *r, struct http *h, const char *digest, struct err *e)
{
	struct registry_manifest m = { 0 };
	struct digest subject = { 0 };

	if (registry_manifest_get(r, h, digest, &m, e) < 0)
		return -e->eno;
	OWN_JSON doc = json_loadb(m.bytes, m.n, 0, NULL);
	const bool refers = digest_parse(js_str(json_object_get(doc, "subject"), "digest", ""), &subject, NULL) == 0;
	int res = registry_manifest_delete(r, h, digest, e);
	/* where the registry keeps the list there is no such tag */
	if (res == 0 && refers && tag_update(r, h, subject.text, &m, NULL, e) < 0)
		res = err_ctx(e, "list of referrers");
	registry_manifest_done(&m);
	return res;
}
