/* SPDX-License-Identifier: Apache-2.0
 *
 * Tar writer: ustar headers, with a PAX header before them for whatever ustar cannot hold. The
 * same entry always gives the same bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/tar_int.h"

static void pax_record(struct buf *b, const char *key, const void *value, size_t n)
{
	/* the length counts its own digits */
	size_t rest = strlen(key) + n + 3, len = rest + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof digits, "%zu", len) + rest != len)
		len = rest + strlen(digits);
	buf_puts(b, digits);
	buf_putc(b, ' ');
	buf_puts(b, key);
	buf_putc(b, '=');
	buf_add(b, value, n);
	buf_putc(b, '\n');
}

static void pax_text(struct buf *b, const char *key, const char *value)
{
	pax_record(b, key, value, strlen(value));
}

static void pax_number(struct buf *b, const char *key, uint64_t v)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%" PRIu64, v);
	pax_text(b, key, text);
}

static void pax_time(struct buf *b, const char *key, struct tar_time t)
{
	char text[48];
	bool negative = t.sec < 0 && t.nsec;
	int64_t sec = negative ? t.sec + 1 : t.sec;
	uint32_t nsec = negative ? 1000000000 - t.nsec : t.nsec;
	int n = snprintf(text, sizeof text, "%s%" PRId64 ".%09" PRIu32, negative && !sec ? "-" : "", sec,
			 nsec);

	while (n > 0 && text[n - 1] == '0')
		text[--n] = 0;
	if (text[n - 1] == '.')
		text[--n] = 0;
	pax_text(b, key, text);
}

static void octal(unsigned char *p, size_t n, uint64_t v)
{
	p[n - 1] = 0;
	for (size_t i = n - 1; i--; v >>= 3)
		p[i] = (unsigned char)('0' + (v & 7));
}

static bool fits_octal(uint64_t v, size_t n)
{
	return v >> 3 * (n - 1) == 0;
}

/* split a path at a slash into prefix (<= 155) and name (<= 100) */
static bool put_path(unsigned char *h, const char *path)
{
	size_t n = strlen(path);

	if (n <= 100) {
		memcpy(h + TAR_AT_NAME, path, n);
		return true;
	}
	for (size_t i = n - 101; i < n && i <= 155; i++)
		if (i && path[i] == '/' && i + 1 < n) {
			memcpy(h + TAR_AT_PREFIX, path, i);
			memcpy(h + TAR_AT_NAME, path + i + 1, n - i - 1);
			return true;
		}
	memcpy(h + TAR_AT_NAME, path, 100);
	return false;
}

static void finish_header(unsigned char *h, char type)
{
	unsigned sum = 0;

	h[TAR_AT_TYPE] = (unsigned char)type;
	memcpy(h + TAR_AT_MAGIC, "ustar\00000", 8);
	memset(h + TAR_AT_SUM, ' ', 8);
	for (int i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += h[i];
	octal(h + TAR_AT_SUM, 7, sum);
}

static void put_pax(struct buf *out, const struct tar_entry *en, const struct buf *pax)
{
	unsigned char h[TAR_BLOCK_BYTES] = { 0 };
	char name[101];
	size_t n = strlen(en->path);

	while (n > 1 && en->path[n - 1] == '/')
		n--;
	size_t from = n;
	while (from && en->path[from - 1] != '/')
		from--;
	(void)snprintf(name, sizeof name, "PaxHeaders.0/%.*s", (int)(n - from), en->path + from);
	memcpy(h + TAR_AT_NAME, name, strlen(name));
	octal(h + TAR_AT_MODE, 8, 0644);
	octal(h + TAR_AT_UID, 8, 0);
	octal(h + TAR_AT_GID, 8, 0);
	octal(h + TAR_AT_SIZE, 12, pax->n);
	octal(h + TAR_AT_MTIME, 12, 0);
	finish_header(h, 'x');
	buf_add(out, h, sizeof h);
	buf_add(out, pax->p, pax->n);
	tar_put_padding(out, pax->n);
}

/* GNU's form 0.1: the map is a record, the body is data only. Returns the bytes of the body. */
static uint64_t pax_sparse(struct buf *pax, const struct tar_entry *en)
{
	OWN_BUF map = { 0 };
	uint64_t sum = 0;

	for (size_t i = 0; i < en->n_hunks; i++) {
		buf_printf(&map, "%s%" PRIu64 ",%" PRIu64, i ? "," : "", en->hunks[i].offset, en->hunks[i].length);
		sum += en->hunks[i].length;
	}
	if (buf_failed(&map))
		pax->failed = true;
	pax_number(pax, "GNU.sparse.numblocks", en->n_hunks);
	pax_number(pax, "GNU.sparse.size", en->size);
	pax_record(pax, "GNU.sparse.map", map.p, map.n);
	return sum;
}

static void put_id(unsigned char *h, size_t at, uint64_t v, struct buf *pax, const char *key)
{
	bool fits = fits_octal(v, 8);
	octal(h + at, 8, fits ? v : 0);
	if (!fits)
		pax_number(pax, key, v);
}

int tar_put_header(struct buf *out, const struct tar_entry *en, struct err *e)
{
	static const char types[TAR_TYPE_N] = { '0', '1', '2', '3', '4', '5', '6' };
	unsigned char h[TAR_BLOCK_BYTES] = { 0 };
	OWN_BUF pax = { 0 };
	const char *link = en->link ? en->link : "";
	uint64_t size = en->type == TAR_FILE ? en->size : 0;
	bool whole_time = !en->mtime.nsec && en->mtime.sec >= 0 &&
			  fits_octal((uint64_t)en->mtime.sec, 12);

	if (en->hunks)
		size = pax_sparse(&pax, en);
	if (!put_path(h, en->path))
		pax_text(&pax, "path", en->path);
	memcpy(h + TAR_AT_LINK, link, strnlen(link, 100));
	if (strlen(link) > 100)
		pax_text(&pax, "linkpath", link);
	octal(h + TAR_AT_MODE, 8, en->mode & 07777);
	put_id(h, TAR_AT_UID, en->uid, &pax, "uid");
	put_id(h, TAR_AT_GID, en->gid, &pax, "gid");
	octal(h + TAR_AT_SIZE, 12, fits_octal(size, 12) ? size : 0);
	if (!fits_octal(size, 12))
		pax_number(&pax, "size", size);
	octal(h + TAR_AT_MTIME, 12,
	      en->mtime.sec >= 0 && fits_octal((uint64_t)en->mtime.sec, 12) ? (uint64_t)en->mtime.sec : 0);
	if (!whole_time)
		pax_time(&pax, "mtime", en->mtime);
	if (en->has_atime)
		pax_time(&pax, "atime", en->atime);
	if (en->uname)
		memcpy(h + TAR_AT_UNAME, en->uname, strnlen(en->uname, 31));
	if (en->gname)
		memcpy(h + TAR_AT_GNAME, en->gname, strnlen(en->gname, 31));
	put_id(h, TAR_AT_MAJOR, en->dev_major, &pax, "SCHILY.devmajor");
	put_id(h, TAR_AT_MINOR, en->dev_minor, &pax, "SCHILY.devminor");
	for (size_t i = 0; i < en->n_xattrs; i++) {
		OWN_BUF key = { 0 };
		buf_puts(&key, "SCHILY.xattr.");
		for (const char *p = en->xattrs[i].name; *p; p++)
			if (*p == '=' || *p == '%')
				buf_printf(&key, "%%%02X", *p);
			else
				buf_putc(&key, *p);
		if (buf_failed(&key))
			return err_new(e, E_NOMEM, ENOMEM, "tar header");
		pax_record(&pax, buf_str(&key), en->xattrs[i].value, en->xattrs[i].n);
	}
	if (pax.n)
		put_pax(out, en, &pax);
	finish_header(h, types[en->type]);
	buf_add(out, h, sizeof h);
	if (buf_failed(&pax) || buf_failed(out))
		return err_new(e, E_NOMEM, ENOMEM, "tar header");
	return 0;
}

void tar_put_padding(struct buf *out, uint64_t size)
{
	static const char zeros[TAR_BLOCK_BYTES];
	buf_add(out, zeros, (size_t)(-size % TAR_BLOCK_BYTES));
}

void tar_put_end(struct buf *out)
{
	static const char zeros[2 * TAR_BLOCK_BYTES];
	buf_add(out, zeros, sizeof zeros);
}
