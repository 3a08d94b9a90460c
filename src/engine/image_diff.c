/* SPDX-License-Identifier: Apache-2.0
 *
 * diff of images: the topmost layer against what is below it, or one image against another. The layers are looked at
 * as one tree without a mount.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/merge.h"
#include "engine/engine_int.h"
#include "engine/image.h"
#include "format/js.h"
#include "store/image.h"

enum { CHANGED, ADDED, DELETED, DEPTH_MAX = 1024, BLOCK = 64 << 10, CAPABILITY_MAX = 64 };

/* one of the two trees */
struct side {
	struct image img;
	struct merge merge;
	struct merge_dir root;
	bool open;
};

struct diff {
	struct side now, was;
	bool layer; /* all that the topmost layer holds counts as changed */
	struct arena arena;
	json_t *list;
	unsigned char *block;
};

static int side_open(struct engine *eng, struct diff *d, struct side *s, size_t n_chain, struct err *e)
{
	const char *const *chain = (const char *const *)s->img.chain_ids;
	struct engine unpacked = *eng; /* the comparison is one of directories, whatever the driver */
	struct storage_lowers lowers;

	unpacked.storage = &storage_overlay;
	if (engine_layers_ready(&unpacked, s->img.id, chain, s->img.n_chain_ids, e) < 0 ||
	    storage_lowers(&eng->store, s->img.id, chain, n_chain, &d->arena, &lowers, e) < 0 ||
	    merge_open(&lowers, &s->merge, e) < 0)
		return -e->eno;
	s->open = true;
	return merge_root(&s->merge, &d->arena, &s->root, e);
}

static json_t *change(const struct merge_dir *dir, const char *name, int kind)
{
	return json_pack("{s:o, s:i}", "Path", json_sprintf("%s%s/%s", *dir->path ? "/" : "", dir->path, name), "Kind", kind);
}

/* a name that is no text can be in no list, as in `diff` of a container */
static void tell(struct diff *d, const struct merge_dir *dir, const char *name, int kind)
{
	(void)json_array_append_new(d->list, change(dir, name, kind));
}

static bool same_content(struct diff *d, int a, int b)
{
	for (;;) {
		ssize_t n = io_read_full(a, d->block, BLOCK), m = io_read_full(b, d->block + BLOCK, BLOCK);
		if (n < 0 || n != m || memcmp(d->block, d->block + BLOCK, (size_t)n) != 0)
			return false;
		if (!n)
			return true;
	}
}

static bool same_capability(int a, int b)
{
	char x[CAPABILITY_MAX], y[CAPABILITY_MAX];
	ssize_t n = fgetxattr(a, "security.capability", x, sizeof x), m = fgetxattr(b, "security.capability", y, sizeof y);

	return n == m && (n <= 0 || !memcmp(x, y, (size_t)n));
}

static bool same_link(int a, int b)
{
	char x[4096], y[4096];
	ssize_t n = readlinkat(a, "", x, sizeof x), m = readlinkat(b, "", y, sizeof y);

	return n >= 0 && n == m && !memcmp(x, y, (size_t)n);
}

/* where a name is in both trees; directories by their attributes alone */
static bool is_same(struct diff *d, const struct merge_dir *now, const struct merge_entry *a, const struct merge_dir *was,
		    const struct merge_entry *b)
{
	const struct stat *x = &a->st, *y = &b->st;
	struct err ignored = { 0 };
	OWN_FD fa = -1, fb = -1;

	if (x->st_dev == y->st_dev && x->st_ino == y->st_ino)
		return true;
	if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid || x->st_rdev != y->st_rdev)
		return false;
	if (S_ISDIR(x->st_mode))
		return true;
	if (d->layer || x->st_size != y->st_size || x->st_mtim.tv_sec != y->st_mtim.tv_sec ||
	    x->st_mtim.tv_nsec != y->st_mtim.tv_nsec)
		return false;
	if (!S_ISREG(x->st_mode) && !S_ISLNK(x->st_mode))
		return true;
	const int flags = S_ISLNK(x->st_mode) ? O_PATH | O_CLOEXEC : O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	if (merge_file(&d->now.merge, now, a, flags, &fa, &ignored) < 0 ||
	    merge_file(&d->was.merge, was, b, flags, &fb, &ignored) < 0)
		return false; /* what cannot be looked at is told */
	return S_ISLNK(x->st_mode) ? same_link(fa, fb) : same_capability(fa, fb) && same_content(d, fa, fb);
}

static int walk(struct diff *d, const struct merge_dir *now, const struct merge_dir *was, int depth, struct err *e);

/* @b NULL: it is new */
static int entry_look(struct diff *d, const struct merge_dir *now, const struct merge_entry *a,
		      const struct merge_dir *was, const struct merge_entry *b, int depth, struct err *e)
{
	struct merge_dir sub, before;
	ARENA arena = { 0 };
	const bool both = b && S_ISDIR(b->st.st_mode) && S_ISDIR(a->st.st_mode);
	const bool told = !b || !is_same(d, now, a, was, b);
	const size_t at = json_array_size(d->list);

	if (told)
		tell(d, now, a->name, b ? CHANGED : ADDED);
	if (!S_ISDIR(a->st.st_mode))
		return 0;
	if (merge_enter(&d->now.merge, now, a, &arena, &sub, e) < 0 ||
	    (both && merge_enter(&d->was.merge, was, b, &arena, &before, e) < 0))
		return -e->eno;
	if (walk(d, &sub, both ? &before : NULL, depth + 1, e) < 0)
		return -e->eno;
	/* a directory in which something changed has changed itself */
	if (!told && json_array_size(d->list) > at)
		(void)json_array_insert_new(d->list, at, change(now, a->name, CHANGED));
	return 0;
}

/* both lists are in order of names */
static int walk(struct diff *d, const struct merge_dir *now, const struct merge_dir *was, int depth, struct err *e)
{
	struct merge_entry *a, *b = NULL;
	ARENA arena = { 0 };
	size_t n, m = 0, i = 0, k = 0;

	if (depth > DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "%s: tree is too deep", now->path);
	if (merge_list(&d->now.merge, now, &arena, &a, &n, e) < 0 ||
	    (was && merge_list(&d->was.merge, was, &arena, &b, &m, e) < 0))
		return -e->eno;
	while (i < n || k < m) {
		int order = i == n ? 1 : k == m ? -1 : strcmp(a[i].name, b[k].name);
		if (order > 0) {
			tell(d, was, b[k++].name, DELETED);
			continue;
		}
		if (entry_look(d, now, &a[i], was, order ? NULL : &b[k], depth, e) < 0)
			return -e->eno;
		i++;
		k += !order;
	}
	return 0;
}

static int run(struct engine *eng, struct diff *d, const char *ref, const char *other, struct err *e)
{
	if (image_resolve(&eng->store, ref, &d->now.img, e) < 0 ||
	    image_resolve(&eng->store, other ? other : ref, &d->was.img, e) < 0)
		return -e->eno;
	const size_t n = d->was.img.n_chain_ids;
	d->layer = !other;
	d->list = json_array();
	d->block = malloc(2 * (size_t)BLOCK);
	if (!d->list || !d->block)
		return err_new(e, E_NOMEM, ENOMEM, "diff");
	if (!d->now.img.n_chain_ids && !n)
		return 0;
	const bool below = other ? n > 0 : n > 1;
	if (side_open(eng, d, &d->now, d->now.img.n_chain_ids, e) < 0 ||
	    (below && side_open(eng, d, &d->was, other ? n : n - 1, e) < 0))
		return -e->eno;
	return walk(d, &d->now.root, below ? &d->was.root : NULL, 0, e);
}

int engine_image_diff(struct engine *eng, const char *ref, const char *other, json_t **ret, struct err *e)
{
	struct diff d = { 0 };
	int r = run(eng, &d, ref, other, e);

	for (struct side *s = &d.now; s; s = s == &d.now ? &d.was : NULL) {
		if (s->open)
			merge_done(&s->merge);
		image_done(&s->img);
	}
	arena_done(&d.arena);
	free(d.block);
	if (r < 0) {
		json_decref(d.list);
		return err_ctx(e, "diff of %s", ref);
	}
	*ret = d.list;
	return 0;
}
