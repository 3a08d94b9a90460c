/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms of an image: which of its index are here, and the one that --platform asks for. A name stands for one image,
 * the one that was pulled last; others of the same index are found by their manifests.
 */
#include "store/image_platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/container.h"
#include "store/image_int.h"

/* 1: here, and whole | 0 */
static int document_read(const struct store *s, const char *digest, struct manifest *ret)
{
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	size_t n;

	return *digest && blob_read(s, digest, MANIFEST_BYTES_MAX, &text, &n, &ignored) >= 0 &&
	       manifest_parse(text, n, NULL, ret, &ignored) >= 0;
}

int image_index(const struct store *s, const struct image *img, struct manifest *ret)
{
	return document_read(s, js_str(img->record, "index.digest", ""), ret);
}

struct image *image_by_manifest(struct image *images, size_t n, const char *digest)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(images[i].manifest, digest))
			return &images[i];
	return NULL;
}

static void images_done(struct image *images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		image_done(&images[i]);
	free(images);
}

static int config_platform(const struct image *img, struct platform *ret, struct err *e)
{
	OWN_STR text = json_dumps(img->config, JSON_COMPACT);
	OWN_IMAGE_CONFIG c = { 0 };

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	if (image_config_parse(text, strlen(text), &c, e) < 0)
		return -e->eno;
	*ret = c.platform;
	return 0;
}

/* another image of the index of @img: 1, *img is replaced | 0: none here */
static int sibling_find(const struct store *s, const struct platform *want, struct image *img, struct err *e)
{
	OWN_MANIFEST index = { 0 };
	struct err ignored = { 0 };
	const struct descriptor *d;
	struct image *images, *found;
	size_t n;

	if (!image_index(s, img, &index) || manifest_choose(&index, want, &d, &ignored) < 0)
		return 0;
	if (image_list(s, &images, &n, e) < 0)
		return -e->eno;
	found = image_by_manifest(images, n, d->digest);
	if (found) {
		struct image other = *found;
		*found = *img;
		*img = other;
	}
	images_done(images, n);
	return found != NULL;
}

int image_for_platform(const struct store *s, const char *platform, struct image *img, struct err *e)
{
	char text[PLATFORM_TEXT_MAX];
	struct platform want, have;

	if (!platform)
		return 0;
	if (platform_parse(platform, &want, e) < 0 || config_platform(img, &have, e) < 0)
		return -e->eno;
	if (platform_rank(&want, &have) >= 0)
		return 0;
	int r = sibling_find(s, &want, img, e);
	if (r != 0)
		return r < 0 ? r : 0;
	platform_format(&have, text);
	return err_new(e, E_NOT_FOUND, ENOENT, "image %.19s is for %s, not for %s", img->id, text, platform);
}

int image_resolve_platform(const struct store *s, const char *ref, const char *platform, struct image *ret, struct err *e)
{
	struct image img;

	if (image_resolve(s, ref, &img, e) < 0)
		return -e->eno;
	if (image_for_platform(s, platform, &img, e) < 0) {
		image_done(&img);
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		return err_new(e, E_NOT_FOUND, ENOENT, "image with reference %s was found but does not provide the specified "
			       "platform (%s)", ref, platform);
	}
	*ret = img;
	return 0;
}

/* ---- of an image that is damaged ---- */

/* the index of the image @ref, by its record, or by what the name stands for in its registry */
static int index_of(const struct store *s, const char *ref, struct manifest *ret)
{
	char id[DIGEST_TEXT_MAX], text[REFERENCE_TEXT_MAX], digest[DIGEST_TEXT_MAX] = "";
	struct err ignored = { 0 };
	struct reference name;
	OWN_JSON record = NULL;

	if (image_find(s, ref, id, &ignored) < 0)
		return 0;
	if (image_record_load(s, id, &record, &ignored) >= 0)
		return document_read(s, js_str(record, "index.digest", ""), ret);
	if (reference_parse_tagged(ref, &name, &ignored) < 0)
		return 0;
	reference_canonical(&name, text);
	return reference_get(s, text, NULL, digest, &ignored) >= 0 && document_read(s, digest, ret);
}

/* 1: *ret_id is the image here whose manifest is @digest, by its record or by that manifest */
static int id_by_manifest(const struct store *s, const char *digest, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	OWN_PTR char(*ids)[DIGEST_TEXT_MAX] = NULL;
	OWN_MANIFEST m = { 0 };
	size_t n;

	if (image_ids(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		struct err ignored = { 0 };
		OWN_JSON record = NULL;
		if (image_record_load(s, ids[i], &record, &ignored) < 0 ||
		    strcmp(js_str(record, "manifest.digest", ""), digest) != 0)
			continue;
		memcpy(ret_id, ids[i], sizeof *ids);
		return 1;
	}
	if (!document_read(s, digest, &m) || m.kind != MANIFEST_IMAGE || !image_exists_here(s, m.config.digest))
		return 0;
	(void)snprintf(ret_id, DIGEST_TEXT_MAX, "%s", m.config.digest);
	return 1;
}

int image_find_platform(const struct store *s, const char *ref, const char *platform, char ret_id[DIGEST_TEXT_MAX],
			struct err *e)
{
	OWN_MANIFEST index = { 0 };
	struct err other = { 0 };
	const struct descriptor *d;
	struct platform want;
	struct image img;

	if (image_resolve_platform(s, ref, platform, &img, e) == 0) {
		memcpy(ret_id, img.id, sizeof img.id);
		image_done(&img);
		return 0;
	}
	if (!err_is_damage(e) || platform_parse(platform, &want, &other) < 0 || !index_of(s, ref, &index) ||
	    index.kind != MANIFEST_INDEX || manifest_choose(&index, &want, &d, &other) < 0)
		return -e->eno;
	int r = id_by_manifest(s, d->digest, ret_id, &other);
	if (r < 0)
		*e = other;
	if (r > 0)
		err_clear(e);
	return r > 0 ? 0 : -e->eno;
}

/* ---- docker's Manifests ---- */

int64_t image_content_bytes(const struct store *s, const char *digest, bool *ret_whole)
{
	struct err ignored = { 0 };
	OWN_MANIFEST m = { 0 };
	OWN_STR text = NULL;
	int64_t sum, size;
	size_t n;

	*ret_whole = blob_read(s, digest, MANIFEST_BYTES_MAX, &text, &n, &ignored) >= 0 &&
		     manifest_parse(text, n, NULL, &m, &ignored) >= 0 && m.kind == MANIFEST_IMAGE;
	if (!*ret_whole)
		return 0;
	sum = (int64_t)n;
	for (size_t i = 0; i <= m.n_entries; i++) {
		size = blob_size(s, i < m.n_entries ? m.entries[i].digest : m.config.digest);
		*ret_whole &= size >= 0;
		sum += size > 0 ? size : 0;
	}
	return sum;
}

static json_t *containers_of(const struct store *s, const char *image_id)
{
	OWN_PTR char(*ids)[65] = NULL;
	struct err ignored = { 0 };
	json_t *list = json_array();
	size_t n = 0;

	if (container_ids(s, &ids, &n, &ignored) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(container_done) struct container c = CONTAINER_NULL;
		if (container_load(s, ids[i], &c, &ignored) >= 0 && !strcmp(js_str(c.record, "Image", ""), image_id))
			(void)json_array_append_new(list, json_string(ids[i])); /* out of memory: seen by the next one */
	}
	return list;
}

static json_t *summary(const struct store *s, const struct descriptor *d, const struct image *img)
{
	bool whole;
	int64_t content = image_content_bytes(s, d->digest, &whole), unpacked = img ? js_int(img->record, "size", 0) : 0;
	bool image = !d->attestation && media_is_manifest(d->media_type);
	json_t *o = json_pack("{s:s, s:O, s:b, s:{s:I, s:I}, s:s}", "ID", d->digest, "Descriptor", d->json, "Available", whole,
			      "Size", "Total", (json_int_t)(content + unpacked), "Content", (json_int_t)content, "Kind",
			      d->attestation ? "attestation" : image ? "image" : "unknown");

	if (image)
		(void)json_object_set_new(o, "ImageData", json_pack("{s:o, s:o, s:{s:I}}", "Platform",
			d->has_platform ? json_incref(json_object_get(d->json, "platform")) : json_object(), "Containers",
			img ? containers_of(s, img->id) : json_array(), "Size", "Unpacked", (json_int_t)unpacked));
	if (d->attestation) {
		/* the name of the member has dots */
		const json_t *a = json_object_get(d->json, "annotations");
		const char *of = json_string_value(json_object_get(a, "vnd.docker.reference.digest"));
		(void)json_object_set_new(o, "AttestationData", json_pack("{s:s}", "For", of ? of : ""));
	}
	return o;
}

int image_manifests(const struct store *s, const struct image *img, json_t **ret, struct err *e)
{
	OWN_MANIFEST index = { 0 };
	struct image *images;
	size_t n;

	*ret = NULL;
	if (!image_index(s, img, &index) || index.kind != MANIFEST_INDEX)
		return 0;
	if (image_list(s, &images, &n, e) < 0)
		return -e->eno;
	json_t *list = json_array();
	int bad = !list;
	for (size_t i = 0; i < index.n_entries; i++)
		bad |= json_array_append_new(list, summary(s, &index.entries[i],
							   image_by_manifest(images, n, index.entries[i].digest)));
	images_done(images, n);
	if (bad) {
		json_decref(list);
		return err_new(e, E_NOMEM, ENOMEM, "manifests");
	}
	*ret = list;
	return 0;
}
