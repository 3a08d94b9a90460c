/* SPDX-License-Identifier: Apache-2.0
 *
 * registries.conf (version 2) of podman and its kin: where repositories are really asked for,
 * mirrors, blocked and insecure registries. Files: CONTAINERS_REGISTRIES_CONF, else
 * $XDG_CONFIG_HOME/containers/registries.conf, else /etc/containers/registries.conf; then the
 * *.conf of the folder registries.conf.d beside it, in order of their names. Of equal prefixes the
 * last one counts. Short names are docker's here: unqualified-search-registries is not used.
 */
#ifndef ONGGI_REGISTRY_REGISTRIES_CONF_H
#define ONGGI_REGISTRY_REGISTRIES_CONF_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"

/** registries_conf_load - all [[registry]] tables as an array; empty when there is no file. */
int registries_conf_load(json_t **ret, struct err *e);

/* One place that a repository is to be asked for at. */
struct registries_place {
	const char *location; /* "host[:port]/path" */
	bool insecure, mirror;
};

enum { REGISTRIES_PLACES_MAX = 12 };

/** registries_conf_places - for repository @name ("docker.io/library/x"): mirrors first, then the
 * registry itself. 0: no table fits, else how many. @by_digest: the pull names a digest.
 * E_DENIED when it is blocked. */
int registries_conf_places(const json_t *list, const char *name, bool by_digest, struct arena *a,
			   struct registries_place out[REGISTRIES_PLACES_MAX], struct err *e);

#endif
