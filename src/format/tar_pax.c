/* SPDX-License-Identifier: Apache-2.0
 *
 * PAX extended headers: records "LENGTH KEY=VALUE\n" (POSIX.1-2017 pax), with the vendor keys of
 * star (SCHILY), libarchive, GNU sparse and Red Hat. One table row per key.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/tar_int.h"

/* length of the record at @p, and where its key begins; 0 when malformed */
static size_t record(const char *p, size_t n, size_t *ret_key)
{
	size_t len = 0, i = 0;

	for (; i < n && i < 10 && p[i] >= '0' && p[i] <= '9'; i++)
		len = len * 10 + (size_t)(p[i] - '0');
	if (!i || i >= n || p[i] != ' ' || len > n || len < i + 4)
		return 0;
	*ret_key = i + 1;
	return len;
}

int pax_check(struct tar_reader *t, struct buf *b, size_t from, struct err *e)
{
	while (from < b->n) {
		char *p = b->p + from;
		size_t key, len = record(p, b->n - from, &key);
		if (!len || p[len - 1] != '\n' || p[key] == '=' || !memchr(p + key, '=', len - key))
			return tar_bad(t, e, "malformed extended header");
		p[len - 1] = 0;
		from += len;
	}
	return 0;
}

struct value {
	const char *p; /* NUL after the @n bytes */
	size_t n;
};

static int set_path(struct tar_reader *t, struct value v, struct err *e)
{
	if (strlen(v.p) != v.n)
		return tar_bad(t, e, "NUL inside a name");
	t->en.path = v.p;
	return 0;
}

static int set_link(struct tar_reader *t, struct value v, struct err *e)
{
	if (strlen(v.p) != v.n)
		return tar_bad(t, e, "NUL inside a link");
	t->en.link = v.p;
	return 0;
}

static int number(struct tar_reader *t, struct value v, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	if (strlen(v.p) != v.n || text_uint64(v.p, &n) < 0 || n > INT64_MAX)
		return tar_bad(t, e, "extended header: no number");
	*ret = n;
	return 0;
}

static int set_size(struct tar_reader *t, struct value v, struct err *e)
{
	return number(t, v, &t->en.size, e);
}

static int set_uid(struct tar_reader *t, struct value v, struct err *e)
{
	return number(t, v, &t->en.uid, e);
}

static int set_gid(struct tar_reader *t, struct value v, struct err *e)
{
	return number(t, v, &t->en.gid, e);
}

static int set_uname(struct tar_reader *t, struct value v, struct err *e)
{
	(void)e;
	t->en.uname = v.p;
	return 0;
}

static int set_gname(struct tar_reader *t, struct value v, struct err *e)
{
	(void)e;
	t->en.gname = v.p;
	return 0;
}

/* "[-]SECONDS[.FRACTION]" */
static int time_value(struct tar_reader *t, struct value v, struct tar_time *ret, struct err *e)
{
	char whole[24];
	bool negative = v.n && v.p[0] == '-';
	size_t n = strcspn(v.p, ".");
	uint32_t nsec = 0, unit = 100000000;
	int64_t sec;

	if (strlen(v.p) != v.n || n >= sizeof whole)
		return tar_bad(t, e, "extended header: no time");
	memcpy(whole, v.p, n);
	whole[n] = 0;
	if (text_int64(whole, &sec) < 0)
		return tar_bad(t, e, "extended header: no time");
	for (const char *f = v.p + n + (v.p[n] == '.'); *f; f++) {
		if (*f < '0' || *f > '9')
			return tar_bad(t, e, "extended header: no time");
		nsec += (uint32_t)(*f - '0') * unit;
		unit /= 10;
	}
	if (negative && nsec) {
		if (sec == INT64_MIN)
			return tar_bad(t, e, "extended header: no time");
		sec--;
		nsec = 1000000000 - nsec;
	}
	*ret = (struct tar_time){ sec, nsec };
	return 0;
}

static int set_mtime(struct tar_reader *t, struct value v, struct err *e)
{
	return time_value(t, v, &t->en.mtime, e);
}

static int set_atime(struct tar_reader *t, struct value v, struct err *e)
{
	t->en.has_atime = true;
	return time_value(t, v, &t->en.atime, e);
}

static int set_dev_major(struct tar_reader *t, struct value v, struct err *e)
{
	uint64_t n = 0;
	if (number(t, v, &n, e) < 0)
		return -e->eno;
	t->en.dev_major = (uint32_t)n;
	return 0;
}

static int set_dev_minor(struct tar_reader *t, struct value v, struct err *e)
{
	uint64_t n = 0;
	if (number(t, v, &n, e) < 0)
		return -e->eno;
	t->en.dev_minor = (uint32_t)n;
	return 0;
}

static int sparse_major(struct tar_reader *t, struct value v, struct err *e)
{
	uint64_t n = 0;
	if (number(t, v, &n, e) < 0)
		return -e->eno;
	t->sparse.any = true;
	t->sparse.major = n > 1 ? 2 : (int)n;
	return 0;
}

static int sparse_mark(struct tar_reader *t, struct value v, struct err *e)
{
	uint64_t n = 0;
	t->sparse.any = true;
	return number(t, v, &n, e);
}

static int sparse_real(struct tar_reader *t, struct value v, struct err *e)
{
	t->sparse.any = t->sparse.has_real = true;
	return number(t, v, &t->sparse.real, e);
}

static int sparse_offset(struct tar_reader *t, struct value v, struct err *e)
{
	t->sparse.has_offset = true;
	return number(t, v, &t->sparse.offset, e);
}

static int sparse_length(struct tar_reader *t, struct value v, struct err *e)
{
	uint64_t n = 0;
	if (!t->sparse.has_offset)
		return tar_bad(t, e, "sparse map: length without offset");
	t->sparse.has_offset = false;
	t->sparse.any = true;
	return number(t, v, &n, e) < 0 ? -e->eno : tar_hunk_add(t, t->sparse.offset, n, e);
}

/* "OFFSET,LENGTH,OFFSET,LENGTH..." */
static int sparse_map(struct tar_reader *t, struct value v, struct err *e)
{
	uint64_t n[2];
	int at = 0;

	t->sparse.any = true;
	t->n_hunks = 0;
	for (const char *p = v.p; *p;) {
		char *end;
		if (*p < '0' || *p > '9')
			return tar_bad(t, e, "sparse map is no number");
		errno = 0;
		n[at] = strtoull(p, &end, 10);
		if (errno || (*end && *end != ',') || n[at] > INT64_MAX)
			return tar_bad(t, e, "sparse map is no number");
		p = *end ? end + 1 : end;
		if (at && tar_hunk_add(t, n[0], n[1], e) < 0)
			return -e->eno;
		at = !at;
	}
	return at ? tar_bad(t, e, "sparse map of odd length") : 0;
}

static int xattr_add(struct tar_reader *t, const char *name, struct value v, struct err *e)
{
	for (size_t i = 0; i < t->n_xattrs; i++)
		if (!strcmp(t->xattrs[i].name, name)) { /* a later header wins over the global one */
			t->xattrs[i].value = (const unsigned char *)v.p;
			t->xattrs[i].n = v.n;
			return 0;
		}
	if (t->n_xattrs >= t->lim.xattrs)
		return tar_bad(t, e, "too many extended attributes");
	if (t->n_xattrs == t->cap_xattrs) {
		size_t cap = t->cap_xattrs ? t->cap_xattrs * 2 : 8;
		struct tar_xattr *more = realloc(t->xattrs, cap * sizeof *more);
		if (!more)
			return err_new(e, E_NOMEM, ENOMEM, "tar: extended attributes");
		t->xattrs = more;
		t->cap_xattrs = cap;
	}
	t->xattrs[t->n_xattrs++] = (struct tar_xattr){ name, (const unsigned char *)v.p, v.n };
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX of libarchive, and GNU tar's %3D and %25 in the names of attributes */
static const char *percent_decode(struct tar_reader *t, const char *s, size_t n, bool all)
{
	char *out = arena_get(&t->a, n + 1);
	size_t w = 0;

	for (size_t i = 0; out && i < n; i++) {
		int a = i + 2 < n && s[i] == '%' ? hex_digit(s[i + 1]) : -1;
		int b = a >= 0 ? hex_digit(s[i + 2]) : -1;
		int c = a * 16 + b;
		if (a >= 0 && b >= 0 && c && (all || c == '=' || c == '%')) {
			out[w++] = (char)c;
			i += 2;
		} else {
			out[w++] = s[i];
		}
	}
	if (out)
		out[w] = 0;
	return out;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

static int base64_decode(struct tar_reader *t, struct value in, struct value *ret, struct err *e)
{
	char *out = arena_get(&t->a, in.n + 1);
	unsigned bits = 0, have = 0;
	size_t w = 0;

	if (!out)
		return err_new(e, E_NOMEM, ENOMEM, "tar: extended attribute");
	for (size_t i = 0; i < in.n && in.p[i] != '='; i++) {
		int d = base64_digit(in.p[i]);
		if (d < 0)
			return tar_bad(t, e, "extended attribute is no base64");
		bits = (bits << 6 | (unsigned)d) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[w++] = (char)(bits >> have);
		}
	}
	*ret = (struct value){ out, w };
	return 0;
}

static int set_xattr(struct tar_reader *t, const char *key, size_t n, struct value v, bool libarchive,
		     struct err *e)
{
	const char *name = percent_decode(t, key, n, libarchive);

	if (!name)
		return err_new(e, E_NOMEM, ENOMEM, "tar: extended attribute");
	if (memchr(key, 0, n))
		return tar_bad(t, e, "NUL inside the name of an attribute");
	if (libarchive && base64_decode(t, v, &v, e) < 0)
		return -e->eno;
	return xattr_add(t, name, v, e);
}

static int set_selinux(struct tar_reader *t, struct value v, struct err *e)
{
	v.n++; /* the kernel's form has the NUL */
	return xattr_add(t, "security.selinux", v, e);
}

static int set_acl_access(struct tar_reader *t, struct value v, struct err *e)
{
	return xattr_add(t, TAR_XATTR_ACL_ACCESS_TEXT, v, e);
}

static int set_acl_default(struct tar_reader *t, struct value v, struct err *e)
{
	return xattr_add(t, TAR_XATTR_ACL_DEFAULT_TEXT, v, e);
}

static const struct pax_row {
	const char *key;
	int (*set)(struct tar_reader *t, struct value v, struct err *e);
} pax_rows[] = {
	{ "GNU.sparse.major", sparse_major },
	{ "GNU.sparse.map", sparse_map },
	{ "GNU.sparse.minor", sparse_mark },
	{ "GNU.sparse.name", set_path },
	{ "GNU.sparse.numblocks", sparse_mark },
	{ "GNU.sparse.numbytes", sparse_length },
	{ "GNU.sparse.offset", sparse_offset },
	{ "GNU.sparse.realsize", sparse_real },
	{ "GNU.sparse.size", sparse_real },
	{ "RHT.security.selinux", set_selinux },
	{ "SCHILY.acl.access", set_acl_access },
	{ "SCHILY.acl.default", set_acl_default },
	{ "SCHILY.devmajor", set_dev_major },
	{ "SCHILY.devminor", set_dev_minor },
	{ "atime", set_atime },
	{ "gid", set_gid },
	{ "gname", set_gname },
	{ "linkpath", set_link },
	{ "mtime", set_mtime },
	{ "path", set_path },
	{ "size", set_size },
	{ "uid", set_uid },
	{ "uname", set_uname },
};

static int row_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct pax_row *)row)->key);
}

static int apply_one(struct tar_reader *t, const char *key, size_t n, struct value v, struct err *e)
{
	char name[32];

	if (n > 13 && !memcmp(key, "SCHILY.xattr.", 13))
		return set_xattr(t, key + 13, n - 13, v, false, e);
	if (n > 17 && !memcmp(key, "LIBARCHIVE.xattr.", 17))
		return set_xattr(t, key + 17, n - 17, v, true, e);
	if (n >= sizeof name)
		return 0; /* unknown keys are to be ignored */
	memcpy(name, key, n);
	name[n] = 0;
	const struct pax_row *row = bsearch(name, pax_rows, ARRAY_LEN(pax_rows), sizeof *pax_rows,
					    row_compare);
	if (!row || (!v.n && row->set != sparse_map)) /* empty: the header's own value holds */
		return 0;
	return row->set(t, v, e);
}

int pax_apply(struct tar_reader *t, struct buf *b, struct err *e)
{
	const char *gnu_name = NULL;

	for (size_t at = 0; at < b->n;) {
		const char *p = b->p + at;
		size_t key, len = record(p, b->n - at, &key);
		const char *eq = memchr(p + key, '=', len - key);
		struct value v = { eq + 1, (size_t)(p + len - 1 - (eq + 1)) };
		if (apply_one(t, p + key, (size_t)(eq - p) - key, v, e) < 0)
			return -e->eno;
		/* the real name; "path" holds a made-up one for readers without sparse files */
		if ((size_t)(eq - p) - key == 15 && !memcmp(p + key, "GNU.sparse.name", 15) && v.n)
			gnu_name = v.p;
		at += len;
	}
	if (gnu_name)
		t->en.path = gnu_name;
	return 0;
}
