/* SPDX-License-Identifier: Apache-2.0
 *
 * image mount, image unmount: the storage driver's plan of an image, read-only, carried out in the
 * caller's mount namespace. Files and rules: store/image_mount.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/engine_int.h"
#include "engine/image.h"
#include "engine/rootfs.h"
#include "format/js.h"
#include "runtime/plan.h"
#include "store/image.h"
#include "store/image_mount.h"
#include "store/image_share.h"
#include "sys/mountfd.h"

enum { DIR_MAX = 160, COUNT_TEXT_MAX = 32 };

static void dir_of(const char *id, char out[DIR_MAX])
{
	(void)snprintf(out, DIR_MAX, "images/%.128s", digest_hex(id));
}

static int lock_mounts(const struct store *s, int *ret_fd, struct err *e)
{
	if (io_mkdir_p(s->run_fd, "images", 0700, e) < 0)
		return -e->eno;
	return lock_take(s->run_fd, "images/lock", LOCK_EXCLUSIVE, ret_fd, e);
}

/* 0: not mounted, whatever a record says */
static uint32_t count_of(const struct store *s, const char *id)
{
	char path[DIR_MAX + 8];
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	uint32_t n;

	if (!image_is_mounted(s, id))
		return 0;
	(void)snprintf(path, sizeof path, "images/%.128s/count", digest_hex(id));
	if (io_read_file(s->run_fd, path, COUNT_TEXT_MAX, &text, NULL, &ignored) < 0 || text_uint32(text, &n) < 0 || !n)
		return 1;
	return n;
}

static int count_set(const struct store *s, const char *id, uint32_t n, struct err *e)
{
	char path[DIR_MAX + 8], text[COUNT_TEXT_MAX];

	(void)snprintf(path, sizeof path, "images/%.128s/count", digest_hex(id));
	(void)snprintf(text, sizeof text, "%u", n);
	return io_replace_file(s->run_fd, path, text, strlen(text), 0600, 0, e);
}

/* Under the lock: mounts and what was made for them. @flags of umount2. A mount that is busy is left as it is. */
static int take_down(struct engine *eng, const char *id, int flags, struct err *e)
{
	char path[IMAGE_MOUNT_PATH_MAX], name[IMAGE_MOUNT_NAME_MAX], dir[DIR_MAX], own[IMAGE_MOUNT_NAME_MAX + 16];

	image_mount_point(&eng->store, id, path);
	while (!umount2(path, flags | UMOUNT_NOFOLLOW))
		;
	if (errno == EBUSY) {
		err_new(e, E_BUSY, EBUSY, "image %.19s is still in use at %s", id, path);
		err_hint(e, "end what uses it, or take the mount away all the same with: onggi image unmount --force");
		return -e->eno;
	}
	if (errno != EINVAL && errno != ENOENT)
		return err_sys(e, errno, "unmount %s", path);
	(void)snprintf(path, sizeof path, "%s/images/%.128s/parts", eng->store.run, digest_hex(id));
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	image_mount_name(id, name);
	/* it may have been mounted with another driver */
	if (image_share_leave(&eng->store, name, e) < 0 || eng->storage->remove(&eng->store, name, e) < 0)
		return err_ctx(e, "unmount image %.19s", id);
	(void)snprintf(own, sizeof own, "containers/%s", name);
	dir_of(id, dir);
	return io_remove_tree(eng->store.root_fd, own, e) < 0 || io_remove_tree(eng->store.run_fd, dir, e) < 0 ? -e->eno : 0;
}

static int put_up(struct engine *eng, const struct image *img, struct err *e)
{
	CLEANUP(lease_close) struct lease lease = { .fd = -1 };
	char path[IMAGE_MOUNT_PATH_MAX], parts[IMAGE_MOUNT_PATH_MAX], name[IMAGE_MOUNT_NAME_MAX], dir[DIR_MAX + 8];
	ARENA a = { 0 };
	OWN_MOUNT_PLAN plan = { 0 };
	OWN_FD mnt = -1, at = -1;

	image_mount_name(img->id, name);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(dir, sizeof dir, "images/%.128s/%s", digest_hex(img->id), i ? "parts" : "root");
		if (io_mkdir_p(eng->store.run_fd, dir, 0700, e) < 0)
			return -e->eno;
	}
	(void)snprintf(parts, sizeof parts, "%s/%s", eng->store.run, dir);
	if (img->store && image_lease(&eng->store, img, &lease, e) < 0)
		return -e->eno;
	/* before the mount: a record without one counts for nothing */
	const char *const *chain = (const char *const *)img->chain_ids;
	if (count_set(&eng->store, img->id, 1, e) < 0 ||
	    eng->storage->remove(&eng->store, name, e) < 0 || /* what a killed one left */
	    engine_layers_ready(eng, img->id, chain, img->n_chain_ids, e) < 0 ||
	    eng->storage->prepare(&eng->store, name, chain, img->n_chain_ids, e) < 0 ||
	    eng->storage->plan(&eng->store, name, chain, img->n_chain_ids, STORAGE_PLAN_READ_ONLY, &a, &plan, e) < 0 ||
	    plan_mount(&plan, parts, &mnt, e) < 0)
		return -e->eno;
	/* whatever the driver made of it */
	if (mountfd_attr(mnt, MOUNT_ATTR_RDONLY, 0, 0, e) < 0)
		return -e->eno;
	image_mount_point(&eng->store, img->id, path);
	at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (at < 0)
		return err_sys(e, errno, "open %s", path);
	return mountfd_attach(mnt, at, e) < 0 ? -e->eno : image_borrow(&eng->store, img, e);
}

/* the first of several that want it makes the mount */
static int mount_locked(struct engine *eng, const struct image *img, struct err *e)
{
	struct err ignored = { 0 };
	uint32_t n = count_of(&eng->store, img->id);

	if (n)
		return count_set(&eng->store, img->id, n + 1, e);
	/* what a killed command or a reboot left */
	if (take_down(eng, img->id, MNT_DETACH, e) < 0)
		return -e->eno;
	int r = put_up(eng, img, e);
	if (r >= 0 && !image_exists(&eng->store, img->id))
		r = err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", img->id);
	if (r < 0)
		(void)take_down(eng, img->id, MNT_DETACH, &ignored); /* the next mount or sweep tries again */
	return r;
}

static json_t *strings(char *const *list, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_string(list[i]));
	return a;
}

/* what is told of one: {"Id", "Names", "Repositories", "Mountpoint"} */
static json_t *row(const struct store *s, struct image *img)
{
	char path[IMAGE_MOUNT_PATH_MAX];
	struct err ignored = { 0 }; /* the names are no more than help */

	(void)image_references(s, img, &ignored);
	image_mount_point(s, img->id, path);
	return json_pack("{ss so so ss}", "Id", img->id, "Names", strings(img->repo_tags, img->n_repo_tags), "Repositories",
			 strings(img->repo_tags, img->n_repo_tags), "Mountpoint", path);
}

int engine_image_mount(struct engine *eng, const char *ref, json_t **ret, struct err *e)
{
	struct image img;
	OWN_FD lock = -1;

	if (image_resolve(&eng->store, ref, &img, e) < 0)
		return -e->eno;
	int r = lock_mounts(&eng->store, &lock, e);
	if (r >= 0)
		r = mount_locked(eng, &img, e);
	if (r < 0)
		(void)err_ctx(e, "mount image %s", ref);
	else if (!(*ret = row(&eng->store, &img)))
		r = err_new(e, E_NOMEM, ENOMEM, "image mount");
	image_done(&img);
	return r < 0 ? -e->eno : 0;
}

static int id_of(const char *hex, char out[DIGEST_TEXT_MAX])
{
	size_t n = strlen(hex);

	if ((n != 64 && n != 128) || !text_is_hex(hex, n))
		return -EINVAL;
	(void)snprintf(out, DIGEST_TEXT_MAX, "sha%s:%s", n == 128 ? "512" : "256", hex);
	return 0;
}

/* call @each for every "HEX" behind @prefix in folder @dir */
static int each_name(int xdir, const char *dir, const char *prefix,
		     int (*each)(void *data, const char *id, struct err *e), void *data, struct err *e)
{
	OWN_FD fd = openat(xdir, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	char id[DIGEST_TEXT_MAX];

	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "list %s", dir);
	(void)fd_take(&fd); /* the stream's */
	for (struct dirent *en; (en = readdir(d));)
		if (text_starts(en->d_name, prefix) && id_of(en->d_name + strlen(prefix), id) == 0 && each(data, id, e) < 0)
			return -e->eno;
	return 0;
}

struct find {
	struct engine *eng;
	json_t *rows;
	const char *prefix; /* of an ID that is looked for */
	char id[DIGEST_TEXT_MAX];
};

static int take_row(void *data, const char *id, struct err *e)
{
	struct find *f = data;
	struct image img = { 0 };
	struct err gone = { 0 };

	(void)e;
	if (!image_is_mounted(&f->eng->store, id))
		return 0;
	/* removed by force while it was mounted: it is still there to be unmounted */
	if (image_load(&f->eng->store, id, &img, &gone) < 0)
		(void)snprintf(img.id, sizeof img.id, "%s", id);
	json_array_append_new(f->rows, row(&f->eng->store, &img));
	image_done(&img);
	return 0;
}

int engine_image_mounts(struct engine *eng, json_t **ret, struct err *e)
{
	OWN_JSON rows = json_array();
	struct find f = { .eng = eng, .rows = rows };

	if (!rows || each_name(eng->store.run_fd, "images", "", take_row, &f, e) < 0)
		return rows ? -e->eno : err_new(e, E_NOMEM, ENOMEM, "image mount");
	*ret = ptr_take(&rows);
	return 0;
}

static int take_match(void *data, const char *id, struct err *e)
{
	struct find *f = data;

	if (!text_starts(digest_hex(id), f->prefix) || !image_is_mounted(&f->eng->store, id))
		return 0;
	if (*f->id)
		return err_new(e, E_CONFLICT, EINVAL, "several mounted images begin with %s", f->prefix);
	memcpy(f->id, id, sizeof f->id);
	return 0;
}

/* an image, or what is mounted of one that was removed */
static int find_mounted(struct engine *eng, const char *ref, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	struct find f = { .eng = eng, .prefix = text_starts(ref, "sha256:") ? ref + 7 : ref };
	struct err why = { 0 };

	if (image_find(&eng->store, ref, ret_id, e) == 0)
		return 0;
	if (each_name(eng->store.run_fd, "images", "", take_match, &f, &why) < 0 || !*f.id)
		return -e->eno;
	err_clear(e);
	memcpy(ret_id, f.id, sizeof f.id);
	return 0;
}

int engine_image_unmount(struct engine *eng, const char *ref, bool force, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	OWN_FD lock = -1;

	if (find_mounted(eng, ref, ret_id, e) < 0 || lock_mounts(&eng->store, &lock, e) < 0)
		return -e->eno;
	uint32_t n = count_of(&eng->store, ret_id);
	if (!n && !force)
		return err_new(e, E_STATE, EINVAL, "image %s is not mounted", ref);
	if (n > 1 && !force)
		return count_set(&eng->store, ret_id, n - 1, e);
	return take_down(eng, ret_id, force ? MNT_DETACH : 0, e);
}

static int sweep_one(void *data, const char *id, struct err *e)
{
	struct find *f = data;

	return image_is_mounted(&f->eng->store, id) ? 0 : take_down(f->eng, id, MNT_DETACH, e);
}

int engine_image_mounts_sweep(struct engine *eng, struct err *e)
{
	struct find f = { .eng = eng };
	struct stat st;
	OWN_FD lock = -1;

	/* no image was ever mounted here */
	if (fstatat(eng->store.run_fd, "images", &st, 0) < 0 && fstatat(eng->store.root_fd, "containers", &st, 0) < 0)
		return 0;
	if (lock_mounts(&eng->store, &lock, e) < 0 ||
	    each_name(eng->store.run_fd, "images", "", sweep_one, &f, e) < 0)
		return -e->eno;
	/* after a reboot nothing is left below RUN */
	return each_name(eng->store.root_fd, "containers", IMAGE_MOUNT_PREFIX, sweep_one, &f, e);
}
