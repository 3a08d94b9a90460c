/* SPDX-License-Identifier: Apache-2.0
 *
 * One download of a blob for all who ask for it: see cache.h. A thread fetches into the file of the blob and tells how
 * far it is; readers take from the file. What broke off stays as a partial file and goes on with the next request.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "registry/client.h"
#include "registry/serve/cache.h"
#include "registry/serve/collect.h"
#include "registry/serve/tls.h"

enum { STACK_BYTES = 512 << 10 };

enum state { RUNNING, WHOLE, FAILED };

struct downloads {
	struct serve *s;
	pthread_mutex_t lock; /* of all that follows, and of every download */
	pthread_cond_t moved; /* some download got further, or ended */
	struct download *list;
	unsigned running;
	atomic_bool cancel;
};

struct download {
	struct downloads *all;
	struct download *next;
	unsigned refs;        /* readers, and the thread */
	enum state state;
	struct err err;       /* FAILED */
	struct upstream *up;  /* held by the thread */
	char name[REFERENCE_NAME_MAX + 1];
	char digest[DIGEST_TEXT_MAX];
	uint64_t size, have;  /* bytes in all, in the file */
	int fd;               /* of the file, -1 until it is open */
	struct blob_writer w; /* the thread's */
};

int downloads_open(struct serve *s, struct downloads **ret, struct err *e)
{
	struct downloads *d = calloc(1, sizeof *d);

	if (!d || pthread_mutex_init(&d->lock, NULL) || pthread_cond_init(&d->moved, NULL)) {
		free(d);
		return err_new(e, E_NOMEM, ENOMEM, "downloads");
	}
	d->s = s;
	*ret = d;
	return 0;
}

void downloads_close(struct downloads *d)
{
	if (!d)
		return;
	atomic_store(&d->cancel, true);
	pthread_mutex_lock(&d->lock);
	while (d->running)
		pthread_cond_wait(&d->moved, &d->lock);
	pthread_mutex_unlock(&d->lock);
	(void)pthread_cond_destroy(&d->moved); /* nobody waits, nobody holds it */
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

/* under the lock */
static void put(struct download *d)
{
	if (--d->refs)
		return;
	own_fd_done(&d->fd);
	free(d);
}

void download_leave(struct download *d)
{
	struct downloads *all = d->all;

	pthread_mutex_lock(&all->lock);
	put(d);
	pthread_mutex_unlock(&all->lock);
}

static int on_bytes(void *data, const void *p, size_t n, struct err *e)
{
	struct download *d = data;

	if (atomic_load(&d->all->cancel))
		return err_new(e, E_CANCELLED, ECANCELED, "the server ends");
	if (blob_writer_add(&d->w, p, n, e) < 0)
		return -e->eno;
	pthread_mutex_lock(&d->all->lock);
	d->have = d->w.size_bytes;
	pthread_cond_broadcast(&d->all->moved);
	pthread_mutex_unlock(&d->all->lock);
	return 0;
}

/* readers get a descriptor of their own: the writer closes its */
static int publish(struct download *d, int fd, uint64_t have, struct err *e)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return err_sys(e, errno, "download");
	pthread_mutex_lock(&d->all->lock);
	d->fd = own;
	d->have = have;
	pthread_cond_broadcast(&d->all->moved);
	pthread_mutex_unlock(&d->all->lock);
	return 0;
}

/* another process, or the time between two looks, has brought it. E_NOT_FOUND: it was swept away before it had a link */
static int is_here(struct download *d, int xrepo, struct err *e)
{
	const struct depot *depot = &d->all->s->depot;
	OWN_FD fd = -1;
	uint64_t size;

	if (repo_link_blob(depot, xrepo, d->digest, e) < 0 || blob_open(&depot->store, d->digest, &fd, &size, e) < 0)
		return -e->eno;
	if (size != d->size)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s has %llu bytes, upstream says %llu", d->digest,
			       (unsigned long long)size, (unsigned long long)d->size);
	return publish(d, fd, size, e);
}

static int fetch(struct download *d, struct err *e)
{
	const struct depot *depot = &d->all->s->depot;
	struct registry_sink sink = { .add = on_bytes, .data = d };
	struct http *http = NULL;
	OWN_FD repo = -1;

	if (repo_open(depot, d->name, true, &repo, e) < 0)
		return -e->eno;
	int r;
	/* one that has lost its last link, and is there until the sweep that follows, is no more after that */
	while ((r = blob_writer_resume(&depot->store, d->digest, &d->w, e)) > 0) {
		if (is_here(d, repo, e) == 0)
			return 0;
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		err_clear(e);
	}
	if (r < 0)
		return r;
	r = publish(d, d->w.fd, d->w.size_bytes, e);
	if (r == 0 && d->w.size_bytes > d->size)
		r = blob_writer_restart(&d->w, e);
	if (r == 0)
		r = http_open(&http, e);
	sink.at_bytes = (int64_t)d->w.size_bytes;
	if (r == 0)
		r = registry_blob_get(upstream_registry(d->up), http, d->digest, (int64_t)d->size, &sink, NULL, e);
	http_close(http);
	if (r == 0 && repo_commit_blob(depot, repo, &d->w, d->digest, e) < 0)
		return -e->eno;
	if (r == 0) {
		keeper_note(d->all->s->keeper, d->size);
		return 0;
	}
	blob_writer_abort(&d->w); /* what came stays */
	return r;
}

static void *run(void *data)
{
	struct download *d = data;
	struct downloads *all = d->all;
	struct err e = { 0 };
	int r = fetch(d, &e);

	upstream_put(d->up);
	tls_thread_end();
	pthread_mutex_lock(&all->lock);
	d->state = r < 0 ? FAILED : WHOLE;
	d->err = e;
	struct download **at = &all->list;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	put(d);
	all->running--;
	pthread_cond_broadcast(&all->moved);
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* under the lock */
static int start(struct downloads *all, struct download *d, struct err *e)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r)
		return err_sys(e, r, "threads");
	r = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!r)
		r = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (!r)
		r = pthread_create(&thread, &attr, run, d);
	(void)pthread_attr_destroy(&attr);
	if (r)
		return err_sys(e, r, "begin a download");
	d->next = all->list;
	all->list = d;
	all->running++;
	return 0;
}

int download_join(struct downloads *all, struct upstream *up, const char *name, const char *digest, uint64_t size,
		  struct download **ret, struct err *e)
{
	struct download *d;
	int r = 0;

	pthread_mutex_lock(&all->lock);
	/* of the same repository: what upstream lets one repository have it may not let another */
	for (d = all->list; d; d = d->next)
		if (!strcmp(d->digest, digest) && !strcmp(d->name, name) && d->size == size && d->state == RUNNING)
			break;
	if (d) {
		d->refs++;
	} else if ((d = calloc(1, sizeof *d))) {
		*d = (struct download){ .all = all, .refs = 2, .up = up, .size = size, .fd = -1, .w.fd = -1 };
		(void)snprintf(d->name, sizeof d->name, "%s", name);
		(void)snprintf(d->digest, sizeof d->digest, "%s", digest);
		upstream_hold(up);
		r = start(all, d, e); /* the thread waits for the lock before it ends */
		if (r < 0) {
			upstream_put(up);
			free(d);
		}
	} else {
		r = err_new(e, E_NOMEM, ENOMEM, "download");
	}
	pthread_mutex_unlock(&all->lock);
	if (r == 0)
		*ret = d;
	return r;
}

/* how far a reader at @at may go. 0: as far as *ret | negative: it failed. The last byte waits for the digest: a client
 * that gets all has got the right ones. */
static int wait_for(struct download *d, uint64_t at, uint64_t *ret, struct err *e)
{
	struct downloads *all = d->all;

	pthread_mutex_lock(&all->lock);
	for (;;) {
		uint64_t limit = d->state == WHOLE ? d->size : d->have < d->size ? d->have : d->size ? d->size - 1 : 0;
		if (d->state == FAILED || d->fd < 0)
			limit = 0;
		*ret = limit;
		if (limit > at || d->state != RUNNING)
			break;
		pthread_cond_wait(&all->moved, &all->lock);
	}
	bool failed = d->state == FAILED;
	if (failed)
		*e = d->err;
	pthread_mutex_unlock(&all->lock);
	return failed ? -e->eno : 0;
}

int download_send(struct download *d, struct conn *c, uint64_t from, uint64_t n, struct err *e)
{
	while (n) {
		uint64_t limit;
		if (wait_for(d, from, &limit, e) < 0)
			return -e->eno;
		uint64_t now = limit > from ? limit - from : 0;
		if (!now)
			return err_new(e, E_CORRUPT, EBADMSG, "the blob is shorter than upstream said");
		if (now > n)
			now = n;
		if (conn_send_file(c, d->fd, from, now, e) < 0)
			return -e->eno;
		from += now;
		n -= now;
	}
	return 0;
}
