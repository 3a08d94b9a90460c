/* SPDX-License-Identifier: Apache-2.0
 *
 * The datasets of a store, by the program zfs: see zfs_int.h. It ends with status 1 for every failure, so the end of
 * what it says (in English: LC_ALL=C) tells "there is none" and "in use" from the rest, as others do it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/zfs_int.h"
#include "sys/tool.h"

#define NOTE "zfs/dataset"
#define LEFT "zfs/left"

enum { ZFS_MAGIC = 0x2fc12fc1, FUSE_MAGIC = 0x65735546, LIST_MAX = 64 << 20, TAG = 16, STORE_MAX = 4096 };
bool zfs_is_noted(const struct store *s)
{
	return !faccessat(s->root_fd, NOTE, F_OK, AT_SYMLINK_NOFOLLOW);
}

static bool says(const struct err *e, const char *end)
{
	size_t n = strlen(e->chain), m = strlen(end);

	return n >= m && !strcmp(e->chain + n - m, end);
}

/* The daemon zfs-fuse closes a descriptor twice when a file system is unmounted, and with bad luck that of a question.
 * Whether it was heard is not known then. */
static bool broken_off(const struct err *e)
{
	static const char *const ends[] = { "Connection reset by peer", "file descriptor closed", "ended by signal 13" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (says(e, ends[i]))
			return true;
	return false;
}

enum { TRIES = 20 };

int zfs_run(const char *const *argv, const char *done, struct err *e)
{
	for (int tries = 1;; tries++) {
		struct err why = { 0 };
		if (tool_run(argv, &why) >= 0 || (done && tries > 1 && says(&why, done)))
			return 0;
		if (tries < TRIES && broken_off(&why))
			continue;
		*e = why;
		return -e->eno;
	}
}

static int zfs_read(const char *const *argv, char **ret, struct err *e)
{
	for (int tries = 1;; tries++) {
		struct err why = { 0 };
		if (tool_read(argv, LIST_MAX, ret, &why) >= 0)
			return 0;
		if (tries < TRIES && broken_off(&why))
			continue;
		*e = why;
		return -e->eno;
	}
}

/* the first line of `zfs list` of one dataset or path. E_NOT_FOUND: there is none of that name */
static int list_one(const char *what, char ret[ZFS_NAME_MAX], struct err *e)
{
	const char *const argv[] = { "zfs", "list", "-H", "-o", "name", what, NULL };
	OWN_STR text = NULL;

	if (zfs_read(argv, &text, e) < 0) {
		if (says(e, "dataset does not exist") || says(e, "no such pool"))
			e->kind = E_NOT_FOUND;
		return -e->eno;
	}
	size_t n = strcspn(text, "\n");
	if (!n || n >= ZFS_NAME_MAX)
		return err_new(e, E_UNSUPPORTED, EINVAL, "%s is not on zfs", what);
	(void)snprintf(ret, ZFS_NAME_MAX, "%.*s", (int)n, text);
	return 0;
}

static int parent_of_store(const struct store *s, char ret[ZFS_NAME_MAX], struct err *e)
{
	struct statfs fs;

	if (fstatfs(s->root_fd, &fs) < 0)
		return err_sys(e, errno, "statfs %s", s->root);
	if ((fs.f_type != ZFS_MAGIC && fs.f_type != FUSE_MAGIC) || list_one(s->root, ret, e) < 0) {
		err_new(e, E_UNSUPPORTED, EINVAL, "%s is not on zfs, and ONGGI_ZFS_FSNAME names no dataset", s->root);
		err_hint(e, "name one with ONGGI_ZFS_FSNAME=POOL/NAME");
		return -e->eno;
	}
	return 0;
}

/* where the store's own dataset is to be */
static int parent(const struct store *s, char ret[ZFS_NAME_MAX], struct err *e)
{
	const char *name = getenv("ONGGI_ZFS_FSNAME");

	if (!name || !*name)
		return parent_of_store(s, ret, e);
	if (*name == '/' || *name == '-' || strpbrk(name, "@# \t\n") || strlen(name) + ZFS_PART_MAX + 32 > ZFS_NAME_MAX)
		return err_new(e, E_INVALID, EINVAL, "ONGGI_ZFS_FSNAME: \"%s\" is not POOL/NAME of a dataset", name);
	if (list_one(name, ret, e) < 0) {
		if (e->kind == E_NOT_FOUND)
			err_hint(e, "make it with: zfs create %s", name);
		e->kind = E_UNSUPPORTED;
		return err_ctx(e, "ONGGI_ZFS_FSNAME");
	}
	return 0;
}

int zfs_check(const struct store *s, struct err *e)
{
	char path[TOOL_PATH_MAX], name[ZFS_NAME_MAX];

	if (storage_in_userns())
		return err_new(e, E_UNSUPPORTED, EPERM, "only root of the host can make and mount datasets");
	if (tool_find("zfs", path, e) < 0) {
		err_hint(e, "install the package zfsutils-linux");
		return -e->eno;
	}
	return zfs_by_kernel(e) < 0 || (!zfs_is_noted(s) && parent(s, name, e) < 0) ? -e->eno : 0;
}

static int note_read(const struct store *s, char ret[ZFS_NAME_MAX], struct err *e)
{
	OWN_STR text = NULL;
	size_t n;

	if (io_read_file(s->root_fd, NOTE, ZFS_NAME_MAX, &text, &n, e) < 0)
		return -e->eno;
	if (n >= ZFS_NAME_MAX || strlen(text) != n || !strchr(text, '/') || *text == '-' || *text == '/')
		return err_new(e, E_CORRUPT, EINVAL, "%s is damaged", NOTE);
	(void)snprintf(ret, ZFS_NAME_MAX, "%s", text);
	return 0;
}

static int note_make(const struct store *s, char ret[ZFS_NAME_MAX], struct err *e)
{
	char id[65], name[ZFS_NAME_MAX + TAG + sizeof "/onggi-"], up[ZFS_NAME_MAX];
	OWN_FD lock = -1;

	if (lock_take(s->root_fd, "zfs/lock", LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	if (zfs_is_noted(s)) /* by another one meanwhile */
		return note_read(s, ret, e);
	int r = parent(s, up, e);
	if (r >= 0 && (r = text_random_id(id)) < 0)
		err_sys(e, -r, "random name");
	if (r < 0)
		return r;
	int n = snprintf(name, sizeof name, "%s/onggi-%.*s", up, TAG, id);
	if (n + ZFS_PART_MAX >= ZFS_NAME_MAX)
		return err_new(e, E_INVALID, ENAMETOOLONG, "the name of dataset %s is too long", up);
	if (io_replace_file(s->root_fd, NOTE, name, (size_t)n, 0600, IO_DURABLE, e) < 0)
		return -e->eno;
	(void)snprintf(ret, ZFS_NAME_MAX, "%.*s", n, name);
	return 0;
}

int zfs_open(const struct store *s, bool make, struct zfs *ret, struct err *e)
{
	int kernel = zfs_by_kernel(e);

	if (kernel < 0)
		return -e->eno;
	*ret = (struct zfs){ .s = s, .fuse = !kernel };
	if (zfs_is_noted(s) || !make)
		return note_read(s, ret->name, e);
	return io_mkdir_p(s->root_fd, "zfs", 0700, e) < 0 ? -e->eno : note_make(s, ret->name, e);
}

static void name_of(const struct zfs *z, const char *part, char out[ZFS_NAME_MAX + ZFS_PART_MAX])
{
	(void)snprintf(out, ZFS_NAME_MAX + ZFS_PART_MAX, "%s%s%s", z->name, *part ? "/" : "", part);
}

int zfs_has(const struct zfs *z, const char *part, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX], found[ZFS_NAME_MAX];
	struct err why = { 0 };

	name_of(z, part, name);
	if (list_one(name, found, &why) >= 0)
		return 1;
	if (why.kind == E_NOT_FOUND)
		return 0;
	*e = why;
	return -e->eno;
}

int zfs_own_make(const struct zfs *z, struct err *e)
{
	char store[STORE_MAX + sizeof "onggi:store="];
	/* legacy: mounted by us only, and so are all below it */
	const char *const argv[] = { "zfs", "create", "-o", "mountpoint=legacy", "-o", "com.sun:auto-snapshot=false",
				     "-o", store, z->name, NULL };
	OWN_FD lock = -1;

	(void)snprintf(store, sizeof store, "onggi:store=%s", z->s->root);
	if (lock_take(z->s->root_fd, "zfs/lock", LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	int has = zfs_has(z, "", e);
	return has ? (has < 0 ? has : 0) : zfs_run(argv, "dataset already exists", e);
}

int zfs_create(const struct zfs *z, const char *part, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX];
	/* noauto: not mounted at once, nor with all others when the system starts */
	const char *const argv[] = { "zfs", "create", "-o", "canmount=noauto", name, NULL };

	name_of(z, part, name);
	return zfs_run(argv, "dataset already exists", e);
}

int zfs_snapshot(const struct zfs *z, const char *part, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX + sizeof "@" ZFS_WHOLE];
	const char *const argv[] = { "zfs", "snapshot", name, NULL };

	(void)snprintf(name, sizeof name, "%s/%s@" ZFS_WHOLE, z->name, part);
	return zfs_run(argv, "dataset already exists", e);
}

int zfs_clone(const struct zfs *z, const char *from, const char *part, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX], origin[ZFS_NAME_MAX + ZFS_PART_MAX + sizeof "@" ZFS_WHOLE];
	const char *const argv[] = { "zfs", "clone", "-o", "canmount=noauto", origin, name, NULL };

	(void)snprintf(origin, sizeof origin, "%s/%s@" ZFS_WHOLE, z->name, from);
	name_of(z, part, name);
	return zfs_run(argv, "dataset already exists", e);
}

int zfs_quota(const struct zfs *z, const char *part, uint64_t bytes, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX], set[40];
	const char *const argv[] = { "zfs", "set", set, name, NULL };

	(void)snprintf(set, sizeof set, "quota=%llu", (unsigned long long)bytes);
	name_of(z, part, name);
	return zfs_run(argv, NULL, e);
}

/* one try. 0: it is gone; -EBUSY */
static int destroy(const char *name, struct err *e)
{
	/* with snapshots, which others may have made (of all datasets, by a timer) */
	const char *const argv[] = { "zfs", "destroy", "-r", name, NULL };
	static const char *const busy[] = { "dataset is busy", "target is busy.", "has dependent clones", "has children" };

	if (zfs_run(argv, NULL, e) >= 0 || says(e, "dataset does not exist"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(busy); i++)
		if (says(e, busy[i])) {
			e->kind = E_BUSY;
			e->eno = EBUSY;
		}
	return -e->eno;
}

int zfs_destroy(const struct zfs *z, const char *part, struct err *e)
{
	char name[ZFS_NAME_MAX + ZFS_PART_MAX];
	const int64_t end = clock_mono_ns() + ZFS_WAIT_NS;
	OWN_FD watch = -1;

	name_of(z, part, name);
	/* watched before the first try: nothing is missed in between */
	if ((z->fuse && zfs_watch(&watch, e) < 0) || zfs_unmount(z, part, e) < 0)
		return -e->eno;
	for (;;) {
		struct err why = { 0 };
		int r = destroy(name, &why);
		if (r >= 0)
			return 0;
		if (r == -EBUSY && z->fuse && !says(&why, "clones")) {
			int again = zfs_wait(watch, end, e);
			if (again > 0)
				continue;
			if (again < 0)
				return again;
		}
		*e = why;
		return r;
	}
}

bool zfs_left(const struct store *s)
{
	return !faccessat(s->root_fd, LEFT, F_OK, AT_SYMLINK_NOFOLLOW);
}

int zfs_left_note(const struct store *s, struct err *e)
{
	return io_replace_file(s->root_fd, LEFT, "", 0, 0600, 0, e);
}

/* whether dataset @part has an owner, or is none of ours */
static bool is_owned(const struct zfs *z, const char *part)
{
	char path[ZFS_PART_MAX + sizeof "containers/"];
	const char *folder = text_starts(part, "c-") ? "containers" : text_starts(part, "i-") ? "snapshots" : NULL;

	if (!folder || strlen(part) > ZFS_PART_MAX)
		return true;
	(void)snprintf(path, sizeof path, "%s/%s", folder, part + 2);
	return !faccessat(z->s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) || errno != ENOENT;
}

/* datasets without an owner in @list, lines of names, are destroyed. Returns how many are there still. */
static size_t sweep_list(const struct zfs *z, char *list)
{
	struct err ignored = { 0 };
	const size_t skip = strlen(z->name) + 1;
	size_t kept = 0;
	char *save = NULL;

	/* containers first: an image's cannot go before its clones */
	for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strlen(line) <= skip)
			continue;
		if (is_owned(z, line + skip)) {
			kept++;
		} else if (zfs_destroy(z, line + skip, &ignored) < 0) {
			kept++;
			(void)zfs_left_note(z->s, &ignored); /* else the next removal of an image finds it */
		}
	}
	return kept;
}

/* give the store's own dataset up, which has none below it, unless somebody is about to make one */
static void retire(const struct zfs *z)
{
	const char *const argv[] = { "zfs", "destroy", z->name, NULL };
	struct err why = { 0 };
	OWN_FD use = -1;

	if (lock_take(z->s->root_fd, "zfs/use", LOCK_EXCLUSIVE | LOCK_NOWAIT, &use, &why) < 0)
		return;
	if (zfs_run(argv, NULL, &why) >= 0 || says(&why, "dataset does not exist"))
		(void)unlinkat(z->s->root_fd, NOTE, 0);
}

void zfs_sweep(const struct zfs *z)
{
	const char *const argv[] = { "zfs", "list", "-H", "-r", "-o", "name", "-t", "filesystem", z->name, NULL };
	struct err ignored = { 0 }; /* what cannot be done now is done by the next one */
	OWN_STR list = NULL;
	OWN_FD lock = -1;

	/* one at a time, and not while an image's dataset is made: by an old list another's would be destroyed */
	if (lock_take(z->s->root_fd, "zfs/sweep", LOCK_EXCLUSIVE | LOCK_NOWAIT, &lock, &ignored) < 0) {
		(void)zfs_left_note(z->s, &ignored);
		return;
	}
	(void)unlinkat(z->s->root_fd, LEFT, 0);
	int r = zfs_read(argv, &list, &ignored);
	if (r >= 0 ? !sweep_list(z, list) : says(&ignored, "dataset does not exist"))
		retire(z);
}
