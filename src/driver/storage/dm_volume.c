/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes in the thin pool of a store: see dm_int.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/dm_int.h"

enum { ID_MAX = (1 << 24) - 1, SECTOR = 512, TRIES = 100, CLAIM_MAX = 24, VOLUME_NAME_MAX = DM_NAME_MAX };

/* the same for all who have the pool, however they came to it */
static void volume_name(const struct dm_pool *p, uint32_t id, char out[VOLUME_NAME_MAX])
{
	(void)snprintf(out, VOLUME_NAME_MAX, "onggi-%u:%u-%u", major(p->dev), minor(p->dev), id);
}

static void claim_path(const char *folder, uint32_t id, char out[CLAIM_MAX])
{
	(void)snprintf(out, CLAIM_MAX, "%s/%u", folder, id);
}

/* the number in a note: 1; 0: there is no note; negative: it cannot be told */
static int note_read(const struct store *s, const char *note, uint32_t *ret)
{
	OWN_STR text = NULL;
	struct err why = { 0 };

	if (io_read_file(s->root_fd, note, CLAIM_MAX, &text, NULL, &why) < 0)
		return why.eno == ENOENT || why.eno == ENOTDIR ? 0 : -why.eno;
	return text_uint32(text, ret) < 0 ? -EINVAL : 1;
}

/* whether number @id is claimed by the owner of @note */
static bool claim_is(const struct dm_pool *p, uint32_t id, const char *note)
{
	char path[CLAIM_MAX], text[STORAGE_PATH_MAX];

	claim_path("ids", id, path);
	ssize_t n = readlinkat(p->dir, path, text, sizeof text);
	return n == (ssize_t)strlen(note) && !memcmp(text, note, (size_t)n);
}

int dm_volume_find(const struct dm_pool *p, const char *note, uint32_t *ret_id, struct err *e)
{
	uint32_t id;

	if (note_read(p->s, note, &id) <= 0 || !claim_is(p, id, note))
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: the volume was never completed", note);
	*ret_id = id;
	return 0;
}

/* 0: @id is claimed for @note, 1: it is another's */
static int claim(const struct dm_pool *p, uint32_t id, const char *note, struct err *e)
{
	char path[CLAIM_MAX], dead[CLAIM_MAX], text[CLAIM_MAX];

	(void)snprintf(text, sizeof text, "%u", id);
	if (io_replace_file(p->s->root_fd, note, text, strlen(text), 0600, 0, e) < 0)
		return -e->eno;
	claim_path("ids", id, path);
	claim_path("dead", id, dead);
	if (symlinkat(note, p->dir, path) < 0)
		return errno == EEXIST ? 1 : err_sys(e, errno, "claim volume %u", id);
	if (!faccessat(p->dir, dead, F_OK, AT_SYMLINK_NOFOLLOW) || errno != ENOENT) {
		(void)unlinkat(p->dir, path, 0);
		return 1;
	}
	/* the pool keeps what it is told: a volume without a claim would never be found after a power loss */
	OWN_FD ids = openat(p->dir, "ids", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return ids < 0 || fsync(ids) < 0 ? err_sys(e, errno, "claim volume %u", id) : 0;
}

int dm_volume_make(const struct dm_pool *p, const char *note, int64_t origin, uint32_t *ret_id, struct err *e)
{
	char path[CLAIM_MAX];

	for (int tries = 0; tries < TRIES; tries++) {
		uint32_t id;

		if (getrandom(&id, sizeof id, 0) != sizeof id)
			return err_sys(e, errno, "random number");
		id &= ID_MAX;
		int r = claim(p, id, note, e);
		if (r > 0)
			continue;
		if (r < 0)
			return r;
		/* the origin need not be suspended: an image's volume is not written any more */
		r = origin < 0 ? dm_message(p->ctl, p->name, e, "create_thin %u", id) :
				 dm_message(p->ctl, p->name, e, "create_snap %u %u", id, (unsigned)origin);
		if (!r) {
			*ret_id = id;
			return 0;
		}
		claim_path("ids", id, path);
		(void)unlinkat(p->dir, path, 0);
		if (r != -EEXIST)
			return r;
	}
	return err_new(e, E_BUSY, EBUSY, "no free number for a volume in %s", p->name);
}

int dm_volume_start(const struct dm_pool *p, const char *note, uint32_t id, char path[DM_PATH_MAX], int *ret_fd,
		    struct err *e)
{
	char name[VOLUME_NAME_MAX], table[DM_NAME_MAX];
	OWN_FD lock = -1, fd = -1;
	struct dm_device d;

	/* of several that start it at the same time all get the one device: two would have a cache each. The note is
	 * never replaced once there is a volume. */
	if (lock_take(p->s->root_fd, note, LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	volume_name(p, id, name);
	(void)snprintf(table, sizeof table, "%u:%u %u", major(p->dev), minor(p->dev), id);
	for (int tries = 0; tries < TRIES; tries++) {
		struct err none = { 0 };
		int r = dm_status(p->ctl, name, &d, &none);
		if (r >= 0 && !d.live && dm_remove(p->ctl, name, false, e) < 0 && e->eno != ENXIO)
			return err_ctx(e, "left by one that was killed");
		if (r < 0 || !d.live) {
			if (dm_make(p->ctl, name, p->volume_bytes / SECTOR, "thin", table, e) < 0 ||
			    dm_status(p->ctl, name, &d, e) < 0)
				return -e->eno;
		}
		r = dm_node(d.dev, path, &fd, e);
		if (r == -ENXIO || r == -ENOENT) /* its last user has just gone, and it with him */
			continue;
		if (r < 0 || dm_remove(p->ctl, name, true, e) < 0)
			return -e->eno;
		*ret_fd = fd_take(&fd);
		return 0;
	}
	return err_new(e, E_BUSY, EBUSY, "device %s ends again and again", name);
}

/* 0: deleted, or was never made; -EBUSY: in use */
static int volume_delete(const struct dm_pool *p, uint32_t id, struct err *e)
{
	char name[VOLUME_NAME_MAX];
	struct err none = { 0 };

	volume_name(p, id, name);
	/* left without a user by one that was killed; else it waits for its last user */
	if (dm_remove(p->ctl, name, true, &none) < 0 && none.eno != ENXIO) {
		*e = none;
		return -e->eno;
	}
	int r = dm_message(p->ctl, p->name, e, "delete %u", id);
	return r == -ENODATA ? 0 : r;
}

/* delete claimed volume @id, or note that it has to be */
static int drop(const struct dm_pool *p, uint32_t id, struct err *e)
{
	char path[CLAIM_MAX], dead[CLAIM_MAX];

	claim_path("ids", id, path);
	claim_path("dead", id, dead);
	int r = volume_delete(p, id, e);
	if (r == -EBUSY)
		return renameat(p->dir, path, p->dir, dead) < 0 && errno != ENOENT ? err_sys(e, errno, "note %s", dead) : 0;
	if (r < 0)
		return r;
	return unlinkat(p->dir, path, 0) < 0 && errno != ENOENT ? err_sys(e, errno, "give up %s", path) : 0;
}

int dm_volume_drop(const struct dm_pool *p, const char *note, struct err *e)
{
	uint32_t id;

	int r = note_read(p->s, note, &id);
	if (r < 0)
		return err_sys(e, -r, "read %s", note);
	return !r || !claim_is(p, id, note) ? 0 : drop(p, id, e);
}

/* whether the owner of claim ids/@name is there and has that number in its note */
static bool is_owned(const struct dm_pool *p, const char *name, uint32_t id)
{
	char note[STORAGE_PATH_MAX], path[CLAIM_MAX];
	uint32_t noted;

	(void)snprintf(path, sizeof path, "ids/%.12s", name);
	ssize_t n = readlinkat(p->dir, path, note, sizeof note - 1);
	if (n < 0)
		return true; /* gone meanwhile */
	note[n] = 0;
	int r = note_read(p->s, note, &noted);
	return r < 0 || (r && noted == id);
}

static void sweep_folder(const struct dm_pool *p, const char *folder)
{
	bool dead = !strcmp(folder, "dead");
	int fd = openat(p->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *en;
	struct err ignored = { 0 }; /* what cannot be removed now is met again by the next one */

	while (d && io_dir_next(d, &en, &ignored) > 0) {
		uint32_t id;
		if (text_uint32(en->d_name, &id) < 0 || (!dead && is_owned(p, en->d_name, id)))
			continue;
		if (!dead)
			(void)drop(p, id, &ignored);
		else if (volume_delete(p, id, &ignored) >= 0)
			(void)unlinkat(fd, en->d_name, 0);
	}
}

void dm_volume_sweep(const struct dm_pool *p, bool all)
{
	struct err ignored = { 0 };
	OWN_FD lock = -1;

	/* one at a time: a second one would delete by an old list what has become another's */
	if (lock_take(p->dir, "sweep", LOCK_EXCLUSIVE | LOCK_NOWAIT, &lock, &ignored) < 0)
		return;
	sweep_folder(p, "dead");
	if (all)
		sweep_folder(p, "ids");
}
