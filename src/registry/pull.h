/* SPDX-License-Identifier: Apache-2.0
 *
 * Pull: reference -> index -> manifest -> config + layers -> blobs -> snapshot chain.
 *
 * Nothing becomes visible before it is verified: blobs get their name after their digest is
 * right, a layer is committed after its diff ID is right, the reference is set after one syncfs.
 */
#ifndef ONGGI_REGISTRY_PULL_H
#define ONGGI_REGISTRY_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "registry/access.h"
#include "registry/transfer.h"
#include "spec/reference.h"
#include "store/store.h"

struct pull_req {
	const struct store *store;
	const char *reference; /* as the user gave it */
	const char *platform;  /* NULL: the host's */
	bool all_tags;
	const struct registry_access *access; /* NULL: as configured */
	bool late;             /* layers that allow it may come when a container reads them: registry/lazy/lazy.h */
	const char *late_not;  /* with it: why none may, to be told; NULL */
	unsigned parallel;     /* layers at a time; 0: 3 */
	/* told from any thread, one call at a time; may be NULL */
	transfer_progress *progress;
	void *data;
};

struct pull_result {
	char canonical[REFERENCE_TEXT_MAX]; /* "docker.io/library/nginx:1.25" */
	char familiar[REFERENCE_TEXT_MAX];  /* "nginx:1.25" */
	char digest[DIGEST_TEXT_MAX];       /* of what the reference names: index or manifest */
	char image_id[DIGEST_TEXT_MAX];
	bool late;                          /* not whole yet: image_id is for containers only, a process brings the rest */
	bool updated;                       /* false: "Image is up to date" */
	int64_t reused_bytes;               /* of layers that came together from parts of layers that were here */
	char warning[512];                  /* platform differs from the wanted one; "" when none */
};

/** pull_image - pull one reference, or every tag with all_tags (then @ret tells of the last).
 * E_NOT_FOUND "manifest for X not found: manifest unknown: manifest unknown" | E_AUTH "pull access
 * denied for X, repository does not exist or may require authorization: ..." | E_CORRUPT wrong
 * digest, size, type | E_NETWORK registry cannot be reached | E_UNSUPPORTED no container image. */
int pull_image(const struct pull_req *req, struct pull_result *ret, struct err *e);

#endif
