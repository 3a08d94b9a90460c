/* SPDX-License-Identifier: Apache-2.0
 *
 * Login: whether a registry takes credentials, and keeping them.
 */
#ifndef ONGGI_REGISTRY_LOGIN_H
#define ONGGI_REGISTRY_LOGIN_H

#include "base/err.h"
#include "registry/access.h"
#include "registry/credential.h"

/** registry_domain - "https://Host:5000/v1/" or "host:5000" -> "host:5000"; NULL, "" and the names of
 * docker's hub -> "docker.io". E_INVALID when it is no host. */
int registry_domain(const char *server, char *out, size_t n, struct err *e);

/** registry_login - ask /v2/ of @domain with @c; of @access (NULL: none) what concerns TLS and attempts. An identity token that the registry gives replaces
 * c->password. E_AUTH "unauthorized: incorrect username or password" | E_NETWORK. */
int registry_login(const char *domain, const struct registry_access *access, struct credential *c, struct err *e);

#endif
