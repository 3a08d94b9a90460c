/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacking of layers whose blobs are in the store, a few at a time.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "registry/archive_int.h"
#include "registry/crew.h"
#include "registry/layer_apply.h"
#include "store/blob.h"

enum { WORKERS_MAX = 4 };

struct layers {
	const struct store *store;
	struct layer_job *jobs;
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

static int work(void *data, size_t i, struct http *h, struct err *e)
{
	const struct layers *all = data;

	(void)h; /* everything is here */
	return unpack(all->store, &all->jobs[i], e);
}

int archive_layers(const struct store *s, struct lease *lease, struct layer_job *jobs, size_t n,
		   struct err *e)
{
	struct layers all = { .store = s, .jobs = jobs };
	atomic_bool cancel = false;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (size_t i = 0; i < n; i++)
		if (lease_add_layer(lease, jobs[i].chain_id, e) < 0)
			return -e->eno;
	const struct crew_plan plan = { .n = n,
					.threads = cpus > WORKERS_MAX ? WORKERS_MAX : cpus > 1 ? (unsigned)cpus : 1,
					.cancel = &cancel, .work = work, .data = &all };
	return crew_run(&plan, e);
}
