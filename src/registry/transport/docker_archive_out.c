/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing docker's image archive: see docker_archive_out.h.
 */
#include "registry/transport/docker_archive_out.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/inflate.h"
#include "format/js.h"
#include "registry/out_file.h"
#include "registry/tar_out.h"
#include "registry/transport/docker_list.h"
#include "registry/transport/files.h"

struct docker_out {
	struct out_file file;
	struct tar_out tar;
	pthread_mutex_t lock;
	json_t *blobs;        /* digest of what came -> {diff_id, size} of a layer, {text} of a config */
	json_t *written;      /* set of names in the archive */
	json_t *list;         /* manifest.json */
	json_t *repositories;
};

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "docker archive");
}

int docker_out_open(const char *path, bool replace, struct docker_out **ret, struct err *e)
{
	struct docker_out *o = calloc(1, sizeof *o);
	struct stat st;

	if (!o)
		return no_memory(e);
	*ret = o;
	o->file.fd = -1;
	(void)pthread_mutex_init(&o->lock, NULL); /* never fails on Linux */
	o->blobs = json_object();
	o->written = json_object();
	o->list = json_array();
	o->repositories = json_object();
	if (!o->blobs || !o->written || !o->list || !o->repositories)
		return no_memory(e);
	if (out_file_open(&o->file, path, 0666, e) < 0)
		return -e->eno;
	if (!replace && !o->file.direct && !stat(path, &st) && S_ISREG(st.st_mode) && st.st_size > 0) {
		(void)err_new(e, E_CONFLICT, EEXIST, "%s: there is a file of that name, and nothing is added to an archive",
			      path);
		err_hint(e, "remove it first");
		return -EEXIST;
	}
	o->tar.xfd = o->file.fd;
	return 0;
}

void docker_out_close(struct docker_out *o)
{
	if (!o)
		return;
	tar_out_done(&o->tar);
	out_file_close(&o->file);
	json_decref(o->blobs);
	json_decref(o->written);
	json_decref(o->list);
	json_decref(o->repositories);
	(void)pthread_mutex_destroy(&o->lock); /* nobody holds it */
	free(o);
}

int docker_out_has(struct docker_out *o, const char *digest)
{
	pthread_mutex_lock(&o->lock);
	int r = json_object_get(o->blobs, digest) != NULL;
	pthread_mutex_unlock(&o->lock);
	return r;
}

/* 1: the name is new, and taken now */
static int claim(struct docker_out *o, const char *name, struct err *e)
{
	if (json_object_get(o->written, name))
		return 0;
	return json_object_set_new(o->written, name, json_true()) < 0 ? no_memory(e) : 1;
}

/* the tar of a layer in a file without a name, with its digest */
static int decompress(int xfd, int *ret_fd, struct docker_blob *ret, struct err *e)
{
	struct source_digest diff;
	struct source_fd file;
	struct inflate *in = NULL;
	const unsigned char *p;
	size_t n;

	if (source_fd_init(&file, xfd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = inflate_open(&file.source, 0, &in, e);
	if (r == 0)
		r = source_digest_init(&diff, inflate_source(in), NULL, -1, e);
	if (r == 0)
		r = files_spool(ret_fd, e);
	while (r == 0 && (r = source_next(&diff.source, &p, &n, e)) > 0) {
		r = io_write_all(*ret_fd, p, n);
		if (r < 0)
			r = err_sys(e, -r, "write a temporary file");
	}
	if (r == 0) {
		(void)snprintf(ret->digest, sizeof ret->digest, "%s", diff.got);
		ret->size = (int64_t)diff.size_bytes;
	}
	inflate_close(in);
	source_fd_done(&file);
	return r;
}

static int put_layer(struct docker_out *o, const struct place_put *put, struct err *e)
{
	struct docker_blob layer;
	OWN_FD plain = -1;
	char name[DIGEST_TEXT_MAX + 8];

	if (lseek(put->fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "seek");
	if (decompress(put->fd, &plain, &layer, e) < 0)
		return err_ctx(e, "layer %s", put->blob.digest);
	(void)snprintf(name, sizeof name, "%s.tar", digest_hex(layer.digest));
	int r = claim(o, name, e);
	if (r > 0 && lseek(plain, 0, SEEK_SET) < 0)
		r = err_sys(e, errno, "seek");
	if (r > 0)
		r = tar_out_file(&o->tar, name, plain, (uint64_t)layer.size, e);
	if (r < 0)
		return r;
	json_t *j = json_pack("{s:s, s:I}", "diff_id", layer.digest, "size", (json_int_t)layer.size);
	return json_object_set_new(o->blobs, put->blob.digest, j) < 0 ? no_memory(e) : 0;
}

static int put_config(struct docker_out *o, const struct place_put *put, struct err *e)
{
	char name[DIGEST_TEXT_MAX + 8];
	OWN_STR text = NULL;
	size_t n;

	if (lseek(put->fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "seek");
	if (io_read_fd(put->fd, MANIFEST_CONFIG_BYTES_MAX, &text, &n, e) < 0)
		return err_ctx(e, "image config");
	(void)snprintf(name, sizeof name, "%s.json", digest_hex(put->blob.digest));
	int r = strlen(text) != n ? err_new(e, E_CORRUPT, EBADMSG, "a NUL in the image config") : claim(o, name, e);
	if (r > 0)
		r = tar_out_text(&o->tar, name, text, e);
	if (r < 0)
		return r;
	return json_object_set_new(o->blobs, put->blob.digest, json_pack("{s:s}", "text", text)) < 0 ? no_memory(e) : 0;
}

int docker_out_put(struct docker_out *o, const struct place_put *put, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	int r = json_object_get(o->blobs, put->blob.digest) ? 0 : put->blob.config ? put_config(o, put, e) :
									     put_layer(o, put, e);
	pthread_mutex_unlock(&o->lock);
	return r < 0 ? err_ctx(e, "%s", o->file.path) : 0;
}

/* what the layers of @m became, checked against the config; caller frees */
static int layers_of(const struct docker_out *o, const struct manifest *m, const struct image_config *c,
		     struct docker_blob **ret, struct err *e)
{
	OWN_PTR struct docker_blob *layers = calloc(m->n_entries + 1, sizeof *layers);

	if (!layers)
		return no_memory(e);
	if (c->n_diff_ids != m->n_entries)
		return err_new(e, E_CORRUPT, EBADMSG, "the manifest has %zu layers, the config %zu", m->n_entries, c->n_diff_ids);
	for (size_t i = 0; i < m->n_entries; i++) {
		const json_t *j = json_object_get(o->blobs, m->entries[i].digest);
		const char *diff_id = js_str(j, "diff_id", "");
		if (!*diff_id)
			return err_new(e, E_UNSUPPORTED, EINVAL, "layer %s is not there: images are copied without foreign layers",
				       m->entries[i].digest);
		if (strcmp(diff_id, c->diff_ids[i]) != 0)
			return err_new(e, E_CORRUPT, EBADMSG, "layer %s has the DiffID %s, the config says %s",
				       m->entries[i].digest, diff_id, c->diff_ids[i]);
		(void)snprintf(layers[i].digest, sizeof layers[i].digest, "%s", diff_id);
		layers[i].size = js_int(j, "size", 0);
	}
	*ret = ptr_take(&layers);
	return 0;
}

/* folder of a layer as images before docker 1.10 had it; its name is the chain ID's */
static int put_legacy(struct docker_out *o, const struct docker_blob *layer, const char *parent, const char *chain,
		      json_t *config, struct err *e)
{
	static const char *const kept[] = { "architecture", "config", "created", "docker_version", "os" };
	char name[DIGEST_TEXT_MAX + 16], target[DIGEST_TEXT_MAX + 16];
	const char *id = digest_hex(chain);
	OWN_JSON j = json_pack("{s:s}", "id", id);
	int r = claim(o, id, e);

	if (r <= 0)
		return r;
	if (!j || (parent && json_object_set_new(j, "parent", json_string(digest_hex(parent))) < 0))
		return no_memory(e);
	for (size_t i = 0; config && i < ARRAY_LEN(kept); i++)
		if (json_object_get(config, kept[i]) && json_object_set(j, kept[i], json_object_get(config, kept[i])) < 0)
			return no_memory(e);
	(void)snprintf(name, sizeof name, "%s/layer.tar", id);
	(void)snprintf(target, sizeof target, "../%s.tar", digest_hex(layer->digest));
	if (tar_out_symlink(&o->tar, name, target, e) < 0)
		return -e->eno;
	(void)snprintf(name, sizeof name, "%s/VERSION", id);
	if (tar_out_text(&o->tar, name, "1.0", e) < 0)
		return -e->eno;
	(void)snprintf(name, sizeof name, "%s/json", id);
	return tar_out_json(&o->tar, name, ptr_take(&j), e);
}

static int put_legacies(struct docker_out *o, const struct docker_blob *layers, size_t n, json_t *config,
			char top[DIGEST_TEXT_MAX], struct err *e)
{
	char parent[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		memcpy(parent, top, sizeof parent);
		digest_chain_id(i ? parent : NULL, layers[i].digest, top);
		if (put_legacy(o, &layers[i], i ? parent : NULL, top, i + 1 == n ? config : NULL, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int enter_name(struct docker_out *o, json_t *tags, const char *name, const char *top, struct err *e)
{
	const char *colon = strrchr(name, ':');

	if (!colon || json_array_append_new(tags, json_string(name)) < 0)
		return no_memory(e);
	OWN_STR repository = strndup(name, (size_t)(colon - name));
	if (!repository)
		return no_memory(e);
	json_t *there = json_object_get(o->repositories, repository);
	if (!there) {
		there = json_object();
		if (json_object_set_new(o->repositories, repository, there) < 0)
			return no_memory(e);
	}
	return json_object_set_new(there, colon + 1, json_string(digest_hex(top))) < 0 ? no_memory(e) : 0;
}

/* the image in manifest.json, made when it is not there yet; *ret is borrowed */
static int item_of(struct docker_out *o, const char *config, const struct docker_blob *layers, size_t n, json_t **ret,
		   struct err *e)
{
	char name[DIGEST_TEXT_MAX + 8];
	size_t i;

	(void)snprintf(name, sizeof name, "%s.json", digest_hex(config));
	json_array_foreach(o->list, i, *ret)
		if (!strcmp(js_str(*ret, "Config", ""), name))
			return 0;
	*ret = json_pack("{s:s, s:[], s:[]}", "Config", name, "RepoTags", "Layers");
	if (!*ret || json_array_append_new(o->list, *ret) < 0)
		return no_memory(e);
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "%s.tar", digest_hex(layers[i].digest));
		if (json_array_append_new(json_object_get(*ret, "Layers"), json_string(name)) < 0)
			return no_memory(e);
	}
	return 0;
}

int docker_out_image(struct docker_out *o, const struct registry_manifest *m, const char *name,
		     char ret_digest[DIGEST_TEXT_MAX], struct err *e)
{
	OWN_MANIFEST parsed = { 0 };
	OWN_IMAGE_CONFIG c = { 0 };
	OWN_PTR struct docker_blob *layers = NULL;
	struct registry_manifest made = { 0 };
	struct docker_blob config = { 0 };
	char top[DIGEST_TEXT_MAX];
	json_t *item;

	if (manifest_parse(m->bytes, m->n, NULL, &parsed, e) < 0 || manifest_check_runnable(&parsed, e) < 0)
		return -e->eno;
	const char *text = js_str(json_object_get(o->blobs, parsed.config.digest), "text", "");
	if (image_config_parse(text, strlen(text), &c, e) < 0)
		return err_ctx(e, "image config");
	(void)snprintf(config.digest, sizeof config.digest, "%s", parsed.config.digest);
	config.size = parsed.config.size;
	memcpy(top, config.digest, sizeof top); /* of an image without layers */
	if (layers_of(o, &parsed, &c, &layers, e) < 0 ||
	    put_legacies(o, layers, parsed.n_entries, c.json, top, e) < 0 ||
	    item_of(o, config.digest, layers, parsed.n_entries, &item, e) < 0)
		return -e->eno;
	if (*name && enter_name(o, json_object_get(item, "RepoTags"), name, top, e) < 0)
		return -e->eno;
	if (docker_list_manifest(&config, layers, parsed.n_entries, MEDIA_DOCKER_LAYER, &made, e) < 0)
		return -e->eno;
	(void)snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", made.digest);
	registry_manifest_done(&made);
	return 0;
}

int docker_out_finish(struct docker_out *o, struct err *e)
{
	if (tar_out_json(&o->tar, "manifest.json", json_incref(o->list), e) < 0 ||
	    tar_out_json(&o->tar, "repositories", json_incref(o->repositories), e) < 0 || tar_out_end(&o->tar, e) < 0 ||
	    out_file_show(&o->file, e) < 0)
		return err_ctx(e, "%s", o->file.path);
	return 0;
}
