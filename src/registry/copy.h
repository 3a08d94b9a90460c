/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy: an image from one repository to another, registry to registry, without the local store. The
 * bytes of every manifest stay, so digests stay: indexes with all their platforms, artifacts, and
 * what refers to them when asked for.
 */
#ifndef ONGGI_REGISTRY_COPY_H
#define ONGGI_REGISTRY_COPY_H

#include <stdbool.h>

#include "base/err.h"
#include "registry/transfer.h"
#include "spec/digest.h"

struct copy_req {
	const char *from, *to;  /* references as the user gave them; a digest at @to is refused */
	const char *platform;   /* only this one of an index; NULL: the whole index */
	bool all;               /* the whole index or an error: where the target has room for one image only, that of
				   the host's platform is meant otherwise */
	bool preserve;          /* refuse a target whose form gives the image another digest */
	bool all_tags;          /* of the repository @from */
	bool referrers;         /* signatures, SBOMs and whatever else has it as its subject, too */
	bool insecure;          /* any certificate, or plain http */
	transfer_progress *progress; /* may be NULL */
	void *data;
};

struct copy_result {
	char digest[DIGEST_TEXT_MAX]; /* of what the (last) tag names now */
};

/** copy_image - blobs that the target has are not sent again, within one registry they are mounted; what is
 * downloaded is verified before a byte is sent. The tag moves last: a copy that is cut off leaves nothing
 * under it. E_NOT_FOUND | E_AUTH | E_NETWORK | E_CORRUPT. */
int copy_image(const struct copy_req *req, struct copy_result *ret, struct err *e);

#endif
