/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of layers that are archives: each against its DiffID, the index of the image against the
 * archives, both against their seals, which a quick check looks at alone. What is damaged is taken away: the next container of the image makes it again, from the blob.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "format/js.h"
#include "store/blob.h"
#include "store/check_int.h"
#include "store/image_gc.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"
#include "store/snapshot_seal.h"

static const char *tar_drop(struct check *c, const json_t *layer, const char *tar, const struct stat *seen)
{
	const struct store *s = c->q->store;
	struct err e = { 0 };
	OWN_FD lock = -1;
	struct stat now;

	if (!c->q->repair || image_gc_lock(s, &lock, &e) < 0)
		return NULL;
	if (fstatat(s->root_fd, tar, &now, AT_SYMLINK_NOFOLLOW) < 0)
		now = (struct stat){ 0 };
	if (now.st_ino != seen->st_ino)
		return "is another one by now";
	if (snapshot_hide_form(s, js_str(layer, "chain_id", ""), STORE_TAR, &e) < 0)
		return NULL;
	own_fd_done(&lock);
	(void)snapshot_bury(s, &e); /* else with the next sweep */
	return blob_exists(s, js_str(layer, "digest", "")) ? "removed: the next container makes it from its blob" :
							     "removed: the next pull or load brings it anew";
}

/* Seal the open file anew, whose content was found to be right. */
static const char *seal_mend(struct check *c, const char *chain, const char *name, int fd, enum seal_state state)
{
	const struct store *s = c->q->store;
	enum seal_wish wish;
	struct err e = { 0 };
	OWN_FD lock = -1;

	if (!c->q->repair || seal_wish(&wish, &e) < 0)
		return NULL;
	if (state != SEAL_UNABLE)
		return seal_put(s, chain, name, fd, &e) < 0 ? NULL : "sealed";
	if (wish == SEAL_ON || image_gc_lock(s, &lock, &e) < 0 || seal_forget(s, chain, name, &e) < 0)
		return NULL;
	return "goes on without it";
}

static bool seal_is_fault(const struct check *c, enum seal_state state)
{
	struct err ignored = { 0 };
	enum seal_wish wish;

	/* of others one may have been put into an image of a file system that has none */
	if (state == SEAL_UNABLE)
		return !c->other;
	if (state == SEAL_NONE)
		return !c->other && seal_wish(&wish, &ignored) == 0 && wish == SEAL_ON;
	return state != SEAL_WHOLE;
}

static bool is_in_place(const struct check *c, const char *chain, const char *name, int fd)
{
	char path[SNAPSHOT_PATH_MAX], full[SNAPSHOT_PATH_MAX + 8];
	struct err ignored = { 0 };
	struct stat is, now;

	if (snapshot_path(chain, path, &ignored) < 0)
		return false;
	(void)snprintf(full, sizeof full, "%s/%s", path, name);
	return !fstat(fd, &is) && !fstatat(c->q->store->root_fd, full, &now, AT_SYMLINK_NOFOLLOW) && is.st_ino == now.st_ino;
}

/* Whether the open file @name of layer @chain is what was sealed. 0: all is told | 1: it is not, and can be mended once its
 * content is @proven */
static int seal_check(struct check *c, const char *chain, const char *name, int fd, bool proven, struct err *e)
{
	struct err why = { 0 };
	int r = seal_state(c->q->store, chain, name, fd, &why, e);

	if (r < 0)
		return r;
	c->r->sealed += r == SEAL_WHOLE;
	/* another one by now has another note */
	if (!seal_is_fault(c, (enum seal_state)r) || !is_in_place(c, chain, name, fd))
		return 0;
	if (!proven && c->q->repair)
		return 1;
	const char *mended = seal_mend(c, chain, name, fd, (enum seal_state)r);
	c->r->sealed += mended && r != SEAL_UNABLE;
	check_tell(c, "layer", chain, mended, "%s%s", !strcmp(name, "tar") ? "its archive " : "the index of its image ",
		   r == SEAL_NONE ? "has no fs-verity" : why.chain);
	return 0;
}

static int tar_seen(struct check *c, const char *chain, bool sound, struct err *e)
{
	if (json_object_set_new(c->seen, chain, sound ? json_true() : json_false()) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "check");
	return sound;
}

/* 1 sound, as far as it was looked at | 0 not, or not there */
static int tar_check(struct check *c, const json_t *layer, struct err *e)
{
	const char *chain = js_str(layer, "chain_id", ""), *diff_id = js_str(layer, "diff_id", "");
	char path[SNAPSHOT_PATH_MAX], tar[SNAPSHOT_PATH_MAX + 8], got[HASH_TEXT_MAX];
	struct stat st;

	if (snapshot_path(chain, path, e) < 0)
		return -e->eno;
	const json_t *was = json_object_get(c->seen, chain);
	if (was || !snapshot_exists_here(c->q->store, chain, STORE_TAR))
		return json_is_true(was);
	(void)snprintf(tar, sizeof tar, "%s/tar", path);
	OWN_FD fd = openat(c->q->store->root_fd, tar, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? -errno : 0;
	if (fd < 0 && fstatat(c->q->store->root_fd, tar, &st, AT_SYMLINK_NOFOLLOW) < 0)
		st = (struct stat){ 0 };
	if (fd >= 0 && fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", tar);
	if (!snapshot_exists_here(c->q->store, chain, STORE_TAR))
		return 0; /* removed meanwhile */
	if (r == 0 && c->q->quick) {
		int more = S_ISREG(st.st_mode) ? seal_check(c, chain, "tar", fd, false, e) : 0;
		if (more <= 0)
			return more < 0 ? more : tar_seen(c, chain, true, e);
	}
	if (r == 0)
		r = S_ISREG(st.st_mode) ? check_digest(fd, diff_id, &c->r->bytes, got) : -ENXIO;
	if (r < 0 && r != -EIO && r != -ENOENT && r != -ELOOP && r != -ENXIO)
		return err_sys(e, -r, "read %s", tar);
	bool sound = r == 0 && !strcmp(got, diff_id);
	if (tar_seen(c, chain, sound, e) < 0)
		return -e->eno;
	if (sound)
		return seal_check(c, chain, "tar", fd, true, e) < 0 ? -e->eno : 1;
	const char *mended = tar_drop(c, layer, tar, &st);
	if (r < 0)
		check_tell(c, "layer", diff_id, mended, "its archive cannot be read: %s", strerror(-r));
	else
		check_tell(c, "layer", diff_id, mended, "its archive is damaged: its content is %s", got);
	return 0;
}

/* 1 it is what the archives make | 0 not, which was told */
static int index_compare(struct check *c, const char *const *chain, size_t n, struct err *e)
{
	const struct store *s = c->q->store;
	struct err own = { 0 };

	int r = snapshot_index_check(s, chain, n, &own);
	if (r < 0 && own.kind != E_CORRUPT) {
		*e = own;
		return -e->eno;
	}
	if (r > 0)
		return 1;
	if (!snapshot_exists(s, chain[n - 1], STORE_TAR))
		return 0;
	const bool gone = c->q->repair && snapshot_index_remove(s, chain[n - 1], &own) == 0;
	check_tell(c, "layer", chain[n - 1], gone ? "removed: the next container makes it again" : NULL,
		   "the index of the image's archives is damaged");
	return 0;
}

static int index_check(struct check *c, const char *const *chain, size_t n, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX], name[SNAPSHOT_PATH_MAX + 8];

	if (snapshot_path(chain[n - 1], path, e) < 0)
		return -e->eno;
	(void)snprintf(name, sizeof name, "%s/erofs", path);
	OWN_FD fd = openat(c->q->store->root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0; /* made when it is needed */
	if (fd >= 0 && c->q->quick) {
		int more = seal_check(c, chain[n - 1], "erofs", fd, false, e);
		if (more <= 0)
			return more;
	}
	int r = index_compare(c, chain, n, e);
	return r > 0 && fd >= 0 ? seal_check(c, chain[n - 1], "erofs", fd, true, e) : r;
}

int check_tars(struct check *c, const json_t *record, struct err *e)
{
	const json_t *layers = json_object_get(record, "layers");
	size_t n = json_array_size(layers), sound = 0;
	OWN_PTR const char **chain = calloc(n + 1, sizeof *chain);

	if (!chain)
		return err_new(e, E_NOMEM, ENOMEM, "check");
	for (size_t i = 0; i < n; i++) {
		chain[i] = js_str(json_array_get(layers, i), "chain_id", "");
		int r = tar_check(c, json_array_get(layers, i), e);
		if (r < 0)
			return r;
		sound += (size_t)r;
	}
	return sound && sound == n ? index_check(c, chain, n, e) : 0;
}
