/* SPDX-License-Identifier: Apache-2.0
 *
 * A crew: a few threads that take pieces of work from one list, in order, each with its own HTTP
 * connection. The first failure ends it: nobody takes another piece, and @cancel tells those that
 * are busy.
 */
#ifndef ONGGI_REGISTRY_CREW_H
#define ONGGI_REGISTRY_CREW_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"
#include "registry/http.h"

struct crew_plan {
	size_t n;            /* pieces */
	unsigned threads;    /* at most; the caller's is one of them */
	bool online;         /* each needs a connection */
	atomic_bool *cancel; /* becomes true at the first failure; ends the crew when others set it */
	/* @h is NULL unless @online */
	int (*work)(void *data, size_t i, struct http *h, struct err *e);
	void *data;
};

/** crew_run - all pieces, or the first error (one that is not only E_CANCELLED, if there is one). */
int crew_run(const struct crew_plan *plan, struct err *e);

#endif
