/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy: an image from one repository to another, registry to registry, without the local store. The
 * bytes of every manifest stay, so digests stay: indexes with all their platforms, artifacts, and
 * what refers to them when asked for. Only one of schema 1 is converted where the target does not take it.
 */
#ifndef ONGGI_REGISTRY_COPY_H
#define ONGGI_REGISTRY_COPY_H

#include <stdbool.h>

#include "base/err.h"
#include "registry/access.h"
#include "registry/transfer.h"
#include "registry/transport/transport.h"
#include "spec/digest.h"

struct copy_req {
	const char *from, *to;  /* references as the user gave them; a digest at @to is refused */
	const char *from_kind, *to_kind; /* names of transports whose paths @from and @to are to their ends, see
				   transport_of(); NULL: the references say it */
	int from_at;            /* with from_kind: the n-th image from 1 on; 0: the only one */
	const struct store *store; /* of places of kind "store" */
	const char *const *more;   /* with from_kind: other images that go to the same target, for which it must have
				   room; all or none are shown */
	size_t n_more;
	enum place_form form;   /* of a manifest that is not kept; PLACE_ANY: what the target wants */
	enum place_form convert; /* PLACE_OCI, PLACE_DOCKER: manifests and indexes of the other form become this one;
				    PLACE_ANY: the bytes stay */
	bool index_alone;       /* what the index names is not copied */
	bool compress;          /* from a store: layers that are plain go as gzip */
	bool replace;           /* a file that is there is no reason to refuse */
	bool name_images;       /* each has the name at the target that it has at the source */
	bool keep_names;        /* docker-archive: the image has that name, too */
	const char *platform;   /* only this one of an index; NULL: the whole index */
	bool all;               /* the whole index or an error: where the target has room for one image only, that of
				   the host's platform is meant otherwise */
	bool preserve;          /* refuse whatever gives the image another digest */
	bool all_tags;          /* of the repository @from */
	bool referrers;         /* signatures, SBOMs and whatever else has it as its subject, too */
	const struct registry_access *from_access, *to_access; /* NULL: as configured */
	transfer_progress *progress; /* may be NULL */
	void *data;
};

struct copy_result {
	char digest[DIGEST_TEXT_MAX]; /* of what the (last) tag names now */
	int64_t size_bytes;           /* of that manifest, where the target has one */
	char media_type[128];
	json_t *names;                /* to the store: what it is called there now, owned; NULL: nothing */
};

/** copy_image - blobs that the target has are not sent again, within one registry they are mounted; what is
 * downloaded is verified before a byte is sent. The tag moves last: a copy that is cut off leaves nothing
 * under it. E_NOT_FOUND | E_AUTH | E_NETWORK | E_CORRUPT. */
int copy_image(const struct copy_req *req, struct copy_result *ret, struct err *e);

#endif
