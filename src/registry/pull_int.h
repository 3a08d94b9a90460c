/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of a pull: what its steps share. See pull.h.
 */
#ifndef ONGGI_REGISTRY_PULL_INT_H
#define ONGGI_REGISTRY_PULL_INT_H

#include <stdatomic.h>

#include "registry/client.h"
#include "registry/pull.h"
#include "registry/ranges.h"
#include "spec/manifest.h"
#include "store/lease.h"

/* One layer of the manifest: where its blob is, what it is when unpacked. */
struct pull_layer {
	const struct descriptor *blob;
	const char *diff_id;
	char chain_id[DIGEST_TEXT_MAX];
	char toc[DIGEST_TEXT_MAX]; /* of a layer that may come late: its table of contents, kept as a blob; "" */
	int toc_kind;              /* enum toc_kind */
	int64_t toc_end;           /* bytes of its blob that have contents */
	char name[13]; /* first digits of the blob's digest, as docker shows them */
};

/* One image being pulled: the context of the way. */
struct pull {
	const struct pull_req *req;
	struct pull_result *result;
	struct reference ref;
	struct registry_config config;
	struct registry *registry;
	struct http *http;             /* of the main thread */
	struct platform want;
	atomic_bool cancel;
	struct transfer_teller teller;
	struct lease lease;
	struct registry_manifest raw;  /* what the reference names */
	char index_type[128];          /* "" when it was no index */
	bool schema1;                  /* raw is of schema 1, image_raw what it became */
	struct registry_manifest image_raw; /* the manifest of the image; empty when raw is it */
	struct manifest manifest;
	char *config_bytes;
	size_t config_n;
	struct image_config image;
	struct pull_layer *layers;     /* lowest first */
	size_t n_layers;
	struct ranges_budget ranges;   /* of all its layers */
	atomic_llong reused_bytes;     /* of all layers, see pull_result */
	size_t n_first;                /* so many of the lowest are pulled now; all, unless late */
	bool present;                  /* the image was there already, whatever its name */
};

/** pull_keep - store bytes that were verified, under the protection of the lease. */
int pull_keep(struct pull *p, const struct registry_manifest *m, struct err *e);
/** pull_schema1 - @doc is a manifest of schema 1: fetch its blobs, make p->image_raw of it. */
int pull_schema1(struct pull *p, const struct registry_manifest *doc, struct err *e);
/** pull_layers - fetch, verify and unpack the p->n_first lowest layers where they are missing, p->config.parallel at a
 * time, the largest first. On failure the rest is cancelled; downloads are kept for a resume. */
int pull_layers(struct pull *p, struct err *e);

#endif
