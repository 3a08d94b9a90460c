/* SPDX-License-Identifier: Apache-2.0
 *
 * Tar reader: blocks, headers and bodies. See tar.h. Sources: POSIX.1-2017 pax, GNU tar manual
 * "Tar Internals", star(5).
 */
#include <stdlib.h>
#include <string.h>

#include "format/tar_int.h"

int tar_bad(const struct tar_reader *t, struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "tar at byte %llu: %s", (unsigned long long)t->offset,
		       what);
}

int tar_open(struct source *src, const struct tar_limits *limits, struct tar_reader **ret,
	     struct err *e)
{
	struct tar_reader *t = calloc(1, sizeof *t);

	if (!t)
		return err_new(e, E_NOMEM, ENOMEM, "tar reader");
	if (limits)
		t->lim = *limits;
	if (!t->lim.path_bytes)
		t->lim.path_bytes = 64 << 10;
	if (!t->lim.header_bytes)
		t->lim.header_bytes = 1 << 20;
	if (!t->lim.hunks)
		t->lim.hunks = 65536;
	if (!t->lim.xattrs)
		t->lim.xattrs = 256;
	t->src = src;
	*ret = t;
	return 0;
}

void tar_close(struct tar_reader *t)
{
	if (!t)
		return;
	buf_done(&t->pax);
	buf_done(&t->global);
	buf_done(&t->long_path);
	buf_done(&t->long_link);
	arena_done(&t->a);
	free(t->hunks);
	free(t->xattrs);
	free(t);
}

uint64_t tar_offset(const struct tar_reader *t)
{
	return t->offset;
}

/* make sure that a chunk is at hand */
static int refill(struct tar_reader *t, struct err *e)
{
	while (!t->n) {
		int r = source_next(t->src, &t->p, &t->n, e);
		if (r <= 0) {
			t->n = 0;
			return r;
		}
	}
	return 1;
}

int tar_block(struct tar_reader *t, const unsigned char **ret, struct err *e)
{
	size_t have = 0;

	if (t->pending) {
		t->pending = false;
		*ret = t->block;
		return 1;
	}
	while (have < TAR_BLOCK_BYTES) {
		int r = refill(t, e);
		if (r < 0)
			return r;
		if (!r)
			return have ? tar_bad(t, e, "cut off inside a block") : 0;
		if (!have && t->n >= TAR_BLOCK_BYTES) {
			*ret = t->p;
			t->p += TAR_BLOCK_BYTES;
			t->n -= TAR_BLOCK_BYTES;
			t->offset += TAR_BLOCK_BYTES;
			return 1;
		}
		size_t take = TAR_BLOCK_BYTES - have < t->n ? TAR_BLOCK_BYTES - have : t->n;
		memcpy(t->block + have, t->p, take);
		have += take;
		t->p += take;
		t->n -= take;
		t->offset += take;
	}
	*ret = t->block;
	return 1;
}

static int skip(struct tar_reader *t, uint64_t n, struct err *e)
{
	if (n >= TAR_BLOCK_BYTES && t->pending) {
		t->pending = false;
		n -= TAR_BLOCK_BYTES;
	}
	while (n) {
		if (!t->n && t->src->skip) {
			uint64_t past = t->src->skip(t->src, n);
			t->offset += past;
			n -= past;
			if (!n)
				break;
		}
		int r = refill(t, e);
		if (r < 0)
			return r;
		/* umoci's insert leaves out the last padding; Go's reader takes that, and so do we */
		if (!r && n <= t->pad)
			return 0;
		if (!r)
			return tar_bad(t, e, "cut off inside a file");
		size_t take = t->n < n ? t->n : (size_t)n;
		t->p += take;
		t->n -= take;
		t->offset += take;
		n -= take;
	}
	return 0;
}

int tar_number(const unsigned char *p, size_t n, int64_t *ret)
{
	uint64_t v = 0;

	if (n && (*p & 0x80)) { /* base-256, two's complement; the top bit only marks the form */
		bool negative = *p & 0x40;
		unsigned char fill = negative ? 0xff : 0;
		for (size_t i = 0; i < n; i++) {
			unsigned char c = i ? p[i] : (unsigned char)((p[0] & 0x7f) | (negative ? 0x80 : 0));
			if (i + 8 < n && c != fill)
				return -EINVAL;
			v = v << 8 | c;
		}
		if (((int64_t)v < 0) != negative)
			return -EINVAL;
		*ret = (int64_t)v;
		return 0;
	}
	size_t i = 0;
	while (i < n && (p[i] == ' ' || !p[i]))
		i++;
	for (; i < n && p[i] && p[i] != ' '; i++) {
		if (p[i] < '0' || p[i] > '7' || v >> 60)
			return -EINVAL;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	while (i < n && (p[i] == ' ' || !p[i]))
		i++;
	if (i < n)
		return -EINVAL;
	*ret = (int64_t)v;
	return 0;
}

static bool is_zero(const unsigned char *h)
{
	return !h[0] && !memcmp(h, h + 1, TAR_BLOCK_BYTES - 1);
}

bool tar_is_header(const unsigned char *h)
{
	int64_t want;
	int64_t plain = 8 * ' ', with_sign = 8 * ' '; /* old writers added up signed chars */

	if (tar_number(h + TAR_AT_SUM, 8, &want) < 0)
		return false;
	for (int i = 0; i < TAR_BLOCK_BYTES; i++) {
		if (i >= TAR_AT_SUM && i < TAR_AT_SUM + 8)
			continue;
		plain += h[i];
		with_sign += (signed char)h[i];
	}
	return want == plain || want == with_sign;
}

static enum tar_dialect dialect_of(const unsigned char *h)
{
	if (!memcmp(h + TAR_AT_MAGIC, "ustar  ", 8))
		return TAR_GNU;
	if (memcmp(h + TAR_AT_MAGIC, "ustar", 5))
		return TAR_V7;
	return memcmp(h + TAR_AT_STAR_MAGIC, "tar", 4) ? TAR_USTAR : TAR_STAR;
}

/* copy a field that need not end with NUL */
static size_t field(const unsigned char *p, size_t n, char *out)
{
	size_t len = strnlen((const char *)p, n);
	memcpy(out, p, len);
	out[len] = 0;
	return len;
}

static void read_names(struct tar_reader *t, const unsigned char *h)
{
	enum tar_dialect d = dialect_of(h);
	size_t n = 0;

	if (d == TAR_USTAR || d == TAR_STAR) {
		n = field(h + TAR_AT_PREFIX, d == TAR_STAR ? 131 : 155, t->name);
		if (n)
			t->name[n++] = '/';
	}
	field(h + TAR_AT_NAME, 100, t->name + n);
	field(h + TAR_AT_LINK, 100, t->link);
	t->uname[0] = t->gname[0] = 0;
	if (d != TAR_V7) {
		field(h + TAR_AT_UNAME, 32, t->uname);
		field(h + TAR_AT_GNAME, 32, t->gname);
	}
	t->en.path = t->name;
	t->en.link = t->link;
	t->en.uname = t->uname;
	t->en.gname = t->gname;
}

static int read_numbers(struct tar_reader *t, const unsigned char *h, struct err *e)
{
	static const struct {
		short at, n;
		const char *bad;
	} rows[] = {
		{ TAR_AT_MODE, 8, "mode is no number" },      { TAR_AT_UID, 8, "owner is no number" },
		{ TAR_AT_GID, 8, "group is no number" },      { TAR_AT_SIZE, 12, "size is no number" },
		{ TAR_AT_MTIME, 12, "time is no number" },    { TAR_AT_MAJOR, 8, "device is no number" },
		{ TAR_AT_MINOR, 8, "device is no number" },
	};
	int64_t v[ARRAY_LEN(rows)] = { 0 };
	size_t n = dialect_of(h) == TAR_V7 ? 5 : ARRAY_LEN(rows);

	for (size_t i = 0; i < n; i++) {
		if (tar_number(h + rows[i].at, (size_t)rows[i].n, &v[i]) < 0)
			/* writers leave rubbish there for what is no device */
			if (i < 5 || h[TAR_AT_TYPE] == '3' || h[TAR_AT_TYPE] == '4')
				return tar_bad(t, e, rows[i].bad);
	}
	if (v[1] < 0 || v[2] < 0)
		return tar_bad(t, e, "negative owner");
	if (v[3] < 0)
		return tar_bad(t, e, "negative size");
	t->en.mode = (mode_t)v[0] & 07777;
	t->en.uid = (uint64_t)v[1];
	t->en.gid = (uint64_t)v[2];
	t->en.size = (uint64_t)v[3];
	t->en.mtime = (struct tar_time){ .sec = v[4] };
	t->en.dev_major = (uint32_t)v[5];
	t->en.dev_minor = (uint32_t)v[6];
	return 0;
}

/* body of a PAX header or of a GNU long name, with its padding */
static int read_meta(struct tar_reader *t, struct buf *b, uint64_t size, uint64_t max, struct err *e)
{
	uint64_t pad = -size % TAR_BLOCK_BYTES;

	if (size > max || b->n > max - size)
		return tar_bad(t, e, "extended header is too large");
	while (size) {
		int r = refill(t, e);
		if (r < 0)
			return r;
		if (!r)
			return tar_bad(t, e, "cut off inside an extended header");
		size_t take = t->n < size ? t->n : (size_t)size;
		buf_add(b, t->p, take);
		t->p += take;
		t->n -= take;
		t->offset += take;
		size -= take;
	}
	if (buf_failed(b))
		return err_new(e, E_NOMEM, ENOMEM, "tar: extended header");
	return skip(t, pad, e);
}

/* a header that only describes the next one. 1 when it was one. */
static int take_meta(struct tar_reader *t, const unsigned char *h, struct err *e)
{
	char type = (char)h[TAR_AT_TYPE];
	uint64_t max = t->lim.header_bytes;
	struct buf *b;
	int64_t size;

	if (!strchr("xXgLKVMNA", type) || !type)
		return 0;
	if (tar_number(h + TAR_AT_SIZE, 12, &size) < 0 || size < 0)
		return tar_bad(t, e, "size is no number");
	switch (type) {
	case 'x':
	case 'X':
		b = &t->pax;
		break;
	case 'g':
		b = &t->global;
		max = TAR_GLOBAL_MAX;
		break;
	case 'L':
	case 'K':
		b = type == 'L' ? &t->long_path : &t->long_link;
		b->n = 0;
		max = t->lim.path_bytes;
		break;
	default: /* volume label, continuation, old names, Solaris ACL: nothing for us */
		if (size > INT64_MAX - TAR_BLOCK_BYTES)
			return tar_bad(t, e, "size is too large");
		int r = skip(t, (uint64_t)size + (-(uint64_t)size % TAR_BLOCK_BYTES), e);
		return r < 0 ? r : 1;
	}
	size_t from = b->n;
	if (read_meta(t, b, (uint64_t)size, max, e) < 0)
		return -e->eno;
	if (type != 'L' && type != 'K' && pax_check(t, b, from, e) < 0)
		return -e->eno;
	return 1;
}

static int entry_type(struct tar_reader *t, char flag, enum tar_type *ret, struct err *e)
{
	size_t n = strlen(t->en.path);

	switch (flag) {
	case '0':
	case 0:
	case '7':
	case 'S':
		/* v7 had no directories: a name that ends with a slash */
		*ret = n && t->en.path[n - 1] == '/' && flag != 'S' ? TAR_DIR : TAR_FILE;
		return 0;
	case '1':
		*ret = TAR_HARDLINK;
		return 0;
	case '2':
		*ret = TAR_SYMLINK;
		return 0;
	case '3':
		*ret = TAR_CHAR;
		return 0;
	case '4':
		*ret = TAR_BLOCK;
		return 0;
	case '5':
	case 'D':
		*ret = TAR_DIR;
		return 0;
	case '6':
		*ret = TAR_FIFO;
		return 0;
	default:
		return tar_bad(t, e, "unknown type of entry");
	}
}

/* Directories, links and devices have no body, yet some writers store a size there and some
 * (pax with linkdata) a body too: there is none when what follows looks like a header. */
static int body_of_bodyless(struct tar_reader *t, struct err *e)
{
	const unsigned char *h;

	if (t->en.size) {
		int r = tar_block(t, &h, e);
		if (r < 0)
			return r;
		if (r && h != t->block)
			memcpy(t->block, h, TAR_BLOCK_BYTES);
		t->pending = r > 0;
		if (!r || is_zero(t->block) || tar_is_header(t->block))
			t->left = t->pad = 0;
	}
	t->en.size = 0;
	return 0;
}

static int finish_entry(struct tar_reader *t, char flag, struct err *e)
{
	struct tar_entry *en = &t->en;

	if (t->long_path.n) {
		en->path = buf_str(&t->long_path);
		if (strnlen(en->path, t->long_path.n) + 1 < t->long_path.n)
			return tar_bad(t, e, "NUL inside a name");
	}
	if (t->long_link.n) {
		en->link = buf_str(&t->long_link);
		if (strnlen(en->link, t->long_link.n) + 1 < t->long_link.n)
			return tar_bad(t, e, "NUL inside a link");
	}
	if (pax_apply(t, &t->global, e) < 0 || pax_apply(t, &t->pax, e) < 0)
		return -e->eno;
	if (strlen(en->path) > t->lim.path_bytes || strlen(en->link) > t->lim.path_bytes)
		return tar_bad(t, e, "name is too long");
	if (entry_type(t, flag, &en->type, e) < 0)
		return -e->eno;
	if (en->size > INT64_MAX - TAR_BLOCK_BYTES)
		return tar_bad(t, e, "size is too large");
	t->left = en->size;
	t->pad = -t->left % TAR_BLOCK_BYTES;
	en->xattrs = t->xattrs;
	en->n_xattrs = t->n_xattrs;
	if (en->type != TAR_FILE && flag != 'D')
		return body_of_bodyless(t, e);
	if (flag == 'D') /* a list of names for incremental backups */
		en->size = 0;
	return t->sparse.any && en->type == TAR_FILE ? tar_sparse_finish(t, e) : 0;
}

static void begin_entry(struct tar_reader *t)
{
	arena_done(&t->a);
	t->pax.n = t->long_path.n = t->long_link.n = 0;
	t->n_xattrs = t->n_hunks = t->hunk = 0;
	t->hunk_done = 0;
	t->sparse = (struct tar_sparse){ 0 };
	t->en = (struct tar_entry){ 0 };
}

/* at a zero block: the end, when a second one or nothing follows */
static int at_zero(struct tar_reader *t, struct err *e)
{
	const unsigned char *h;
	int r = tar_block(t, &h, e);

	if (r < 0)
		return r;
	if (r && !is_zero(h))
		return tar_bad(t, e, "a lone block of zeros");
	t->ended = true;
	return 0;
}

int tar_next(struct tar_reader *t, const struct tar_entry **ret, struct err *e)
{
	const unsigned char *h;
	bool meta = false;
	int r;

	if (t->ended)
		return 0;
	if (skip(t, t->left + t->pad, e) < 0)
		return -e->eno;
	t->left = t->pad = 0;
	begin_entry(t);
	for (;;) {
		r = tar_block(t, &h, e);
		if (r < 0)
			return r;
		if (!r || is_zero(h)) {
			if (meta)
				return tar_bad(t, e, "ends after an extended header");
			t->ended = true;
			return r ? at_zero(t, e) : 0;
		}
		if (!tar_is_header(h))
			return tar_bad(t, e, "wrong checksum of a header");
		r = take_meta(t, h, e);
		if (r < 0)
			return r;
		if (!r)
			break;
		meta = meta || h[TAR_AT_TYPE] != 'g';
	}
	char flag = (char)h[TAR_AT_TYPE];
	read_names(t, h);
	if (read_numbers(t, h, e) < 0 || (flag == 'S' && tar_sparse_gnu(t, h, e) < 0) ||
	    finish_entry(t, flag, e) < 0)
		return -e->eno;
	*ret = &t->en;
	return 1;
}

int tar_body(struct tar_reader *t, const unsigned char **ret, size_t *ret_n, uint64_t *ret_offset,
	     struct err *e)
{
	if (!t->left || t->en.type != TAR_FILE)
		return 0;
	int r = refill(t, e);
	if (r < 0)
		return r;
	if (!r)
		return tar_bad(t, e, "cut off inside a file");
	size_t take = t->n < t->left ? t->n : (size_t)t->left;
	if (t->sparse.any) {
		while (t->hunks[t->hunk].length == t->hunk_done) {
			t->hunk++;
			t->hunk_done = 0;
		}
		const struct tar_hunk *k = &t->hunks[t->hunk];
		if (take > k->length - t->hunk_done)
			take = (size_t)(k->length - t->hunk_done);
		*ret_offset = k->offset + t->hunk_done;
		t->hunk_done += take;
	} else {
		*ret_offset = t->en.size - t->left;
	}
	*ret = t->p;
	*ret_n = take;
	t->p += take;
	t->n -= take;
	t->offset += take;
	t->left -= take;
	return 1;
}
