/* SPDX-License-Identifier: Apache-2.0
 *
 * image prune: docker's rules and filters; besides, the newest images of each repository can be kept.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "engine/image.h"
#include "engine/image_filter.h"
#include "format/js.h"
#include "spec/reference.h"
#include "store/image.h"
#include "store/image_gc.h"

static int prune_one(struct engine *eng, struct image *img, struct image_removed *done, struct err *e)
{
	size_t users;

	if (image_users(&eng->store, img->id, NULL, &users, e) < 0)
		return -e->eno;
	if (users)
		return 0;
	int r = image_remove(&eng->store, img->id, false, done, e);
	/* taken into use, or removed by another, since we looked: not ours then */
	if (r < 0 && (e->kind == E_CONFLICT || e->kind == E_NOT_FOUND)) {
		err_clear(e);
		r = 0;
	}
	return r;
}

/* "dangling=false" is another way to say --all */
static bool wants_all(const struct image_filter *f, bool all)
{
	return all || f->dangling == KIND_NOT;
}

/* names of the repositories of @img, each once */
static json_t *repositories(const struct image *img)
{
	json_t *set = json_object();

	for (size_t i = 0; set && i < img->n_repo_tags + img->n_repo_digests; i++) {
		const char *text = i < img->n_repo_tags ? img->repo_tags[i] : img->repo_digests[i - img->n_repo_tags];
		char name[REFERENCE_TEXT_MAX];
		struct err ignored = { 0 };
		struct reference ref;
		if (reference_parse(text, &ref, &ignored) < 0)
			continue;
		reference_familiar_name(&ref, name);
		(void)json_object_set_new(set, name, json_true());
	}
	return set;
}

/* of images made at the same moment (or at none) the one that came later is the newer */
static int newest_first(const void *a, const void *b)
{
	const struct image *x = *(struct image *const *)a, *y = *(struct image *const *)b;
	int64_t x_ns = image_created_ns(x), y_ns = image_created_ns(y);

	if (x_ns != y_ns)
		return x_ns > y_ns ? -1 : 1;
	return strcmp(js_str(y->record, "registered", ""), js_str(x->record, "registered", ""));
}

/* IDs of the @keep newest images of each repository, as keys. Images without a name are in none. */
static json_t *newest(struct image *images, size_t n, int64_t keep)
{
	OWN_PTR struct image **sorted = calloc(n + 1, sizeof *sorted);
	OWN_JSON counts = json_object();
	OWN_JSON kept = json_object();
	const char *name;
	json_t *v;

	if (!sorted || !counts || !kept)
		return NULL;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &images[i];
	qsort(sorted, n, sizeof *sorted, newest_first);
	for (size_t i = 0; i < n; i++) {
		OWN_JSON mine = repositories(sorted[i]);
		if (!mine)
			return NULL;
		json_object_foreach(mine, name, v) {
			json_int_t have = json_integer_value(json_object_get(counts, name));
			if (have < keep && json_object_set_new(kept, sorted[i]->id, json_true()) < 0)
				return NULL;
			if (json_object_set_new(counts, name, json_integer(have + 1)) < 0)
				return NULL;
		}
	}
	return ptr_take(&kept);
}

/* those of image stores of others are their owners' to keep or remove */
static size_t drop_borrowed(struct image *images, size_t n)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++) {
		if (images[i].store)
			image_done(&images[i]);
		else
			images[w++] = images[i];
	}
	return w;
}

static int prune_all(struct engine *eng, const struct image_filter *f, bool all,
		     struct image_removed *done, struct err *e)
{
	struct image_filter match = *f;
	OWN_JSON kept = NULL;
	struct image *images;
	size_t n;
	int r = 0;

	if (image_list(&eng->store, &images, &n, e) < 0)
		return -e->eno;
	n = drop_borrowed(images, n);
	if (f->keep_last >= 0 && !(kept = newest(images, n, f->keep_last)))
		r = err_new(e, E_NOMEM, ENOMEM, "image prune");
	match.dangling = wants_all(f, all) ? KIND_ANY : KIND_ONLY;
	for (size_t i = 0; i < n; i++) {
		if (r >= 0 && !json_object_get(kept, images[i].id) && image_filter_match(&match, &images[i]))
			r = prune_one(eng, &images[i], done, e);
		image_done(&images[i]);
	}
	free(images);
	return r;
}

int engine_image_prune(struct engine *eng, bool all, const json_t *filters, json_t **ret, struct err *e)
{
	static const char *const allowed[] = { "dangling", "keep-last", "label", "label!", "until", "unused-for", NULL };
	struct image_removed done = { .list = json_array() };
	struct image_filter f = { 0 };
	uint64_t garbage = 0;

	int r = !done.list ? err_new(e, E_NOMEM, ENOMEM, "image prune") :
			     image_filter_init(&f, &eng->store, filters, allowed, e);
	if (!r && f.keep_last >= 0 && !wants_all(&f, all))
		r = err_new(e, E_USAGE, EINVAL, "--keep-last needs --all: without it only images without a name are removed");
	if (!r)
		r = prune_all(eng, &f, all, &done, e);
	/* what no image ever came of: broken downloads, parts of failed loads */
	if (!r)
		r = image_collect(&eng->store, &garbage, e);
	storage_images_gone(&eng->store);
	if (!r) {
		*ret = json_pack("{s:O, s:I}", "ImagesDeleted", done.list, "SpaceReclaimed",
				 (json_int_t)(done.bytes + garbage));
		r = *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "image prune");
	}
	image_filter_done(&f);
	json_decref(done.list);
	return r;
}
