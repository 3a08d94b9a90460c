/* SPDX-License-Identifier: Apache-2.0
 *
 * Images: loading, finding by name, ID or prefix, listing. See image.h.
 */
#include "store/image.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/image_gc.h"
#include "store/image_int.h"
#include "store/others.h"
#include "store/snapshot.h"

enum { RECORD_MAX = 4 << 20 };

void image_done(struct image *img)
{
	for (size_t i = 0; i < img->n_chain_ids; i++)
		free(img->chain_ids[i]);
	for (size_t i = 0; i < img->n_repo_tags; i++)
		free(img->repo_tags[i]);
	for (size_t i = 0; i < img->n_repo_digests; i++)
		free(img->repo_digests[i]);
	free(img->chain_ids);
	free(img->repo_tags);
	free(img->repo_digests);
	json_decref(img->config);
	json_decref(img->record);
	*img = (struct image){ 0 };
}

int image_record_path(const char *image_id, char out[IMAGE_PATH_MAX], struct err *e)
{
	struct digest d;

	if (digest_parse(image_id, &d, e) < 0)
		return -e->eno;
	(void)snprintf(out, IMAGE_PATH_MAX, "images/%s", digest_hex(d.text));
	return 0;
}

bool image_exists_here(const struct store *s, const char *image_id)
{
	char path[IMAGE_PATH_MAX];
	struct err ignored = { 0 };

	return image_record_path(image_id, path, &ignored) >= 0 && others_has_file(s, path);
}

bool image_exists(const struct store *s, const char *image_id)
{
	const struct store *at;

	for (size_t i = 0; (at = others_at(s, i)); i++)
		if (image_exists_here(at, image_id))
			return true;
	return false;
}

bool image_use(const struct store *s, const char *image_id)
{
	char path[IMAGE_PATH_MAX];
	struct err ignored = { 0 };

	if (image_record_path(image_id, path, &ignored) < 0)
		return false;
	if (!utimensat(s->root_fd, path, NULL, AT_SYMLINK_NOFOLLOW))
		return true;
	return errno != ENOENT && image_exists(s, image_id);
}

int64_t image_last_use_ns(const struct store *s, const char *image_id)
{
	char path[IMAGE_PATH_MAX];
	struct err ignored = { 0 };
	struct stat st;

	if (image_record_path(image_id, path, &ignored) < 0 || fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return INT64_MAX;
	return st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
}

/* a record of an image registered hastily names the boot in which it is good */
static bool record_is_sound(const json_t *record)
{
	char boot[SNAPSHOT_BOOT_MAX];
	struct err ignored = { 0 };
	const char *made = js_str(record, "boot", "");

	return !*made || (snapshot_boot_id(boot, &ignored) >= 0 && !strcmp(made, boot));
}

bool image_is_sound(const struct store *s, const char *image_id, bool durable)
{
	char path[IMAGE_PATH_MAX];
	struct err ignored = { 0 };
	OWN_JSON record = NULL;

	return image_record_path(image_id, path, &ignored) >= 0 &&
	       js_load(s->root_fd, path, RECORD_MAX, &record, &ignored) >= 0 &&
	       (durable ? !json_object_get(record, "boot") : record_is_sound(record));
}

static int load_chain(struct image *img, struct err *e)
{
	json_t *layers = json_object_get(img->record, "layers"), *layer;
	size_t i;

	img->chain_ids = calloc(json_array_size(layers) + 1, sizeof *img->chain_ids);
	if (!img->chain_ids)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	json_array_foreach(layers, i, layer) {
		const char *chain = js_str(layer, "chain_id", "");
		if (!digest_is_valid(chain))
			return err_new(e, E_CORRUPT, EBADMSG, "layer %zu has no chain ID", i);
		img->chain_ids[i] = strdup(chain);
		if (!img->chain_ids[i])
			return err_new(e, E_NOMEM, ENOMEM, "layers");
		img->n_chain_ids = i + 1;
	}
	return 0;
}

/* where others have it, for good: what was registered hastily is for their own machine */
static int load_others(const struct store *s, const char *path, struct image *img, struct err *e)
{
	for (size_t i = 0; i < s->n_others; i++) {
		err_clear(e);
		if (js_load(s->others[i].root_fd, path, RECORD_MAX, &img->record, e) < 0) {
			if (e->kind == E_NOT_FOUND)
				continue;
			return err_ctx(e, "image store %s", s->others[i].root);
		}
		if (!json_object_get(img->record, "boot")) {
			img->store = s->others[i].root;
			return 0;
		}
		json_decref(img->record);
		img->record = NULL;
	}
	err_clear(e);
	return err_new(e, E_NOT_FOUND, ENOENT, "open %s", path);
}

static int load_record(const struct store *s, const char *image_id, struct image *img, struct err *e)
{
	char path[IMAGE_PATH_MAX];

	if (image_record_path(image_id, path, e) < 0)
		return -e->eno;
	if (js_load(s->root_fd, path, RECORD_MAX, &img->record, e) == 0)
		return 0;
	if (e->kind == E_NOT_FOUND && (!s->n_others || load_others(s, path, img, e) < 0) && e->kind == E_NOT_FOUND) {
		/* removed by force, or gone from another store, but a container still lives on it */
		err_clear(e);
		(void)snprintf(path, sizeof path, "images/%s%s", IMAGE_KEPT, digest_hex(image_id));
		return js_load(s->root_fd, path, RECORD_MAX, &img->record, e);
	}
	return e->kind ? -e->eno : 0;
}

int image_record_load(const struct store *s, const char *image_id, json_t **ret, struct err *e)
{
	struct image img = { 0 };

	if (load_record(s, image_id, &img, e) < 0)
		return -e->eno;
	*ret = img.record;
	return 0;
}

static int load(const struct store *s, const char *image_id, struct image *img, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;

	if (load_record(s, image_id, img, e) < 0)
		return -e->eno;
	if (!record_is_sound(img->record))
		return err_new(e, E_NOT_FOUND, ESTALE, "image %s did not survive the last boot", image_id);
	(void)snprintf(img->id, sizeof img->id, "%s", image_id);
	(void)snprintf(img->manifest, sizeof img->manifest, "%s",
		       js_str(img->record, "manifest.digest", ""));
	if (blob_read(s, image_id, MANIFEST_CONFIG_BYTES_MAX, &text, &n, e) < 0 ||
	    js_parse(text, n, "image config", &img->config, e) < 0)
		return err_ctx(e, "image %s", image_id);
	return load_chain(img, e) < 0 ? err_ctx(e, "image %s", image_id) : 0;
}

int image_load(const struct store *s, const char *image_id, struct image *ret, struct err *e)
{
	struct image img = { 0 };

	if (load(s, image_id, &img, e) < 0) {
		image_done(&img);
		if (e->kind == E_NOT_FOUND)
			return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", image_id);
		return -e->eno;
	}
	*ret = img;
	return 0;
}

static int add_string(char ***list, size_t *n, const char *text)
{
	/* rarely more than a few */
	char **more = realloc(*list, (*n + 1) * sizeof **list);

	if (!more)
		return -ENOMEM;
	*list = more;
	more[*n] = strdup(text);
	if (!more[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

int image_add_reference(struct image *img, const char *canonical)
{
	char text[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;

	if (reference_parse(canonical, &ref, &ignored) < 0)
		return 0;
	reference_familiar(&ref, text);
	return ref.digest[0] ? add_string(&img->repo_digests, &img->n_repo_digests, text) :
			       add_string(&img->repo_tags, &img->n_repo_tags, text);
}

static int string_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void image_sort_references(struct image *img)
{
	if (img->n_repo_tags)
		qsort(img->repo_tags, img->n_repo_tags, sizeof(char *), string_compare);
	if (img->n_repo_digests)
		qsort(img->repo_digests, img->n_repo_digests, sizeof(char *), string_compare);
}

struct collect {
	struct image *images;
	size_t n;
	int result;
};

static int image_compare(const void *a, const void *b)
{
	return strcmp(((const struct image *)a)->id, ((const struct image *)b)->id);
}

static int collect_reference(void *data, const struct reference_entry *r)
{
	struct collect *c = data;
	struct image key = { 0 };

	(void)snprintf(key.id, sizeof key.id, "%s", r->image_id);
	struct image *img = bsearch(&key, c->images, c->n, sizeof key, image_compare);
	return img ? image_add_reference(img, r->reference) : 0;
}

static int fill_references(const struct store *s, struct image *images, size_t n, struct err *e)
{
	struct collect c = { images, n, 0 };
	int r = reference_each_seen(s, collect_reference, &c, e);

	if (r == -ENOMEM && !e->kind)
		return err_new(e, E_NOMEM, ENOMEM, "references");
	for (size_t i = 0; i < n; i++)
		image_sort_references(&images[i]);
	return r;
}

int image_ids(const struct store *s, char (**ret)[DIGEST_TEXT_MAX], size_t *ret_n, struct err *e)
{
	int fd = openat(s->root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	OWN_PTR char(*ids)[DIGEST_TEXT_MAX] = NULL;
	size_t n = 0, cap = 0;
	const struct dirent *en;
	int r = 0;

	if (fd < 0 && errno != ENOENT)
		return err_sys(e, errno, "open images");
	if (fd >= 0 && !d) {
		close(fd);
		return err_sys(e, errno, "read images");
	}
	while (d && (r = io_dir_next(d, &en, e)) > 0) {
		size_t len = strlen(en->d_name);
		if ((len != 64 && len != 128) || !text_is_hex(en->d_name, len))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			void *more = realloc(ids, cap * sizeof *ids);
			if (!more)
				return err_new(e, E_NOMEM, ENOMEM, "images");
			ids = more;
		}
		(void)snprintf(ids[n++], sizeof *ids, "sha%s:%s", len == 64 ? "256" : "512", en->d_name);
	}
	if (r < 0)
		return r;
	*ret = ptr_take(&ids);
	*ret_n = n;
	return 0;
}

/* with those of image stores of others, each once */
static int ids_seen(const struct store *s, char (**ret)[DIGEST_TEXT_MAX], size_t *ret_n, struct err *e)
{
	OWN_PTR char(*ids)[DIGEST_TEXT_MAX] = NULL;
	size_t n;

	if (image_ids(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t k = 0; k < s->n_others; k++) {
		OWN_PTR char(*theirs)[DIGEST_TEXT_MAX] = NULL;
		size_t m;
		if (image_ids(&s->others[k], &theirs, &m, e) < 0)
			return err_ctx(e, "image store %s", s->others[k].root);
		void *more = realloc(ids, (n + m + 1) * sizeof *ids);
		if (!more)
			return err_new(e, E_NOMEM, ENOMEM, "images");
		ids = more;
		for (size_t i = 0; i < m; i++) {
			bool before = image_exists_here(s, theirs[i]);
			for (size_t j = 0; j < k && !before; j++)
				before = image_exists_here(&s->others[j], theirs[i]);
			if (!before)
				memcpy(ids[n++], theirs[i], sizeof *ids);
		}
	}
	*ret = ptr_take(&ids);
	*ret_n = n;
	return 0;
}

int image_list(const struct store *s, struct image **ret, size_t *ret_n, struct err *e)
{
	OWN_PTR char(*ids)[DIGEST_TEXT_MAX] = NULL;
	size_t n = 0, have = 0;

	if (ids_seen(s, &ids, &n, e) < 0)
		return -e->eno;
	struct image *images = calloc(n + 1, sizeof *images);
	if (!images)
		return err_new(e, E_NOMEM, ENOMEM, "images");
	for (size_t i = 0; i < n; i++) {
		struct err ignored = { 0 };
		/* one that is being removed, or damaged, hides no other */
		if (image_load(s, ids[i], &images[have], &ignored) >= 0)
			have++;
	}
	if (have)
		qsort(images, have, sizeof *images, image_compare);
	if (fill_references(s, images, have, e) < 0) {
		for (size_t i = 0; i < have; i++)
			image_done(&images[i]);
		free(images);
		return -e->eno;
	}
	*ret = images;
	*ret_n = have;
	return 0;
}

static int no_such(const char *name, struct err *e)
{
	err_clear(e);
	return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", name);
}

/* the one image whose hex ID begins with @prefix */
static int find_prefix(const struct store *s, const char *name, const char *prefix,
		       char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	OWN_PTR char(*ids)[DIGEST_TEXT_MAX] = NULL;
	size_t n = 0, found = 0;

	if (!*prefix || !text_is_hex(prefix, strlen(prefix)))
		return no_such(name, e);
	if (ids_seen(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++)
		if (text_starts(digest_hex(ids[i]), prefix)) {
			memcpy(ret_id, ids[i], sizeof ids[i]);
			found++;
		}
	if (found > 1)
		return err_new(e, E_CONFLICT, EEXIST, "image ID prefix %s is ambiguous: %zu images have it",
			       prefix, found);
	return found ? 0 : no_such(name, e);
}

struct by_manifest {
	const char *repo; /* canonical name before the tag, with its length */
	size_t n;
	const char *digest;
	char id[DIGEST_TEXT_MAX];
};

static int match_manifest(void *data, const struct reference_entry *r)
{
	struct by_manifest *q = data;

	if (strcmp(r->manifest, q->digest) || strncmp(r->reference, q->repo, q->n) ||
	    (r->reference[q->n] != ':' && r->reference[q->n] != '@'))
		return 0;
	(void)snprintf(q->id, sizeof q->id, "%s", r->image_id);
	return 1;
}

/* name@digest: a reference of its own, or a tag of the same repository that stands for it */
static int find_digest(const struct store *s, const struct reference *ref, const char *name,
		       char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference plain = *ref;

	plain.tag[0] = 0;
	reference_canonical(&plain, text);
	if (reference_get(s, text, ret_id, NULL, e) >= 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	plain.digest[0] = 0;
	reference_canonical(&plain, text);
	struct by_manifest q = { text, strlen(text), ref->digest, "" };
	if (reference_each_seen(s, match_manifest, &q, e) < 0)
		return -e->eno;
	memcpy(ret_id, q.id, sizeof q.id);
	return q.id[0] ? 0 : no_such(name, e);
}

int image_find(const struct store *s, const char *name, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	struct reference ref;
	char text[REFERENCE_TEXT_MAX];
	const char *hex = text_starts(name, "sha256:") ? name + 7 : name;

	if (reference_is_id(name))
		return find_prefix(s, name, hex, ret_id, e);
	if (reference_parse_tagged(name, &ref, e) < 0) {
		/* "sha256:1234" is no name but a shortened ID */
		if (hex != name) {
			err_clear(e);
			return find_prefix(s, name, hex, ret_id, e);
		}
		return -e->eno;
	}
	if (ref.digest[0])
		return find_digest(s, &ref, name, ret_id, e);
	reference_canonical(&ref, text);
	if (reference_get(s, text, ret_id, NULL, e) >= 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	return find_prefix(s, name, hex, ret_id, e);
}

int image_resolve(const struct store *s, const char *name, struct image *ret, struct err *e)
{
	char id[DIGEST_TEXT_MAX];

	if (image_find(s, name, id, e) < 0)
		return -e->eno;
	if (image_load(s, id, ret, e) < 0)
		return e->kind == E_NOT_FOUND ? no_such(name, e) : -e->eno;
	return 0;
}

int image_references(const struct store *s, struct image *img, struct err *e)
{
	return fill_references(s, img, 1, e);
}

int image_lease(const struct store *s, const struct image *img, struct lease *ret, struct err *e)
{
	int r = lease_open(s, ret, e);

	for (size_t i = 0; r == 0 && i < img->n_chain_ids; i++)
		r = lease_add_layer(ret, img->chain_ids[i], e);
	return r;
}

int image_borrow(const struct store *s, const struct image *img, struct err *e)
{
	char path[IMAGE_PATH_MAX + 16];
	OWN_FD lock = -1;

	if (!img->store)
		return 0;
	/* against a collection that has seen no container of it yet */
	if (io_mkdir_p(s->root_fd, "locks", 0700, e) < 0 ||
	    lock_take(s->root_fd, "locks/gc", LOCK_SHARED, &lock, e) < 0)
		return -e->eno;
	(void)snprintf(path, sizeof path, "images/%s%s", IMAGE_KEPT, digest_hex(img->id));
	if (others_has_file(s, path))
		return 0;
	/* without a wait for the disk: what is collected without it is made again */
	OWN_JSON note = json_copy(img->record);
	if (!note || json_object_set_new(note, "store", json_string(img->store)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "note of image %.19s", img->id);
	return io_mkdir_p(s->root_fd, "images", 0700, e) < 0 || js_save(s->root_fd, path, note, 0600, 0, e) < 0 ?
		       err_ctx(e, "note of image %.19s", img->id) : 0;
}
