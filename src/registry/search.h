/* SPDX-License-Identifier: Apache-2.0
 *
 * Search for repositories by the registry's v1 API: GET /v1/search?q=TERM&n=LIMIT. It is no part of the
 * distribution-spec; docker.io has it at index.docker.io, others may.
 */
#ifndef ONGGI_REGISTRY_SEARCH_H
#define ONGGI_REGISTRY_SEARCH_H

#include <stddef.h>

#include "base/err.h"
#include "format/json.h"
#include "registry/access.h"

enum { SEARCH_LIMIT_MAX = 100, SEARCH_LIMIT_DEFAULT = 25 };

/** search_registry - ask the host in @term ("quay.io/nginx"), else docker.io. At most @limit results (1 to
 * SEARCH_LIMIT_MAX), by @access (NULL: as configured): array of {"name", "description", "is_official", "is_automated", "star_count"} in the order of
 * the registry, of which names and descriptions hold no control characters. Caller owns.
 * E_INVALID a term that is none | E_UNSUPPORTED the registry has no search | E_CORRUPT. */
int search_registry(const char *term, const struct registry_access *access, unsigned limit, json_t **ret, struct err *e);

/** search_parse - the same array out of a reply of @n bytes. */
int search_parse(const char *text, size_t n, unsigned limit, json_t **ret, struct err *e);

#endif
