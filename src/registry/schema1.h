/* SPDX-License-Identifier: Apache-2.0
 *
 * Docker's image manifest of schema 1, which old registries still serve: read, and made into one of schema 2 with its
 * config, as containers/image does it. No I/O.
 *
 *   document  = payload with "signatures" (JWS of libtrust) before its last brace, or a payload alone
 *   payload   = its first formatLength bytes + formatTail, both said in each signature's `protected`
 *   digest    = of the payload
 *
 * Signatures are not verified: the key is in the document, so they prove nothing that the digest does not.
 */
#ifndef ONGGI_REGISTRY_SCHEMA1_H
#define ONGGI_REGISTRY_SCHEMA1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "spec/digest.h"
#include "spec/manifest.h"

struct schema1_layer {
	const char *blob;   /* digest, valid */
	json_t *v1;         /* the history entry, owned */
	bool throwaway;     /* changed no file: it has no layer */
};
struct schema1 {
	json_t *json;                 /* owned */
	struct schema1_layer *layers; /* lowest first, owned */
	size_t n;
};

/** schema1_is - by the registry's Content-Type, and where that says nothing by its form. */
bool schema1_is(const char *p, size_t n, const char *content_type);
/** schema1_payload - what the digest is of; heap, NUL-terminated. E_CORRUPT for a bad JWS. */
int schema1_payload(const char *p, size_t n, char **ret, size_t *ret_n, struct err *e);
/** schema1_digest - the digest of a manifest, as registries name it: of its payload where it is of schema 1.
 * @algo_of: a digest whose algorithm counts; NULL: sha256. E_CORRUPT for a bad JWS. */
int schema1_digest(const char *p, size_t n, const char *content_type, const char *algo_of, char ret[DIGEST_TEXT_MAX],
		   struct err *e);
/** schema1_parse - a payload. E_CORRUPT: fsLayers and history of different length or none, bad digests, entries
 * whose parent is not the next one. Repeated entries count once. */
int schema1_parse(const char *p, size_t n, struct schema1 *ret, struct err *e);
void schema1_done(struct schema1 *s);

/** schema1_config - the image config; @diff_ids: of all layers but throwaways. Heap. */
int schema1_config(const struct schema1 *s, const char *const *diff_ids, size_t n, char **ret, struct err *e);
/** schema1_manifest - the manifest of schema 2 around @config; @sizes: bytes of the blobs of all layers but
 * throwaways. Heap. */
int schema1_manifest(const struct schema1 *s, const char *config_digest, size_t config_size, const int64_t *sizes,
		     char **ret, struct err *e);

#define OWN_SCHEMA1 __attribute__((cleanup(schema1_done))) struct schema1

#endif
