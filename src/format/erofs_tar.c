/* SPDX-License-Identifier: Apache-2.0
 *
 * An EROFS image as a tar: see erofs_tar.h. A walk over its directories with a stack of its own; each call
 * of next() gives the headers of one name, a piece of a file, or padding.
 */
#include "format/erofs_tar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "format/erofs_tar_int.h"

enum {
	BLOCK_BYTES = 256 << 10,
	DEPTH_MAX = 1100,              /* a little more than layers may have: those who unpack say so better */
	PATH_BYTES_MAX = 60 << 10,
	SEEN_BYTES_MAX = 512 << 20,
	HUNKS_MAX = 16384,             /* so that their map fits into a header; with more the holes are written */
};
#define FILE_BYTES_MAX (UINT64_C(1) << 40)
#define TAR_BYTES_MAX (UINT64_C(2) << 40) /* as of layers that come as archives */

/* ---- inodes that have been there ---- */

static struct erofs_tar_seen *seen_at(const struct erofs_tar *t, uint64_t nid)
{
	size_t i = (size_t)((nid * 0x9e3779b97f4a7c15ULL) >> 32) & (t->cap_seen - 1);

	while (t->seen[i].used && t->seen[i].nid != nid)
		i = (i + 1) & (t->cap_seen - 1);
	return &t->seen[i];
}

static int seen_grow(struct erofs_tar *t, struct err *e)
{
	struct erofs_tar_seen *old = t->seen;
	const size_t cap = t->cap_seen, more = cap ? 2 * cap : 1024;

	if (t->n_seen + 1 <= cap / 2)
		return 0;
	t->seen = calloc(more, sizeof *t->seen);
	if (!t->seen) {
		t->seen = old;
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	}
	t->cap_seen = more;
	for (size_t i = 0; i < cap; i++)
		if (old[i].used)
			*seen_at(t, old[i].nid) = old[i];
	free(old);
	return 0;
}

/* 1: inode @nid was there before, *@ret_path is its first name (NULL: a directory) | 0: now it has been */
static int seen_put(struct erofs_tar *t, uint64_t nid, bool is_dir, const char **ret_path, struct err *e)
{
	if (seen_grow(t, e) < 0)
		return -e->eno;
	struct erofs_tar_seen *s = seen_at(t, nid);
	if (s->used) {
		*ret_path = s->path;
		return 1;
	}
	t->seen_bytes += sizeof *s + (is_dir ? 0 : t->path.n + 1);
	if (t->seen_bytes > SEEN_BYTES_MAX)
		return err_new(e, E_CORRUPT, E2BIG, "too many names in one EROFS image");
	*s = (struct erofs_tar_seen){ .nid = nid, .used = true };
	if (!is_dir && !(s->path = arena_strndup(&t->paths, t->path.p, t->path.n)))
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	t->n_seen++;
	return 0;
}

/* ---- one name ---- */

static int fail_at(struct erofs_tar *t, struct err *e)
{
	char shown[200];
	size_t n = t->path.n < sizeof shown ? t->path.n : sizeof shown - 1;

	for (size_t i = 0; i < n; i++)
		shown[i] = (unsigned char)t->path.p[i] < ' ' || t->path.p[i] == 0x7f ? '?' : t->path.p[i];
	shown[n] = 0;
	return err_ctx(e, "entry %s", n ? shown : "/");
}

static int path_add(struct erofs_tar *t, size_t parent, const char *prefix, const char *name, struct err *e)
{
	t->path.n = parent;
	buf_puts(&t->path, prefix);
	buf_puts(&t->path, name);
	if (buf_failed(&t->path))
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	return t->path.n <= PATH_BYTES_MAX ? 0 : err_new(e, E_CORRUPT, ENAMETOOLONG, "name is too long");
}

static int put(struct erofs_tar *t, struct tar_entry *en, const struct erofs_node *n, struct err *e)
{
	en->path = buf_str(&t->path);
	en->mode = n->mode & 07777;
	en->uid = n->uid;
	en->gid = n->gid;
	en->mtime = (struct tar_time){ n->mtime_s, n->mtime_ns };
	return en->path ? tar_put_header(&t->out, en, e) : err_new(e, E_NOMEM, ENOMEM, "EROFS image");
}

/* ".wh.NAME" beside the name at hand, or (@opaque) ".wh..wh..opq" in the directory at hand */
static int put_whiteout(struct erofs_tar *t, size_t parent, const char *name, bool opaque, struct err *e)
{
	const struct erofs_node none = { 0 };
	struct tar_entry en = { .type = TAR_FILE };
	const size_t was = t->path.n;

	if (path_add(t, opaque ? t->path.n : parent, ".wh.", opaque ? ".wh..opq" : name, e) < 0 || put(t, &en, &none, e) < 0)
		return -e->eno;
	if (opaque)
		t->path.n = was;
	return 0;
}

/* A table is behind its inode. Inodes that lie in each other's tables would have one table read once for each of them:
 * hours, for an image of a few megabytes. */
static int chunks_count(struct erofs_tar *t, const struct erofs_node *n, struct err *e)
{
	t->chunks += (n->size_bytes >> n->chunk_bits) + 1;
	return t->chunks <= t->image.size_bytes / sizeof(uint32_t) ? 0 :
	       err_new(e, E_CORRUPT, EBADMSG, "tables of chunks overlap, or are outside of the EROFS image");
}

/* data and holes of a file; @ret NULL: has many holes, or none */
static int hunks_of(struct erofs_tar *t, const struct erofs_node *n, struct arena *a, struct tar_hunk **ret,
		    size_t *ret_n, struct err *e)
{
	struct tar_hunk *list = NULL;
	size_t k = 0, cap = 0;
	bool holes = false;
	uint64_t from, len;

	*ret = NULL;
	if (n->layout != EROFS_CHUNKS)
		return 0;
	if (chunks_count(t, n, e) < 0)
		return -e->eno;
	for (uint64_t at = 0; at < n->size_bytes; at += len) {
		if (erofs_run(&t->image, n, at, &from, &len, e) < 0)
			return -e->eno;
		if (from == EROFS_FROM_HOLE) {
			holes = true;
			continue;
		}
		if (k && list[k - 1].offset + list[k - 1].length == at) {
			list[k - 1].length += len;
			continue;
		}
		if (k == HUNKS_MAX)
			return 0;
		list = arena_grow(a, list, &cap, k + 1, sizeof *list);
		if (!list)
			return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
		list[k++] = (struct tar_hunk){ at, len };
	}
	if (holes && !k) { /* nothing but a hole */
		list = arena_grow(a, list, &cap, 1, sizeof *list);
		if (!list)
			return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
		list[k++] = (struct tar_hunk){ n->size_bytes, 0 };
	}
	*ret = holes ? list : NULL;
	*ret_n = k;
	return 0;
}

static int put_file(struct erofs_tar *t, struct tar_entry *en, const struct erofs_node *n, struct arena *a, struct err *e)
{
	struct tar_hunk *hunks;

	if (n->size_bytes > FILE_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "the file is too large");
	if (hunks_of(t, n, a, &hunks, &en->n_hunks, e) < 0)
		return -e->eno;
	en->hunks = hunks;
	en->size = n->size_bytes;
	if (put(t, en, n, e) < 0)
		return -e->eno;
	t->node = *n;
	t->offset = 0;
	t->sparse = hunks != NULL;
	t->left = hunks ? 0 : n->size_bytes;
	for (size_t i = 0; hunks && i < en->n_hunks; i++)
		t->left += hunks[i].length;
	t->pad = -t->left % 512;
	t->body_at = t->at + t->out.n;
	return 0;
}

static int put_symlink(struct erofs_tar *t, struct tar_entry *en, const struct erofs_node *n, struct arena *a, struct err *e)
{
	if (n->size_bytes > EROFS_TARGET_MAX)
		return err_new(e, E_CORRUPT, ENAMETOOLONG, "the target of the link is too long");
	char *target = arena_get(a, (size_t)n->size_bytes + 1);
	if (!target)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	if (erofs_data(&t->image, n, 0, target, (size_t)n->size_bytes, e) < 0)
		return -e->eno;
	if (strlen(target) != n->size_bytes)
		return err_new(e, E_CORRUPT, EBADMSG, "malformed target of a link");
	en->type = TAR_SYMLINK;
	en->link = target;
	return put(t, en, n, e);
}

static int push(struct erofs_tar *t, const struct erofs_node *n, bool opaque_x, struct err *e)
{
	if (t->depth == DEPTH_MAX)
		return err_new(e, E_CORRUPT, ELOOP, "directories are too deep");
	if (t->depth == t->cap_stack) {
		size_t cap = t->cap_stack ? 2 * t->cap_stack : 32;
		void *more = realloc(t->stack, cap * sizeof *t->stack);
		if (!more)
			return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
		t->stack = more;
		t->cap_stack = cap;
	}
	t->stack[t->depth++] = (struct erofs_tar_frame){ .dir = *n, .path_n = t->path.n, .whiteouts = opaque_x };
	return 0;
}

static int put_dir(struct erofs_tar *t, struct tar_entry *en, const struct erofs_node *n, const struct erofs_overlay *o,
		   struct err *e)
{
	const bool root = !t->path.n;

	en->type = TAR_DIR;
	if (path_add(t, t->path.n, "", root ? "./" : "/", e) < 0 || put(t, en, n, e) < 0)
		return -e->eno;
	if (root)
		t->path.n = 0;
	if (o->opaque && put_whiteout(t, 0, NULL, true, e) < 0)
		return -e->eno;
	return push(t, n, o->whiteouts, e);
}

static int put_node(struct erofs_tar *t, const struct erofs_node *n, struct tar_entry *en, const struct erofs_overlay *o,
		    struct arena *a, struct err *e)
{
	switch (n->mode & S_IFMT) {
	case S_IFREG:
		en->type = TAR_FILE;
		return put_file(t, en, n, a, e);
	case S_IFDIR:
		return put_dir(t, en, n, o, e);
	case S_IFLNK:
		return put_symlink(t, en, n, a, e);
	case S_IFCHR:
	case S_IFBLK:
		en->type = S_ISCHR(n->mode) ? TAR_CHAR : TAR_BLOCK;
		en->dev_major = n->dev_major;
		en->dev_minor = n->dev_minor;
		return put(t, en, n, e);
	case S_IFIFO:
		en->type = TAR_FIFO;
		return put(t, en, n, e);
	default:
		return err_new(e, E_CORRUPT, EBADMSG, "of an unknown type");
	}
}

/* the name at hand (in path, which has @parent bytes without it): inode @nid */
static int visit(struct erofs_tar *t, size_t parent, const char *name, uint64_t nid, struct err *e)
{
	struct tar_entry en = { .link = "" };
	struct erofs_overlay o;
	struct erofs_node n;
	ARENA a = { 0 };
	const char *first = NULL;

	if (erofs_node_read(&t->image, nid, &n, e) < 0)
		return -e->eno;
	if (S_ISSOCK(n.mode))
		return 0;
	if (erofs_overlay_read(&t->image, &n, &a, &o, e) < 0)
		return -e->eno;
	const bool marked = t->depth && t->stack[t->depth - 1].whiteouts && o.whiteout && S_ISREG(n.mode) && !n.size_bytes;
	if (marked || (S_ISCHR(n.mode) && !n.dev_major && !n.dev_minor))
		return put_whiteout(t, parent, name, false, e);
	int r = seen_put(t, nid, S_ISDIR(n.mode), &first, e);
	if (r < 0)
		return r;
	if (r && !first)
		return err_new(e, E_CORRUPT, ELOOP, "the directory has two places, or is below itself");
	if (r) {
		en.type = TAR_HARDLINK;
		en.link = first;
		return put(t, &en, &n, e);
	}
	en.xattrs = o.rest;
	en.n_xattrs = o.n_rest;
	return put_node(t, &n, &en, &o, &a, e);
}

/* ---- the walk ---- */

/* the names of the next block of the directory on top of the stack */
static int block_next(struct erofs_tar *t, struct erofs_tar_frame *f, struct err *e)
{
	const uint64_t block = UINT64_C(1) << t->image.block_bits, rest = f->dir.size_bytes - f->read;
	const size_t n = rest < block ? (size_t)rest : (size_t)block;

	arena_done(&f->a);
	f->next = f->n_names = 0;
	if (erofs_data(&t->image, &f->dir, f->read, t->block, n, e) < 0 ||
	    erofs_names(t->block, n, f->last, &f->a, &f->names, &f->n_names, e) < 0)
		return -e->eno;
	f->read += n;
	return 0;
}

/* headers of what comes next into out; nothing when the top of the stack has come to its end */
static int advance(struct erofs_tar *t, struct err *e)
{
	struct erofs_tar_frame *f = &t->stack[t->depth - 1];

	t->path.n = f->path_n;
	if (f->next == f->n_names) {
		if (f->read < f->dir.size_bytes)
			return block_next(t, f, e) < 0 ? fail_at(t, e) : 0;
		arena_done(&f->a);
		t->depth--;
		return 0;
	}
	const struct erofs_name *name = &f->names[f->next++];
	if (!strcmp(name->name, ".") || !strcmp(name->name, ".."))
		return 0;
	if (path_add(t, f->path_n, "", name->name, e) < 0 || visit(t, f->path_n, name->name, name->nid, e) < 0)
		return fail_at(t, e);
	return 0;
}

/* ---- the source ---- */

/* the next piece of the file: at *@ret_from of the image, at most @max bytes and all in one piece there */
static int piece(struct erofs_tar *t, uint64_t max, uint64_t *ret_from, uint64_t *ret_n, struct err *e)
{
	uint64_t from, len;

	do {
		if (erofs_run(&t->image, &t->node, t->offset, ret_from, ret_n, e) < 0)
			return -e->eno;
		if (t->sparse && *ret_from == EROFS_FROM_HOLE)
			t->offset += *ret_n;
	} while (t->sparse && *ret_from == EROFS_FROM_HOLE);
	while (*ret_n < max && *ret_n < t->left && *ret_from != EROFS_FROM_HOLE) {
		if (erofs_run(&t->image, &t->node, t->offset + *ret_n, &from, &len, e) < 0)
			return -e->eno;
		if (from != *ret_from + *ret_n)
			break;
		*ret_n += len;
	}
	if (*ret_n > max)
		*ret_n = max;
	if (*ret_n > t->left)
		*ret_n = t->left;
	return 0;
}

static int body_next(struct erofs_tar *t, size_t *ret_n, struct err *e)
{
	uint64_t from, n;

	if (!t->left) {
		memset(t->block, 0, (size_t)t->pad);
		*ret_n = (size_t)t->pad;
		t->pad = 0;
		return 0;
	}
	if (piece(t, BLOCK_BYTES, &from, &n, e) < 0)
		return -e->eno;
	if (from == EROFS_FROM_HOLE)
		memset(t->block, 0, (size_t)n);
	else if (erofs_get(&t->image, from, t->block, (size_t)n, e) < 0)
		return -e->eno;
	t->offset += n;
	t->left -= n;
	*ret_n = (size_t)n;
	return 0;
}

static int tar_next_piece(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct erofs_tar *t = (struct erofs_tar *)s;

	if (t->given)
		t->out.n = 0;
	t->given = false;
	*ret = t->block;
	if (t->left || t->pad) {
		if (body_next(t, ret_n, e) < 0) /* whose body it is, is known to whoever reads it */
			return -e->eno;
	} else {
		while (!t->out.n && t->depth)
			if (advance(t, e) < 0)
				return -e->eno;
		if (!t->out.n && !t->ended) {
			tar_put_end(&t->out);
			t->ended = true;
		}
		if (buf_failed(&t->out))
			return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
		if (!t->out.n)
			return 0;
		t->given = true;
		*ret = (const unsigned char *)t->out.p;
		*ret_n = t->out.n;
	}
	t->at += *ret_n;
	if (t->at > TAR_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "the EROFS image holds more than %llu bytes", (unsigned long long)TAR_BYTES_MAX);
	return 1;
}

static uint64_t tar_skip(struct source *s, uint64_t n)
{
	struct erofs_tar *t = (struct erofs_tar *)s;
	struct err ignored = { 0 };
	uint64_t done = 0;

	if (t->given)
		t->out.n = 0;
	t->given = false;
	while (done < n && t->left) {
		uint64_t from, len;
		/* what cannot be found is told when it is read */
		if (piece(t, n - done, &from, &len, &ignored) < 0)
			break;
		t->offset += len;
		t->left -= len;
		done += len;
	}
	t->at += done;
	return done;
}

int erofs_tar_open(struct erofs_tar *t, int xfd, uint64_t size_bytes, struct err *e)
{
	return erofs_tar_open_part(t, xfd, size_bytes, NULL, e);
}

int erofs_tar_open_part(struct erofs_tar *t, int xfd, uint64_t size_bytes, const struct erofs_need *need, struct err *e)
{
	*t = (struct erofs_tar){ .source.next = tar_next_piece, .source.skip = tar_skip, .image.xfd = -1 };
	if (erofs_open(xfd, size_bytes, need, &t->image, e) < 0)
		return -e->eno;
	t->block = malloc(BLOCK_BYTES);
	int r = t->block ? visit(t, 0, "", t->image.root_nid, e) : err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	if (r < 0) {
		(void)fail_at(t, e);
		erofs_tar_close(t);
		return -e->eno;
	}
	return 0;
}

void erofs_tar_close(struct erofs_tar *t)
{
	while (t->depth)
		arena_done(&t->stack[--t->depth].a);
	free(t->stack);
	free(t->seen);
	free(t->block);
	arena_done(&t->paths);
	buf_done(&t->path);
	buf_done(&t->out);
	erofs_close(&t->image);
	*t = (struct erofs_tar){ .image.xfd = -1 };
}

int erofs_tar_extents(struct erofs_tar *t, uint64_t body_at, unsigned source, struct arena *a, struct fsextent **ret,
		      size_t *ret_n, struct err *e)
{
	const struct erofs_node *n = &t->node;
	struct fsextent *list = NULL;
	size_t k = 0, cap = 0;
	uint64_t from, len;

	if (body_at != t->body_at)
		return err_new(e, E_CORRUPT, EBADMSG, "EROFS image: a file that is not at hand");
	for (uint64_t at = 0; at < n->size_bytes; at += len) {
		if (erofs_run(&t->image, n, at, &from, &len, e) < 0)
			return -e->eno;
		struct fsextent *last = k ? &list[k - 1] : NULL;
		if (from == EROFS_FROM_HOLE)
			continue;
		if (last && last->offset + last->length == at && last->from + last->length == from) {
			last->length += len;
			continue;
		}
		if (k == EROFS_EXTENTS_MAX)
			return err_new(e, E_UNSUPPORTED, E2BIG, "a file in more than %d pieces", EROFS_EXTENTS_MAX);
		list = arena_grow(a, list, &cap, k + 1, sizeof *list);
		if (!list)
			return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
		list[k++] = (struct fsextent){ at, len, from, source };
	}
	*ret = list;
	*ret_n = k;
	return 0;
}
