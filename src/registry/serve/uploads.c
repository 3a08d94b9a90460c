/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads: begin (also whole, or by mount), go on, ask how far it is, end, cancel. distribution-spec, "Pushing blobs".
 *
 * The bytes lie in uploads/ID, so an upload survives connections and the server. Who works on one holds its lock; the
 * digest so far is kept in memory and made again from the file when it is not there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/serve/serve_int.h"

enum { ID_RANDOM_DIGITS = 32, ID_NAME_DIGITS = 16, QUERY_MAX = 300 };

/* an upload belongs to a repository: its ID ends with a digest of the name */
static void id_tail(const char *name, char out[ID_NAME_DIGITS + 1])
{
	char digest[DIGEST_TEXT_MAX];

	digest_sha256(name, strlen(name), digest);
	(void)snprintf(out, ID_NAME_DIGITS + 1, "%.16s", digest_hex(digest));
}

static bool id_is_valid(const char *id, const char *name)
{
	char random[ID_RANDOM_DIGITS + 1], tail[ID_NAME_DIGITS + 1];

	if (strlen(id) != ID_RANDOM_DIGITS + 1 + ID_NAME_DIGITS || id[ID_RANDOM_DIGITS] != '-')
		return false;
	(void)snprintf(random, sizeof random, "%.32s", id);
	id_tail(name, tail);
	return text_is_hex(random, ID_RANDOM_DIGITS) && !strcmp(id + ID_RANDOM_DIGITS + 1, tail);
}

/* ---- digests of uploads so far ---- */

/* false: it is not known for exactly @size bytes */
static bool hash_take(struct serve *s, const char *id, uint64_t size, struct hash *ret)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < UPLOAD_HASHES; i++) {
		if (strcmp(s->hashes[i].id, id) != 0)
			continue;
		found = s->hashes[i].size_bytes == size;
		*ret = s->hashes[i].hash;
		*s->hashes[i].id = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void hash_keep(struct serve *s, const char *id, const struct blob_writer *w)
{
	pthread_mutex_lock(&s->lock);
	struct upload_hash *h = &s->hashes[s->next_hash++ % UPLOAD_HASHES];
	(void)snprintf(h->id, sizeof h->id, "%s", id);
	h->hash = w->hash;
	h->size_bytes = w->size_bytes;
	pthread_mutex_unlock(&s->lock);
}

/* the digest of what is in the file */
static int hash_make(struct blob_writer *w, enum hash_algo algo, struct err *e)
{
	struct source_at f;
	const unsigned char *p;
	size_t n;
	int r;

	hash_init(&w->hash, algo);
	if (source_at_init(&f, w->fd, 0, w->size_bytes, e) < 0)
		return -e->eno;
	while ((r = source_next(&f.source, &p, &n, e)) > 0)
		hash_add(&w->hash, p, n);
	source_at_done(&f);
	return r;
}

/* ---- one upload ---- */

static int unknown(struct reply *r)
{
	return reply_error(r, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
}

/* Open and lock the file of an upload, at its end, with the digest so far. 1: there is none (@r says so). What an
 * earlier request of it still writes is waited for: that one ends when its connection does. */
static int writer_open(struct conn *c, const struct route *to, struct blob_writer *ret, struct reply *r, struct err *e)
{
	struct serve *s = c->s;
	struct blob_writer w = { .store = &s->depot.store, .keep = true };
	struct stat st, named;

	if (!id_is_valid(to->ref, to->name)) {
		(void)unknown(r);
		return 1;
	}
	(void)snprintf(w.tmp, sizeof w.tmp, "uploads/%s", to->ref);
	OWN_FD fd = openat(w.store->root_fd, w.tmp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		(void)unknown(r);
		return 1;
	}
	if (fd < 0 || lock_fd(fd, LOCK_EXCLUSIVE, e) < 0)
		return err_sys(e, errno, "open upload");
	/* whoever held the lock may have ended it */
	if (fstat(fd, &st) < 0 || fstatat(w.store->root_fd, w.tmp, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    named.st_ino != st.st_ino) {
		(void)unknown(r);
		return 1;
	}
	w.fd = fd;
	w.size_bytes = (uint64_t)st.st_size;
	if (lseek(fd, 0, SEEK_END) < 0)
		return err_sys(e, errno, "upload");
	if (!hash_take(s, to->ref, w.size_bytes, &w.hash) && hash_make(&w, HASH_SHA256, e) < 0)
		return err_ctx(e, "upload");
	(void)fd_take(&fd);
	*ret = w;
	return 0;
}

/* an upload that goes on later: its file stays, its digest so far too */
static void writer_leave(struct conn *c, const char *id, struct blob_writer *w)
{
	hash_keep(c->s, id, w);
	close(w->fd);
	w->fd = -1;
}

/* a request that ended before its body did leaves what came: the client asks how much that is */
static int body_store(struct conn *c, struct blob_writer *w, struct err *e)
{
	const char *p;
	size_t n;
	int r;

	while ((r = body_next(c, &p, &n, e)) > 0)
		if (blob_writer_add(w, p, n, e) < 0)
			return -e->eno;
	return r;
}

static void location(const struct route *to, const char *id, struct reply *r)
{
	reply_header(r, "Location: /v2/%s/blobs/uploads/%s", to->name, id);
	reply_header(r, "Docker-Upload-Uuid: %s", id);
}

static void range(uint64_t size, struct reply *r)
{
	reply_header(r, "Range: 0-%llu", (unsigned long long)(size ? size - 1 : 0));
}

static int created(const struct route *to, const char *digest, struct reply *r)
{
	r->status = 201;
	reply_header(r, "Location: /v2/%s/blobs/%s", to->name, digest);
	reply_header(r, "Docker-Content-Digest: %s", digest);
	return 0;
}

/* the digest of a query. 1: it is there | 0: not | -1: @r refuses it */
static int query_digest(const struct conn *c, const char *name, char out[QUERY_MAX], struct reply *r)
{
	int res = http_query_get(c->req.query, name, out, QUERY_MAX);

	if (!res || (res > 0 && digest_is_valid(out)))
		return res;
	(void)reply_error(r, 400, "DIGEST_INVALID", "invalid digest");
	return -1;
}

/* the end of an upload: digest, name, link */
static int finish(struct conn *c, const struct route *to, struct blob_writer *w, const char *digest, struct reply *r,
		  struct err *e)
{
	OWN_FD repo = -1;
	int algo = hash_algo_of(digest);

	/* which algorithm it is was not known before */
	if (algo < 0 || (w->hash.algo != (enum hash_algo)algo && hash_make(w, (enum hash_algo)algo, e) < 0) ||
	    repo_open(&c->s->depot, to->name, true, &repo, e) < 0) {
		blob_writer_abort(w);
		return -e->eno;
	}
	if (repo_commit_blob(&c->s->depot, repo, w, digest, e) == 0)
		return created(to, digest, r);
	if (e->kind != E_CORRUPT)
		return -e->eno;
	return reply_error(r, 400, "DIGEST_INVALID", "%s", e->chain);
}

/* a new file; its name goes to @id */
static int begin(struct conn *c, const struct route *to, char id[UPLOAD_ID_MAX], struct blob_writer *ret, struct err *e)
{
	struct blob_writer w = { .store = &c->s->depot.store, .keep = true };
	unsigned char random[ID_RANDOM_DIGITS / 2];
	char hex[ID_RANDOM_DIGITS + 1], tail[ID_NAME_DIGITS + 1];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return err_sys(e, errno, "random name");
	text_hex(random, sizeof random, hex);
	id_tail(to->name, tail);
	(void)snprintf(id, UPLOAD_ID_MAX, "%s-%s", hex, tail);
	(void)snprintf(w.tmp, sizeof w.tmp, "uploads/%s", id);
	w.fd = openat(w.store->root_fd, w.tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w.fd < 0)
		return err_sys(e, errno, "begin upload");
	if (lock_fd(w.fd, LOCK_EXCLUSIVE, e) < 0) {
		close(w.fd);
		return -e->eno;
	}
	hash_init(&w.hash, HASH_SHA256);
	*ret = w;
	return 0;
}

/* the whole blob in the request that begins the upload */
static int whole(struct conn *c, const struct route *to, const char *digest, struct reply *r, struct err *e)
{
	struct blob_writer w;
	char id[UPLOAD_ID_MAX];

	if (begin(c, to, id, &w, e) < 0)
		return -e->eno;
	hash_init(&w.hash, (enum hash_algo)hash_algo_of(digest));
	w.keep = false; /* nobody knows its name */
	if (body_store(c, &w, e) < 0) {
		blob_writer_abort(&w);
		return -e->eno;
	}
	return finish(c, to, &w, digest, r, e);
}

/* Take @digest over from another repository; without its name from any (automatic content discovery): what is there
 * needs no sending. 1: done */
static int mount(struct conn *c, const struct route *to, const char *digest, struct reply *r, struct err *e)
{
	const struct depot *d = &c->s->depot;
	char from[QUERY_MAX];
	OWN_FD repo = -1, source = -1;
	struct err ignored = { 0 };

	int named = http_query_get(c->req.query, "from", from, sizeof from);
	if (named > 0 && (strlen(from) > REFERENCE_NAME_MAX || !reference_path_is_valid(from) ||
			  repo_open(d, from, false, &source, &ignored) < 0 || repo_has_blob(d, source, digest) < 0))
		return 0;
	if (named < 0 || !blob_exists(&d->store, digest))
		return 0;
	if (repo_open(d, to->name, true, &repo, e) < 0)
		return -e->eno;
	int res = repo_link_blob(d, repo, digest, e);
	if (res > 0)
		(void)created(to, digest, r);
	return res;
}

int upload_start(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char digest[QUERY_MAX], id[UPLOAD_ID_MAX];
	struct blob_writer w;

	int res = query_digest(c, "mount", digest, r);
	if (res > 0)
		res = mount(c, to, digest, r, e);
	if (res)
		return r->status ? 0 : res;
	res = query_digest(c, "digest", digest, r);
	if (res)
		return res < 0 ? 0 : whole(c, to, digest, r, e);
	if (begin(c, to, id, &w, e) < 0)
		return -e->eno;
	close(w.fd);
	r->status = 202;
	location(to, id, r);
	range(0, r);
	return 0;
}

/* whether a chunk goes where the file ends. 1: @r refuses it */
static int place_check(const struct conn *c, const struct route *to, const struct blob_writer *w, struct reply *r)
{
	const char *span = http_request_header(&c->req, "Content-Range");
	uint64_t first, last;

	if (!span)
		return 0;
	if (http_span_parse(span, &first, &last) < 0) {
		(void)reply_error(r, 400, "BLOB_UPLOAD_INVALID", "Content-Range: %.40s", span);
		return 1;
	}
	if (c->req.has_length && last - first + 1 != (uint64_t)c->req.length) {
		(void)reply_error(r, 400, "SIZE_INVALID", "Content-Range and Content-Length are not of one size");
		return 1;
	}
	if (first == w->size_bytes)
		return 0;
	location(to, to->ref, r);
	range(w->size_bytes, r);
	(void)reply_error(r, 416, "BLOB_UPLOAD_INVALID", "the upload goes on at byte %llu", (unsigned long long)w->size_bytes);
	return 1;
}

int upload_patch(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	struct blob_writer w;
	int res = writer_open(c, to, &w, r, e);

	if (res)
		return res < 0 ? res : 0;
	res = place_check(c, to, &w, r);
	if (!res)
		res = body_store(c, &w, e);
	uint64_t size = w.size_bytes;
	writer_leave(c, to->ref, &w);
	if (res)
		return res < 0 ? res : 0;
	r->status = 202;
	location(to, to->ref, r);
	range(size, r);
	return 0;
}

int upload_put(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char digest[QUERY_MAX];
	struct blob_writer w;

	int res = query_digest(c, "digest", digest, r);
	if (res < 0)
		return 0;
	if (!res)
		return reply_error(r, 400, "DIGEST_INVALID", "the digest is missing");
	res = writer_open(c, to, &w, r, e);
	if (res)
		return res < 0 ? res : 0;
	/* nothing was hashed yet: the right algorithm from the start */
	if (!w.size_bytes)
		hash_init(&w.hash, (enum hash_algo)hash_algo_of(digest));
	res = place_check(c, to, &w, r);
	if (!res)
		res = body_store(c, &w, e);
	if (res) {
		writer_leave(c, to->ref, &w);
		return res < 0 ? res : 0;
	}
	return finish(c, to, &w, digest, r, e);
}

int upload_status(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char path[80];
	struct stat st;

	if (!id_is_valid(to->ref, to->name))
		return unknown(r);
	(void)snprintf(path, sizeof path, "uploads/%s", to->ref);
	if (fstatat(c->s->depot.store.root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? unknown(r) : err_sys(e, errno, "upload");
	r->status = 204;
	location(to, to->ref, r);
	range((uint64_t)st.st_size, r);
	return 0;
}

int upload_cancel(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	struct blob_writer w;
	int res = writer_open(c, to, &w, r, e);

	if (res)
		return res < 0 ? res : 0;
	w.keep = false;
	blob_writer_abort(&w);
	r->status = 204;
	return 0;
}
