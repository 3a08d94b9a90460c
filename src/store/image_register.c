/* SPDX-License-Identifier: Apache-2.0
 *
 * Registering an image: blobs and snapshots are there, now it becomes visible. The last part of
 * pull, load, import and build.
 *
 *   settle the layers, or index and seal them -> one syncfs -> mark them synced -> images/HEX -> references
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/image_int.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"
#include "store/snapshot_seal.h"

struct parts {
	char *manifest_text;
	char *config_text;
	struct manifest manifest;
	struct image_config config;
	char **chain;
	size_t n;
	uint64_t size_bytes;
};

static void parts_done(struct parts *p)
{
	for (size_t i = 0; p->chain && i < p->n; i++)
		free(p->chain[i]);
	free(p->chain);
	image_config_done(&p->config);
	manifest_done(&p->manifest);
	free(p->config_text);
	free(p->manifest_text);
}

/* Documents are in the own store, also those of which others have a copy: who lists images needs them, whatever
 * happens to that store. */
static int own_document(const struct store *s, const struct image_new *n, const char *digest, const char *text,
			size_t bytes, struct err *e)
{
	return !s->n_others || n->borrowed || blob_exists_here(s, digest) ? 0 :
									    blob_write(s, text, bytes, digest, NULL, e);
}

static int own_index(const struct store *s, const struct image_new *n, struct err *e)
{
	OWN_STR text = NULL;
	size_t bytes;

	if (!n->index || !s->n_others || blob_exists_here(s, n->index))
		return 0;
	return blob_read(s, n->index, MANIFEST_BYTES_MAX, &text, &bytes, e) < 0 ?
		       -e->eno : own_document(s, n, n->index, text, bytes, e);
}

static int load_parts(const struct store *s, const struct image_new *n, struct parts *p,
		      struct err *e)
{
	size_t bytes;

	if (own_index(s, n, e) < 0)
		return err_ctx(e, "index");
	if (blob_read(s, n->manifest, MANIFEST_BYTES_MAX, &p->manifest_text, &bytes, e) < 0 ||
	    own_document(s, n, n->manifest, p->manifest_text, bytes, e) < 0 ||
	    manifest_parse(p->manifest_text, bytes, NULL, &p->manifest, e) < 0)
		return err_ctx(e, "manifest");
	if (p->manifest.kind != MANIFEST_IMAGE)
		return err_new(e, E_INVALID, EINVAL, "%s is an index, not a manifest", n->manifest);
	if (blob_read(s, p->manifest.config.digest, MANIFEST_CONFIG_BYTES_MAX, &p->config_text, &bytes,
		      e) < 0 ||
	    own_document(s, n, p->manifest.config.digest, p->config_text, bytes, e) < 0 ||
	    image_config_parse(p->config_text, bytes, &p->config, e) < 0)
		return err_ctx(e, "image config");
	if (p->config.n_diff_ids != p->manifest.n_entries)
		return err_new(e, E_CORRUPT, EBADMSG, "the manifest has %zu layers, the config %zu",
			       p->manifest.n_entries, p->config.n_diff_ids);
	return 0;
}

static int make_chain(const struct store *s, struct parts *p, struct err *e)
{
	p->chain = calloc(p->config.n_diff_ids + 1, sizeof *p->chain);
	if (!p->chain)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < p->config.n_diff_ids; i++) {
		char id[DIGEST_TEXT_MAX];
		digest_chain_id(i ? p->chain[i - 1] : NULL, p->config.diff_ids[i], id);
		p->chain[i] = strdup(id);
		if (!p->chain[i])
			return err_new(e, E_NOMEM, ENOMEM, "layers");
		p->n = i + 1;
		int64_t size = snapshot_size(s, id);
		if (size < 0)
			return err_new(e, E_NOT_FOUND, ENOENT, "layer %zu (%s) is not unpacked", i, id);
		p->size_bytes += (uint64_t)size;
	}
	return 0;
}

/* calls @each with the digest of every blob of the image until it returns non-zero, which is returned */
static int each_blob(const struct store *s, const struct image_new *n, const struct parts *p,
		     int (*each)(const struct store *s, const char *digest, struct err *e), struct err *e)
{
	int r = each(s, n->manifest, e);

	if (!r && n->index)
		r = each(s, n->index, e);
	if (!r)
		r = each(s, p->manifest.config.digest, e);
	for (size_t i = 0; !r && i < p->n; i++)
		r = each(s, p->manifest.entries[i].digest, e);
	return r;
}

static int settle_and_sync(const struct store *s, const struct image_new *n, const struct parts *p,
			   struct err *e)
{
	const char *const *chain = (const char *const *)p->chain;

	for (size_t i = 1; i <= p->n && s->form == STORE_DIFF; i++)
		if (snapshot_settle(s, chain, i, e) < 0)
			return -e->eno;
	if (s->form == STORE_TAR && snapshot_index_make(s, chain, p->n, !n->hasty, e) < 0)
		return -e->eno;
	/* after the index: what is sealed has to be read from the disk again */
	if (s->form == STORE_TAR && snapshot_seal(s, chain, p->n, !n->hasty, e) < 0)
		return -e->eno;
	if (n->hasty)
		return 0;
	/* everything so far, in one go; names follow only what is on the disk */
	if (syncfs(s->root_fd) < 0)
		return err_sys(e, errno, "sync %s", s->root);
	if (each_blob(s, n, p, blob_mark_synced, e) < 0)
		return -e->eno;
	return snapshot_mark_synced(s, p->chain, p->n, s->form, e);
}

static bool is_ready(const struct store *s, const struct parts *p)
{
	return snapshot_is_ready(s, (const char *const *)p->chain, p->n, s->form);
}

static int is_open(const struct store *s, const char *digest, struct err *e)
{
	(void)e;
	return blob_exists(s, digest) && !blob_is_synced(s, digest);
}

/* layers and blobs: the image may be there already, and this way have brought other blobs of it */
static bool all_synced(const struct store *s, const struct image_new *n, const struct parts *p)
{
	struct err ignored = { 0 };

	if (!is_ready(s, p))
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!snapshot_is_synced(s, p->chain[i], s->form))
			return false;
	return each_blob(s, n, p, is_open, &ignored) == 0;
}

static json_t *layers_json(const struct parts *p)
{
	json_t *layers = json_array();

	for (size_t i = 0; layers && i < p->n; i++) {
		const struct descriptor *d = &p->manifest.entries[i];
		json_t *l = json_pack("{s:s, s:I, s:s, s:s, s:s}", "digest", d->digest, "size",
				      (json_int_t)d->size, "mediaType", d->media_type, "diff_id",
				      p->config.diff_ids[i], "chain_id", p->chain[i]);
		if (!l || json_array_append_new(layers, l) < 0) {
			json_decref(layers);
			return NULL;
		}
	}
	return layers;
}

static json_t *descriptor_json(const char *digest, const char *type, int64_t size)
{
	if (!digest)
		return json_null();
	return json_pack("{s:s, s:s, s:I}", "mediaType", type ? type : "", "digest", digest, "size",
			 (json_int_t)size);
}

/* the image stores of others whose layers the image stands on; NULL: none */
static json_t *stores_json(const struct store *s, const struct parts *p)
{
	json_t *roots = NULL;

	for (size_t i = 0; s->n_others && i < p->config.n_diff_ids; i++) {
		const struct store *home = snapshot_home(s, p->chain[i], STORE_DIFF);
		if (!home)
			home = snapshot_home(s, p->chain[i], STORE_TAR);
		if (!home || home == s || (roots && json_object_get(roots, home->root)))
			continue;
		if (!roots)
			roots = json_object();
		(void)json_object_set_new(roots, home->root, json_true());
	}
	return roots;
}

static int write_record(const struct store *s, const struct image_new *n, const struct parts *p,
			const char *id, struct err *e)
{
	char path[IMAGE_PATH_MAX], now[CLOCK_TEXT_MAX];
	const struct descriptor *c = &p->manifest.config;

	if (image_record_path(id, path, e) < 0)
		return -e->eno;
	clock_format(clock_now_ns(), now);
	OWN_JSON record = json_pack(
		"{s:o, s:o, s:o, s:o, s:I, s:s, s:s}", "manifest",
		descriptor_json(n->manifest, p->manifest.media_type, blob_size(s, n->manifest)), "index",
		descriptor_json(n->index, n->index_type, n->index ? blob_size(s, n->index) : 0), "config",
		descriptor_json(c->digest, c->media_type, c->size), "layers", layers_json(p), "size",
		(json_int_t)(n->size_bytes ? n->size_bytes : p->size_bytes), "created",
		js_str(p->config.json, "created", ""), "registered", now);
	if (!record)
		return err_new(e, E_NOMEM, ENOMEM, "image record");
	json_t *stores = stores_json(s, p);
	if (stores && json_object_set_new(record, "stores", stores) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "image record");
	if (n->hasty) {
		char boot[SNAPSHOT_BOOT_MAX];
		if (snapshot_boot_id(boot, e) < 0)
			return -e->eno;
		if (json_object_set_new(record, "boot", json_string(boot)) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "image record");
	}
	if (io_mkdir_p(s->root_fd, "images", 0700, e) < 0)
		return -e->eno;
	return js_save(s->root_fd, path, record, 0600, n->hasty ? 0 : IO_DURABLE, e);
}

/* name@digest beside name:tag; it stays when the tag moves on */
static int set_digest_reference(const struct store *s, const char *reference, const char *id,
				const char *manifest, struct err *e)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;

	if (reference_parse(reference, &ref, e) < 0)
		return -e->eno;
	ref.tag[0] = 0;
	(void)snprintf(ref.digest, sizeof ref.digest, "%s", manifest);
	reference_canonical(&ref, text);
	return reference_set(s, text, id, manifest, e);
}

/* ---- the way ---- */

struct registration {
	const struct store *s;
	const struct image_new *n;
	struct parts p;
	int gc; /* against a removal that looks for what is unused right now */
};

static int step_parts(void *ctx, struct err *e)
{
	struct registration *g = ctx;
	return load_parts(g->s, g->n, &g->p, e) < 0 || make_chain(g->s, &g->p, e) < 0 ? -e->eno : 0;
}

static bool is_there(const struct registration *g)
{
	return image_is_sound(g->s, g->p.manifest.config.digest, !g->n->hasty);
}

static int step_settle(void *ctx, struct err *e)
{
	struct registration *g = ctx;
	if (is_there(g) && (g->n->hasty ? is_ready(g->s, &g->p) : all_synced(g->s, g->n, &g->p)))
		return 0;
	return settle_and_sync(g->s, g->n, &g->p, e);
}

static int step_record(void *ctx, struct err *e)
{
	struct registration *g = ctx;
	const struct parts *p = &g->p;

	if (io_mkdir_p(g->s->root_fd, "locks", 0700, e) < 0 ||
	    lock_take(g->s->root_fd, "locks/gc", LOCK_SHARED, &g->gc, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < p->n; i++)
		if (!snapshot_exists(g->s, p->chain[i], g->s->form))
			return err_new(e, E_CONFLICT, EBUSY, "layer %s was removed meanwhile", p->chain[i]);
	/* the same image by another way: the first record stays */
	return is_there(g) || g->n->borrowed ? 0 : write_record(g->s, g->n, p, p->manifest.config.digest, e);
}

static int step_names(void *ctx, struct err *e)
{
	struct registration *g = ctx;
	const struct image_new *n = g->n;
	const char *id = g->p.manifest.config.digest;
	const char *manifest = n->local ? NULL : n->named ? n->named : n->index ? n->index : n->manifest;

	for (size_t i = 0; i < n->n_references; i++) {
		if (manifest && set_digest_reference(g->s, n->references[i], id, manifest, e) < 0)
			return -e->eno;
		if (reference_write(g->s, n->references[i], id, manifest, n->hasty ? 0 : IO_DURABLE, e) < 0)
			return -e->eno;
	}
	return 0;
}

static const struct step register_steps[] = {
	{ "parts", step_parts, NULL },
	{ "settle", step_settle, NULL },
	{ "record", step_record, NULL },
	{ "names", step_names, NULL },
};
WAY_DEFINE(register_way, "register", register_steps);

int image_register(const struct store *s, const struct image_new *n, char ret_id[DIGEST_TEXT_MAX],
		   struct err *e)
{
	struct registration g = { .s = s, .n = n, .gc = -1 };
	int r = way_run(&register_way, &g, NULL, e);

	own_fd_done(&g.gc);
	if (r >= 0 && ret_id)
		(void)snprintf(ret_id, DIGEST_TEXT_MAX, "%s", g.p.manifest.config.digest);
	parts_done(&g.p);
	return r < 0 ? err_ctx(e, "register image") : 0;
}
