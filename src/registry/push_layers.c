/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of a push: a few workers, each layer on its own: is it there? may it be mounted? is it to
 * be compressed? send it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/inflate.h"
#include "format/js.h"
#include "registry/crew.h"
#include "registry/push_int.h"
#include "store/blob.h"
#include "store/image.h"

enum { MEMORY_BYTES_MAX = 4096 };

/* one layer in the hands of one worker */
struct job {
	struct push *p;
	struct push_layer *layer;
	enum transfer_state state;
};

static void emit(struct job *j, enum transfer_state state, int64_t done, const char *text)
{
	struct transfer_event ev = { .state = state, .layer = j->layer->name, .text = text, .done_bytes = done,
				     .total_bytes = j->layer->size_bytes };
	j->state = state;
	transfer_emit(&j->p->teller, &ev);
}

static void on_wait(void *data, unsigned delay_ms, const struct err *why)
{
	struct job *j = data;
	char text[400];

	(void)snprintf(text, sizeof text, "Retrying in %u seconds: %.300s", (delay_ms + 999) / 1000, why->chain);
	emit(j, TRANSFER_RETRY, 0, text);
}

static void on_sent(void *data, int64_t n)
{
	emit(data, PUSH_LAYER_SENDING, n, NULL);
}

/* ---- what a layer became when it was compressed ---- */

static void memory_name(const struct push *p, const struct push_layer *l, char out[200])
{
	const enum compress_format f = p->req->format == COMPRESS_NONE ? COMPRESS_GZIP : p->req->format;

	(void)snprintf(out, 200, "pushed/%.64s-%s-%d", digest_hex(l->diff_id), compress_format_name(f), p->req->level);
}

int push_memory_get(const struct push *p, const struct push_layer *l, struct compressed *ret)
{
	struct err ignored = { 0 };
	struct compressed c = { .fd = -1 };
	OWN_JSON j = NULL;
	char name[200];

	memory_name(p, l, name);
	if (js_load(p->req->store->root_fd, name, MEMORY_BYTES_MAX, &j, &ignored) < 0 ||
	    strcmp(js_str(j, "diff_id", ""), l->diff_id) != 0 || !digest_is_valid(js_str(j, "digest", "")))
		return 0;
	(void)snprintf(c.digest, sizeof c.digest, "%s", js_str(j, "digest", "")); /* valid: it fits */
	c.size_bytes = js_int(j, "size", -1);
	(void)snprintf(c.toc_digest, sizeof c.toc_digest, "%s", js_str(j, "toc_digest", ""));
	(void)snprintf(c.toc_position, sizeof c.toc_position, "%s", js_str(j, "toc_position", ""));
	*ret = c;
	return c.size_bytes >= 0;
}

void push_memory_set(const struct push *p, const struct push_layer *l, const struct compressed *c)
{
	struct err ignored = { 0 };
	char name[200];
	OWN_JSON j = json_pack("{s:s, s:s, s:I, s:s, s:s}", "diff_id", l->diff_id, "digest", c->digest, "size",
			       (json_int_t)c->size_bytes, "toc_digest", c->toc_digest, "toc_position", c->toc_position);

	memory_name(p, l, name);
	if (j && io_mkdir_p(p->req->store->root_fd, "pushed", 0700, &ignored) == 0)
		(void)js_save(p->req->store->root_fd, name, j, 0600, 0, &ignored); /* see the header */
}

/* ---- sources of mounts ---- */

static void source_add(struct push_layer *l, const char *path)
{
	for (size_t i = 0; i < l->n_from; i++)
		if (!strcmp(l->from[i], path))
			return;
	if (l->n_from < PUSH_FROM_MAX)
		(void)snprintf(l->from[l->n_from++], sizeof l->from[0], "%s", path);
}

static int source_look(void *data, const struct reference_entry *r)
{
	struct push_image *img = data;
	const struct reference *mine = &img->p->ref;
	struct err ignored = { 0 };
	struct reference ref;
	struct image other;
	size_t k;
	json_t *have;

	/* only what came from a registry or went to one can be there */
	if (!*r->manifest || reference_parse(r->reference, &ref, &ignored) < 0 ||
	    strcmp(ref.domain, mine->domain) != 0 || !strcmp(ref.path, mine->path) ||
	    image_load(img->p->req->store, r->image_id, &other, &ignored) < 0)
		return 0;
	json_array_foreach(json_object_get(other.record, "layers"), k, have)
		for (size_t i = 0; i < img->n; i++)
			if (!strcmp(js_str(have, "diff_id", ""), img->layers[i].diff_id))
				source_add(&img->layers[i], ref.path);
	image_done(&other);
	return 0;
}

int push_sources_find(struct push_image *img, struct err *e)
{
	if (reference_each_seen(img->p->req->store, source_look, img, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < img->n; i++)
		for (size_t k = 0; k < img->layers[i].n_from; k++)
			registry_mount_from(img->p->registry, img->layers[i].from[k]);
	return 0;
}

/* ---- one layer ---- */

static int compress_as(struct job *j, enum compress_format format, struct compressed *ret, struct err *e)
{
	struct push_layer *l = j->layer;
	const struct store *s = j->p->req->store;
	struct source_digest whole, plain;
	struct source_fd file;
	struct inflate *in;
	OWN_FD fd = -1;

	if (blob_open(s, l->blob->digest, &fd, NULL, e) < 0 || source_fd_init(&file, fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = source_digest_init(&whole, &file.source, l->blob->digest, l->blob->size, e);
	if (r == 0) {
		whole.what = l->blob->digest;
		r = inflate_open(&whole.source, 0, &in, e);
	}
	if (r == 0) {
		r = source_digest_init(&plain, inflate_source(in), l->diff_id, -1, e);
		plain.what = "uncompressed layer";
		if (r == 0)
			r = compress_source(&plain.source, format, j->p->req->level, s->root_fd, ret, e);
		inflate_close(in);
	}
	source_fd_done(&file);
	return r < 0 ? err_ctx(e, "compress") : 0;
}

static int compress(struct job *j, struct compressed *ret, struct err *e)
{
	const enum compress_format format = j->p->req->format;

	emit(j, PUSH_LAYER_COMPRESSING, 0, NULL);
	int r = compress_as(j, format, ret, e);
	if (r < 0 && format == COMPRESS_ZSTD_CHUNKED && e->kind == E_UNSUPPORTED) {
		transfer_note(&j->p->teller, "%s: plain zstd: %s", j->layer->name, e->chain);
		err_clear(e);
		r = compress_as(j, COMPRESS_ZSTD, ret, e);
	}
	return r;
}

static int send(struct job *j, struct http *h, int fd, struct err *e)
{
	struct push_layer *l = j->layer;
	const char *from[PUSH_FROM_MAX];
	const struct registry_retry retry = { .wait = on_wait, .data = j };
	struct registry_upload u = { .digest = l->digest, .size_bytes = l->size_bytes, .fd = fd, .from = from,
				     .n_from = l->n_from, .sent = on_sent, .data = j, .retry = &retry };
	char text[64 + REFERENCE_NAME_MAX];

	for (size_t i = 0; i < l->n_from; i++)
		from[i] = l->from[i];
	if (registry_blob_put(j->p->registry, h, &u, e) < 0)
		return -e->eno;
	if (u.ret_mounted) {
		(void)snprintf(text, sizeof text, "Mounted from %s", u.ret_mounted);
		emit(j, PUSH_LAYER_MOUNTED, l->size_bytes, text);
	} else {
		emit(j, PUSH_LAYER_DONE, l->size_bytes, NULL);
	}
	return 0;
}

/* 1: the registry has it | 0: it is to be sent */
static int is_there(struct job *j, struct http *h, const char *digest, int64_t size, struct err *e)
{
	int r = registry_blob_has(j->p->registry, h, digest, e);

	if (r <= 0)
		return r;
	j->layer->size_bytes = size;
	memmove(j->layer->digest, digest, strlen(digest) + 1); /* may be the same */
	emit(j, PUSH_LAYER_EXISTS, size, NULL);
	return 1;
}

static int layer_changed(struct job *j, struct http *h, struct err *e)
{
	struct push_layer *l = j->layer;
	struct compressed c;
	int r = push_memory_get(j->p, l, &c) ? is_there(j, h, c.digest, c.size_bytes, e) : 0;

	if (r < 0)
		return r;
	if (r == 0 && compress(j, &c, e) < 0)
		return -e->eno;
	memcpy(l->toc_digest, c.toc_digest, sizeof l->toc_digest);
	memcpy(l->toc_position, c.toc_position, sizeof l->toc_position);
	if (r > 0)
		return 0;
	OWN_FD fd = c.fd;
	l->size_bytes = c.size_bytes;
	memcpy(l->digest, c.digest, sizeof l->digest);
	r = is_there(j, h, l->digest, c.size_bytes, e);
	if (r == 0)
		r = send(j, h, fd, e);
	if (r >= 0)
		push_memory_set(j->p, l, &c);
	return r < 0 ? r : 0;
}

static int layer_run(void *data, size_t i, struct http *h, struct err *e)
{
	struct push_image *img = data;
	struct job j = { .p = img->p, .layer = &img->layers[i] };
	OWN_FD fd = -1;
	int r;

	if (descriptor_is_foreign(j.layer->blob)) {
		emit(&j, PUSH_LAYER_SKIPPED, j.layer->size_bytes, NULL);
		return 0;
	}
	if (j.layer->changed) {
		r = layer_changed(&j, h, e);
	} else {
		r = is_there(&j, h, j.layer->digest, j.layer->size_bytes, e);
		if (r == 0)
			r = blob_open(j.p->req->store, j.layer->digest, &fd, NULL, e) < 0 ? -e->eno : send(&j, h, fd, e);
	}
	return r < 0 ? err_ctx(e, "layer %s", j.layer->name) : 0;
}

int push_layers(struct push_image *img, struct err *e)
{
	const struct crew_plan plan = { .n = img->n, .threads = img->p->config.uploads, .online = true,
					.cancel = &img->p->cancel, .work = layer_run, .data = img };

	for (size_t i = img->n; i-- > 0;) { /* the last layer first, as docker lists them */
		struct transfer_event ev = { .state = PUSH_LAYER_QUEUED, .layer = img->layers[i].name,
					     .total_bytes = img->layers[i].size_bytes };
		transfer_emit(&img->p->teller, &ev);
	}
	return crew_run(&plan, e);
}
