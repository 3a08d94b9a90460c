/* SPDX-License-Identifier: Apache-2.0
 *
 * Removal of one image. The record goes first, then containers are looked at once more: together
 * with their makers, who write first and look for the image afterwards, nobody loses (see
 * image_exists).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "format/js.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/image_gc.h"
#include "store/image_int.h"
#include "store/snapshot.h"

static int report(struct image_removed *ret, const char *key, const char *value, struct err *e)
{
	json_t *list = ret ? ret->list : NULL;
	if (list && json_array_append_new(list, json_pack("{s:s}", key, value)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "list of what was removed");
	return 0;
}

struct names {
	const char *id;
	json_t *list; /* canonical names of the image */
};

static int collect_name(void *data, const struct reference_entry *r)
{
	struct names *n = data;
	if (strcmp(r->image_id, n->id))
		return 0;
	return json_array_append_new(n->list, json_string(r->reference)) < 0 ? -ENOMEM : 0;
}

int image_untag(const struct store *s, const char *id, struct image_removed *ret, struct err *e)
{
	OWN_JSON list = json_array();
	struct names n = { id, list };
	json_t *name;
	size_t i;

	if (!list || reference_each(s, collect_name, &n, e) < 0)
		return e->kind ? -e->eno : err_new(e, E_NOMEM, ENOMEM, "references");
	json_array_foreach(list, i, name) {
		char text[REFERENCE_TEXT_MAX];
		struct reference ref;
		const char *canonical = json_string_value(name);
		if (reference_remove(s, canonical, 0, e) < 0)
			return -e->eno;
		if (reference_parse(canonical, &ref, e) < 0)
			return -e->eno;
		reference_familiar(&ref, text);
		if (report(ret, "Untagged", text, e) < 0)
			return -e->eno;
	}
	return json_array_size(list) ? io_sync_dir(s->root_fd, "references", e) : 0;
}

/* The record away from the lists, kept for containers that were made before (@ret_kept) or to be let go of by
 * drop_record() when the names are gone, too: what is cut off between them is seen and finished by the collector. */
static int take_record(const struct store *s, const char *id, bool keep, char kept[IMAGE_PATH_MAX], bool *ret_kept,
		       struct err *e)
{
	char path[IMAGE_PATH_MAX], user[65] = "";
	size_t users;

	if (image_record_path(id, path, e) < 0)
		return -e->eno;
	(void)snprintf(kept, IMAGE_PATH_MAX, "images/%s%s", IMAGE_KEPT, digest_hex(id));
	if (renameat(s->root_fd, path, s->root_fd, kept) < 0) {
		if (errno == ENOENT)
			return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", id);
		return err_sys(e, errno, "remove image record");
	}
	if (image_users(s, id, user, &users, e) < 0 || (users && !keep)) {
		struct err first = *e;
		if (renameat(s->root_fd, kept, s->root_fd, path) < 0)
			return err_sys(e, errno, "put image record back");
		*e = first;
		if (e->kind)
			return -e->eno;
		return *user ? err_new(e, E_CONFLICT, EBUSY, "image %s is being used by container %.12s", id, user) :
			       err_new(e, E_CONFLICT, EBUSY, "image %s is mounted", id);
	}
	*ret_kept = users > 0;
	return 0;
}

/* the end of what was seen: durably, before the parts go that it named */
static int drop_record(const struct store *s, const char *kept, bool keep, struct err *e)
{
	if (!keep && unlinkat(s->root_fd, kept, 0) < 0)
		return err_sys(e, errno, "remove image record");
	return io_sync_dir(s->root_fd, "images", e);
}

/* what only this image needed */
static int remove_parts(const struct store *s, const json_t *record, struct image_removed *ret,
			struct err *e)
{
	static const char *const documents[] = { "manifest.digest", "index.digest", "config.digest" };
	OWN_JSON set = NULL;
	json_t *layers = json_object_get(record, "layers");

	if (image_mark(s, &set, e) < 0)
		return -e->eno;
	for (size_t i = json_array_size(layers); i--;) {
		json_t *layer = json_array_get(layers, i);
		const char *chain = js_str(layer, "chain_id", ""), *blob = js_str(layer, "digest", "");
		if (*chain && !need_has(set, 'l', chain)) {
			int64_t bytes = snapshot_size(s, chain);
			if (snapshot_hide(s, chain, e) < 0 || report(ret, "Deleted", chain, e) < 0)
				return -e->eno;
			if (ret && bytes > 0)
				ret->bytes += (uint64_t)bytes;
		}
		if (*blob && !need_has(set, 'b', blob) && blob_remove(s, blob, e) < 0)
			return -e->eno;
	}
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		const char *blob = js_str(record, documents[i], "");
		if (*blob && !need_has(set, 'b', blob) && blob_remove(s, blob, e) < 0)
			return -e->eno;
	}
	return 0;
}

int image_remove(const struct store *s, const char *image_id, bool keep_for_containers,
		 struct image_removed *ret, struct err *e)
{
	char path[IMAGE_PATH_MAX], kept[IMAGE_PATH_MAX];
	bool keep = false;
	OWN_JSON record = NULL;
	OWN_FD lock = -1;

	if (image_gc_lock(s, &lock, e) < 0 || image_record_path(image_id, path, e) < 0)
		return -e->eno;
	/* the record alone: an image whose config is lost can be removed too, and of one whose record is damaged
	 * the collector takes the rest */
	if (js_load(s->root_fd, path, 4 << 20, &record, e) < 0) {
		if (e->eno == ENOENT)
			return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", image_id);
		err_clear(e);
	}
	int r = take_record(s, image_id, keep_for_containers, kept, &keep, e);
	if (!r)
		r = image_untag(s, image_id, ret, e);
	if (!r)
		r = drop_record(s, kept, keep, e);
	if (!r)
		r = report(ret, "Deleted", image_id, e);
	if (!r)
		r = remove_parts(s, record, ret, e);
	own_fd_done(&lock);
	if (!r)
		r = image_sweep_tmp(s, e);
	return r < 0 ? err_ctx(e, "remove image %.19s", image_id) : 0;
}

int image_tag(const struct store *s, const char *image_id, const char *reference, const char *manifest,
	      struct err *e)
{
	OWN_FD lock = -1;

	/* against a removal that is looking for names right now */
	if (io_mkdir_p(s->root_fd, "locks", 0700, e) < 0 ||
	    lock_take(s->root_fd, "locks/gc", LOCK_SHARED, &lock, e) < 0)
		return -e->eno;
	if (!image_exists(s, image_id))
		return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", image_id);
	return reference_set(s, reference, image_id, manifest, e);
}
