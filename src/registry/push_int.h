/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of a push: what its files share. See push.h.
 */
#ifndef ONGGI_REGISTRY_PUSH_INT_H
#define ONGGI_REGISTRY_PUSH_INT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "registry/client.h"
#include "registry/push.h"
#include "spec/manifest.h"
#include "store/lease.h"

enum { PUSH_FROM_MAX = 3 };

/* One layer: what it is here and what goes to the registry. */
struct push_layer {
	const struct descriptor *blob;  /* here */
	const char *diff_id;
	char name[13];                  /* first digits of the diff ID, as docker shows them */
	char digest[DIGEST_TEXT_MAX];   /* there */
	int64_t size_bytes;
	const char *media_type;
	bool changed;                   /* compressed anew: with this table of contents (registry/compress.h) */
	char toc_digest[DIGEST_TEXT_MAX];
	char toc_position[TOC_POSITION_MAX];
	char from[PUSH_FROM_MAX][REFERENCE_NAME_MAX + 1]; /* repositories that may have it */
	size_t n_from;
};

struct push {
	const struct push_req *req;
	struct push_result *result;
	struct reference ref;
	struct registry_config config;
	struct registry *registry;
	struct http *http;              /* of the main thread */
	atomic_bool cancel;
	struct transfer_teller teller;
	struct lease lease;
	char image_id[DIGEST_TEXT_MAX];
	char top[DIGEST_TEXT_MAX];      /* index or manifest to push, here */
	struct platform want;
};

/* One image manifest on its way. */
struct push_image {
	struct push *p;
	struct manifest manifest;
	struct image_config config;
	struct push_layer *layers;
	size_t n;
};

/** push_is_whole - whether all of @digest and what it names is in the store. */
bool push_is_whole(const struct store *s, const char *digest);
/** push_document - everything below manifest or index @digest of the store; @ret: the document as it is to be put,
 * caller owns. Of @p: req, ref, config, registry, http, teller and lease. */
int push_document(struct push *p, const char *digest, struct registry_manifest *ret, struct err *e);
/** push_layers - everything of @img that the registry lacks. */
int push_layers(struct push_image *img, struct err *e);
/** push_sources_find - fill in from where each layer may be mounted: other repositories of the same
 * registry whose images here hold it. */
int push_sources_find(struct push_image *img, struct err *e);

/** push_memory_get - what layer @l became when it was last compressed so, into @ret: all but its fd. 1, or 0: unknown. */
int push_memory_get(const struct push *p, const struct push_layer *l, struct compressed *ret);
/** push_memory_set - remember it; a failure costs only time at the next push. */
void push_memory_set(const struct push *p, const struct push_layer *l, const struct compressed *c);

#endif
