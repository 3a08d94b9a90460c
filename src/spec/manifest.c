/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests, indexes, image configs: see manifest.h.
 */
#include "spec/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"

static const struct {
	const char *media_type;
	enum manifest_kind kind;
} manifest_types[] = {
	{ MEDIA_DOCKER_LIST, MANIFEST_INDEX },
	{ MEDIA_DOCKER_MANIFEST, MANIFEST_IMAGE },
	{ MEDIA_OCI_INDEX, MANIFEST_INDEX },
	{ MEDIA_OCI_MANIFEST, MANIFEST_IMAGE },
};

static const struct {
	const char *media_type;
	enum layer_compression compression;
} layer_types[] = {
	{ MEDIA_DOCKER_LAYER_TAR, LAYER_PLAIN },
	{ MEDIA_DOCKER_LAYER, LAYER_GZIP },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", LAYER_ZSTD },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar", LAYER_PLAIN },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LAYER_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", LAYER_PLAIN },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LAYER_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", LAYER_ZSTD },
	{ MEDIA_OCI_LAYER, LAYER_PLAIN },
	{ MEDIA_OCI_LAYER_GZIP, LAYER_GZIP },
	{ MEDIA_OCI_LAYER_ZSTD, LAYER_ZSTD },
};

static int kind_of_media(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_LEN(manifest_types); i++)
		if (!strcmp(manifest_types[i].media_type, media_type))
			return (int)manifest_types[i].kind;
	return -EINVAL;
}

bool descriptor_is_foreign(const struct descriptor *d)
{
	return (strstr(d->media_type, ".foreign.") || strstr(d->media_type, ".nondistributable.")) &&
	       json_array_size(json_object_get(d->json, "urls"));
}

bool media_is_index(const char *media_type)
{
	return kind_of_media(media_type) == MANIFEST_INDEX;
}

bool media_is_manifest(const char *media_type)
{
	return kind_of_media(media_type) == MANIFEST_IMAGE;
}

int media_layer_compression(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_LEN(layer_types); i++)
		if (!strcmp(layer_types[i].media_type, media_type))
			return (int)layer_types[i].compression;
	return -EINVAL;
}

/* as containerd has it: no type is registered. What follows '+' is about the whole image; how data are
 * compressed inside of it, only it itself says. */
bool media_is_erofs(const char *media_type)
{
	const char *plus = strchr(media_type, '+');
	size_t n = plus ? (size_t)(plus - media_type) : strlen(media_type);

	if (plus && strcmp(plus, "+gzip") != 0 && strcmp(plus, "+zstd") != 0)
		return false;
	return text_starts(media_type, "application/vnd.erofs") || (n > 6 && !memcmp(media_type + n - 6, ".erofs", 6));
}

static int platform_read(const json_t *o, const char *path, struct descriptor *d, struct err *e)
{
	static const struct {
		const char *key;
		size_t at, size;
	} rows[] = {
		{ "os", offsetof(struct platform, os), sizeof d->platform.os },
		{ "architecture", offsetof(struct platform, arch), sizeof d->platform.arch },
		{ "variant", offsetof(struct platform, variant), sizeof d->platform.variant },
		{ "os.version", offsetof(struct platform, os_version), sizeof d->platform.os_version },
	};
	json_t *p = NULL;

	int r = js_get_obj(o, path, "platform", &p, e);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *v = "";
		if (js_get_str(p, path, rows[i].key, &v, e) < 0)
			return err_ctx(e, "platform");
		/* a name too long is none that we know */
		(void)snprintf((char *)&d->platform + rows[i].at, rows[i].size, "%s", v);
	}
	d->attestation = !strcmp(d->platform.os, "unknown") && !strcmp(d->platform.arch, "unknown");
	platform_normalize(&d->platform);
	d->has_platform = *d->platform.os || *d->platform.arch;
	return 0;
}

static int descriptor_read(const json_t *o, const char *path, struct descriptor *ret, struct err *e)
{
	struct descriptor d = { .media_type = "", .digest = "", .artifact_type = "", .size = -1, .json = o };
	struct digest check;

	if (!json_is_object(o))
		return err_new(e, E_CORRUPT, EBADMSG, "%s: expected object", path);
	if (js_get_str(o, path, "mediaType", &d.media_type, e) < 0 ||
	    js_get_str(o, path, "digest", &d.digest, e) < 0 ||
	    js_get_int(o, path, "size", &d.size, e) < 0 ||
	    js_get_str(o, path, "artifactType", &d.artifact_type, e) < 0 ||
	    platform_read(o, path, &d, e) < 0)
		return -e->eno;
	if (digest_parse(d.digest, &check, e) < 0)
		return err_ctx(e, "%s.digest", path);
	if (d.size < 0)
		return err_new(e, E_CORRUPT, EBADMSG, "%s.size: missing or negative", path);
	*ret = d;
	return 0;
}

static int entries_read(json_t *list, const char *name, size_t max, struct manifest *m, struct err *e)
{
	size_t n = json_array_size(list);

	if (n > max)
		return err_new(e, E_CORRUPT, EBADMSG, "%zu %s: more than %zu", n, name, max);
	m->entries = calloc(n ? n : 1, sizeof *m->entries);
	if (!m->entries)
		return err_new(e, E_NOMEM, ENOMEM, "%zu descriptors", n);
	for (size_t i = 0; i < n; i++) {
		char path[40];
		(void)snprintf(path, sizeof path, "%s[%zu]", name, i);
		if (descriptor_read(json_array_get(list, i), path, &m->entries[i], e) < 0)
			return -e->eno;
		m->n_entries++;
	}
	return 0;
}

/* Content-Type without parameters; "" when the registry gave none or a generic one */
static void content_type_trim(const char *in, char *out, size_t n)
{
	size_t len = in ? strcspn(in, "; \t") : 0;
	(void)snprintf(out, n, "%.*s", (int)(len < n ? len : 0), in ? in : "");
	if (!strcmp(out, "application/json") || !strcmp(out, "application/octet-stream") ||
	    !strcmp(out, "text/plain"))
		*out = 0;
}

/* which of the two it is: by content type, mediaType and form, which must not contradict */
static int kind_decide(const json_t *j, const char *content_type, struct manifest *m, struct err *e)
{
	char header[128];
	const char *body = "";
	bool manifests = json_object_get(j, "manifests"), layers = json_object_get(j, "layers");
	bool config = json_object_get(j, "config");

	if (js_get_str(j, "", "mediaType", &body, e) < 0)
		return -e->eno;
	content_type_trim(content_type, header, sizeof header);
	if (json_object_get(j, "fsLayers") || text_starts(header, "application/vnd.docker.distribution.manifest.v1"))
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "image manifest of schema version 1 is not supported; "
			       "push the image again with a current tool");
	if (manifests && (layers || config))
		return err_new(e, E_CORRUPT, EBADMSG,
			       "manifest holds both \"manifests\" and \"layers\" or \"config\" (CVE-2021-41190)");
	if (*header && *body && strcmp(header, body) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest says mediaType %s, registry says %s", body, header);
	const char *type = *body ? body : header;
	int kind = *type ? kind_of_media(type) : manifests ? MANIFEST_INDEX : MANIFEST_IMAGE;
	if (kind < 0)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "unsupported manifest media type %s", type);
	if (kind == MANIFEST_INDEX ? layers || config : manifests)
		return err_new(e, E_CORRUPT, EBADMSG, "content of the manifest is not of its media type %s", type);
	m->kind = (enum manifest_kind)kind;
	m->media_type = *body ? body : *header ? manifest_types[0].media_type : "";
	for (size_t i = 0; !*body && i < ARRAY_LEN(manifest_types); i++)
		if (*header ? !strcmp(manifest_types[i].media_type, header) :
			      text_starts(manifest_types[i].media_type, "application/vnd.oci") &&
				      manifest_types[i].kind == m->kind)
			m->media_type = manifest_types[i].media_type;
	return 0;
}

static int manifest_read(json_t *j, const char *content_type, struct manifest *m, struct err *e)
{
	json_t *list = NULL, *config = NULL;
	int64_t version = 2;

	if (!json_is_object(j))
		return err_new(e, E_CORRUPT, EBADMSG, "expected an object");
	if (js_get_int(j, "", "schemaVersion", &version, e) < 0 || kind_decide(j, content_type, m, e) < 0)
		return -e->eno;
	if (version != 2)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "schemaVersion %lld is not supported",
			       (long long)version);
	if (m->kind == MANIFEST_INDEX) {
		if (js_get_arr(j, "", "manifests", &list, e) < 0)
			return -e->eno;
		return entries_read(list, "manifests", MANIFEST_INDEX_MAX, m, e);
	}
	int r = js_get_obj(j, "", "config", &config, e);
	if (r < 0)
		return r;
	if (!config)
		return err_new(e, E_CORRUPT, EBADMSG, "no config");
	if (descriptor_read(config, "config", &m->config, e) < 0 ||
	    js_get_arr(j, "", "layers", &list, e) < 0)
		return -e->eno;
	if (m->config.size > MANIFEST_CONFIG_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "config of %lld bytes: more than %d",
			       (long long)m->config.size, MANIFEST_CONFIG_BYTES_MAX);
	return entries_read(list, "layers", MANIFEST_LAYERS_MAX, m, e);
}

int manifest_parse(const char *p, size_t n, const char *content_type, struct manifest *ret,
		   struct err *e)
{
	OWN_MANIFEST m = { 0 };
	struct err local = { 0 };

	if (!e)
		e = &local;
	if (n > MANIFEST_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "manifest of %zu bytes: more than %d", n, MANIFEST_BYTES_MAX);
	if (js_parse(p, n, "manifest", &m.json, e) < 0) {
		e->kind = E_CORRUPT;
		return -e->eno;
	}
	if (manifest_read(m.json, content_type, &m, e) < 0) {
		if (e->kind == E_INVALID)
			e->kind = E_CORRUPT;
		return err_ctx(e, "manifest");
	}
	*ret = m;
	m = (struct manifest){ 0 };
	return 0;
}

void manifest_done(struct manifest *m)
{
	free(m->entries);
	if (m->json)
		json_decref(m->json);
	*m = (struct manifest){ 0 };
}

static bool may_be_image(const char *media_type)
{
	return !*media_type || kind_of_media(media_type) >= 0 || !strcmp(media_type, MEDIA_SCHEMA1) ||
	       !strcmp(media_type, MEDIA_SCHEMA1_SIGNED);
}

int manifest_choose(const struct manifest *index, const struct platform *want,
		    const struct descriptor **ret, struct err *e)
{
	const struct descriptor *best = NULL, *only = NULL;
	size_t n_without = 0;
	int best_rank = -1;
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < index->n_entries; i++) {
		const struct descriptor *d = &index->entries[i];
		if (d->attestation || !may_be_image(d->media_type))
			continue;
		if (!d->has_platform) {
			only = d;
			n_without++;
			continue;
		}
		int rank = platform_rank(want, &d->platform);
		if (rank >= 0 && (best_rank < 0 || rank < best_rank)) {
			best = d;
			best_rank = rank;
		}
	}
	/* an index around one image, or around another index, may leave the platform out */
	if (!best && n_without == 1)
		best = only;
	if (!best) {
		platform_format(want, text);
		return err_new(e, E_NOT_FOUND, ENOENT,
			       "no matching manifest for %s in the manifest list entries", text);
	}
	*ret = best;
	return 0;
}

int manifest_check_runnable(const struct manifest *m, struct err *e)
{
	const char *artifact = "";
	const char *type = m->config.media_type;

	(void)js_get_str(m->json, "", "artifactType", &artifact, NULL); /* wrong type: treated as none */
	if (!strcmp(type, MEDIA_OCI_CONFIG) || !strcmp(type, MEDIA_DOCKER_CONFIG) ||
	    !strcmp(type, "application/octet-stream") || !*type) {
		for (size_t i = 0; i < m->n_entries; i++)
			if (*m->entries[i].media_type && media_layer_compression(m->entries[i].media_type) < 0 &&
			    !media_is_erofs(m->entries[i].media_type))
				return err_new(e, E_UNSUPPORTED, ENOTSUP, "unsupported layer media type %s",
					       m->entries[i].media_type);
		return 0;
	}
	if (!*artifact)
		artifact = type;
	return err_new(e, E_UNSUPPORTED, ENOTSUP, "is no container image but an artifact of type %s", artifact);
}

static int diff_ids_read(struct image_config *c, struct err *e)
{
	json_t *rootfs = NULL, *list = NULL;
	const char *type = "layers";
	struct digest d;

	if (js_get_obj(c->json, "", "rootfs", &rootfs, e) < 0)
		return -e->eno;
	if (!rootfs)
		return err_new(e, E_CORRUPT, EBADMSG, "no rootfs");
	if (js_get_str(rootfs, "rootfs", "type", &type, e) < 0 ||
	    js_get_arr(rootfs, "rootfs", "diff_ids", &list, e) < 0)
		return -e->eno;
	if (strcmp(type, "layers") != 0)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "rootfs.type %s is not supported", type);
	size_t n = json_array_size(list);
	if (n > MANIFEST_LAYERS_MAX)
		return err_new(e, E_CORRUPT, EBADMSG, "%zu diff_ids: more than %d", n, MANIFEST_LAYERS_MAX);
	c->diff_ids = calloc(n ? n : 1, sizeof *c->diff_ids);
	if (!c->diff_ids)
		return err_new(e, E_NOMEM, ENOMEM, "%zu diff_ids", n);
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(list, i));
		if (!id)
			return err_new(e, E_CORRUPT, EBADMSG, "rootfs.diff_ids[%zu]: expected string", i);
		if (digest_parse(id, &d, e) < 0)
			return err_ctx(e, "rootfs.diff_ids[%zu]", i);
		c->diff_ids[i] = id;
	}
	c->n_diff_ids = n;
	return 0;
}

int image_config_parse(const char *p, size_t n, struct image_config *ret, struct err *e)
{
	OWN_IMAGE_CONFIG c = { 0 };
	struct descriptor d = { 0 };
	struct err local = { 0 };
	json_t *wrap = NULL;

	if (!e)
		e = &local;
	if (n > MANIFEST_CONFIG_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "image config of %zu bytes: more than %d", n,
			       MANIFEST_CONFIG_BYTES_MAX);
	if (js_parse(p, n, "image config", &c.json, e) < 0) {
		e->kind = E_CORRUPT;
		return -e->eno;
	}
	if (!json_is_object(c.json))
		return err_new(e, E_CORRUPT, EBADMSG, "image config: expected an object");
	/* a config holds the platform's members at its top */
	wrap = json_pack("{sO}", "platform", c.json);
	if (!wrap)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	int r = platform_read(wrap, "", &d, e);
	json_decref(wrap);
	if (r < 0 || diff_ids_read(&c, e) < 0) {
		if (e->kind == E_INVALID)
			e->kind = E_CORRUPT;
		return err_ctx(e, "image config");
	}
	c.platform = d.platform;
	if (!*c.platform.os)
		memcpy(c.platform.os, "linux", sizeof "linux");
	*ret = c;
	c = (struct image_config){ 0 };
	return 0;
}

void image_config_done(struct image_config *c)
{
	free(c->diff_ids);
	if (c->json)
		json_decref(c->json);
	*c = (struct image_config){ 0 };
}
