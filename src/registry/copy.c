/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a copy, see copy.h: from the top manifest down to find what there is, blobs by a crew,
 * then the manifests from the leaves up, the tag last.
 */
#include "registry/copy_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/hash.h"
#include "format/js.h"
#include "format/inflate.h"
#include "registry/crew.h"
#include "registry/schema1.h"
#include "registry/transport/files.h"

struct job {
	struct copy *c;
	struct part *part;
	size_t at; /* number of the blob */
	struct place_blob blob;
	char name[13];
	int fd;
	struct hash hash;
};

static void emit(struct job *j, enum transfer_state state, int64_t done, const char *text)
{
	struct transfer_event ev = { .state = state, .layer = j->name, .text = text, .done_bytes = done,
				     .total_bytes = j->blob.size };
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

static int fetch(struct job *j, struct http *h, struct err *e)
{
	const struct registry_retry retry = { on_wait, j };
	struct registry_sink sink = { on_bytes, j, 0 };
	struct place *from = &j->c->from;
	char got[HASH_TEXT_MAX];

	hash_init(&j->hash, hash_algo_of(j->blob.digest) == HASH_SHA512 ? HASH_SHA512 : HASH_SHA256);
	if (files_spool(&j->fd, e) < 0 || from->kind->blob_get(from, h, &j->blob, &sink, &retry, e) < 0)
		return -e->eno;
	hash_text(&j->hash, got);
	if (strcmp(got, j->blob.digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s: got %s", j->blob.digest, got);
	return 0;
}

/* Those before us in the list were taken by the crew before we were, and each ends, well or not. */
static void turn_wait(struct job *j)
{
	struct part *p = j->part;

	pthread_mutex_lock(&p->lock);
	while (p->turn < j->at)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static void turn_end(struct part *p, size_t i)
{
	pthread_mutex_lock(&p->lock);
	p->ended[i] = true;
	while (p->turn < p->n_blobs && p->ended[p->turn])
		p->turn++;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* 1: taken over within one registry */
static int mount(struct job *j, struct http *h, struct err *e)
{
	struct place *from = &j->c->from, *to = &j->c->to;
	char text[REFERENCE_NAME_MAX + 32];

	if (from->kind != to->kind || !to->kind->blob_mount)
		return 0;
	int r = to->kind->blob_mount(to, h, &j->blob, from, e);
	if (r > 0) {
		(void)snprintf(text, sizeof text, "Mounted from %s", from->ref.path);
		emit(j, PUSH_LAYER_MOUNTED, j->blob.size, text);
	}
	return r;
}

/* 1: the target has it now without being sent it */
static int there_already(struct job *j, struct http *h, struct err *e)
{
	struct place *to = &j->c->to;
	int r = to->kind->blob_has(to, h, &j->blob, e);

	if (r > 0)
		emit(j, PUSH_LAYER_EXISTS, j->blob.size, NULL);
	return r == 0 ? mount(j, h, e) : r;
}

static int diff_id_find(const struct job *j, char ret[DIGEST_TEXT_MAX], struct err *e)
{
	struct source_digest plain;
	struct inflate *in = NULL;
	struct source_fd file;

	if (lseek(j->fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "seek in a temporary file");
	if (source_fd_init(&file, j->fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = inflate_open(&file.source, 0, &in, e);
	if (r == 0)
		r = source_digest_init(&plain, inflate_source(in), NULL, -1, e);
	if (r == 0)
		r = source_drain(&plain.source, NULL, e);
	if (r == 0)
		(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", plain.got);
	inflate_close(in);
	source_fd_done(&file);
	return r;
}

static int blob_copy(struct job *j, struct http *h, struct err *e)
{
	const struct registry_retry retry = { on_wait, j };
	struct place *to = &j->c->to;
	const bool read = j->part->diff_ids;
	int r = read ? 0 : there_already(j, h, e);

	if (r != 0)
		return r < 0 ? r : 0;
	struct place_put put = { .blob = j->blob, .sent = on_sent, .data = j, .retry = &retry };
	r = fetch(j, h, e);
	if (r == 0 && read)
		r = diff_id_find(j, j->part->diff_ids[j->at], e);
	if (r == 0 && read)
		r = there_already(j, h, e);
	if (r == 0) {
		put.fd = j->fd;
		if (to->kind->ordered)
			turn_wait(j);
		r = to->kind->blob_put(to, h, &put, e);
	}
	own_fd_done(&j->fd);
	if (r == 0)
		emit(j, PUSH_LAYER_DONE, j->blob.size, NULL);
	return r < 0 ? r : 0;
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

static int job_run(struct part *p, size_t i, struct http *h, struct err *e)
{
	const struct descriptor *d = blob_of(p, i);
	struct place *from = &p->c->from;
	struct job j = { .c = p->c, .part = p, .at = i, .fd = -1,
			 .blob = { .digest = d->digest, .size = d->size, .config = i == p->m.n_entries } };

	(void)snprintf(j.name, sizeof j.name, "%.12s", digest_hex(d->digest));
	if (is_repeated(p, i))
		return 0;
	if (descriptor_is_foreign(d)) {
		emit(&j, PUSH_LAYER_SKIPPED, d->size, NULL);
		return 0;
	}
	if (d->size < 0) { /* schema 1 does not say it */
		if (from->kind->blob_size(from, h, d->digest, &j.blob.size, e) < 0)
			return err_ctx(e, "blob %s", j.name);
		p->m.entries[i].size = j.blob.size;
	}
	return blob_copy(&j, h, e) < 0 ? err_ctx(e, "blob %s", j.name) : 0;
}

static int blob_work(void *data, size_t i, struct http *h, struct err *e)
{
	int r = job_run(data, i, h, e);
	turn_end(data, i);
	return r;
}

int copy_blobs(struct part *p, struct err *e)
{
	const struct copy *c = p->c;
	const struct crew_plan plan = { .n = p->n_blobs, .threads = c->to_config.uploads, .online = c->http,
					 .cancel = &p->c->cancel, .work = blob_work, .data = p };
	p->turn = 0;
	memset(p->ended, 0, sizeof p->ended);
	return crew_run(&plan, e);
}

static int document_copy(struct copy *c, const char *digest, int depth, struct copy_result *ret, struct err *e);

/* 1: @d, an entry of the index, is another manifest at the target */
static int child_copy(struct part *p, json_t *d, int depth, struct err *e)
{
	const char *digest = js_str(d, "digest", ""); /* was checked */
	struct place *to = &p->c->to;
	struct copy_result done;
	int r = p->c->req->convert == PLACE_ANY ? to->kind->manifest_has(to, p->c->http, digest, e) : 0;

	if (r != 0)
		return r < 0 ? r : 0;
	if (document_copy(p->c, digest, depth + 1, &done, e) < 0)
		return -e->eno;
	if (!strcmp(done.digest, digest))
		return 0;
	if (json_object_set_new(d, "digest", json_string(done.digest)) |
	    json_object_set_new(d, "size", json_integer((json_int_t)done.size_bytes)) |
	    json_object_set_new(d, "mediaType", json_string(done.media_type)))
		return err_new(e, E_NOMEM, ENOMEM, "index");
	return 1;
}

static int children_copy(struct part *p, int depth, struct err *e)
{
	OWN_JSON manifests = json_deep_copy(json_object_get(p->m.json, "manifests"));
	bool changed = false;
	json_t *d;
	size_t i;

	if (p->c->req->index_alone)
		return 0;
	json_array_foreach(manifests, i, d) {
		int r = child_copy(p, d, depth, e);
		if (r < 0)
			return r;
		changed |= r > 0;
	}
	return copy_form_index(p, manifests, changed, e);
}

static int image_blobs_copy(struct part *p, struct err *e)
{
	p->n_blobs = p->m.n_entries + 1;
	return copy_blobs(p, e) < 0 ? -e->eno : copy_form_image(p, e);
}

static int referrers_copy(struct copy *c, const char *digest, int depth, struct err *e)
{
	OWN_JSON index = NULL;
	json_t *d;
	size_t i;

	if (c->from.kind->referrers(&c->from, c->http, digest, &index, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(index, "manifests"), i, d) {
		const char *to = js_str(d, "digest", "");
		struct copy_result ignored;
		if (document_copy(c, to, depth + 1, &ignored, e) < 0)
			return err_ctx(e, "referrer %s", to);
	}
	return 0;
}

/* an image or an index, of schema 2 or OCI */
static int modern_copy(struct part *p, bool top, int depth, struct err *e)
{
	struct place *to = &p->c->to;

	if (manifest_parse(p->raw.bytes, p->raw.n, *p->raw.content_type ? p->raw.content_type : NULL, &p->m, e) < 0)
		return -e->eno;
	if (!*p->raw.content_type)
		(void)snprintf(p->raw.content_type, sizeof p->raw.content_type, "%s", p->m.media_type);
	if ((p->m.kind == MANIFEST_INDEX ? children_copy(p, depth, e) : image_blobs_copy(p, e)) < 0)
		return -e->eno;
	return to->kind->manifest_put(to, p->c->http, &p->raw, top, e);
}

static bool is_schema1(const struct copy *c, const struct registry_manifest *raw)
{
	return c->from.kind->blob_size && schema1_is(raw->bytes, raw->n, raw->content_type);
}

static int part_copy(struct part *p, bool top, int depth, struct err *e)
{
	if (depth > MANIFEST_DEPTH_MAX)
		return err_new(e, E_CORRUPT, ELOOP, "index in index in index, or referrers of referrers");
	if ((is_schema1(p->c, &p->raw) ? copy_schema1(p, top, e) : modern_copy(p, top, depth, e)) < 0)
		return -e->eno;
	return p->c->req->referrers ? referrers_copy(p->c, p->raw.digest, depth, e) : 0;
}

/* @digest NULL: what the source names, which is what the target is to name */
static int document_copy(struct copy *c, const char *digest, int depth, struct copy_result *ret, struct err *e)
{
	struct part p = { .c = c, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	int r = c->from.kind->manifest_get(&c->from, c->http, digest, &p.raw, e);

	if (r == 0)
		r = part_copy(&p, !depth, depth, e);
	memcpy(ret->digest, p.raw.digest, sizeof ret->digest);
	memcpy(ret->media_type, p.raw.content_type, sizeof ret->media_type);
	ret->size_bytes = (int64_t)p.raw.n;
	free(p.diff_ids);
	manifest_done(&p.m);
	registry_manifest_done(&p.raw);
	(void)pthread_mutex_destroy(&p.lock); /* nobody holds it */
	(void)pthread_cond_destroy(&p.changed);
	return r < 0 && digest ? err_ctx(e, "manifest %s", digest) : r;
}

/* @ret: the manifest for the platform, "" when what the source names is meant as a whole */
static int choose(struct copy *c, char ret[DIGEST_TEXT_MAX], struct err *e)
{
	struct platform want;

	ret[0] = 0;
	if (!c->req->platform && !c->to.kind->single)
		return 0;
	if (!c->req->platform)
		platform_host(&want);
	else if (platform_parse(c->req->platform, &want, e) < 0)
		return -e->eno;
	for (int depth = 0; depth <= MANIFEST_DEPTH_MAX; depth++) {
		struct registry_manifest raw = { 0 };
		OWN_MANIFEST m = { 0 };
		const struct descriptor *d;
		int r = c->from.kind->manifest_get(&c->from, c->http, depth ? ret : NULL, &raw, e);
		bool found = r == 0 && is_schema1(c, &raw);
		if (r == 0 && !found) {
			r = manifest_parse(raw.bytes, raw.n, *raw.content_type ? raw.content_type : NULL, &m, e);
			found = r == 0 && m.kind == MANIFEST_IMAGE;
		}
		if (r == 0 && !found && c->req->all)
			r = err_new(e, E_USAGE, EINVAL, "--all: %s: has room for one image, not for an index", c->to.kind->name);
		if (r == 0 && !found && (r = manifest_choose(&m, &want, &d, e)) == 0)
			(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", d->digest);
		registry_manifest_done(&raw);
		if (r < 0 || found)
			return r;
	}
	return err_new(e, E_CORRUPT, ELOOP, "index in index in index");
}

/* everything but the end */
static int image_copy(struct copy *c, struct copy_result *ret, struct err *e)
{
	char at[DIGEST_TEXT_MAX], name[REFERENCE_TEXT_MAX];

	if (c->req->name_images && c->to.kind->image_name) {
		name[0] = 0;
		if (*c->from.ref.domain && !*c->from.ref.digest)
			reference_canonical(&c->from.ref, name);
		if (c->to.kind->image_name(&c->to, name, e) < 0)
			return -e->eno;
	}
	return choose(c, at, e) < 0 || document_copy(c, *at ? at : NULL, 0, ret, e) < 0 ? -e->eno : 0;
}

static int next_open(struct copy *c, const char *where, struct err *e)
{
	const struct transport *kind = c->from.kind;

	place_close(&c->from);
	c->from.kind = kind;
	c->from_req.where = where;
	return place_open(&c->from, &c->from_req, e);
}

static int tag_copy(struct copy *c, struct copy_result *ret, struct err *e)
{
	char name[REFERENCE_TEXT_MAX] = "";
	int r = image_copy(c, ret, e);

	for (size_t i = 0; r == 0 && i < c->req->n_more; i++) {
		r = next_open(c, c->req->more[i], e);
		if (r == 0)
			r = image_copy(c, ret, e);
	}
	if (r == 0 && c->to.kind->finish)
		r = c->to.kind->finish(&c->to, e);
	if (r == 0 && *c->to.digest)
		memcpy(ret->digest, c->to.digest, sizeof ret->digest);
	if (*c->to.ref.domain)
		reference_familiar(&c->to.ref, name);
	return r < 0 ? err_ctx(e, "copy to %s", *name ? name : c->req->to) : 0;
}

static int tags_copy(struct copy *c, struct copy_result *ret, struct err *e)
{
	char **tags;
	size_t n;
	int r = c->from.kind->tags(&c->from, c->http, &tags, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++) {
		(void)snprintf(c->from.ref.tag, sizeof c->from.ref.tag, "%s", tags[i]); /* was checked */
		memcpy(c->to.ref.tag, c->from.ref.tag, sizeof c->to.ref.tag);
		r = tag_copy(c, ret, e);
		if (r == 0)
			transfer_note(&c->teller, "%s: digest: %s", tags[i], ret->digest);
	}
	registry_tags_free(tags, n);
	return r;
}

/* flags that mean something for repositories only */
static int check_kinds(const struct copy *c, struct err *e)
{
	const struct transport *const ends[] = { c->from.kind, c->to.kind };
	const struct registry_access *const access[] = { c->req->from_access, c->req->to_access };

	if (c->req->all && c->req->platform)
		return err_new(e, E_USAGE, EINVAL, "--all and --platform exclude each other");
	if (c->req->convert != PLACE_ANY && c->req->referrers)
		return err_new(e, E_USAGE, EINVAL, "--referrers and --format exclude each other: they name the digest that the image has");
	if (c->req->convert == PLACE_OCI && c->to.kind->single)
		return err_new(e, E_USAGE, EINVAL, "--format: %s: has a form of its own", c->to.kind->name);
	for (size_t i = 0; i < 2; i++) {
		if (access[i] && access[i]->given && !ends[i]->online)
			return err_new(e, E_USAGE, EINVAL, "the %s is no registry: credentials and certificates are nothing to %s:",
				       i ? "target" : "source", ends[i]->name);
		if (c->req->all_tags && !ends[i]->tags)
			return err_new(e, E_USAGE, EINVAL, "--all-tags is from registry to registry: %s: has no repositories",
				       ends[i]->name);
		if (c->req->referrers && !ends[i]->referrers)
			return err_new(e, E_USAGE, EINVAL, "--referrers is from registry to registry: %s: has no list of them",
				       ends[i]->name);
	}
	return 0;
}

static int end_find(const char *kind, const char *text, const struct transport **ret, const char **ret_where,
		    struct err *e)
{
	if (!kind)
		return transport_find(text, ret, ret_where, e);
	*ret = transport_of(kind);
	*ret_where = text;
	return 0;
}

static int prepare(struct copy *c, struct err *e)
{
	const struct copy_req *q = c->req;
	struct place_req *from = &c->from_req;
	struct place_req to = { .repository = q->all_tags, .config = &c->to_config, .cancel = &c->cancel, .target = true,
				.path_only = q->to_kind, .store = q->store, .replace = q->replace,
				.keep_names = q->keep_names, .preserve = q->preserve, .source = &c->from.ref,
				.from = &c->from };

	*from = (struct place_req){ .repository = q->all_tags, .config = &c->from_config, .cancel = &c->cancel,
				    .path_only = q->from_kind, .at = q->from_at, .store = q->store, .platform = q->platform,
				    .compress = q->compress };
	if (end_find(q->from_kind, q->from, &c->from.kind, &from->where, e) < 0 ||
	    end_find(q->to_kind, q->to, &c->to.kind, &to.where, e) < 0)
		return -e->eno;
	from->form = q->convert ? q->convert : q->form ? q->form : c->to.kind->form;
	if (check_kinds(c, e) < 0 || registry_config_load(q->from_access, &c->from_config, e) < 0 ||
	    registry_config_load(q->to_access, &c->to_config, e) < 0)
		return -e->eno;
	if (place_open(&c->from, from, e) < 0 || place_open(&c->to, &to, e) < 0)
		return -e->eno;
	return c->from.kind->online || c->to.kind->online ? http_open(&c->http, e) : 0;
}

int copy_image(const struct copy_req *req, struct copy_result *ret, struct err *e)
{
	struct copy c = { .req = req, .teller = { req->progress, req->data, PTHREAD_MUTEX_INITIALIZER } };

	*ret = (struct copy_result){ 0 };
	int r = prepare(&c, e);
	if (r == 0)
		r = req->all_tags ? tags_copy(&c, ret, e) : tag_copy(&c, ret, e);
	if (r == 0)
		ret->names = json_incref(c.to.names);
	place_close(&c.to);
	place_close(&c.from);
	http_close(c.http);
	registry_config_done(&c.from_config);
	registry_config_done(&c.to_config);
	(void)pthread_mutex_destroy(&c.teller.lock); /* nobody holds it */
	return r;
}
