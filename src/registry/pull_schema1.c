/* SPDX-License-Identifier: Apache-2.0
 *
 * A pull of an image manifest of schema 1: it names neither sizes nor diff IDs, so the blobs come first and are read
 * once; then the manifest and config of schema 2 that they make go the way of every other image.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/inflate.h"
#include "registry/crew.h"
#include "registry/pull_int.h"
#include "registry/schema1.h"
#include "store/blob.h"
#include "store/image.h"

/* one blob, however many layers have it */
struct part {
	const char *digest;
	int64_t size;
	char diff_id[DIGEST_TEXT_MAX];
};

struct parts {
	struct pull *p;
	struct schema1 schema;
	struct part *list;
	size_t n;
};

struct job {
	struct pull *p;
	struct part *part;
	char name[13];
	struct blob_writer writer;
};

static void emit(struct job *j, enum transfer_state state, int64_t done)
{
	struct transfer_event ev = { .state = state, .layer = j->name, .done_bytes = done, .total_bytes = j->part->size };

	transfer_emit(&j->p->teller, &ev);
}

static int on_bytes(void *data, const void *p, size_t n, struct err *e)
{
	struct job *j = data;

	if (blob_writer_add(&j->writer, p, n, e) < 0)
		return -e->eno;
	emit(j, PULL_LAYER_DOWNLOADING, (int64_t)j->writer.size_bytes);
	return 0;
}

static int download(struct job *j, struct http *h, struct err *e)
{
	struct part *part = j->part;
	struct registry_sink sink = { .add = on_bytes, .data = j };
	int r = registry_blob_size(j->p->registry, h, part->digest, &part->size, e);

	if (r == 0)
		r = blob_writer_resume(j->p->req->store, part->digest, &j->writer, e);
	if (r != 0)
		return r < 0 ? r : 0;
	j->writer.keep = true;
	if (j->writer.size_bytes > (uint64_t)part->size)
		r = blob_writer_restart(&j->writer, e);
	sink.at_bytes = (int64_t)j->writer.size_bytes;
	if (r == 0)
		r = registry_blob_get(j->p->registry, h, part->digest, part->size, &sink, NULL, e);
	if (r < 0) {
		blob_writer_abort(&j->writer);
		return r;
	}
	if (blob_writer_commit(&j->writer, part->digest, part->size, NULL, e) < 0)
		return -e->eno;
	emit(j, PULL_LAYER_DOWNLOADED, part->size);
	return 0;
}

/* the blob is verified again while it is read */
static int diff_id_find(struct job *j, struct err *e)
{
	struct source_digest whole, plain;
	struct source_fd file;
	struct inflate *in = NULL;
	OWN_FD fd = -1;

	if (blob_open(j->p->req->store, j->part->digest, &fd, NULL, e) < 0 ||
	    source_fd_init(&file, fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = source_digest_init(&whole, &file.source, j->part->digest, j->part->size, e);
	if (r == 0) {
		whole.what = j->part->digest;
		r = inflate_open(&whole.source, 0, &in, e);
	}
	if (r == 0)
		r = source_digest_init(&plain, inflate_source(in), NULL, -1, e);
	if (r == 0)
		r = source_drain(&plain.source, NULL, e);
	if (r == 0)
		memcpy(j->part->diff_id, plain.got, sizeof j->part->diff_id);
	inflate_close(in);
	source_fd_done(&file);
	return r;
}

static int part_work(void *data, size_t i, struct http *h, struct err *e)
{
	struct parts *all = data;
	struct job j = { .p = all->p, .part = &all->list[i] };
	int have = blob_can_be_trusted(all->p->req->store, j.part->digest, -1, e);

	(void)snprintf(j.name, sizeof j.name, "%.12s", digest_hex(j.part->digest));
	/* a damaged one goes first, or it would be taken for one that another pull has finished */
	if (have < 0 || (have == 0 && (blob_remove(all->p->req->store, j.part->digest, e) < 0 || download(&j, h, e) < 0)))
		return err_ctx(e, "layer %s", j.name);
	j.part->size = blob_size(all->p->req->store, j.part->digest);
	return diff_id_find(&j, e) < 0 ? err_ctx(e, "layer %s", j.name) : 0;
}

static struct part *part_find(const struct parts *all, const char *digest)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->list[i].digest, digest))
			return &all->list[i];
	return NULL;
}

static int parts_fetch(struct parts *all, struct err *e)
{
	struct pull *p = all->p;

	all->list = calloc(all->schema.n + 1, sizeof *all->list);
	if (!all->list)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < all->schema.n; i++) {
		const struct schema1_layer *l = &all->schema.layers[i];
		if (l->throwaway || part_find(all, l->blob))
			continue;
		if (lease_add_blob(&p->lease, l->blob, e) < 0)
			return -e->eno;
		all->list[all->n++].digest = l->blob;
	}
	const struct crew_plan plan = { .n = all->n, .threads = p->config.parallel, .online = true, .cancel = &p->cancel,
					.work = part_work, .data = all };
	return crew_run(&plan, e);
}

/* manifest and config of schema 2, into the store */
static int image_make(struct parts *all, struct err *e)
{
	struct pull *p = all->p;
	OWN_PTR const char **diff_ids = calloc(all->schema.n, sizeof *diff_ids);
	OWN_PTR int64_t *sizes = calloc(all->schema.n, sizeof *sizes);
	struct registry_manifest *m = &p->image_raw;
	struct registry_manifest config = { 0 };
	size_t n = 0;

	if (!diff_ids || !sizes)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < all->schema.n; i++) {
		const struct part *part = part_find(all, all->schema.layers[i].blob);
		if (all->schema.layers[i].throwaway)
			continue;
		diff_ids[n] = part->diff_id; /* parts_fetch has all */
		sizes[n++] = part->size;
	}
	int r = schema1_config(&all->schema, diff_ids, n, &config.bytes, e);
	if (r == 0) {
		config.n = strlen(config.bytes);
		digest_sha256(config.bytes, config.n, config.digest);
		r = pull_keep(p, &config, e);
	}
	if (r == 0)
		r = schema1_manifest(&all->schema, config.digest, config.n, sizes, &m->bytes, e);
	registry_manifest_done(&config);
	if (r < 0)
		return r;
	m->n = strlen(m->bytes);
	digest_sha256(m->bytes, m->n, m->digest);
	(void)snprintf(m->content_type, sizeof m->content_type, "%s", MEDIA_DOCKER_MANIFEST);
	return pull_keep(p, m, e);
}

/* 1: the same document was pulled before under this name, p->image_raw is what it became | 0: not */
static int find_former(struct pull *p, struct err *e)
{
	const struct store *s = p->req->store;
	char id[DIGEST_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	struct registry_manifest *m = &p->image_raw;
	struct err ignored = { 0 };
	struct image img;

	if (reference_get(s, p->result->canonical, id, digest, &ignored) < 0 || strcmp(digest, p->raw.digest) != 0 ||
	    image_load(s, id, &img, &ignored) < 0)
		return 0;
	memcpy(m->digest, img.manifest, sizeof m->digest);
	image_done(&img);
	if (lease_add_blob(&p->lease, m->digest, e) < 0)
		return -e->eno;
	if (blob_read(s, m->digest, MANIFEST_BYTES_MAX, &m->bytes, &m->n, &ignored) < 0)
		return 0; /* damaged: made again */
	(void)snprintf(m->content_type, sizeof m->content_type, "%s", MEDIA_DOCKER_MANIFEST);
	return 1;
}

int pull_schema1(struct pull *p, const struct registry_manifest *doc, struct err *e)
{
	struct parts all = { .p = p };
	OWN_STR payload = NULL;
	size_t n;
	int r = doc == &p->raw ? find_former(p, e) : 0;

	if (r != 0)
		return r < 0 ? r : 0;
	transfer_note(&p->teller, "The image has a manifest of schema 1, which registries give up: it is converted");
	r = schema1_payload(doc->bytes, doc->n, &payload, &n, e);
	if (r == 0)
		r = schema1_parse(payload, n, &all.schema, e);
	if (r == 0)
		r = parts_fetch(&all, e);
	if (r == 0)
		r = image_make(&all, e);
	free(all.list);
	schema1_done(&all.schema);
	return r;
}
