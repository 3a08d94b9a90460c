/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of a copy: what its files share. See copy.h.
 */
#ifndef ONGGI_REGISTRY_COPY_INT_H
#define ONGGI_REGISTRY_COPY_INT_H

#include <pthread.h>

#include "registry/client.h"
#include "registry/copy.h"
#include "spec/manifest.h"

struct copy {
	const struct copy_req *req;
	struct registry_config from_config, to_config;
	struct place from, to;
	struct place_req from_req;
	struct http *http; /* of the main thread; NULL where both places are files */
	atomic_bool cancel;
	struct transfer_teller teller;
};

/* one manifest with its blobs on the way */
struct part {
	struct copy *c;
	struct registry_manifest raw;
	struct manifest m;
	size_t n_blobs;                     /* entries of an image, then its config, if it has one */
	char (*diff_ids)[DIGEST_TEXT_MAX];  /* out: one of each blob, all of which are read then; NULL: not wanted. Owned. */
	/* targets that are ordered: blobs are fetched side by side and put one by one */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t turn;                        /* whose it is to put */
	bool ended[MANIFEST_LAYERS_MAX + 1];
};

/** copy_blobs - the first p->n_blobs of the manifest; an entry of size -1 gets the size that the source says. */
int copy_blobs(struct part *p, struct err *e);
/** copy_form_image - p->raw, an image, becomes one of the form that is wanted. E_UNSUPPORTED: there is none, or the
 * digest is to stay. */
int copy_form_image(struct part *p, struct err *e);
/** copy_form_index - the same for an index. @changed: something that it names has another digest now, in @manifests:
 * array of its entries. */
int copy_form_index(struct part *p, const json_t *manifests, bool changed, struct err *e);
/** copy_schema1 - p->raw is a manifest of schema 1: it goes as it is where the target takes it, else p->raw becomes one
 * of schema 2 or OCI. E_UNSUPPORTED: that is not wanted, or it is named by an index, whose bytes stay. */
int copy_schema1(struct part *p, bool top, struct err *e);

#endif
