/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of schema 1: see schema1.h.
 */
#include "registry/schema1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "format/base64.h"
#include "format/hash.h"

enum { SIGNATURES_MAX = 64, ID_DIGITS = 64 };

bool schema1_is(const char *p, size_t n, const char *content_type)
{
	struct err ignored = { 0 };
	OWN_JSON j = NULL;

	if (content_type && text_starts(content_type, "application/vnd.docker.distribution.manifest.v1"))
		return true;
	if (content_type && (text_starts(content_type, "application/vnd.") || text_starts(content_type, "text/html")))
		return false;
	if (!memmem(p, n, "\"fsLayers\"", strlen("\"fsLayers\"")) || js_parse(p, n, "manifest", &j, &ignored) < 0)
		return false;
	return js_int(j, "schemaVersion", 0) == 1 && json_object_get(j, "fsLayers");
}

/* ---- the JWS ---- */

struct cut {
	int64_t length;
	char *tail;
	size_t tail_n;
};

static int bad_jws(const char *why, struct err *e)
{
	return err_new(e, E_CORRUPT, EBADMSG, "signed manifest: %s", why);
}

static int cut_read(const json_t *signature, struct cut *ret, struct err *e)
{
	const char *protected = js_str(signature, "protected", "");
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	OWN_JSON j = NULL;
	size_t n;

	if (base64_decode(protected, &text, &n) < 0 || js_parse(text, n, "protected", &j, &ignored) < 0)
		return bad_jws("a signature without a readable protected header", e);
	ret->length = js_int(j, "formatLength", -1);
	if (ret->length < 0 || base64_decode(js_str(j, "formatTail", "!"), &ret->tail, &ret->tail_n) < 0)
		return bad_jws("no formatLength and formatTail", e);
	return 0;
}

/* all signatures are of the same payload */
static int cuts_read(const json_t *signatures, struct cut *ret, struct err *e)
{
	const json_t *signature;
	size_t i;

	if (!json_array_size(signatures) || json_array_size(signatures) > SIGNATURES_MAX)
		return bad_jws("no signatures, or too many", e);
	json_array_foreach(signatures, i, signature) {
		struct cut c = { 0 };
		int r = cut_read(signature, i ? &c : ret, e);
		if (r == 0 && i && (c.length != ret->length || c.tail_n != ret->tail_n ||
				    memcmp(c.tail, ret->tail, c.tail_n) != 0))
			r = bad_jws("its signatures are of different payloads", e);
		free(c.tail);
		if (r < 0)
			return r;
	}
	return 0;
}

int schema1_payload(const char *p, size_t n, char **ret, size_t *ret_n, struct err *e)
{
	struct cut c = { .length = (int64_t)n };
	OWN_JSON j = NULL;
	OWN_BUF b = { 0 };

	if (n > MANIFEST_BYTES_MAX)
		return err_new(e, E_CORRUPT, EFBIG, "manifest of %zu bytes: more than %d", n, MANIFEST_BYTES_MAX);
	if (js_parse(p, n, "manifest", &j, e) < 0) {
		e->kind = E_CORRUPT;
		return -e->eno;
	}
	int r = json_object_get(j, "signatures") ? cuts_read(json_object_get(j, "signatures"), &c, e) : 0;
	if (r == 0 && c.length > (int64_t)n)
		r = bad_jws("formatLength is beyond its end", e);
	if (r == 0) {
		buf_add(&b, p, (size_t)c.length);
		buf_add(&b, c.tail ? c.tail : "", c.tail_n);
	}
	free(c.tail);
	if (r < 0)
		return r;
	*ret_n = b.n;
	*ret = buf_failed(&b) ? NULL : buf_take(&b);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "manifest");
}

int schema1_digest(const char *p, size_t n, const char *content_type, const char *algo_of, char ret[DIGEST_TEXT_MAX],
		   struct err *e)
{
	char text[HASH_TEXT_MAX];
	OWN_STR payload = NULL;
	struct hash hash;

	if (schema1_is(p, n, content_type)) {
		if (schema1_payload(p, n, &payload, &n, e) < 0)
			return -e->eno;
		p = payload;
	}
	hash_init(&hash, algo_of && hash_algo_of(algo_of) == HASH_SHA512 ? HASH_SHA512 : HASH_SHA256);
	hash_add(&hash, p, n);
	hash_text(&hash, text);
	(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", text);
	return 0;
}

/* ---- layers and history ---- */

void schema1_done(struct schema1 *s)
{
	for (size_t i = 0; i < s->n; i++)
		json_decref(s->layers[i].v1);
	free(s->layers);
	json_decref(s->json);
	*s = (struct schema1){ 0 };
}

static int entry_read(const json_t *layer, const json_t *history, size_t i, struct schema1_layer *ret, struct err *e)
{
	const char *blob = js_str(layer, "blobSum", ""), *text = js_str(history, "v1Compatibility", "");
	struct digest d;

	if (digest_parse(blob, &d, e) < 0)
		return err_ctx(e, "fsLayers[%zu].blobSum", i);
	if (js_parse(text, strlen(text), "v1Compatibility", &ret->v1, e) < 0)
		return err_ctx(e, "history[%zu]", i);
	const char *id = js_str(ret->v1, "id", "");
	if (!json_is_object(ret->v1) || strlen(id) != ID_DIGITS || !text_is_hex(id, ID_DIGITS))
		return err_new(e, E_CORRUPT, EBADMSG, "history[%zu]: no valid id", i);
	ret->blob = blob;
	ret->throwaway = js_bool(ret->v1, "throwaway", false);
	return 0;
}

/* each entry is the child of the one below; one that is repeated at once counts once */
static int chain_check(struct schema1 *s, struct err *e)
{
	size_t w = 0;

	for (size_t i = 0; i < s->n; i++) {
		const char *id = js_str(s->layers[i].v1, "id", ""), *parent = js_str(s->layers[i].v1, "parent", "");
		if (w && !strcmp(js_str(s->layers[w - 1].v1, "id", ""), id)) {
			json_decref(s->layers[i].v1);
			s->layers[i].v1 = NULL;
			continue;
		}
		if (strcmp(parent, w ? js_str(s->layers[w - 1].v1, "id", "") : "") != 0)
			return err_new(e, E_CORRUPT, EBADMSG, w ? "history: the parent of %.12s is not the entry below it" :
				       "history: the lowest entry %.12s has a parent", id);
		for (size_t k = 0; k < w; k++)
			if (!strcmp(js_str(s->layers[k].v1, "id", ""), id))
				return err_new(e, E_CORRUPT, EBADMSG, "history: %.12s is there twice", id);
		struct schema1_layer l = s->layers[i];
		s->layers[i].v1 = NULL;
		s->layers[w++] = l;
	}
	s->n = w;
	return 0;
}

int schema1_parse(const char *p, size_t n, struct schema1 *ret, struct err *e)
{
	OWN_SCHEMA1 s = { 0 };

	if (js_parse(p, n, "manifest", &s.json, e) < 0) {
		e->kind = E_CORRUPT;
		return -e->eno;
	}
	const json_t *layers = json_object_get(s.json, "fsLayers"), *history = json_object_get(s.json, "history");
	size_t n_layers = json_array_size(layers);
	if (js_int(s.json, "schemaVersion", 0) != 1)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest: schemaVersion is not 1, as its media type says");
	if (!n_layers || n_layers != json_array_size(history))
		return err_new(e, E_CORRUPT, EBADMSG, "manifest: %zu fsLayers and %zu entries of history", n_layers,
			       json_array_size(history));
	if (n_layers > MANIFEST_LAYERS_MAX)
		return err_new(e, E_CORRUPT, EBADMSG, "manifest: %zu layers: more than %d", n_layers, MANIFEST_LAYERS_MAX);
	s.layers = calloc(n_layers, sizeof *s.layers);
	if (!s.layers)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (s.n = 0; s.n < n_layers; s.n++) {
		size_t at = n_layers - 1 - s.n; /* the topmost is first there */
		if (entry_read(json_array_get(layers, at), json_array_get(history, at), at, &s.layers[s.n], e) < 0) {
			json_decref(s.layers[s.n].v1);
			e->kind = E_CORRUPT;
			return err_ctx(e, "manifest");
		}
	}
	if (chain_check(&s, e) < 0) {
		s.n = n_layers; /* what has moved down is NULL where it was */
		return err_ctx(e, "manifest");
	}
	*ret = s;
	s = (struct schema1){ 0 };
	return 0;
}

/* ---- schema 2 ---- */

static json_t *history_entry(const struct schema1_layer *l)
{
	const json_t *cmd = js_at(l->v1, "container_config.Cmd"), *word;
	const char *author = js_str(l->v1, "author", ""), *comment = js_str(l->v1, "comment", "");
	OWN_BUF by = { 0 };
	size_t i;

	json_array_foreach(cmd, i, word) {
		const char *text = json_string_value(word);
		buf_printf(&by, "%s%s", i ? " " : "", text ? text : "");
	}
	return json_pack("{s:s, s:s*, s:s*, s:s*, s:o*}", "created", js_str(l->v1, "created", "0001-01-01T00:00:00Z"),
			 "author", *author ? author : NULL, "created_by", by.n ? buf_str(&by) : NULL, "comment",
			 *comment ? comment : NULL, "empty_layer", l->throwaway ? json_true() : NULL);
}

/* as Go's encoder writes it, so that the digest is the one that others get: <, > and & as escapes */
static int go_text(const json_t *j, char **ret, struct err *e)
{
	OWN_STR plain = json_dumps(j, JSON_COMPACT);
	OWN_BUF b = { 0 };

	for (const char *s = plain; s && *s; s++)
		if (*s == '<' || *s == '>' || *s == '&')
			buf_printf(&b, "\\u%04x", (unsigned)*s);
		else
			buf_putc(&b, *s);
	*ret = buf_failed(&b) || !plain ? NULL : buf_take(&b);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "image");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* members sorted at the top only, as a map of Go is written */
static json_t *sorted(const json_t *o)
{
	OWN_PTR const char **keys = calloc(json_object_size(o) + 1, sizeof *keys);
	json_t *ret = json_object(), *v;
	const char *key;
	size_t n = 0;
	int bad = !keys || !ret;

	if (!bad) {
		json_object_foreach(o, key, v)
			keys[n++] = key;
		qsort(keys, n, sizeof *keys, by_name);
		for (size_t i = 0; i < n; i++)
			bad |= json_object_set(ret, keys[i], json_object_get(o, keys[i]));
	}
	if (!bad)
		return ret;
	json_decref(ret);
	return NULL;
}

int schema1_config(const struct schema1 *s, const char *const *diff_ids, size_t n, char **ret, struct err *e)
{
	static const char *const drop[] = { "id", "parent", "parent_id", "layer_id", "throwaway", "Size" };
	OWN_JSON config = json_copy(s->layers[s->n - 1].v1);
	json_t *history = json_array(), *ids = json_array();
	int bad = !config;

	for (size_t i = 0; i < ARRAY_LEN(drop); i++)
		(void)json_object_del(config, drop[i]); /* not there: as well */
	for (size_t i = 0; i < s->n; i++)
		bad |= json_array_append_new(history, history_entry(&s->layers[i]));
	for (size_t i = 0; i < n; i++)
		bad |= json_array_append_new(ids, json_string(diff_ids[i]));
	bad |= json_object_set_new(config, "history", history);
	bad |= json_object_set_new(config, "rootfs", json_pack("{s:s, s:o}", "type", "layers", "diff_ids", ids));
	OWN_JSON top = bad ? NULL : sorted(config);
	return top ? go_text(top, ret, e) : err_new(e, E_NOMEM, ENOMEM, "image config");
}

int schema1_manifest(const struct schema1 *s, const char *config_digest, size_t config_size, const int64_t *sizes,
		     char **ret, struct err *e)
{
	json_t *layers = json_array();
	size_t at = 0;
	int bad = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!s->layers[i].throwaway)
			bad |= json_array_append_new(layers, json_pack("{s:s, s:I, s:s}", "mediaType", MEDIA_DOCKER_LAYER, "size",
								       (json_int_t)sizes[at++], "digest", s->layers[i].blob));
	OWN_JSON m = json_pack("{s:i, s:s, s:{s:s, s:I, s:s}, s:o}", "schemaVersion", 2, "mediaType", MEDIA_DOCKER_MANIFEST,
			       "config", "mediaType", MEDIA_DOCKER_CONFIG, "size", (json_int_t)config_size, "digest",
			       config_digest, "layers", layers);
	return m && !bad ? go_text(m, ret, e) : err_new(e, E_NOMEM, ENOMEM, "manifest");
}
