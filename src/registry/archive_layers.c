/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacking of layers whose blobs are in the store or still in the archive, a few at a time.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "registry/archive_int.h"
#include "registry/crew.h"
#include "registry/flusher.h"
#include "registry/layer_apply.h"
#include "store/blob.h"

enum { WORKERS_MAX = 4 };
/* from here on it pays to write back beside the work */
#define FLUSH_BYTES (16LL << 20)

struct layers {
	const struct archive *ar;
	struct layer_job *jobs;
};

static int store_layer(const struct store *s, const struct layer_job *j, struct source *blob, struct err *e)
{
	const struct layer_store_req q = { .store = s, .blob = blob, .diff_id = j->diff_id, .chain_id = j->chain_id,
					   .diff_is_blob = !strcmp(j->blob, j->diff_id) };

	return layer_store(&q, NULL, e);
}

/* the blob is in the store: verified again while it is read */
static int from_blob(const struct store *s, const struct layer_job *j, struct err *e)
{
	struct source_digest check;
	struct source_fd file;
	OWN_FD fd = -1;
	uint64_t size;

	if (blob_open(s, j->blob, &fd, &size, e) < 0 || source_fd_init(&file, fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = source_digest_init(&check, &file.source, j->blob, (int64_t)size, e);
	check.what = j->blob;
	if (!r)
		r = store_layer(s, j, &check.source, e);
	source_fd_done(&file);
	return r;
}

/* one pass: archive -> (digest) blob -> layer */
static int from_archive(const struct archive *ar, const struct layer_job *j, bool unpacked, struct err *e)
{
	struct source_blob tee;
	struct source_at file;
	struct blob_writer w;

	if (blob_writer_open(ar->store, (enum digest_algo)hash_algo_of(j->blob), &w, e) < 0)
		return -e->eno;
	int r = source_at_init(&file, ar->xfd, j->waits->at, (uint64_t)j->waits->size, e);
	if (!r) {
		source_blob_init(&tee, &file.source, &w, j->blob, j->waits->size);
		r = unpacked ? source_drain(&tee.source, NULL, e) : store_layer(ar->store, j, &tee.source, e);
		source_at_done(&file);
	}
	blob_writer_abort(&w); /* nothing once the blob is complete */
	return r;
}

static int unpack(const struct archive *ar, const struct layer_job *j, struct err *e)
{
	bool unpacked = storage_layer_exists(ar->store, j->chain_id);
	int r = j->waits ? blob_can_be_trusted(ar->store, j->blob, j->waits->size, e) : 1;

	if (r < 0)
		return err_ctx(e, "layer %.19s", j->blob);
	if (r == 0)
		r = from_archive(ar, j, unpacked, e);
	else
		r = unpacked ? 0 : from_blob(ar->store, j, e);
	return r < 0 ? err_ctx(e, "layer %.19s", j->blob) : 0;
}

static int work(void *data, size_t i, struct http *h, struct err *e)
{
	const struct layers *all = data;

	(void)h; /* everything is here */
	return unpack(all->ar, &all->jobs[i], e);
}

int archive_layers(const struct archive *ar, struct layer_job *jobs, size_t n, struct err *e)
{
	struct layers all = { .ar = ar, .jobs = jobs };
	struct flusher flusher = { .started = false };
	atomic_bool cancel = false;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		if (lease_add_layer(ar->lease, jobs[i].chain_id, e) < 0 ||
		    (jobs[i].waits && lease_add_blob(ar->lease, jobs[i].blob, e) < 0))
			return -e->eno;
		bytes += jobs[i].waits ? jobs[i].waits->size : blob_size(ar->store, jobs[i].blob);
	}
	if (bytes > FLUSH_BYTES)
		flusher_start(&flusher, ar->store->root_fd);
	const struct crew_plan plan = { .n = n,
					.threads = cpus > WORKERS_MAX ? WORKERS_MAX : cpus > 1 ? (unsigned)cpus : 1,
					.cancel = &cancel, .work = work, .data = &all };
	int r = crew_run(&plan, e);
	flusher_stop(&flusher);
	return r;
}

int archive_unpack(const struct archive *ar, const char *manifest, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	OWN_STR text = NULL;
	OWN_STR config_text = NULL;
	OWN_MANIFEST m = { 0 };
	OWN_IMAGE_CONFIG c = { 0 };
	OWN_PTR struct layer_job *jobs = NULL;
	size_t n;

	if (blob_read(ar->store, manifest, MANIFEST_BYTES_MAX, &text, &n, e) < 0 ||
	    manifest_parse(text, n, NULL, &m, e) < 0 || manifest_check_runnable(&m, e) < 0)
		return -e->eno;
	if (blob_read(ar->store, m.config.digest, MANIFEST_CONFIG_BYTES_MAX, &config_text, &n, e) < 0 ||
	    image_config_parse(config_text, n, &c, e) < 0)
		return err_ctx(e, "image config");
	if (c.n_diff_ids != m.n_entries)
		return err_new(e, E_CORRUPT, EBADMSG, "the manifest has %zu layers, the config %zu", m.n_entries, c.n_diff_ids);
	jobs = calloc(m.n_entries + 1, sizeof *jobs);
	if (!jobs)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < m.n_entries; i++) {
		jobs[i].blob = m.entries[i].digest;
		jobs[i].waits = archive_waiting(ar, m.entries[i].digest);
		jobs[i].diff_id = c.diff_ids[i];
		digest_chain_id(i ? jobs[i - 1].chain_id : NULL, c.diff_ids[i], jobs[i].chain_id);
	}
	(void)snprintf(ret_id, DIGEST_TEXT_MAX, "%s", m.config.digest);
	return archive_layers(ar, jobs, m.n_entries, e);
}
