/* SPDX-License-Identifier: Apache-2.0
 *
 * From a table of contents to spans with keys. See delta_int.h.
 *
 * Frames of headers count as much as files do: without them there would be a gap, and a request, at every file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "format/hash.h"
#include "registry/delta_int.h"

struct walk {
	struct delta_spans *out;
	struct hash hash;    /* of what is between @start and the next boundary */
	uint64_t start;
	bool unknown;        /* something in it has no digest */
	struct err *e;
};

static void walk_begin(struct walk *w, uint64_t at)
{
	hash_init(&w->hash, HASH_SHA256);
	w->start = at;
	w->unknown = false;
}

static void add_number(struct walk *w, uint64_t v)
{
	hash_add(&w->hash, &v, sizeof v); /* in the order of this machine: keys do not leave it */
}

static void add_text(struct walk *w, const char *s)
{
	hash_add(&w->hash, s, strlen(s) + 1);
}

static int boundary(struct walk *w, uint64_t at)
{
	struct delta_spans *o = w->out;
	unsigned char raw[64];

	if (at < w->start)
		return err_new(w->e, E_CORRUPT, EBADMSG, "table of contents is in another order than the layer");
	if (at == w->start)
		return 0;
	if (!w->unknown) {
		struct delta_span *more = grow_one(o->list, o->n, &o->cap, sizeof *more);
		if (!more)
			return err_new(w->e, E_NOMEM, ENOMEM, "spans of a layer");
		o->list = more;
		struct delta_span *s = &o->list[o->n++];
		s->offset = w->start;
		s->length = at - w->start;
		add_number(w, s->length);
		(void)hash_raw(&w->hash, raw);
		memcpy(s->key, raw, sizeof s->key);
	}
	walk_begin(w, at);
	return 0;
}

/* what the member's header is made of */
static void add_header(struct walk *w, const struct toc_entry *en)
{
	add_number(w, (uint64_t)en->type);
	add_text(w, en->name);
	add_text(w, en->link);
	add_number(w, en->mode);
	add_number(w, (uint64_t)en->uid << 32 | en->gid);
	add_number(w, (uint64_t)en->mtime_ns);
	add_number(w, en->size);
	add_number(w, (uint64_t)en->dev_major << 32 | en->dev_minor);
	add_number(w, en->n_xattrs);
	for (uint32_t i = 0; i < en->n_xattrs; i++) {
		add_text(w, en->xattrs[i].name);
		add_number(w, en->xattrs[i].n);
		hash_add(&w->hash, en->xattrs[i].value, en->xattrs[i].n);
	}
}

static int add_entry(struct walk *w, enum toc_kind kind, const struct toc_entry *en)
{
	add_header(w, en);
	for (uint32_t i = 0; i < en->n_chunks; i++) {
		const struct toc_chunk *c = &en->chunks[i];
		if (boundary(w, c->offset) < 0)
			return -w->e->eno;
		add_number(w, c->size);
		add_number(w, c->inner);
		hash_add(&w->hash, c->sha256, sizeof c->sha256);
		w->unknown = w->unknown || !c->has_digest;
		if (kind == TOC_ZSTD_CHUNKED && boundary(w, c->offset + c->packed) < 0)
			return -w->e->eno;
	}
	add_number(w, en->size % 512); /* zeros follow up to the next block of the archive */
	return 0;
}

int delta_spans_make(const struct toc *t, struct delta_spans *ret, struct err *e)
{
	struct delta_spans out = { 0 };
	struct walk w = { .out = &out, .e = e };
	int r = 0;

	walk_begin(&w, 0);
	for (size_t i = 0; r == 0 && i < t->n_entries; i++)
		r = add_entry(&w, t->kind, &t->entries[i]);
	if (r == 0)
		r = boundary(&w, t->end);
	if (r < 0) {
		delta_spans_done(&out);
		return r;
	}
	*ret = out;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct delta_span *x = a, *y = b;
	int c = memcmp(x->key, y->key, sizeof x->key);

	return c ? c : (x->offset > y->offset) - (x->offset < y->offset);
}

void delta_spans_sort(struct delta_spans *s)
{
	if (s->n)
		qsort(s->list, s->n, sizeof *s->list, by_key);
}

void delta_spans_done(struct delta_spans *s)
{
	free(s->list);
	*s = (struct delta_spans){ 0 };
}
