/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a copy, see copy.h: from the top manifest down to find what there is, blobs by a crew,
 * then the manifests from the leaves up, the tag last.
 */
#include "registry/copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/hash.h"
#include "format/js.h"
#include "registry/client.h"
#include "registry/crew.h"
#include "spec/manifest.h"

struct copy {
	const struct copy_req *req;
	struct registry_config config;
	struct reference from, to;
	struct registry *source, *target;
	struct http *http; /* of the main thread */
	atomic_bool cancel;
	struct transfer_teller teller;
	bool same_registry;
};

/* one manifest with its blobs on the way */
struct part {
	struct copy *c;
	struct registry_manifest raw;
	struct manifest m;
};

struct job {
	struct copy *c;
	const struct descriptor *blob;
	char name[13];
	int fd;
	struct hash hash;
};

static void emit(struct job *j, enum transfer_state state, int64_t done, const char *text)
{
	struct transfer_event ev = { .state = state, .layer = j->name, .text = text, .done_bytes = done,
				     .total_bytes = j->blob->size };
	transfer_emit(&j->c->teller, &ev);
}

static void on_wait(void *data, unsigned delay_ms, const struct err *why)
{
	char text[400];

	(void)snprintf(text, sizeof text, "Retrying in %u seconds: %.300s", (delay_ms + 999) / 1000, why->chain);
	emit(data, TRANSFER_RETRY, 0, text);
}

static void on_sent(void *data, int64_t n)
{
	emit(data, PUSH_LAYER_SENDING, n, NULL);
}

static int on_bytes(void *data, const void *p, size_t n, struct err *e)
{
	struct job *j = data;

	hash_add(&j->hash, p, n);
	int r = io_write_all(j->fd, p, n);
	return r < 0 ? err_sys(e, -r, "write a temporary file") : 0;
}

/* a file without a name: gone with us, however we end */
static int spool_open(int *ret_fd, struct err *e)
{
	const char *dir = getenv("TMPDIR");

	dir = dir && *dir == '/' ? dir : "/var/tmp";
	*ret_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*ret_fd >= 0)
		return 0;
	(void)err_sys(e, errno, "make a temporary file in %s", dir);
	err_hint(e, "set TMPDIR to a directory with room");
	return -e->eno;
}

static int fetch(struct job *j, struct http *h, struct err *e)
{
	const struct descriptor *d = j->blob;
	const struct registry_retry retry = { on_wait, j };
	struct registry_sink sink = { on_bytes, j, 0 };
	char got[HASH_TEXT_MAX];

	hash_init(&j->hash, hash_algo_of(d->digest) == HASH_SHA512 ? HASH_SHA512 : HASH_SHA256);
	if (spool_open(&j->fd, e) < 0 || registry_blob_get(j->c->source, h, d->digest, d->size, &sink, &retry, e) < 0)
		return -e->eno;
	hash_text(&j->hash, got);
	if (strcmp(got, d->digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s: got %s", d->digest, got);
	return 0;
}

static int blob_copy(struct job *j, struct http *h, struct err *e)
{
	const struct descriptor *d = j->blob;
	const struct registry_retry retry = { on_wait, j };
	int r = registry_blob_has(j->c->target, h, d->digest, e);

	if (r == 0 && j->c->same_registry) {
		r = registry_blob_mount(j->c->target, h, d->digest, j->c->from.path, e);
		if (r > 0) {
			char text[REFERENCE_NAME_MAX + 32];
			(void)snprintf(text, sizeof text, "Mounted from %s", j->c->from.path);
			emit(j, PUSH_LAYER_MOUNTED, d->size, text);
			return 0;
		}
	}
	if (r > 0)
		emit(j, PUSH_LAYER_EXISTS, d->size, NULL);
	if (r != 0)
		return r < 0 ? r : 0;
	struct registry_upload u = { .digest = d->digest, .size_bytes = d->size, .sent = on_sent, .data = j,
				     .retry = &retry };
	r = fetch(j, h, e);
	if (r == 0) {
		u.fd = j->fd;
		r = registry_blob_put(j->c->target, h, &u, e);
	}
	own_fd_done(&j->fd);
	if (r == 0)
		emit(j, PUSH_LAYER_DONE, d->size, NULL);
	return r;
}

static const struct descriptor *blob_of(const struct part *p, size_t i)
{
	return i < p->m.n_entries ? &p->m.entries[i] : &p->m.config;
}

/* the same blob twice in one manifest (an empty layer) is the first one's */
static bool is_repeated(const struct part *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(blob_of(p, k)->digest, blob_of(p, i)->digest))
			return true;
	return false;
}

static int blob_work(void *data, size_t i, struct http *h, struct err *e)
{
	struct part *p = data;
	struct job j = { .c = p->c, .blob = blob_of(p, i), .fd = -1 };

	(void)snprintf(j.name, sizeof j.name, "%.12s", digest_hex(j.blob->digest));
	if (is_repeated(p, i))
		return 0;
	if (descriptor_is_foreign(j.blob)) {
		emit(&j, PUSH_LAYER_SKIPPED, j.blob->size, NULL);
		return 0;
	}
	return blob_copy(&j, h, e) < 0 ? err_ctx(e, "blob %s", j.name) : 0;
}

static int blobs_copy(struct part *p, struct err *e)
{
	const struct crew_plan plan = { .n = p->m.n_entries + 1, .threads = p->c->config.uploads, .online = true,
					.cancel = &p->c->cancel, .work = blob_work, .data = p };
	return crew_run(&plan, e);
}

static int document_copy(struct copy *c, const char *tag_or_digest, const char *where, int depth,
			 char ret[DIGEST_TEXT_MAX], struct err *e);

static int children_copy(struct part *p, int depth, struct err *e)
{
	for (size_t i = 0; i < p->m.n_entries; i++) {
		const struct descriptor *d = &p->m.entries[i];
		char ignored[DIGEST_TEXT_MAX];
		int r = registry_manifest_has(p->c->target, p->c->http, d->digest, e);
		if (r < 0 || (r == 0 && document_copy(p->c, d->digest, d->digest, depth + 1, ignored, e) < 0))
			return -e->eno;
	}
	return 0;
}

static int referrers_copy(struct copy *c, const char *digest, int depth, struct err *e)
{
	OWN_JSON index = NULL;
	json_t *d;
	size_t i;

	if (registry_referrers(c->source, c->http, digest, NULL, &index, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(index, "manifests"), i, d) {
		const char *to = js_str(d, "digest", "");
		char ignored[DIGEST_TEXT_MAX];
		if (document_copy(c, to, to, depth + 1, ignored, e) < 0)
			return err_ctx(e, "referrer %s", to);
	}
	return 0;
}

static int part_copy(struct part *p, const char *where, int depth, struct err *e)
{
	if (depth > MANIFEST_DEPTH_MAX)
		return err_new(e, E_CORRUPT, ELOOP, "index in index in index, or referrers of referrers");
	if (manifest_parse(p->raw.bytes, p->raw.n, p->raw.content_type, &p->m, e) < 0)
		return -e->eno;
	if (!*p->raw.content_type)
		(void)snprintf(p->raw.content_type, sizeof p->raw.content_type, "%s", p->m.media_type);
	if ((p->m.kind == MANIFEST_INDEX ? children_copy(p, depth, e) : blobs_copy(p, e)) < 0)
		return -e->eno;
	if (registry_manifest_publish(p->c->target, p->c->http, where ? where : p->raw.digest, &p->raw, e) < 0)
		return -e->eno;
	return p->c->req->referrers ? referrers_copy(p->c, p->raw.digest, depth, e) : 0;
}

/* @where: tag or digest at the target, NULL: the digest */
static int document_copy(struct copy *c, const char *tag_or_digest, const char *where, int depth,
			 char ret[DIGEST_TEXT_MAX], struct err *e)
{
	struct part p = { .c = c };
	int r = registry_manifest_get(c->source, c->http, tag_or_digest, &p.raw, e);

	if (r == 0)
		r = part_copy(&p, where, depth, e);
	(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", p.raw.digest);
	manifest_done(&p.m);
	registry_manifest_done(&p.raw);
	return r < 0 ? err_ctx(e, "manifest %s", tag_or_digest) : 0;
}

/* @ret: the manifest for the platform, or what the reference names when no platform is asked for */
static int choose(struct copy *c, char ret[DIGEST_TEXT_MAX], struct err *e)
{
	const char *at = *c->from.digest ? c->from.digest : c->from.tag;
	struct platform want;

	if (!c->req->platform) {
		(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", at);
		return 0;
	}
	if (platform_parse(c->req->platform, &want, e) < 0)
		return -e->eno;
	(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", at);
	for (int depth = 0; depth <= MANIFEST_DEPTH_MAX; depth++) {
		struct registry_manifest raw = { 0 };
		OWN_MANIFEST m = { 0 };
		const struct descriptor *d;
		int r = registry_manifest_get(c->source, c->http, ret, &raw, e);
		if (r == 0)
			r = manifest_parse(raw.bytes, raw.n, raw.content_type, &m, e);
		const bool found = r == 0 && m.kind == MANIFEST_IMAGE;
		if (r == 0 && !found && (r = manifest_choose(&m, &want, &d, e)) == 0)
			(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", d->digest);
		registry_manifest_done(&raw);
		if (r < 0 || found)
			return r;
	}
	return err_new(e, E_CORRUPT, ELOOP, "index in index in index");
}

static int tag_copy(struct copy *c, struct copy_result *ret, struct err *e)
{
	char at[DIGEST_TEXT_MAX + REFERENCE_TAG_MAX], name[REFERENCE_TEXT_MAX];

	reference_familiar(&c->to, name);
	if (choose(c, at, e) < 0 || document_copy(c, at, *c->to.tag ? c->to.tag : NULL, 0, ret->digest, e) < 0)
		return err_ctx(e, "copy to %s", name);
	return 0;
}

static int tags_copy(struct copy *c, struct copy_result *ret, struct err *e)
{
	char **tags, name[REFERENCE_TEXT_MAX];
	size_t n;
	int r = registry_tags(c->source, c->http, &tags, &n, e);

	if (r < 0)
		return r;
	if (!n) {
		reference_familiar_name(&c->from, name);
		r = err_new(e, E_NOT_FOUND, ENOENT, "repository %s has no tags", name);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		(void)snprintf(c->from.tag, sizeof c->from.tag, "%s", tags[i]); /* was checked */
		memcpy(c->to.tag, c->from.tag, sizeof c->to.tag);
		r = tag_copy(c, ret, e);
		if (r == 0)
			transfer_note(&c->teller, "%s: digest: %s", tags[i], ret->digest);
	}
	registry_tags_free(tags, n);
	return r;
}

static int names_check(struct copy *c, struct err *e)
{
	const struct copy_req *q = c->req;

	if (reference_parse(q->from, &c->from, e) < 0 || reference_parse(q->to, &c->to, e) < 0)
		return -e->eno;
	if (*c->to.digest)
		return err_new(e, E_USAGE, EINVAL, "%s: the target has the digest of the source; give it a tag or none", q->to);
	if (q->all_tags && (*c->from.tag || *c->from.digest || *c->to.tag))
		return err_new(e, E_USAGE, EINVAL, "tag can't be used with --all-tags/-a");
	if (q->all_tags)
		return 0;
	if (!*c->from.tag && !*c->from.digest && reference_parse_tagged(q->from, &c->from, e) < 0)
		return -e->eno;
	/* NAME@DIGEST to NAME: no tag; else the same tag */
	if (!*c->to.tag && !*c->from.digest)
		memcpy(c->to.tag, c->from.tag, sizeof c->to.tag);
	return 0;
}

static int prepare(struct copy *c, struct err *e)
{
	if (names_check(c, e) < 0 || registry_config_load(&c->config, e) < 0 || http_open(&c->http, e) < 0)
		return -e->eno;
	if (registry_open(&c->from, &c->config, "pull", &c->cancel, &c->source, e) < 0 ||
	    registry_open(&c->to, &c->config, "pull,push", &c->cancel, &c->target, e) < 0)
		return -e->eno;
	c->same_registry = !strcmp(c->from.domain, c->to.domain);
	if (c->same_registry)
		registry_mount_from(c->target, c->from.path);
	return 0;
}

int copy_image(const struct copy_req *req, struct copy_result *ret, struct err *e)
{
	struct copy c = { .req = req, .teller = { req->progress, req->data, PTHREAD_MUTEX_INITIALIZER } };

	*ret = (struct copy_result){ 0 };
	int r = prepare(&c, e);
	if (r == 0)
		r = req->all_tags ? tags_copy(&c, ret, e) : tag_copy(&c, ret, e);
	registry_close(c.source);
	registry_close(c.target);
	http_close(c.http);
	registry_config_done(&c.config);
	(void)pthread_mutex_destroy(&c.teller.lock); /* nobody holds it */
	return r;
}
