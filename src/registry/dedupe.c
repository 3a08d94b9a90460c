/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared extents: see dedupe.h. Files are sorted by size and a hash of their first and last bytes; those that are
 * alike so far are given to the kernel in pairs, which stops at the first byte that differs. So of most files only
 * two blocks are read, and nothing is read twice but what will be shared.
 */
#include "registry/dedupe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/grow.h"
#include "base/io.h"
#include "base/own.h"
#include "base/path.h"

enum {
	ENDS_BYTES = 4096,          /* at the beginning and the end that are hashed */
	RANGE_BYTES = 16 << 20,     /* of one request: more than that btrfs does not take */
	EXTENTS_MAX = 64,
	MODELS_MAX = 16,            /* of files alike by size and hash, how many different contents are remembered */
};

struct file {
	const char *path; /* below snapshots/ */
	uint64_t size, hash;
	ino_t ino;
};

struct dedupe {
	const struct dedupe_req *q;
	struct dedupe_result *result;
	int layers;          /* snapshots/ */
	struct arena arena;
	struct file *files;
	size_t n, cap;
	const char **dirs;   /* to be read */
	size_t n_dirs, cap_dirs;
	bool works;          /* a pair was compared: the file system can */
};

static int add_dir(struct dedupe *d, const char *path, struct err *e)
{
	const char **more = path ? grow_one(d->dirs, d->n_dirs, &d->cap_dirs, sizeof *more) : NULL;

	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "list of folders");
	d->dirs = more;
	d->dirs[d->n_dirs++] = path;
	return 0;
}

static int add_file(struct dedupe *d, const char *path, const struct stat *st, struct err *e)
{
	struct file *more = path ? grow_one(d->files, d->n, &d->cap, sizeof *more) : NULL;

	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "list of files");
	d->files = more;
	d->files[d->n++] = (struct file){ path, (uint64_t)st->st_size, 0, st->st_ino };
	return 0;
}

/* what is gone by now, or too deep to be named, is passed over */
static int read_dir(struct dedupe *d, const char *path, struct err *e)
{
	OWN_FD fd = path_open_real(d->layers, path, O_RDONLY | O_DIRECTORY, 0);
	OWN_DIR list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *en;
	struct stat st;
	int r;

	if (!list) {
		d->result->failed += fd != -ENOENT && fd != -ENAMETOOLONG;
		return 0;
	}
	int at = fd_take(&fd); /* the list's now */
	while ((r = io_dir_next(list, &en, e)) > 0) {
		if (en->d_type != DT_DIR && en->d_type != DT_REG && en->d_type != DT_UNKNOWN)
			continue;
		if (fstatat(at, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && add_dir(d, arena_printf(&d->arena, "%s/%s", path, en->d_name), e) < 0)
			return -e->eno;
		if (S_ISREG(st.st_mode) && (uint64_t)st.st_size >= d->q->min_bytes &&
		    add_file(d, arena_printf(&d->arena, "%s/%s", path, en->d_name), &st, e) < 0)
			return -e->eno;
	}
	return r;
}

static int collect(struct dedupe *d, struct err *e)
{
	OWN_FD fd = openat(d->layers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *en;
	int r;

	if (!list)
		return err_sys(e, errno, "open snapshots");
	(void)fd_take(&fd);
	while ((r = io_dir_next(list, &en, e)) > 0)
		if (add_dir(d, arena_printf(&d->arena, "%s/diff", en->d_name), e) < 0)
			return -e->eno;
	while (r == 0 && d->n_dirs)
		r = read_dir(d, d->dirs[--d->n_dirs], e);
	d->result->files = d->n;
	return r;
}

static int by_size(const void *x, const void *y)
{
	const struct file *a = x, *b = y;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1; /* the large ones first: they are worth the most */
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

/* FNV-1a of both ends: it only has to keep most unlike files apart */
static uint64_t ends_hash(int xfd, uint64_t size)
{
	unsigned char block[ENDS_BYTES];
	uint64_t h = 0xcbf29ce484222325;

	for (int end = 0; end < 2; end++) {
		off_t at = end && size > sizeof block ? (off_t)(size - sizeof block) : 0;
		ssize_t n = pread(xfd, block, sizeof block, at);
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ block[i]) * 0x100000001b3;
	}
	return h;
}

/* only of files that have a twin by size */
static void hash_all(struct dedupe *d)
{
	for (size_t i = 0; i < d->n; i++) {
		bool twin = (i && d->files[i - 1].size == d->files[i].size) ||
			    (i + 1 < d->n && d->files[i + 1].size == d->files[i].size);
		OWN_FD fd = twin ? path_open_real(d->layers, d->files[i].path, O_RDONLY | O_NOFOLLOW, 0) : -1;
		if (fd >= 0)
			d->files[i].hash = ends_hash(fd, d->files[i].size);
	}
}

/* room for a struct fiemap with its list */
struct extents {
	_Alignas(struct fiemap) char room[sizeof(struct fiemap) + EXTENTS_MAX * sizeof(struct fiemap_extent)];
};

/* NULL: the file system does not say, or there are none */
static const struct fiemap *extents_of(int xfd, struct extents *x)
{
	struct fiemap *m = (struct fiemap *)x->room;

	*m = (struct fiemap){ .fm_length = FIEMAP_MAX_OFFSET, .fm_extent_count = EXTENTS_MAX };
	return ioctl(xfd, FS_IOC_FIEMAP, m) < 0 || !m->fm_mapped_extents ? NULL : m;
}

/* whether both are on the same blocks already; of a long list its beginning tells */
static bool same_blocks(int xa, int xb)
{
	struct extents room_a, room_b;
	const struct fiemap *a = extents_of(xa, &room_a), *b = extents_of(xb, &room_b);

	if (!a || !b || a->fm_mapped_extents != b->fm_mapped_extents)
		return false;
	for (uint32_t i = 0; i < a->fm_mapped_extents; i++) {
		const struct fiemap_extent *p = &a->fm_extents[i], *q = &b->fm_extents[i];
		bool told = !((p->fe_flags | q->fe_flags) & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DATA_INLINE));
		if (!told || p->fe_physical != q->fe_physical || p->fe_logical != q->fe_logical || p->fe_length != q->fe_length)
			return false;
	}
	return true;
}

/* 1: @xto is on the blocks of @xfrom now | 0: they differ | -errno */
static int share(int xfrom, int xto, uint64_t size)
{
	_Alignas(struct file_dedupe_range) char room[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)];
	struct file_dedupe_range *q = (struct file_dedupe_range *)room;

	for (uint64_t at = 0; at < size;) {
		uint64_t want = size - at < RANGE_BYTES ? size - at : RANGE_BYTES;
		memset(room, 0, sizeof room);
		q->src_offset = at;
		q->src_length = want;
		q->dest_count = 1;
		q->info[0].dest_fd = xto;
		q->info[0].dest_offset = at;
		if (ioctl(xfrom, FIDEDUPERANGE, q) < 0)
			return -errno;
		if (q->info[0].status == FILE_DEDUPE_RANGE_DIFFERS)
			return 0;
		if (q->info[0].status < 0)
			return q->info[0].status;
		if (!q->info[0].bytes_deduped)
			return -EIO;
		at += q->info[0].bytes_deduped;
	}
	return 1;
}

static bool cannot(int r)
{
	return r == -EOPNOTSUPP || r == -ENOTTY || r == -EXDEV || r == -EINVAL;
}

/* @to against @from: 1 the same content, on the same blocks | 0 another | -errno */
static int pair(struct dedupe *d, int xfrom, const struct file *to)
{
	OWN_FD fd = path_open_real(d->layers, to->path, O_RDONLY | O_NOFOLLOW, 0);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (same_blocks(xfrom, fd)) {
		d->result->before++;
		return 1;
	}
	int r = share(xfrom, fd, to->size);
	if (r >= 0)
		d->works = true;
	if (r > 0) {
		d->result->shared++;
		d->result->shared_bytes += to->size;
	}
	return r;
}

/* files alike by size and hash: each against those before it whose content is another one each */
static int group(struct dedupe *d, const struct file *f, size_t n, struct err *e)
{
	size_t models[MODELS_MAX], n_models = 0;

	for (size_t i = 0; i < n; i++) {
		int r = 0;
		if (i && f[i].ino == f[i - 1].ino)
			continue; /* one more name */
		for (size_t k = 0; r == 0 && k < n_models; k++) {
			OWN_FD from = path_open_real(d->layers, f[models[k]].path, O_RDONLY | O_NOFOLLOW, 0);
			if (from >= 0)
				r = pair(d, from, &f[i]);
		}
		if (cannot(r) && !d->works)
			return err_new(e, E_UNSUPPORTED, -r, "%s: its file system cannot let files share extents",
				       d->q->store->root);
		d->result->failed += r < 0;
		if (r == 0 && n_models < MODELS_MAX)
			models[n_models++] = i;
	}
	return 0;
}

static int share_all(struct dedupe *d, struct err *e)
{
	for (size_t i = 0, n; i < d->n; i += n) {
		const struct file *f = &d->files[i];
		for (n = 1; i + n < d->n && f[n].size == f->size && f[n].hash == f->hash;)
			n++;
		if (n > 1 && group(d, f, n, e) < 0) {
			err_hint(e, "btrfs can, and xfs made with reflink=1");
			return -e->eno;
		}
		if (n > 1 && d->q->told)
			d->q->told(d->q->data, i + n, d->n);
	}
	return 0;
}

int dedupe(const struct dedupe_req *q, struct dedupe_result *ret, struct err *e)
{
	struct dedupe d = { .q = q, .result = ret };

	*ret = (struct dedupe_result){ 0 };
	d.layers = openat(q->store->root_fd, "snapshots", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = d.layers < 0 && errno != ENOENT ? err_sys(e, errno, "open snapshots") : 0;
	if (r == 0 && d.layers >= 0)
		r = collect(&d, e);
	if (r == 0 && d.n) {
		qsort(d.files, d.n, sizeof *d.files, by_size);
		hash_all(&d);
		qsort(d.files, d.n, sizeof *d.files, by_size);
		r = share_all(&d, e);
	}
	if (d.layers >= 0)
		close(d.layers);
	free(d.files);
	free(d.dirs);
	arena_done(&d.arena);
	return r;
}
