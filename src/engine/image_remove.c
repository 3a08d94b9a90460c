/* SPDX-License-Identifier: Apache-2.0
 *
 * tag, rmi, image prune. The rules are docker's: a name is taken away while others are left, the
 * image goes with its last name; an ID with several names, or an image that a stopped container
 * uses, needs force; one that a running container uses is never deleted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/image.h"
#include "engine/image_filter.h"
#include "format/js.h"
#include "spec/reference.h"
#include "store/container.h"
#include "store/image.h"
#include "store/image_mount.h"
#include "store/image_platform.h"

int engine_image_tag(struct engine *eng, const char *source, const char *target, struct err *e)
{
	char id[DIGEST_TEXT_MAX], same[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX] = "";
	char text[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref, from;

	if (reference_parse_tagged(target, &ref, e) < 0)
		return err_ctx(e, "Error parsing reference: \"%s\" is not a valid repository/tag", target);
	if (ref.digest[0])
		return err_new(e, E_INVALID, EINVAL, "refusing to create a tag with a digest reference");
	if (image_find(&eng->store, source, id, e) < 0)
		return -e->eno;
	/* an ID stands for nothing in a registry */
	if (!reference_is_id(source) && reference_parse_tagged(source, &from, &ignored) == 0) {
		reference_canonical(&from, text);
		if (reference_get(&eng->store, text, same, manifest, &ignored) < 0 || strcmp(same, id) != 0)
			manifest[0] = 0;
	}
	reference_canonical(&ref, text);
	return image_tag(&eng->store, id, text, *manifest ? manifest : NULL, e);
}

/* containers of an image: one running, one that is not; "" when there is none */
struct users {
	char running[65], stopped[65];
	bool mounted; /* by `image mount` */
};

static int find_users(const struct store *s, const char *image_id, struct users *ret, struct err *e)
{
	OWN_PTR char(*ids)[65] = NULL;
	size_t n;

	*ret = (struct users){ .mounted = image_is_mounted(s, image_id) };
	if (container_ids(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		struct container c = CONTAINER_NULL;
		struct container_state st;
		struct err ignored = { 0 };
		if (container_load(s, ids[i], &c, &ignored) < 0)
			continue;
		bool ours = !strcmp(js_str(c.record, "Image", ""), image_id);
		container_done(&c);
		if (!ours || container_state_load(s, ids[i], &st, &ignored) < 0)
			continue;
		bool lives = st.status == CONTAINER_RUNNING || st.status == CONTAINER_PAUSED ||
			     st.status == CONTAINER_RESTARTING;
		container_state_done(&st);
		memcpy(lives ? ret->running : ret->stopped, ids[i], 65);
	}
	return 0;
}

struct removal {
	struct engine *eng;
	const struct store *s;
	struct image *img;   /* with its references */
	const char *asked;   /* as the user gave it */
	unsigned flags;
	struct image_removed done;
};

static bool forced(const struct removal *r)
{
	return r->flags & ENGINE_IMAGE_FORCE;
}

static const char *short_id(const char *id)
{
	return text_starts(id, "sha256:") ? id + 7 : id;
}

/* names of one repository with at most one tag count as one name */
static bool is_single_name(const struct image *img)
{
	size_t n = img->n_repo_tags + img->n_repo_digests;
	char first[REFERENCE_TEXT_MAX] = "", name[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;

	if (n <= 1)
		return true;
	if (img->n_repo_tags > 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *text = i < img->n_repo_tags ? img->repo_tags[i] :
							   img->repo_digests[i - img->n_repo_tags];
		if (reference_parse(text, &ref, &ignored) < 0)
			return false;
		reference_familiar_name(&ref, name);
		if (!*first)
			memcpy(first, name, sizeof first);
		if (strcmp(first, name))
			return false;
	}
	return true;
}

static int mounted_conflict(const struct removal *r, struct err *e)
{
	char path[IMAGE_MOUNT_PATH_MAX];

	image_mount_point(r->s, r->img->id, path);
	err_new(e, E_CONFLICT, EBUSY, "conflict: unable to delete %.12s (must be forced) - image is mounted at %s",
		short_id(r->img->id), path);
	err_hint(e, "unmount it with: onggi image unmount %.12s", short_id(r->img->id));
	return -e->eno;
}

static int is_borrowed(const struct removal *r, const char *what, struct err *e)
{
	err_new(e, E_CONFLICT, EROFS, "cannot remove %s: it is in the read-only image store%s%s", what, r->img->store ? " " : "",
		r->img->store ? r->img->store : "");
	err_hint(e, "it goes with its owner's command: onggi --root STORE rmi");
	return -e->eno;
}

/* names that image stores of others give it are theirs */
static void keep_own_names(const struct store *s, char **list, size_t *n)
{
	size_t w = 0;

	for (size_t i = 0; i < *n; i++) {
		if (reference_is_own(s, list[i]))
			list[w++] = list[i];
		else
			free(list[i]);
	}
	*n = w;
}

static int delete_image(struct removal *r, bool quiet, struct err *e)
{
	char id[DIGEST_TEXT_MAX];
	struct users u;

	if (r->img->store)
		return quiet ? 0 : is_borrowed(r, r->asked, e);

	if (find_users(r->s, r->img->id, &u, e) < 0)
		return -e->eno;
	if (*u.running || (*u.stopped && !forced(r))) {
		/* the name was taken away, and that was all that was asked for */
		if (quiet)
			return 0;
		return err_new(e, E_CONFLICT, EBUSY,
			       "conflict: unable to delete %.12s (%s) - image is being used by %s container %.12s",
			       short_id(r->img->id), *u.running ? "cannot be forced" : "must be forced",
			       *u.running ? "running" : "stopped", *u.running ? u.running : u.stopped);
	}
	if (u.mounted && !forced(r))
		return quiet ? 0 : mounted_conflict(r, e);
	if (u.mounted && engine_image_unmount(r->eng, r->img->id, true, id, e) < 0)
		return -e->eno;
	return image_remove(r->s, r->img->id, forced(r), &r->done, e);
}

static int untag(struct removal *r, const char *familiar, struct err *e)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;

	if (reference_parse(familiar, &ref, e) < 0)
		return -e->eno;
	reference_canonical(&ref, text);
	if (reference_remove(r->s, text, IO_DURABLE, e) < 0)
		return -e->eno;
	if (json_array_append_new(r->done.list, json_pack("{s:s}", "Untagged", familiar)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "list of what was removed");
	return 0;
}

static bool same_repository(const char *a, const char *b)
{
	char x[REFERENCE_TEXT_MAX], y[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;

	if (reference_parse(a, &ref, &ignored) < 0)
		return false;
	reference_familiar_name(&ref, x);
	if (reference_parse(b, &ref, &ignored) < 0)
		return false;
	reference_familiar_name(&ref, y);
	return !strcmp(x, y);
}

/* digests of a repository go with its last tag */
static int untag_digests(struct removal *r, const char *familiar, size_t *left, struct err *e)
{
	for (size_t i = 0; i < r->img->n_repo_tags; i++)
		if (strcmp(r->img->repo_tags[i], familiar) && same_repository(r->img->repo_tags[i], familiar))
			return 0;
	for (size_t i = 0; i < r->img->n_repo_digests; i++)
		if (same_repository(r->img->repo_digests[i], familiar)) {
			if (untag(r, r->img->repo_digests[i], e) < 0)
				return -e->eno;
			--*left;
		}
	return 0;
}

static int remove_by_name(struct removal *r, const char *familiar, bool is_digest, struct err *e)
{
	size_t left = r->img->n_repo_tags + r->img->n_repo_digests;
	struct users u;

	if (!r->img->store && !forced(r) && is_single_name(r->img)) {
		if (find_users(r->s, r->img->id, &u, e) < 0)
			return -e->eno;
		if (*u.running || *u.stopped)
			return err_new(e, E_CONFLICT, EBUSY,
				       "conflict: unable to remove repository reference \"%s\" (must force) - "
				       "container %.12s is using its referenced image %.12s",
				       familiar, *u.running ? u.running : u.stopped, short_id(r->img->id));
		if (u.mounted)
			return mounted_conflict(r, e);
	}
	if (untag(r, familiar, e) < 0)
		return -e->eno;
	left -= left > 0;
	if (!is_digest && untag_digests(r, familiar, &left, e) < 0)
		return -e->eno;
	return left ? 0 : delete_image(r, true, e);
}

static int remove_by_id(struct removal *r, struct err *e)
{
	if (!forced(r) && !is_single_name(r->img))
		return err_new(e, E_CONFLICT, EBUSY,
			       "conflict: unable to delete %.12s (must be forced) - image is referenced in "
			       "multiple repositories",
			       short_id(r->img->id));
	return delete_image(r, false, e);
}

/* whether the user gave (part of) the ID rather than a name */
static bool asked_by_id(const struct removal *r)
{
	const char *hex = short_id(r->asked);
	return text_starts(short_id(r->img->id), hex) && (hex != r->asked || text_is_hex(hex, strlen(hex)));
}

static bool has_name(char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

static int remove_image(struct removal *r, struct err *e)
{
	char familiar[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;

	if (reference_parse_tagged(r->asked, &ref, &ignored) >= 0) {
		if (ref.digest[0])
			ref.tag[0] = 0;
		reference_familiar(&ref, familiar);
		/* a name that looks like an ID is a name first, as everywhere */
		if (has_name(r->img->repo_tags, r->img->n_repo_tags, familiar) ||
		    has_name(r->img->repo_digests, r->img->n_repo_digests, familiar))
			return remove_by_name(r, familiar, ref.digest[0], e);
		if (r->s->n_others && !reference_is_id(r->asked) && !asked_by_id(r))
			return is_borrowed(r, r->asked, e);
	}
	if (!asked_by_id(r))
		return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", r->asked);
	return remove_by_id(r, e);
}

/* of an image whose config or record is damaged at least the ID: enough to be rid of it */
static int resolve(const struct store *s, const char *ref, struct image *ret, struct err *e)
{
	struct err none = { 0 };
	char id[DIGEST_TEXT_MAX];

	if (image_resolve(s, ref, ret, e) == 0)
		return 0;
	if (!err_is_damage(e) || image_find(s, ref, id, &none) < 0 || !image_exists(s, id))
		return -e->eno;
	err_clear(e);
	*ret = (struct image){ 0 };
	memcpy(ret->id, id, sizeof id);
	return 0;
}

int engine_image_remove(struct engine *eng, const char *ref, unsigned flags, json_t **ret,
			struct err *e)
{
	struct removal r = { .eng = eng, .s = &eng->store, .asked = ref, .flags = flags };
	struct image img;

	if (resolve(&eng->store, ref, &img, e) < 0)
		return -e->eno;
	r.img = &img;
	r.done.list = json_array();
	int result = r.done.list ? image_references(&eng->store, &img, e) :
				   err_new(e, E_NOMEM, ENOMEM, "rmi");
	if (!result && r.s->n_others) {
		keep_own_names(r.s, img.repo_tags, &img.n_repo_tags);
		keep_own_names(r.s, img.repo_digests, &img.n_repo_digests);
	}
	if (!result)
		result = remove_image(&r, e);
	image_done(&img);
	if (result < 0)
		json_decref(r.done.list);
	else
		*ret = r.done.list;
	storage_images_gone(&eng->store);
	return result < 0 ? result : 0;
}

int engine_image_remove_platform(struct engine *eng, const char *ref, const char *platform, unsigned flags, json_t **ret,
				 struct err *e)
{
	char id[DIGEST_TEXT_MAX], named[DIGEST_TEXT_MAX];

	if (image_find_platform(&eng->store, ref, platform, id, e) < 0) {
		if (e->kind == E_CORRUPT)
			err_hint(e, "without --platform it is removed all the same");
		return -e->eno;
	}
	if (image_find(&eng->store, ref, named, e) < 0)
		return -e->eno;
	return engine_image_remove(eng, strcmp(id, named) ? id : ref, flags, ret, e);
}
