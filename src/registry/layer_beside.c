/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files made beside the reading of the archive. Making a file is nearly all of the time that a small one
 * takes, and the kernel makes files of different directories in parallel.
 *
 *   archive -> layer_take -> batch -> the mate, or one's own hands while it is busy
 *
 * The later entry wins, so only what cannot meet anything that is still to be made is taken, and is made in any
 * order: layer_meet() waits before an entry that has the name of a file taken, is below one, or has the name of a
 * directory above one. For that names must be real: entries whose directory has a link in its name are no
 * business of this file, and wait for all that was taken (layer_parent).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "registry/layer_int.h"

enum {
	BEGIN_AFTER = 512,        /* small files of a layer: for fewer it is not worth it */
	BATCH_FILES = 128,
	BATCH_WORTH = 32,         /* files for which the mate is woken when it has nothing to do */
	BATCH_BYTES = 128 << 10,  /* names and contents */
	FILE_BYTES_MAX = 32 << 10,
	DEPTH_MAX = 64,
	NAMES = 1024,             /* a power of two */
	NAMES_FULL = NAMES / 2,
};

struct job {
	struct layer_file file;
	unsigned path, body; /* places in the batch's bytes */
	unsigned size;
};

struct batch {
	struct job jobs[BATCH_FILES];
	unsigned n, made, used, n_names;
	uint64_t names[NAMES]; /* hashes of the names of files, and of the directories above them; 0: none */
	unsigned char bytes[BATCH_BYTES];
};

struct layer_beside {
	struct layer_apply mate, own; /* what the mate works with, and whoever reads the archive: the entry at hand
					 is none of the batch */
	struct batch batches[2];
	unsigned filling;        /* the other one is with the mate, or empty */
};

/* FNV-1a. Equal names have equal hashes; different ones with equal hashes cost a wait and nothing else. */
#define HASH_START 0xcbf29ce484222325ULL
enum { NAME_DIR = 1, NAME_FILE = 3 };

static uint64_t hash_step(uint64_t h, char c)
{
	return (h ^ (unsigned char)c) * 0x100000001b3ULL;
}

/* the place of the name, or the empty one where it would be; the table is never full */
static uint64_t *name_at(struct batch *b, uint64_t hash, unsigned kind)
{
	uint64_t value = (hash & ~3ULL) | kind;
	size_t at = (size_t)(hash >> 32) % NAMES;

	while (b->names[at] && b->names[at] != value)
		at = (at + 1) % NAMES;
	return &b->names[at];
}

static void name_add(struct batch *b, uint64_t hash, unsigned kind)
{
	uint64_t *slot = name_at(b, hash, kind);

	if (!*slot)
		b->n_names++;
	*slot = (hash & ~3ULL) | kind;
}

static void names_add(struct batch *b, const char *path)
{
	uint64_t h = HASH_START;

	for (; *path; path++) {
		if (*path == '/')
			name_add(b, h, NAME_DIR);
		h = hash_step(h, *path);
	}
	name_add(b, h, NAME_FILE);
}

static bool names_meet(struct batch *b, const char *path)
{
	uint64_t h = HASH_START;

	if (!b->n)
		return false;
	for (; *path; path++) {
		if (*path == '/' && *name_at(b, h, NAME_FILE))
			return true;
		h = hash_step(h, *path);
	}
	return *name_at(b, h, NAME_FILE) || *name_at(b, h, NAME_DIR);
}

static void batch_empty(struct batch *b)
{
	if (b->n)
		memset(b->names, 0, sizeof b->names);
	b->n = b->made = b->used = b->n_names = 0;
}

/* @path is taken by something of this layer that was there before */
static int replace(struct layer_apply *a, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	OWN_STR parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	OWN_FD fd = -1;

	if (slash && !parent)
		return err_new(e, E_NOMEM, ENOMEM, "entry name");
	if (parent) {
		fd = path_open_real(a->root, parent, O_PATH | O_DIRECTORY, 0);
		if (fd < 0) {
			errno = -fd;
			return layer_sys(a, e, "open directory");
		}
	}
	return layer_clear(a, parent ? fd : a->root, slash ? slash + 1 : path, e) < 0 ? -e->eno : 0;
}

static int make_file(struct layer_apply *a, const struct batch *b, const struct job *j, struct err *e)
{
	const char *path = (const char *)b->bytes + j->path;
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	OWN_FD fd = path_open_real(a->root, path, flags, j->file.mode & 0777);

	layer_show(a, path);
	if (fd == -EEXIST) {
		if (replace(a, path, e) < 0)
			return -e->eno;
		fd = path_open_real(a->root, path, flags, j->file.mode & 0777);
	}
	if (fd < 0) {
		errno = -fd;
		return layer_sys(a, e, "create");
	}
	return layer_write_at(a, fd, b->bytes + j->body, j->size, 0, e) < 0 ? -e->eno :
										layer_dress(a, fd, &j->file, e);
}

static int make_batch(struct layer_apply *a, struct batch *b, struct err *e)
{
	for (; b->made < b->n; b->made++)
		if (make_file(a, b, &b->jobs[b->made], e) < 0)
			return -e->eno;
	return 0;
}

/* of the mate */
static int make_other(void *data, struct err *e)
{
	struct layer_beside *w = data;

	return make_batch(&w->mate, &w->batches[!w->filling], e);
}

/* the mate's batch is done, or will be when it has been waited for */
static int collect(struct layer_apply *a, struct err *e)
{
	struct layer_beside *w = a->beside;
	int r = a->mate->wait(a->mate, e);

	layer_forget(a); /* a directory at hand may have been replaced */
	batch_empty(&w->batches[!w->filling]);
	return r;
}

/* The full batch to the mate. Until it is idle, files of it are made here, one by one: so neither waits. */
static int hand_over(struct layer_apply *a, struct err *e)
{
	struct layer_beside *w = a->beside;
	struct batch *b = &w->batches[w->filling];

	for (; b->made < b->n && !a->mate->idle(a->mate); b->made++)
		if (make_file(&w->own, b, &b->jobs[b->made], e) < 0)
			return -e->eno;
	layer_forget(a);
	if (b->made == b->n) {
		batch_empty(b);
		return 0;
	}
	if (collect(a, e) < 0)
		return -e->eno;
	w->filling = !w->filling;
	a->mate->start(a->mate, make_other, w);
	return 0;
}

int layer_drain(struct layer_apply *a, struct err *e)
{
	struct layer_beside *w = a->beside;

	if (!w || (!w->batches[0].n && !w->batches[1].n))
		return 0;
	struct batch *b = &w->batches[w->filling];
	int r = make_batch(&w->own, b, e);
	batch_empty(b);
	return r < 0 ? r : collect(a, e);
}

int layer_meet(struct layer_apply *a, const char *path, struct err *e)
{
	struct layer_beside *w = a->beside;

	if (!w || (!names_meet(&w->batches[0], path) && !names_meet(&w->batches[1], path)))
		return 0;
	return layer_drain(a, e);
}

static int begin(struct layer_apply *a, struct err *e)
{
	struct layer_beside *w = calloc(1, sizeof *w);

	if (!w)
		return err_new(e, E_NOMEM, ENOMEM, "files of a layer");
	w->mate = (struct layer_apply){ .root = a->root, .parent_fd = -1, .userxattr = a->userxattr,
					.same_owner = a->same_owner, .fsuid = a->fsuid, .fsgid = a->fsgid,
					.umask = a->umask };
	w->own = w->mate;
	a->beside = w;
	return 0;
}

void layer_beside_close(struct layer_apply *a)
{
	struct err ignored = { 0 }; /* after success nothing is left to do, and the first error counts */

	if (!a->beside)
		return;
	(void)a->mate->wait(a->mate, &ignored);
	free(a->beside);
	a->beside = NULL;
}

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int take_body(struct layer_apply *a, struct batch *b, struct job *j, struct err *e)
{
	const unsigned char *p;
	uint64_t at;
	size_t n;
	int r;

	while ((r = tar_body(a->tar, &p, &n, &at, e)) > 0) {
		memcpy(b->bytes + b->used, p, n);
		b->used += (unsigned)n;
		j->size += (unsigned)n;
	}
	return r < 0 ? err_ctx(e, "entry %s", a->shown) : 0;
}

int layer_take(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e)
{
	struct layer_beside *w = a->beside;
	const char *ignored;
	size_t n = strlen(path) + 1;
	struct job j = { 0 };
	int dir;

	if (!a->mate || en->size > FILE_BYTES_MAX || en->n_xattrs || en->hunks || n > LAYER_OPEN_PATH_MAX ||
	    depth_of(path) > DEPTH_MAX)
		return 0;
	if (!w) {
		if (++a->small_files < BEGIN_AFTER)
			return 0;
		if (begin(a, e) < 0)
			return -e->eno;
		w = a->beside;
	}
	struct batch *b = &w->batches[w->filling];
	bool full = b->n == BATCH_FILES || b->used + n + en->size > BATCH_BYTES || b->n_names > NAMES_FULL;
	if ((full || (b->n >= BATCH_WORTH && a->mate->idle(a->mate))) && hand_over(a, e) < 0)
		return -e->eno;
	/* its directory, made when missing; last, for it may wait for what was taken */
	if (layer_file_of(a, en, &j.file, e) < 0 || layer_parent(a, path, true, &dir, &ignored, e) < 0)
		return -e->eno;
	if (dir != a->root && !a->parent_real)
		return 0;
	b = &w->batches[w->filling];
	j.path = b->used;
	memcpy(b->bytes + b->used, path, n);
	b->used += (unsigned)n;
	j.body = b->used;
	if (take_body(a, b, &j, e) < 0)
		return -e->eno;
	names_add(b, path);
	b->jobs[b->n++] = j;
	return 1;
}
