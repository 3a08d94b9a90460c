/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.json of docker's archives: see docker_list.h.
 */
#include "registry/transport/docker_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "format/hash.h"
#include "format/js.h"
#include "spec/manifest.h"

static int corrupt(struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "manifest.json: %s", what);
}

static bool all_text(const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		if (!json_is_string(v))
			return false;
	return true;
}

/* whether the image has the name @want; NULL: its first one */
static bool has_name(const json_t *item, const struct reference *want, struct reference *ret)
{
	char asked[REFERENCE_TEXT_MAX], name[REFERENCE_TEXT_MAX];
	const json_t *tag;
	size_t i;

	if (want)
		reference_canonical(want, asked);
	json_array_foreach(json_object_get(item, "RepoTags"), i, tag) {
		struct err ignored = { 0 }; /* what is no name is not the one */
		struct reference ref;
		if (!json_is_string(tag) || reference_parse_tagged(json_string_value(tag), &ref, &ignored) < 0)
			continue;
		reference_canonical(&ref, name);
		if (want && strcmp(name, asked) != 0)
			continue;
		*ret = ref;
		return true;
	}
	return false;
}

static int item_read(const json_t *item, struct docker_item *ret, struct err *e)
{
	const json_t *tags = json_object_get(item, "RepoTags");

	ret->config = js_str(item, "Config", "");
	ret->layers = json_object_get(item, "Layers");
	ret->tags = json_object_get(item, "RepoTags");
	if (!*ret->config)
		return corrupt(e, "an image without Config");
	if (ret->layers && !json_is_null(ret->layers) && (!json_is_array(ret->layers) || !all_text(ret->layers)))
		return corrupt(e, "Layers is no list of names");
	if (tags && !json_is_null(tags) && (!json_is_array(tags) || !all_text(tags)))
		return corrupt(e, "RepoTags is no list of names");
	if (json_array_size(ret->layers) > MANIFEST_LAYERS_MAX)
		return corrupt(e, "too many layers");
	return 0;
}

static int choose(const json_t *list, const struct files_where *where, struct docker_item *ret, const json_t **item,
		  struct err *e)
{
	const size_t n = json_array_size(list);
	struct reference want;

	if (where->at >= 0) {
		if ((size_t)where->at >= n)
			return err_new(e, E_NOT_FOUND, ENOENT, "there is no image @%d, it has %zu", where->at, n);
		*item = json_array_get(list, (size_t)where->at);
	} else if (*where->ref) {
		if (reference_parse_tagged(where->ref, &want, e) < 0)
			return -e->eno;
		for (size_t i = 0; i < n && !*item; i++)
			if (has_name(json_array_get(list, i), &want, &ret->ref))
				*item = json_array_get(list, i);
		return *item ? 0 : err_new(e, E_NOT_FOUND, ENOENT, "no image is named %s", where->ref);
	} else if (n > 1) {
		(void)err_new(e, E_USAGE, EINVAL, "%zu images, say which one", n);
		err_hint(e, "append :NAME:TAG, or :@0 for the first one");
		return -EINVAL;
	} else {
		*item = json_array_get(list, 0);
	}
	(void)has_name(*item, NULL, &ret->ref);
	return 0;
}

int docker_list_find(const char *text, size_t n, const struct files_where *where, struct docker_item *ret,
		     struct err *e)
{
	const json_t *item = NULL;

	*ret = (struct docker_item){ 0 };
	if (js_parse(text, n, "manifest.json", &ret->list, e) < 0)
		return -e->eno;
	if (!json_is_array(ret->list) || !json_array_size(ret->list)) {
		docker_item_done(ret);
		return corrupt(e, "it names no image");
	}
	if (choose(ret->list, where, ret, &item, e) < 0 || item_read(item, ret, e) < 0) {
		docker_item_done(ret);
		return -e->eno;
	}
	return 0;
}

void docker_item_done(struct docker_item *it)
{
	json_decref(it->list);
	it->list = NULL;
}

static void put_descriptor(struct buf *b, const char *type, int64_t size, const char *digest)
{
	buf_printf(b, "{\"mediaType\":\"%s\",\"size\":%lld,\"digest\":\"%s\"}", type, (long long)size, digest);
}

static void put_head(struct buf *b, bool oci, int64_t size, const char *digest)
{
	buf_printf(b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":", oci ? MEDIA_OCI_MANIFEST : MEDIA_DOCKER_MANIFEST);
	put_descriptor(b, oci ? MEDIA_OCI_CONFIG : MEDIA_DOCKER_CONFIG, size, digest);
	buf_puts(b, ",\"layers\":[");
}

static int put_end(struct buf *b, bool oci, struct registry_manifest *ret, struct err *e)
{
	struct hash hash;

	buf_puts(b, "]}");
	if (buf_failed(b))
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	*ret = (struct registry_manifest){ .n = b->n };
	(void)snprintf(ret->content_type, sizeof ret->content_type, "%s", oci ? MEDIA_OCI_MANIFEST : MEDIA_DOCKER_MANIFEST);
	hash_init(&hash, HASH_SHA256);
	hash_add(&hash, b->p, b->n);
	hash_text(&hash, ret->digest);
	ret->bytes = buf_take(b);
	return 0;
}

int docker_list_manifest(const struct docker_blob *config, const struct docker_blob *layers, size_t n,
			 const char *layer_type, struct registry_manifest *ret, struct err *e)
{
	const bool oci = !strcmp(layer_type, MEDIA_OCI_LAYER);
	OWN_BUF b = { 0 };

	put_head(&b, oci, config->size, config->digest);
	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, i ? "," : "");
		put_descriptor(&b, layer_type, layers[i].size, layers[i].digest);
	}
	return put_end(&b, oci, ret, e);
}

int docker_list_convert(const struct manifest *m, bool oci, struct registry_manifest *ret, struct err *e)
{
	static const char *const types[LAYER_COMPRESSION_N][2] = {
		[LAYER_PLAIN] = { MEDIA_DOCKER_LAYER_TAR, MEDIA_OCI_LAYER },
		[LAYER_GZIP] = { MEDIA_DOCKER_LAYER, MEDIA_OCI_LAYER_GZIP },
		[LAYER_ZSTD] = { NULL, MEDIA_OCI_LAYER_ZSTD },
	};
	OWN_BUF b = { 0 };

	if (manifest_check_runnable(m, e) < 0)
		return -e->eno;
	put_head(&b, oci, m->config.size, m->config.digest);
	for (size_t i = 0; i < m->n_entries; i++) {
		int kind = media_layer_compression(m->entries[i].media_type);
		const bool erofs = oci && media_is_erofs(m->entries[i].media_type);
		const char *type = erofs ? m->entries[i].media_type : kind < 0 ? NULL : types[kind][oci];
		if (!type)
			return err_new(e, E_UNSUPPORTED, EINVAL, "layer %s of type %s has no place in %s manifest",
				       m->entries[i].digest, m->entries[i].media_type, oci ? "OCI's" : "docker's");
		buf_puts(&b, i ? "," : "");
		put_descriptor(&b, type, m->entries[i].size, m->entries[i].digest);
	}
	return put_end(&b, oci, ret, e);
}
