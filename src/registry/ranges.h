/* SPDX-License-Identifier: Apache-2.0
 *
 * One large blob by several connections. It begins as one stream; when that turns out slow, and it is the network that is
 * waited for, fetchers get ranges ahead of it:
 *
 *   stream:    |>>>>>>>>>.......|
 *   fetchers:                   |>>>>>>......|>>>.........|>>>>>>>.....|   range_window.h
 *   sink:      |---- bytes in order, as ever ---->
 *
 * The sink sees what it sees of a plain download: so hashing, unpacking behind it and going on after a break or a
 * kill are as with one. Whatever a fetcher meets (no ranges, a limit, a full disk), the stream goes on without it.
 */
#ifndef ONGGI_REGISTRY_RANGES_H
#define ONGGI_REGISTRY_RANGES_H

#include <stdatomic.h>

#include "registry/client.h"

/* What all blobs of one pull share. */
struct ranges_budget {
	atomic_int left;      /* connections that may be opened beside those of the layers */
	atomic_bool refused;  /* the registry sends no ranges, or not that many */
};

struct ranges_req {
	struct registry *registry;
	struct http *http;
	const struct registry_config *config;
	struct ranges_budget *budget;
	const char *digest;
	int64_t size;
	int dir_fd;           /* folder on the disk for what is ahead, at most 2 * ranges * range_bytes */
	const struct registry_retry *retry;
};

/** ranges_get - as registry_blob_get. @ret_ranges: how many ranges came by fetchers; when there were some and the digest is
 * wrong, a plain download may be right. */
int ranges_get(const struct ranges_req *q, struct registry_sink *sink, unsigned *ret_ranges, struct err *e);

#endif
