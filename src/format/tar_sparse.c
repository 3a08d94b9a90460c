/* SPDX-License-Identifier: Apache-2.0
 *
 * Sparse files in tar: the map of the old GNU header, of PAX 0.0 and 0.1 (records, collected by
 * tar_pax.c) and of PAX 1.0 (text before the data). Every map is bounded and checked before use
 * (CVE-2025-58183: an unbounded map).
 */
#include <stdlib.h>
#include <string.h>

#include "format/tar_int.h"

int tar_hunk_add(struct tar_reader *t, uint64_t offset, uint64_t length, struct err *e)
{
	if (t->n_hunks >= t->lim.hunks)
		return tar_bad(t, e, "sparse map is too long");
	if (t->n_hunks == t->cap_hunks) {
		size_t cap = t->cap_hunks ? t->cap_hunks * 2 : 32;
		struct tar_hunk *more = realloc(t->hunks, cap * sizeof *more);
		if (!more)
			return err_new(e, E_NOMEM, ENOMEM, "tar: sparse map");
		t->hunks = more;
		t->cap_hunks = cap;
	}
	t->hunks[t->n_hunks++] = (struct tar_hunk){ offset, length };
	return 0;
}

/* pairs of 12-byte fields; an empty one ends the list. 1: go on, 0: ended */
static int gnu_pairs(struct tar_reader *t, const unsigned char *p, int n, struct err *e)
{
	for (int i = 0; i < n; i++, p += 24) {
		int64_t offset, length;
		if (!p[0])
			return 0;
		if (tar_number(p, 12, &offset) < 0 || tar_number(p + 12, 12, &length) < 0 || offset < 0 ||
		    length < 0)
			return tar_bad(t, e, "sparse map is no number");
		if (tar_hunk_add(t, (uint64_t)offset, (uint64_t)length, e) < 0)
			return -e->eno;
	}
	return 1;
}

int tar_sparse_gnu(struct tar_reader *t, const unsigned char *h, struct err *e)
{
	int64_t real;
	bool more = h[482];

	if (tar_number(h + 483, 12, &real) < 0 || real < 0)
		return tar_bad(t, e, "size of a sparse file is no number");
	t->sparse.any = t->sparse.has_real = true;
	t->sparse.real = (uint64_t)real;
	int r = gnu_pairs(t, h + TAR_AT_GNU_SPARSE, 4, e);
	while (r >= 0 && more) {
		r = tar_block(t, &h, e);
		if (!r)
			return tar_bad(t, e, "cut off inside a sparse map");
		if (r > 0) {
			more = h[504];
			r = gnu_pairs(t, h, 21, e);
		}
	}
	return r < 0 ? r : 0;
}

/* decimal number and newline of the map in the body, across blocks */
struct digits {
	const unsigned char *block;
	size_t at;
};

static int body_number(struct tar_reader *t, struct digits *d, uint64_t *ret, struct err *e)
{
	uint64_t v = 0;

	for (int n = 0; n < 20; n++) {
		if (d->at == TAR_BLOCK_BYTES) {
			if (t->left < TAR_BLOCK_BYTES)
				return tar_bad(t, e, "sparse map is longer than the file");
			int r = tar_block(t, &d->block, e);
			if (r <= 0)
				return r ? r : tar_bad(t, e, "cut off inside a sparse map");
			t->left -= TAR_BLOCK_BYTES;
			d->at = 0;
		}
		unsigned char c = d->block[d->at++];
		if (c == '\n' && n) {
			*ret = v;
			return 0;
		}
		if (c < '0' || c > '9' || v > INT64_MAX / 10)
			break;
		v = v * 10 + (uint64_t)(c - '0');
	}
	return tar_bad(t, e, "sparse map is no number");
}

int tar_sparse_body(struct tar_reader *t, struct err *e)
{
	struct digits d = { .at = TAR_BLOCK_BYTES };
	uint64_t n, offset, length;

	if (body_number(t, &d, &n, e) < 0)
		return -e->eno;
	if (n > t->lim.hunks)
		return tar_bad(t, e, "sparse map is too long");
	for (uint64_t i = 0; i < n; i++)
		if (body_number(t, &d, &offset, e) < 0 || body_number(t, &d, &length, e) < 0 ||
		    tar_hunk_add(t, offset, length, e) < 0)
			return -e->eno;
	return 0;
}

int tar_sparse_finish(struct tar_reader *t, struct err *e)
{
	uint64_t end = 0, data = 0;

	if (t->sparse.major == 1 && tar_sparse_body(t, e) < 0)
		return -e->eno;
	if (t->sparse.major > 1)
		return tar_bad(t, e, "unknown form of sparse file");
	if (!t->sparse.has_real || t->sparse.real > INT64_MAX)
		return tar_bad(t, e, "sparse file without its size");
	for (size_t i = 0; i < t->n_hunks; i++) {
		const struct tar_hunk *k = &t->hunks[i];
		if (k->offset < end || k->offset > t->sparse.real ||
		    k->length > t->sparse.real - k->offset)
			return tar_bad(t, e, "sparse map overlaps or leaves the file");
		end = k->offset + k->length;
		data += k->length;
	}
	if (data != t->left)
		return tar_bad(t, e, "sparse map does not fit its data");
	t->en.size = t->sparse.real;
	t->en.hunks = t->hunks;
	t->en.n_hunks = t->n_hunks;
	return 0;
}
