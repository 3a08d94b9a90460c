/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags that say how a registry is reached: --creds, --authfile, --cert-dir, --tls-verify, --retry ..., podman's and
 * skopeo's words.
 */
#ifndef ONGGI_FRONT_IMAGE_ACCESS_H
#define ONGGI_FRONT_IMAGE_ACCESS_H

#include "base/err.h"
#include "format/json.h"
#include "registry/access.h"

struct image_access {
	struct registry_access is;
	char *user, *password; /* heap, wiped by the end */
};

/** access_read - @prefix: "src-" or "dest-" where a command has two registries, else "". Flags without the prefix are
 * for both. Asks on the terminal for what --creds leaves out. E_USAGE flags that contradict each other. */
int access_read(const json_t *req, const char *prefix, struct image_access *ret, struct err *e);
void access_done(struct image_access *a);
#define OWN_ACCESS CLEANUP(access_done) struct image_access

#endif
