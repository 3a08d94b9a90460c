/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of check.h: blobs, then images, references, lists, containers, each by what it names.
 */
#include "store/check_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/hash.h"
#include "format/js.h"
#include "spec/digest.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/container.h"
#include "store/image.h"
#include "store/image_gc.h"
#include "store/image_int.h"
#include "store/manifest_store.h"
#include "store/others.h"
#include "store/snapshot.h"

enum { BLOCK = 256 << 10, PROBLEM_MAX = 400 };

void check_tell(struct check *c, const char *kind, const char *name, const char *mended, const char *fmt, ...)
{
	char problem[PROBLEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(problem, sizeof problem, fmt, ap); /* cut is fine */
	va_end(ap);
	c->r->faults++;
	c->r->mended += mended != NULL;
	const struct check_fault f = { kind, name, problem, mended, c->other };
	if (c->q->found)
		c->q->found(c->q->data, &f);
}

/* ---- blobs ---- */

int check_digest(int fd, const char *digest, uint64_t *bytes, char out[HASH_TEXT_MAX])
{
	OWN_PTR unsigned char *block = malloc(BLOCK);
	struct hash h;
	ssize_t n;

	if (!block)
		return -ENOMEM;
	hash_init(&h, hash_algo_of(digest) == HASH_SHA512 ? HASH_SHA512 : HASH_SHA256);
	while ((n = read(fd, block, BLOCK)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		hash_add(&h, block, (size_t)n);
		*bytes += (uint64_t)n;
	}
	if (n < 0)
		return -errno;
	hash_text(&h, out);
	return 0;
}

/* @seen: what was found damaged; by now a pull may have put a sound one in its place */
static const char *blob_drop(struct check *c, int xdir, const char *name, const char *digest, const struct stat *seen,
			     struct err *e)
{
	OWN_FD lock = -1;
	struct stat now;

	if (!c->q->repair || image_gc_lock(c->q->store, &lock, e) < 0)
		return NULL;
	if (fstatat(xdir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != seen->st_ino)
		return "is another one by now";
	if (blob_remove(c->q->store, digest, e) < 0)
		return NULL;
	return "removed: the next pull or load brings it anew";
}

/* Left by a power loss before it was on the disk, and no image came of it: for the next pull or load, which sees
 * that, or for prune. */
static int is_rest(struct check *c, const char *digest, const struct stat *st, struct err *e)
{
	OWN_JSON set = NULL;
	OWN_FD lock = -1;

	if (st->st_mode & S_ISVTX)
		return 0;
	if (c->other) /* where it is of use its image is told of */
		return 1;
	if (image_gc_lock(c->q->store, &lock, e) < 0)
		return -e->eno;
	return image_mark(c->q->store, &set, e) < 0 ? -e->eno : !need_has(set, 'b', digest);
}

static int blob_check(struct check *c, int xdir, const char *algo, const char *name, struct err *e)
{
	char digest[DIGEST_TEXT_MAX], got[HASH_TEXT_MAX];
	struct stat st = { 0 };

	(void)snprintf(digest, sizeof digest, "%s:%.128s", algo, name);
	OWN_FD fd = openat(xdir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const int eno = errno;
	if (fd < 0 && fstatat(xdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0; /* removed meanwhile */
	if (!digest_is_valid(digest)) {
		check_tell(c, "blob", name, NULL, "is no digest: not ours");
		return 0;
	}
	c->r->blobs++;
	/* that too many files are open, for one, says nothing of the blob */
	if (fd < 0 && eno != ELOOP && eno != ENXIO)
		return err_sys(e, eno, "open blob %s", digest);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		const char *mended = blob_drop(c, xdir, name, digest, &st, e);
		check_tell(c, "blob", digest, mended, fd < 0 ? "cannot be opened" : "is no file");
		return c->q->repair && !mended ? -e->eno : 0;
	}
	if (c->q->quick)
		return 0;
	int r = check_digest(fd, digest, &c->r->bytes, got);
	if (r == 0 && !strcmp(got, digest))
		return 0;
	if (r < 0 && r != -EIO)
		return err_sys(e, -r, "read blob %s", digest);
	int rest = is_rest(c, digest, &st, e);
	if (rest)
		return rest < 0 ? rest : 0;
	const char *mended = blob_drop(c, xdir, name, digest, &st, e);
	if (r < 0)
		check_tell(c, "blob", digest, mended, "cannot be read: %s", strerror(-r));
	else
		check_tell(c, "blob", digest, mended, "is damaged: its content is %s", got);
	return c->q->repair && !mended ? -e->eno : 0;
}

static int blobs_check(struct check *c, const char *algo, struct err *e)
{
	char path[32];

	(void)snprintf(path, sizeof path, "blobs/%s", algo);
	OWN_FD fd = openat(c->q->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dup_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", path);
	if (!d)
		return err_sys(e, errno, "read %s", path);
	const struct dirent *en;
	int r;
	while ((r = io_dir_next(d, &en, e)) > 0)
		if (en->d_name[0] != '.' && blob_check(c, fd, algo, en->d_name, e) < 0)
			return -e->eno;
	return r;
}

/* ---- images ---- */

static bool blob_fits(const struct store *s, const json_t *descriptor)
{
	int64_t size = blob_size(s, js_str(descriptor, "digest", ""));

	return size >= 0 && size == js_int(descriptor, "size", size);
}

static bool is_foreign(const json_t *layer)
{
	const char *type = js_str(layer, "mediaType", "");

	return strstr(type, ".foreign.") || strstr(type, ".nondistributable.");
}

/* what @record lacks, "" when nothing; @ret_runs: containers can be made of it all the same */
static void image_lacks(const struct store *s, const json_t *record, char out[PROBLEM_MAX], bool *ret_runs)
{
	json_t *layer;
	size_t i;

	*out = 0;
	*ret_runs = true;
	if (!blob_fits(s, json_object_get(record, "config"))) {
		*ret_runs = false;
		(void)snprintf(out, PROBLEM_MAX, "its config %s is missing", js_str(record, "config.digest", ""));
		return;
	}
	json_array_foreach(json_object_get(record, "layers"), i, layer)
		/* of its blob it is made again */
		if (!snapshot_exists_any(s, js_str(layer, "chain_id", "")) && !blob_fits(s, layer)) {
			*ret_runs = false;
			(void)snprintf(out, PROBLEM_MAX, "its layer %s is not unpacked", js_str(layer, "diff_id", ""));
			return;
		}
	if (!blob_fits(s, json_object_get(record, "manifest"))) {
		(void)snprintf(out, PROBLEM_MAX, "its manifest %s is missing", js_str(record, "manifest.digest", ""));
		return;
	}
	json_array_foreach(json_object_get(record, "layers"), i, layer)
		if (!is_foreign(layer) && !blob_fits(s, layer)) {
			(void)snprintf(out, PROBLEM_MAX, "its layer %s is missing: it runs, but cannot be pushed or saved",
				       js_str(layer, "digest", ""));
			return;
		}
}

static bool is_given(const struct store *s, const char *root)
{
	const struct store *at;

	for (size_t i = 1; (at = others_at(s, i)); i++)
		if (!strcmp(at->root, root))
			return true;
	return false;
}

/* one that layers of it are in, and that this command does not know; NULL: none */
static const char *store_lacks(const struct store *s, json_t *record)
{
	const char *root;
	json_t *v;

	json_object_foreach(json_object_get(record, "stores"), root, v)
		if (!is_given(s, root))
			return root;
	return NULL;
}

static const char *image_drop(struct check *c, const char *id)
{
	struct err e = { 0 };
	size_t users;

	if (!c->q->repair || !c->q->lossy || image_users(c->q->store, id, NULL, &users, &e) < 0 || users)
		return NULL;
	return image_remove(c->q->store, id, false, NULL, &e) < 0 ? NULL : "removed";
}

static int image_check(struct check *c, const char *id, struct err *e)
{
	char path[IMAGE_PATH_MAX], lacks[PROBLEM_MAX];
	OWN_JSON record = NULL;
	struct err own = { 0 };
	bool runs;

	if (image_record_path(id, path, e) < 0)
		return -e->eno;
	if (js_load(c->q->store->root_fd, path, 4 << 20, &record, &own) < 0) {
		if (own.eno == ENOENT)
			return 0; /* removed meanwhile */
		if (!err_is_damage(&own)) {
			*e = own;
			return err_ctx(e, "image %s", id);
		}
		c->r->images++;
		check_tell(c, "image", id, image_drop(c, id), "its record cannot be read: %.200s", own.chain);
		return 0;
	}
	if (c->other && json_object_get(record, "boot"))
		return 0; /* good on its own machine alone, and used by nobody else */
	c->r->images++;
	image_lacks(c->q->store, record, lacks, &runs);
	/* somebody removes it, or pulls it again, at this moment */
	if (*lacks && !faccessat(c->q->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW)) {
		const char *store = store_lacks(c->q->store, record);
		if (store)
			check_tell(c, "image", id, NULL, "%s; it stands on the image store %s, which is not given", lacks, store);
		else
			check_tell(c, "image", id, image_drop(c, id), "%s", lacks);
	}
	return check_tars(c, record, e);
}

static int images_check(struct check *c, struct err *e)
{
	OWN_PTR char(*ids)[DIGEST_TEXT_MAX] = NULL;
	size_t n;

	if (image_ids(c->q->store, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++)
		if (image_check(c, ids[i], e) < 0)
			return -e->eno;
	return 0;
}

/* ---- references and containers ---- */

/* removed while a container uses it, or its removal is on the way, or was cut off and is finished by prune */
static bool is_kept(const struct store *s, const char *image_id)
{
	char path[IMAGE_PATH_MAX], kept[IMAGE_PATH_MAX + 16];
	struct err ignored = { 0 };

	if (image_record_path(image_id, path, &ignored) < 0)
		return false;
	(void)snprintf(kept, sizeof kept, "images/%s%s", IMAGE_KEPT, strchr(path, '/') + 1);
	return !faccessat(s->root_fd, kept, F_OK, AT_SYMLINK_NOFOLLOW);
}

struct dangling {
	struct check *c;
	json_t *list; /* of {reference, id} */
};

static int reference_look(void *data, const struct reference_entry *r)
{
	struct dangling *d = data;

	d->c->r->references++;
	/* that store may be there again tomorrow: what is in it is no fault of this one */
	if (*r->store && !is_given(d->c->q->store, r->store))
		return 0;
	if (image_exists(d->c->q->store, r->image_id) || is_kept(d->c->q->store, r->image_id))
		return 0;
	return json_array_append_new(d->list, json_pack("{ss ss}", "reference", r->reference, "id", r->image_id)) < 0 ?
		       -ENOMEM : 0;
}

static int references_check(struct check *c, struct err *e)
{
	OWN_JSON list = json_array();
	struct dangling d = { c, list };
	json_t *v;
	size_t i;

	if (!list || reference_each(c->q->store, reference_look, &d, e) < 0)
		return e->kind ? -e->eno : err_new(e, E_NOMEM, ENOMEM, "references");
	json_array_foreach(list, i, v) {
		const char *name = js_str(v, "reference", ""), *id = js_str(v, "id", "");
		char now[DIGEST_TEXT_MAX];
		struct err own = { 0 };
		/* may have been moved or removed since */
		if (reference_get(c->q->store, name, now, NULL, &own) < 0 || strcmp(now, id) != 0 ||
		    image_exists(c->q->store, id))
			continue;
		const bool gone = c->q->repair && reference_remove(c->q->store, name, 0, &own) >= 0;
		check_tell(c, "reference", name, gone ? "removed" : NULL, "names image %s, which is not here", id);
	}
	return 0;
}

/* blobs that a list has from here; members in registries are theirs */
static int list_look(void *data, const char *name, const json_t *list)
{
	struct check *c = data;
	json_t *entry;
	size_t i;

	if (!list)
		check_tell(c, "list", name, NULL, "cannot be read: remove it with onggi manifest rm");
	json_array_foreach(json_object_get(list, "entries"), i, entry)
		if (!*js_str(entry, "from", "") && !blob_fits(c->q->store, json_object_get(entry, "descriptor")))
			check_tell(c, "list", name, NULL, "its member %s is missing", js_str(entry, "descriptor.digest", ""));
	return 0;
}

static int containers_check(struct check *c, struct err *e)
{
	OWN_PTR char(*ids)[65] = NULL;
	size_t n;

	if (container_ids(c->q->store, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(container_done) struct container ct = CONTAINER_NULL;
		struct err own = { 0 };
		if (container_load(c->q->store, ids[i], &ct, &own) < 0) {
			if (own.kind != E_NOT_FOUND)
				check_tell(c, "container", ids[i], NULL, "its record cannot be read: %.200s", own.chain);
			continue;
		}
		c->r->containers++;
		const char *image = js_str(ct.record, "Image", "");
		if (*image && digest_is_valid(image) && !image_exists(c->q->store, image) &&
		    !is_kept(c->q->store, image))
			check_tell(c, "container", ids[i], NULL, "its image %s is not here: it cannot be started", image);
	}
	return 0;
}

static int check_one(struct check *c, struct err *e)
{
	return blobs_check(c, "sha256", e) < 0 || blobs_check(c, "sha512", e) < 0 || images_check(c, e) < 0 ||
			       references_check(c, e) < 0 || manifest_list_each(c->q->store, list_look, c, e) < 0 ?
		       -e->eno : 0;
}

static int others_check(const struct check_req *req, struct check_result *ret, struct err *e)
{
	const struct store *s = req->store;

	for (size_t i = 0; i < s->n_others; i++) {
		OWN_JSON seen = json_object();
		const struct check_req look = { .store = &s->others[i], .quick = req->quick, .found = req->found,
						.data = req->data };
		struct check c = { &look, ret, s->others[i].root, seen };
		if (!seen)
			return err_new(e, E_NOMEM, ENOMEM, "check");
		if (check_one(&c, e) < 0)
			return err_ctx(e, "image store %s", s->others[i].root);
	}
	return 0;
}

int store_check(const struct check_req *req, struct check_result *ret, struct err *e)
{
	OWN_JSON seen = json_object();
	struct check c = { req, ret, NULL, seen };

	if (!seen)
		return err_new(e, E_NOMEM, ENOMEM, "check");
	*ret = (struct check_result){ 0 };
	if (check_one(&c, e) < 0 || containers_check(&c, e) < 0 || (req->others && others_check(req, ret, e) < 0))
		return err_ctx(e, "check");
	return 0;
}
