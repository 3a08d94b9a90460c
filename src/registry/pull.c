/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a pull: see pull.h. A lease protects everything from removal of images beside it.
 */
#include "registry/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/step.h"
#include "registry/lazy/lazy.h"
#include "registry/pull_int.h"
#include "registry/schema1.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"

/* what the registry is asked for: the digest when there is one */
static const char *wanted(const struct pull *p)
{
	return *p->ref.digest ? p->ref.digest : p->ref.tag;
}

int pull_keep(struct pull *p, const struct registry_manifest *m, struct err *e)
{
	if (lease_add_blob(&p->lease, m->digest, e) < 0)
		return -e->eno;
	int r = blob_can_be_trusted(p->req->store, m->digest, (int64_t)m->n, e);
	if (r)
		return r < 0 ? r : 0;
	return blob_write(p->req->store, m->bytes, m->n, m->digest, NULL, e);
}

static int step_manifest(void *ctx, struct err *e)
{
	struct pull *p = ctx;

	if (registry_manifest_get(p->registry, p->http, wanted(p), &p->raw, e) < 0)
		return -e->eno;
	transfer_note(&p->teller, "%s: Pulling from %s", wanted(p), p->ref.path);
	memcpy(p->result->digest, p->raw.digest, sizeof p->raw.digest);
	p->schema1 = schema1_is(p->raw.bytes, p->raw.n, p->raw.content_type);
	if (p->schema1) /* not kept: its digest is that of a part of it */
		return 0;
	return pull_keep(p, &p->raw, e);
}

/* go down from an index to the image's manifest */
static int step_choose(void *ctx, struct err *e)
{
	struct pull *p = ctx;
	const struct registry_manifest *now = &p->raw;
	char name[REFERENCE_TEXT_MAX];

	reference_familiar(&p->ref, name);
	if (p->schema1) {
		if (pull_schema1(p, &p->raw, e) < 0)
			return err_ctx(e, "%s", name);
		now = &p->image_raw;
	}
	for (int depth = 0;; depth++) {
		const struct descriptor *d;
		manifest_done(&p->manifest);
		if (manifest_parse(now->bytes, now->n, now->content_type, &p->manifest, e) < 0)
			return err_ctx(e, "%s", name);
		if (p->manifest.kind == MANIFEST_IMAGE)
			break;
		if (depth == MANIFEST_DEPTH_MAX)
			return err_new(e, E_CORRUPT, ELOOP, "%s: index in index in index", name);
		if (!depth)
			(void)snprintf(p->index_type, sizeof p->index_type, "%.127s", p->manifest.media_type);
		if (manifest_choose(&p->manifest, &p->want, &d, e) < 0)
			return -e->eno;
		struct registry_manifest next = { 0 };
		if (registry_manifest_get(p->registry, p->http, d->digest, &next, e) < 0)
			return -e->eno;
		const bool schema1 = schema1_is(next.bytes, next.n, next.content_type);
		if ((int64_t)next.n != d->size && !schema1) { /* its digest is not that of the signatures */
			registry_manifest_done(&next);
			return err_new(e, E_CORRUPT, EBADMSG, "%s: manifest %.19s has not the size that the index says",
				       name, d->digest);
		}
		registry_manifest_done(&p->image_raw);
		now = &p->image_raw;
		if (schema1) {
			int r = pull_schema1(p, &next, e);
			registry_manifest_done(&next);
			if (r < 0)
				return err_ctx(e, "%s", name);
			continue;
		}
		p->image_raw = next;
		if (pull_keep(p, now, e) < 0)
			return -e->eno;
	}
	if (manifest_check_runnable(&p->manifest, e) < 0)
		return err_ctx(e, "%s", name);
	return 0;
}

static int config_fetch(struct pull *p, struct err *e)
{
	const struct descriptor *d = &p->manifest.config;

	if (registry_document_get(p->registry, p->http, d->digest, d->size, &p->config_bytes, &p->config_n, e) < 0 ||
	    blob_write(p->req->store, p->config_bytes, p->config_n, d->digest, NULL, e) < 0)
		return err_ctx(e, "image config");
	return 0;
}

static void platform_warn(struct pull *p)
{
	char have[PLATFORM_TEXT_MAX], want[PLATFORM_TEXT_MAX], name[REFERENCE_TEXT_MAX];

	if (!*p->image.platform.arch || platform_rank(&p->want, &p->image.platform) >= 0)
		return;
	reference_familiar(&p->ref, name);
	platform_format(&p->image.platform, have);
	platform_format(&p->want, want);
	(void)snprintf(p->result->warning, sizeof p->result->warning,
		       "image with reference %.80s was found but does not match the specified platform: "
		       "wanted %s, actual: %s", name, want, have);
}

static int step_config(void *ctx, struct err *e)
{
	struct pull *p = ctx;
	const struct descriptor *d = &p->manifest.config;

	if (lease_add_blob(&p->lease, d->digest, e) < 0)
		return -e->eno;
	if (blob_exists(p->req->store, d->digest) &&
	    blob_read(p->req->store, d->digest, MANIFEST_CONFIG_BYTES_MAX, &p->config_bytes, &p->config_n,
		      e) < 0) {
		/* damaged on disk: the registry has a good one */
		if (e->kind != E_CORRUPT)
			return -e->eno;
		err_clear(e);
		if (blob_remove(p->req->store, d->digest, e) < 0)
			return -e->eno;
	}
	if (!p->config_bytes && config_fetch(p, e) < 0)
		return -e->eno;
	if ((int64_t)p->config_n != d->size)
		return err_new(e, E_CORRUPT, EBADMSG, "image config has %zu bytes, not %lld", p->config_n,
			       (long long)d->size);
	if (image_config_parse(p->config_bytes, p->config_n, &p->image, e) < 0)
		return -e->eno;
	if (p->image.n_diff_ids != p->manifest.n_entries)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest has %zu layers, image config %zu",
			       p->manifest.n_entries, p->image.n_diff_ids);
	platform_warn(p);
	return 0;
}

static int step_lease(void *ctx, struct err *e)
{
	struct pull *p = ctx;

	p->layers = calloc(p->manifest.n_entries + 1, sizeof *p->layers);
	if (!p->layers)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < p->manifest.n_entries; i++) {
		struct pull_layer *l = &p->layers[i];
		l->blob = &p->manifest.entries[i];
		l->diff_id = p->image.diff_ids[i];
		digest_chain_id(i ? l[-1].chain_id : NULL, l->diff_id, l->chain_id);
		(void)snprintf(l->name, sizeof l->name, "%.12s", digest_hex(l->blob->digest));
		if (lease_add_blob(&p->lease, l->blob->digest, e) < 0 ||
		    lease_add_layer(&p->lease, l->chain_id, e) < 0)
			return -e->eno;
		p->n_layers++;
	}
	p->n_first = p->n_layers;
	p->present = image_exists_here(p->req->store, p->manifest.config.digest);
	return p->req->late ? lazy_plan(p, e) : 0;
}

static int step_layers(void *ctx, struct err *e)
{
	struct pull *p = ctx;
	if (p->present)
		return 0;
	int r = pull_layers(p, e);
	p->result->reused_bytes = atomic_exchange(&p->reused_bytes, 0);
	return r;
}

static int register_whole(struct pull *p, struct err *e)
{
	char old_id[DIGEST_TEXT_MAX] = "", old_digest[DIGEST_TEXT_MAX] = "";
	const char *reference = p->result->canonical;
	bool indexed = *p->index_type;
	struct image_new n = {
		.manifest = indexed || p->schema1 ? p->image_raw.digest : p->raw.digest,
		.manifest_type = p->manifest.media_type,
		.index = indexed ? p->raw.digest : NULL,
		.index_type = indexed ? p->index_type : NULL,
		.named = p->schema1 ? p->raw.digest : NULL,
		.references = &reference, .n_references = 1,
	};

	if (reference_get(p->req->store, reference, old_id, old_digest, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		err_clear(e);
	}
	if (p->present && !strcmp(old_id, p->manifest.config.digest) &&
	    !strcmp(old_digest, p->raw.digest)) {
		memcpy(p->result->image_id, old_id, sizeof old_id);
		return 0;
	}
	p->result->updated = true;
	return image_register(p->req->store, &n, p->result->image_id, e);
}

static int step_register(void *ctx, struct err *e)
{
	struct pull *p = ctx;
	int r = p->result->late ? lazy_register(p, e) : 1;

	if (r <= 0)
		return r;
	p->result->late = false;
	return register_whole(p, e);
}

static const struct step pull_steps[] = {
	{ "manifest", step_manifest, NULL }, { "choose", step_choose, NULL },
	{ "config", step_config, NULL },     { "lease", step_lease, NULL },
	{ "layers", step_layers, NULL },     { "register", step_register, NULL },
};
WAY_DEFINE(pull_way, "pull", pull_steps);

/* what was one image's; the registry stays open for the next tag */
static void image_reset(struct pull *p)
{
	lease_close(&p->lease);
	p->lease.fd = -1;
	registry_manifest_done(&p->raw);
	registry_manifest_done(&p->image_raw);
	manifest_done(&p->manifest);
	image_config_done(&p->image);
	free(p->config_bytes);
	free(p->layers);
	p->config_bytes = NULL;
	p->layers = NULL;
	p->n_layers = 0;
	p->index_type[0] = 0;
}

static int pull_one(struct pull *p, struct err *e)
{
	struct reference ref = p->ref;

	if (*ref.digest)
		ref.tag[0] = 0; /* docker keeps name@digest of name:tag@digest */
	reference_canonical(&ref, p->result->canonical);
	reference_familiar(&ref, p->result->familiar);
	p->result->updated = p->result->late = false;
	p->result->reused_bytes = 0;
	int r = lease_open(p->req->store, &p->lease, e);
	if (r == 0)
		r = way_run(&pull_way, p, NULL, e);
	image_reset(p);
	return r;
}

static int pull_tags(struct pull *p, struct err *e)
{
	char **tags = NULL;
	bool updated = false;
	size_t n = 0;

	int r = registry_tags(p->registry, p->http, &tags, &n, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		(void)snprintf(p->ref.tag, sizeof p->ref.tag, "%s", tags[i]); /* a valid tag fits */
		r = pull_one(p, e);
		updated = updated || p->result->updated;
		if (r == 0)
			transfer_note(&p->teller, "Digest: %s", p->result->digest);
	}
	registry_tags_free(tags, n);
	if (r < 0)
		return r;
	if (!n)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s has no tags", p->ref.path);
	p->result->updated = updated;
	p->ref.tag[0] = 0;
	reference_canonical(&p->ref, p->result->canonical);
	reference_familiar(&p->ref, p->result->familiar);
	return 0;
}

static int pull_prepare(struct pull *p, struct err *e)
{
	int r = p->req->all_tags ? reference_parse(p->req->reference, &p->ref, e) :
				   reference_parse_tagged(p->req->reference, &p->ref, e);
	if (r < 0)
		return r;
	if (p->req->all_tags && (*p->ref.tag || *p->ref.digest))
		return err_new(e, E_USAGE, EINVAL, "tag can't be used with --all-tags/-a");
	platform_host(&p->want);
	if (p->req->platform && platform_parse(p->req->platform, &p->want, e) < 0)
		return -e->eno;
	if (registry_config_load(p->req->access, &p->config, e) < 0)
		return -e->eno;
	if (p->req->parallel)
		p->config.parallel = p->req->parallel;
	if (http_open(&p->http, e) < 0)
		return -e->eno;
	return registry_open(&p->ref, &p->config, "pull", &p->cancel, &p->registry, e);
}

int pull_image(const struct pull_req *req, struct pull_result *ret, struct err *e)
{
	struct pull p = { .req = req, .result = ret, .lease.fd = -1,
			  .teller = { req->progress, req->data, PTHREAD_MUTEX_INITIALIZER } };

	*ret = (struct pull_result){ 0 };
	int r = pull_prepare(&p, e);
	if (r == 0)
		r = req->all_tags ? pull_tags(&p, e) : pull_one(&p, e);
	if (p.registry && !*ret->warning)
		(void)snprintf(ret->warning, sizeof ret->warning, "%s", registry_warning(p.registry));
	/* what killed commands left; its own failure is none of this pull */
	struct err ignored = { 0 };
	(void)image_sweep_tmp(req->store, &ignored);
	registry_close(p.registry);
	http_close(p.http);
	registry_config_done(&p.config);
	(void)pthread_mutex_destroy(&p.teller.lock); /* nobody holds it */
	return r;
}
