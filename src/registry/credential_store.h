/* SPDX-License-Identifier: Apache-2.0
 *
 * Where credentials are kept: docker's config.json, or the helper that it names. Keys that are not
 * ours stay as they are; the file is replaced at once, with mode 0600.
 */
#ifndef ONGGI_REGISTRY_CREDENTIAL_STORE_H
#define ONGGI_REGISTRY_CREDENTIAL_STORE_H

#include "base/buf.h"
#include "format/json.h"
#include "registry/credential.h"

/** credential_key - how @domain is called in `auths` and by helpers: docker.io has a URL for
 * historical reasons. */
const char *credential_key(const char *domain);
/** credential_helper_of - name of the helper that @config wants for @domain, NULL: none. */
const char *credential_helper_of(const json_t *config, const char *domain);
/** credential_helper - run `docker-credential-@name @verb` with @input; what it says is added to @out.
 * 1 done | 0 it has no such credentials. Ends it after a minute. */
int credential_helper(const char *name, const char *verb, const char *input, struct buf *out, struct err *e);

struct credential_place {
	char file[4096];     /* config.json or auth.json */
	char helper[128];    /* "" when the secret is in the file itself */
	bool erased;         /* credential_erase: there was something */
};

/** credential_place_find - where login and logout work for @domain: @authfile, REGISTRY_AUTH_FILE,
 * $DOCKER_CONFIG/config.json, ~/.docker/config.json. */
int credential_place_find(const char *domain, const char *authfile, struct credential_place *ret,
			  struct err *e);
int credential_save(const struct credential_place *at, const char *domain, const struct credential *c,
		    struct err *e);
/** credential_erase - at->erased tells whether there was any. @domain NULL: all of them. */
int credential_erase(struct credential_place *at, const char *domain, struct err *e);

#endif
