/* SPDX-License-Identifier: Apache-2.0
 *
 * The thin pool of a store: see dm_int.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/dm_int.h"
#include "format/js.h"
#include "sys/loopdev.h"

#define POOL_DIR    "devicemapper"
#define POOL_RECORD "pool.json"

enum { SECTOR = 512, BLOCK_SECTORS = 128, LOW_WATER_BLOCKS = 64, RECORD_MAX = 4096 };
/* docker's: dm.loopdatasize, dm.basesize, dm.min_free_space */
#define LOOP_BYTES   (100LL << 30)
#define VOLUME_BYTES (10LL << 30)
enum { FREE_PART = 10 };

struct record {
	char pool[DM_NAME_MAX]; /* device of the user; "": ours */
	int64_t data_bytes, volume_bytes;
};

bool dm_pool_exists(const struct store *s)
{
	return !faccessat(s->root_fd, POOL_DIR "/" POOL_RECORD, F_OK, AT_SYMLINK_NOFOLLOW);
}

void dm_pool_close(struct dm_pool *p)
{
	io_close_all((int *const[]){ &p->ctl, &p->fd, &p->dir, &p->use }, 4);
}

static int record_load(int dir, struct record *ret, struct err *e)
{
	OWN_JSON j = NULL;

	if (js_load(dir, POOL_RECORD, RECORD_MAX, &j, e) < 0)
		return -e->eno;
	ret->data_bytes = js_int(j, "data_bytes", 0);
	ret->volume_bytes = js_int(j, "volume_bytes", 0);
	const char *pool = js_str(j, "pool", "");
	if (ret->volume_bytes <= 0 || strlen(pool) >= sizeof ret->pool || strchr(pool, '/'))
		return err_new(e, E_CORRUPT, EINVAL, POOL_DIR "/" POOL_RECORD " is damaged");
	(void)snprintf(ret->pool, sizeof ret->pool, "%s", pool);
	return 0;
}

static int size_of(const char *variable, int64_t otherwise, int64_t least, int64_t *ret, struct err *e)
{
	const char *text = getenv(variable);

	*ret = otherwise;
	if (text && *text && text_bytes(text, ret) < 0)
		return err_new(e, E_INVALID, EINVAL, "%s: \"%s\" is no size", variable, text);
	if (*ret < least)
		return err_new(e, E_INVALID, ERANGE, "%s: \"%s\" is too small: at least %lldm", variable, text,
			       (long long)(least >> 20));
	*ret &= ~(int64_t)(BLOCK_SECTORS * SECTOR - 1);
	return 0;
}

/* what the environment asks for, for a store that has no pool yet */
static int record_new(struct record *r, struct err *e)
{
	const char *pool = getenv("ONGGI_DM_THINPOOL");

	*r = (struct record){ 0 };
	if (size_of("ONGGI_DM_BASE_SIZE", VOLUME_BYTES, 64 << 20, &r->volume_bytes, e) < 0)
		return -e->eno;
	if (!pool || !*pool)
		return size_of("ONGGI_DM_LOOP_SIZE", LOOP_BYTES, 64 << 20, &r->data_bytes, e);
	const char *name = text_starts(pool, "/dev/mapper/") ? pool + strlen("/dev/mapper/") : pool;
	if (!*name || strchr(name, '/') || strlen(name) >= sizeof r->pool)
		return err_new(e, E_INVALID, EINVAL, "ONGGI_DM_THINPOOL: \"%s\" is not /dev/mapper/NAME", pool);
	(void)snprintf(r->pool, sizeof r->pool, "%s", name);
	return 0;
}

static int record_save(int dir, const struct record *r, struct err *e)
{
	OWN_JSON j = json_pack("{ss sI sI}", "pool", r->pool, "data_bytes", (json_int_t)r->data_bytes, "volume_bytes",
			       (json_int_t)r->volume_bytes);

	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "record of the pool");
	return js_save(dir, POOL_RECORD, j, 0600, IO_DURABLE, e);
}

static int status_of(const struct dm_pool *p, struct dm_pool_status *ret, struct err *e)
{
	char type[DM_NAME_MAX], line[DM_TEXT_MAX];

	if (dm_target_status(p->ctl, p->name, type, line, e) < 0)
		return -e->eno;
	if (strcmp(type, "thin-pool") != 0)
		return err_new(e, E_INVALID, EINVAL, "device %s is no thin pool (%s)", p->name, type);
	return dm_pool_status_parse(line, ret, e);
}

/* a pool of the user, for us alone: empty, and marked by the one that comes first. The record is there before the
 * mark, so that a killed one does not keep it from its own store. */
static int pool_take(const struct dm_pool *p, const struct record *r, bool is_new, struct err *e)
{
	struct dm_pool_status st;

	if (status_of(p, &st, e) < 0)
		return -e->eno;
	if (st.transaction == 1 && !is_new)
		return 0;
	if (st.used_data || st.transaction) {
		err_new(e, E_CONFLICT, EBUSY, "thin pool %s is in use: transaction ID %llu, %llu blocks used", p->name,
			(unsigned long long)st.transaction, (unsigned long long)st.used_data);
		err_hint(e, "give the store an empty thin pool of its own");
		return -e->eno;
	}
	if (is_new && record_save(p->dir, r, e) < 0)
		return -e->eno;
	if (dm_message(p->ctl, p->name, e, "set_transaction_id 0 1") < 0) {
		if (is_new)
			(void)unlinkat(p->dir, POOL_RECORD, 0); /* another store was first */
		return -e->eno;
	}
	return 0;
}

static int file_open(int dir, const char *name, int64_t new_bytes, int *ret_fd, struct err *e)
{
	int make = new_bytes ? O_CREAT | O_TRUNC : 0;

	OWN_FD fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | make, 0600);
	if (fd < 0)
		return err_sys(e, errno, "open " POOL_DIR "/%s", name);
	if (new_bytes && ftruncate(fd, new_bytes) < 0)
		return err_sys(e, errno, "make " POOL_DIR "/%s", name);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* 48 bytes per block of data is the most that its metadata takes; of 2 MiB to 16 GiB, which the kernel takes */
static int64_t metadata_bytes(int64_t data_bytes)
{
	int64_t n = data_bytes / (BLOCK_SECTORS * SECTOR) * 64;

	return n < (4 << 20) ? 4 << 20 : n > (15LL << 30) ? 15LL << 30 : n;
}

/* Under the lock: the device of the pool in our files. The files of a store are opened by one device only, whose name
 * is made of the folder's identity: two over the same metadata would destroy it. */
static int pool_start(const struct dm_pool *p, const struct record *r, bool is_new, struct err *e)
{
	OWN_FD data = -1, meta = -1, data_loop = -1, meta_loop = -1;
	char path[LOOPDEV_PATH_MAX], table[160];
	struct stat data_st, meta_st;

	if (file_open(p->dir, "data", is_new ? r->data_bytes : 0, &data, e) < 0 ||
	    file_open(p->dir, "metadata", is_new ? metadata_bytes(r->data_bytes) : 0, &meta, e) < 0 ||
	    loopdev_open(data, POOL_DIR, path, &data_loop, e) < 0 || loopdev_open(meta, POOL_DIR, path, &meta_loop, e) < 0)
		return -e->eno;
	if (fstat(data_loop, &data_st) < 0 || fstat(meta_loop, &meta_st) < 0)
		return err_sys(e, errno, "stat loop devices");
	dev_t data_dev = data_st.st_rdev, meta_dev = meta_st.st_rdev;
	/* a new block is not zeroed: what reads it is a file system, which knows what it has written. And what has no
	 * room fails, or containers would hang for a minute. */
	(void)snprintf(table, sizeof table, "%u:%u %u:%u %d %d 2 skip_block_zeroing error_if_no_space", major(meta_dev),
		       minor(meta_dev), major(data_dev), minor(data_dev), BLOCK_SECTORS, LOW_WATER_BLOCKS);
	return dm_make(p->ctl, p->name, (uint64_t)r->data_bytes / SECTOR, "thin-pool", table, e);
}

static int name_own(struct dm_pool *p, struct err *e)
{
	struct stat st;

	if (fstat(p->dir, &st) < 0)
		return err_sys(e, errno, "stat " POOL_DIR);
	(void)snprintf(p->name, sizeof p->name, "onggi-%u:%u-%llu-pool", major(st.st_dev), minor(st.st_dev),
		       (unsigned long long)st.st_ino);
	return 0;
}

/* Under the lock: @p->name, and its device if there is one. 1: live, 0: not. */
static int pool_find(struct dm_pool *p, const struct record *r, struct dm_device *ret, struct err *e)
{
	struct err none = { 0 };

	if (*r->pool)
		(void)snprintf(p->name, sizeof p->name, "%s", r->pool);
	else if (name_own(p, e) < 0)
		return -e->eno;
	if (dm_status(p->ctl, p->name, ret, &none) < 0) {
		if (none.eno != ENXIO || *r->pool) {
			*e = none;
			return err_ctx(e, "thin pool");
		}
		return 0;
	}
	if (ret->live || *r->pool)
		return 1;
	/* left by one that was killed while it made it */
	return dm_remove(p->ctl, p->name, false, e) < 0 ? -e->eno : 0;
}

/* Under the lock. */
static int pool_get(struct dm_pool *p, bool make, struct err *e)
{
	bool is_new = make && faccessat(p->dir, POOL_RECORD, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	struct record r = { 0 };
	struct dm_device d;
	char path[DM_PATH_MAX];

	if ((is_new ? record_new(&r, e) : record_load(p->dir, &r, e)) < 0)
		return -e->eno;
	int live = pool_find(p, &r, &d, e);
	if (live < 0)
		return live;
	if (*r.pool && pool_take(p, &r, is_new, e) < 0)
		return -e->eno;
	if (!*r.pool && live && is_new) {
		/* of a maker that was killed before it wrote the record */
		if (dm_remove(p->ctl, p->name, false, e) < 0)
			return err_ctx(e, "thin pool of an earlier store");
		live = 0;
	}
	if (!live && (pool_start(p, &r, is_new, e) < 0 || dm_status(p->ctl, p->name, &d, e) < 0))
		return err_ctx(e, "start the thin pool");
	if (dm_node(d.dev, path, &p->fd, e) < 0)
		return err_ctx(e, "thin pool");
	p->dev = d.dev;
	p->volume_bytes = (uint64_t)r.volume_bytes;
	/* shared as long as the pool is open: nobody gives it up meanwhile */
	if (lock_take(p->dir, "use", LOCK_SHARED, &p->use, e) < 0)
		return -e->eno;
	return is_new && !*r.pool ? record_save(p->dir, &r, e) : 0;
}

static int dir_open(const struct store *s, bool make, int *ret_dir, int *ret_lock, struct err *e)
{
	if (make && (io_mkdir_p(s->root_fd, POOL_DIR "/ids", 0700, e) < 0 ||
		     io_mkdir_p(s->root_fd, POOL_DIR "/dead", 0700, e) < 0))
		return -e->eno;
	OWN_FD dir = openat(s->root_fd, POOL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return err_sys(e, errno, "open " POOL_DIR);
	if (lock_take(dir, "lock", LOCK_EXCLUSIVE, ret_lock, e) < 0)
		return -e->eno;
	*ret_dir = fd_take(&dir);
	return 0;
}

int dm_pool_open(const struct store *s, bool make, struct dm_pool *ret, struct err *e)
{
	struct dm_pool p = DM_POOL_NULL;
	OWN_FD lock = -1;

	p.s = s;
	if (dm_open(&p.ctl, e) < 0 || dir_open(s, make, &p.dir, &lock, e) < 0 || pool_get(&p, make, e) < 0) {
		dm_pool_close(&p);
		return err_ctx(e, "devicemapper");
	}
	*ret = p;
	return 0;
}

int dm_pool_room(const struct dm_pool *p, struct err *e)
{
	struct dm_pool_status st;

	if (status_of(p, &st, e) < 0)
		return -e->eno;
	if (st.failed || st.needs_check) {
		err_new(e, E_IO, EIO, "devicemapper: thin pool %s has damaged metadata", p->name);
		err_hint(e, "repair it with: thin_repair, of thin-provisioning-tools");
		return -e->eno;
	}
	uint64_t data = st.total_data - st.used_data, meta = st.total_meta - st.used_meta;
	if (st.full || st.read_only || data < st.total_data / FREE_PART || meta < st.total_meta / FREE_PART) {
		err_new(e, E_NOSPACE, ENOSPC,
			"devicemapper: thin pool %s is full: %llu of %llu blocks of data and %llu of %llu of metadata "
			"are free, less than a tenth",
			p->name, (unsigned long long)data, (unsigned long long)st.total_data, (unsigned long long)meta,
			(unsigned long long)st.total_meta);
		err_hint(e, "remove containers and images, or extend the pool");
		return -e->eno;
	}
	return 0;
}

static bool is_empty(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *en;
	struct err ignored = { 0 };

	return d && !io_dir_next(d, &en, &ignored);
}

void dm_pool_retire(const struct store *s)
{
	OWN_POOL p = DM_POOL_NULL;
	struct err ignored = { 0 };
	struct record r = { 0 };
	struct dm_device d;
	OWN_FD lock = -1;

	if (!dm_pool_exists(s) || dm_open(&p.ctl, &ignored) < 0 || dir_open(s, false, &p.dir, &lock, &ignored) < 0 ||
	    lock_take(p.dir, "use", LOCK_EXCLUSIVE | LOCK_NOWAIT, &p.use, &ignored) < 0 || !is_empty(p.dir, "ids") ||
	    !is_empty(p.dir, "dead") || record_load(p.dir, &r, &ignored) < 0)
		return;
	int live = pool_find(&p, &r, &d, &ignored);
	if (live < 0)
		return;
	/* the record goes first: a pool without it is started anew, or looked at whether it is empty */
	if (*r.pool) {
		if (!unlinkat(p.dir, POOL_RECORD, 0))
			(void)dm_message(p.ctl, p.name, &ignored, "set_transaction_id 1 0");
		return;
	}
	/* refused while a volume is not ended yet */
	if (live && dm_remove(p.ctl, p.name, false, &ignored) < 0)
		return;
	if (!unlinkat(p.dir, POOL_RECORD, 0)) {
		(void)unlinkat(p.dir, "data", 0);
		(void)unlinkat(p.dir, "metadata", 0);
	}
}
