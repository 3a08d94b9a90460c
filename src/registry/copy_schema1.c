/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy of an image with a manifest of schema 1, see copy_int.h. As it is wherever the target takes it; else its layers
 * are read, and it becomes what a pull makes of it: the same config, so the same image ID.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "registry/copy_int.h"
#include "registry/schema1.h"
#include "registry/transport/docker_list.h"
#include "registry/transport/files.h"

static int part_find(const struct part *p, const char *digest)
{
	for (size_t i = 0; i < p->m.n_entries; i++)
		if (!strcmp(p->m.entries[i].digest, digest))
			return (int)i;
	return -1;
}

/* p->m becomes a list of the blobs, each once; strings are of @s */
static int blobs_list(struct part *p, const struct schema1 *s, bool throwaways, struct err *e)
{
	manifest_done(&p->m);
	p->m.entries = calloc(s->n + 1, sizeof *p->m.entries);
	if (!p->m.entries)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < s->n; i++)
		if ((throwaways || !s->layers[i].throwaway) && part_find(p, s->layers[i].blob) < 0)
			p->m.entries[p->m.n_entries++] =
				(struct descriptor){ .media_type = MEDIA_DOCKER_LAYER, .digest = s->layers[i].blob, .size = -1,
						     .artifact_type = "" };
	p->n_blobs = p->m.n_entries;
	return 0;
}

static int put_as_is(struct part *p, const struct schema1 *s, bool top, struct err *e)
{
	struct place *to = &p->c->to;

	if (blobs_list(p, s, true, e) < 0 || copy_blobs(p, e) < 0)
		return -e->eno;
	return to->kind->manifest_put(to, p->c->http, &p->raw, top, e);
}

/* @ret_config: its text; @ret: the manifest of schema 2 around it */
static int documents_make(const struct part *p, const struct schema1 *s, char **ret_config,
			  char ret_digest[DIGEST_TEXT_MAX], char **ret, struct err *e)
{
	OWN_PTR const char **diff_ids = calloc(s->n + 1, sizeof *diff_ids);
	OWN_PTR int64_t *sizes = calloc(s->n + 1, sizeof *sizes);
	size_t n = 0;

	if (!diff_ids || !sizes)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < s->n; i++) {
		if (s->layers[i].throwaway)
			continue;
		const int at = part_find(p, s->layers[i].blob); /* blobs_list has all */
		diff_ids[n] = p->diff_ids[at];
		sizes[n++] = p->m.entries[at].size;
	}
	if (schema1_config(s, diff_ids, n, ret_config, e) < 0)
		return -e->eno;
	digest_sha256(*ret_config, strlen(*ret_config), ret_digest);
	return schema1_manifest(s, ret_digest, strlen(*ret_config), sizes, ret, e);
}

static int config_put(struct part *p, const char *text, const char *digest, struct err *e)
{
	struct place *to = &p->c->to;
	struct place_put put = { .blob = { .digest = digest, .size = (int64_t)strlen(text), .config = true } };
	OWN_FD fd = -1;
	int r = to->kind->blob_has(to, p->c->http, &put.blob, e);

	if (r != 0)
		return r < 0 ? r : 0;
	if (files_spool_bytes(text, strlen(text), &fd, e) < 0)
		return -e->eno;
	put.fd = fd;
	return to->kind->blob_put(to, p->c->http, &put, e);
}

/* p->raw becomes @text, or what it is in OCI's form */
static int raw_replace(struct part *p, char **text, struct err *e)
{
	struct registry_manifest m = { .n = strlen(*text) };
	OWN_MANIFEST parsed = { 0 };

	if (p->c->from_req.form == PLACE_OCI) {
		if (manifest_parse(*text, m.n, NULL, &parsed, e) < 0 || docker_list_convert(&parsed, true, &m, e) < 0)
			return -e->eno;
	} else {
		digest_sha256(*text, m.n, m.digest);
		(void)snprintf(m.content_type, sizeof m.content_type, "%s", MEDIA_DOCKER_MANIFEST);
		m.bytes = ptr_take(text);
	}
	registry_manifest_done(&p->raw);
	p->raw = m;
	return 0;
}

static int put_converted(struct part *p, const struct schema1 *s, bool top, struct err *e)
{
	struct place *to = &p->c->to;
	OWN_STR config = NULL;
	OWN_STR text = NULL;
	char digest[DIGEST_TEXT_MAX];

	transfer_note(&p->c->teller, "The image has a manifest of schema 1, which is not for the target: it is converted");
	if (blobs_list(p, s, false, e) < 0)
		return -e->eno;
	p->diff_ids = calloc(p->n_blobs + 1, sizeof *p->diff_ids);
	if (!p->diff_ids)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	if (copy_blobs(p, e) < 0 || documents_make(p, s, &config, digest, &text, e) < 0 ||
	    config_put(p, config, digest, e) < 0 || raw_replace(p, &text, e) < 0)
		return -e->eno;
	return to->kind->manifest_put(to, p->c->http, &p->raw, top, e);
}

/* the registry answered, and does not want it */
static bool is_refusal(const struct err *e)
{
	return e->kind == E_NETWORK && e->eno == EREMOTEIO;
}

/* whether it may get other bytes */
static int check_conversion(const struct part *p, bool top, struct err *e)
{
	const char *why = p->c->req->preserve ? "another form has another digest, and that is not wanted" :
			  !top && !p->c->req->convert ? "an index names it, whose bytes stay" : NULL;
	char first[sizeof e->chain];

	if (!why)
		return 0;
	memcpy(first, e->chain, sizeof first);
	return err_new(e, E_UNSUPPORTED, ENOTSUP, "the target takes no manifest of schema 1, and %s%s%s", why,
		       *first ? ": " : "", first);
}

int copy_schema1(struct part *p, bool top, struct err *e)
{
	const struct transport *to = p->c->to.kind;
	OWN_SCHEMA1 s = { 0 };
	OWN_STR payload = NULL;
	size_t n;

	if (schema1_payload(p->raw.bytes, p->raw.n, &payload, &n, e) < 0 || schema1_parse(payload, n, &s, e) < 0)
		return -e->eno;
	if (!*p->raw.content_type)
		(void)snprintf(p->raw.content_type, sizeof p->raw.content_type, "%s",
			       n == p->raw.n ? MEDIA_SCHEMA1 : MEDIA_SCHEMA1_SIGNED);
	const bool as_is = to->schema1 && p->c->req->convert == PLACE_ANY;
	int r = as_is ? put_as_is(p, &s, top, e) : -ENOTSUP;
	if (!as_is || (r < 0 && is_refusal(e))) {
		r = check_conversion(p, top, e);
		if (r == 0) {
			err_clear(e);
			r = put_converted(p, &s, top, e);
		}
	}
	manifest_done(&p->m); /* its strings are of s */
	return r;
}
