/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image storage migrate --to DRIVER [--json]
 */
#include "registry/migrate.h"

#include <stdio.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "format/js.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"

static const char *name_of(const struct image *img)
{
	return img->n_repo_tags ? img->repo_tags[0] : img->id;
}

static void tell(void *data, const struct image *img, size_t at, size_t n, bool made, const struct err *e)
{
	json_t *list = data;

	if (list) {
		(void)json_array_append_new(list, json_pack("{ss ss ss ss}", "Id", img->id, "Name", name_of(img), "Result",
							    e ? "failed" : made ? "made" : "ready", "Error", e ? e->chain : ""));
		return;
	}
	if (e)
		(void)image_fail(e);
	else
		printf("%zu/%zu %s: %s\n", at, n, name_of(img), made ? "made" : "ready");
	(void)fflush(stdout);
}

static int report(const char *driver, const struct migrate_result *r, json_t *list)
{
	OWN_JSON doc = NULL;
	OWN_STR text = NULL;

	if (!list) {
		printf("%zu images, %zu made, %zu failed; layers in another form: %zu removed, %zu in use\n", r->images, r->made,
		       r->failed, r->dropped, r->kept);
		if (!r->failed)
			printf("New containers use it with --storage-driver %s or ONGGI_STORAGE_DRIVER=%s\n", driver, driver);
	} else {
		doc = json_pack("{ss sO sI sI}", "Driver", driver, "Images", list, "LayersRemoved", (json_int_t)r->dropped,
				"LayersInUse", (json_int_t)r->kept);
		text = doc ? json_dumps(doc, JSON_INDENT(4)) : NULL;
		if (text)
			puts(text);
	}
	return image_flush(r->failed || (list && !text) ? 1 : 0);
}

int verb_storage_migrate(const struct image_call *call)
{
	const char *driver = opt_str(call->req, "@to", NULL);
	OWN_JSON list = opt_bool(call->req, "@json") ? json_array() : NULL;
	struct migrate_result result;
	struct err e = { 0 };
	struct store store;

	if (!driver) {
		err_new(&e, E_USAGE, EINVAL, "storage migrate: --to says which storage driver");
		return image_fail(&e);
	}
	if (store_open(NULL, NULL, &store, &e) < 0)
		return image_fail(&e);
	const struct migrate_req q = { .store = &store, .told = tell, .data = list };
	const struct storage_ops *ops;
	int r = storage_by_name(&store, driver, &ops, &e);
	if (r == 0)
		r = storage_probe(&store, ops, &e);
	if (r == 0)
		r = storage_open(&store, driver, &e);
	if (r == 0)
		r = migrate(&q, &result, &e);
	store_close(&store);
	return r < 0 ? image_fail(&e) : report(ops->name, &result, list);
}
