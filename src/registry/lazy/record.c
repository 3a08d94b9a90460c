/* SPDX-License-Identifier: Apache-2.0
 *
 * The record of an image that is on its way: see store/lazy.h. What it names is on the disk before it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "base/step.h"
#include "format/js.h"
#include "registry/lazy/lazy.h"
#include "registry/lazy/lazy_int.h"
#include "registry/pull_int.h"
#include "store/image.h"
#include "store/lazy.h"
#include "store/snapshot.h"

enum { RECORD_MAX = 4 << 20 };

int lazy_record_load(const struct store *s, const char *image_id, json_t **ret, struct err *e)
{
	char path[LAZY_PATH_MAX];

	if (lazy_record_path(image_id, path, e) < 0 || js_load(s->root_fd, path, RECORD_MAX, ret, e) < 0)
		return -e->eno;
	if (json_is_array(json_object_get(*ret, "lazy")))
		return 0;
	json_decref(ptr_take(ret));
	return err_new(e, E_NOT_FOUND, ENOENT, "image is not on its way");
}

/* whether this pull has looked at the tables of contents; else a process shows the image already */
static bool has_tables(const struct pull *p)
{
	return *p->layers[p->n_layers - 1].toc;
}

/* what was unpacked now, as an image's registration does it; the rest of the image waits for its own */
static int settle_first(const struct pull *p, struct err *e)
{
	const struct store *s = p->req->store;
	OWN_PTR char **chain = calloc(p->n_layers + 1, sizeof *chain);

	if (!chain)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < p->n_layers; i++)
		chain[i] = p->layers[i].chain_id;
	for (size_t i = 1; i <= p->n_first; i++)
		if (snapshot_settle(s, (const char *const *)chain, i, e) < 0)
			return -e->eno;
	if (syncfs(s->root_fd) < 0)
		return err_sys(e, errno, "sync %s", s->root);
	return snapshot_mark_synced(s, chain, p->n_first, s->form, e);
}

static json_t *layers_json(const struct pull *p)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < p->n_layers; i++) {
		const struct pull_layer *pl = &p->layers[i];
		json_t *l = json_pack("{s:s, s:I, s:s, s:s, s:s}", "digest", pl->blob->digest, "size", (json_int_t)pl->blob->size,
				      "mediaType", pl->blob->media_type, "diff_id", pl->diff_id, "chain_id", pl->chain_id);
		if (l && i >= p->n_first) {
			json_object_set_new(l, "toc", json_string(pl->toc));
			json_object_set_new(l, "toc_kind", json_integer(pl->toc_kind));
			json_object_set_new(l, "toc_end", json_integer(pl->toc_end));
		}
		if (!l || json_array_append_new(list, l) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *descriptor(const char *digest, const char *type, size_t n)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)n);
}

/* what the image is to be called when it is whole, as one of @names; the same name with its digest of today */
static int add_name(const struct pull *p, json_t *names, struct err *e)
{
	const char *reference = p->result->canonical;
	char was[DIGEST_TEXT_MAX] = "";
	struct err ignored = { 0 };
	json_t *name;
	size_t i;

	(void)reference_get(p->req->store, reference, was, NULL, &ignored);
	json_array_foreach(names, i, name)
		if (!strcmp(js_str(name, "reference", ""), reference)) {
			(void)json_array_remove(names, i);
			break;
		}
	return json_array_append_new(names, json_pack("{s:s, s:s, s:s, s:s}", "reference", reference, "digest", p->raw.digest,
						      "platform", p->req->platform ? p->req->platform : "", "was", was)) < 0 ?
		       err_new(e, E_NOMEM, ENOMEM, "image record") : 0;
}

static json_t *record_of(const struct pull *p)
{
	const struct descriptor *config = &p->manifest.config;
	const bool indexed = *p->index_type;
	const struct registry_manifest *m = indexed ? &p->image_raw : &p->raw;
	char now[CLOCK_TEXT_MAX];

	clock_format(clock_now_ns(), now);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:i, s:s, s:s}", "manifest", descriptor(m->digest, p->manifest.media_type, m->n), "index",
		indexed ? descriptor(p->raw.digest, p->index_type, p->raw.n) : json_null(), "config",
		descriptor(config->digest, config->media_type, (size_t)config->size), "layers", layers_json(p), "size", 0, "created",
		js_str(p->image.json, "created", ""), "registered", now);
}

/* @here: the record that is there, or NULL. What a process shows already stays as it is, and gets one name more. */
static int write_record(const struct pull *p, const json_t *here, struct err *e)
{
	const char *id = p->manifest.config.digest;
	char path[LAZY_PATH_MAX];

	if (lazy_record_path(id, path, e) < 0 || io_mkdir_p(p->req->store->root_fd, "images", 0700, e) < 0)
		return -e->eno;
	OWN_JSON names = here ? json_deep_copy(json_object_get(here, "lazy")) : json_array();
	OWN_JSON record = has_tables(p) ? record_of(p) : json_deep_copy(here);
	if (!names || !record)
		return err_new(e, E_NOMEM, ENOMEM, "image record");
	if (add_name(p, names, e) < 0)
		return -e->eno;
	if (json_object_set(record, "lazy", names) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "image record");
	return js_save(p->req->store->root_fd, path, record, 0600, IO_DURABLE, e);
}

/* ---- the way ---- */

struct begin {
	struct pull *p;
	bool whole; /* by now: there is nothing to begin */
};

static int step_settle(void *ctx, struct err *e)
{
	const struct begin *b = ctx;
	return has_tables(b->p) ? settle_first(b->p, e) : 0;
}

/* Under the lock of whoever begins and ends the process: it either sees the name, or the image is whole. */
static int step_record(void *ctx, struct err *e)
{
	struct begin *b = ctx;
	const struct store *s = b->p->req->store;
	const char *id = b->p->manifest.config.digest;
	struct err none = { 0 };
	OWN_JSON here = NULL;
	OWN_FD lock = -1;

	if (lazy_begin(s, b->p->layers[b->p->n_layers - 1].chain_id, &lock, e) < 0)
		return -e->eno;
	b->whole = image_exists_here(s, id);
	if (b->whole)
		return 0;
	if (lazy_record_load(s, id, &here, &none) < 0 && !has_tables(b->p))
		return err_new(e, E_BUSY, EAGAIN, "it was removed meanwhile");
	return write_record(b->p, here, e);
}

static int step_serve(void *ctx, struct err *e)
{
	const struct begin *b = ctx;
	const struct store *s = b->p->req->store;
	/* a program of its own: what this one has open ends with it */
	const char *argv[] = { "onggi-image", "lazy-serve", s->root, s->run, b->p->manifest.config.digest, NULL };

	return b->whole ? 0 : program_run(argv, e);
}

static const struct step begin_steps[] = {
	{ "settle", step_settle, NULL },
	{ "record", step_record, NULL },
	{ "serve", step_serve, NULL },
};
WAY_DEFINE(begin_way, "lazy-begin", begin_steps);

int lazy_register(struct pull *p, struct err *e)
{
	struct begin b = { .p = p };

	if (way_run(&begin_way, &b, NULL, e) < 0)
		return err_ctx(e, "image that is on its way");
	(void)snprintf(p->result->image_id, sizeof p->result->image_id, "%s", p->manifest.config.digest);
	return b.whole;
}
