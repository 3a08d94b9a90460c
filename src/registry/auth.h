/* SPDX-License-Identifier: Apache-2.0
 *
 * Authorization at one registry for one repository: Basic, or bearer tokens fetched from the
 * realm that a 401 names. Shared by all threads of a pull: one of them renews, the others wait
 * and use the new token.
 */
#ifndef ONGGI_REGISTRY_AUTH_H
#define ONGGI_REGISTRY_AUTH_H

#include "base/err.h"
#include "registry/config.h"
#include "registry/credential.h"
#include "registry/http.h"

struct auth;

/** auth_open - for repository @path at @domain (a mirror has its own). @actions: "pull",
 * "pull,push", for challenges that name no scope. Credentials are looked up on the first 401. */
int auth_open(const char *domain, const char *path, const char *actions, struct auth **ret,
	      struct err *e);
void auth_close(struct auth *a);
/** auth_also_pull - ask for pull from repository @path too (a blob is mounted from there). To be
 * called before the first exchange. */
void auth_also_pull(struct auth *a, const char *path);
/** auth_use - credentials to try instead of looked up ones (login). Asks the realm for an identity
 * token, which is kept instead of the password when it is given. To be called before the first
 * exchange. */
int auth_use(struct auth *a, const struct credential *c, struct err *e);
/** auth_identity - the identity token that was given; NULL: none. Borrowed. */
const char *auth_identity(const struct auth *a);
/** auth_access - what the flags of the command say of credentials, before anything is looked up. @access is borrowed. */
void auth_access(struct auth *a, const struct registry_access *access);
/** auth_value - what to send as Authorization now, a heap string; *ret NULL: nothing. */
int auth_value(struct auth *a, char **ret, struct err *e);
/** auth_renew - after a 401: get what its challenges ask for.
 * @used the value that was refused, NULL for none   @ep where the 401 came from
 * 0: send again with auth_value() | E_AUTH: no way to satisfy it, or refused credentials |
 * E_DENIED: realm is not to be trusted. */
int auth_renew(struct auth *a, struct http *h, const struct registry_endpoint *ep,
	       const struct http_resp *refused, const char *used, struct err *e);

#endif
