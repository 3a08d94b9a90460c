/* SPDX-License-Identifier: Apache-2.0
 *
 * The other form of an image's layers: see form.h. What is missing is stored again from its blob, then
 * the image is registered once more, which settles or indexes the layers and waits for the disk.
 */
#include "registry/form.h"

#include <stdlib.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "format/js.h"
#include "registry/archive_int.h"
#include "store/blob.h"
#include "store/image.h"

static int job_of(const struct store *s, const json_t *layer, struct layer_job *ret, struct err *e)
{
	ret->blob = js_str(layer, "digest", "");
	ret->diff_id = js_str(layer, "diff_id", "");
	(void)snprintf(ret->chain_id, sizeof ret->chain_id, "%s", js_str(layer, "chain_id", ""));
	if (storage_layer_exists(s, ret->chain_id) || blob_size(s, ret->blob) >= 0)
		return 0;
	err_new(e, E_NOT_FOUND, ENOENT, "layer %s is here for other storage drivers only, and its blob is not", ret->diff_id);
	err_hint(e, "pull or load the image once more with this storage driver, or take the one that it came with");
	return -e->eno;
}

static int store_layers(const struct store *s, struct image *img, struct lease *lease, struct err *e)
{
	const json_t *layers = json_object_get(img->record, "layers");
	const struct archive ar = { .store = s, .lease = lease, .xfd = -1 };
	size_t n = json_array_size(layers);
	OWN_PTR struct layer_job *jobs = calloc(n + 1, sizeof *jobs);

	if (!jobs)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < n; i++) {
		if (lease_add_blob(lease, js_str(json_array_get(layers, i), "digest", ""), e) < 0 ||
		    job_of(s, json_array_get(layers, i), &jobs[i], e) < 0)
			return -e->eno;
	}
	return archive_layers(&ar, jobs, n, e);
}

int form_make(const struct store *s, const char *id, struct err *e)
{
	struct lease lease = { .fd = -1 };
	struct image img;

	if (image_load(s, id, &img, e) < 0)
		return -e->eno;
	int r = lease_open(s, &lease, e);
	if (r == 0)
		r = store_layers(s, &img, &lease, e);
	const struct image_new again = { .manifest = img.manifest, .local = true, .borrowed = img.store != NULL,
					 .hasty = json_object_get(img.record, "boot") != NULL };
	if (r == 0)
		r = image_register(s, &again, NULL, e);
	lease_close(&lease);
	image_done(&img);
	return r < 0 ? err_ctx(e, "image %.19s", id) : 0;
}
