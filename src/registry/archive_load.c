/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: images out of what archive_read found.
 *
 *   manifest.json (docker)  -> config and layers by path, names; the manifest of the OCI layout
 *                              beside it when there is one, else one is made
 *   index.json (OCI)        -> manifests by digest, of the right platform; names by annotation
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/step.h"
#include "format/inflate.h"
#include "format/js.h"
#include "registry/archive_int.h"
#include "registry/layer_kind.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"

struct load {
	const struct archive_load_req *q;
	struct archive ar;
	struct lease lease;
	struct platform want;
};

static int no_archive(struct err *e)
{
	return err_new(e, E_CORRUPT, EBADMSG,
		       "no image archive: it holds neither manifest.json nor index.json");
}

/* ---- common end: manifest in the store -> layers -> registration ---- */

static int register_one(struct load *l, const char *manifest, const char *reference, struct err *e)
{
	const struct store *s = l->q->store;
	char id[DIGEST_TEXT_MAX], old[DIGEST_TEXT_MAX] = "", familiar[REFERENCE_TEXT_MAX] = "";
	struct reference ref;
	struct image_new n = { .manifest = manifest, .references = &reference,
			       .n_references = reference ? 1 : 0, .local = true, .hasty = l->q->hasty };

	if (archive_unpack(&l->ar, manifest, id, e) < 0)
		return -e->eno;
	if (reference) {
		struct err ignored = { 0 };
		if (reference_get(s, reference, old, NULL, &ignored) < 0 || !strcmp(old, id))
			old[0] = 0;
		if (reference_parse(reference, &ref, e) < 0)
			return -e->eno;
		reference_familiar(&ref, familiar);
	}
	if (image_register(s, &n, id, e) < 0)
		return -e->eno;
	if (l->q->loaded)
		l->q->loaded(l->q->data, familiar, id, old);
	return 0;
}

/* ---- OCI layout ---- */

static bool present(const struct load *l, const char *digest)
{
	char name[DIGEST_TEXT_MAX + 8];
	const char *colon = strchr(digest, ':');

	if (!colon || !digest_is_valid(digest))
		return false;
	(void)snprintf(name, sizeof name, "blobs/%.*s/%s", (int)(colon - digest), digest, colon + 1);
	return archive_find(&l->ar, name) != NULL;
}

/* Down to a manifest of the wanted platform that is in the archive. An index may name platforms
 * that were left out of it. */
static int choose(const struct load *l, const char *digest, int depth, char ret[DIGEST_TEXT_MAX],
		  struct err *e)
{
	OWN_STR text = NULL;
	OWN_MANIFEST m = { 0 };
	int best = -1;
	size_t n, at = 0, images = 0, only = 0;

	if (depth > MANIFEST_DEPTH_MAX)
		return err_new(e, E_CORRUPT, ELOOP, "indexes are nested too deeply");
	if (!present(l, digest))
		return err_new(e, E_CORRUPT, ENOENT, "blob %s is not in the archive", digest);
	if (blob_read(l->q->store, digest, MANIFEST_BYTES_MAX, &text, &n, e) < 0 ||
	    manifest_parse(text, n, NULL, &m, e) < 0)
		return err_ctx(e, "%s", digest);
	if (m.kind == MANIFEST_IMAGE) {
		(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", digest);
		return 0;
	}
	for (size_t i = 0; i < m.n_entries; i++) {
		const struct descriptor *d = &m.entries[i];
		if (d->attestation || !present(l, d->digest))
			continue;
		images++;
		only = i;
		int rank = d->has_platform ? platform_rank(&l->want, &d->platform) : -1;
		if (rank >= 0 && (best < 0 || rank < best)) {
			best = rank;
			at = i;
		}
	}
	/* nobody asked for a platform and there is no choice anyway */
	if (best < 0 && images == 1 && !l->q->platform)
		at = only;
	else if (best < 0) {
		char wanted[PLATFORM_TEXT_MAX];
		platform_format(&l->want, wanted);
		return err_new(e, E_NOT_FOUND, ENOENT, "the archive has no image for %s", wanted);
	}
	return choose(l, m.entries[at].digest, depth + 1, ret, e);
}

/* canonical reference out of the annotations of an index entry; false: it has no name */
static bool annotated_name(const json_t *entry, char out[REFERENCE_TEXT_MAX])
{
	const json_t *notes = json_object_get(entry, "annotations");
	const char *name = json_string_value(json_object_get(notes, "io.containerd.image.name"));
	struct reference ref;
	struct err ignored = { 0 };

	if (!name) {
		name = json_string_value(json_object_get(notes, "org.opencontainers.image.ref.name"));
		/* a tag alone names nothing */
		if (!name || (!strchr(name, '/') && !strchr(name, ':')))
			return false;
	}
	if (reference_parse_tagged(name, &ref, &ignored) < 0 || ref.digest[0])
		return false;
	reference_canonical(&ref, out);
	return true;
}

static int load_index(struct load *l, struct err *e)
{
	OWN_JSON index = NULL;
	json_t *list, *entry;
	size_t i;

	if (js_parse(buf_str(&l->ar.index_json), l->ar.index_json.n, "index.json", &index, e) < 0)
		return -e->eno;
	list = json_object_get(index, "manifests");
	if (!json_array_size(list))
		return err_new(e, E_CORRUPT, EBADMSG, "index.json names no image");
	json_array_foreach(list, i, entry) {
		char name[REFERENCE_TEXT_MAX], manifest[DIGEST_TEXT_MAX];
		const char *digest = js_str(entry, "digest", "");
		bool named = annotated_name(entry, name);
		if (!digest_is_valid(digest))
			return err_new(e, E_CORRUPT, EBADMSG, "index.json: invalid digest");
		if (choose(l, digest, 0, manifest, e) < 0)
			return -e->eno;
		const char *reference = named ? name : json_array_size(list) == 1 ? l->q->name : NULL;
		if (register_one(l, manifest, reference, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* ---- docker's manifest.json ---- */

/* the manifest of the OCI layout in the same archive that has this config */
static bool beside(struct load *l, const char *config, char ret[DIGEST_TEXT_MAX])
{
	OWN_JSON index = NULL;
	struct err ignored = { 0 };
	json_t *entry;
	size_t i;

	if (!l->ar.has_index_json ||
	    js_parse(buf_str(&l->ar.index_json), l->ar.index_json.n, "index.json", &index, &ignored) < 0)
		return false;
	json_array_foreach(json_object_get(index, "manifests"), i, entry) {
		OWN_STR text = NULL;
		OWN_MANIFEST m = { 0 };
		const char *digest = js_str(entry, "digest", "");
		size_t n;
		if (!digest_is_valid(digest) || choose(l, digest, 0, ret, &ignored) < 0 ||
		    blob_read(l->q->store, ret, MANIFEST_BYTES_MAX, &text, &n, &ignored) < 0 ||
		    manifest_parse(text, n, NULL, &m, &ignored) < 0)
			continue;
		bool whole = !strcmp(m.config.digest, config);
		for (size_t k = 0; whole && k < m.n_entries; k++)
			whole = present(l, m.entries[k].digest);
		if (whole)
			return true;
	}
	return false;
}

static const char *layer_type(const struct load *l, const struct archive_file *f)
{
	static const char *const types[INFLATE_KIND_N] = {
		[INFLATE_PLAIN] = MEDIA_DOCKER_LAYER_TAR,
		[INFLATE_GZIP] = MEDIA_DOCKER_LAYER,
		[INFLATE_ZSTD] = MEDIA_OCI_LAYER_ZSTD,
		[INFLATE_BZIP2] = MEDIA_DOCKER_LAYER_TAR, /* readers go by the first bytes */
		[INFLATE_XZ] = MEDIA_DOCKER_LAYER_TAR,
	};
	struct err ignored = { 0 };
	unsigned char head[8];
	OWN_FD fd = -1;
	uint64_t size = (uint64_t)f->size;

	if (!f->waits && blob_open(l->q->store, f->digest, &fd, &size, &ignored) < 0)
		return MEDIA_DOCKER_LAYER_TAR;
	const char *erofs = layer_erofs_type(f->waits ? l->ar.xfd : fd, f->waits ? f->at : 0, size);
	if (erofs)
		return erofs;
	ssize_t n = pread(f->waits ? l->ar.xfd : fd, head, sizeof head, f->waits ? (off_t)f->at : 0);
	return types[inflate_detect(head, n > 0 ? (size_t)n : 0)];
}

/* a manifest for an archive that has none */
static int make_manifest(struct load *l, const struct archive_file *config, const json_t *layers,
			 char ret[DIGEST_TEXT_MAX], struct err *e)
{
	OWN_JSON list = json_array();
	OWN_IMAGE_CONFIG c = { 0 };
	OWN_STR text = NULL;
	json_t *name;
	size_t i, n;

	if (blob_read(l->q->store, config->digest, MANIFEST_CONFIG_BYTES_MAX, &text, &n, e) < 0 ||
	    image_config_parse(text, n, &c, e) < 0)
		return err_ctx(e, "image config");
	if (json_array_size(layers) != c.n_diff_ids)
		return err_new(e, E_CORRUPT, EBADMSG, "the manifest has %zu layers, the config %zu",
			       json_array_size(layers), c.n_diff_ids);
	json_array_foreach(layers, i, name) {
		const char *path = json_string_value(name);
		struct archive_file *f = path ? archive_find(&l->ar, path) : NULL;
		if (!f)
			return err_new(e, E_CORRUPT, ENOENT, "layer %s is not in the archive",
				       path ? path : "(no text)");
		/* plain and not read yet: its digest is the DiffID, or it is not of this image */
		if (f->waits && !f->claims)
			(void)snprintf(f->digest, sizeof f->digest, "%s", c.diff_ids[i]);
		if (json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "mediaType",
							  layer_type(l, f), "size",
							  (json_int_t)f->size, "digest", f->digest)) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "manifest");
	}
	OWN_JSON m = json_pack("{s:i, s:s, s:{s:s, s:I, s:s}, s:O}", "schemaVersion", 2, "mediaType",
			       MEDIA_DOCKER_MANIFEST, "config", "mediaType", MEDIA_DOCKER_CONFIG, "size",
			       (json_int_t)config->size, "digest", config->digest, "layers", list);
	return blob_write_json(&l->lease, m, ret, NULL, e);
}

static int load_docker_image(struct load *l, const json_t *item, bool only, struct err *e)
{
	char manifest[DIGEST_TEXT_MAX];
	const char *path = js_str(item, "Config", "");
	const struct archive_file *config = archive_find(&l->ar, path);
	json_t *layers = json_object_get(item, "Layers"), *tag;
	const json_t *tags = json_object_get(item, "RepoTags");
	size_t i;

	if (!config)
		return err_new(e, E_CORRUPT, ENOENT, "config %s is not in the archive", path);
	if (layers && !json_is_array(layers))
		return err_new(e, E_CORRUPT, EBADMSG, "manifest.json: Layers is no list");
	if (!beside(l, config->digest, manifest) && make_manifest(l, config, layers, manifest, e) < 0)
		return -e->eno;
	json_array_foreach(tags, i, tag) {
		char name[REFERENCE_TEXT_MAX];
		struct reference ref;
		const char *text = json_string_value(tag);
		if (!text || reference_parse_tagged(text, &ref, e) < 0)
			return text ? err_ctx(e, "manifest.json: RepoTags") :
				      err_new(e, E_CORRUPT, EBADMSG, "manifest.json: RepoTags holds no text");
		reference_canonical(&ref, name);
		if (register_one(l, manifest, name, e) < 0)
			return -e->eno;
	}
	return json_array_size(tags) ? 0 : register_one(l, manifest, only ? l->q->name : NULL, e);
}

static int load_docker(struct load *l, struct err *e)
{
	OWN_JSON list = NULL;
	json_t *item;
	size_t i;

	if (js_parse(buf_str(&l->ar.manifest_json), l->ar.manifest_json.n, "manifest.json", &list, e) < 0)
		return -e->eno;
	if (!json_is_array(list) || !json_array_size(list))
		return err_new(e, E_CORRUPT, EBADMSG, "manifest.json names no image");
	json_array_foreach(list, i, item)
		if (load_docker_image(l, item, json_array_size(list) == 1, e) < 0)
			return -e->eno;
	return 0;
}

static int step_lease(void *ctx, struct err *e)
{
	struct load *l = ctx;

	if (l->q->platform) {
		if (platform_parse(l->q->platform, &l->want, e) < 0)
			return -e->eno;
	} else {
		platform_host(&l->want);
	}
	l->ar.store = l->q->store;
	l->ar.lease = &l->lease;
	return lease_open(l->q->store, &l->lease, e);
}

static int step_read(void *ctx, struct err *e)
{
	struct load *l = ctx;
	return archive_read(&l->ar, l->q->xfd, e);
}

static int step_images(void *ctx, struct err *e)
{
	struct load *l = ctx;

	if (l->ar.has_manifest_json && !l->q->platform)
		return load_docker(l, e);
	if (l->ar.has_index_json)
		return load_index(l, e);
	return l->ar.has_manifest_json ? load_docker(l, e) : no_archive(e);
}

static const struct step load_steps[] = {
	{ "lease", step_lease, NULL },
	{ "read", step_read, NULL },
	{ "images", step_images, NULL },
};
WAY_DEFINE(load_way, "load", load_steps);

int archive_load(const struct archive_load_req *q, struct err *e)
{
	struct load l = { .q = q, .lease.fd = -1 };
	struct err ignored = { 0 };

	int r = way_run(&load_way, &l, NULL, e);
	archive_done(&l.ar);
	/* other platforms, an image that was there already by another manifest, everything of a load
	 * that failed; what cannot be dropped goes with the next prune */
	if (l.lease.fd >= 0 && (r < 0 || !q->hasty))
		(void)image_drop_leased(&l.lease, &ignored);
	else
		lease_close(&l.lease);
	return r;
}
