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

static void put_descriptor(struct buf *b, const char *type, const struct docker_blob *d)
{
	buf_printf(b, "{\"mediaType\":\"%s\",\"size\":%lld,\"digest\":\"%s\"}", type, (long long)d->size, d->digest);
}

int docker_list_manifest(const struct docker_blob *config, const struct docker_blob *layers, size_t n, bool oci,
			 struct registry_manifest *ret, struct err *e)
{
	const char *type = oci ? MEDIA_OCI_MANIFEST : MEDIA_DOCKER_MANIFEST;
	struct hash hash;
	OWN_BUF b = { 0 };

	buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":", type);
	put_descriptor(&b, oci ? MEDIA_OCI_CONFIG : MEDIA_DOCKER_CONFIG, config);
	buf_puts(&b, ",\"layers\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, i ? "," : "");
		put_descriptor(&b, oci ? MEDIA_OCI_LAYER : MEDIA_DOCKER_LAYER, &layers[i]);
	}
	buf_puts(&b, "]}");
	if (buf_failed(&b))
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	*ret = (struct registry_manifest){ .n = b.n };
	(void)snprintf(ret->content_type, sizeof ret->content_type, "%s", type);
	hash_init(&hash, HASH_SHA256);
	hash_add(&hash, b.p, b.n);
	hash_text(&hash, ret->digest);
	ret->bytes = buf_take(&b);
	return 0;
}
