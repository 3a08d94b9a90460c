/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes, manifests and image configs of OCI and of Docker v2 schema 2: parse and check.
 *
 * The bytes are the truth (their digest names them), so the parsed JSON is only read. Checked:
 * size, mediaType of the body against the Content-Type, never both `manifests` and `layers`
 * (CVE-2021-41190), every digest, sizes >= 0, the number of layers.
 */
#ifndef ONGGI_SPEC_MANIFEST_H
#define ONGGI_SPEC_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "spec/digest.h"
#include "spec/platform.h"

enum {
	MANIFEST_BYTES_MAX = 4 << 20,
	MANIFEST_CONFIG_BYTES_MAX = 8 << 20,
	MANIFEST_LAYERS_MAX = 1024,
	MANIFEST_INDEX_MAX = 4096, /* entries of one index */
	MANIFEST_DEPTH_MAX = 4,    /* index in index */
};

#define MEDIA_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP  "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD  "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_EROFS_LAYER     "application/vnd.erofs.layer.v1"
#define MEDIA_OCI_EMPTY       "application/vnd.oci.empty.v1+json"
#define MEDIA_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar.gzip"
/* schema 1, see registry/schema1.h: an index may name it, and nothing else here reads it */
#define MEDIA_SCHEMA1         "application/vnd.docker.distribution.manifest.v1+json"
#define MEDIA_SCHEMA1_SIGNED  "application/vnd.docker.distribution.manifest.v1+prettyjws"
#define MEDIA_DOCKER_LAYER_TAR "application/vnd.docker.image.rootfs.diff.tar"

enum layer_compression {
	LAYER_PLAIN,
	LAYER_GZIP,
	LAYER_ZSTD,
	LAYER_COMPRESSION_N,
};

/* Strings are borrowed from the JSON of the document that holds the descriptor. */
struct descriptor {
	const char *media_type; /* "" when absent */
	const char *digest;     /* valid */
	int64_t size;           /* bytes, >= 0 */
	const char *artifact_type; /* "" when absent */
	bool has_platform;
	bool attestation;       /* entry of BuildKit's provenance: "unknown/unknown" */
	struct platform platform; /* normalised */
	const json_t *json;
};

enum manifest_kind {
	MANIFEST_IMAGE,
	MANIFEST_INDEX,
	MANIFEST_KIND_N,
};

struct manifest {
	enum manifest_kind kind;
	const char *media_type;     /* of the body, else guessed from its form */
	json_t *json;               /* whole document, owned */
	struct descriptor config;   /* MANIFEST_IMAGE */
	struct descriptor *entries; /* layers lowest first, or entries of an index; owned */
	size_t n_entries;
};

/** manifest_parse - parse and check @n bytes. @content_type: as the registry said, NULL when
 * unknown. E_CORRUPT for what breaks the rules, E_UNSUPPORTED for schema 1. */
int manifest_parse(const char *p, size_t n, const char *content_type, struct manifest *ret,
		   struct err *e);
void manifest_done(struct manifest *m);
/** manifest_choose - entry of an index for @want: the best rank, first of equals; attestations
 * are skipped. E_NOT_FOUND "no matching manifest for linux/amd64 in the manifest list entries". */
int manifest_choose(const struct manifest *index, const struct platform *want,
		    const struct descriptor **ret, struct err *e);
/** manifest_check_runnable - E_UNSUPPORTED for an artifact that is no container image; names its
 * artifactType or config type. */
int manifest_check_runnable(const struct manifest *m, struct err *e);
/** descriptor_is_foreign - a layer that is not distributed by registries but from its `urls`. */
bool descriptor_is_foreign(const struct descriptor *d);
/** media_is_index, media_is_manifest - known media types. */
bool media_is_index(const char *media_type);
bool media_is_manifest(const char *media_type);
/** media_layer_compression - how a layer is packed, by media type; -EINVAL when it is no layer
 * type. Readers should trust the magic bytes rather than this. */
int media_layer_compression(const char *media_type);

/** media_is_erofs - a layer that is an EROFS image, maybe compressed as a whole by gzip or zstd. */
bool media_is_erofs(const char *media_type);

struct image_config {
	json_t *json;            /* whole document, owned */
	const char **diff_ids;   /* borrowed strings, owned array; lowest first */
	size_t n_diff_ids;
	struct platform platform; /* normalised; os "linux" when absent */
};

/** image_config_parse - parse and check an image config (rootfs.type "layers", diff_ids). */
int image_config_parse(const char *p, size_t n, struct image_config *ret, struct err *e);
void image_config_done(struct image_config *c);

#define OWN_MANIFEST     __attribute__((cleanup(manifest_done))) struct manifest
#define OWN_IMAGE_CONFIG __attribute__((cleanup(image_config_done))) struct image_config

#endif
