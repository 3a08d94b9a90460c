/* SPDX-License-Identifier: Apache-2.0
 *
 * What files take: see storage.h. As du counts: a file of several names once, of a sparse one the blocks
 * that it has. What is mounted somewhere below belongs to somebody else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"
#include "driver/storage/storage.h"

enum { DEPTH_MAX = 400, SEEN_MIN = 256 };

void storage_seen_done(struct storage_seen *seen)
{
	free(seen->slots);
	*seen = (struct storage_seen){ 0 };
}

static size_t slot_of(const struct storage_seen *seen, uint64_t dev, uint64_t ino)
{
	size_t i = (size_t)((ino ^ dev << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20) % seen->size;

	while (seen->slots[i].ino && (seen->slots[i].ino != ino || seen->slots[i].dev != dev))
		i = (i + 1) % seen->size;
	return i;
}

static bool grow(struct storage_seen *seen)
{
	struct storage_seen more = { .size = seen->size ? seen->size * 2 : SEEN_MIN, .n = seen->n };

	if (!(more.slots = calloc(more.size, sizeof *more.slots)))
		return false;
	for (size_t i = 0; i < seen->size; i++)
		if (seen->slots[i].ino)
			more.slots[slot_of(&more, seen->slots[i].dev, seen->slots[i].ino)] = seen->slots[i];
	free(seen->slots);
	*seen = more;
	return true;
}

/* whether another name of the file was counted. Without memory one is counted twice. */
static bool is_seen(struct storage_seen *seen, const struct stat *st)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode) || (seen->n * 2 >= seen->size && !grow(seen)))
		return false;
	struct storage_inode *slot = &seen->slots[slot_of(seen, st->st_dev, st->st_ino)];
	if (slot->ino)
		return true;
	*slot = (struct storage_inode){ st->st_dev, st->st_ino };
	seen->n++;
	return false;
}

static void count(const struct stat *st, struct storage_usage *sum)
{
	if (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode))
		sum->bytes += (uint64_t)st->st_size;
	sum->disk_bytes += (uint64_t)st->st_blocks * 512;
}

/* Takes @fd. What goes meanwhile is not counted. */
static void walk(int fd, dev_t dev, int depth, struct storage_seen *seen, struct storage_usage *sum)
{
	OWN_DIR d = fdopendir(fd);
	struct stat st;

	if (!d) {
		close(fd);
		return;
	}
	for (struct dirent *en; (en = readdir(d));) {
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, "..") ||
		    fstatat(fd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_seen(seen, &st))
			continue;
		/* a subvolume of btrfs has a number of its own, too, and is ours */
		if (st.st_dev != dev && libc_is_mount_root(fd, en->d_name, AT_SYMLINK_NOFOLLOW) > 0)
			continue;
		count(&st, sum);
		if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
			continue;
		int sub = openat(fd, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			walk(sub, st.st_dev, depth + 1, seen, sum);
	}
}

void storage_usage_add(int xdir, const char *name, struct storage_seen *seen, struct storage_usage *sum)
{
	struct stat st;

	if (fstatat(xdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_seen(seen, &st))
		return;
	count(&st, sum);
	int fd = S_ISDIR(st.st_mode) ? openat(xdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0)
		walk(fd, st.st_dev, 0, seen, sum);
}

uint64_t storage_tree_bytes(int xdir, const char *name)
{
	OWN_STORAGE_SEEN seen = { 0 };
	struct storage_usage sum = { 0 };

	storage_usage_add(xdir, name, &seen, &sum);
	return sum.bytes;
}
