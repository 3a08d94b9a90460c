/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of a repository: read by tag or digest, write, delete. distribution-spec, "Pulling manifests", "Pushing
 * manifests", "Deleting tags", "Deleting manifests". What is stored is what came, to the bit, with its media type.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "registry/serve/cache.h"

enum { PATH_MAX_BYTES = 400, QUERY_MAX = 300 };

static int unknown(struct reply *r)
{
	return reply_error(r, 404, "MANIFEST_UNKNOWN", "manifest unknown");
}

/* whether the reference is a digest. 1: @r refuses it, it is neither that nor a tag */
static int kind_of(const struct route *to, bool *ret_digest, struct reply *r)
{
	*ret_digest = digest_is_valid(to->ref);
	if (*ret_digest || reference_tag_is_valid(to->ref))
		return 0;
	if (strchr(to->ref, ':'))
		(void)reply_error(r, 400, "DIGEST_INVALID", "invalid digest");
	else
		(void)reply_error(r, 400, "MANIFEST_INVALID", "invalid tag");
	return 1;
}

/* digest and media type of what is asked for. 1: @r says that it is not there */
static int find(struct conn *c, const struct route *to, int *ret_repo, char digest[DIGEST_TEXT_MAX], char type[128],
		struct reply *r, struct err *e)
{
	bool by_digest;

	if (kind_of(to, &by_digest, r))
		return 1;
	int res = repo_open(&c->s->depot, to->name, false, ret_repo, e);
	if (res == 0 && by_digest)
		(void)snprintf(digest, DIGEST_TEXT_MAX, "%s", to->ref);
	else if (res == 0)
		res = repo_tag_get(*ret_repo, to->ref, digest, e);
	if (res == 0)
		res = repo_manifest_type(*ret_repo, digest, type, e);
	if (res == 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return res;
	(void)unknown(r);
	return 1;
}

int manifest_get(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char digest[DIGEST_TEXT_MAX], type[128];
	OWN_FD repo = -1;
	bool by_digest;

	if (c->s->cache && kind_of(to, &by_digest, r))
		return 0;
	if (c->s->cache && cache_manifest(c, to, e) < 0)
		return cache_reply_error(r, e);
	int res = find(c, to, &repo, digest, type, r, e);
	if (res)
		return res < 0 ? res : 0;
	(void)repo_has_blob(&c->s->depot, repo, digest); /* notes that it was asked for */
	reply_header(r, "Docker-Content-Digest: %s", digest);
	reply_header(r, "Etag: \"%s\"", digest);
	const char *have = http_request_header(&c->req, "If-None-Match");
	if (have && strstr(have, digest)) {
		r->status = 304;
		return 0;
	}
	OWN_STR text = NULL;
	size_t n;
	if (blob_read(&c->s->depot.store, digest, MANIFEST_BYTES_MAX, &text, &n, e) < 0)
		return -e->eno;
	r->status = 200;
	reply_header(r, "Content-Type: %s", type);
	buf_add(&r->body, text, n);
	return 0;
}

json_t *referrer_descriptor(const struct manifest *m, size_t n, const char *digest)
{
	const char *type = js_str(m->json, "artifactType", "");

	if (!*type && m->kind == MANIFEST_IMAGE)
		type = m->config.media_type;
	return json_pack("{s:s, s:s, s:I, s:s*, s:O*}", "mediaType", m->media_type, "digest", digest, "size", (json_int_t)n,
			 "artifactType", *type ? type : NULL, "annotations", json_object_get(m->json, "annotations"));
}

/* what the manifest names has to be here, in its size. 1: @r says what is not */
static int blob_check(struct conn *c, int xrepo, const struct descriptor *d, struct reply *r)
{
	if (descriptor_is_foreign(d))
		return 0;
	int64_t size = repo_has_blob(&c->s->depot, xrepo, d->digest);
	if (size < 0) {
		(void)reply_error(r, 404, "MANIFEST_BLOB_UNKNOWN", "the manifest names blob %s, which the repository does not have",
				  d->digest);
		return 1;
	}
	if (size != d->size) {
		(void)reply_error(r, 400, "SIZE_INVALID", "blob %s has %lld bytes, not the %lld of the manifest", d->digest,
				  (long long)size, (long long)d->size);
		return 1;
	}
	return 0;
}

static int child_check(int xrepo, const struct descriptor *d, struct reply *r)
{
	struct err e = { 0 };
	char type[128];

	if (repo_manifest_type(xrepo, d->digest, type, &e) == 0)
		return 0;
	(void)reply_error(r, 404, "MANIFEST_BLOB_UNKNOWN", "the index names manifest %s, which the repository does not have",
			  d->digest);
	return 1;
}

static int parts_check(struct conn *c, int xrepo, const struct manifest *m, struct reply *r)
{
	if (m->kind == MANIFEST_IMAGE && blob_check(c, xrepo, &m->config, r))
		return 1;
	for (size_t i = 0; i < m->n_entries; i++)
		if (m->kind == MANIFEST_IMAGE ? blob_check(c, xrepo, &m->entries[i], r) : child_check(xrepo, &m->entries[i], r))
			return 1;
	return 0;
}

/* names that were made before the manifest is shown have to outlive a crash of the host */
static int dirs_sync(const struct depot *d, int xrepo, struct err *e)
{
	static const char *const of_root[] = { "blobs/sha256", "blobs/sha512", "repositories" };

	for (size_t i = 0; i < ARRAY_LEN(of_root); i++) {
		OWN_FD fd = openat(d->store.root_fd, of_root[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, errno, "sync %s", of_root[i]);
	}
	OWN_FD blobs = openat(xrepo, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (blobs < 0 || fsync(blobs) < 0 || fsync(xrepo) < 0)
		return err_sys(e, errno, "sync repository");
	return 0;
}

/* "referrers/SUBJECT/MANIFEST"; @ret_dir: length of the folder's path */
static void referrer_path(const char *subject, const char *digest, char out[PATH_MAX_BYTES], size_t *ret_dir)
{
	char of[DEPOT_KEY_MAX], key[DEPOT_KEY_MAX];

	depot_key(subject, of);
	depot_key(digest, key);
	*ret_dir = sizeof "referrers/" - 1 + strlen(of);
	(void)snprintf(out, PATH_MAX_BYTES, "referrers/%s/%s", of, key);
}

static const char *subject_of(const struct manifest *m)
{
	const char *subject = js_str(m->json, "subject.digest", "");

	return digest_is_valid(subject) ? subject : NULL;
}

static int referrer_put(int xrepo, const struct manifest *m, size_t n, const char *digest, struct err *e)
{
	const char *subject = subject_of(m);
	char path[PATH_MAX_BYTES];
	size_t dir;

	if (!subject)
		return 0;
	referrer_path(subject, digest, path, &dir);
	OWN_JSON j = referrer_descriptor(m, n, digest);
	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "referrer");
	path[dir] = 0;
	if (io_mkdir_p(xrepo, path, 0700, e) < 0)
		return -e->eno;
	path[dir] = '/';
	return js_save(xrepo, path, j, 0600, IO_DURABLE, e);
}

/* blob, referrers list, then the manifest itself, the tag last: what is shown is whole at any moment */
int manifest_store(struct conn *c, int xrepo, const char *tag, const struct buf *body, const struct manifest *m,
		   const char *digest, struct err *e)
{
	char path[PATH_MAX_BYTES], key[DEPOT_KEY_MAX];
	struct blob_writer w;

	if (blob_writer_open(&c->s->depot.store, (enum digest_algo)hash_algo_of(digest), &w, e) < 0)
		return -e->eno;
	if (blob_writer_add(&w, body->p, body->n, e) < 0) {
		blob_writer_abort(&w);
		return -e->eno;
	}
	if (repo_commit_blob(&c->s->depot, xrepo, &w, digest, e) < 0 ||
	    referrer_put(xrepo, m, body->n, digest, e) < 0 || dirs_sync(&c->s->depot, xrepo, e) < 0)
		return -e->eno;
	depot_key(digest, key);
	(void)snprintf(path, sizeof path, "manifests/%s", key);
	if (io_replace_file(xrepo, path, m->media_type, strlen(m->media_type), 0600, IO_DURABLE, e) < 0)
		return -e->eno;
	return tag ? repo_tag_set(xrepo, tag, digest, e) : 0;
}

/* the digest that the bytes have; where the client says which it wants, that. 1: @r refuses */
static int digest_check(const struct conn *c, const char *wanted, const struct buf *body, char ret[DIGEST_TEXT_MAX],
			struct reply *r)
{
	char query[QUERY_MAX];
	struct hash h;

	int res = wanted ? 0 : http_query_get(c->req.query, "digest", query, sizeof query);
	if (res)
		wanted = query;
	if (res < 0 || (wanted && !digest_is_valid(wanted))) {
		(void)reply_error(r, 400, "DIGEST_INVALID", "invalid digest");
		return 1;
	}
	hash_init(&h, wanted ? (enum hash_algo)hash_algo_of(wanted) : HASH_SHA256);
	hash_add(&h, body->p ? body->p : "", body->n);
	hash_text(&h, ret);
	if (!wanted || !strcmp(wanted, ret))
		return 0;
	(void)reply_error(r, 400, "DIGEST_INVALID", "the manifest's digest is %s", ret);
	return 1;
}

/* the type that the client gives it, "" when none, without parameters. 1: @r refuses it */
static int type_check(const struct conn *c, char ret[128], struct reply *r)
{
	const char *type = http_request_header(&c->req, "Content-Type");
	size_t n = type ? strcspn(type, "; \t") : 0;

	(void)snprintf(ret, 128, "%.*s", n < 128 ? (int)n : 0, type ? type : "");
	if (!n || media_is_manifest(ret) || media_is_index(ret))
		return 0;
	(void)reply_error(r, 400, "MANIFEST_INVALID", "%.80s is no type of a manifest", type);
	return 1;
}

int manifest_put(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	char digest[DIGEST_TEXT_MAX], type[128];
	OWN_MANIFEST m = { 0 };
	OWN_FD repo = -1, lock = -1;
	OWN_BUF body = { 0 };
	bool by_digest;

	if (kind_of(to, &by_digest, r) || type_check(c, type, r))
		return 0;
	int res = body_read(c, MANIFEST_BYTES_MAX, &body, e);
	if (res < 0)
		return res;
	if (res)
		return reply_error(r, 413, "SIZE_INVALID", "manifest of more than %d bytes", MANIFEST_BYTES_MAX);
	if (digest_check(c, by_digest ? to->ref : NULL, &body, digest, r))
		return 0;
	if (manifest_parse(body.p ? body.p : "", body.n, *type ? type : NULL, &m, e) < 0)
		return e->kind == E_NOMEM ? -e->eno : reply_error(r, 400, "MANIFEST_INVALID", "%s", e->chain);
	if (repo_open(&c->s->depot, to->name, true, &repo, e) < 0 || repo_lock(repo, &lock, e) < 0)
		return -e->eno;
	if (*type)
		m.media_type = type; /* as it was pushed; that it fits the body was checked */
	if (parts_check(c, repo, &m, r))
		return 0;
	if (manifest_store(c, repo, by_digest ? NULL : to->ref, &body, &m, digest, e) < 0)
		return -e->eno;
	r->status = 201;
	reply_header(r, "Location: /v2/%s/manifests/%s", to->name, digest);
	reply_header(r, "Docker-Content-Digest: %s", digest);
	if (subject_of(&m))
		reply_header(r, "OCI-Subject: %s", subject_of(&m));
	return 0;
}

/* all tags that name @digest */
static int tags_drop(int xrepo, const char *digest, struct err *e)
{
	char **tags, names[DIGEST_TEXT_MAX];
	struct err gone = { 0 };
	size_t n;
	int r = names_list(xrepo, "tags", &tags, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (repo_tag_get(xrepo, tags[i], names, &gone) == 0 && !strcmp(names, digest))
			r = repo_tag_remove(xrepo, tags[i], e);
	names_free(tags, n);
	return r;
}

static void referrer_drop(const struct depot *d, int xrepo, const char *digest)
{
	struct err ignored = { 0 }; /* an entry without its manifest is not shown */
	char path[PATH_MAX_BYTES];
	OWN_MANIFEST m = { 0 };
	OWN_STR text = NULL;
	size_t n, dir;

	if (blob_read(&d->store, digest, MANIFEST_BYTES_MAX, &text, &n, &ignored) < 0 ||
	    manifest_parse(text, n, NULL, &m, &ignored) < 0 || !subject_of(&m))
		return;
	referrer_path(subject_of(&m), digest, path, &dir);
	(void)unlinkat(xrepo, path, 0);
}

int manifest_remove(const struct depot *d, int xrepo, const char *digest, struct err *e)
{
	char path[PATH_MAX_BYTES], key[DEPOT_KEY_MAX];

	depot_key(digest, key);
	(void)snprintf(path, sizeof path, "manifests/%s", key);
	if (faccessat(xrepo, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "manifest");
	if (tags_drop(xrepo, digest, e) < 0) /* no tag names what is not there */
		return -e->eno;
	if (unlinkat(xrepo, path, 0) < 0)
		return err_sys(e, errno, "remove manifest");
	referrer_drop(d, xrepo, digest);
	return 0;
}

int manifest_delete(struct conn *c, const struct route *to, struct reply *r, struct err *e)
{
	OWN_FD repo = -1, lock = -1;
	bool by_digest;
	int res;

	if (kind_of(to, &by_digest, r))
		return 0;
	res = repo_open(&c->s->depot, to->name, false, &repo, e);
	if (res == 0)
		res = repo_lock(repo, &lock, e);
	if (res == 0)
		res = by_digest ? manifest_remove(&c->s->depot, repo, to->ref, e) : repo_tag_remove(repo, to->ref, e);
	if (res < 0)
		return e->kind == E_NOT_FOUND ? unknown(r) : res;
	r->status = 202;
	return 0;
}
