/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of one repository in a registry (distribution-spec): chooses the endpoint, authorizes,
 * tries again with back-off and jitter what may go better later, goes on at the byte where a
 * download broke off, and turns the registry's errors into docker's words.
 */
#ifndef ONGGI_REGISTRY_CLIENT_H
#define ONGGI_REGISTRY_CLIENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "registry/config.h"
#include "registry/http.h"
#include "spec/reference.h"

struct registry;

/* What to do when an attempt fails. @wait is told before each wait; from the thread that made the call. */
struct registry_retry {
	void (*wait)(void *data, unsigned delay_ms, const struct err *why); /* may be NULL */
	void *data;
	bool never; /* the caller decides about another attempt */
};

/** registry_open - the registry of @ref. Borrowed until close: @config, @cancel (may be NULL).
 * No exchange is made yet. @actions: "pull" or "pull,push". Thread safe after that. */
int registry_open(const struct reference *ref, const struct registry_config *config,
		  const char *actions, const atomic_bool *cancel, struct registry **ret,
		  struct err *e);
void registry_close(struct registry *r);
/** registry_warning - what a registry asked to be shown (Warning: 299), "" when nothing. */
const char *registry_warning(const struct registry *r);

/* A manifest or index as it came. */
struct registry_manifest {
	char *bytes;                   /* heap */
	size_t n;
	char content_type[128];
	char digest[DIGEST_TEXT_MAX];  /* of the bytes (schema 1: of its payload), checked against what was asked for */
};

/** registry_manifest_get - by tag or digest. E_NOT_FOUND "manifest for X not found: manifest
 * unknown: manifest unknown" | E_AUTH "pull access denied for X, ..." | E_CORRUPT wrong digest. */
int registry_manifest_get(struct registry *r, struct http *h, const char *tag_or_digest,
			  struct registry_manifest *ret, struct err *e);
void registry_manifest_done(struct registry_manifest *m);

/* Where a blob goes. */
struct registry_sink {
	int (*add)(void *data, const void *p, size_t n, struct err *e);
	void *data;
	int64_t at_bytes; /* how much is there: begins at 0, or where a former download ended; kept */
};

/** registry_blob_get - from sink->at_bytes to the end. @size expected in all: more is E_CORRUPT,
 * less is fetched again from there. The digest is for the sink's owner to check. */
int registry_blob_get(struct registry *r, struct http *h, const char *digest, int64_t size,
		      struct registry_sink *sink, const struct registry_retry *retry, struct err *e);

/** registry_blob_range - from sink->at_bytes up to, not with, byte @end. E_UNSUPPORTED: the registry sends no ranges. */
int registry_blob_range(struct registry *r, struct http *h, const char *digest, int64_t end,
			struct registry_sink *sink, const struct registry_retry *retry, struct err *e);

/** registry_document_get - a small blob (a config) as a heap string, verified by size and digest. */
int registry_document_get(struct registry *r, struct http *h, const char *digest, int64_t size, char **ret,
			  size_t *ret_n, struct err *e);

/** registry_mount_from - blobs may be taken over from repository @path of the same registry. To be
 * called before the first exchange. */
void registry_mount_from(struct registry *r, const char *path);

/** registry_blob_has - 1 when the repository has the blob, 0 when not. */
int registry_blob_has(struct registry *r, struct http *h, const char *digest, struct err *e);

/** registry_manifest_digest - what a tag names, by HEAD, tried once; "" when the registry does not say. E_NOT_FOUND. */
int registry_manifest_digest(struct registry *r, struct http *h, const char *tag, char ret[DIGEST_TEXT_MAX],
			     struct err *e);

/** registry_blob_size - bytes of a blob, as the registry says. E_NOT_FOUND | E_UNSUPPORTED: it does not. */
int registry_blob_size(struct registry *r, struct http *h, const char *digest, int64_t *ret, struct err *e);

/* One blob on its way into the repository. Strings are borrowed. */
struct registry_upload {
	const char *digest;
	int64_t size_bytes;
	int fd;                  /* read from its first byte on, by offset */
	const char *const *from; /* repositories that may have it, to be tried as mount sources */
	size_t n_from;
	void (*sent)(void *data, int64_t n_bytes); /* so far in all; may be NULL */
	void *data;
	const struct registry_retry *retry;
	const char *ret_mounted; /* out: which of @from it was taken from; NULL: sent */
};
/** registry_blob_put - mount or upload: small blobs in one request, others as a stream that goes on
 * at the byte that the registry has after a broken connection, in parts when the registry does not
 * take it whole (413). distribution-spec, "Pushing blobs". */
int registry_blob_put(struct registry *r, struct http *h, struct registry_upload *u, struct err *e);

/** registry_blob_mount - take @digest over from repository @from of the same registry. 1: it is there | 0: the
 * registry would have it sent. */
int registry_blob_mount(struct registry *r, struct http *h, const char *digest, const char *from, struct err *e);

/** registry_manifest_has - 1 when the repository has the manifest, 0 when not. */
int registry_manifest_has(struct registry *r, struct http *h, const char *tag_or_digest, struct err *e);

/** registry_manifest_put - @tag_or_digest: where; @n bytes of @media_type, at most
 * MANIFEST_BYTES_MAX. @ret_subject (may be NULL): whether the registry has processed `subject` for
 * the referrers list (OCI-Subject). */
int registry_manifest_put(struct registry *r, struct http *h, const char *tag_or_digest,
			  const struct registry_manifest *m, bool *ret_subject, struct err *e);

/** registry_manifest_publish - registry_manifest_put, and where the manifest has a `subject` that the registry
 * does not list by itself, the referrers tag of the subject is brought up to date (distribution-spec,
 * "Pushing manifests with subject"). Two who do that at the same moment may lose one entry: the registry offers
 * no more. */
int registry_manifest_publish(struct registry *r, struct http *h, const char *tag_or_digest,
			      const struct registry_manifest *m, struct err *e);
/** registry_referrers - index of the manifests whose subject is @digest, from the registry's list or from the
 * referrers tag; none is an empty one. @artifact_type: only those of it; NULL: all. Caller owns. */
int registry_referrers(struct registry *r, struct http *h, const char *digest, const char *artifact_type,
		       json_t **ret, struct err *e);
/** registry_manifest_delete - by digest: the manifest with all its tags; by tag: the tag, where the registry can.
 * E_UNSUPPORTED: it deletes nothing (by tag). */
int registry_manifest_delete(struct registry *r, struct http *h, const char *tag_or_digest, struct err *e);
/** registry_manifest_unpublish - registry_manifest_delete by digest, and out of the referrers tag of its subject. */
int registry_manifest_unpublish(struct registry *r, struct http *h, const char *digest, struct err *e);
/** registry_blob_delete - E_UNSUPPORTED as above. */
int registry_blob_delete(struct registry *r, struct http *h, const char *digest, struct err *e);

/** registry_catalog - repositories of the whole registry (path "_catalog", not in the spec, known to all that
 * descend from docker's); heap array of heap strings. */
int registry_catalog(struct registry *r, struct http *h, char ***ret, size_t *ret_n, struct err *e);
/** registry_tags - all tags; heap array of heap strings. */
int registry_tags(struct registry *r, struct http *h, char ***ret, size_t *ret_n, struct err *e);
void registry_tags_free(char **tags, size_t n);

#endif
