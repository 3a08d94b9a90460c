/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks of layers: see chunks.h.
 */
#include "registry/lazy/chunks.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "format/hash.h"
#include "format/inflate.h"
#include "store/blob.h"

enum { SLOTS = 512 };

enum slot_state { SLOT_FREE, SLOT_LOADING, SLOT_READY };

struct slot {
	enum slot_state state;
	unsigned users;      /* threads that copy out of it */
	size_t layer, chunk;
	unsigned char *p;    /* of the chunk's length */
	uint64_t used;       /* when it was, for finding the one that was not for longest */
};

struct chunks {
	struct chunks_req req;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct slot slots[SLOTS];
	uint64_t bytes, clock;
};

int chunks_open(const struct chunks_req *req, struct chunks **ret, struct err *e)
{
	struct chunks *c = calloc(1, sizeof *c);

	if (!c || pthread_mutex_init(&c->lock, NULL) || pthread_cond_init(&c->change, NULL)) {
		free(c);
		return err_new(e, E_NOMEM, ENOMEM, "cache of chunks");
	}
	c->req = *req;
	*ret = c;
	return 0;
}

void chunks_close(struct chunks *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slots[i].p);
	(void)pthread_cond_destroy(&c->change); /* nobody waits */
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- one chunk ---- */

/* the bytes of the chunk, as many as come */
static int unpack(const struct chunk *k, const void *packed, size_t n, unsigned char *out, uint64_t *ret_have, struct err *e)
{
	struct source_mem mem;
	struct inflate *in;
	uint64_t have = 0, skip = k->inner;
	int r = 0;

	*ret_have = 0;
	if (k->plain) {
		*ret_have = n < k->n ? n : k->n;
		memcpy(out, packed, (size_t)*ret_have);
		return 0;
	}
	source_mem_init(&mem, packed, n);
	if (inflate_open(&mem.source, 0, &in, e) < 0)
		return -e->eno;
	/* what follows it, such as the header of the next file, is not ours */
	while (have < k->n) {
		const unsigned char *p;
		size_t got;
		r = source_next(inflate_source(in), &p, &got, e);
		if (r <= 0)
			break;
		size_t leave = skip < got ? (size_t)skip : got;
		skip -= leave;
		p += leave;
		got -= leave;
		if (got > k->n - have)
			got = (size_t)(k->n - have);
		memcpy(out + have, p, got);
		have += got;
	}
	inflate_close(in);
	*ret_have = have;
	return r < 0 ? r : 0;
}

static int decode(const struct chunk *k, const void *packed, size_t n, unsigned char *out, struct err *e)
{
	unsigned char sum[64];
	struct hash hash;
	uint64_t have;

	if (unpack(k, packed, n, out, &have, e) < 0)
		return -e->eno;
	hash_init(&hash, HASH_SHA256);
	hash_add(&hash, out, have);
	(void)hash_raw(&hash, sum);
	if (have != k->n || memcmp(sum, k->sha256, sizeof k->sha256) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "chunk at byte %llu is not what the table of contents says",
			       (unsigned long long)k->blob_at);
	return 0;
}

/* from what is on the disk. 1: done | 0: not there, or of no use: it may be a rest of another day */
static int load_here(struct chunks *c, const struct chunk_layer *l, const struct chunk *k, unsigned char *out)
{
	struct err ignored = { 0 };
	OWN_FD fd = -1;
	struct stat st;

	if (blob_open(c->req.store, l->blob, &fd, NULL, &ignored) < 0 && blob_partial_open(c->req.store, l->blob, &fd) < 0)
		return 0;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size < k->blob_at + k->blob_n)
		return 0;
	OWN_PTR unsigned char *packed = malloc(k->blob_n);
	if (!packed || pread(fd, packed, k->blob_n, (off_t)k->blob_at) != (ssize_t)k->blob_n)
		return 0;
	return decode(k, packed, k->blob_n, out, &ignored) == 0;
}

static struct slot *find(struct chunks *c, size_t layer, size_t chunk)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (c->slots[i].state != SLOT_FREE && c->slots[i].layer == layer && c->slots[i].chunk == chunk)
			return &c->slots[i];
	return NULL;
}

static void drop(struct chunks *c, struct slot *s)
{
	if (s->p)
		c->bytes -= c->req.layers[s->layer].list[s->chunk].n;
	free(s->p);
	*s = (struct slot){ 0 };
}

/* locked: a slot for a chunk, LOADING; others make room for it. NULL: all are in use, or no memory */
static struct slot *claim(struct chunks *c, size_t layer, size_t chunk)
{
	uint64_t n = c->req.layers[layer].list[chunk].n;
	struct slot *s = NULL;

	for (;;) {
		struct slot *old = NULL;
		s = NULL;
		for (size_t i = 0; i < SLOTS; i++) {
			struct slot *x = &c->slots[i];
			if (x->state == SLOT_FREE)
				s = x;
			else if (x->state == SLOT_READY && !x->users && (!old || x->used < old->used))
				old = x;
		}
		if (!old || (s && c->bytes + n <= CHUNKS_CACHE_BYTES))
			break;
		drop(c, old);
	}
	unsigned char *p = s ? malloc(n) : NULL;
	if (!p)
		return NULL;
	*s = (struct slot){ .state = SLOT_LOADING, .layer = layer, .chunk = chunk, .p = p };
	c->bytes += n;
	return s;
}

/* how many chunks from @first on are asked for at once: neighbours in the blob that nobody has */
static size_t neighbours(struct chunks *c, size_t layer, size_t first, uint64_t *ret_n)
{
	const struct chunk_layer *l = &c->req.layers[layer];
	const struct chunk *k = &l->list[first];
	size_t n = 1;

	*ret_n = k->blob_n;
	pthread_mutex_lock(&c->lock);
	for (; first + n < l->n; n++) {
		const struct chunk *next = &l->list[first + n];
		uint64_t end = k->blob_at + *ret_n;
		/* the headers between files may be packed between them */
		if (next->blob_at < end || next->blob_at - end > 8192 ||
		    next->blob_at + next->blob_n - k->blob_at > CHUNKS_AHEAD_BYTES || find(c, layer, first + n))
			break;
		*ret_n = next->blob_at + next->blob_n - k->blob_at;
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* what came along: kept where there is room, checked like the rest. What is wrong is told to whoever asks for it. */
static void keep(struct chunks *c, size_t layer, size_t chunk, const unsigned char *packed)
{
	const struct chunk *k = &c->req.layers[layer].list[chunk];
	struct err ignored = { 0 };

	pthread_mutex_lock(&c->lock);
	struct slot *s = find(c, layer, chunk) ? NULL : claim(c, layer, chunk);
	pthread_mutex_unlock(&c->lock);
	if (!s)
		return;
	int r = decode(k, packed, k->blob_n, s->p, &ignored);
	pthread_mutex_lock(&c->lock);
	if (r < 0)
		drop(c, s);
	else
		s->state = SLOT_READY;
	s->used = ++c->clock;
	pthread_cond_broadcast(&c->change);
	pthread_mutex_unlock(&c->lock);
}

static int load(struct chunks *c, size_t layer, size_t chunk, unsigned char *out, struct err *e)
{
	const struct chunk_layer *l = &c->req.layers[layer];
	const struct chunk *k = &l->list[chunk];
	OWN_BUF packed = { 0 };
	uint64_t n;

	if (load_here(c, l, k, out))
		return 0;
	size_t count = neighbours(c, layer, chunk, &n);
	if (c->req.fetch(c->req.data, l->blob, k->blob_at, (size_t)n, &packed, e) < 0)
		return -e->eno;
	const unsigned char *p = (const unsigned char *)packed.p;
	if (packed.n != n)
		return err_new(e, E_NETWORK, EPIPE, "%zu bytes instead of %llu", packed.n, (unsigned long long)n);
	if (decode(k, p, k->blob_n, out, e) < 0)
		return -e->eno;
	for (size_t i = 1; i < count; i++)
		keep(c, layer, chunk + i, p + (l->list[chunk + i].blob_at - k->blob_at));
	return 0;
}

/* the chunk in memory, its slot in use */
static int get(struct chunks *c, size_t layer, size_t chunk, struct slot **ret, struct err *e)
{
	struct slot *s;

	pthread_mutex_lock(&c->lock);
	while ((s = find(c, layer, chunk)) && s->state == SLOT_LOADING)
		pthread_cond_wait(&c->change, &c->lock);
	if (!s && (s = claim(c, layer, chunk))) {
		pthread_mutex_unlock(&c->lock);
		int r = load(c, layer, chunk, s->p, e);
		pthread_mutex_lock(&c->lock);
		if (r < 0) {
			drop(c, s);
			s = NULL;
		} else {
			s->state = SLOT_READY;
		}
		pthread_cond_broadcast(&c->change);
	} else if (!s) {
		(void)err_new(e, E_NOMEM, ENOMEM, "chunk of %s", c->req.layers[layer].blob);
	}
	if (s) {
		s->users++;
		s->used = ++c->clock;
	}
	pthread_mutex_unlock(&c->lock);
	*ret = s;
	return s ? 0 : err_ctx(e, "blob %.19s", c->req.layers[layer].blob);
}

static void put(struct chunks *c, struct slot *s)
{
	pthread_mutex_lock(&c->lock);
	s->users--;
	pthread_mutex_unlock(&c->lock);
}

/* ---- places ---- */

/* the chunk that has byte @at; l->n when none has */
static size_t chunk_of(const struct chunk_layer *l, uint64_t at)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (l->list[mid].at + l->list[mid].n <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->n && l->list[low].at <= at ? low : l->n;
}

int chunks_read(struct chunks *c, size_t layer, uint64_t at, void *buf, size_t n, struct err *e)
{
	const struct chunk_layer *l = &c->req.layers[layer];
	unsigned char *out = buf;

	while (n) {
		size_t i = chunk_of(l, at);
		struct slot *s;
		if (i == l->n)
			return err_new(e, E_CORRUPT, EBADMSG, "blob %.19s: no chunk has byte %llu", l->blob, (unsigned long long)at);
		if (get(c, layer, i, &s, e) < 0)
			return -e->eno;
		uint64_t skip = at - l->list[i].at, part = l->list[i].n - skip;
		if (part > n)
			part = n;
		memcpy(out, s->p + skip, (size_t)part);
		put(c, s);
		out += part;
		at += part;
		n -= (size_t)part;
	}
	return 0;
}
