/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host says about registries: files that users of docker already have, and our own of
 * the same form, which wins.
 *
 *   /etc/docker/daemon.json, then ONGGI_CONFIG or /etc/onggi/onggi.json:
 *     insecure-registries, registry-mirrors, max-concurrent-downloads,
 *     max-concurrent-uploads, max-download-attempts,
 *     download-retry-delay-ms, download-stall-seconds, max-concurrent-ranges,
 *     download-range-bytes, download-range-delay-ms (the last five are ours)
 *   registries.conf of podman, see registries_conf.h
 *   certs.d/HOST[:PORT]/{*.crt, X.cert + X.key} below /etc/onggi, /etc/docker, /etc/containers
 */
#ifndef ONGGI_REGISTRY_CONFIG_H
#define ONGGI_REGISTRY_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"
#include "registry/access.h"
#include "registry/http.h"
#include "spec/reference.h"

struct registry_config {
	unsigned parallel;       /* layers at a time, down */
	unsigned uploads;        /* and up */
	unsigned ranges;         /* of large blobs at a time, beside the layers */
	unsigned range_bytes;    /* of one of them */
	unsigned range_delay_ms; /* a blob that takes longer than this comes in ranges */
	unsigned attempts;       /* of one exchange */
	unsigned retry_delay_ms; /* before the second attempt; doubles */
	unsigned stall_s;
	json_t *insecure;        /* array of hosts, host:port and networks */
	json_t *mirrors;         /* array of base URLs for docker.io */
	json_t *registries;      /* tables of registries.conf */
	const struct registry_access *access; /* never NULL; borrowed */
};

/** registry_config_load - @access: what goes before the files; NULL: nothing. It has to outlive @ret. */
int registry_config_load(const struct registry_access *access, struct registry_config *ret, struct err *e);
void registry_config_done(struct registry_config *c);

/* One place to ask for a repository. */
struct registry_endpoint {
	const char *url;         /* "https://registry-1.docker.io", no slash at the end */
	const char *domain;      /* whose credentials are used there: "docker.io" */
	const char *path;        /* of the repository there */
	struct http_tls tls;
	bool mirror;
};

enum { REGISTRY_ENDPOINTS_MAX = 16 };

struct registry_endpoints {
	struct registry_endpoint list[REGISTRY_ENDPOINTS_MAX]; /* in the order to try */
	size_t n;
};

/** registry_endpoints_find - where the repository of @ref is asked for: mirrors first; https, then
 * plain http when the host is loopback or marked as insecure. E_DENIED when it is blocked. */
int registry_endpoints_find(const struct registry_config *c, const struct reference *ref,
			    struct arena *a, struct registry_endpoints *ret, struct err *e);
/** registry_is_insecure - whether plain http or an unknown certificate will do for @domain. */
bool registry_is_insecure(const struct registry_config *c, const char *domain);

#endif
