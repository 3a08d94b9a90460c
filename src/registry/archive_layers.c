/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacking of layers whose blobs are in the store, a few at a time.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "registry/archive_int.h"
#include "registry/layer_apply.h"
#include "store/blob.h"

enum { WORKERS_MAX = 4 };

struct crew {
	const struct store *store;
	struct layer_job *jobs;
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock;
	struct err err; /* the first one */
};

static int unpack(const struct store *s, const struct layer_job *j, struct err *e)
{
	struct source_digest check;
	struct source_fd file;
	OWN_FD fd = -1;
	uint64_t size;

	if (storage_layer_exists(s, j->chain_id))
		return 0;
	if (blob_open(s, j->blob, &fd, &size, e) < 0 || source_fd_init(&file, fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = source_digest_init(&check, &file.source, j->blob, (int64_t)size, e);
	if (!r) {
		struct layer_store_req q = { .store = s, .blob = &check.source, .diff_id = j->diff_id,
					     .chain_id = j->chain_id };
		check.what = j->blob;
		r = layer_store(&q, NULL, e);
	}
	source_fd_done(&file);
	return r < 0 ? err_ctx(e, "layer %.19s", j->blob) : 0;
}

static void *work(void *data)
{
	struct crew *c = data;
	struct err e = { 0 };

	while (!atomic_load(&c->failed)) {
		size_t i = atomic_fetch_add(&c->next, 1);
		if (i >= c->n)
			break;
		if (unpack(c->store, &c->jobs[i], &e) >= 0)
			continue;
		pthread_mutex_lock(&c->lock);
		if (!c->err.kind)
			c->err = e;
		pthread_mutex_unlock(&c->lock);
		atomic_store(&c->failed, true);
	}
	return NULL;
}

int archive_layers(const struct store *s, struct lease *lease, struct layer_job *jobs, size_t n,
		   struct err *e)
{
	struct crew c = { .store = s, .jobs = jobs, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[WORKERS_MAX];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t want = 0, started = 0, missing = 0;

	for (size_t i = 0; i < n; i++) {
		if (lease_add_layer(lease, jobs[i].chain_id, e) < 0)
			return -e->eno;
		missing += !storage_layer_exists(s, jobs[i].chain_id);
	}
	want = cpus > WORKERS_MAX ? WORKERS_MAX : cpus > 1 ? (size_t)cpus : 1;
	if (want > missing)
		want = missing;
	/* this thread is one of them; fewer than wished for do the same work */
	while (started + 1 < want && !pthread_create(&threads[started], NULL, work, &c))
		started++;
	work(&c);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (c.err.kind)
		*e = c.err;
	return c.err.kind ? -e->eno : 0;
}
