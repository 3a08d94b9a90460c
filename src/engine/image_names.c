/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of images: untag takes them away, the image stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "engine/image.h"
#include "format/js.h"
#include "spec/reference.h"
#include "store/image.h"

/* @ret: canonical form of @name, which has to be one of image @id */
static int own_name(const struct store *s, const char *name, const char *id, char ret[REFERENCE_TEXT_MAX], struct err *e)
{
	char its[DIGEST_TEXT_MAX];
	struct reference ref;

	if (reference_parse_tagged(name, &ref, e) < 0)
		return -e->eno;
	reference_canonical(&ref, ret);
	if (reference_get(s, ret, its, NULL, e) < 0 && e->kind != E_NOT_FOUND)
		return -e->eno;
	if (e->kind == E_NOT_FOUND || strcmp(its, id) != 0)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: tag not known: it is no name of image %.19s", name, id);
	if (!reference_exists_here(s, ret))
		return err_new(e, E_CONFLICT, EROFS, "cannot untag %s: the name is of a read-only image store", name);
	return 0;
}

int engine_image_untag(struct engine *eng, const char *ref, char *const *names, size_t n, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];
	struct image img;

	if (image_resolve(&eng->store, ref, &img, e) < 0)
		return -e->eno;
	int r = n ? 0 : image_references(&eng->store, &img, e);
	if (!n) {
		names = img.repo_tags;
		n = img.n_repo_tags;
	}
	/* all or none */
	for (size_t i = 0; r == 0 && i < n; i++)
		r = own_name(&eng->store, names[i], img.id, name, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = own_name(&eng->store, names[i], img.id, name, e);
		if (r == 0)
			r = reference_remove(&eng->store, name, IO_DURABLE, e);
	}
	image_done(&img);
	return r;
}

/* names that a store of others gives to an image of ours, or of its own, are not ours */
static void add_names(const struct store *s, const struct image *img, json_t *names)
{
	for (size_t i = 0; i < img->n_repo_tags; i++)
		if (reference_is_own(s, img->repo_tags[i]))
			(void)json_array_append_new(names, json_string(img->repo_tags[i]));
	if (!img->n_repo_tags && !img->store)
		(void)json_array_append_new(names, json_string(img->id));
}

int engine_image_names(struct engine *eng, json_t **ret, struct err *e)
{
	OWN_JSON names = json_array();
	struct image *images;
	size_t n;

	if (image_list(&eng->store, &images, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		add_names(&eng->store, &images[i], names);
		image_done(&images[i]);
	}
	free(images);
	*ret = ptr_take(&names);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "names of images");
}
