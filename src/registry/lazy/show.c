/* SPDX-License-Identifier: Apache-2.0
 *
 * What the process shows: see serve_int.h.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "format/js.h"
#include "registry/lazy/fetch.h"
#include "registry/lazy/serve_int.h"
#include "store/snapshot.h"

void show_log(const char *fmt, ...)
{
	char now[CLOCK_TEXT_MAX], text[1000];
	va_list ap;

	clock_format(clock_now_ns(), now);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* may be cut */
	va_end(ap);
	fprintf(stderr, "%s %s\n", now, text);
}

static int fetch(void *data, const char *blob, uint64_t at, size_t n, struct buf *out, struct err *e)
{
	struct show *v = data;
	struct http *h = NULL;

	pthread_mutex_lock(&v->lock);
	if (v->n_idle)
		h = v->idle[--v->n_idle];
	pthread_mutex_unlock(&v->lock);
	if (!h && http_open(&h, e) < 0)
		return -e->eno;
	int r = lazy_range(v->registry, h, blob, at, n, out, e);
	pthread_mutex_lock(&v->lock);
	if (v->n_idle < SHOW_THREADS)
		v->idle[v->n_idle++] = ptr_take(&h);
	pthread_mutex_unlock(&v->lock);
	http_close(h);
	return r;
}

/* the next piece of a file: from its layer, or zeros of a hole. Returns its length. */
static ssize_t read_piece(struct show *v, const struct fsnode *file, uint64_t at, void *buf, size_t n, struct err *e)
{
	size_t low = 0, high = file->n_extents;

	while (low < high) { /* the first that ends behind @at */
		size_t mid = low + (high - low) / 2;
		if (file->extents[mid].offset + file->extents[mid].length <= at)
			low = mid + 1;
		else
			high = mid;
	}
	const struct fsextent *x = low < file->n_extents ? &file->extents[low] : NULL;
	uint64_t end = !x ? file->size_bytes : at < x->offset ? x->offset : x->offset + x->length;
	if (n > end - at)
		n = (size_t)(end - at);
	if (!x || at < x->offset)
		memset(buf, 0, n);
	else if (chunks_read(v->chunks, x->source, x->from + (at - x->offset), buf, n, e) < 0)
		return -e->eno;
	return (ssize_t)n;
}

static ssize_t read_file(void *data, const struct fsnode *file, uint64_t at, void *buf, size_t n)
{
	struct show *v = data;
	struct err e = { 0 };

	if (at >= file->size_bytes)
		return 0;
	if (n > file->size_bytes - at)
		n = (size_t)(file->size_bytes - at);
	/* mostly it is one piece of its layer's space */
	for (size_t done = 0; done < n;) {
		ssize_t r = read_piece(v, file, at + done, (char *)buf + done, n - done, &e);
		if (r < 0) {
			show_log("%s", e.chain);
			return -EIO;
		}
		done += (size_t)r;
	}
	return (ssize_t)n;
}

static int layer_open(struct show *v, size_t i, const json_t *json, struct err *e)
{
	struct lazy_layer *l = &v->img.layers[i];
	struct toc_place place;
	OWN_STR text = NULL;
	size_t n;

	(void)snprintf(l->chain_id, sizeof l->chain_id, "%s", js_str(json, "chain_id", ""));
	(void)snprintf(l->blob, sizeof l->blob, "%s", js_str(json, "digest", ""));
	l->size_bytes = (uint64_t)js_int(json, "size", 0);
	l->number = (unsigned)i;
	if (!digest_is_valid(l->chain_id) || !digest_is_valid(l->blob))
		return err_new(e, E_CORRUPT, EBADMSG, "record of the image");
	if (!json_object_get(json, "toc")) {
		if (snapshot_exists(v->store, l->chain_id, STORE_DIFF))
			return 0;
		return err_new(e, E_NOT_FOUND, ENOENT, "layer %s is not here", l->chain_id);
	}
	if (lazy_toc_load(v->store, json, &place, &text, &n, e) < 0 || lazy_tree_open(l, e) < 0 ||
	    lazy_tree_read(l, &place, text, n, e) < 0 || lazy_tree_settle(&v->img, i, e) < 0)
		return err_ctx(e, "layer %.19s", l->chain_id);
	v->spaces[i] = (struct chunk_layer){ .blob = l->blob, .size_bytes = l->size_bytes, .list = l->chunks, .n = l->n_chunks };
	const char *hex = digest_hex(l->chain_id);
	return fstree_put(&v->top, v->top.root, hex, strlen(hex), l->tree.root, 1, e);
}

static int registry_of(struct show *v, struct err *e)
{
	const json_t *name = json_array_get(json_object_get(v->record, "lazy"), 0);
	struct reference ref;

	return reference_parse(js_str(name, "reference", ""), &ref, e) < 0 || registry_config_load(NULL, &v->config, e) < 0 ||
			       registry_open(&ref, &v->config, "pull", NULL, &v->registry, e) < 0 ? -e->eno : 0;
}

int show_open(const struct store *s, const json_t *record, struct show *v, struct err *e)
{
	const json_t *layers = json_object_get(record, "layers");
	size_t n = json_array_size(layers);

	v->store = s;
	v->record = record;
	v->img = (struct lazy_image){ .store = s, .layers = calloc(n + 1, sizeof *v->img.layers), .n = n };
	v->spaces = calloc(n + 1, sizeof *v->spaces);
	if (!v->img.layers || !v->spaces || pthread_mutex_init(&v->lock, NULL))
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	if (fstree_init(&v->top, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++)
		if (layer_open(v, i, json_array_get(layers, i), e) < 0)
			return -e->eno;
	const struct chunks_req q = { .store = s, .layers = v->spaces, .n_layers = n, .fetch = fetch, .data = v };
	v->files = (struct fuse_files){ read_file, v };
	return registry_of(v, e) < 0 || chunks_open(&q, &v->chunks, e) < 0 || fuse_tree_open(v->top.root, &v->tree, e) < 0 ?
		       -e->eno : 0;
}

void show_close(struct show *v)
{
	fuse_tree_close(v->tree);
	chunks_close(v->chunks);
	while (v->n_idle)
		http_close(v->idle[--v->n_idle]);
	registry_close(v->registry);
	registry_config_done(&v->config);
	if (v->top.root)
		fstree_done(&v->top);
	for (size_t i = 0; v->img.layers && i < v->img.n; i++)
		lazy_tree_close(&v->img.layers[i]);
	free(v->img.layers);
	free(v->spaces);
}

int show_lowers(const struct show *v, struct buf *out, struct err *e)
{
	for (size_t i = v->img.n; i--;) {
		const struct lazy_layer *l = &v->img.layers[i];
		char opaque[SNAPSHOT_PATH_MAX + 16], path[SNAPSHOT_PATH_MAX];
		buf_printf(out, "%s %s\n", l->late ? "late" : "here", digest_hex(l->chain_id));
		if (snapshot_path(l->chain_id, path, e) < 0)
			return -e->eno;
		(void)snprintf(opaque, sizeof opaque, "%s/opaque", path);
		if (l->late ? l->root_opaque : !faccessat(v->store->root_fd, opaque, F_OK, 0))
			break;
	}
	return buf_failed(out) ? err_new(e, E_NOMEM, ENOMEM, "layers") : 0;
}
