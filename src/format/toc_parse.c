/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a table of contents as entries and chunks. See toc.h.
 *
 * Both forms are a list of entries in the order of the archive; one of type "chunk" goes on with the file before
 * it. What the forms leave out is filled in here: an estargz says where a chunk begins, not where it ends; the last
 * chunk has no size; a file of one chunk has the digest in one place or the other.
 */
#include "format/toc.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "format/base64.h"
#include "format/js.h"

struct parse {
	struct toc *t;
	struct toc_entry *entries;
	struct toc_chunk *chunks;
	uint64_t file_end;  /* zstd:chunked: where the chunks of the present file end */
	struct err *e;
};

static int bad(struct err *e, const char *name, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "table of contents: %.200s: %s", name, what);
}

/* a member that is a number from 0 to @max; absent is 0 */
static int number(const json_t *j, const char *key, uint64_t max, const char *name, uint64_t *ret, struct err *e)
{
	const json_t *v = json_object_get(j, key);
	json_int_t i = json_integer_value(v);

	*ret = (uint64_t)i;
	return !v || json_is_null(v) || (json_is_integer(v) && i >= 0 && (uint64_t)i <= max) ? 0 : bad(e, name, key);
}

static int text(struct parse *p, const json_t *j, const char *key, const char *name, const char **ret)
{
	const json_t *v = json_object_get(j, key);
	size_t n = json_string_length(v);

	if (v && !json_is_string(v))
		return bad(p->e, name, key);
	if (n > TOC_NAME_MAX)
		return bad(p->e, "a name", "too long");
	*ret = n ? arena_strndup(&p->t->arena, json_string_value(v), n) : "";
	return *ret ? 0 : err_new(p->e, E_NOMEM, ENOMEM, "table of contents");
}

static int digest(const json_t *j, const char *key, const char *name, bool *ret_has, unsigned char out[32],
		  struct err *e)
{
	const json_t *v = json_object_get(j, key);
	const char *s = json_string_value(v);

	if (!v || (s && !*s))
		return 0;
	if (!s || !text_starts(s, "sha256:") || !text_is_hex(s + 7, 64))
		return bad(e, name, key);
	for (size_t i = 0; i < 32; i++) {
		unsigned hi = (unsigned char)s[7 + 2 * i], lo = (unsigned char)s[8 + 2 * i];
		out[i] = (unsigned char)((hi <= '9' ? hi - '0' : hi - 'a' + 10) << 4 | (lo <= '9' ? lo - '0' : lo - 'a' + 10));
	}
	*ret_has = true;
	return 0;
}

static int type_of(const char *s, enum toc_type *ret)
{
	static const char *const names[TOC_TYPE_N] = { "reg", "dir", "symlink", "hardlink", "char", "block", "fifo" };

	for (int i = 0; i < TOC_TYPE_N; i++)
		if (!strcmp(s, names[i])) {
			*ret = (enum toc_type)i;
			return 0;
		}
	return -EINVAL;
}

static int xattrs(struct parse *p, const json_t *j, struct toc_entry *en)
{
	const json_t *all = json_object_get(j, "xattrs");
	size_t n = json_object_size(all), i = 0;
	const char *key;
	json_t *v;

	if (!n)
		return !all || json_is_null(all) || json_is_object(all) ? 0 : bad(p->e, en->name, "xattrs");
	if (n > TOC_XATTRS_MAX)
		return bad(p->e, en->name, "too many extended attributes");
	struct toc_xattr *list = arena_get(&p->t->arena, n * sizeof *list);
	if (!list)
		return err_new(p->e, E_NOMEM, ENOMEM, "table of contents");
	json_object_foreach(all, key, v) {
		const char *s = json_string_value(v);
		OWN_STR value = NULL;
		size_t bytes;
		if (!s || !*key || strlen(key) > 255 || base64_decode_bytes(s, &value, &bytes) < 0 ||
		    bytes > TOC_XATTR_BYTES_MAX)
			return bad(p->e, en->name, "xattrs");
		void *copy = arena_get(&p->t->arena, bytes + 1);
		list[i].name = arena_strdup(&p->t->arena, key);
		if (!copy || !list[i].name)
			return err_new(p->e, E_NOMEM, ENOMEM, "table of contents");
		memcpy(copy, value, bytes);
		list[i].value = copy;
		list[i++].n = bytes;
	}
	en->xattrs = list;
	en->n_xattrs = (uint32_t)i;
	return 0;
}

/* all of an entry but its chunks */
static int entry(struct parse *p, const json_t *j, enum toc_type type, struct toc_entry *en)
{
	uint64_t mode, uid, gid, major, minor;
	const json_t *time = json_object_get(j, "modtime");
	const char *name;
	struct err *e = p->e;

	if (text(p, j, "name", "an entry", &name) < 0)
		return -e->eno;
	if (!*name && type != TOC_DIR)
		return bad(e, "an entry", "without a name");
	*en = (struct toc_entry){ .name = name, .type = type };
	if (text(p, j, "linkName", name, &en->link) < 0 || number(j, "mode", INT64_MAX, name, &mode, e) < 0 ||
	    number(j, "uid", UINT32_MAX, name, &uid, e) < 0 || number(j, "gid", UINT32_MAX, name, &gid, e) < 0 ||
	    number(j, "size", TOC_FILE_BYTES_MAX, name, &en->size, e) < 0 ||
	    number(j, "devMajor", UINT32_MAX, name, &major, e) < 0 ||
	    number(j, "devMinor", UINT32_MAX, name, &minor, e) < 0 ||
	    digest(j, "digest", name, &en->has_digest, en->sha256, e) < 0 || xattrs(p, j, en) < 0)
		return -e->eno;
	if (time && !json_is_null(time)) {
		const char *s = json_string_value(time);
		if (!s || (*s && clock_parse(s, &en->mtime_ns) < 0))
			return bad(e, name, "modtime");
		if (en->mtime_ns == INT64_MIN) /* Go's zero time */
			en->mtime_ns = 0;
	}
	if ((type == TOC_SYMLINK || type == TOC_HARDLINK) && !*en->link)
		return bad(e, name, "a link without a target");
	if (type != TOC_FILE)
		en->size = 0;
	en->mode = mode & 07777;
	en->uid = (uint32_t)uid;
	en->gid = (uint32_t)gid;
	en->dev_major = (uint32_t)major;
	en->dev_minor = (uint32_t)minor;
	return 0;
}

/* the file @en has all its chunks: it is whole, its digest is that of a single chunk, and the other way round */
static int file_close(struct parse *p, struct toc_entry *en)
{
	if (!en->n_chunks)
		return 0;
	struct toc_chunk *first = p->chunks + (en->chunks - p->chunks);
	struct toc_chunk *last = first + en->n_chunks - 1;
	if (!last->size) { /* of the last one nothing is said */
		if (last->file_offset >= en->size)
			return bad(p->e, en->name, "chunks beyond the end");
		last->size = en->size - last->file_offset;
	}
	if (last->file_offset > en->size || last->size != en->size - last->file_offset)
		return bad(p->e, en->name, "chunks that are not the file");
	if (p->t->kind == TOC_ZSTD_CHUNKED) {
		if (p->file_end <= last->offset)
			return bad(p->e, en->name, "endOffset");
		last->packed = p->file_end - last->offset;
	}
	if (en->n_chunks == 1 && first->has_digest && en->has_digest && memcmp(first->sha256, en->sha256, 32) != 0)
		return bad(p->e, en->name, "two digests of one file");
	if (en->n_chunks == 1 && first->has_digest != en->has_digest) {
		memcpy(first->has_digest ? en->sha256 : first->sha256, first->has_digest ? first->sha256 : en->sha256, 32);
		first->has_digest = en->has_digest = true;
	}
	return 0;
}

static int chunk(struct parse *p, const json_t *j, struct toc_entry *en)
{
	struct toc_chunk *c = &p->chunks[p->t->n_chunks];
	uint64_t end;
	struct err *e = p->e;

	*c = (struct toc_chunk){ 0 };
	if (number(j, "offset", INT64_MAX, en->name, &c->offset, e) < 0 ||
	    number(j, "innerOffset", TOC_FILE_BYTES_MAX, en->name, &c->inner, e) < 0 ||
	    number(j, "chunkOffset", TOC_FILE_BYTES_MAX, en->name, &c->file_offset, e) < 0 ||
	    number(j, "chunkSize", TOC_FILE_BYTES_MAX, en->name, &c->size, e) < 0 ||
	    number(j, "endOffset", INT64_MAX, en->name, &end, e) < 0 ||
	    digest(j, "chunkDigest", en->name, &c->has_digest, c->sha256, e) < 0)
		return -e->eno;
	if (c->offset >= p->t->end || (en->n_chunks ? c->file_offset == 0 : c->file_offset != 0))
		return bad(e, en->name, "a chunk that is out of place");
	if (!en->n_chunks) {
		en->chunks = c;
		p->file_end = end;
	} else {
		struct toc_chunk *before = c - 1;
		if (c->file_offset <= before->file_offset || c->offset < before->offset ||
		    (before->size && before->size != c->file_offset - before->file_offset) ||
		    (p->t->kind == TOC_ZSTD_CHUNKED && c->offset == before->offset))
			return bad(e, en->name, "chunks that do not follow each other");
		before->size = c->file_offset - before->file_offset;
		before->packed = c->offset - before->offset; /* zstd:chunked; for estargz it is found out for all */
	}
	en->n_chunks++;
	p->t->n_chunks++;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct toc_chunk *x = *(struct toc_chunk *const *)a, *y = *(struct toc_chunk *const *)b;

	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : (x > y) - (x < y);
}

/* no chunk reaches into another or beyond the end; an estargz's get their length by that */
static int places(struct parse *p)
{
	struct toc *t = p->t;
	OWN_PTR struct toc_chunk **list = calloc(t->n_chunks + 1, sizeof *list);

	if (!list)
		return err_new(p->e, E_NOMEM, ENOMEM, "table of contents");
	for (size_t i = 0; i < t->n_chunks; i++)
		list[i] = &p->chunks[i];
	qsort(list, t->n_chunks, sizeof *list, by_place);
	uint64_t next = t->end;
	for (size_t i = t->n_chunks; i--;) {
		struct toc_chunk *c = list[i];
		if (t->kind == TOC_ESTARGZ) {
			/* several may begin in one member */
			c->packed = i + 1 < t->n_chunks && list[i + 1]->offset == c->offset ? list[i + 1]->packed :
											    next - c->offset;
		} else if (c->packed > next || c->offset > next - c->packed) {
			return err_new(p->e, E_CORRUPT, EBADMSG, "table of contents: chunks that overlap");
		}
		next = c->offset;
	}
	return 0;
}

static int each(struct parse *p, const json_t *list)
{
	struct toc_entry *en = NULL;
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j) {
		const char *type = json_string_value(json_object_get(j, "type"));
		const char *name = json_string_value(json_object_get(j, "name"));
		enum toc_type t;
		if (!type || !name)
			return bad(p->e, "an entry", "without a name or type");
		if (!strcmp(type, "chunk")) {
			if (!en || en->type != TOC_FILE || !en->n_chunks || strcmp(name, en->name) != 0)
				return bad(p->e, name, "a chunk of nothing");
			if (chunk(p, j, en) < 0)
				return -p->e->eno;
			continue;
		}
		if (type_of(type, &t) < 0)
			return bad(p->e, name, "of an unknown type");
		if (en && en->type == TOC_FILE && file_close(p, en) < 0)
			return -p->e->eno;
		en = &p->entries[p->t->n_entries];
		if (entry(p, j, t, en) < 0)
			return -p->e->eno;
		p->t->n_entries++;
		if (en->size && chunk(p, j, en) < 0)
			return -p->e->eno;
	}
	return en && en->type == TOC_FILE ? file_close(p, en) : 0;
}

int toc_parse(const struct toc_place *place, const char *bytes, size_t n, struct toc *ret, struct err *e)
{
	OWN_JSON doc = NULL;
	OWN_TOC t = { .kind = place->kind, .end = place->end };
	struct parse p = { .t = &t, .e = e };

	if (js_parse(bytes, n, "table of contents", &doc, e) < 0)
		return -e->eno;
	const json_t *list = json_object_get(doc, "entries");
	size_t count = json_array_size(list);
	if (json_integer_value(json_object_get(doc, "version")) != 1)
		return err_new(e, E_CORRUPT, EBADMSG, "table of contents: not of version 1");
	if (!json_is_array(list) || count > TOC_ENTRIES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "table of contents: no entries, or more than %d", TOC_ENTRIES_MAX);
	p.entries = arena_get(&t.arena, (count + 1) * sizeof *p.entries);
	p.chunks = arena_get(&t.arena, (count + 1) * sizeof *p.chunks);
	if (!p.entries || !p.chunks)
		return err_new(e, E_NOMEM, ENOMEM, "table of contents");
	if (each(&p, list) < 0 || places(&p) < 0)
		return -e->eno;
	t.entries = p.entries;
	t.chunks = p.chunks;
	*ret = t;
	t.arena = (struct arena){ 0 };
	return 0;
}

void toc_done(struct toc *t)
{
	arena_done(&t->arena);
	*t = (struct toc){ 0 };
}
