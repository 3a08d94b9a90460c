/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading EROFS: superblock, inodes, and where the data of a file are. See erofs_read.h.
 */
#include "format/erofs_read.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "format/erofs_int.h"
#include "format/tar.h"

enum { BLOCK_BITS_MAX = 16, CHUNK_FORMAT_KNOWN = 0x3f, CHUNK_BITS_MASK = 0x1f };

/* bits of incompat that change nothing for what is read here: they are about compressed data, each
 * of which is refused by its own layout */
#define INCOMPAT_KNOWN 0x7fu

static const struct {
	uint32_t bit;
	const char *name;
} incompat_names[] = {
	{ 0x80, "48-bit block addresses" },
	{ 0x100, "a metadata box (metabox)" },
};

int erofs_get(const struct erofs_image *m, uint64_t at, void *p, size_t n, struct err *e)
{
	if (at > m->size_bytes || n > m->size_bytes - at)
		return err_new(e, E_CORRUPT, EBADMSG, "EROFS image: %zu bytes at %llu are outside of it", n,
			       (unsigned long long)at);
	if (m->need.get && m->need.get(m->need.data, at, n, e) < 0)
		return -e->eno;
	for (size_t done = 0; done < n;) {
		ssize_t r = pread(m->xfd, (char *)p + done, n - done, (off_t)(at + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? err_sys(e, errno, "read EROFS image") :
				       err_new(e, E_CORRUPT, EIO, "EROFS image: the file has become shorter");
		done += (size_t)r;
	}
	return 0;
}

bool erofs_is_image(const unsigned char *p, size_t n)
{
	uint32_t magic;

	if (n < EROFS_HEAD_BYTES)
		return false;
	memcpy(&magic, p + EROFS_SUPER_AT, sizeof magic);
	return le32toh(magic) == EROFS_MAGIC && !tar_is_header(p);
}

static int devices_read(struct erofs_image *m, const struct erofs_super *s, struct err *e)
{
	unsigned n = le16toh(s->extra_devices);
	uint64_t at = (uint64_t)le16toh(s->device_slot) * sizeof(struct erofs_device);
	uint64_t *list;

	if (!(le32toh(s->incompat) & EROFS_INCOMPAT_DEVICES) || !n)
		return 0;
	list = arena_get(&m->a, n * sizeof *list);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	for (unsigned i = 0; i < n; i++) {
		struct erofs_device d;
		if (erofs_get(m, at + i * sizeof d, &d, sizeof d, e) < 0)
			return err_ctx(e, "devices");
		list[i] = (uint64_t)le32toh(d.mapped_block) << m->block_bits;
	}
	m->devices = list;
	m->n_devices = n;
	for (m->device_mask = 1; m->device_mask < n + 1; m->device_mask <<= 1)
		;
	m->device_mask--;
	return 0;
}

static int super_check(const struct erofs_super *s, struct err *e)
{
	uint32_t more = le32toh(s->incompat) & ~INCOMPAT_KNOWN;

	if (le32toh(s->magic) != EROFS_MAGIC)
		return err_new(e, E_CORRUPT, EBADMSG, "no EROFS image");
	for (size_t i = 0; i < ARRAY_LEN(incompat_names); i++)
		if (more & incompat_names[i].bit)
			return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS image with %s is not supported", incompat_names[i].name);
	if (more)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS image with features 0x%x is not supported", more);
	if (s->block_bits < EROFS_BLOCK_BITS || s->block_bits > BLOCK_BITS_MAX)
		return err_new(e, E_CORRUPT, EBADMSG, "EROFS image: blocks of 2^%u bytes", s->block_bits);
	if (s->dir_block_bits)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS image with large blocks of directories is not supported");
	return 0;
}

static int open_read(struct erofs_image *m, struct err *e)
{
	struct erofs_super s;
	struct erofs_node root;

	if (erofs_get(m, EROFS_SUPER_AT, &s, sizeof s, e) < 0 || super_check(&s, e) < 0)
		return -e->eno;
	m->block_bits = s.block_bits;
	m->meta_at = (uint64_t)le32toh(s.meta_block) << s.block_bits;
	m->shared_at = (uint64_t)le32toh(s.xattr_block) << s.block_bits;
	m->root_nid = le16toh(s.root_nid);
	m->time_s = (int64_t)le64toh(s.build_time);
	m->time_ns = le32toh(s.build_time_ns);
	if (devices_read(m, &s, e) < 0 || erofs_prefixes_read(m, &s, e) < 0 || erofs_node_read(m, m->root_nid, &root, e) < 0)
		return -e->eno;
	return S_ISDIR(root.mode) ? 0 : err_new(e, E_CORRUPT, ENOTDIR, "EROFS image: its root is no directory");
}

int erofs_open(int xfd, uint64_t size_bytes, const struct erofs_need *need, struct erofs_image *ret, struct err *e)
{
	*ret = (struct erofs_image){ .xfd = xfd, .size_bytes = size_bytes };
	if (need)
		ret->need = *need;
	if (open_read(ret, e) == 0)
		return 0;
	erofs_close(ret);
	return -e->eno;
}

void erofs_close(struct erofs_image *m)
{
	arena_done(&m->a);
	*m = (struct erofs_image){ .xfd = -1 };
}

/* ---- inodes ---- */

static int bad(const struct erofs_node *n, struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "EROFS inode %llu: %s", (unsigned long long)n->nid, what);
}

static void take_compact(const struct erofs_image *m, const unsigned char *p, struct erofs_node *n)
{
	uint16_t uid, gid;
	uint32_t size;

	memcpy(&size, p + 8, sizeof size);
	memcpy(&n->u, p + 16, sizeof n->u);
	memcpy(&uid, p + 24, sizeof uid);
	memcpy(&gid, p + 26, sizeof gid);
	n->size_bytes = le32toh(size);
	n->u = le32toh(n->u);
	n->uid = le16toh(uid);
	n->gid = le16toh(gid);
	n->mtime_s = m->time_s;
	n->mtime_ns = m->time_ns;
}

static void take_extended(const unsigned char *p, struct erofs_node *n)
{
	struct erofs_inode d;

	memcpy(&d, p, sizeof d);
	n->size_bytes = le64toh(d.size);
	n->u = le32toh(d.u);
	n->uid = le32toh(d.uid);
	n->gid = le32toh(d.gid);
	n->mtime_s = (int64_t)le64toh(d.mtime);
	n->mtime_ns = le32toh(d.mtime_ns);
}

/* what of the layout can be said without looking at the data */
static int layout_check(const struct erofs_image *m, struct erofs_node *n, struct err *e)
{
	if (n->layout == 1 || n->layout == 3)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "compressed data in an EROFS image are not supported");
	if (n->layout > EROFS_CHUNKS)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS inode %llu: layout %u is not supported",
			       (unsigned long long)n->nid, n->layout);
	if (n->size_bytes > INT64_MAX)
		return bad(n, e, "its size is out of range");
	if (n->layout != EROFS_CHUNKS)
		return 0;
	if (!S_ISREG(n->mode))
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS inode %llu: something else than a file by chunks",
			       (unsigned long long)n->nid);
	if (n->u & ~(uint32_t)CHUNK_FORMAT_KNOWN)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS inode %llu: chunk format 0x%x is not supported",
			       (unsigned long long)n->nid, n->u);
	n->chunk_bits = m->block_bits + (n->u & CHUNK_BITS_MASK);
	return 0;
}

int erofs_node_read(const struct erofs_image *m, uint64_t nid, struct erofs_node *ret, struct err *e)
{
	unsigned char raw[sizeof(struct erofs_inode)];
	struct erofs_node n = { .nid = nid };
	uint16_t format, count, mode;

	if (nid > m->size_bytes / EROFS_SLOT)
		return bad(&n, e, "is outside of the image");
	n.at = m->meta_at + nid * EROFS_SLOT;
	if (erofs_get(m, n.at, raw, 32, e) < 0)
		return err_ctx(e, "inode %llu", (unsigned long long)nid);
	memcpy(&format, raw, sizeof format);
	memcpy(&count, raw + 2, sizeof count);
	memcpy(&mode, raw + 4, sizeof mode);
	format = le16toh(format);
	count = le16toh(count);
	n.mode = le16toh(mode);
	n.layout = (format >> 1) & 7;
	if (format & ~0xf)
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS inode %llu: format 0x%x is not supported",
			       (unsigned long long)nid, format);
	if (format & 1) {
		if (erofs_get(m, n.at + 32, raw + 32, sizeof raw - 32, e) < 0)
			return err_ctx(e, "inode %llu", (unsigned long long)nid);
		take_extended(raw, &n);
	} else {
		take_compact(m, raw, &n);
	}
	if (n.mtime_ns > 999999999)
		return bad(&n, e, "its time is out of range");
	n.xattr_bytes = count ? (uint32_t)sizeof(struct erofs_xattr_head) + 4 * (count - 1u) : 0;
	n.end = n.at + (format & 1 ? sizeof raw : 32) + n.xattr_bytes;
	if (S_ISCHR(n.mode) || S_ISBLK(n.mode)) {
		n.dev_major = (n.u & 0xfff00) >> 8;
		n.dev_minor = (n.u & 0xff) | ((n.u >> 12) & 0xfff00);
	} else if (!S_ISFIFO(n.mode) && !S_ISSOCK(n.mode) && layout_check(m, &n, e) < 0) {
		return -e->eno;
	}
	*ret = n;
	return 0;
}

/* ---- data ---- */

/* a piece of the image, cut to what there is of the file */
static int give(const struct erofs_image *m, const struct erofs_node *n, uint64_t from, uint64_t len, uint64_t offset,
		uint64_t *ret_from, uint64_t *ret_n, struct err *e)
{
	if (len > n->size_bytes - offset)
		len = n->size_bytes - offset;
	if (from > m->size_bytes || len > m->size_bytes - from)
		return bad(n, e, "its data are outside of the image");
	*ret_from = from;
	*ret_n = len;
	return 0;
}

/* one entry of the table of chunks: where it is, or EROFS_FROM_HOLE */
static int chunk_read(const struct erofs_image *m, const struct erofs_node *n, uint64_t index, uint64_t *ret,
		      struct err *e)
{
	const bool wide = n->u & EROFS_CHUNK_INDEXES;
	const uint64_t unit = wide ? sizeof(struct erofs_chunk) : 4, table = (n->end + unit - 1) / unit * unit;
	struct erofs_chunk c = { 0 };
	unsigned device;

	if (index > m->size_bytes / unit)
		return bad(n, e, "its table of chunks is outside of the image");
	if (erofs_get(m, table + index * unit, wide ? (void *)&c : (void *)&c.block, (size_t)unit, e) < 0)
		return err_ctx(e, "chunks of inode %llu", (unsigned long long)n->nid);
	*ret = EROFS_FROM_HOLE;
	if (c.block == UINT32_MAX)
		return 0;
	*ret = (uint64_t)le32toh(c.block) << m->block_bits;
	device = wide ? le16toh(c.device) & m->device_mask : 0;
	if (!device)
		return 0;
	if (device > m->n_devices || !m->devices[device - 1])
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "EROFS image with data on further devices is not supported");
	*ret += m->devices[device - 1];
	return 0;
}

static int run_chunks(const struct erofs_image *m, const struct erofs_node *n, uint64_t offset, uint64_t *ret_from,
		      uint64_t *ret_n, struct err *e)
{
	const uint64_t size = UINT64_C(1) << n->chunk_bits;
	uint64_t from = 0;

	if (chunk_read(m, n, offset >> n->chunk_bits, &from, e) < 0)
		return -e->eno;
	uint64_t in = offset & (size - 1), len = size - in;
	if (from != EROFS_FROM_HOLE)
		return give(m, n, from + in, len, offset, ret_from, ret_n, e);
	*ret_from = from;
	*ret_n = len > n->size_bytes - offset ? n->size_bytes - offset : len;
	return 0;
}

int erofs_run(const struct erofs_image *m, const struct erofs_node *n, uint64_t offset, uint64_t *ret_from,
	      uint64_t *ret_n, struct err *e)
{
	const uint64_t block = UINT64_C(1) << m->block_bits;
	uint64_t in_blocks = n->size_bytes; /* the rest is behind the inode */

	if (offset >= n->size_bytes)
		return bad(n, e, "its data end before");
	if (n->layout == EROFS_CHUNKS)
		return run_chunks(m, n, offset, ret_from, ret_n, e);
	if (n->layout == EROFS_INLINE)
		in_blocks = (n->size_bytes - 1) / block * block;
	if (offset < in_blocks)
		return give(m, n, ((uint64_t)n->u << m->block_bits) + offset, in_blocks - offset, offset, ret_from, ret_n, e);
	uint64_t tail = n->size_bytes - in_blocks;
	if (n->end / block != (n->end + tail - 1) / block)
		return bad(n, e, "its inline data cross a block");
	return give(m, n, n->end + (offset - in_blocks), n->size_bytes - offset, offset, ret_from, ret_n, e);
}

int erofs_data(const struct erofs_image *m, const struct erofs_node *n, uint64_t offset, void *p, size_t bytes,
	       struct err *e)
{
	for (size_t done = 0; done < bytes;) {
		uint64_t from, len;
		if (erofs_run(m, n, offset + done, &from, &len, e) < 0)
			return -e->eno;
		if (len > bytes - done)
			len = bytes - done;
		if (from == EROFS_FROM_HOLE)
			memset((char *)p + done, 0, (size_t)len);
		else if (erofs_get(m, from, (char *)p + done, (size_t)len, e) < 0)
			return -e->eno;
		done += (size_t)len;
	}
	return 0;
}

/* ---- names ---- */

static int bad_dir(struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "EROFS directory: %s", what);
}

int erofs_names(const unsigned char *block, size_t bytes, char *last, struct arena *a, struct erofs_name **ret,
		size_t *ret_n, struct err *e)
{
	struct erofs_dirent d;

	if (bytes < sizeof d)
		return bad_dir(e, "its end is cut off");
	memcpy(&d, block, sizeof d);
	size_t first = le16toh(d.name_at), n = first / sizeof d;
	if (!n || first % sizeof d || first >= bytes)
		return bad_dir(e, "malformed block");
	struct erofs_name *list = arena_get(a, n * sizeof *list);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS directory");
	for (size_t i = 0; i < n; i++) {
		struct erofs_dirent next = { 0 };
		memcpy(&d, block + i * sizeof d, sizeof d);
		if (i + 1 < n)
			memcpy(&next, block + (i + 1) * sizeof d, sizeof next);
		size_t at = le16toh(d.name_at), end = i + 1 < n ? le16toh(next.name_at) : bytes;
		if (at < first || at >= end || end > bytes)
			return bad_dir(e, "a name is outside of its block");
		const char *name = (const char *)block + at;
		size_t len = strnlen(name, end - at);
		if (!len || len > EROFS_NAME_MAX || memchr(name, '/', len) || (i + 1 < n && len != end - at))
			return bad_dir(e, "malformed name");
		char *copy = arena_strndup(a, name, len);
		if (!copy)
			return err_new(e, E_NOMEM, ENOMEM, "EROFS directory");
		if (strcmp(copy, last) <= 0)
			return bad_dir(e, "its names do not ascend");
		memcpy(last, copy, len + 1);
		list[i] = (struct erofs_name){ copy, len, le64toh(d.nid) };
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
