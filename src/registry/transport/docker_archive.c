/* SPDX-License-Identifier: Apache-2.0
 *
 * docker-archive:FILE[:NAME[:TAG]|:@N]: what docker, podman and skopeo save, compressed or not.
 *
 * Such an archive has configs and layers but no manifests: a source is given one, of plain layers named by their
 * DiffIDs; layers that are compressed in the archive are decompressed as they are read. The ID of the image (the
 * digest of its config) stays on every way, the digest of its manifest does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "format/inflate.h"
#include "registry/transport/docker_archive_out.h"
#include "registry/transport/docker_list.h"
#include "registry/transport/files.h"
#include "registry/transport/tarball.h"
#include "registry/transport/transport.h"

struct docker_archive {
	struct files_where where;
	struct docker_out *out; /* target */
	bool preserve;
	char name[REFERENCE_TEXT_MAX]; /* target: canonical, "" for none */
	char kept[REFERENCE_TEXT_MAX]; /* target: one more */
	/* source */
	struct tarball tar;
	const struct archive_file *config_file;
	struct docker_blob config;
	struct docker_blob *layers;
	const struct archive_file **layer_files;
	size_t n_layers;
	struct registry_manifest manifest;
};

static bool is_packed(const struct docker_archive *d, const struct archive_file *f)
{
	unsigned char head[8];
	ssize_t n = pread(d->tar.fd, head, f->size < (int64_t)sizeof head ? (size_t)f->size : sizeof head, (off_t)f->at);

	return n > 0 && inflate_detect(head, (size_t)n) != INFLATE_PLAIN;
}

/* all bytes of a layer, decompressed; @sink NULL: only counted */
static int feed_layer(const struct docker_archive *d, const struct archive_file *f, struct registry_sink *sink,
		      int64_t *ret_size, struct err *e)
{
	struct source_at file;
	struct inflate *in = NULL;
	const unsigned char *p;
	size_t n;

	*ret_size = 0;
	if (source_at_init(&file, d->tar.fd, f->at, (uint64_t)f->size, e) < 0)
		return -e->eno;
	int r = inflate_open(&file.source, 0, &in, e);
	while (r == 0 && (r = source_next(inflate_source(in), &p, &n, e)) > 0) {
		*ret_size += (int64_t)n;
		r = sink ? sink->add(sink->data, p, n, e) : 0;
	}
	inflate_close(in);
	source_at_done(&file);
	return r < 0 ? err_ctx(e, "%s: %s", d->where.path, f->name) : 0;
}

static int find(const struct docker_archive *d, const char *name, const struct archive_file **ret, struct err *e)
{
	*ret = archive_find(&d->tar.ar, name);
	return *ret ? 0 : err_new(e, E_CORRUPT, ENOENT, "%s is not in the archive", name);
}

static int layers_read(struct docker_archive *d, const struct docker_item *it, const struct image_config *c,
		       struct err *e)
{
	const json_t *name;
	size_t i;

	if (json_array_size(it->layers) != c->n_diff_ids)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest.json has %zu layers, the config %zu",
			       json_array_size(it->layers), c->n_diff_ids);
	d->layers = calloc(c->n_diff_ids + 1, sizeof *d->layers);
	d->layer_files = calloc(c->n_diff_ids + 1, sizeof(const struct archive_file *));
	if (!d->layers || !d->layer_files)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	d->n_layers = c->n_diff_ids;
	json_array_foreach(it->layers, i, name) {
		if (find(d, json_string_value(name), &d->layer_files[i], e) < 0)
			return -e->eno;
		(void)snprintf(d->layers[i].digest, sizeof d->layers[i].digest, "%s", c->diff_ids[i]);
		d->layers[i].size = d->layer_files[i]->size;
		if (is_packed(d, d->layer_files[i]) && feed_layer(d, d->layer_files[i], NULL, &d->layers[i].size, e) < 0)
			return -e->eno;
	}
	return 0;
}

static const char *layer_type(enum place_form form)
{
	return form == PLACE_OCI ? MEDIA_OCI_LAYER : form == PLACE_PLAIN ? MEDIA_DOCKER_LAYER_TAR : MEDIA_DOCKER_LAYER;
}

static int image_read(struct docker_archive *d, const struct docker_item *it, enum place_form form, struct err *e)
{
	OWN_IMAGE_CONFIG c = { 0 };
	OWN_STR text = NULL;
	struct hash hash;
	size_t n;

	if (find(d, it->config, &d->config_file, e) < 0 ||
	    tarball_read(&d->tar, d->config_file, MANIFEST_CONFIG_BYTES_MAX, &text, &n, e) < 0)
		return -e->eno;
	if (image_config_parse(text, n, &c, e) < 0)
		return err_ctx(e, "%s", it->config);
	hash_init(&hash, HASH_SHA256);
	hash_add(&hash, text, n);
	hash_text(&hash, d->config.digest);
	d->config.size = (int64_t)n;
	return layers_read(d, it, &c, e) < 0 ||
	       docker_list_manifest(&d->config, d->layers, d->n_layers, layer_type(form), &d->manifest, e) < 0 ? -e->eno : 0;
}

/* all names of the image, or the one that was asked for */
static int names_read(struct place *p, const struct docker_archive *d, const struct docker_item *it, struct err *e)
{
	const json_t *tag;
	size_t i;

	if (*d->where.ref)
		return place_add_name(p, d->where.ref, e);
	json_array_foreach(it->tags, i, tag)
		if (place_add_name(p, json_string_value(tag), e) < 0)
			return -e->eno;
	return 0;
}

static int source_open(struct place *p, struct docker_archive *d, enum place_form form, struct err *e)
{
	const struct archive *ar = &d->tar.ar;
	struct docker_item it;

	if (tarball_open(&d->tar, d->where.path, e) < 0)
		return -e->eno;
	if (!ar->has_manifest_json) {
		(void)err_new(e, E_CORRUPT, EBADMSG, "%s: no archive of docker: it has no manifest.json", d->where.path);
		if (ar->has_index_json)
			err_hint(e, "it has an index.json: read it as oci-archive:");
		return -EBADMSG;
	}
	if (docker_list_find(buf_str(&ar->manifest_json), ar->manifest_json.n, &d->where, &it, e) < 0)
		return err_ctx(e, "%s", d->where.path);
	p->ref = it.ref;
	int r = names_read(p, d, &it, e);
	if (r == 0)
		r = image_read(d, &it, form, e);
	docker_item_done(&it);
	return r < 0 ? err_ctx(e, "%s", d->where.path) : 0;
}

static int target_open(struct place *p, struct docker_archive *d, const struct place_req *q, struct err *e)
{
	if (d->where.at >= 0)
		return err_new(e, E_USAGE, EINVAL, "docker-archive:%s: an image is written by name, not by number", d->where.path);
	if (*d->where.ref) {
		if (reference_parse_tagged(d->where.ref, &p->ref, e) < 0)
			return -e->eno;
		if (*p->ref.digest)
			return err_new(e, E_USAGE, EINVAL, "docker-archive:%.200s: a name with a tag is wanted, not a digest", q->where);
		reference_canonical(&p->ref, d->name);
	}
	d->preserve = q->preserve;
	if (q->keep_names && *q->source->domain && !*q->source->digest)
		reference_canonical(q->source, d->kept);
	return docker_out_open(d->where.path, q->replace, &d->out, e);
}

static int docker_archive_open(struct place *p, const struct place_req *q, struct err *e)
{
	struct docker_archive *d = calloc(1, sizeof *d);

	if (!d)
		return err_new(e, E_NOMEM, ENOMEM, "docker archive");
	d->tar.fd = -1;
	p->state = d;
	if ((q->path_only ? files_where_path(q->where, q->at, &d->where, e) : files_where_parse(q->where, &d->where, e)) < 0)
		return -e->eno;
	return q->target ? target_open(p, d, q, e) : source_open(p, d, q->form, e);
}

static int docker_archive_manifest_get(struct place *p, struct http *h, const char *digest,
				       struct registry_manifest *ret, struct err *e)
{
	const struct docker_archive *d = p->state;

	(void)h;
	if (digest && strcmp(digest, d->manifest.digest) != 0)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: there is no manifest %s", d->where.path, digest);
	*ret = d->manifest;
	ret->bytes = strdup(d->manifest.bytes);
	return ret->bytes ? 0 : err_new(e, E_NOMEM, ENOMEM, "manifest");
}

static int docker_archive_blob_get(struct place *p, struct http *h, const struct place_blob *blob,
				   struct registry_sink *sink, const struct registry_retry *retry, struct err *e)
{
	const struct docker_archive *d = p->state;
	const struct archive_file *f = NULL;
	int64_t size;

	(void)h;
	(void)retry;
	if (!strcmp(blob->digest, d->config.digest))
		f = d->config_file;
	for (size_t i = 0; !f && i < d->n_layers; i++)
		if (!strcmp(blob->digest, d->layers[i].digest))
			f = d->layer_files[i];
	if (!f)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: there is no blob %s", d->where.path, blob->digest);
	if (f != d->config_file && is_packed(d, f))
		return feed_layer(d, f, sink, &size, e);
	return files_feed(d->tar.fd, (int64_t)f->at, f->size, sink, e) < 0 ?
		       err_ctx(e, "%s: %s", d->where.path, f->name) : 0;
}

/* manifests have no names in it */
static int docker_archive_manifest_has(struct place *p, struct http *h, const char *digest, struct err *e)
{
	(void)p;
	(void)h;
	(void)digest;
	(void)e;
	return 0;
}

static int docker_archive_blob_has(struct place *p, struct http *h, const struct place_blob *blob, struct err *e)
{
	const struct docker_archive *d = p->state;

	(void)h;
	(void)e;
	return docker_out_has(d->out, blob->digest);
}

static int docker_archive_blob_put(struct place *p, struct http *h, struct place_put *put, struct err *e)
{
	const struct docker_archive *d = p->state;

	(void)h;
	return docker_out_put(d->out, put, e);
}

static int docker_archive_manifest_put(struct place *p, struct http *h, const struct registry_manifest *m, bool top,
				       struct err *e)
{
	const struct docker_archive *d = p->state;

	(void)h;
	(void)top; /* there are no others */
	if (docker_out_image(d->out, m, d->name, p->digest, e) < 0 ||
	    (*d->kept && strcmp(d->kept, d->name) != 0 && docker_out_image(d->out, m, d->kept, p->digest, e) < 0))
		return -e->eno;
	if (!d->preserve || !strcmp(p->digest, m->digest))
		return 0;
	(void)err_new(e, E_UNSUPPORTED, EINVAL, "docker-archive: has no manifests, so %s would become %s", m->digest, p->digest);
	err_hint(e, "leave out --preserve-digests, or copy to oci-archive:");
	return -EINVAL;
}

static int docker_archive_image_name(struct place *p, const char *canonical, struct err *e)
{
	struct docker_archive *d = p->state;

	(void)e;
	(void)snprintf(d->name, sizeof d->name, "%s", canonical);
	return 0;
}

static int docker_archive_finish(struct place *p, struct err *e)
{
	const struct docker_archive *d = p->state;
	return docker_out_finish(d->out, e);
}

static void docker_archive_close(struct place *p)
{
	struct docker_archive *d = p->state;

	if (!d)
		return;
	docker_out_close(d->out);
	tarball_close(&d->tar);
	registry_manifest_done(&d->manifest);
	free(d->layers);
	free(d->layer_files);
	free(d);
}

const struct transport transport_docker_archive = {
	.name = "docker-archive",
	.single = true,
	.ordered = true,
	.open = docker_archive_open,
	.manifest_get = docker_archive_manifest_get,
	.blob_get = docker_archive_blob_get,
	.manifest_has = docker_archive_manifest_has,
	.blob_has = docker_archive_blob_has,
	.blob_put = docker_archive_blob_put,
	.manifest_put = docker_archive_manifest_put,
	.finish = docker_archive_finish,
	.image_name = docker_archive_image_name,
	.close = docker_archive_close,
};
