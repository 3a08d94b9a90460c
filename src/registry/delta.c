/* SPDX-License-Identifier: Apache-2.0
 *
 * How a blob comes together from blobs of the store and ranges of the registry: see delta.h.
 */
#include "registry/delta.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/own.h"
#include "registry/delta_int.h"
#include "store/blob.h"

enum {
	LAYER_BYTES_MIN = 1 << 20, /* smaller ones are there as soon as their table */
	LOCAL_BYTES_MIN = 16 << 10, /* a gap of fewer bytes between two ranges is not worth a request more */
	REQUESTS_MAX = 64,
	TAIL_BYTES_MAX = 128 << 20, /* table and tar-split, held in memory */
	COPY_BYTES = 256 << 10,
};

/* part of the blob, in order and without gaps */
struct part {
	uint64_t offset, length;
	uint64_t from;  /* place in its source */
	size_t source;  /* SIZE_MAX: the registry */
};
#define REMOTE SIZE_MAX

struct delta {
	const char *digest;  /* borrowed from the descriptor */
	uint64_t size;
	struct part *parts;
	size_t n, cap;
	uint64_t end;        /* of the parts; then comes the tail */
	struct buf tail;
	int *fds;            /* of the sources, -1 where it is not used */
	size_t n_fds;
	uint64_t reused;
};

int64_t delta_reused(const struct delta *dl)
{
	return (int64_t)dl->reused;
}

void delta_free(struct delta *dl)
{
	if (!dl)
		return;
	for (size_t i = 0; i < dl->n_fds; i++)
		own_fd_done(&dl->fds[i]);
	free(dl->fds);
	free(dl->parts);
	buf_done(&dl->tail);
	free(dl);
}

static int buf_sink(void *data, const void *p, size_t n, struct err *e)
{
	struct buf *b = data;

	buf_add(b, p, n);
	return buf_failed(b) ? err_new(e, E_NOMEM, ENOMEM, "table of contents") : 0;
}

/* bytes from @from on to the end of the blob */
static int tail_get(struct delta *dl, struct registry *r, struct http *h, uint64_t from,
		    const struct registry_retry *retry, struct err *e)
{
	struct registry_sink sink = { .add = buf_sink, .data = &dl->tail, .at_bytes = (int64_t)from };

	buf_done(&dl->tail);
	if (dl->size - from > TAIL_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "table of contents is too large");
	return registry_blob_range(r, h, dl->digest, (int64_t)dl->size, &sink, retry, e);
}

/* the table of the layer in the registry, and with it the end of the blob */
static int table_get(struct delta *dl, struct registry *r, struct http *h, struct toc_place *p,
		     const struct registry_retry *retry, struct toc *ret, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;

	if (!p->length) {
		if (tail_get(dl, r, h, dl->size - TOC_TAIL_BYTES, retry, e) < 0)
			return -e->eno;
		int found = toc_locate(dl->tail.p, dl->tail.n, dl->size, p, e);
		if (found <= 0)
			return found < 0 ? found : err_new(e, E_CORRUPT, EBADMSG, "layer without its table of contents");
	}
	if (tail_get(dl, r, h, p->end, retry, e) < 0)
		return -e->eno;
	if (toc_unpack(p, dl->tail.p + (p->offset - p->end), &text, &n, e) < 0)
		return -e->eno;
	dl->end = p->end;
	return toc_parse(p, text, n, ret, e);
}

static int part_add(struct delta *dl, uint64_t offset, uint64_t length, size_t source, uint64_t from, struct err *e)
{
	struct part *last = dl->n ? &dl->parts[dl->n - 1] : NULL;

	if (!length)
		return 0;
	if (last && last->source == source && (source == REMOTE || last->from + last->length == from)) {
		last->length += length;
		return 0;
	}
	struct part *more = grow_one(dl->parts, dl->n, &dl->cap, sizeof *more);
	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "parts of a layer");
	dl->parts = more;
	dl->parts[dl->n++] = (struct part){ .offset = offset, .length = length, .source = source, .from = from };
	return 0;
}

/* where each span of the layer is found */
struct match {
	struct delta_span span;
	size_t source;
	uint64_t from;
};

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct match *)a)->span.key, ((const struct match *)b)->span.key, DELTA_KEY_BYTES);
}

static int by_offset(const void *a, const void *b)
{
	const struct match *x = a, *y = b;
	return (x->span.offset > y->span.offset) - (x->span.offset < y->span.offset);
}

/* both are sorted by key: one pass */
static void match_source(struct match *m, size_t n, const struct delta_spans *have, size_t source)
{
	for (size_t i = 0, k = 0; i < n && k < have->n;) {
		int c = memcmp(m[i].span.key, have->list[k].key, DELTA_KEY_BYTES);
		if (c > 0) {
			k++;
			continue;
		}
		if (!c && m[i].source == REMOTE && m[i].span.length == have->list[k].length) {
			m[i].source = source;
			m[i].from = have->list[k].offset;
		}
		i++;
	}
}

static int parts_make(struct delta *dl, const struct match *m, size_t n, struct err *e)
{
	uint64_t at = 0;

	for (size_t i = 0; i < n; at = m[i].span.offset + m[i].span.length, i++)
		if (part_add(dl, at, m[i].span.offset - at, REMOTE, 0, e) < 0 ||
		    part_add(dl, m[i].span.offset, m[i].span.length, m[i].source, m[i].from, e) < 0)
			return -e->eno;
	return part_add(dl, at, dl->end - at, REMOTE, 0, e);
}

/* what is less than @min bytes between ranges comes with them; returns how many ranges there are */
static size_t parts_join(struct delta *dl, uint64_t min)
{
	size_t n = 0, ranges = 0;

	for (size_t i = 0, j; i < dl->n; i = j) { /* from i to j: of the store, from whichever blobs */
		uint64_t length = 0;
		for (j = i; j < dl->n && dl->parts[j].source != REMOTE; j++)
			length += dl->parts[j].length;
		for (size_t k = i; length < min && (i || j < dl->n) && k < j; k++)
			dl->parts[k].source = REMOTE;
		j += i == j;
	}
	for (size_t i = 0; i < dl->n; i++) {
		const struct part p = dl->parts[i];
		if (n && p.source == REMOTE && dl->parts[n - 1].source == REMOTE) {
			dl->parts[n - 1].length += p.length;
			continue;
		}
		ranges += p.source == REMOTE;
		dl->parts[n++] = p;
	}
	dl->n = n;
	return ranges;
}

static void sources_open(struct delta *dl, const struct store *s, const struct delta_source *list)
{
	for (size_t i = 0; i < dl->n; i++) {
		struct part *p = &dl->parts[i];
		struct err ignored = { 0 };
		/* removed meanwhile: then from the registry */
		if (p->source != REMOTE && dl->fds[p->source] < 0 &&
		    blob_open(s, list[p->source].digest, &dl->fds[p->source], NULL, &ignored) < 0)
			p->source = REMOTE;
		dl->reused += p->source == REMOTE ? 0 : p->length;
	}
}

static int plan(struct delta *dl, const struct store *s, const struct toc *t, const struct delta_source *list,
		size_t n_sources, struct err *e)
{
	struct delta_spans spans = { 0 };

	if (delta_spans_make(t, &spans, e) < 0)
		return -e->eno;
	OWN_PTR struct match *m = calloc(spans.n + 1, sizeof *m);
	size_t n = spans.n;
	dl->fds = malloc((n_sources + 1) * sizeof *dl->fds);
	for (size_t i = 0; m && i < n; i++)
		m[i] = (struct match){ .span = spans.list[i], .source = REMOTE };
	delta_spans_done(&spans);
	if (!m || !dl->fds)
		return err_new(e, E_NOMEM, ENOMEM, "parts of a layer");
	for (; dl->n_fds < n_sources; dl->n_fds++)
		dl->fds[dl->n_fds] = -1;
	qsort(m, n, sizeof *m, by_key);
	for (size_t i = 0; i < n_sources; i++)
		match_source(m, n, &list[i].spans, i);
	qsort(m, n, sizeof *m, by_offset);
	if (parts_make(dl, m, n, e) < 0)
		return -e->eno;
	for (uint64_t min = LOCAL_BYTES_MIN; parts_join(dl, min) > REQUESTS_MAX;)
		min += min / 16;
	sources_open(dl, s, list);
	return 0;
}

int delta_make(const struct store *s, struct registry *r, struct http *h, const struct descriptor *d,
	       const struct registry_retry *retry, struct delta **ret, struct err *e)
{
	struct delta_source *list = NULL;
	struct toc_place p = { 0 };
	size_t n = 0;

	if (d->size < LAYER_BYTES_MIN)
		return 0;
	int res = toc_annotated(json_object_get(d->json, "annotations"), (uint64_t)d->size, &p, e);
	if (res > 0 && (res = delta_sources_load(s, p.kind, digest_hex(d->digest), &list, &n, e)) == 0)
		res = n > 0;
	if (res <= 0) {
		delta_sources_free(list, n);
		return res;
	}
	OWN_TOC t = { 0 };
	struct delta *dl = calloc(1, sizeof *dl);
	if (!dl) {
		delta_sources_free(list, n);
		return err_new(e, E_NOMEM, ENOMEM, "parts of a layer");
	}
	dl->digest = d->digest;
	dl->size = (uint64_t)d->size;
	res = table_get(dl, r, h, &p, retry, &t, e);
	if (res == 0)
		res = plan(dl, s, &t, list, n, e);
	delta_sources_free(list, n);
	if (res < 0) {
		delta_free(dl);
		return err_ctx(e, "parts of other layers");
	}
	*ret = dl;
	return 1;
}

static int copy_part(int xfd, uint64_t from, uint64_t n, struct registry_sink *sink, struct err *e)
{
	OWN_PTR unsigned char *buf = malloc(COPY_BYTES);

	if (!buf)
		return err_new(e, E_NOMEM, ENOMEM, "read buffer");
	while (n) {
		ssize_t got = pread(xfd, buf, n < COPY_BYTES ? (size_t)n : COPY_BYTES, (off_t)from);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) /* the registry still has these bytes */
			return err_new(e, E_CORRUPT, EBADMSG, "a layer of the store cannot be read");
		if (sink->add(sink->data, buf, (size_t)got, e) < 0)
			return -e->eno;
		sink->at_bytes += got;
		from += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

int delta_fetch(struct delta *dl, struct registry *r, struct http *h, struct registry_sink *sink,
		const struct registry_retry *retry, struct err *e)
{
	for (size_t i = 0; i < dl->n; i++) {
		const struct part *p = &dl->parts[i];
		uint64_t done = (uint64_t)sink->at_bytes > p->offset ? (uint64_t)sink->at_bytes - p->offset : 0;
		if (done >= p->length)
			continue;
		int res = p->source == REMOTE ?
				  registry_blob_range(r, h, dl->digest, (int64_t)(p->offset + p->length), sink, retry, e) :
				  copy_part(dl->fds[p->source], p->from + done, p->length - done, sink, e);
		if (res < 0)
			return res;
	}
	uint64_t done = (uint64_t)sink->at_bytes - dl->end;
	if (done >= dl->tail.n)
		return 0;
	if (sink->add(sink->data, dl->tail.p + done, dl->tail.n - done, e) < 0)
		return -e->eno;
	sink->at_bytes = (int64_t)dl->size;
	return 0;
}
