/* SPDX-License-Identifier: Apache-2.0
 *
 * FUSE's protocol over a tree: see fuse.h. Requests come from the kernel, but are looked at as if they did not.
 */
#include "registry/lazy/fuse.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/own.h"

#define FOREVER_S (365ULL * 86400)

/* newer than the headers */
enum { NOTIFY_RESEND = 7, HAS_RESEND_FLAG2 = 1 << 7 };

struct fuse_tree {
	struct arena a;
	struct node {
		struct fsnode *n;
		struct fsentry **list; /* of a directory, by name */
		uint64_t up;           /* number of the directory above */
	} *nodes;                      /* by number; the root is FUSE_ROOT_ID */
	size_t n, cap;
};

/* one request and where its reply goes */
struct call {
	const struct fuse_tree *t;
	const struct fuse_files *files;
	const struct fuse_in_header *in;
	const unsigned char *arg;
	size_t n_arg;
	unsigned char *out; /* behind the header */
};

static int number(struct fuse_tree *t, struct fsnode *n, uint64_t up, struct err *e)
{
	if (n->id) { /* one more name of a file */
		n->nlink++;
		return 0;
	}
	struct node *more = grow_one(t->nodes, t->n, &t->cap, sizeof *more);
	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "tree");
	t->nodes = more;
	n->id = t->n++;
	n->nlink = S_ISDIR(n->mode) ? 2 : 1;
	t->nodes[n->id] = (struct node){ .n = n, .up = up };
	if (!S_ISDIR(n->mode) || !n->n)
		return 0;
	struct fsentry **list = fstree_sorted(n, &t->a);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "tree");
	t->nodes[n->id].list = list;
	for (size_t i = 0; i < n->n; i++) {
		n->nlink += S_ISDIR(list[i]->node->mode);
		if (number(t, list[i]->node, n->id, e) < 0)
			return -e->eno;
	}
	return 0;
}

int fuse_tree_open(struct fsnode *root, struct fuse_tree **ret, struct err *e)
{
	struct fuse_tree *t = calloc(1, sizeof *t);

	if (!t)
		return err_new(e, E_NOMEM, ENOMEM, "tree");
	t->cap = 1024;
	t->n = FUSE_ROOT_ID; /* number 0 is nobody's */
	t->nodes = calloc(t->cap, sizeof *t->nodes);
	int r = t->nodes ? number(t, root, FUSE_ROOT_ID, e) : err_new(e, E_NOMEM, ENOMEM, "tree");
	if (r < 0) {
		fuse_tree_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

void fuse_tree_close(struct fuse_tree *t)
{
	if (!t)
		return;
	arena_done(&t->a);
	free(t->nodes);
	free(t);
}

static const struct node *node_of(const struct call *c)
{
	return c->in->nodeid >= FUSE_ROOT_ID && c->in->nodeid < c->t->n ? &c->t->nodes[c->in->nodeid] : NULL;
}

static void fill_attr(const struct fsnode *n, struct fuse_attr *a)
{
	*a = (struct fuse_attr){
		.ino = n->id, .size = S_ISLNK(n->mode) ? strlen(n->link) : n->size_bytes,
		.atime = (uint64_t)n->mtime_s, .mtime = (uint64_t)n->mtime_s, .ctime = (uint64_t)n->mtime_s,
		.atimensec = n->mtime_ns, .mtimensec = n->mtime_ns, .ctimensec = n->mtime_ns,
		.mode = n->mode, .nlink = n->nlink, .uid = n->uid, .gid = n->gid, .blksize = 4096,
		/* as new_encode_dev() of the kernel */
		.rdev = (n->dev_minor & 0xff) | n->dev_major << 8 | (n->dev_minor & ~0xffU) << 12,
	};
	a->blocks = (a->size + 511) / 512;
}

static int do_init(struct call *c)
{
	const struct fuse_init_in *in = (const void *)c->arg;
	struct fuse_init_out *out = (void *)c->out;
	const uint32_t want = FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_CACHE_SYMLINKS | FUSE_NO_OPEN_SUPPORT |
			      FUSE_NO_OPENDIR_SUPPORT | FUSE_MAX_PAGES | FUSE_POSIX_ACL | FUSE_EXPORT_SUPPORT;

	if (c->n_arg < 16)
		return -EINVAL;
	if (in->major != FUSE_KERNEL_VERSION || in->minor < 31)
		return -EPROTO;
	*out = (struct fuse_init_out){
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = in->max_readahead,
		.flags = in->flags & want, .max_background = 64, .congestion_threshold = 48, .max_write = 4096,
		.time_gran = 1, .max_pages = FUSE_READ_MAX / 4096,
	};
	return sizeof *out;
}

static int do_lookup(struct call *c)
{
	const struct node *d = node_of(c);
	struct fuse_entry_out *out = (void *)c->out;
	const char *name = (const char *)c->arg;
	size_t n = strnlen(name, c->n_arg);

	if (!d || !S_ISDIR(d->n->mode))
		return -ENOTDIR;
	if (n == c->n_arg)
		return -EINVAL;
	*out = (struct fuse_entry_out){ .entry_valid = FOREVER_S, .attr_valid = FOREVER_S };
	if (n == 1 && *name == '.') {
		out->nodeid = d->n->id;
	} else if (n == 2 && !memcmp(name, "..", 2)) {
		out->nodeid = d->up;
	} else {
		const struct fsentry *en = fstree_find(d->n, name, n);
		out->nodeid = en ? en->node->id : 0; /* 0: there is none, and this may be remembered */
	}
	if (out->nodeid)
		fill_attr(c->t->nodes[out->nodeid].n, &out->attr);
	return sizeof *out;
}

static int do_getattr(struct call *c)
{
	const struct node *d = node_of(c);
	struct fuse_attr_out *out = (void *)c->out;

	if (!d)
		return -ESTALE;
	*out = (struct fuse_attr_out){ .attr_valid = FOREVER_S };
	fill_attr(d->n, &out->attr);
	return sizeof *out;
}

static int do_readlink(struct call *c)
{
	const struct node *d = node_of(c);

	if (!d || !S_ISLNK(d->n->mode))
		return -EINVAL;
	size_t n = strlen(d->n->link);
	if (n > FUSE_READ_MAX)
		return -ENAMETOOLONG;
	memcpy(c->out, d->n->link, n);
	return (int)n;
}

static int do_read(struct call *c)
{
	const struct node *d = node_of(c);
	const struct fuse_read_in *in = (const void *)c->arg;

	if (c->n_arg < sizeof *in || !d || !S_ISREG(d->n->mode))
		return -EINVAL;
	return (int)c->files->read(c->files->data, d->n, in->offset, c->out, in->size < FUSE_READ_MAX ? in->size : FUSE_READ_MAX);
}

/* entry @i of directory @d: first itself, then the one above */
static const char *entry(const struct call *c, const struct node *d, uint64_t i, const struct fsnode **ret)
{
	if (i < 2) {
		*ret = i ? c->t->nodes[d->up].n : d->n;
		return i ? ".." : ".";
	}
	*ret = d->list[i - 2]->node;
	return d->list[i - 2]->name;
}

static int do_readdir(struct call *c)
{
	const struct node *d = node_of(c);
	const struct fuse_read_in *in = (const void *)c->arg;
	size_t used = 0;

	if (c->n_arg < sizeof *in || !d)
		return -EINVAL;
	if (!S_ISDIR(d->n->mode))
		return -ENOTDIR;
	size_t max = in->size < FUSE_READ_MAX ? in->size : FUSE_READ_MAX;
	for (uint64_t i = in->offset; i < d->n->n + 2; i++) {
		const struct fsnode *n;
		const char *name = entry(c, d, i, &n);
		struct fuse_dirent *out = (void *)(c->out + used);
		size_t len = strlen(name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);
		if (used + size > max)
			break;
		memset(out, 0, size);
		out->ino = n->id;
		out->off = i + 1;
		out->namelen = (uint32_t)len;
		out->type = (n->mode & S_IFMT) >> 12;
		memcpy(out->name, name, len);
		used += size;
	}
	return (int)used;
}

/* @n bytes of an answer whose length may be all that is asked for */
static int sized(struct call *c, uint32_t room, size_t n)
{
	if (room) /* the bytes are in place */
		return n > room ? -ERANGE : (int)n;
	*(struct fuse_getxattr_out *)c->out = (struct fuse_getxattr_out){ .size = (uint32_t)n };
	return sizeof(struct fuse_getxattr_out);
}

static int do_getxattr(struct call *c)
{
	const struct node *d = node_of(c);
	const struct fuse_getxattr_in *in = (const void *)c->arg;

	if (c->n_arg < sizeof *in || !d)
		return -EINVAL;
	const char *name = (const char *)(in + 1);
	size_t room = c->n_arg - sizeof *in;
	if (strnlen(name, room) == room)
		return -EINVAL;
	for (size_t i = 0; i < d->n->n_xattrs; i++) {
		const struct fsxattr *x = &d->n->xattrs[i];
		if (strcmp(x->name, name) != 0)
			continue;
		if (x->n > FUSE_READ_MAX)
			return -E2BIG;
		if (in->size)
			memcpy(c->out, x->value, x->n);
		return sized(c, in->size, x->n);
	}
	return -ENODATA;
}

static int do_listxattr(struct call *c)
{
	const struct node *d = node_of(c);
	const struct fuse_getxattr_in *in = (const void *)c->arg;
	size_t used = 0;

	if (c->n_arg < sizeof *in || !d)
		return -EINVAL;
	for (size_t i = 0; i < d->n->n_xattrs; i++) {
		size_t n = strlen(d->n->xattrs[i].name) + 1;
		if (used + n > FUSE_READ_MAX)
			return -E2BIG;
		if (in->size)
			memcpy(c->out + used, d->n->xattrs[i].name, n);
		used += n;
	}
	return sized(c, in->size, used);
}

static int do_statfs(struct call *c)
{
	struct fuse_statfs_out *out = (void *)c->out;

	*out = (struct fuse_statfs_out){ .st = { .files = c->t->n, .bsize = 4096, .frsize = 4096, .namelen = 255 } };
	return sizeof *out;
}

static int do_nothing(struct call *c)
{
	(void)c;
	return 0;
}

static int (*const calls[])(struct call *c) = {
	[FUSE_LOOKUP] = do_lookup,	 [FUSE_GETATTR] = do_getattr, [FUSE_READLINK] = do_readlink,
	[FUSE_READ] = do_read,		 [FUSE_STATFS] = do_statfs,   [FUSE_RELEASE] = do_nothing,
	[FUSE_GETXATTR] = do_getxattr,	 [FUSE_LISTXATTR] = do_listxattr, [FUSE_INIT] = do_init,
	[FUSE_READDIR] = do_readdir,	 [FUSE_RELEASEDIR] = do_nothing,  [FUSE_DESTROY] = do_nothing,
};

size_t fuse_answer(const struct fuse_tree *t, const struct fuse_files *files, const void *request, size_t n, void *out)
{
	const struct fuse_in_header *in = request;
	struct fuse_out_header *head = out;

	if (n < sizeof *in)
		return 0;
	/* what the kernel forgets is kept: the tree is as large as it is */
	if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET || in->opcode == FUSE_INTERRUPT)
		return 0;
	struct call c = { t, files, in, (const unsigned char *)(in + 1), n - sizeof *in, (unsigned char *)(head + 1) };
	/* no open: the kernel stops asking (FUSE_NO_OPEN_SUPPORT) */
	int r = in->opcode < ARRAY_LEN(calls) && calls[in->opcode] ? calls[in->opcode](&c) : -ENOSYS;
	size_t size = sizeof *head + (r > 0 ? (size_t)r : 0);
	*head = (struct fuse_out_header){ .len = (uint32_t)size, .error = r < 0 ? r : 0, .unique = in->unique };
	return size;
}

bool fuse_init_says_resend(const void *request, size_t n)
{
	const struct fuse_in_header *head = request;
	const struct fuse_init_in *in = (const void *)(head + 1);

	return n >= sizeof *head + offsetof(struct fuse_init_in, unused) && head->opcode == FUSE_INIT &&
	       in->flags & FUSE_INIT_EXT && in->flags2 & HAS_RESEND_FLAG2;
}

size_t fuse_resend(void *out)
{
	*(struct fuse_out_header *)out = (struct fuse_out_header){ .len = sizeof(struct fuse_out_header), .error = NOTIFY_RESEND };
	return sizeof(struct fuse_out_header);
}
