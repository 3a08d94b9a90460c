/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of a pull: a few workers take layers from a list, the largest first, so that no long one
 * is left for the end. Each worker downloads into the blob's file while a second thread inflates,
 * verifies and unpacks behind it:
 *
 *   worker:  socket -> sha256 -> file      unpacker:  file -> inflate -> sha256 -> tar -> snapshot
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "driver/storage/storage.h"
#include "registry/crew.h"
#include "registry/delta.h"
#include "registry/flusher.h"
#include "registry/layer_apply.h"
#include "registry/pull_int.h"
#include "registry/ranges.h"
#include "registry/tail.h"
#include "store/blob.h"

/* one layer in the hands of one worker */
struct job {
	struct pull *p;
	struct pull_layer *layer;
	struct http *http;
	struct blob_writer writer;
	bool unpacking;
	struct tail tail;
	pthread_t unpacker;
	int unpack_result;
	struct err unpack_err;
	atomic_bool unpack_failed; /* set after unpack_err: the download may stop */
	bool whole;      /* parts of other layers were tried and are no use */
	bool mixed;      /* what is written so far may be of such parts */
	unsigned ranges; /* that came beside each other */
	int64_t reused;  /* bytes that came from other layers */
};

static void emit(struct job *j, enum transfer_state state, int64_t done)
{
	struct transfer_event ev = { .state = state, .layer = j->layer->name, .done_bytes = done,
				 .total_bytes = j->layer->blob->size };
	transfer_emit(&j->p->teller, &ev);
}

static void on_wait(void *data, unsigned delay_ms, const struct err *why)
{
	struct job *j = data;
	char text[400];

	(void)snprintf(text, sizeof text, "Retrying in %u seconds: %.300s", (delay_ms + 999) / 1000,
		       why->chain);
	struct transfer_event ev = { .state = TRANSFER_RETRY, .layer = j->layer->name, .text = text };
	transfer_emit(&j->p->teller, &ev);
}

/* one worker at a time, of all processes, makes a layer; the others find it made */
static int layer_lock(struct job *j, char name[120], int *ret_fd, struct err *e)
{
	const struct store *s = j->p->req->store;
	bool told = false;

	(void)snprintf(name, 120, "locks/layer-%.64s", digest_hex(j->layer->chain_id));
	if (io_mkdir_p(s->root_fd, "locks", 0700, e) < 0)
		return -e->eno;
	for (;;) {
		struct stat st;
		OWN_FD fd = -1;
		int r = lock_take(s->root_fd, name, LOCK_EXCLUSIVE | LOCK_NOWAIT, &fd, e);
		if (r < 0 && e->kind != E_BUSY)
			return r;
		if (r < 0 && !told)
			emit(j, PULL_LAYER_WAITING, 0);
		told = told || r < 0;
		if (r < 0 && lock_take(s->root_fd, name, LOCK_EXCLUSIVE, &fd, e) < 0)
			return -e->eno;
		/* whoever had it has removed the file: ours protects nothing */
		if (fstat(fd, &st) < 0)
			return err_sys(e, errno, "stat %s", name);
		if (!st.st_nlink)
			continue;
		err_clear(e);
		*ret_fd = fd_take(&fd);
		return 0;
	}
}

static int sink_add(void *data, const void *p, size_t n, struct err *e)
{
	struct job *j = data;

	if (blob_writer_add(&j->writer, p, n, e) < 0)
		return -e->eno;
	if (j->unpacking && atomic_load(&j->unpack_failed))
		return err_new(e, E_CANCELLED, ECANCELED, "unpacking failed");
	if (j->unpacking)
		tail_ready(&j->tail, (int64_t)j->writer.size_bytes);
	emit(j, PULL_LAYER_DOWNLOADING, (int64_t)j->writer.size_bytes);
	return 0;
}

static int unpack(struct job *j, struct source *blob, struct err *e)
{
	struct layer_stats stats;
	struct layer_store_req q = { .store = j->p->req->store, .blob = blob,
				     .diff_id = j->layer->diff_id, .chain_id = j->layer->chain_id };
	return layer_store(&q, &stats, e);
}

static void *unpacker_main(void *data)
{
	struct job *j = data;

	j->unpack_result = unpack(j, &j->tail.source, &j->unpack_err);
	if (j->unpack_result < 0)
		atomic_store(&j->unpack_failed, true);
	return NULL;
}

/* the blob is here from another image or an earlier pull: it is verified again while it is read */
static int unpack_present(struct job *j, struct err *e)
{
	const struct descriptor *d = j->layer->blob;
	struct source_digest check;
	struct source_fd file;
	OWN_FD fd = -1;

	if (blob_open(j->p->req->store, d->digest, &fd, NULL, e) < 0)
		return -e->eno;
	if (source_fd_init(&file, fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = source_digest_init(&check, &file.source, d->digest, d->size, e);
	emit(j, PULL_LAYER_EXTRACTING, 0);
	if (r == 0) {
		check.what = d->digest;
		r = unpack(j, &check.source, e);
	}
	source_fd_done(&file);
	return r;
}

static int unpacker_start(struct job *j, struct err *e)
{
	OWN_FD fd = openat(j->p->req->store->root_fd, j->writer.tmp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(e, errno, "open %s", j->writer.tmp);
	if (tail_init(&j->tail, fd_take(&fd), e) < 0)
		return -e->eno;
	j->tail.ready = (int64_t)j->writer.size_bytes; /* of a former download */
	int r = pthread_create(&j->unpacker, NULL, unpacker_main, j);
	if (r) {
		tail_done(&j->tail);
		return err_sys(e, r, "start a thread");
	}
	j->unpacking = true;
	return 0;
}

/* wait for the unpacker. Its error counts, unless it only passes on that of the download, @dl. */
static int unpacker_join(struct job *j, int dl, struct err *e)
{
	if (!j->unpacking)
		return dl;
	bool first = atomic_load(&j->unpack_failed);
	tail_end(&j->tail, dl < 0 ? e : NULL);
	if (dl == 0)
		emit(j, PULL_LAYER_EXTRACTING, tail_position(&j->tail));
	pthread_join(j->unpacker, NULL);
	tail_done(&j->tail);
	j->unpacking = false;
	if (j->unpack_result >= 0 || (dl < 0 && !first))
		return dl;
	*e = j->unpack_err;
	return -(e->eno ? e->eno : EIO);
}

/* parts of other layers are no use, for @why: nothing that the pull fails for */
static void whole_instead(struct job *j, const struct err *why)
{
	struct transfer_event ev = { .state = PULL_LAYER_WHOLE, .layer = j->layer->name, .text = why->chain };

	transfer_emit(&j->p->teller, &ev);
	j->whole = true;
	j->reused = 0;
}

static int parts_failed(struct job *j, int r, struct err *e)
{
	if (e->kind != E_CORRUPT && e->kind != E_UNSUPPORTED)
		return r;
	whole_instead(j, e);
	err_clear(e);
	return 0;
}

/* what can be had from layers that are here, and the rest by ranges. 0 also when there is nothing of that: the sink
 * tells how far it came. */
static int download_parts(struct job *j, struct registry_sink *sink, const struct registry_retry *retry, struct err *e)
{
	const struct descriptor *d = j->layer->blob;
	struct delta *dl = NULL;

	if (j->whole || sink->at_bytes == d->size)
		return 0;
	int r = delta_make(j->p->req->store, j->p->registry, j->http, d, retry, &dl, e);
	if (r <= 0)
		return r < 0 ? parts_failed(j, r, e) : 0;
	j->reused = delta_reused(dl);
	if (j->reused) {
		struct transfer_event ev = { .state = PULL_LAYER_REUSED, .layer = j->layer->name,
					     .done_bytes = j->reused, .total_bytes = d->size };
		transfer_emit(&j->p->teller, &ev);
	}
	j->mixed = j->reused > 0;
	r = delta_fetch(dl, j->p->registry, j->http, sink, retry, e);
	delta_free(dl);
	return r < 0 ? parts_failed(j, r, e) : 0;
}

/* by one connection, or by several where that helps: a small blob is not worth asking whether */
static int download_rest(struct job *j, struct registry_sink *sink, const struct registry_retry *retry, struct err *e)
{
	const struct descriptor *d = j->layer->blob;
	const struct registry_config *c = &j->p->config;
	struct ranges_req q = { .registry = j->p->registry, .http = j->http, .config = c, .budget = &j->p->ranges,
				.digest = d->digest, .size = d->size, .dir_fd = j->p->req->store->root_fd, .retry = retry };

	if (j->whole || !c->ranges || d->size - sink->at_bytes < 3 * (int64_t)c->range_bytes)
		return registry_blob_get(j->p->registry, j->http, d->digest, d->size, sink, retry, e);
	return ranges_get(&q, sink, &j->ranges, e);
}

static int download(struct job *j, struct err *e)
{
	const struct descriptor *d = j->layer->blob;
	struct registry_retry retry = { .wait = on_wait, .data = j };

	if (j->writer.size_bytes > (uint64_t)d->size && blob_writer_restart(&j->writer, e) < 0)
		return -e->eno;
	struct registry_sink sink = { .add = sink_add, .data = j,
				      .at_bytes = (int64_t)j->writer.size_bytes };
	int r = download_parts(j, &sink, &retry, e);
	if (r == 0)
		r = download_rest(j, &sink, &retry, e);
	if (r < 0) {
		/* what cannot be unpacked is not worth going on with */
		if (atomic_load(&j->unpack_failed) && j->unpack_err.kind == E_CORRUPT)
			j->writer.keep = false;
		blob_writer_abort(&j->writer);
	} else {
		r = blob_writer_commit(&j->writer, d->digest, d->size, NULL, e);
		if (r == 0)
			emit(j, PULL_LAYER_DOWNLOADED, d->size);
	}
	return r;
}

/* download and unpack at once. @ret_resumed: part of the blob was there before. */
static int fetch(struct job *j, bool have_layer, bool *ret_resumed, struct err *e)
{
	int r = 0;

	*ret_resumed = j->writer.size_bytes > 0;
	j->writer.keep = true;
	atomic_store(&j->unpack_failed, false);
	err_clear(&j->unpack_err);
	if (!have_layer)
		r = unpacker_start(j, e);
	if (r < 0) {
		blob_writer_abort(&j->writer);
		return r;
	}
	emit(j, PULL_LAYER_DOWNLOADING, (int64_t)j->writer.size_bytes);
	r = download(j, e);
	return unpacker_join(j, r, e);
}

/* drop what is damaged, which is never decided by what a manifest claims: a sound blob may be
 * needed by other images, or has been fetched anew by this moment for another layer of the same content */
static int damaged_remove(const struct store *s, const char *digest, bool present, struct err *e)
{
	struct blob_writer w;
	int r;

	if (present) {
		r = blob_is_sound(s, digest, e);
		if (r < 0 && e->kind == E_NOT_FOUND) {
			err_clear(e);
			return 0;
		}
		return r == 0 ? blob_remove(s, digest, e) : r < 0 ? r : 0;
	}
	r = blob_writer_resume(s, digest, &w, e);
	if (r < 0)
		return r;
	if (r == 0) {
		w.keep = false;
		blob_writer_abort(&w);
	}
	return 0;
}

/* once: with what is there, or by a download. @again: what image stores of others have is not sound. @ret_left:
 * something left by an earlier run had part in it. */
static int layer_try(struct job *j, bool have_layer, bool again, bool *ret_present, bool *ret_left, struct err *e)
{
	const struct store *s = j->p->req->store;
	const struct descriptor *d = j->layer->blob;
	int64_t size = again ? -1 : blob_size(s, d->digest);
	int r = size >= 0 ? 1 : blob_writer_resume(s, d->digest, &j->writer, e);

	*ret_present = *ret_left = r == 1;
	if (r < 0)
		return r;
	if (r == 0)
		return fetch(j, have_layer, ret_left, e);
	size = blob_size(s, d->digest);
	if (size != d->size)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s has %lld bytes, not %lld", d->digest,
			       (long long)size, (long long)d->size);
	if (!have_layer)
		return unpack_present(j, e);
	r = blob_can_be_trusted(s, d->digest, d->size, e);
	if (r < 0)
		return r;
	if (r == 0)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s is damaged", d->digest);
	emit(j, PULL_LAYER_EXISTS, d->size);
	return 1;
}

static int layer_make(struct job *j, struct err *e)
{
	const struct store *s = j->p->req->store;
	const struct descriptor *d = j->layer->blob;
	bool have_layer = storage_layer_exists(s, j->layer->chain_id);

	for (int tries = 0;; tries++) {
		bool present, left;
		int r = layer_try(j, have_layer, tries > 0, &present, &left, e);
		if (r == 0)
			emit(j, PULL_LAYER_DONE, d->size);
		if (r >= 0)
			return 0;
		/* what an earlier run left may be damaged, or just removed for that; parts that look the same may be of
		 * other bytes, ranges as well: once more from the first byte */
		bool pieces = j->mixed || j->ranges;
		bool again = (left && (e->kind == E_CORRUPT || e->kind == E_NOT_FOUND)) ||
			     (pieces && (e->kind == E_CORRUPT || e->kind == E_INVALID || e->kind == E_UNSUPPORTED));
		if (!again || tries)
			return r;
		if (pieces)
			whole_instead(j, e);
		err_clear(e);
		if (damaged_remove(s, d->digest, present, e) < 0)
			return -e->eno;
	}
}

/* the work list of one pull */
struct layers {
	struct pull *p;
	struct pull_layer **queue; /* largest first */
};

static int layer_run(void *data, size_t i, struct http *h, struct err *e)
{
	const struct layers *all = data;
	struct job j = { .p = all->p, .layer = all->queue[i], .http = h };
	char name[120];
	OWN_FD lock = -1;

	if (layer_lock(&j, name, &lock, e) < 0)
		return err_ctx(e, "layer %s", j.layer->name);
	int r = layer_make(&j, e);
	/* still locked: the next one sees a file without a name and makes another */
	(void)unlinkat(j.p->req->store->root_fd, name, 0); /* an empty file more does no harm */
	if (r < 0)
		return err_ctx(e, "layer %s", j.layer->name);
	atomic_fetch_add(&j.p->reused_bytes, j.reused);
	return 0;
}

static int larger_first(const void *a, const void *b)
{
	const struct pull_layer *x = *(struct pull_layer *const *)a, *y = *(struct pull_layer *const *)b;
	if (x->blob->size != y->blob->size)
		return x->blob->size < y->blob->size ? 1 : -1;
	return x < y ? -1 : x > y;
}

int pull_layers(struct pull *p, struct err *e)
{
	OWN_PTR struct pull_layer **queue = calloc(p->n_first + 1, sizeof *queue);
	struct layers all = { .p = p, .queue = queue };
	struct flusher flusher;

	if (!queue)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < p->n_first; i++) {
		struct transfer_event ev = { .state = PULL_LAYER_QUEUED, .layer = p->layers[i].name,
					 .total_bytes = p->layers[i].blob->size };
		queue[i] = &p->layers[i];
		transfer_emit(&p->teller, &ev);
	}
	qsort(queue, p->n_first, sizeof *queue, larger_first);
	flusher_start(&flusher, p->req->store->root_fd);
	p->ranges.left = (int)p->config.ranges;
	const struct crew_plan plan = { .n = p->n_first, .threads = p->config.parallel, .online = true,
					.cancel = &p->cancel, .work = layer_run, .data = &all };
	int r = crew_run(&plan, e);
	flusher_stop(&flusher);
	return r;
}
