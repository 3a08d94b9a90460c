/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing an EROFS image: see erofs.h. First every inode gets its place, then every piece of data,
 * then all is written into the mapped file:
 *
 *   0      1024         1152
 *   | zero | superblock | devices | inodes, attributes, chunk indexes, small data | blocks of data |
 */
#include "format/erofs.h"

#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/erofs_int.h"

#define FILE_BYTES_MAX (UINT64_C(16) << 40)

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* ---- laying out ---- */

static struct erofs_place *place_of(struct erofs_writer *w, const struct fsnode *n)
{
	return &w->places[n->id - 1];
}

/* entries of a directory in the order of the format, "." and ".." among them */
struct listing {
	const char **names;
	const struct fsnode **nodes;
	size_t n;
};

static int list(const struct erofs_place *p, struct arena *a, struct listing *ret, struct err *e)
{
	struct fsentry **sorted = fstree_sorted(p->node, a);
	size_t n = p->node->n, k = 0;
	bool self = false, up = false;

	ret->names = arena_get(a, (n + 2) * sizeof *ret->names);
	ret->nodes = arena_get(a, (n + 2) * sizeof *ret->nodes);
	if (!ret->names || !ret->nodes || (n && !sorted))
		return err_new(e, E_NOMEM, ENOMEM, "EROFS directory");
	for (size_t i = 0; i <= n; i++) {
		const char *name = i < n ? sorted[i]->name : NULL;
		if (!self && (!name || strcmp(name, ".") > 0)) {
			ret->names[k] = ".";
			ret->nodes[k++] = p->node;
			self = true;
		}
		if (!up && (!name || strcmp(name, "..") > 0)) {
			ret->names[k] = "..";
			ret->nodes[k++] = p->parent;
			up = true;
		}
		if (!name)
			break;
		if (strlen(name) > 255)
			return err_new(e, E_INVALID, ENAMETOOLONG, "a name of more than 255 bytes");
		ret->names[k] = name;
		ret->nodes[k++] = sorted[i]->node;
	}
	ret->n = k;
	return 0;
}

uint64_t erofs_dir_bytes(const char *const *names, size_t n)
{
	uint64_t full = 0;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		size_t need = sizeof(struct erofs_dirent) + strlen(names[i]);
		if (used + need > EROFS_BLOCK) {
			full++;
			used = 0;
		}
		used += need;
	}
	return full * EROFS_BLOCK + used;
}

/* number every node once, directories with their parent */
static int number(struct erofs_writer *w, struct fsnode *n, struct fsnode *parent, struct err *e)
{
	if (n->id) {
		n->nlink++; /* another name of a file */
		return 0;
	}
	n->nlink = 1;
	w->places = arena_grow(&w->a, w->places, &w->cap, w->n + 1, sizeof *w->places);
	if (!w->places)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	w->places[w->n++] = (struct erofs_place){ .node = n, .parent = parent };
	n->id = w->n;
	if (!S_ISDIR(n->mode))
		return 0;
	ARENA a = { 0 };
	struct fsentry **sorted = fstree_sorted(n, &a);
	n->nlink = 2;
	if (n->n && !sorted)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	for (size_t i = 0; i < n->n; i++) {
		n->nlink += S_ISDIR(sorted[i]->node->mode);
		if (number(w, sorted[i]->node, n, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* whether block addresses can name the first @count pieces of the data of a file */
static bool is_aligned(const struct fsnode *n, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct fsextent *x = &n->extents[i];
		bool last = x->offset + x->length == n->size_bytes;
		if (x->from % EROFS_BLOCK || x->offset % EROFS_BLOCK || (!last && x->length % EROFS_BLOCK))
			return false;
	}
	return true;
}

/* the largest chunk (log2 of blocks) at whose multiples all extents and holes begin */
static uint32_t chunk_bits(const struct fsnode *n)
{
	uint32_t bits = 0;
	uint64_t all = 0;

	while (bits < EROFS_CHUNK_BITS_MAX && ((uint64_t)EROFS_BLOCK << bits) < n->size_bytes)
		bits++;
	for (size_t i = 0; i < n->n_extents; i++) {
		uint64_t end = n->extents[i].offset + n->extents[i].length;
		all |= n->extents[i].offset;
		if (end < n->size_bytes)
			all |= end;
	}
	while (bits && (all & (((uint64_t)EROFS_BLOCK << bits) - 1)))
		bits--;
	return bits;
}

static int plan_file(struct erofs_place *p, struct err *e)
{
	const struct fsnode *n = p->node;

	if (n->size_bytes > FILE_BYTES_MAX)
		return err_new(e, E_INVALID, EFBIG, "a file of more than 16 TiB");
	p->layout = EROFS_CHUNKS;
	p->copied = !is_aligned(n, n->n_extents);
	/* layers that are EROFS images themselves keep the ends of files behind inodes: only the end is copied */
	if (p->copied && n->n_extents > 1 && is_aligned(n, n->n_extents - 1) &&
	    n->extents[n->n_extents - 1].offset % EROFS_BLOCK == 0)
		p->copy_from = n->extents[n->n_extents - 1].offset;
	/* what is copied is written without its holes being kept: they are rare and small */
	p->chunk_bits = p->copied && !p->copy_from ? chunk_bits(&(struct fsnode){ .size_bytes = n->size_bytes }) : chunk_bits(n);
	uint64_t chunk = (uint64_t)EROFS_BLOCK << p->chunk_bits;
	p->n_chunks = (n->size_bytes + chunk - 1) / chunk;
	return 0;
}

static int plan(struct erofs_writer *w, struct erofs_place *p, struct err *e)
{
	ARENA a = { 0 };
	struct listing l;
	size_t head = sizeof(struct erofs_inode);

	if (erofs_xattr_bytes(p->node, &p->xattr_bytes, e) < 0)
		return -e->eno;
	if (S_ISDIR(p->node->mode)) {
		if (list(p, &a, &l, e) < 0)
			return -e->eno;
		p->data_bytes = erofs_dir_bytes(l.names, l.n);
	} else if (S_ISLNK(p->node->mode)) {
		p->data_bytes = strlen(p->node->link);
	} else if (S_ISREG(p->node->mode) && plan_file(p, e) < 0) {
		return -e->eno;
	}
	/* data behind the inode must not cross a block */
	uint64_t inner = head + p->xattr_bytes + p->data_bytes;
	bool fits = p->data_bytes && inner <= EROFS_BLOCK;
	w->end = round_up(w->end, sizeof(struct erofs_inode));
	if (fits && w->end / EROFS_BLOCK != (w->end + inner - 1) / EROFS_BLOCK)
		w->end = round_up(w->end, EROFS_BLOCK);
	if (p->layout != EROFS_CHUNKS)
		p->layout = fits ? EROFS_INLINE : EROFS_PLAIN;
	p->at = w->end;
	w->end += head + p->xattr_bytes;
	if (fits)
		w->end += p->data_bytes;
	if (p->n_chunks)
		w->end = round_up(w->end, sizeof(struct erofs_chunk)) + p->n_chunks * sizeof(struct erofs_chunk);
	return 0;
}

static int lay_out(struct erofs_writer *w, struct err *e)
{
	w->end = EROFS_SUPER_AT + sizeof(struct erofs_super) + w->q->n_sources * sizeof(struct erofs_device);
	for (size_t i = 0; i < w->n; i++)
		if (plan(w, &w->places[i], e) < 0)
			return -e->eno;
	w->end = round_up(w->end, EROFS_BLOCK);
	for (size_t i = 0; i < w->n; i++) {
		struct erofs_place *p = &w->places[i];
		uint64_t bytes = p->copied ? p->node->size_bytes - p->copy_from : p->layout == EROFS_PLAIN ? p->data_bytes : 0;
		p->block = w->end / EROFS_BLOCK;
		w->end = round_up(w->end + bytes, EROFS_BLOCK);
	}
	if (w->end / EROFS_BLOCK > UINT32_MAX)
		return err_new(e, E_INVALID, EFBIG, "EROFS image of more than 2 TiB");
	return 0;
}

/* ---- writing ---- */

static uint8_t dirent_type(mode_t m)
{
	return S_ISREG(m) ? 1 : S_ISDIR(m) ? 2 : S_ISCHR(m) ? 3 : S_ISBLK(m) ? 4 : S_ISFIFO(m) ? 5 :
	       S_ISSOCK(m) ? 6 : 7;
}

static uint64_t nid_of(const struct erofs_place *p)
{
	return p->at / EROFS_SLOT; /* the area of inodes begins with the image */
}

static void put_dir_block(struct erofs_writer *w, unsigned char *out, const struct listing *l, size_t from,
			  size_t n)
{
	size_t at = n * sizeof(struct erofs_dirent);

	for (size_t i = 0; i < n; i++) {
		const struct fsnode *node = l->nodes[from + i];
		size_t len = strlen(l->names[from + i]);
		const struct erofs_dirent d = { .nid = htole64(nid_of(place_of(w, node))),
						.name_at = htole16((uint16_t)at),
						.type = dirent_type(node->mode) };
		memcpy(out + i * sizeof d, &d, sizeof d);
		memcpy(out + at, l->names[from + i], len);
		at += len;
	}
}

static int put_dir(struct erofs_writer *w, const struct erofs_place *p, unsigned char *out, struct err *e)
{
	ARENA a = { 0 };
	struct listing l;
	size_t from = 0, used = 0;

	if (list(p, &a, &l, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < l.n; i++) {
		size_t need = sizeof(struct erofs_dirent) + strlen(l.names[i]);
		if (used + need > EROFS_BLOCK) {
			put_dir_block(w, out, &l, from, i - from);
			out += EROFS_BLOCK;
			from = i;
			used = 0;
		}
		used += need;
	}
	put_dir_block(w, out, &l, from, l.n - from);
	return 0;
}

/* data that no block address can name */
static int copy_data(struct erofs_writer *w, const struct erofs_place *p, struct err *e)
{
	unsigned char *out = w->image + p->block * EROFS_BLOCK;

	for (size_t i = 0; i < p->node->n_extents; i++) {
		const struct fsextent *x = &p->node->extents[i];
		for (uint64_t done = 0; x->offset >= p->copy_from && done < x->length;) {
			ssize_t n = pread(w->q->sources[x->source - 1].xfd, out + x->offset - p->copy_from + done,
					  (size_t)(x->length - done), (off_t)(x->from + done));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return n < 0 ? err_sys(e, errno, "read layer") :
					       err_new(e, E_CORRUPT, EPIPE, "layer is shorter than its entries say");
			done += (uint64_t)n;
		}
	}
	return 0;
}

static struct erofs_chunk chunk_at(const struct erofs_place *p, uint64_t offset)
{
	if (p->copied && offset >= p->copy_from)
		return (struct erofs_chunk){ 0, 0, htole32((uint32_t)(p->block + (offset - p->copy_from) / EROFS_BLOCK)) };
	for (size_t i = 0; i < p->node->n_extents; i++) {
		const struct fsextent *x = &p->node->extents[i];
		if (offset < x->offset || offset >= x->offset + x->length)
			continue;
		return (struct erofs_chunk){ 0, htole16((uint16_t)x->source),
					     htole32((uint32_t)((x->from + offset - x->offset) / EROFS_BLOCK)) };
	}
	return (struct erofs_chunk){ 0, 0, UINT32_MAX }; /* a hole */
}

static void put_chunks(const struct erofs_place *p, unsigned char *at, const unsigned char *image)
{
	at += round_up((uint64_t)(at - image), sizeof(struct erofs_chunk)) - (uint64_t)(at - image);
	for (uint64_t i = 0; i < p->n_chunks; i++) {
		struct erofs_chunk c = chunk_at(p, i * ((uint64_t)EROFS_BLOCK << p->chunk_bits));
		memcpy(at + i * sizeof c, &c, sizeof c);
	}
}

static uint32_t inode_u(const struct erofs_place *p)
{
	const struct fsnode *n = p->node;

	if (S_ISREG(n->mode))
		return p->chunk_bits | EROFS_CHUNK_INDEXES;
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) /* as the kernel's new_encode_dev() */
		return (n->dev_minor & 0xff) | (n->dev_major << 8) | ((n->dev_minor & ~UINT32_C(0xff)) << 12);
	return p->layout == EROFS_PLAIN ? (uint32_t)p->block : 0;
}

static int put(struct erofs_writer *w, const struct erofs_place *p, struct err *e)
{
	const struct fsnode *n = p->node;
	unsigned char *at = w->image + p->at;
	uint32_t count = p->xattr_bytes ? (p->xattr_bytes - (uint32_t)sizeof(struct erofs_xattr_head)) / 4 + 1 : 0;
	const struct erofs_inode inode = {
		.format = htole16((uint16_t)(1 | p->layout << 1)),
		.xattr_count = htole16((uint16_t)count),
		.mode = htole16((uint16_t)n->mode),
		.size = htole64(S_ISREG(n->mode) ? n->size_bytes : p->data_bytes),
		.u = htole32(inode_u(p)),
		.ino = htole32((uint32_t)n->id),
		.uid = htole32(n->uid),
		.gid = htole32(n->gid),
		.mtime = htole64((uint64_t)n->mtime_s),
		.mtime_ns = htole32(n->mtime_ns),
		.nlink = htole32(n->nlink),
	};

	memcpy(at, &inode, sizeof inode);
	at += sizeof inode;
	if (p->xattr_bytes)
		erofs_xattr_put(n, at);
	at += p->xattr_bytes;
	unsigned char *data = p->layout == EROFS_INLINE ? at : w->image + p->block * EROFS_BLOCK;
	if (S_ISDIR(n->mode))
		return put_dir(w, p, data, e);
	if (S_ISLNK(n->mode))
		memcpy(data, n->link, p->data_bytes);
	if (S_ISREG(n->mode))
		put_chunks(p, at, w->image);
	return p->copied ? copy_data(w, p, e) : 0;
}

static void put_super(struct erofs_writer *w)
{
	size_t n = w->q->n_sources;
	unsigned char *at = w->image + EROFS_SUPER_AT;
	const struct erofs_super s = {
		.magic = htole32(EROFS_MAGIC),
		.compat = htole32(EROFS_COMPAT_MTIME),
		.block_bits = EROFS_BLOCK_BITS,
		.root_nid = htole16((uint16_t)nid_of(&w->places[0])),
		.inodes = htole64(w->n),
		.blocks = htole32((uint32_t)(w->end / EROFS_BLOCK)),
		.incompat = htole32(EROFS_INCOMPAT_CHUNKED | (n ? EROFS_INCOMPAT_DEVICES : 0)),
		.extra_devices = htole16((uint16_t)n),
		.device_slot = htole16((EROFS_SUPER_AT + sizeof s) / sizeof(struct erofs_device)),
	};

	memcpy(at, &s, sizeof s);
	at += sizeof s;
	for (size_t i = 0; i < n; i++) {
		const struct erofs_device d = {
			.blocks = htole32((uint32_t)(round_up(w->q->sources[i].size_bytes, EROFS_BLOCK) / EROFS_BLOCK)),
		};
		memcpy(at + i * sizeof d, &d, sizeof d);
	}
}

static int write_all(struct erofs_writer *w, struct err *e)
{
	/* the space is there before it is written to through memory: a full disk is an error, no signal */
	int r = posix_fallocate(w->q->fd, 0, (off_t)w->end);
	if (r)
		return err_sys(e, r, "allocate EROFS image");
	w->image = mmap(NULL, (size_t)w->end, PROT_READ | PROT_WRITE, MAP_SHARED, w->q->fd, 0);
	if (w->image == MAP_FAILED)
		return err_sys(e, errno, "map EROFS image");
	r = 0;
	for (size_t i = 0; i < w->n && r == 0; i++)
		r = put(w, &w->places[i], e);
	put_super(w);
	(void)munmap(w->image, (size_t)w->end); /* cannot fail: it is what was mapped */
	return r;
}

int erofs_write(const struct erofs_req *q, struct err *e)
{
	struct erofs_writer w = { .q = q };

	if (q->n_sources > EROFS_SOURCES_MAX)
		return err_new(e, E_INVALID, E2BIG, "more than %d layers", EROFS_SOURCES_MAX);
	int r = number(&w, q->tree->root, q->tree->root, e);
	if (r == 0)
		r = lay_out(&w, e);
	if (r == 0)
		r = write_all(&w, e);
	arena_done(&w.a);
	return r < 0 ? err_ctx(e, "EROFS image") : 0;
}
