/* SPDX-License-Identifier: Apache-2.0
 *
 * What is needed and what is not: marking from images, references, lists, containers and leases, then
 * taking everything else out of sight. Runs under the exclusive lock locks/gc; trees are removed
 * after it was let go.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "store/blob.h"
#include "store/container.h"
#include "store/image_gc.h"
#include "store/image_int.h"
#include "store/image_mount.h"
#include "store/lazy.h"
#include "store/manifest_store.h"
#include "store/snapshot.h"

enum {
	LEASE_MAX = 4 << 20,
	RECORD_MAX = 4 << 20,
	HALF_WRITTEN_S = 3600,        /* ".tmp-" of a file that is replaced within milliseconds */
	PARTIAL_DAYS_S = 7 * 86400,   /* a download that nobody came back to */
};

bool need_has(const json_t *set, char kind, const char *digest)
{
	char key[DIGEST_TEXT_MAX + 2];
	(void)snprintf(key, sizeof key, "%c%s", kind, digest);
	return json_object_get(set, key) != NULL;
}

static int need(json_t *set, char kind, const char *digest, struct err *e)
{
	char key[DIGEST_TEXT_MAX + 2];

	if (!digest || !*digest)
		return 0;
	(void)snprintf(key, sizeof key, "%c%.135s", kind, digest);
	return json_object_set_new(set, key, json_true()) < 0 ?
		       err_new(e, E_NOMEM, ENOMEM, "list of what is needed") : 0;
}

/* a manifest or index and what it names; what is missing or damaged is no error, what cannot be read just now is: its
 * blobs would be taken for nobody's */
static int need_document(const struct store *s, json_t *set, const char *digest, int depth,
			 struct err *e)
{
	static const char *const lists[] = { "layers", "manifests" };
	OWN_STR text = NULL;
	OWN_JSON j = NULL;
	struct err own = { 0 };
	json_t *child;
	size_t n, i;

	if (!*digest || need_has(set, 'b', digest) || depth > MANIFEST_DEPTH_MAX)
		return 0;
	if (need(set, 'b', digest, e) < 0)
		return -e->eno;
	if (blob_read(s, digest, MANIFEST_BYTES_MAX, &text, &n, &own) < 0 || js_parse(text, n, "manifest", &j, &own) < 0) {
		if (err_is_damage(&own))
			return 0;
		*e = own;
		return err_ctx(e, "manifest");
	}
	if (need(set, 'b', js_str(j, "config.digest", NULL), e) < 0)
		return -e->eno;
	for (size_t k = 0; k < ARRAY_LEN(lists); k++)
		json_array_foreach(json_object_get(j, lists[k]), i, child) {
			const char *d = js_str(child, "digest", "");
			if (k ? need_document(s, set, d, depth + 1, e) < 0 : need(set, 'b', d, e) < 0)
				return -e->eno;
		}
	return 0;
}

static int need_image(const struct store *s, json_t *set, const char *path, struct err *e)
{
	OWN_JSON record = NULL;
	json_t *layer;
	size_t i;

	if (js_load(s->root_fd, path, RECORD_MAX, &record, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return err_ctx(e, "image record"); /* rather keep all than lose one */
		err_clear(e);
		return 0;
	}
	if (need(set, 'b', js_str(record, "manifest.digest", NULL), e) < 0 ||
	    need(set, 'b', js_str(record, "index.digest", NULL), e) < 0 ||
	    need(set, 'b', js_str(record, "config.digest", NULL), e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(record, "layers"), i, layer)
		if (need(set, 'b', js_str(layer, "digest", NULL), e) < 0 ||
		    need(set, 'b', js_str(layer, "toc", NULL), e) < 0 || /* store/lazy.h */
		    need(set, 'l', js_str(layer, "chain_id", NULL), e) < 0)
			return -e->eno;
	return 0;
}

struct mark {
	const struct store *s;
	json_t *set;
	struct err *e;
};

static int mark_reference(void *data, const struct reference_entry *r)
{
	struct mark *m = data;
	return need_document(m->s, m->set, r->manifest, 0, m->e);
}

/* what lists have from here: the images that it came with may be gone */
static int mark_list(void *data, const char *name, const json_t *list)
{
	struct mark *m = data;
	json_t *entry;
	size_t i;

	if (!list) /* rather keep all than lose what it names */
		return err_new(m->e, E_CORRUPT, EBADMSG, "list %.200s of onggi manifest is damaged", name);
	json_array_foreach(json_object_get(list, "entries"), i, entry)
		if (!*js_str(entry, "from", "") &&
		    need_document(m->s, m->set, js_str(entry, "descriptor.digest", ""), 0, m->e) < 0)
			return -m->e->eno;
	return 0;
}

static int mark_lease_text(char *text, json_t *set, struct err *e)
{
	char *save = NULL;

	for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		if (text_starts(p, "blob ") && need(set, 'b', p + 5, e) < 0)
			return -e->eno;
		if (text_starts(p, "layer ") && need(set, 'l', p + 6, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int mark_lease(const struct store *s, const char *name, json_t *set, struct err *e)
{
	char path[300];
	OWN_STR text = NULL;
	struct err busy = { 0 };

	(void)snprintf(path, sizeof path, "leases/%.255s", name);
	OWN_FD fd = openat(s->root_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open lease");
	if (lock_fd(fd, LOCK_EXCLUSIVE | LOCK_NOWAIT, &busy) >= 0) {
		(void)unlinkat(s->root_fd, path, 0); /* its owner is gone; next time then */
		return 0;
	}
	if (io_read_fd(fd, LEASE_MAX, &text, NULL, e) < 0)
		return err_ctx(e, "lease");
	return mark_lease_text(text, set, e);
}

static bool is_old(int xdir, const char *name, time_t now, time_t age)
{
	struct stat st;
	return !fstatat(xdir, name, &st, AT_SYMLINK_NOFOLLOW) && st.st_ctime + age < now;
}

/* Call @each for every name in a folder of the store that is none of ours in the making. What was
 * left half-written by a process that died is removed on the way. */
static int each_name(const struct store *s, const char *folder,
		     int (*each)(void *data, int xdir, const char *name, struct err *e), void *data,
		     struct err *e)
{
	int fd = openat(s->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *en;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", folder);
	if (!d) {
		close(fd);
		return err_sys(e, errno, "read %s", folder);
	}
	while ((r = io_dir_next(d, &en, e)) > 0) {
		if (text_starts(en->d_name, ".tmp-") && is_old(fd, en->d_name, time(NULL), HALF_WRITTEN_S))
			(void)unlinkat(fd, en->d_name, 0); /* next time, then */
		if (en->d_name[0] != '.' && each(data, fd, en->d_name, e) < 0)
			return -e->eno;
	}
	return r;
}

static int mark_lease_name(void *data, int xdir, const char *name, struct err *e)
{
	struct mark *m = data;
	(void)xdir;
	return mark_lease(m->s, name, m->set, e);
}

static int mark_image_name(void *data, int xdir, const char *name, struct err *e)
{
	struct mark *m = data;
	char path[300];
	(void)xdir;
	(void)snprintf(path, sizeof path, "images/%.255s", name);
	return need_image(m->s, m->set, path, e);
}

int image_mark(const struct store *s, json_t **ret, struct err *e)
{
	OWN_JSON set = json_object();
	struct mark m = { s, set, e };

	if (!set)
		return err_new(e, E_NOMEM, ENOMEM, "list of what is needed");
	/* images kept for containers alone are in the same folder */
	if (each_name(s, "images", mark_image_name, &m, e) < 0 ||
	    reference_each(s, mark_reference, &m, e) < 0 || manifest_list_each(s, mark_list, &m, e) < 0 ||
	    each_name(s, "leases", mark_lease_name, &m, e) < 0)
		return -e->eno;
	*ret = ptr_take(&set);
	return 0;
}

int image_mark_leased(const struct store *s, json_t **ret, struct err *e)
{
	OWN_JSON set = json_object();
	struct mark m = { s, set, e };

	if (!set)
		return err_new(e, E_NOMEM, ENOMEM, "list of what is leased");
	if (each_name(s, "leases", mark_lease_name, &m, e) < 0)
		return -e->eno;
	*ret = ptr_take(&set);
	return 0;
}

int image_users(const struct store *s, const char *image_id, char ret_first[65], size_t *ret_n,
		struct err *e)
{
	OWN_PTR char(*ids)[65] = NULL;
	size_t n, found = 0;

	if (container_ids(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		struct container c = CONTAINER_NULL;
		if (container_load(s, ids[i], &c, e) < 0) {
			if (!err_is_damage(e))
				return -e->eno;
			continue;
		}
		if (!strcmp(js_str(c.record, "Image", ""), image_id) && !found++ && ret_first)
			memcpy(ret_first, ids[i], 65);
		container_done(&c);
	}
	err_clear(e);
	/* what is mounted is used, too, though by no container */
	*ret_n = found + image_is_mounted(s, image_id);
	return 0;
}

struct sweep {
	const struct store *s;
	const json_t *set;
	const char *algo;
	uint64_t bytes;
	time_t now;
};

static int sweep_blob(void *data, int xdir, const char *name, struct err *e)
{
	struct sweep *w = data;
	char digest[DIGEST_TEXT_MAX];
	struct stat st;

	(void)snprintf(digest, sizeof digest, "%s:%.128s", w->algo, name);
	if (!digest_is_valid(digest) || need_has(w->set, 'b', digest) ||
	    fstatat(xdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	w->bytes += (uint64_t)st.st_blocks * 512;
	return blob_remove(w->s, digest, e);
}

/* written by a pull that read a blob while it was removed */
static int sweep_toc(void *data, int xdir, const char *name, struct err *e)
{
	const struct sweep *w = data;
	char digest[DIGEST_TEXT_MAX];

	(void)snprintf(digest, sizeof digest, "sha256:%.64s", name);
	if (!blob_exists(w->s, digest) && unlinkat(xdir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove tocs/%s", name);
	return 0;
}

static int sweep_snapshot(void *data, int xdir, const char *name, struct err *e)
{
	struct sweep *w = data;
	char chain[DIGEST_TEXT_MAX];

	(void)xdir;
	(void)snprintf(chain, sizeof chain, "sha256:%.64s", name);
	if (!digest_is_valid(chain) || need_has(w->set, 'l', chain))
		return 0;
	int64_t size = snapshot_size(w->s, chain);
	w->bytes += size > 0 ? (uint64_t)size : 0;
	return snapshot_hide(w->s, chain, e);
}

/* of an image store of others, which may not be given now: names for it here stay */
static bool is_borrowed(int xdir, const char *name)
{
	struct err ignored = { 0 };
	OWN_JSON record = NULL;

	return js_load(xdir, name, RECORD_MAX, &record, &ignored) == 0 && *js_str(record, "store", "");
}

/* an image that is not whole yet, @top of it: 1 a process shows its layers and will register it, or a pull that holds a
 * lease is about to start one | 0 neither, or it is no such image */
static int is_on_its_way(const struct store *s, int xdir, const char *name, char top[DIGEST_TEXT_MAX], struct err *e)
{
	struct err ignored = { 0 };
	OWN_JSON record = NULL;
	OWN_JSON leased = NULL;

	*top = 0;
	if (js_load(xdir, name, RECORD_MAX, &record, &ignored) < 0 || !json_object_get(record, "lazy"))
		return 0;
	(void)snprintf(top, DIGEST_TEXT_MAX, "%s", lazy_record_top(record));
	if (lazy_is_claimed(s, top))
		return 1;
	return image_mark_leased(s, &leased, e) < 0 ? -e->eno : need_has(leased, 'l', top);
}

/* an image removed while a container used it, kept under another name; or one whose removal was cut off, which may
 * still have names; or one on its way, also where it has become whole and the end of that was cut off */
static int sweep_kept(void *data, int xdir, const char *name, struct err *e)
{
	struct sweep *w = data;
	char id[DIGEST_TEXT_MAX], top[DIGEST_TEXT_MAX];
	size_t users;

	if (!text_starts(name, IMAGE_KEPT))
		return 0;
	int coming = is_on_its_way(w->s, xdir, name, top, e);
	if (coming)
		return coming < 0 ? coming : 0;
	const char *hex = name + strlen(IMAGE_KEPT);
	(void)snprintf(id, sizeof id, "sha%s:%.128s", strlen(hex) == 128 ? "512" : "256", hex);
	if (image_users(w->s, id, NULL, &users, e) < 0 || (!image_exists(w->s, id) && !is_borrowed(xdir, name) &&
							  image_untag(w->s, id, NULL, e) < 0))
		return -e->eno;
	const bool needed = users && !(*top && image_exists_here(w->s, id));
	if (!needed && unlinkat(xdir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", name);
	return 0;
}

static int sweep_tmp_file(int xdir, const char *name, struct err *e)
{
	struct err busy = { 0 };
	OWN_FD fd = openat(xdir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || lock_fd(fd, LOCK_EXCLUSIVE | LOCK_NOWAIT, &busy) < 0)
		return 0;
	/* still locked: whoever opens it now sees that the name is gone */
	if (unlinkat(xdir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", name);
	return 0;
}

static int sweep_tmp_layer(int xdir, const char *name, struct err *e)
{
	char path[300];
	struct stat st;

	(void)snprintf(path, sizeof path, "%.255s/diff", name);
	/* Without diff, which gets the lock, and empty: its maker was killed or is about to make diff, and then
	 * finds the folder gone and takes another name. Without diff and not empty, seen twice: a removal
	 * that was cut off. */
	if (fstatat(xdir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    (!unlinkat(xdir, name, AT_REMOVEDIR) || errno == ENOENT))
		return 0;
	OWN_FD fd = openat(xdir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 ? errno != ENOENT : flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	return io_remove_tree(xdir, name, e);
}

static int sweep_tmp_name(void *data, int xdir, const char *name, struct err *e)
{
	struct sweep *w = data;

	if (text_starts(name, "dead-"))
		return io_remove_tree(xdir, name, e);
	if (text_starts(name, "layer-"))
		return sweep_tmp_layer(xdir, name, e);
	if (text_starts(name, "blob-"))
		return sweep_tmp_file(xdir, name, e);
	if (text_starts(name, "partial-"))
		return is_old(xdir, name, w->now, PARTIAL_DAYS_S) ? sweep_tmp_file(xdir, name, e) : 0;
	return 0;
}

int image_sweep_tmp(const struct store *s, struct err *e)
{
	struct sweep w = { .s = s, .now = time(NULL) };

	io_sweep_replaced(s->root_fd, "references");
	io_sweep_replaced(s->root_fd, "images");
	io_sweep_replaced(s->root_fd, "manifests");
	io_sweep_replaced(s->root_fd, "tocs");
	lazy_sweep(s);
	return each_name(s, "tmp", sweep_tmp_name, &w, e);
}

int image_gc_lock(const struct store *s, int *ret_fd, struct err *e)
{
	if (io_mkdir_p(s->root_fd, "locks", 0700, e) < 0)
		return -e->eno;
	return lock_take(s->root_fd, "locks/gc", LOCK_EXCLUSIVE, ret_fd, e);
}

int image_drop_leased(struct lease *l, struct err *e)
{
	const struct store *s = l->store;
	OWN_JSON leased = json_object();
	OWN_JSON set = NULL;
	OWN_STR text = NULL;
	OWN_FD lock = -1;
	const char *key;
	json_t *v;

	int r = leased ? io_read_file(s->root_fd, l->name, LEASE_MAX, &text, NULL, e) :
			 err_new(e, E_NOMEM, ENOMEM, "lease");
	if (!r)
		r = mark_lease_text(text, leased, e);
	lease_close(l);
	if (r < 0 || image_gc_lock(s, &lock, e) < 0 || image_mark(s, &set, e) < 0)
		return -e->eno;
	json_object_foreach(leased, key, v) {
		if (json_object_get(set, key))
			continue;
		if (*key == 'b' ? blob_remove(s, key + 1, e) < 0 : snapshot_hide(s, key + 1, e) < 0)
			return -e->eno;
	}
	own_fd_done(&lock);
	return image_sweep_tmp(s, e);
}

int image_collect(const struct store *s, uint64_t *ret_bytes, struct err *e)
{
	OWN_JSON set = NULL;
	OWN_FD lock = -1;
	struct sweep w = { .s = s, .now = time(NULL) };

	if (image_gc_lock(s, &lock, e) < 0 || each_name(s, "images", sweep_kept, &w, e) < 0 ||
	    image_mark(s, &set, e) < 0)
		return err_ctx(e, "collect unused layers");
	w.set = set;
	w.algo = "sha256";
	int r = each_name(s, "blobs/sha256", sweep_blob, &w, e);
	w.algo = "sha512";
	if (!r)
		r = each_name(s, "blobs/sha512", sweep_blob, &w, e);
	if (!r)
		r = each_name(s, "tocs", sweep_toc, &w, e);
	if (!r)
		r = each_name(s, "snapshots", sweep_snapshot, &w, e);
	own_fd_done(&lock);
	if (!r)
		r = image_sweep_tmp(s, e);
	/* what layers became when they were pushed: found out again at the next push */
	if (!r && faccessat(s->root_fd, "pushed", F_OK, 0) == 0)
		r = io_remove_tree(s->root_fd, "pushed", e);
	if (!r && ret_bytes)
		*ret_bytes = w.bytes;
	return r < 0 ? err_ctx(e, "collect unused layers") : 0;
}
