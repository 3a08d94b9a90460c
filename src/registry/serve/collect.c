/* SPDX-License-Identifier: Apache-2.0
 *
 * Garbage of a registry: see collect.h. In each repository, under its lock, everything is marked that tags lead to (or,
 * without `untagged`, all manifests do); what is not marked and not fresh loses its link. Then, while no blob can get a
 * link, blobs without one are removed. Killed at any moment it has removed too little, never too much.
 */
#include "registry/serve/collect.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/own.h"
#include "format/js.h"

enum { PATH_MAX_BYTES = 400 };

struct collect {
	const struct depot *d;
	const struct collect_req *q;
	struct collect_result *ret;
	time_t old;     /* what is not newer may go */
	json_t *spare;  /* links that would have gone, where nothing really goes */
};

/* what is known of one repository */
struct marks {
	json_t *parts;     /* digest of a manifest -> digests that it names */
	json_t *referrers; /* digest -> digests of manifests whose subject it is */
	json_t *todo;      /* to be looked at */
	json_t *used;      /* digest -> true */
};

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "collect");
}

int depot_each_repo(const struct depot *d, int (*each)(void *data, const char *name, int xrepo, struct err *e),
		    void *data, struct err *e)
{
	char **names;
	size_t n;
	int r = names_list(d->store.root_fd, "repositories", &names, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		OWN_FD repo = -1;
		for (char *p = names[i]; *p; p++)
			if (*p == '+')
				*p = '/';
		if (strlen(names[i]) > REFERENCE_NAME_MAX || !reference_path_is_valid(names[i]))
			continue; /* not made by a registry */
		r = repo_open(d, names[i], false, &repo, e);
		if (r == 0 && (r = each(data, names[i], repo, e)) < 0)
			r = err_ctx(e, "repository %s", names[i]);
	}
	names_free(names, n);
	return r;
}

/* "DIR/KEY" was changed after @old, or is not there any more */
static bool is_fresh(int xrepo, const char *dir, const char *key, time_t old)
{
	char path[PATH_MAX_BYTES];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", dir, key);
	return fstatat(xrepo, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime > old;
}

static int todo_add(struct marks *m, const char *digest, struct err *e)
{
	return json_array_append_new(m->todo, json_string(digest)) < 0 ? no_memory(e) : 0;
}

/* what manifest @digest names, into m->parts and m->referrers */
static int manifest_note(const struct depot *d, struct marks *m, const char *digest, struct err *e)
{
	OWN_MANIFEST mf = { 0 };
	OWN_STR text = NULL;
	size_t n;

	if (blob_read(&d->store, digest, MANIFEST_BYTES_MAX, &text, &n, e) < 0 || manifest_parse(text, n, NULL, &mf, e) < 0)
		return err_ctx(e, "manifest %s", digest);
	json_t *parts = json_array();
	bool ok = json_object_set_new(m->parts, digest, parts) == 0;
	if (mf.kind == MANIFEST_IMAGE && *mf.config.digest)
		ok = ok && json_array_append_new(parts, json_string(mf.config.digest)) == 0;
	for (size_t i = 0; i < mf.n_entries; i++)
		ok = ok && json_array_append_new(parts, json_string(mf.entries[i].digest)) == 0;
	const char *subject = js_str(mf.json, "subject.digest", "");
	if (ok && digest_is_valid(subject)) {
		json_t *of = json_object_get(m->referrers, subject);
		if (!of)
			ok = json_object_set_new(m->referrers, subject, of = json_array()) == 0;
		ok = ok && json_array_append_new(of, json_string(digest)) == 0;
	}
	return ok ? 0 : no_memory(e);
}

/* tags, or all manifests; in any case the fresh ones, which a tag or an index may be about to name */
static int roots_add(const struct collect *c, int xrepo, struct marks *m, char **keys, size_t n, struct err *e)
{
	char digest[DIGEST_TEXT_MAX], **tags;
	size_t n_tags;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		if (depot_key_digest(keys[i], digest) && (!c->q->untagged || is_fresh(xrepo, "manifests", keys[i], c->old)))
			r = todo_add(m, digest, e);
	if (r < 0 || !c->q->untagged)
		return r;
	r = names_list(xrepo, "tags", &tags, &n_tags, e);
	for (size_t i = 0; r == 0 && i < n_tags; i++) {
		r = repo_tag_get(xrepo, tags[i], digest, e);
		if (r == 0)
			r = todo_add(m, digest, e);
	}
	names_free(tags, n_tags);
	return r;
}

/* a list instead of recursion: indexes may be nested as deeply as there are manifests */
static int mark_all(struct marks *m, struct err *e)
{
	while (json_array_size(m->todo)) {
		size_t last = json_array_size(m->todo) - 1;
		OWN_JSON digest = json_incref(json_array_get(m->todo, last));
		(void)json_array_remove(m->todo, last); /* it is there */
		const char *text = json_string_value(digest);
		if (json_object_get(m->used, text))
			continue;
		if (json_object_set_new(m->used, text, json_true()) < 0)
			return no_memory(e);
		json_t *parts = json_object_get(m->parts, text);
		if (parts && json_array_extend(m->todo, parts) < 0)
			return no_memory(e);
		json_t *of = json_object_get(m->referrers, text);
		if (of && json_array_extend(m->todo, of) < 0)
			return no_memory(e);
	}
	return 0;
}

static void tell(const struct collect_req *q, const char *repo, const char *digest, uint64_t bytes)
{
	if (q && q->removed)
		q->removed(q->data, repo, digest, bytes);
}

static int manifests_drop(struct collect *c, const char *name, int xrepo, const struct marks *m, struct err *e)
{
	const char *digest;
	json_t *parts;

	json_object_foreach(m->parts, digest, parts) {
		if (json_object_get(m->used, digest))
			continue;
		if (!c->q->dry_run && manifest_remove(c->d, xrepo, digest, e) < 0)
			return -e->eno;
		c->ret->manifests++;
		tell(c->q, name, digest, 0);
	}
	return 0;
}

static int links_drop(struct collect *c, const char *name, int xrepo, const struct marks *m, struct err *e)
{
	char digest[DIGEST_TEXT_MAX], **keys;
	size_t n;
	int r = names_list(xrepo, "blobs", &keys, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!depot_key_digest(keys[i], digest) || json_object_get(m->used, digest) ||
		    is_fresh(xrepo, "blobs", keys[i], c->old))
			continue;
		c->ret->links++;
		if (!c->q->dry_run) {
			r = repo_unlink_blob(xrepo, digest, e);
			continue;
		}
		char link[REFERENCE_NAME_MAX + DEPOT_KEY_MAX + 2];
		(void)snprintf(link, sizeof link, "%s/%s", name, keys[i]);
		if (json_object_set_new(c->spare, link, json_true()) < 0)
			r = no_memory(e);
	}
	names_free(keys, n);
	return r;
}

static int repo_collect(void *data, const char *name, int xrepo, struct err *e)
{
	struct collect *c = data;
	char digest[DIGEST_TEXT_MAX], **keys = NULL;
	OWN_FD lock = -1;
	size_t n = 0;

	if (repo_lock(xrepo, &lock, e) < 0)
		return -e->eno;
	struct marks m = { json_object(), json_object(), json_array(), json_object() };
	int r = m.parts && m.referrers && m.todo && m.used ? names_list(xrepo, "manifests", &keys, &n, e) : no_memory(e);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (depot_key_digest(keys[i], digest))
			r = manifest_note(c->d, &m, digest, e);
	if (r == 0)
		r = roots_add(c, xrepo, &m, keys, n, e);
	if (r == 0)
		r = mark_all(&m, e);
	if (r == 0)
		r = manifests_drop(c, name, xrepo, &m, e);
	if (r == 0 && !c->q->dry_run)
		r = repo_sync(xrepo, e);
	if (r == 0)
		r = links_drop(c, name, xrepo, &m, e);
	names_free(keys, n);
	json_decref(m.parts);
	json_decref(m.referrers);
	json_decref(m.todo);
	json_decref(m.used);
	return r;
}

/* ---- blobs without links ---- */

struct linked {
	const json_t *spare;
	json_t *keys; /* that some repository has */
};

static int links_note(void *data, const char *name, int xrepo, struct err *e)
{
	struct linked *l = data;
	char link[REFERENCE_NAME_MAX + 256 + 2], **keys;
	size_t n;
	int r = names_list(xrepo, "blobs", &keys, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		(void)snprintf(link, sizeof link, "%s/%s", name, keys[i]);
		if (!json_object_get(l->spare, link) && json_object_set_new(l->keys, keys[i], json_true()) < 0)
			r = no_memory(e);
	}
	names_free(keys, n);
	return r;
}

static int blobs_sweep(const struct depot *d, const char *algo, const json_t *keys, const struct collect_req *q,
		       struct collect_result *ret, struct err *e)
{
	char dir[32], digest[DIGEST_TEXT_MAX], key[DEPOT_KEY_MAX], **names;
	size_t n;

	(void)snprintf(dir, sizeof dir, "blobs/%s", algo);
	int r = names_list(d->store.root_fd, dir, &names, &n, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (snprintf(digest, sizeof digest, "%s:%s", algo, names[i]) >= (int)sizeof digest || !digest_is_valid(digest))
			continue;
		depot_key(digest, key);
		int64_t size = blob_size(&d->store, digest);
		if (json_object_get(keys, key) || size < 0)
			continue;
		if (!q || !q->dry_run)
			r = blob_remove(&d->store, digest, e);
		if (r < 0)
			break;
		ret->blobs++;
		ret->bytes += (uint64_t)size;
		tell(q, NULL, digest, (uint64_t)size);
	}
	names_free(names, n);
	return r;
}

int depot_sweep(const struct depot *d, const json_t *spare, const struct collect_req *q, struct collect_result *ret,
		struct err *e)
{
	OWN_JSON keys = json_object();
	struct linked l = { spare, keys };
	OWN_FD lock = -1;

	if (!keys)
		return no_memory(e);
	/* from here on no blob gets a link */
	if (lock_take(d->store.root_fd, "lock", LOCK_EXCLUSIVE, &lock, e) < 0 || depot_each_repo(d, links_note, &l, e) < 0)
		return -e->eno;
	int r = blobs_sweep(d, "sha256", keys, q, ret, e);
	return r == 0 ? blobs_sweep(d, "sha512", keys, q, ret, e) : r;
}

void depot_expire(const struct depot *d, const char *dir, int64_t seconds)
{
	OWN_FD fd = openat(d->store.root_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR list = fd < 0 ? NULL : fdopendir(fd);
	time_t old = time(NULL) - (time_t)seconds;

	if (!list)
		return;
	int xdir = fd_take(&fd); /* the stream's now */
	for (struct dirent *en; (en = readdir(list));) {
		struct err busy = { 0 };
		struct stat st;
		if (*en->d_name == '.' || fstatat(xdir, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime > old)
			continue;
		OWN_FD file = openat(xdir, en->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		/* one that is worked on stays, however slow it is */
		if (file >= 0 && lock_fd(file, LOCK_EXCLUSIVE | LOCK_NOWAIT, &busy) == 0)
			(void)unlinkat(xdir, en->d_name, 0);
	}
}

int depot_collect(const struct depot *d, const struct collect_req *q, struct collect_result *ret, struct err *e)
{
	OWN_JSON spare = json_object();
	struct collect c = { .d = d, .q = q, .ret = ret, .old = time(NULL) - (time_t)q->keep_s, .spare = spare };

	*ret = (struct collect_result){ 0 };
	if (!spare)
		return no_memory(e);
	if (depot_each_repo(d, repo_collect, &c, e) < 0)
		return -e->eno;
	if (!q->dry_run)
		depot_expire(d, "tmp", q->keep_s);
	return depot_sweep(d, spare, q, ret, e);
}
