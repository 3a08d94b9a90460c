/* SPDX-License-Identifier: Apache-2.0
 *
 * References in the store: one file per name in references/, holding the whole name, the image ID
 * and the digest that the name stands for in its registry. The file name is the reference with
 * "/" as "+" (which no reference contains); what would be too long ends in a hash instead.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "spec/reference.h"
#include "store/image_int.h"
#include "store/others.h"

enum { REF_FILE_MAX = 16 << 10, REF_NAME_MAX = 240, REF_NAME_KEEP = 150 };

int reference_path(const char *folder, const char *reference, char out[REFERENCE_PATH_MAX], struct err *e)
{
	size_t n = strlen(reference), keep = n > REF_NAME_MAX ? REF_NAME_KEEP : n;
	size_t w = (size_t)snprintf(out, REFERENCE_PATH_MAX, "%s/", folder);

	if (!n || reference[0] == '.')
		return err_new(e, E_INVALID, EINVAL, "invalid reference format");
	for (size_t i = 0; i < keep; i++) {
		unsigned char c = (unsigned char)reference[i];
		if (c <= ' ' || c == '+' || c == '~' || c >= 0x7f)
			return err_new(e, E_INVALID, EINVAL, "invalid reference format");
		out[w++] = c == '/' ? '+' : (char)c;
	}
	out[w] = 0;
	if (keep < n) {
		char digest[DIGEST_TEXT_MAX];
		digest_sha256(reference, n, digest);
		(void)snprintf(out + w, REFERENCE_PATH_MAX - w, "~%s", digest_hex(digest));
	}
	return 0;
}

/* the image store of others that @image_id is in; "": the own one, or none */
static const char *store_of(const struct store *s, const char *image_id)
{
	const struct store *at;

	if (!s->n_others || image_exists_here(s, image_id))
		return "";
	for (size_t i = 1; (at = others_at(s, i)); i++)
		if (image_exists_here(at, image_id))
			return at->root;
	return "";
}

int reference_write(const struct store *s, const char *reference, const char *image_id,
		    const char *manifest, unsigned flags, struct err *e)
{
	char path[REFERENCE_PATH_MAX], now[CLOCK_TEXT_MAX];
	struct digest d;

	if (reference_path("references", reference, path, e) < 0 || digest_parse(image_id, &d, e) < 0 ||
	    (manifest && digest_parse(manifest, &d, e) < 0))
		return err_ctx(e, "set reference %s", reference);
	clock_format(clock_now_ns(), now);
	OWN_JSON j = json_pack("{s:s, s:s, s:s, s:s}", "reference", reference, "image", image_id,
			       "manifest", manifest ? manifest : "", "updated", now);
	const char *store = store_of(s, image_id);
	if (!j || (*store && json_object_set_new(j, "store", json_string(store)) < 0))
		return err_new(e, E_NOMEM, ENOMEM, "set reference %s", reference);
	if (io_mkdir_p(s->root_fd, "references", 0700, e) < 0 ||
	    js_save(s->root_fd, path, j, 0600, flags, e) < 0)
		return err_ctx(e, "set reference %s", reference);
	return 0;
}

int reference_set(const struct store *s, const char *reference, const char *image_id,
		  const char *manifest, struct err *e)
{
	return reference_write(s, reference, image_id, manifest, IO_DURABLE, e);
}

int reference_remove(const struct store *s, const char *reference, unsigned flags, struct err *e)
{
	char path[REFERENCE_PATH_MAX];

	if (reference_path("references", reference, path, e) < 0)
		return -e->eno;
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove reference %s", reference);
	return flags & IO_DURABLE ? io_sync_dir(s->root_fd, "references", e) : 0;
}

bool reference_exists_here(const struct store *s, const char *reference)
{
	char path[REFERENCE_PATH_MAX];
	struct err ignored = { 0 };

	return reference_path("references", reference, path, &ignored) == 0 && others_has_file(s, path);
}

bool reference_is_own(const struct store *s, const char *familiar)
{
	char text[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;

	if (reference_parse(familiar, &ref, &ignored) < 0)
		return false;
	reference_canonical(&ref, text);
	return reference_exists_here(s, text);
}

/* of the first store that has it */
static int load(const struct store *s, const char *path, json_t **ret, struct err *e)
{
	const struct store *at;
	int r = -ENOENT;

	for (size_t i = 0; (at = others_at(s, i)); i++) {
		err_clear(e);
		r = js_load(at->root_fd, path, REF_FILE_MAX, ret, e);
		if (r == 0 || e->kind != E_NOT_FOUND)
			break;
	}
	return r;
}

int reference_get(const struct store *s, const char *reference, char ret_id[DIGEST_TEXT_MAX],
		  char ret_manifest[DIGEST_TEXT_MAX], struct err *e)
{
	char path[REFERENCE_PATH_MAX];
	OWN_JSON j = NULL;

	if (reference_path("references", reference, path, e) < 0)
		return -e->eno;
	if (load(s, path, &j, e) < 0)
		return err_ctx(e, "reference %s", reference);
	const char *id = js_str(j, "image", "");
	if (!digest_is_valid(id))
		return err_new(e, E_CORRUPT, EBADMSG, "reference %s: no image in its file", reference);
	if (ret_id)
		(void)snprintf(ret_id, DIGEST_TEXT_MAX, "%s", id);
	if (ret_manifest)
		(void)snprintf(ret_manifest, DIGEST_TEXT_MAX, "%s", js_str(j, "manifest", ""));
	return 0;
}

int reference_each(const struct store *s,
		   int (*each)(void *data, const struct reference_entry *r), void *data, struct err *e)
{
	OWN_FD fd = openat(s->root_fd, "references", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open references");
	int dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	const struct dirent *en;
	int r;

	if (!d)
		return err_sys(e, errno, "read references");
	while ((r = io_dir_next(d, &en, e)) > 0) {
		OWN_JSON j = NULL;
		struct err own = { 0 };
		if (en->d_name[0] == '.')
			continue;
		/* one that vanished meanwhile, or is damaged, hides no other */
		if (js_load(fd, en->d_name, REF_FILE_MAX, &j, &own) < 0) {
			if (err_is_damage(&own))
				continue;
			*e = own;
			return err_ctx(e, "reference");
		}
		const struct reference_entry entry = { js_str(j, "reference", ""), js_str(j, "image", ""),
						       js_str(j, "manifest", ""), js_str(j, "updated", ""),
						       js_str(j, "store", "") };
		if (!*entry.reference || !digest_is_valid(entry.image_id))
			continue;
		if ((r = each(data, &entry)) != 0)
			return r;
	}
	return r;
}

struct seen {
	const struct store *s;
	size_t at; /* number of the store that is gone through */
	int (*each)(void *data, const struct reference_entry *r);
	void *data;
};

static int see(void *data, const struct reference_entry *r)
{
	const struct seen *q = data;

	for (size_t i = 0; i < q->at; i++)
		if (reference_exists_here(others_at(q->s, i), r->reference))
			return 0;
	return q->each(q->data, r);
}

int reference_each_seen(const struct store *s, int (*each)(void *data, const struct reference_entry *r), void *data,
			struct err *e)
{
	struct seen q = { s, 0, each, data };
	const struct store *at;
	int r = 0;

	for (; !r && (at = others_at(s, q.at)); q.at++)
		r = reference_each(at, see, &q, e);
	return r < 0 && e->kind && q.at > 1 ? err_ctx(e, "image store %s", others_at(s, q.at - 1)->root) : r;
}
