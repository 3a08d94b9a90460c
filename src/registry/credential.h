/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials that users of docker and podman already have, first match wins:
 *   1 the file REGISTRY_AUTH_FILE            2 the JSON in DOCKER_AUTH_CONFIG
 *   3 $DOCKER_CONFIG/config.json or ~/.docker/config.json (with credHelpers, credsStore)
 *   4 $XDG_RUNTIME_DIR/containers/auth.json, /run/containers/UID/auth.json
 *   5 $XDG_CONFIG_HOME/containers/auth.json  6 ~/.dockercfg
 * Keys of `auths` may be a host, a host with a path (the longest that fits wins) or a URL.
 */
#ifndef ONGGI_REGISTRY_CREDENTIAL_H
#define ONGGI_REGISTRY_CREDENTIAL_H

#include "base/err.h"
#include "base/own.h"

/* Heap strings, NULL when absent. All NULL: anonymous. */
struct credential {
	char *user, *password;
	char *identity_token; /* to be traded for bearer tokens (OAuth2 refresh token) */
	char *registry_token; /* a bearer token to be used as it is */
};

/** credential_find - for repository @path of @domain. Nothing found: all members NULL, 0.
 * @authfile: the only file to look into, which has to be there; NULL: all of the above.
 * A helper that fails, a file that is no JSON: an error that names it. */
int credential_find(const char *domain, const char *path, const char *authfile, struct credential *ret, struct err *e);
void credential_done(struct credential *c);

/** secret_free - wipe and free a heap string, if any. */
void secret_free(char **s);

#define OWN_SECRET     CLEANUP(secret_free) char *
#define OWN_CREDENTIAL CLEANUP(credential_done) struct credential

#endif
