/* SPDX-License-Identifier: Apache-2.0
 *
 * A mate: one thread that does a piece of work at a time beside its master. See struct layer_mate.
 */
#ifndef ONGGI_REGISTRY_MATE_H
#define ONGGI_REGISTRY_MATE_H

#include <pthread.h>

#include "registry/layer_apply.h"

struct mate {
	struct layer_mate ask; /* what the master calls */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	bool started, end;
	int (*work)(void *data, struct err *e); /* NULL: idle */
	void *data;
	int result; /* of the last piece, until it is asked for */
	struct err err;
};

/** mate_init - the thread starts with the first piece; where there can be none, the master does the work. */
void mate_init(struct mate *m);
/** mate_done - when it is idle. */
void mate_done(struct mate *m);

#endif
